"""Numbers that are written as words, in the languages that text2num knows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from pytest_llmeval.checks.facts.languages import LANGUAGES


class NumberWord(NamedTuple):
    """A number written as words.

    Attributes:
        ordinal: whether it is a rank, as in "twenty-first".
    """

    start: int
    end: int
    value: Decimal
    ordinal: bool


class _Token:
    """One word or sign, in the form that text2num takes."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def text(self) -> str:
        return self._text

    def nt_separated(self, previous: object) -> bool:
        return False

    def not_a_number_part(self) -> bool:
        return False


_TOKEN = re.compile(r"[^\W\d_]+|[^\w\s]+|[\d_]+")
_WORD = re.compile(r"[^\W\d_]{2}")
# Vague words, and words that mean something else after "per" or a figure.
_VAGUE = frozenset(
    [
        *("hundreds", "thousands", "millions", "billions", "trillions", "hunderte", "tausende", "millionen"),
        *("milliarden", "centaines", "milliers", "cientos", "miles", "centinaia", "migliaia", "honderden", "duizenden"),
        *("milhares", "cent", "cents", "cento", "o", "oh"),
    ]
)
_UNCOUNTED = re.compile(
    r"(?<!\w)(?:few|several|many|some|couple of|einige|mehrere|viele|quelques|plusieurs|varios|unos|alcun[ei]|enkele|"
    r"alguns)\s$",
    re.IGNORECASE,
)
_OWN = re.compile(
    r"(?<![^\W_])(?:(?P<half>half)[\s-]an?[\s-]|(?P<two>two|three|four|five|six|ten)\s|an?\s)?"
    r"(?P<word>dozen|hundred|thousand|million|billion|dutzend|douzaine|docena|dozzina|dozijn|dúzia)(?![^\W_])",
    re.IGNORECASE,
)
_OWN_VALUES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_TIMES = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "ten": 10}
_DOZENS = re.compile(r"half|dozen|dutzend|douzaine|docena|dozzina|dozijn|dúzia", re.IGNORECASE)


def number_words(text: str, languages: Iterable[str] = LANGUAGES) -> Iterator[NumberWord]:
    """The number words in a text, by language and then in order; one text may be read in several ways."""
    text = _HALVES.sub("\ufffd", text)  # text2num ends with a panic at these
    if _DOZENS.search(text):
        yield from _own(text)
    if _WORD.search(text):
        words = [word.casefold() for word in _TOKEN.findall(text)]
        different = {word for word in set(words) if word[0] < _BEYOND_LATIN}
        spans: list[tuple[int, int]] = []
        for language in languages:
            numbers = _numbers_among(different, language)
            if not numbers:
                continue
            spans = spans or [found.span() for found in _TOKEN.finditer(text)]
            near, tokens = list[tuple[int, int]](), list[_Token]()
            for first, end in _runs([place for place, word in enumerate(words) if word in numbers], len(words)):
                near += (*spans[first:end], _NOWHERE, _NOWHERE)
                tokens += (*(_Token(text[start:stop]) for start, stop in spans[first:end]), _STOP, _STOP)
            yield from _found(text, near, tokens, language)


_BEYOND_LATIN = "\u0250"  # in whose letters all these languages are written
_NOWHERE, _STOP = (0, 0), _Token("|")  # what ends a number
_HALVES = re.compile("[\ud800-\udfff]")
_REACH = 3  # words beside a number word that may belong to its number, as "and" does
_MOST_KNOWN = 50_000
_KNOWN: dict[str, dict[str, bool]] = {}


def _numbers_among(words: set[str], language: str) -> frozenset[str]:
    """The words that are numbers by themselves, which most are not: a text is read around these alone."""
    from text_to_num import find_numbers  # late: most sessions check no facts

    known = _KNOWN.setdefault(language, {})
    if len(known) > _MOST_KNOWN:
        known.clear()
    if new := [word for word in words if word not in known]:
        found = find_numbers([token for word in new for token in (_Token(word), _STOP, _STOP)], language, 0.0)
        numbers = {one.start // 3 for one in found}
        known.update((word, place in numbers) for place, word in enumerate(new))
    return frozenset(word for word in words if known[word])


def _runs(places: Sequence[int], count: int) -> Iterator[tuple[int, int]]:
    """The stretches of a text's words around some places, none of which touches another."""
    first, end = 0, 0
    for place in places:
        if place - _REACH > end:
            if end:
                yield first, end
            first = place - _REACH
        end = min(count, place + _REACH + 1)
    if end:
        yield first, end


def _own(text: str) -> Iterator[NumberWord]:
    """Dozens, and half of a large number, which text2num does not know."""
    windows = [(max(0, near.start() - 12), near.end() + 16) for near in _DOZENS.finditer(text)]
    for found in (found for start, end in windows for found in _OWN.finditer(text, start, end)):
        base = _OWN_VALUES.get(found["word"].lower(), 12)
        if found["half"]:
            yield NumberWord(*found.span(), Decimal(base) / 2, ordinal=False)
        elif base == 12:
            times = _TIMES.get((found["two"] or "").lower(), 1)
            yield NumberWord(*found.span(), Decimal(base * times), ordinal=False)


def _found(
    text: str, spans: Sequence[tuple[int, int]], tokens: Sequence[_Token], language: str
) -> Iterator[NumberWord]:
    from text_to_num import find_numbers

    before: tuple[int, int, Decimal] | None = None
    for found in find_numbers(tokens, language, 0.0):
        start, end = spans[found.start][0], spans[found.end - 1][1]
        written = text[start:end]
        if written.casefold() in _VAGUE or not any(letter.isalpha() for letter in written):
            continue
        if _UNCOUNTED.search(text[max(0, start - 12) : start]):
            continue
        value = Decimal(str(found.value))
        value = Decimal(int(value)) if value == int(value) else value
        near = before is not None and language == "en" and text[before[1] : start] in (" ", "-")
        if before and near and 10 <= before[2] <= 20 and 10 <= value < 100:  # "nineteen eighty-four"
            yield NumberWord(before[0], end, before[2] * 100 + value, ordinal=False)
        before = (start, end, value)
        yield NumberWord(start, end, value, bool(found.is_ordinal))


_CHINESE = {
    "\u3007": 0, "零": 0, "一": 1, "二": 2, "两": 2, "兩": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8,
    "九": 9,
}  # fmt: skip
_CHINESE_UNITS = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
_CHINESE_NUMBER = re.compile("[\u3007零一二两兩三四五六七八九十百千万萬亿億]{2,20}")


def chinese_numbers(text: str) -> Iterator[NumberWord]:
    """The numbers in Chinese signs, as Chinese and Japanese texts have them; single signs are mostly other words."""
    for found in _CHINESE_NUMBER.finditer(text):
        if any(sign in _CHINESE_UNITS for sign in found.group()) and any(sign in _CHINESE for sign in found.group()):
            yield NumberWord(*found.span(), Decimal(_chinese_value(found.group())), ordinal=False)


def _chinese_value(signs: str) -> int:
    total = section = digit = 0
    for sign in signs:
        if sign in _CHINESE:
            digit = _CHINESE[sign]
            continue
        unit = _CHINESE_UNITS[sign]
        if unit < 10**4:
            section += (digit or 1) * unit
        else:
            total, section = (total + section + digit) * unit, 0
        digit = 0
    return total + section + digit
