"""Shares, multiples and orders of magnitude that a text names by words: two thirds, doubled, thousands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from pytest_llmeval.checks.facts.quantities import Quantity, fractions

_SHARES = (
    ("0.6667", r"two[\s-]thirds|zwei drittel|deux tiers|dos tercios|due terzi|dois terços"),
    ("0.75", r"three[\s-]quarters|drei viertel|dreiviertel|trois quarts|tres cuartos|tre quarti|três quartos"),
    ("0.3333", r"(?:a|one)[\s-]third of|ein drittel|un tiers|un tercio|un terzo|um terço"),
    ("0.25", r"(?:a|one)[\s-]quarter of|ein viertel|un quart d|un cuarto de|un quarto d|um quarto d"),
    ("0.5", r"(?:one[\s-])?half of|die hälfte|la moitié|la mitad|la metà|de helft|a metade"),
)
_MULTIPLES = (
    (2, r"doubl(?:ed?|es|ing)|twice as|verdoppel\w+|doppelt so|doublé\w*|duplic\w+|raddoppi\w+"),
    (3, r"tripl(?:ed?|es|ing)|three times as|verdreifach\w+|dreimal so|triplé\w*|triplic\w+"),
)
_MAGNITUDES = (
    (12, r"dozens|dutzende|douzaines|docenas|dozzine"),
    (100, r"hundreds|hunderte|centaines|cientos|centinaia|honderden|centenas"),
    (1000, r"thousands|tausende|milliers|miles de|migliaia|duizenden|milhares"),
    (10**6, r"millions of|millionen von|des millions|millones de|milioni di|milhões de"),
    (10**9, r"billions of|milliarden von|des milliards|miliardi di"),
)
_SHARE, _MULTIPLE, _MAGNITUDE = "share", "multiple", "magnitude"
_PATTERNS = tuple(
    (sort, Decimal(value), re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE))
    for sort, table in ((_SHARE, _SHARES), (_MULTIPLE, _MULTIPLES), (_MAGNITUDE, _MAGNITUDES))
    for value, words in table
)
_ANY = re.compile("|".join(pattern.pattern for _, _, pattern in _PATTERNS), re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+")
# How these begin: looked up first, since most words begin none.
_HEADS = frozenset(
    (
        *("a", "one", "two", "zwe", "deu", "dos", "due", "doi", "thr", "dre", "tro", "tre", "ein", "un", "um"),
        *("la", "die", "de", "hal", "dou", "twi", "ver", "dop", "dup", "rad", "tri", "doz", "dut", "doc", "hun", "cen"),
        *("cie", "hon", "tho", "tau", "mil", "mig", "dui", "bil", "des", "trê"),
    )
)
_WHOLE_WORDS = (  # that say the same of a number without naming it
    (2, re.compile(r"(?<!\w)(?:twice|two|double|2|zwei|doppel|deux|dos|due|twee|dois)", re.IGNORECASE)),
    (3, re.compile(r"(?<!\w)(?:thrice|three|triple|3|drei|trois|tres|tre|drie|três)", re.IGNORECASE)),
)
_ROUND = Decimal("0.5")  # percentage points


class Proportion(NamedTuple):
    """A share, a multiple or an order of magnitude."""

    start: int
    end: int


def proportions(text: str) -> Iterator[Proportion]:
    """Where a text names some."""
    end = 0
    for word in _WORD.finditer(text):
        if word.group()[:3].lower() in _HEADS and word.start() >= end and (found := _ANY.match(text, word.start())):
            end = found.end()
            yield Proportion(*found.span())


def holds_proportion(written: str, texts: Sequence[str], found: Sequence[Quantity]) -> bool:
    """Whether sources have a proportion, in words, as a percentage or by two numbers.

    Args:
        found: the quantities of the sources.
    """
    for sort, value, pattern in _PATTERNS:
        if pattern.fullmatch(written):
            if any(pattern.search(text) for text in texts):
                return True
            if sort == _SHARE:
                return _holds_share(value, texts, found)
            if sort == _MULTIPLE:
                return _holds_multiple(value, texts, found)
            return any(abs(reading.value) >= value for one in found for reading in one.readings)
    return False


def _holds_share(value: Decimal, texts: Sequence[str], found: Sequence[Quantity]) -> bool:
    if any(value in fractions(text) for text in texts):
        return True
    percent = value * 100
    return any(abs(reading.value - percent) <= _ROUND for one in found for reading in one.readings)


def _holds_multiple(value: Decimal, texts: Sequence[str], found: Sequence[Quantity]) -> bool:
    if any(pattern.search(text) for number, pattern in _WHOLE_WORDS for text in texts if number == value):
        return True
    plain = [one.readings[0] for one in found if one.readings]
    for place, (number, unit) in enumerate(plain):
        for other, other_unit in plain[place + 1 : place + 4]:
            if unit == other_unit and number and other and (number * value == other or other * value == number):
                return True
    return any(reading.value == (value - 1) * 100 for one in found for reading in one.readings)
