"""Words and sentences of a text in any language, by the rules of Unicode's annex 29, in a simple form.

https://www.unicode.org/reports/tr29/
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

# Scripts without spaces between words: Thai and Lao, Burmese, Khmer, Japanese, Chinese. Each letter is a segment.
_SPACELESS: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aad\u3005-\u3007\u3031-\u3035\u303b\u3041-\u30ff"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua9e0-\ua9fe\uaa60-\uaa7f\uf900-\ufaff\uff66-\uff9f"
    "\U00016f00-\U00018dff\U0001b000-\U0001b16f\U00020000-\U000323af"
)
_RUN: Final = rf"(?:[^\W_{_SPACELESS}]|\d)+"
# Annex 29 ends a word at a hyphen, and says that one may let it join, as people count.
_WORD = re.compile(
    rf"(?=[^\W\d_])[{_SPACELESS}]|{_RUN}(?:(?:['\u2019.\u00b7\u2027_\u05f3\u05f4\u2010\u2011-]|(?<=\d)[,;\u066b\u066c](?=\d)){_RUN})*"
)
_CLOSERS: Final = "[\"'\u2019\u201d\u00bb)\\]\u300d\u300f\u3011\uff09]*"
_WIDE: Final = "\u3002\uff0e\uff01\uff1f\uff61"  # no space stands behind them
_ENDS: Final = (
    "!?\u2026\u0589\u061f\u06d4\u0964\u0965\u104a\u104b\u1362\u17d4\u17d5\u203c\u203d\u2047-\u2049"  # no points
)
_END = re.compile(rf"\n|[{_WIDE}][{_WIDE}!?]*{_CLOSERS}|(?:\.+|[{_ENDS}][{_ENDS}.]*){_CLOSERS}(?=\s|\Z)")
_GOES_ON = re.compile(rf"\.+{_CLOSERS}[^\S\n]{{1,9}}[^\w\s]{{0,3}}(\w)")  # with a small letter, as in "e.g. this"


def word_count(text: str) -> int:
    """How many words a text has.

    A word is a run of letters and digits, with single apostrophes, points, hyphens and underscores in it, and commas
    between digits. Where a script sets no spaces between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese), each
    letter with its marks counts as one.
    """
    return sum(1 for _ in _WORD.finditer(_without_marks(text)))


def _without_marks(text: str) -> str:
    """The text without what belongs to the character before it, which Python does not take for a part of a word."""
    if text.isascii():
        return text
    marks = [character for character in set(text) if unicodedata.category(character) in ("Mn", "Mc", "Me", "Cf")]
    return text.translate(dict.fromkeys(map(ord, marks)))


def sentences(text: str) -> list[str]:
    """The sentences of a text; what holds no letter is none.

    A sentence ends with its line, or with a mark for its end and a space; Chinese and Japanese marks need no space.
    After a point, a small letter goes on with the sentence.
    """
    found, start = [], 0
    for end in _END.finditer(text):
        goes_on = _GOES_ON.match(text, end.start())
        if goes_on is not None and goes_on[1].islower():
            continue
        found.append(text[start : end.end()])
        start = end.end()
    found.append(text[start:])
    return [sentence.strip() for sentence in found if any(character.isalpha() for character in sentence)]
