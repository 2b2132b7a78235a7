"""The saved runs of a folder, in the order in which they were saved."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from pytest_llmeval.errors import RunFileError
from pytest_llmeval.runs.file import load_run
from pytest_llmeval.runs.results import Run
from pytest_llmeval.runs.saved_when import moment_of
from pytest_llmeval.text import first_line

T = TypeVar("T")


class Found(NamedTuple, Generic[T]):
    """What a folder holds.

    Attributes:
        runs: what was kept of each run, the oldest first.
        not_counted: the names of other files, each with why.
    """

    runs: list[T]
    not_counted: list[tuple[str, str]]


def runs_in(folder: Path, keep: Callable[[str, Run], T]) -> Found[T]:
    """Read the ``.jsonl`` files of a folder one after the other.

    A file that cannot be read, and one that is a copy of another, is not counted.

    Args:
        folder: those below it are not looked into.
        keep: what of a run, given the name of its file; the whole of many runs may be too much.

    Raises:
        OSError: the folder cannot be read.
    """
    kept: list[tuple[object, str, T]] = []
    not_counted: list[tuple[str, str]] = []
    known: dict[str, str] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() != ".jsonl" or not path.is_file():
            continue
        try:
            run = load_run(path)
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
        except (RunFileError, OSError) as error:
            not_counted.append((path.name, _why(error, path)))
            continue
        moment = moment_of(run.created)
        if moment is None:
            not_counted.append((path.name, f"its date is missing or wrong: {first_line(run.created, 40)}"))
        elif digest in known:
            not_counted.append((path.name, f"it is a copy of {known[digest]}"))
        else:
            known[digest] = path.name
            kept.append((moment, path.name, keep(path.name, run)))
    kept.sort(key=lambda each: each[:2])
    return Found([each for _, _, each in kept], not_counted)


def _why(error: Exception, path: Path) -> str:
    """The reason without the path, which the line begins with."""
    words = first_line(str(error), 300)
    for before in (f"{path}:", f"{path} ", f"cannot read the run {path}: "):
        if words.startswith(before):
            return f"line {words.removeprefix(before)}" if before.endswith(":") else words.removeprefix(before)
    return words
