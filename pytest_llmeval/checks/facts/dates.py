"""The dates and the times of day in a text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from pytest_llmeval.checks.facts.month_names import MONTHS


class Date(NamedTuple):
    """A day, or a month of a year; a part that the text does not name is None."""

    year: int | None
    month: int
    day: int | None


_MONTH = rf"(?P<month>{'|'.join(sorted(MONTHS, key=len, reverse=True))})(?![^\W_])\.?"
_YEAR = r"(?:\s?,?\s(?:del?\s)?(?P<year>(?:1[0-9]|20)\d{2})(?!\d))"
_DAY = r"(?P<day>\d{1,2})"
_TO = r"\s?(?:[-\u2010-\u2015\u2212/]|to|and|bis|und|au|et|al?|y|e|tot|en)\s?"

_FIGURES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?<![\w-])(?P<year>\d{{4}})(?P<between>[-/.])(?P<number>\d{{1,2}})(?P=between){_DAY}(?!\d)",
        r"(?P<year>\d{4})\s?[年년]\s?(?P<number>\d{1,2})\s?[月월]\s?(?P<day>\d{1,2})\s?[日일号]",
        r"(?<!\d)(?P<number>\d{1,2})\s?[月월]\s?(?P<day>\d{1,2})\s?[日일号]",
        r"(?<![\w/.])(?P<day>\d{1,2})(?P<mark>[/.-])(?P<number>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2})(?![\w/]|[.-]\d)",
        r"(?<![\w/.])(?P<day>\d{1,2})\.(?P<number>\d{1,2})\.(?!\w|\s?\d)",
    )
)
_NAMED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?<!\w){_DAY}(?:st|nd|rd|th|er|\.|º|°)?\s(?:of\s|de\s|di\s)?(?:the\s)?{_MONTH}{_YEAR}?",
        rf"(?<!\w){_MONTH}\s(?:the\s)?{_DAY}(?:st|nd|rd|th)?(?![\w%]|[.,:]\d|\s?(?:percent|%|million)){_YEAR}?",
        rf"(?<!\w){_MONTH}(?:\s?,)?\s(?:of\s|de\s|del\s|di\s)?(?P<year>(?:1[0-9]|20)\d{{2}})(?!\d)",
    )
)
# "20-22 May" and "May 20-22" name two days; the day that stands beside the month is found above.
_FIRST_OF_TWO = re.compile(
    rf"(?<!\w){_DAY}(?:st|nd|rd|th|\.)?{_TO}\d{{1,2}}(?:st|nd|rd|th|\.)?\s{_MONTH}", re.IGNORECASE
)
_LAST_OF_TWO = re.compile(rf"(?<!\w){_MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?{_TO}{_DAY}(?![\w%]|[.,]\d)", re.IGNORECASE)
_WITH_MONTH_FIRST = frozenset([*_NAMED[1:], _LAST_OF_TWO])

_HALF = r"(?:[ap]\.\s?m\.|[ap]\s?m(?![a-z]))"
_TIME = re.compile(
    r"(?<![\w.:,$€£])(?:"
    r"(?P<hour>[01]?\d|2[0-4])(?:[:\uff1a](?P<minute>[0-5]\d)(?::[0-5]\d)?|\s?h\s?(?P<french>[0-5]\d)(?!\s?m)|\.(?P<other>[0-5]\d)"
    rf"(?=\s?(?:{_HALF}|uhr|h\b)))(?!\d)(?:\s?(?P<half>{_HALF})|\s?(?:uhr|h)(?!\w))?"
    rf"|(?P<whole>1?\d|2[0-4])\s?(?:(?P<half2>{_HALF})|uhr(?!\w)|o['\u2019]clock))",
    re.IGNORECASE,
)
_EASTERN_TIME = re.compile(
    r"(?P<half>上午|早上|午前|오전|下午|晚上|午後|오후)\s?(?P<hour>1?\d|2[0-4])\s?[点點時时시](?:\s?(?P<minute>[0-5]?\d)\s?[分분])?"
)
_AFTERNOON = ("下午", "晚上", "午後", "오후")
_FIRST_TIME = re.compile(
    r"(?<![\w.:,$€£])(?P<hour>1?\d|2[0-4])(?:[:.](?P<minute>[0-5]\d))?\s?(?:[-\u2010-\u2015]|to|bis|until|and|und)\s?"
    r"\d{1,2}(?:[:.][0-5]\d)?\s?(?:[ap]\.?\s?m(?![a-z])|uhr)",
    re.IGNORECASE,
)
_PLAIN_HOURS = re.compile(
    r"(?<!\w)(?:from|between|von|zwischen|de|entre|dalle|das|van|tussen)\s(\d{1,2})\s"
    r"(?:to|and|until|till|bis|und|à|et|a|y|alle|e|às|tot|en)\s(\d{1,2})(?!\s?[%€$£\w]|[.,:]\d)",
    re.IGNORECASE,
)
_NAMED_TIMES = {"noon": 720, "midday": 720, "midnight": 0, "mittag": 720, "mitternacht": 0, "midi": 720, "minuit": 0}
_NAMED_TIME = re.compile(rf"(?<!\w)(?:{'|'.join(_NAMED_TIMES)})(?!\w)", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{3,10}")
_OTHER_WORDS = ("march", "mars", "mayo", "sept", "janv")  # that a capital does not make a month
_AROUND = 40  # characters of a date before and after its month


def date_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where dates stand, one pattern after the other; no two overlap."""
    near = _near_months(text)
    for pattern in (*_FIGURES[:3], *_NAMED, *_FIGURES[3:]):
        spans = [found.span() for found in _matches(pattern, text, near) if any(True for _ in read_date(found))]
        yield from spans
        text = blanked(text, spans) if spans else text


