"""Check a row of a dataset and make a `Case` of it; the problems of a file are collected and shown at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping
from shlex import quote
from types import MappingProxyType
from typing import Any, NamedTuple

from pytest_llmeval.case import Case
from pytest_llmeval.errors import DatasetError
from pytest_llmeval.text import described, did_you_mean, harmless, nearest, quoted_ascii, visible

FIELDS = (
    "id",
    "input",
    "expected",
    "context",
    "task",
    "tags",
    "metadata",
    "checks",
    "paraphrases",
    "samples",
    "cluster",
)
LARGEST_ROW = 1_000_000  # bytes, or characters of a YAML file
_MOST_SAMPLES = 1000
_LONGEST_ID = 100

# The names that other tools give these fields; too far from ours for a comparison of letters.
_OTHER_NAMES = {
    "input": ("prompt", "question", "query", "message", "messages", "vars"),
    "expected": ("target", "ideal", "answer", "reference", "output", "outputs", "ground_truth", "label"),
    "task": ("category", "topic", "type"),
    "context": ("documents", "passages", "sources", "retrieval_context"),
    "checks": ("assert", "asserts", "assertions", "evaluators"),
    "id": ("name", "key", "case", "uuid"),
    "tags": ("labels",),
    "metadata": ("extra", "additional_metadata"),
    "samples": ("repeat", "n", "epochs"),
    "paraphrases": ("variants", "rewordings"),
    "cluster": ("document", "group"),
}

_OUR_NAME = {other: ours for ours, others in _OTHER_NAMES.items() for other in others}


class Row(NamedTuple):
    """One row as it was read, not yet checked.

    Attributes:
        line: where it starts, from 1.
        lines: of fields that are not on the row's first line.
    """

    line: int
    fields: dict[str, Any]
    lines: Mapping[str, int] = MappingProxyType({})

    def line_of(self, name: str) -> int:
        """The line of a field, or of the row if it lacks the field."""
        return self.lines.get(name, self.line)


def case_of(row: Row, dataset: str, problems: Problems, line_of_id: dict[str, int]) -> Case | None:
    """The case that a row describes; None when the row has a problem, which is then reported.

    Args:
        row: with any fields of any JSON type; null means that the field is absent.
        dataset: the file's name as the test wrote it.
        problems: where to report.
        line_of_id: the ids of earlier rows; the row's own is added.
    """
    before = problems.count
    fields = {name: value for name, value in row.fields.items() if value is not None}
    for name, value in fields.items():
        if name not in _KNOWN:
            problems.add(row.line_of(name), f"unknown field {quoted_ascii(name)}{field_hint(name)}")
            problems.note_name(name, fields)
        elif name in _RULES and (complaint := _RULES[name](value)):
            problems.add(row.line_of(name), f"{name}{complaint}")
    if "id" not in fields:
        what = 'give each row one of its own that never changes, as in "id": "refund-1"'
        _report_missing(row, fields, problems, "id", what)
    else:
        _report_duplicate(row, fields["id"], problems, line_of_id)
    problems.has_input |= "input" in fields
    if "input" not in fields:
        what = "what the model is asked: text, a list of chat messages, an object or a list"
        _report_missing(row, fields, problems, "input", what)
    if "checks" in fields:
        from pytest_llmeval.checks.rows.row_forms import validate_checks

        for complaint in validate_checks(fields["checks"]):
            problems.add(row.line_of("checks"), complaint)
    if problems.count == before and fields.get("paraphrases"):
        complaint = _why_not_reworded(fields["input"], fields["paraphrases"])
        if complaint:
            problems.add(row.line_of("paraphrases"), f"paraphrases{complaint}")
    if problems.count != before:
        return None
    context = fields.get("context", ())
    return Case(
        id=str(fields["id"]),
        input=fields["input"],
        expected=fields.get("expected"),
        context=(context,) if isinstance(context, str) else tuple(context),
        task=fields.get("task"),
        tags=tuple(fields.get("tags", ())),
        metadata=fields.get("metadata", {}),
        checks=tuple(fields.get("checks", ())),
        paraphrases=tuple(fields.get("paraphrases", ())),
        samples=fields.get("samples"),
        cluster=fields.get("cluster"),
        dataset=dataset,
        line=row.line,
    )


def field_hint(given: str, *, elsewhere: str = "metadata") -> str:
    """The end of a message about an unknown field: the nearest name, all allowed names, and where the rest goes."""
    ours = _OUR_NAME.get(given.lower())
    guess = f'; did you mean "{ours}"?' if ours else did_you_mean(given, FIELDS)
    return f"{guess} (allowed: {', '.join(FIELDS)}; anything else goes into {elsewhere})"


def _report_missing(row: Row, fields: Mapping[str, Any], problems: Problems, name: str, what: str) -> None:
    """Report that a required field is absent, unless an unknown field seems to be a misspelling of it."""
    for other in fields:
        if other not in _KNOWN and name in (_OUR_NAME.get(other.lower()), nearest(other, FIELDS)):
            return
    problems.add(row.line, f"the row has no {name}; {what}")


def _report_duplicate(row: Row, given: Any, problems: Problems, line_of_id: dict[str, int]) -> None:
    if isinstance(given, bool) or not isinstance(given, str | int):
        return
    text = str(given) if isinstance(given, str) or abs(given) < 10**_LONGEST_ID else "a very large number"
    if text in line_of_id:
        first = line_of_id[text]
        written = f'"{text[:60]}"' if text.isprintable() else quoted_ascii(text)
        also = f"id {written} is also on {problems.word} {first}; every id must be unique in the dataset"
        problems.add(row.line_of("id"), also)
    else:
        line_of_id[text] = row.line_of("id")


def _id(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return None if abs(value) < 10 ** (_LONGEST_ID - 1) else " is a very large number; write it as text"
    if not isinstance(value, str):
        return f" is {described(value)}; allowed: text, as in {quoted_ascii('refund-1')}"
    if len(value) > _LONGEST_ID:
        return f" has {len(value)} characters, {quoted_ascii(value[:40])}...; at most {_LONGEST_ID} allowed"
    if (
        not value.isprintable()
        or value != value.strip()
        or "::" in value
        or harmless(value) != value
        or _LIKE_A_WORDING.search(value)
    ):
        allowed = "allowed: printable text without spaces at its ends, without :: and without +WORD as its end"
        return f" is {quoted_ascii(value)}; {allowed}{_near_id(value)}"
    if not _SEGMENTS.isdisjoint(value.split("/")):
        return f" is {quoted_ascii(value)}; no part between slashes may be empty, . or .."
    return None


def _near_id(value: str) -> str:
    near = "".join(c if c.isprintable() else " " for c in value).replace("::", "-").replace("##", "#")
    near = "-".join(_LIKE_A_WORDING.sub(r"-\1", near).split()).strip("-/.")
    return f'; for example "{near}"' if near and _SEGMENTS.isdisjoint(near.split("/")) else ""


def _input(value: Any) -> str | None:
    """Any text, list or object; a list that looks like chat messages must be valid."""
    if not isinstance(value, (str, dict, list)) or value in ([], {}):
        return f" is {described(value)}; allowed: text, a list of chat messages, an object or a list"
    if not isinstance(value, list) or not any(isinstance(message, dict) and "role" in message for message in value):
        return None
    for index, message in enumerate(value):
        if not isinstance(message, dict):
            return f'[{index}] is {described(message)}; a chat message is an object with "role" and "content"'
        if not isinstance(message.get("role"), str):
            return f'[{index}] has no "role"; a chat message is an object with "role" and "content"'
    return None


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) else f" is {described(value)}; allowed: text"


def _texts(value: Any) -> str | None:
    if not isinstance(value, list):
        example = f", as in [{quoted_ascii(value)}]" if isinstance(value, str) else ""
        return f" is {described(value)}; allowed: a list of texts{example}"
    for index, item in enumerate(value):
        if not isinstance(item, str):
            return f"[{index}] is {described(item)}; allowed: text"
    return None


def _text_or_texts(value: Any) -> str | None:
    return None if isinstance(value, str) else _texts(value)


def _why_not_reworded(given: Any, paraphrases: list[str]) -> str | None:
    from pytest_llmeval.datasets.rewording import question_of

    question = question_of(given)
    if question is None:
        return " take the place of the one text of the last user message, and the input has none"
    seen = {question}
    for index, text in enumerate(paraphrases):
        if not text.strip():
            return f"[{index}] is empty"
        if text in seen:
            return f"[{index}] is the same text as the input or an earlier one: {quoted_ascii(text)}"
        seen.add(text)
    return None


def _object(value: Any) -> str | None:
    return None if isinstance(value, dict) else f" is {described(value)}; allowed: an object"


def _samples(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST_SAMPLES:
        return None
    return f" is {described(value)}; allowed: a whole number from 1 to {_MOST_SAMPLES}"


_LIKE_A_WORDING = re.compile(r"\+(\w+)$")  # refund-1+2 is the second wording of refund-1
_SEGMENTS = frozenset({"", ".", ".."})
_KNOWN = frozenset(FIELDS)
_RULES: dict[str, Callable[[Any], str | None]] = {
    "id": _id,
    "input": _input,
    "context": _text_or_texts,
    "task": _text,
    "cluster": _text,
    "tags": _texts,
    "metadata": _object,
    "paraphrases": _texts,
    "samples": _samples,
}

_MOST_SHOWN = 50


class Problems:
    """The problems of a dataset.

    Args:
        name: the dataset, as the user wrote it.
        word: what its places are called where they are no lines of a text: ``row`` or ``item``.

    Attributes:
        count: how many problems were added; only the first 50 are kept.
        word: the same.
        has_input: whether any row has an input by our name.
    """

    def __init__(self, name: str, word: str = "line") -> None:
        self.count = 0
        self.word = word
        self.has_input = False
        self._name = name
        self._other_names: dict[str, str] = {}
        self._kept: list[tuple[int, str]] = []

    def add(self, line: int, text: str) -> None:
        """Report a problem.

        Args:
            line: of the file, from 1; 0 for the file as a whole.
            text: one line: what was given, what is allowed, the nearest right name.
        """
        self.count += 1
        if len(self._kept) < _MOST_SHOWN or line == 0:
            self._kept.append((line, visible(text)))

    def note_name(self, given: str, names: Container[str]) -> None:
        """Remember a name that is no field of ours, where another tool calls one so that is not there by our name.

        Args:
            given: the name.
            names: all that are there.
        """
        ours = _OUR_NAME.get(given.lower())
        if ours is not None and ours not in names:
            self._other_names.setdefault(ours, given)

    def tell_about_names(self, *, by_option: bool = False) -> None:
        """Say how to read a file whose input has another name; `by_option` on a command line, else in a marker."""
        if "input" in self._other_names and not self.has_input:
            fields = ", ".join(f"{ours!r}: {theirs!r}" for ours, theirs in self._other_names.items())
            name = quoted_ascii(self._name)
            marker = f"llm_cases({name}, fields={{{fields}}})"
            options = " ".join(f"--field {quote(f'{ours}={theirs}')}" for ours, theirs in self._other_names.items())
            self.add(0, f"to read a file with other names, use {options if by_option else marker}")

    def error(self) -> DatasetError:
        """All problems, in the order of the file."""
        kept = sorted(self._kept, key=lambda problem: problem[0])
        name = visible(self._name)
        before = ":" if self.word == "line" else f": {self.word} "
        lines = [f"{name}{before}{line}: {text}" if line else f"{name}: {text}" for line, text in kept]
        error = DatasetError(name, lines)
        if self.count > len(lines):
            rest = f"and {self.count - len(lines)} more, shown when these are fixed"
            error.args = ("\n".join([f"{name}: {self.count} problems in the dataset", *lines, rest]),)
        return error
