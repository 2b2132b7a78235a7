"""Who works on tickets, and how soon."""

from __future__ import annotations

__all__ = ["TEAMS", "URGENCIES"]

TEAMS = ("delivery", "returns", "billing", "product", "subscriptions", "account", "safety")
URGENCIES = ("low", "normal", "high")
