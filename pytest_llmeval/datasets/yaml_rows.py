"""Rows of a YAML file: a list of rows, or one list under ``cases``.

Values are built from the parser's events, not by a YAML loader: there are no tags, no aliases (a few hundred bytes of
them can mean gigabytes) and no recursion, and every field has its line. Plain scalars mean what they mean in JSON;
dates, times and all else that YAML 1.1 would convert stay text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_llmeval.datasets.jsonl import is_utf16, not_a_row, not_utf8
from pytest_llmeval.datasets.rows import LARGEST_ROW, Problems, Row
from pytest_llmeval.json_text import DEEPEST, has_lone_surrogate
from pytest_llmeval.text import described, did_you_mean, quoted_ascii

_LARGEST_FILE = 20_000_000  # bytes: parsing YAML is slow
_UNPRINTABLE = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufeff\uff00-\ufffd\U00010000-\U0010ffff]")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_AMBIGUOUS = {word: word in ("yes", "on") for word in ("yes", "no", "on", "off")}
_NOT_FINITE = frozenset({".inf", "+.inf", "-.inf", ".nan"})
_TEXT_TAGS = (None, "!", "tag:yaml.org,2002:str")


def read_yaml(path: Path, problems: Problems) -> Iterator[Row]:
    """Read the rows of a YAML file."""
    try:
        import yaml
    except ImportError:
        problems.add(0, "reading YAML needs pyyaml: pip install 'pytest-llmeval[yaml]'")
        return
    text = _text(path, problems)
    if text is None:
        return
    builder = _Builder(problems)
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if not builder.take(event):
                break
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problems.add(mark.line + 1 if mark else 1, f"not YAML: {error.problem or error.context}")
        return
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        problems.add(1, f"not YAML: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
        return
    yield from builder.rows()


def _text(path: Path, problems: Problems) -> str | None:
    raw = path.read_bytes()
    if len(raw) > _LARGEST_FILE:
        problems.add(0, f"the file has {len(raw):,} bytes; YAML may have {_LARGEST_FILE:,}, JSONL more")
        return None
    if is_utf16(raw, problems):
        return None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = raw.count(b"\n", 0, error.start)
        try:
            raw.split(b"\n")[number].decode()
        except UnicodeDecodeError as in_line:
            error = in_line
        problems.add(number + 1, not_utf8(error))
        return None
    bad = _UNPRINTABLE.search(text)
    if bad:
        escaped = ascii(bad.group())[1:-1]
        problems.add(text.count("\n", 0, bad.start()) + 1, f'YAML may not hold {escaped}; write "{escaped}"')
        return None
    return text


@dataclass(slots=True)
class _Open:
    """A list or an object that has not ended yet."""

    value: list[Any] | dict[str, Any]
    line: int
    start: int
    key: str | None = None
    lines: dict[str | int, int] = field(default_factory=dict)


class _Builder:
    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._stack: list[_Open] = []
        self._documents = 0
        self._root: _Open | None = None
        self._rows: dict[int, tuple[_Open, int]] = {}  # by id(value): as it was opened, and its size

    def take(self, event: Any) -> bool:
        """Add an event; False when the rest of the file cannot be read."""
        import yaml

        line = event.start_mark.line + 1
        match event:
            case yaml.ScalarEvent():
                return self._scalar(event, line)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                return self._open(event, line)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._close(event)
            case yaml.AliasEvent():
                self._problems.add(line, f"*{event.anchor} is an alias; write the value itself")
                if self._is_key():
                    return False
                self._place(None, line)
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    self._problems.add(line, "a second document starts; a dataset is one")
                    return False
        return True

    def rows(self) -> Iterator[Row]:
        """The rows of the document that was built."""
        root = self._root
        if root is None:
            return
        if isinstance(root.value, dict):
            root = self._under_cases(root)
            if root is None:
                return
        for index, value in enumerate(root.value):
            line = root.lines[index]
            if not isinstance(value, dict):
                self._problems.add(line, not_a_row(value))
                continue
            opened, size = self._rows[id(value)]
            if size > LARGEST_ROW:
                self._problems.add(line, f"the row has {size:,} characters; at most {LARGEST_ROW:,} are allowed")
                continue
            yield Row(line=line, fields=value, lines={str(key): at for key, at in opened.lines.items()})

    def _under_cases(self, root: _Open) -> _Open | None:
        fields = root.value
        for key in fields:
            if key != "cases":
                text = f"unknown key {quoted_ascii(str(key))}{did_you_mean(str(key), ['cases'])}"
                self._problems.add(root.lines[key], f"{text} (allowed: a list of rows, or cases: with one)")
        if not isinstance(fields, dict) or "cases" not in fields:
            return None
        cases = fields["cases"]
        if not isinstance(cases, list):
            self._problems.add(root.lines["cases"], f"cases is {described(cases)}; allowed: a list of rows")
            return None
        return self._rows[id(cases)][0]

    def _is_key(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1].value, dict) and self._stack[-1].key is None

    def _open(self, event: Any, line: int) -> bool:
        if self._is_key():
            self._problems.add(line, "a key is a list or an object; allowed: text")
            return False
        if len(self._stack) == DEEPEST:
            self._problems.add(line, f"nested too deep; at most {DEEPEST} levels of lists and objects are allowed")
            return False
        if event.tag not in (None, "!", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"):
            self._refuse_tag(event, line)
        value: list[Any] | dict[str, Any] = [] if event.__class__.__name__.startswith("Sequence") else {}
        self._place(value, line)
        self._stack.append(_Open(value, line, event.start_mark.index))
        return True

    def _close(self, event: Any) -> None:
        opened = self._stack.pop()
        if len(self._stack) <= 2:  # a row, or the list of rows
            self._rows[id(opened.value)] = (opened, event.end_mark.index - opened.start)
        if not self._stack:
            self._root = opened

    def _scalar(self, event: Any, line: int) -> bool:
        text: str = event.value
        if has_lone_surrogate(text):
            self._problems.add(line, "an escape from \\ud800 to \\udfff: half a character, which no text can hold")
            text = ""
        if event.tag not in _TEXT_TAGS:
            self._refuse_tag(event, line)
        if self._is_key():
            top = self._stack[-1]
            if text in top.lines:
                first = top.lines[text]
                self._problems.add(
                    line, f"the key {quoted_ascii(text)} appears twice in one object, first on line {first}"
                )
            top.key = text
            top.lines[text] = line
            return True
        if not self._stack:
            if text or not event.implicit[0]:
                self._problems.add(line, f"the file is {described(text)}; allowed: a list of rows")
            return False
        plain = event.tag is None and event.implicit[0] and not event.style
        self._place(self._resolved(text, line) if plain else text, line)
        return True

    def _resolved(self, text: str, line: int) -> Any:
        """The value of a scalar without quotes."""
        if text in _NULLS:
            return None
        if text in _BOOLEANS:
            return _BOOLEANS[text]
        lower = text.lower()
        if lower in _AMBIGUOUS and text in (lower, text.upper(), text.capitalize()):
            meant = "true" if _AMBIGUOUS[lower] else "false"
            self._problems.add(line, f'{text} is {meant} in YAML 1.1; write "{text}" in quotes for text, or {meant}')
            return None
        if lower in _NOT_FINITE:
            self._problems.add(line, f"{text} is not a JSON number; write null, or text in quotes")
            return None
        number = _NUMBER.fullmatch(text)
        if number is None:
            return text
        if len(text) > 300 or float(text) in (float("inf"), float("-inf")):
            self._problems.add(line, f"the number {text[:40]} is too large; write it in quotes for text")
            return None
        if number[2] and not (number[1] and number[2][1] in "+-"):
            self._problems.add(
                line,
                f"{text} is text in YAML 1.1 and a number in YAML 1.2; write it in quotes for text, or {float(text)}",
            )
            return None
        return float(text) if number[1] or number[2] else int(text)

    def _refuse_tag(self, event: Any, line: int) -> None:
        tag = event.tag.replace("tag:yaml.org,2002:", "!!")
        self._problems.add(line, f"the tag {quoted_ascii(tag)} is not allowed; a dataset holds plain data")

    def _place(self, value: Any, line: int) -> None:
        if not self._stack:
            return
        top = self._stack[-1]
        if isinstance(top.value, list):
            top.lines[len(top.value)] = line
            top.value.append(value)
        elif top.key is not None:
            top.value[top.key] = value
            top.key = None
