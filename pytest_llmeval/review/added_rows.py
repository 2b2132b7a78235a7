"""An answer that is wrong becomes a case: a row of a dataset that keeps the answer as recorded.

Secrets and personal data are replaced in it, since a dataset is committed.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from pytest_llmeval.case import Case
from pytest_llmeval.checks.personal.personal_data import Placeholders
from pytest_llmeval.credentials import hide_secrets
from pytest_llmeval.datasets.foreign.imported import written
from pytest_llmeval.datasets.load import load_cases
from pytest_llmeval.datasets.rows import LARGEST_ROW, Problems, Row, case_of
from pytest_llmeval.errors import ConfigError
from pytest_llmeval.json_text import canonical_json, parsed_row
from pytest_llmeval.store.key import normalized
from pytest_llmeval.store.recording_file import locked_directory
from pytest_llmeval.text import first_line, quoted

_LONGEST_ID = 80  # characters of a made id before its digest


class WrongAnswer(NamedTuple):
    """What there is to keep of an answer that is wrong.

    Attributes:
        name: what the case is called, for its id.
        input: what was asked: a text, chat messages, or the input of a case.
        answer: what the model said.
        model: that said it.
        category: the error category that it fails in.
        at: when it was given, ISO date and time; "" when unknown.
        test: that found it, "" where none did.
        expected: what a right answer is, None when unknown.
        request: what went with the input, as `Case.request`.
    """

    name: str
    input: Any
    answer: str
    model: str
    category: str
    at: str = ""
    test: str = ""
    expected: Any = None
    task: str | None = None
    tags: tuple[str, ...] = ()
    request: Mapping[str, Any] = MappingProxyType({})


class Added(NamedTuple):
    """What became of a row.

    Attributes:
        id: of the row, or of the one that already asks the same.
        line: of that row, from 1.
        new: whether the row was added.
        hidden: whether a secret or personal data was replaced in it.
    """

    id: str
    line: int
    new: bool
    hidden: bool


def add_row(path: Path, wrong: WrongAnswer, secrets: Mapping[str, str]) -> Added:
    """Append an answer's case to a dataset, unless a row of it asks the same.

    The file is appended to in one write, below a line of its own. It is made where there is none.

    Args:
        path: of a ``.jsonl`` file.
        wrong: the answer.
        secrets: values that are hidden beside whatever looks like a secret, by the names of their variables.

    Raises:
        ConfigError: no row can be appended to such a file, or none can be made of the answer.
        DatasetError: rows of the file are wrong.
    """
    refuse_other_formats(path)
    try:
        row = _row(wrong)
        safe = redacted(row, secrets)
        same = canonical_json(safe["input"])
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{quoted(wrong.name, 60)} makes no row: {error}") from None
    try:
        with locked_directory(path.resolve().parent):
            known = _cases_of(path)
            there = next((case for case in known if canonical_json(case.input) == same), None)
            if there is not None:
                return Added(there.id, there.line, new=False, hidden=False)
            safe["id"] = _free_id(safe["id"], same, {case.id for case in known})
            return Added(safe["id"], _append(path, _line(safe)), new=True, hidden=safe | {"id": ""} != row | {"id": ""})
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}") from None


def redacted(row: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    """A row without what must not be in a repository; the one place where rows of answers are cleaned."""
    safe = hide_secrets(dict(row), secrets)
    return dict(Placeholders(canonical_json(safe)).hide(safe))


def refuse_other_formats(path: Path) -> None:
    """Say what helps where rows cannot be appended.

    Raises:
        ConfigError: it is no file of JSON lines.
    """
    name, ending = str(path), path.suffix.lower()
    if "\0" in name:
        raise ConfigError(f"{first_line(name)}: no file can have this name")
    if ending in (".csv", ".tsv", ".xlsx"):
        jsonl = path.with_suffix(".jsonl")
        raise ConfigError(
            f"{path}: a row is appended to JSON Lines alone; name another file with --to, or make such a dataset of it "
            f"and name that in the test: llmeval import {path} -o {jsonl}"
        )
    if ending != ".jsonl":
        what = f"a row is appended to JSON Lines alone, and not to {ending or 'a file without an ending'}"
        raise ConfigError(f"{path}: {what}; name another file, as in --to {path.with_suffix('.jsonl').name}")
    if path.is_dir():
        raise ConfigError(f"{path} is a folder; name a file in it, as in --to {path}/cases.jsonl")
    if not path.resolve().parent.is_dir():
        raise ConfigError(f"{path}: there is no folder {path.parent}; make it first")


def _row(wrong: WrongAnswer) -> dict[str, Any]:
    recorded = {
        "output": wrong.answer,
        "model": wrong.model,
        "category": wrong.category,
        "at": wrong.at,
        "test": wrong.test,
    }
    row = {
        "id": wrong.name,
        "input": wrong.input,
        "expected": wrong.expected,
        "task": wrong.task,
        "tags": list(wrong.tags),
        "metadata": {
            **({"request": dict(wrong.request)} if wrong.request else {}),
            "recorded": {name: value for name, value in recorded.items() if value},
        },
    }
    kept = {name: value for name, value in row.items() if name in ("id", "input") or value not in (None, [])}
    return dict(normalized(kept, _whole))


def _whole(text: str) -> str:
    """The text without halves of characters, which no file can hold."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _cases_of(path: Path) -> list[Case]:
    """The cases of a dataset that may be missing or empty.

    Raises:
        DatasetError: rows of it are wrong.
    """
    if not path.exists() or not path.read_bytes().removeprefix(b"\xef\xbb\xbf").strip():
        return []
    return load_cases(path, str(path))


def _free_id(wanted: str, same: str, taken: Iterable[str]) -> str:
    """The id if it may be one and is free, else one made of it and of what is asked."""
    taken = set(taken)
    if not _problem({"id": wanted, "input": "x"}) and wanted not in taken:
        return wanted
    words = "-".join(re.findall(r"[^\W_]+", wanted)) or "case"
    base = f"{words[:_LONGEST_ID].strip('-')}-{hashlib.sha256(same.encode()).hexdigest()[:8]}"
    return next(name for name in (base, *(f"{base}-{n}" for n in range(2, len(taken) + 2))) if name not in taken)


def _line(row: Mapping[str, Any]) -> str:
    """The row as a line that loads.

    Raises:
        ConfigError: it would not.
    """
    try:
        text = written(row)
        size = len(text.encode())
        if size > LARGEST_ROW:
            raise ValueError(f"it has {size:,} bytes; at most {LARGEST_ROW:,} are allowed")
        problem = _problem(parsed_row(text))
    except ValueError as error:
        problem = str(error)
    if problem:
        raise ConfigError(f"{quoted(str(row['id']), 60)} makes no row: {problem}")
    return text


def _problem(fields: dict[str, Any]) -> str:
    """Why a row would not load, "" when it does."""
    problems = Problems("row")
    case_of(Row(line=0, fields=fields), "", problems, {})
    return problems.error().problems[0].removeprefix("row: ") if problems.count else ""


def _append(path: Path, text: str) -> int:
    """Append a line in one write, and say which it is; what cannot be written whole leaves the file as it was."""
    with path.open("ab+", buffering=0) as file:
        file.seek(0)
        before = file.read()
        end = b"\r\n" if before.endswith(b"\r\n") else b"\n"
        open_ended = bool(before.removeprefix(b"\xef\xbb\xbf")) and not before.endswith(b"\n")
        line = (end if open_ended else b"") + text.encode() + end
        try:
            if file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file.fileno())
        except OSError:
            file.truncate(len(before))
            raise
    return before.count(b"\n") + open_ended + 1
