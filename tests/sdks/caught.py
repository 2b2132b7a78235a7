"""What ``python tests/sdks`` found, and the table of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["FILE", "Found", "load", "rows"]

FILE = Path(__file__).with_name("caught.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """In one environment.

    Attributes:
        versions: by client; empty for what is no package.
        ways: by name, what happened to each.
    """

    versions: Mapping[str, str]
    ways: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """As it is kept."""
        return {"versions": dict(self.versions), "ways": dict(self.ways)}


def load() -> dict[str, Found]:
    """By environment; nothing when it was never run."""
    kept = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    return {name: Found(**entry) for name, entry in kept.items()}


def rows(found: Mapping[str, Found], beside: Mapping[str, Mapping[str, str]]) -> list[tuple[str, str, str, str]]:
    """Client, versions, ways that are caught, ways that are not; versions that behave alike share a row.

    Args:
        found: by environment.
        beside: by environment and client, a package that makes it behave otherwise.
    """
    table: dict[tuple[str, tuple[tuple[str, str], ...]], list[str]] = {}
    for name, entry in found.items():
        for client, version in entry.versions.items():
            ways = tuple(
                (way.partition(", ")[2] or "sync", verdict)
                for way, verdict in entry.ways.items()
                if way.partition(", ")[0] == client
            )
            other = beside.get(name, {}).get(client)
            label = f"{client} where {other} is installed" if other else client
            table.setdefault((label, ways), []).append(version)
    order = list(dict.fromkeys(label for label, _ in table))
    return [
        (label, ", ".join(filter(None, versions)), _those(ways, "caught"), _those(ways, "not caught"))
        for (label, ways), versions in sorted(table.items(), key=lambda row: order.index(row[0][0]))
    ]


def _those(ways: tuple[tuple[str, str], ...], verdict: str) -> str:
    return " · ".join(way for way, its in ways if its == verdict)
