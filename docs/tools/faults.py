"""What can go wrong and the tests that hold what happens then: tests/faults.toml, and the page made of it."""

from __future__ import annotations

import tomllib
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

__all__ = ["Fault", "faults", "listed", "told"]

_FILE = Path(__file__).resolve().parents[2] / "tests" / "faults.toml"


class Fault(NamedTuple):
    """A fault, by the keys of the file.

    Attributes:
        tests: node ids, as ``tests/test_x.py::test_y``.
        not_held: what no test holds or the plugin does not do, "" for nothing.
        no_matter: why it cannot happen, in place of `does` and `tests`.
    """

    number: int
    kind: str
    fault: str
    does: str = ""
    tests: tuple[str, ...] = ()
    not_held: str = ""
    no_matter: str = ""


def faults() -> list[Fault]:
    """The faults of the file, in its order."""
    rows = tomllib.loads(_FILE.read_text(encoding="utf-8"))["fault"]
    return [Fault(**{**row, "tests": tuple(row.get("tests", ()))}) for row in rows]


def listed() -> str:
    """The faults as Markdown, a heading for each kind."""
    parts = []
    for kind, several in groupby(faults(), key=lambda fault: fault.kind):
        parts.append(f"## {kind}\n\n" + "\n".join(map(told, several)))
    return "\n\n".join(parts)


def told(fault: Fault) -> str:
    """One fault as an item of a list."""
    held = ", ".join(f"`{test}`" for test in fault.tests)
    lines = [f"{fault.number}. **{fault.fault}** {fault.does or fault.no_matter}"]
    lines += [f"    - Not held: {fault.not_held}"] if fault.not_held else []
    lines += [f"    - Tests: {held}"] if held else []
    return "\n".join(lines)
