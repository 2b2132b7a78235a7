"""A YAML document of another tool, as plain values that know their line.

Values are built from the parser's events: no tag makes an object, and an alias, which other tools allow, may not make a
file of a few hundred bytes mean gigabytes.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

from pytest_llmeval.datasets.foreign.files.refusal import refusal
from pytest_llmeval.json_text import DEEPEST, has_lone_surrogate
from pytest_llmeval.text import first_line, quoted_ascii

_MOST_VALUES = 1_000_000
_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(\.[0-9]*)?([eE][-+]?[0-9]+)?")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_WORDS = {"true": True, "false": False}
_WORDS_OF_1_1 = {"yes": True, "on": True, "no": False, "off": False}
_TEXT_TAGS = (None, "!", "tag:yaml.org,2002:str")
_PLAIN_TAGS = (*_TEXT_TAGS, "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map")


class Mapped(dict[str, Any]):
    """An object of a YAML file.

    Attributes:
        line: where it starts, from 1.
    """

    line = 0


class Listed(list[Any]):
    """A list of a YAML file.

    Attributes:
        line: where it starts, from 1.
    """

    line = 0


def yaml_document(text: str, name: str, *, words_of_1_1: bool) -> Any:
    """The value of a YAML text.

    Args:
        name: the file, for messages.
        words_of_1_1: whether ``yes`` and ``no`` are true and false, as Python's reader has it, or texts.

    Raises:
        DatasetError: it is not YAML, has tags or several documents, or means too much.
    """
    try:
        import yaml
    except ImportError:
        raise refusal(name, 0, "reading YAML needs pyyaml: pip install pyyaml") from None
    builder = _Builder(name, words_of_1_1=words_of_1_1)
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise refusal(name, mark.line + 1 if mark else 1, f"not YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise refusal(name, 1, f"not YAML: {first_line(str(error)) or type(error).__name__}") from None
    return builder.root


class _Builder:
    def __init__(self, name: str, *, words_of_1_1: bool) -> None:
        self.root: Any = None
        self._name = name
        self._words = _WORDS | (_WORDS_OF_1_1 if words_of_1_1 else {})
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}  # the value, and how many it holds
        self._documents = 0
        self._count = 0

    def take(self, event: Any) -> None:
        import yaml

        line = event.start_mark.line + 1
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    self._refuse(line, "a second document starts; a file is one")
            case yaml.ScalarEvent():
                self._take_scalar(event, line)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self._start(event, line)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                done = self._open.pop()
                if done.anchor:
                    self._anchors[done.anchor] = (done.value, self._count - done.before)
                if not self._open:
                    self.root = done.value
            case yaml.AliasEvent():
                anchor = str(event.anchor)
                if anchor not in self._anchors:
                    self._refuse(line, f"*{anchor[:40]} names nothing that ended before it")
                value, size = self._anchors[anchor]
                self._counted(size, line)
                if self._awaits_key() and not isinstance(value, str):
                    self._refuse(line, "a key is a list or an object; allowed: text")
                self._place(value, line)

    def _start(self, event: Any, line: int) -> None:
        if self._awaits_key():
            self._refuse(line, "a key is a list or an object; allowed: text")
        if len(self._open) == DEEPEST:
            self._refuse(line, f"nested too deep; at most {DEEPEST} levels of lists and objects are allowed")
        if event.tag not in _PLAIN_TAGS:
            self._refuse_tag(event, line)
        value: Mapped | Listed = Listed() if type(event).__name__.startswith("Sequence") else Mapped()
        value.line = line
        self._place(value, line)
        self._open.append(_Open(value, event.anchor, self._count))
        self._counted(1, line)

    def _take_scalar(self, event: Any, line: int) -> None:
        text: str = event.value
        if has_lone_surrogate(text):
            self._refuse(line, "an escape from \\ud800 to \\udfff: half a character, which no text can hold")
        if event.tag not in _TEXT_TAGS:
            self._refuse_tag(event, line)
        plain = event.tag is None and event.implicit[0] and not event.style
        value = self._resolved(text) if plain and not self._awaits_key() else text
        if event.anchor:
            self._anchors[event.anchor] = (value, 1)
        self._counted(1, line)
        if not self._open:
            self.root = value
        self._place(value, line, merge=plain and text == "<<")

    def _resolved(self, text: str) -> Any:
        """The value of a scalar without quotes."""
        if text in _NULLS:
            return None
        lower = text.lower()
        if lower in self._words and text in (lower, text.upper(), text.capitalize()):
            return self._words[lower]
        number = _NUMBER.fullmatch(text)
        if number is None or len(text) > 300:
            return text
        if not number[1] and not number[2]:
            return int(text)
        return text if float(text) in (float("inf"), float("-inf")) else float(text)

    def _awaits_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1].value, dict) and self._open[-1].key is None

    def _place(self, value: Any, line: int, *, merge: bool = False) -> None:
        if not self._open:
            return
        top = self._open[-1]
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.key is None:
            if value in top.own:
                self._refuse(line, f"the key {quoted_ascii(value)} appears twice in one object")
            top.key, top.merges = value, merge
            top.own.add(value)
        else:
            if top.merges:
                self._merge(top.value, value, line)
            else:
                top.value[top.key] = value
            top.key = None

    def _merge(self, into: Mapped, value: Any, line: int) -> None:
        """Add what ``<<`` names; the object's own keys and what came first go before."""
        parts = value if isinstance(value, list) else [value]
        if not all(isinstance(part, dict) for part in parts):
            self._refuse(line, "<< takes an object or a list of objects")
        for part in parts:
            for key, one in part.items():
                into.setdefault(key, one)

    def _counted(self, values: int, line: int) -> None:
        self._count += values
        if self._count > _MOST_VALUES:
            self._refuse(line, f"the file means more than {_MOST_VALUES:,} values")

    def _refuse_tag(self, event: Any, line: int) -> NoReturn:
        tag = event.tag.replace("tag:yaml.org,2002:", "!!")
        self._refuse(line, f"the tag {quoted_ascii(tag)} is not allowed; only plain data is read")

    def _refuse(self, line: int, text: str) -> NoReturn:
        raise refusal(self._name, line, text)


class _Open:
    """A list or an object that has not ended yet."""

    def __init__(self, value: Mapped | Listed, anchor: str | None, before: int) -> None:
        self.value = value
        self.anchor = anchor
        self.before = before
        self.key: str | None = None
        self.merges = False
        self.own: set[str] = set()
