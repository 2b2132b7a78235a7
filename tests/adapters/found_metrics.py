"""What ``python tests/adapters`` found, and the table of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["FILE", "load", "mistakes", "rows"]

FILE = Path(__file__).with_name("asked.json")
_UNABLE = {"a metric that breaks", "an evaluator that gives a label", "HasMatchingSpan"}

Found = Mapping[str, Mapping[str, Sequence[Sequence[Any]]]]


def load() -> dict[str, Any]:
    """The versions and what was found; nothing when it was never run."""
    asked: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    return asked or {"versions": {}, "found": {}}


def mistakes(found: Found) -> list[str]:
    """The metrics that say something else than pass to what is right, fail to what is wrong, error where unable."""
    return [
        f"{package}: {metric}: {outcomes}"
        for package, metrics in found.items()
        for metric, outcomes in metrics.items()
        if [outcome[0] for outcome in outcomes] != (["error"] if metric in _UNABLE else ["pass", "fail"])
    ]


def rows(asked: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Package, version, the metrics that were asked, those that cannot judge here."""
    return [
        (
            f"`{package}`",
            asked["versions"][package],
            ", ".join(name if " " in name else f"`{name}`" for name in metrics if name not in _UNABLE),
            ", ".join(name if " " in name else f"`{name}`" for name in metrics if name in _UNABLE),
        )
        for package, metrics in asked["found"].items()
    ]
