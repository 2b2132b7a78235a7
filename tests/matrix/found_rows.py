"""What ``python tests/matrix`` found, and the table of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tests.matrix.rows import ROWS, SUPPORTED

__all__ = ["FILE", "keep", "load", "rows"]

FILE = Path(__file__).with_name("found.json")


def load() -> dict[str, dict[str, str]]:
    """By row the versions of Python and pytest and how many tests passed, or why it was not run."""
    found: dict[str, dict[str, str]] = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    return found


def keep(name: str, entry: dict[str, str]) -> None:
    """Keep what was found of a row; that it was not run here only where it has never been run."""
    found = load()
    if "not run" not in entry or "tests" not in found.get(name, {}):
        found[name] = entry
    ordered = {each: found[each] for each in ROWS if each in found}
    FILE.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")


def rows(found: Mapping[str, Mapping[str, str]]) -> list[tuple[str, str, str, str, str]]:
    """Row, what it tries, Python, pytest, result; a Python that no classifier names only if it was tried."""
    table = []
    for name, row in ROWS.items():
        if name not in found and row.python not in SUPPORTED:
            continue
        entry = found.get(name, {"not run": "not tried yet"})
        result = f"{entry['tests']} passed" if "tests" in entry else f"not run: {entry['not run']}"
        table.append((f"`{name}`", row.what, entry.get("python", ""), entry.get("pytest", ""), result))
    return table
