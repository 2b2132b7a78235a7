"""The decisions of a review in the order they were made, kept in a file that only grows."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, Self

from pytest_llmeval.errors import ConfigError
from pytest_llmeval.review.decisions import Decision, decision_from
from pytest_llmeval.runs.results import CaseKey
from pytest_llmeval.text import first_line


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

    def undo(self, decision: Decision) -> None:
        """Take a decision back; one that was not kept is no error.

        Raises:
            OSError: the file cannot be written.
        """
        self._append({"undo": decision.to_json()})

    def decisions(self) -> list[Decision]:
        """The decisions that were not taken back.

        Raises:
            ConfigError: the file cannot be read, or a line of it is neither a decision nor takes one back.
        """
        return read_log(self.path).decisions if self.path.exists() else []

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


def read_log(path: Path) -> Log:
    """What a file of a review says, or one that the page has saved.

    Raises:
        ConfigError: it cannot be read, or a line of it is neither a decision nor takes one back.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name or path} cannot be read: {first_line(str(error))}") from None
    return Log.read(path.name, lines)


class Log(NamedTuple):
    """What a file of a review says.

    Attributes:
        decisions: that were not taken back.
        undone: those that were.
    """

    decisions: list[Decision]
    undone: list[Decision]

    @classmethod
    def read(cls, name: str, lines: Iterable[str]) -> Self:
        """Read the lines of a file.

        Args:
            name: of the file, for errors.

        Raises:
            ConfigError: a line is neither a decision nor takes one back.
        """
        log = cls([], [])
        for number, line in enumerate(lines, start=1):
            text = line.strip()
            if not text or (text.startswith("{") and not text.endswith("}")):
                continue  # cut off by a process that was killed
            try:
                data = json.loads(text)
                back = taken_back(data)
                if back is None:
                    log.decisions.append(decision_from(data))
                elif back in log.decisions:
                    log.decisions.reverse()
                    log.decisions.remove(back)
                    log.decisions.reverse()
                    log.undone.append(back)
            except (ValueError, RecursionError) as error:
                raise ConfigError(f"{name}:{number}: {first_line(str(error))}; is it a file of a review?") from None
        return log


def taken_back(data: object) -> Decision | None:
    """The decision that the data of a line takes back, None where it takes none back.

    Raises:
        ValueError: what it takes back is no decision.
    """
    return decision_from(data["undo"]) if isinstance(data, dict) and data.keys() == {"undo"} else None


def in_force(decisions: Iterable[Decision]) -> list[Decision]:
    """Of each reviewer the last decision on each answer, which replaces those before."""
    last: dict[tuple[CaseKey, str, str], Decision] = {}
    for each in sorted(decisions, key=lambda each: each.at):
        last[each.key, each.answer, each.reviewer] = each
    return list(last.values())


def counted(decisions: Iterable[Decision]) -> str:
    """How many decisions of each kind there are, as in ``7 accepted, 2 rejected``; "" without any."""
    numbers = Counter(each.decision.replace("_", " ") for each in decisions)
    return ", ".join(f"{number} {word}" for word, number in numbers.items())
