"""The facts that a text states, by kind, with their places."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from math import inf
from typing import Literal, NamedTuple

from pytest_llmeval.checks.facts.dates import blanked, date_spans, month_spans, time_spans
from pytest_llmeval.checks.facts.languages import LANGUAGES
from pytest_llmeval.checks.facts.marks import citation_marks, other_marks
from pytest_llmeval.checks.facts.proportions import proportions
from pytest_llmeval.checks.facts.quantities import Quantity, quantities
from pytest_llmeval.checks.facts.quotations import quotations
from pytest_llmeval.checks.facts.weekdays import weekday_spans

Kind = Literal[
    "quote",
    "link",
    "email",
    "phone number",
    "date",
    "month",
    "weekday",
    "time",
    "number",
    "proportion",
    "name",
    "sentence",
    "part",
]

_LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"'`|\\^{}\u3000-\u30ff\u3400-\u9fff]+", re.IGNORECASE)
_EMAIL = re.compile(r"(?<![\w.+-])[\w+-][\w.+-]{0,63}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_PHONE = re.compile(r"(?<![\w.,])(?<!\d\s)(?:\+\d|\(0|0\d|\(\+\d)[\d\s()/.\u2010-\u2013-]{5,24}\d(?![\w]|[.,]\d)")
NAME_WITH_DIGITS = re.compile(
    r"(?<![\w-])(?!(?:AUD|BRL|CAD|CHF|CNY|DKK|EUR|GBP|INR|JPY|KRW|NOK|PLN|RMB|SEK|SGD|USD|Rs)\d)"
    r"(?:[A-Z]{1,10}[-_]?(?=\d)|[A-Za-z]{1,10}[-_]?(?=\d{3}))[\w-]{1,60}",
    re.ASCII,
)
_BLANK = re.compile("\x00+")
_FEWEST_DIGITS = 7  # of a phone number
_IDIOMS = 3  # number words up to this one count only with a unit
_UNCERTAIN = 12  # and up to this one where the language is not sure
_SEVERAL_MEANINGS = frozenset(["sei", "neuf", "once", "nove", "fire", "elf", "sette"])


class Fact(NamedTuple):
    """Something a text states that can be looked up.

    Attributes:
        start: where it starts, in characters.
        end: where it ends.
        quantity: of a number.
    """

    kind: Kind
    text: str
    start: int
    end: int
    quantity: Quantity | None = None


def facts(
    text: str, languages: tuple[str, ...] = LANGUAGES, sources: int = 9, most_numbers: float = inf
) -> Iterator[Fact]:
    """The facts of a text, by kind.

    No fact is part of another, but for those in quotes. Numbers that count a list and marks that cite are left out, and
    number words up to three without a unit, which texts use without meaning a figure.

    Args:
        languages: those that number words are read in.
        sources: how many sources a citation in round brackets may name.
        most_numbers: how many figures there may be, and as many readings of number words.

    Raises:
        TooManyNumbers: there are more.
    """
    yield from (Fact("quote", found.text, found.start, found.end) for found in quotations(text))
    plain, found = _apart(text, sources)
    yield from found
    yield from (Fact("proportion", text[start:end], start, end) for start, end in proportions(plain))
    for one in quantities(plain, languages, most_numbers):
        start, end = one.number
        if one.word and not _is_figure(one, text[start:end], languages):
            continue
        yield Fact("number", text[start:end], start, end, one)


class Read(NamedTuple):
    """A text that facts may come from.

    Attributes:
        quantities: as `facts` reads them.
        inside: those inside what is taken for something else, such as dates.
        others: its other facts, by kind and text.
    """

    quantities: list[Quantity]
    inside: list[Quantity]
    others: set[tuple[Kind, str]]


@lru_cache(maxsize=32)
def read(text: str, languages: tuple[str, ...]) -> Read:
    """What a text states, for others to be compared with; kept, since the samples of a case share its context."""
    plain, found = _apart(text, 9)
    inside = []
    known: dict[str, list[Quantity]] = {}  # the same date or number of an order often stands in a text many times
    for blank in _BLANK.finditer(plain):
        part = text[blank.start() : blank.end()]
        if part not in known:
            known[part] = quantities(part, ())
        inside += [one.moved(blank.start()) for one in known[part]]
    return Read(quantities(plain, languages), inside, {(fact.kind, fact.text) for fact in found})


def _is_figure(one: Quantity, written: str, languages: tuple[str, ...]) -> bool:
    """Whether a number word means a figure: it is large enough not to be an idiom, or has a unit."""
    if one.part:
        return False
    if not one.ordinal and any(reading.unit and reading.value > 1 for reading in one.readings):
        return True
    if any(reading.value > _UNCERTAIN for reading in one.readings):
        return True
    sure = len(languages) == 1 and written.casefold() not in _SEVERAL_MEANINGS
    return sure and any(reading.value > _IDIOMS for reading in one.readings)


def _apart(text: str, sources: int) -> tuple[str, list[Fact]]:
    """A text without what is no plain number, and the facts that were taken out of it."""
    found: list[Fact] = []
    for kind, pattern in (("link", _LINK), ("email", _EMAIL)):
        spans = []
        for match in pattern.finditer(text):
            written = match.group().rstrip(".,;:!?)]*_")
            spans.append((match.start(), match.start() + len(written)))
            found.append(Fact(kind, written, *spans[-1]))  # type: ignore[arg-type]
        text = blanked(text, spans)
    text = blanked(text, chain(((mark.start, mark.end) for mark in citation_marks(text, sources)), other_marks(text)))
    spans = list(date_spans(text))
    found += (Fact("date", text[start:end], start, end) for start, end in spans)
    text = blanked(text, spans)
    found += (Fact("month", text[start:end], start, end) for start, end in month_spans(text))
    found += (Fact("weekday", text[start:end], start, end) for start, end in weekday_spans(text))
    spans = list(time_spans(text))
    found += (Fact("time", text[start:end], start, end) for start, end in spans)
    text = blanked(text, spans)
    spans = [match.span() for match in _PHONE.finditer(text) if _is_phone(match.group())]
    found += (Fact("phone number", text[start:end], start, end) for start, end in spans)
    text = blanked(text, spans)
    spans = [match.span() for match in NAME_WITH_DIGITS.finditer(text)]
    found += (Fact("name", text[start:end], start, end) for start, end in spans)
    return blanked(text, spans), found


def _is_phone(written: str) -> bool:
    digits = sum(sign.isdigit() for sign in written)
    return digits >= _FEWEST_DIGITS and not re.fullmatch(r"0\.\d+", written)


def phone_digits(text: str) -> str:
    """The digits of a text alone."""
    return "".join(sign for sign in text if sign.isdigit())


def phones(text: str) -> Iterator[str]:
    """What may be a telephone number in a text, digits alone."""
    for match in re.finditer(r"\+?\(?\d[\d\s()/.\u2010-\u2013-]{5,40}\d", text):
        yield phone_digits(match.group())
