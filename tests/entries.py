"""Entries for tests of the cache that do not care what is in them."""

from __future__ import annotations

import random
from typing import Any

from pytest_llmeval.store.entry import Entry


def entry(number: int, **changes: Any) -> Entry:
    """The entry of this number; its reply is the same every time, and does not compress."""
    fields: dict[str, Any] = {
        "key": f"{number:064x}",
        "provider": "openai",
        "model": "m",
        "path": "/chat/completions",
        "request": {},
        "sample": 0,
        "occurrence": 0,
        "case": f"test_x[{number}]",
        "response": {"text": random.Random(number).randbytes(200).hex()},
        "latency": 0.25,
        "recorded_at": "2026-11-23T10:00:00Z",
    }
    return Entry(**{**fields, **changes})
