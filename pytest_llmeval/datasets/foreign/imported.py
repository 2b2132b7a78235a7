"""What was made of a file of another tool: rows of a dataset, and the list of what could not be made one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pytest_llmeval.checks.personal.personal_data import without_numbers
from pytest_llmeval.datasets.foreign.values import joined
from pytest_llmeval.datasets.rows import FIELDS, LARGEST_ROW, Problems, Row, case_of
from pytest_llmeval.json_text import canonical_json, parsed_row, readable_json

_ORDER = ("id", "input", *(name for name in FIELDS if name not in ("id", "input", "metadata")), "metadata")
_LONGEST_MADE = 44  # characters of a made id before its digest


class Given(NamedTuple):
    """A row as a reader of a file gave it.

    Attributes:
        place: the file, and the line or item in it.
        row: its fields, with the id that the file has.
        left: what was left out.
    """

    place: str
    row: Mapping[str, Any]
    left: Sequence[str]


_OWN_ID = "its own id, as import_id"


@dataclass(slots=True)
class Imported:
    """The rows made of a file, and what the file holds beside them.

    Attributes:
        tool: whose file it is.
        rows: as they are written.
        given: the same as they were given.
        not_mapped: what has no place in a row, and why, each with its places.
        kept: what stands in the metadata of rows as it was, with the number of rows.
        said: how the file was read, where that was a guess.
    """

    tool: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    given: list[Given] = field(default_factory=list)
    not_mapped: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    _ids: set[str] = field(default_factory=set)
    _numbers: dict[str, int] = field(default_factory=dict)  # of the rows whose ids would be the same

    def leave(self, place: str, what: str, why: str) -> None:
        """Say that something has no place in a row.

        Args:
            place: the file, and the line or item in it.
            what: its name and value in a few words.
            why: and perhaps what to do about it.
        """
        places = self.not_mapped.setdefault((what, why), {})
        places[place] = places.get(place, 0) + 1

    def keep(self, name: str, rows: int = 1) -> None:
        """Say that something is kept in the metadata of rows."""
        self.kept[name] = self.kept.get(name, 0) + rows

    def add(self, place: str, row: Mapping[str, Any], *, left: Sequence[str] = ()) -> None:
        """Add a row, unless it says nothing that a model could be asked.

        Args:
            place: the file, and the line or item in it.
            row: fields of a row; the id is what the file calls it, None for one made from the content. What is None or
                empty is absent.
            left: what of this row was left out, for its metadata.
        """
        made = {name: row[name] for name in _ORDER if row.get(name) not in (None, "", [], {})}
        made["input"] = asked_value(made.get("input"))
        if left:
            noted = {"import": {"tool": self.tool, "not_mapped": list(left)}}
            made["metadata"] = joined(made.get("metadata", {}), noted)
        if made["input"] in (None, "", [], {}):
            self.leave(place, "a row", "it has no input, so it is no case")
            return
        own = made.pop("id", None)
        made = {"id": self._id(own, made), **made}
        if own is not None and str(own) != made["id"]:
            made["metadata"] = joined(made.get("metadata", {}), {"import_id": own})
            self.keep(_OWN_ID)
        problem = _problem(made)
        if problem:
            self.leave(place, "a row", f"it is no case: {problem}")
            return
        self._ids.add(made["id"])
        self.rows.append(made)
        self.given.append(Given(place, row, left))

    def take(self, given: Iterable[Given]) -> None:
        """Have these rows in place of those that were added, with ids made in their order."""
        self.rows, self.given, self._ids, self._numbers = [], [], set(), {}
        self.kept.pop(_OWN_ID, None)
        for one in given:
            self.add(one.place, one.row, left=one.left)

    def _id(self, own: Any, row: Mapping[str, Any]) -> str:
        """The row's own id where it can be one, else one made from what is asked, which a later import makes again."""
        if isinstance(own, (str, int)) and not isinstance(own, bool):
            wanted = str(own).strip()
            problems = Problems("")
            case_of(Row(line=0, fields={"id": wanted, "input": "x"}), "", problems, {})
            if not problems.count and wanted not in self._ids:
                return wanted
        else:
            wanted = ""
        base = id_of_content(row, wanted)
        made, number = base, self._numbers.get(base, 1)
        while made in self._ids:
            number += 1
            made = f"{base}-{number}"
        self._numbers[base] = number
        return made


def id_of_content(row: Mapping[str, Any], words: str = "") -> str:
    """An id made of what is asked, the same whenever the row is read.

    Args:
        row: with an input, and perhaps a context.
        words: what it begins with; by default the first words of the input.
    """
    asked = without_numbers(canonical_json([row.get("input"), row.get("context")]))
    digest = hashlib.sha256(asked.encode()).hexdigest()[:8]
    return f"{_slug(words or without_numbers(_words(row.get('input'))))}-{digest}"


def written(row: Mapping[str, Any]) -> str:
    """A row as one line of JSON, with its fields in their order.

    Raises:
        ValueError: it is not JSON.
    """
    return "{" + ", ".join(f"{json.dumps(name)}: {readable_json(value)}" for name, value in row.items()) + "}"


def _problem(row: Mapping[str, Any]) -> str | None:
    """Why a row would not load, None when it does."""
    try:
        text = written(row)
        if len(text.encode()) > LARGEST_ROW:
            return f"it has over {LARGEST_ROW:,} bytes"
        fields = parsed_row(text)
    except ValueError as error:
        return str(error)
    problems = Problems("row")
    case_of(Row(line=0, fields=fields), "", problems, {})
    return problems.error().problems[0].removeprefix("row: ") if problems.count else None


def asked_value(given: Any) -> Any:
    """What is asked, as an input can be: a number and a truth value are texts."""
    if isinstance(given, bool) or given is None:
        return None if given is None else json.dumps(given)
    if isinstance(given, (int, float)):
        return json.dumps(given)
    return given.strip() and given if isinstance(given, str) else given


def _words(given: Any) -> str:
    """The first words of an input, for its id."""
    if isinstance(given, str):
        return given
    values = list(given.values()) if isinstance(given, dict) else given if isinstance(given, list) else []
    for value in reversed(values):
        content = value.get("content") if isinstance(value, dict) else value
        if isinstance(content, str) and content.strip():
            return content
    return "case"


def _slug(text: str) -> str:
    """The words of a text; of a long one the first and the last, since questions of one kind begin alike."""
    words = "-".join(re.findall(r"[^\W_]+", text[:400].lower()))
    if len(words) > _LONGEST_MADE:
        half = _LONGEST_MADE // 2
        first = words[: half + 1].rpartition("-")[0] or words[:half]
        last = words[-half - 1 :].partition("-")[2] or words[-half:]
        words = f"{first}--{last}"
    return words or "case"