def dates(text: str) -> set[Date]:
    """The dates that a text names, in whatever notation; two for 3/4/2026."""
    near = _near_months(text)
    patterns = (*_FIGURES, *_NAMED, _FIRST_OF_TWO, _LAST_OF_TWO)
    return {date for pattern in patterns for found in _matches(pattern, text, near) for date in read_date(found)}


def _is_verb(found: re.Match[str]) -> bool:
    """Whether "may" or "march" is a verb, as in "aged 8-12 may join"."""
    groups = found.groupdict()
    written = found.string[found.end() : found.end() + 2]
    bare = groups["month"] in ("may", "march") and not groups.get("year") and found.group().endswith(groups["month"])
    return bare and bool(re.match(r"\s[a-z]", written)) and not re.search(r"\d(?:st|nd|rd|th)", found.group())


@lru_cache(maxsize=8)
def _month_words(text: str) -> tuple[re.Match[str], ...]:
    """Where months stand by name, whole words alone."""
    return tuple(_found_month_words(text))


def _found_month_words(text: str) -> Iterator[re.Match[str]]:
    for found in _WORD.finditer(text):
        if found.group().lower() in MONTHS:
            around = text[found.start() - 1 : found.start()] + text[found.end() : found.end() + 1]
            if not any(sign.isalpha() for sign in around):
                yield found


class _Near(NamedTuple):
    """Where the patterns with names of months can match.

    Attributes:
        months: where the names begin.
        windows: the parts of the text around them.
    """

    months: list[int]
    windows: list[tuple[int, int]]


def _near_months(text: str) -> _Near:
    windows: list[tuple[int, int]] = []
    for found in _month_words(text):
        start, end = max(0, found.start() - _AROUND), found.end() + _AROUND
        if windows and start <= windows[-1][1]:
            windows[-1] = (windows[-1][0], end)
        else:
            windows.append((start, end))
    return _Near([found.start() for found in _month_words(text)], windows)


def _matches(pattern: re.Pattern[str], text: str, near: _Near) -> Iterator[re.Match[str]]:
    if "month" not in pattern.groupindex:
        yield from pattern.finditer(text)
    elif pattern in _WITH_MONTH_FIRST:  # to try its many names everywhere takes long
        found = (pattern.match(text, start) for start in near.months)
        yield from (each for each in found if each is not None and not _is_verb(each))
    else:
        for start, end in near.windows:
            yield from (each for each in pattern.finditer(text, start, end) if not _is_verb(each))


