"""The background engine: requests in, futures of answers out."""

from __future__ import annotations
