"""The decisions of a review in the order they were made, kept in a file that only grows."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pytest_llmeval.errors import ConfigError
from pytest_llmeval.review.decisions import Decision, decision_from
from pytest_llmeval.text import first_line

UNDO = {"undo": True}
"""The line that takes back the last decision that was not taken back yet."""


class ReviewLog:
    """The decisions of a review.

    Each is on the disk before `add` returns, so that neither a closed browser nor a killed process loses one.

    Args:
        path: of the file; made with the first decision.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, decision: Decision) -> None:
        """Keep a decision.

        Raises:
            OSError: the file cannot be written.
        """
        self._append(decision.to_json())

    def undo(self) -> None:
        """Take back the last decision; none is no error.

        Raises:
            OSError: the file cannot be written.
        """
        self._append(UNDO)

    def decisions(self) -> list[Decision]:
        """The decisions that were not taken back.

        Raises:
            ConfigError: the file cannot be read, or a line of it is neither a decision nor takes one back.
        """
        return decisions_in_log(self.path) if self.path.exists() else []

    def _append(self, data: dict[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                cut_off = file.read(1) != b"\n"  # by a process that was killed
            else:
                cut_off = False
            file.write((b"\n" if cut_off else b"") + json.dumps(data).encode("ascii") + b"\n")
            file.flush()
            os.fsync(file.fileno())


def decisions_in_log(path: Path) -> list[Decision]:
    """The decisions in a file of a review, or in one that the page has saved.

    Raises:
        ConfigError: it cannot be read, or a line of it is neither a decision nor takes one back.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name} cannot be read: {first_line(str(error))}") from None
    found: list[Decision] = []
    for number, line in enumerate(lines, start=1):
        data = _parsed(line)
        if data is None:  # cut off by a process that was killed
            continue
        if takes_back(data):
            del found[-1:]
            continue
        try:
            found.append(decision_from(data))
        except ValueError as error:
            raise ConfigError(f"{path.name}:{number}: {first_line(str(error))}; is it a file of a review?") from None
    return found


def _parsed(line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def takes_back(data: object) -> bool:
    """Whether the data of a line takes back the last decision."""
    return isinstance(data, dict) and data.keys() == UNDO.keys() and data["undo"] is True


def counted(decisions: Iterable[Decision]) -> str:
    """How many decisions of each kind there are, as in ``7 accepted, 2 rejected``; "" without any."""
    numbers: dict[str, int] = {}
    for each in decisions:
        word = each.decision.replace("_", " ")
        numbers[word] = numbers.get(word, 0) + 1
    return ", ".join(f"{number} {word}" for word, number in numbers.items())
