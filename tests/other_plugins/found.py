"""What ``python tests/other_plugins`` found, and the table of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tests.other_plugins.installed import PLUGINS

__all__ = ["BESIDE", "FILE", "IN_ORDER", "load", "rows"]

FILE = Path(__file__).with_name("found.json")
BESIDE, IN_ORDER = "beside suspended tests", "one after another"


def load() -> dict[str, dict[str, str]]:
    """By plugin its version, pytest's if it is not the newest, and how tests run; nothing when it was never run."""
    found: dict[str, dict[str, str]] = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    return found


def rows(found: Mapping[str, Mapping[str, str]]) -> list[tuple[str, str, str, str]]:
    """Plugin, version, how tests run, what to know."""
    return [
        (
            f"`{name}`",
            entry["version"] + (f" with pytest {entry['pytest']}" if "pytest" in entry else ""),
            entry["tests"],
            PLUGINS[name].know,
        )
        for name, entry in found.items()
    ]
