"""A check of a number in the reply, and the numbers that people and models write in a text."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Literal

from pytest_llmeval.checks.check import check, failed, passed
from pytest_llmeval.checks.plain_text import text_of
from pytest_llmeval.errors import LlmevalError
from pytest_llmeval.score import Score
from pytest_llmeval.text import listed, quoted, shown

__tracebackhide__ = True


@check
def assert_number(
    reply: str | float | Decimal,
    expected: float | Decimal,
    *,
    abs: float = 0.0,  # noqa: A002 - as in pytest.approx
    rel: float = 0.0,
    which: Literal["only", "first", "last"] = "only",
    category: str | None = None,
) -> Score:
    """Check the number in the reply; separators, currency and percent signs do not matter.

    Args:
        reply: the answer, or a number that was taken from it.
        expected: the number; 60 for ``60 %``.
        abs: the allowed difference.
        rel: the allowed difference as a share of `expected`; the larger of the two counts.
        which: the number that counts when the reply holds several different ones; ``only`` forbids that.
        category: the error category of a failure; by default ``wrong_answer``, or ``format`` for a reply without
            a number.

    Raises:
        LlmevalError: the expected number or a tolerance is invalid.
    """
    if which not in ("only", "first", "last"):
        raise LlmevalError(f"assert_number: which={shown(which)} does not exist; there are only, first, last")
    for name, value in (("the expected number", expected), ("abs", abs), ("rel", rel)):
        number = isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or (name in ("abs", "rel") and value < 0):
            given = value if isinstance(value, Decimal) else shown(value)
            raise LlmevalError(f"assert_number: {name} is {given}, which is not a number to compare with")
    target = Decimal(str(expected))
    allowed = max(Decimal(str(abs)), Decimal(str(rel)) * target.copy_abs())
    if isinstance(reply, (int, float, Decimal)) and not isinstance(reply, bool):
        if not math.isfinite(reply):
            return failed(f"expected {target}, got {reply}")
        return _compared(Decimal(str(reply)), str(reply), target, allowed)
    text = text_of(reply)
    found = [numeral for numeral in numerals(text) if numeral.value is not None]
    if not found:
        return failed(f"expected {target}, but the reply holds no number: {quoted(text)}", category="format")
    values = {numeral.value for numeral in found}
    if which == "only" and len(values) > 1:
        written = list(dict.fromkeys(numeral.text for numeral in found))
        return failed(f"expected only {target}, but the reply holds {len(values)} numbers: {listed(written, 5, 20)}")
    numeral = found[-1 if which == "last" else 0]
    return _compared(numeral.value or Decimal(0), numeral.text, target, allowed)


def _compared(value: Decimal, written: str, target: Decimal, allowed: Decimal) -> Score:
    difference = (value - target).copy_abs()
    if difference <= allowed:
        return passed()
    within = f" within {allowed.normalize():g}" if allowed else ""
    return failed(f"expected {target}{within}, got {quoted(written, 40)}")


# Digits glued to a letter before them (ORD4471) are part of a name, not a number.
_NUMERAL = re.compile(
    r"""
    (?<!\w)(?<!\d[.,])
    (?: \d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d])        # 1,234,567.89
      | \d{1,3}(?:\.\d{3})+,\d+(?!\d)               # 1.234.567,89
      | \d+(?:\.\d+){2,}                            # 1.234.567, or a version, an address, a date
      | \d{1,3}(?:[\u00a0\u202f'\u2019]\d{3})+(?:[.,]\d+)?(?!\d)
      | \d+[.,]\d+
      | \d+
    )
    (?:[eE][+-]?\d{1,3}(?!\w))?
    """,
    re.VERBOSE,
)

_MAGNITUDE = re.compile(r"(?:[kK]|\s?(?:thousand|million|mn|mio|billion|bn|trillion))\b", re.IGNORECASE)
_MAGNITUDES = {
    "k": 3, "thousand": 3, "million": 6, "mn": 6, "mio": 6, "billion": 9, "bn": 9, "trillion": 12,
}  # fmt: skip

_GROUP_MARKS = re.compile("[\u00a0\u202f'\u2019]")
_MINUS = "-\u2212"
_CURRENCY = "$€£¥₹₩₽¢"
_LONGEST = 60  # characters; longer digits are not a figure

_ONES = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip

_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip

_WORD = re.compile(
    rf"\b(?:(?P<tens>{'|'.join(_TENS)})(?:[-\s](?P<unit>{'|'.join(list(_ONES)[1:10])}))?|(?P<ones>{'|'.join(_ONES)}))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number in a text.

    Attributes:
        text: as it is written.
        value: None for what only looks like a number: a version, an address, endless digits.
    """

    text: str
    start: int
    end: int
    value: Decimal | None


def numerals(text: str) -> Iterator[Numeral]:
    """The numbers in a text, in order.

    ``1,234.5``, ``1.234,5``, ``1 234`` with a no-break space and ``1'234`` are read with thousands separators; a lone
    ``1,234`` is read as 1234, a lone ``1.234`` as 1.234. ``$`` and ``%`` are ignored, ``5 million`` and ``5k`` are
    multiplied. A minus counts when no word or digit is glued to its other side.
    """
    for found in _NUMERAL.finditer(text):
        start, end = found.span()
        value = _value(found.group())
        unit = _MAGNITUDE.match(text, end)
        if unit and value is not None:
            value = value.scaleb(_MAGNITUDES[unit.group().strip().lower()])
            end = unit.end()
        before = start - 1
        if before >= 0 and text[before] in _CURRENCY:
            before -= 1
        if (
            before >= 0
            and text[before] in _MINUS
            and not (before and (text[before - 1].isalnum() or text[before - 1] in ")%"))
        ):
            value = -value if value is not None else None
            start = before
        yield Numeral(text[start:end], start, end, value)


def words_as_numbers(text: str) -> Iterator[Numeral]:
    """The English number words up to ninety-nine in a text, in order."""
    for found in _WORD.finditer(text):
        if found["tens"]:
            number = _TENS[found["tens"].lower()] + (_ONES[found["unit"].lower()] if found["unit"] else 0)
        else:
            number = _ONES[found["ones"].lower()]
        yield Numeral(found.group(), found.start(), found.end(), Decimal(number))


def _value(digits: str) -> Decimal | None:
    if len(digits) > _LONGEST:
        return None
    plain = _GROUP_MARKS.sub("", digits)
    if plain.count(".") > 1 and "," not in plain:
        groups = plain.split(".")
        if any(len(group) != 3 for group in groups[1:]) or len(groups[0]) > 3:
            return None
        plain = "".join(groups)
    elif "," in plain and "." in plain:
        plain = (
            plain.replace(".", "").replace(",", ".")
            if plain.rindex(",") > plain.rindex(".")
            else plain.replace(",", "")
        )
    elif "," in plain:
        grouped = len(digits) == len(plain) and re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:[eE].*)?", plain)
        plain = plain.replace(",", "") if grouped else plain.replace(",", ".")
    try:
        return Decimal(plain)
    except InvalidOperation:
        return None
