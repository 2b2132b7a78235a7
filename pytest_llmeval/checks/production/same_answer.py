"""Whether two answers say the same, whatever they look like: kinds of white space, quotes and Markdown marks aside.

In doubt two answers differ.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any, Final

from pytest_llmeval.json_text import parsed_json

_SINGLE = "\u2018\u2019\u201a\u201b\u02bc\u2032\u2039\u203a"
_DOUBLE = "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb"
_HYPHENS = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63"
_INVISIBLE = "\0\u00ad\u200b\u2060\ufe0e\ufe0f\ufeff"
_TYPOGRAPHY: Final = str.maketrans(
    {
        **dict.fromkeys(_SINGLE, "'"),
        **dict.fromkeys(_DOUBLE, '"'),
        **dict.fromkeys(_HYPHENS, "-"),
        **dict.fromkeys(_INVISIBLE, ""),
        "\u2026": "...",
        **{chr(code + 0xFEE0): chr(code) for code in range(ord("!"), ord("~") + 1)},  # letters of full width
    }
)

_FENCED = re.compile(r"\s*(`{3,}|~{3,})[^\n`{\[]*\n?(.*?)\s*\1\s*", re.DOTALL)
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n`]*\n(.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"(?<!`)(`{1,2})(?!`)([^`\n]+)(?<!`)\1(?!`)")
_RULE = re.compile(r"^[ \t]*([-*_])(?:[ \t]*\1){2,}[ \t]*$", re.MULTILINE)
# A sign before a number is no bullet: "- 5" may be a number, and "> 5" a comparison.
_LINE_MARK = re.compile(r"^[ \t]*(?:#{1,6}[ \t]+|[*\u2022][ \t]+|(?:[-+>][ \t]+)+(?![\d.,$€£]))", re.MULTILINE)
# What stands between marks holds none, so that a long row of them is read in one go.
_STARS = re.compile(r"(?<![\w*])(\*{1,3})(?=[^\s*])([^*\n]+)(?<=[^\s*])\1(?![\w*])")
_UNDERSCORES = re.compile(r"(?<!\w)(_{1,2})(?=[^\s_])([^_\n]+)(?<=[^\s_])\1(?!\w)")
_CODE_NAME = re.compile("[a-z]+")  # as in __init__


def same_answer(one: str, other: str) -> bool:
    """Whether two answers are equal after normalising, as `normalised` does."""
    return one == other or normalised(one) == normalised(other)


def normalised(text: str) -> str:
    """The answer in a form that is the same for all answers that say the same.

    Of a text that is: runs of white space as one space, lower case, Unicode's composed form, plain quotes and hyphens,
    and no Markdown marks (headings, bullets, emphasis, code and its fences, rules). An object or array of JSON, in a
    code fence or not, is compared by value: ``3`` is ``3.0``, but neither ``"3"`` nor ``true``, and the order of keys
    is left out of account. A text in it that has several words is compared as texts are, one without a space exactly.
    """
    fenced = _FENCED.fullmatch(text)
    inner = (fenced[2] if fenced else text).strip()
    if inner[:1] in ("{", "["):
        try:
            return json.dumps(_by_value(parsed_json(inner)), sort_keys=True)
        except (ValueError, RecursionError):
            pass
    return _plain(text)


def _by_value(value: Any) -> Any:
    match value:
        case dict():
            return {key: _by_value(inner) for key, inner in value.items()}
        case list():
            return [_by_value(inner) for inner in value]
        case float() if value.is_integer():
            return int(value)
        case str() if len(value.split()) > 1:
            return _plain(value)
        case _:
            return value


def _plain(text: str) -> str:
    """A text without its looks; code is not read as Markdown."""
    text = _composed(text).replace("\r\n", "\n")
    pieces: list[str] = []
    end = 0
    for fence in _FENCE.finditer(text):
        pieces += [_unmarked(text[end : fence.start()]), fence[2]]
        end = fence.end()
    pieces.append(_unmarked(text[end:]))
    return " ".join(unicodedata.normalize("NFC", "\n".join(pieces).casefold()).split())


def _composed(text: str) -> str:
    return text if text.isascii() and "\0" not in text else unicodedata.normalize("NFC", text).translate(_TYPOGRAPHY)


def _unmarked(text: str) -> str:
    """A text without Markdown marks."""
    if not text:
        return text
    code: list[str] = []

    def kept(found: re.Match[str]) -> str:
        code.append(found[2].strip())
        return "\0"

    text = _CODE.sub(kept, text)
    text = _LINE_MARK.sub("", _RULE.sub("", text))
    for _ in range(2):  # the inner marks, then the outer ones
        text = _UNDERSCORES.sub(_emphasised, _STARS.sub(r"\2", text))
    return re.sub("\0", lambda _: code.pop(0), text) if code else text


def _emphasised(found: re.Match[str]) -> str:
    return found[0] if len(found[1]) == 2 and _CODE_NAME.fullmatch(found[2]) else found[2]
