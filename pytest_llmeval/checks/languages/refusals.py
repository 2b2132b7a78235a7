"""Finds the usual phrases of refusals, which stand in ``refusals.txt`` by language.

They say that the model will not help with the request as such. That something cannot be done for a customer is an
answer: what is not to be had stands where "this" or "your request" would.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from pathlib import Path

from pytest_llmeval.text import folded

_OPENING = 300  # characters in which a refusal is looked for: what comes later is about something else
_SOURCE = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8")  # now: a test may put other files in its place
_ARABIC_MARKS = dict.fromkeys([*range(0x064B, 0x0653), 0x0640])  # vowels and stretching, which writers leave out


def refusal_in(text: str) -> tuple[str, int, int] | None:
    """A refusal at the start of an answer: the text as it was searched and the place in it; None when there is none."""
    opening = folded(text[: 4 * _OPENING])[:_OPENING].translate(_ARABIC_MARKS)
    found = _phrases().search(opening)
    return None if found is None else (opening, *found.span())


@functools.lru_cache(maxsize=1)
def _phrases() -> re.Pattern[str]:
    text = re.sub(r"\n +", "", unicodedata.normalize("NFC", _SOURCE))
    named: dict[str, str] = {}
    phrases = []
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        whole = re.sub(r"<([a-z]+)>", lambda name: named[name[1]], line)
        name, equals, value = whole.partition(" = ")
        if equals:
            named[name] = value
        else:
            phrases.append(whole)
    return re.compile("|".join(phrases), re.IGNORECASE)
