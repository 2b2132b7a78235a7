"""A check of a number in the reply, and the numbers that people and models write in a text."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Literal

from pytest_llmeval.checks.check import check, failed, passed
from pytest_llmeval.checks.plain_text import searchable
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
    text = searchable("number", reply)
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


# Digits glued to a Latin letter before them (ORD4471) are part of a name, not a number, but for codes of currencies.
# Those that touch letters of scripts without spaces, or of any other, are a number.
_CURRENCY_CODES = (
    *("AUD", "BRL", "CAD", "CHF", "CNY", "DKK", "EUR", "GBP", "INR", "JPY", "KRW", "NOK", "PLN", "RMB", "SEK", "SGD"),
    "USD",
)
_NUMERAL = re.compile(
    r"""
    (?=\d)
    (?: (?<![A-Za-z\u00aa\u00b5\u00ba\u00c0-\u024f\u1e00-\u1eff\d_])
      | """
    + "|".join(rf"(?<=\b{code})" for code in _CURRENCY_CODES)
    + r"""
      | (?<=\bRs) | (?<=\d[xX]) )
    (?<!\d[.,])
    (?: \d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d])        # 1,234,567.89
      | \d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?(?!\d)     # 12,34,567.89, as in India
      | \d{1,3}(?:\.\d{3})+,\d+(?!\d)               # 1.234.567,89
      | \d+(?:\.\d+){2,}                            # 1.234.567, or a version, an address, a date
      | \d{1,3}(?:[\u00a0\u202f\u2009'\u2019\u066c]\d{3})+(?:[.,\u066b]\d+)?(?!\d)
      | \d+[.,\u066b]\d+
      | \d+
    )
    (?:[eE][+-]?\d{1,3}(?!\w))?
    """,
    re.VERBOSE,
)

_MAGNITUDES = {
    **dict.fromkeys(("k", "thousand", "tsd", "tausend", "mil", "mila", "千", "천"), 3),
    **dict.fromkeys(("万", "萬", "만"), 4),
    **dict.fromkeys(("lakh", "lakhs"), 5),
    **dict.fromkeys(("m", "million", "millions", "mn", "mio", "mln", "millionen", "millones", "millón"), 6),
    **dict.fromkeys(("milhões", "milhão", "milioni", "milione", "miljoen"), 6),
    **dict.fromkeys(("crore", "crores"), 7),
    **dict.fromkeys(("亿", "億", "억"), 8),
    **dict.fromkeys(("billion", "bn", "mrd", "milliarde", "milliarden", "milliard", "milliards", "miliardi"), 9),
    **dict.fromkeys(("miljard", "bilhões", "b"), 9),
    **dict.fromkeys(("trillion", "tn"), 12),
}
_MAGNITUDE = re.compile(
    r"[kKmMB](?![^\W_])|[\s\u00a0-]?(?:"
    + "|".join(sorted((word for word in _MAGNITUDES if len(word) > 1), key=len, reverse=True))
    + r")(?![^\W_])|[千천万萬만亿億억]",
    re.IGNORECASE,
)

_GROUP_MARKS = re.compile("[\u00a0\u202f\u2009'\u2019\u066c]")
_MINUS = "-\u2212"
_CURRENCY = "$€£¥₹₩₽¢"
_CURRENCIES = tuple(_CURRENCY)
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{2,3})*,\d{3}(?:[eE].*)?")
_LONGEST = 60  # characters; longer digits are not a figure


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
        before = start - 1
        while value is not None and (unit := _MAGNITUDE.match(text, end)):
            word = unit.group().strip("\u00a0 -")
            money = text[max(0, start - 2) : start].strip()[-1:] in _CURRENCIES
            if (word == "m" and not money) or word == "b":  # "5 m" are metres
                break
            value = value.scaleb(_MAGNITUDES[word.lower()])
            end = unit.end()
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


def _value(digits: str) -> Decimal | None:
    if len(digits) > _LONGEST:
        return None
    if digits.isascii() and digits.isdigit():
        return Decimal(digits)
    plain = _GROUP_MARKS.sub("", digits).replace("\u066b", ".")
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
        grouped = len(digits) == len(plain) and _THOUSANDS.fullmatch(plain)
        plain = plain.replace(",", "") if grouped else plain.replace(",", ".")
    try:
        return Decimal(plain)
    except InvalidOperation:
        return None
