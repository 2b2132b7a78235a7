"""The calls of an application under test: recognised, routed to the model on trial, answered or watched."""

from __future__ import annotations