def months(text: str) -> set[int]:
    """The months that a text names, also without a day or a year."""
    return {MONTHS[found.group().lower()] for found in _month_words(text)}


def month_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where months stand alone, by a whole name with a capital that is no other word."""
    for found in _month_words(text):
        name = found.group()
        if name[0].isupper() and len(name) > 3 and name.lower() not in _OTHER_WORDS:
            yield found.span()


def month_of(name: str) -> int | None:
    """The number of a month."""
    return MONTHS.get(name.lower())


def date_of(written: str) -> tuple[Date, ...]:
    """The days that one written date can mean."""
    for pattern in (*_FIGURES, *_NAMED):
        found = pattern.fullmatch(written)
        if found:
            return tuple(read_date(found))
    return ()


def read_date(found: re.Match[str]) -> Iterator[Date]:
    """The days that a match can mean: two for 3/4/2026, none for 45/99/2026."""
    groups = found.groupdict()
    year = int(groups["year"]) if groups.get("year") else None
    if year is not None and year < 100:
        year += 2000 if year < 70 else 1900
    day = int(groups["day"]) if groups.get("day") else None
    if day is not None and not 1 <= day <= 31:
        return
    if groups.get("month"):
        yield Date(year, MONTHS[groups["month"].lower()], day)
        return
    month = int(groups["number"])
    if 1 <= month <= 12:
        yield Date(year, month, day)
    if (groups.get("mark") == "/" and day is not None and day <= 12 and 1 <= month <= 31) or (
        groups.get("mark") == "/" and month > 12 and day is not None and day <= 12 and month <= 31
    ):
        yield Date(year, day, month)


def times(text: str) -> set[int]:
    """The times of day that a text names, in minutes since midnight; two for 5:30, which may be in the afternoon."""
    found = {minutes for start, end in time_spans(text) for minutes in time_of(text[start:end])}
    found |= {_NAMED_TIMES[match.group().lower()] for match in _NAMED_TIME.finditer(text)}
    for match in _PLAIN_HOURS.finditer(text):
        hours = [int(hour) for hour in match.groups()]
        found |= {(hour + half) % 24 * 60 for hour in hours if hour <= 24 for half in (0, 12)}
    for match in _FIRST_TIME.finditer(text):
        hour, minute = int(match["hour"]), int(match["minute"] or 0)
        found |= {hour % 24 * 60 + minute, (hour + 12) % 24 * 60 + minute}
    return found


def time_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where times of day stand."""
    for pattern in (_TIME, _EASTERN_TIME):
        yield from (found.span() for found in pattern.finditer(text))


def time_of(written: str) -> tuple[int, ...]:
    """What one written time can mean, in minutes since midnight."""
    if eastern := _EASTERN_TIME.fullmatch(written):
        later = 12 if eastern["half"] in _AFTERNOON else 0
        return (((int(eastern["hour"]) % 12) + later) * 60 + int(eastern["minute"] or 0),)
    found = _TIME.fullmatch(written)
    if not found:
        return ()
    hour = int(found["hour"] or found["whole"])
    minute = int(found["minute"] or found["french"] or found["other"] or 0)
    half = (found["half"] or found["half2"] or "").lower()
    if half:
        return (((hour % 12) + (12 if half.startswith("p") else 0)) * 60 + minute,)
    if hour <= 12 and "uhr" not in written.lower():
        return (hour % 24 * 60 + minute, (hour + 12) % 24 * 60 + minute)
    return (hour % 24 * 60 + minute,)


def blanked(text: str, spans: Iterable[Sequence[int]]) -> str:
    """The text with parts of it replaced by as many marks that no fact holds."""
    pieces, last = [], 0
    for start, end in sorted((span[0], span[1]) for span in spans):
        if start >= last:
            pieces += [text[last:start], "\x00" * (end - start)]
            last = end
    return "".join(pieces) + text[last:]
