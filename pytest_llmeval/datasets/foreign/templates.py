"""Names in double braces, put in as they are. No template is run: what is more than a name is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pytest_llmeval.text import quoted

_NAME = re.compile(r"\{\{-?\s*([A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*)\s*-?\}\}")
_ANY = re.compile(r"\{\{|\{%|\{#")
_LONGEST = 1_000_000  # characters


class Template(Exception):
    """A template does more than to put in a value that is there."""


def names_in(text: str) -> list[str]:
    """The names of the variables that a text puts in, each once."""
    return list(dict.fromkeys(name.partition(".")[0] for name in _NAME.findall(text)))


def is_template(text: str) -> bool:
    """Whether a text has anything in double braces, or a statement."""
    return _ANY.search(text) is not None


def filled(value: Any, variables: Mapping[str, Any]) -> Any:
    """A value with each ``{{name}}`` of its texts replaced.

    Raises:
        Template: there is a filter, a statement, or a name that no variable has.
    """
    if isinstance(value, str):
        return _filled(value, variables) if _ANY.search(value) else value
    if isinstance(value, list):
        return [filled(one, variables) for one in value]
    if isinstance(value, dict):
        return {key: filled(one, variables) for key, one in value.items()}
    return value


def _filled(text: str, variables: Mapping[str, Any]) -> str:
    if _ANY.search(_NAME.sub("", text)):
        raise Template(f"it holds a template, and templates are not run: {quoted(text, 50)}")
    parts, end, length = list[str](), 0, len(text)
    for found in _NAME.finditer(text):
        value = _value(found[1], variables)
        length += len(value)
        if length > _LONGEST:
            raise Template("its template makes a text that is too long")
        parts += [text[end : found.start()], value]
        end = found.end()
    return "".join([*parts, text[end:]])


def _value(name: str, variables: Mapping[str, Any]) -> str:
    value: Any = variables
    for step in name.split("."):
        if not isinstance(value, Mapping) or step not in value:
            raise Template(f"no variable is called {quoted(name, 40)}")
        value = value[step]
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return json.dumps(value, ensure_ascii=False)
