"""Phone numbers: international ones, the common forms within countries, and others behind a word such as ``phone``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_llmeval.checks.personal.written import ENDS, STARTS, Number, stands_for

# Codes that the ITU has given to a country or a network (E.164).
_COUNTRY = re.compile(
    r"1|7|2(?:[07]|1[12368]|[2-6]\d|9[01789])|3(?:[0-469]|5\d|7\d|8[0-35-79])|4(?:[013-9]|2[013])|5(?:[1-8]|0\d|9\d)"
    r"|6(?:[0-6]|7\d|8\d|9[0-2])|8(?:[1246]|00|08|5[02356]|70|78|8[0-368])|9(?:[0-58]|6\d|7\d|9\d)"
)
_GAP = r"[ \u00a0./()\u2010-\u2013-]"
_TAIL = rf"(?:{_GAP}{{0,3}}\d){{6,17}}(?![\w:]|[.,]\d)"
_INTERNATIONAL = re.compile(
    rf"(?=[+0])(?:(?<![\w+/])|(?<=\\[bfnrt]))(?:\+\(?(?=[1-9])|(?<![.-])(?<!\d )(?P<zeros>00 ?)(?=[1-9]))\d{_TAIL}"
)
_EDGE = rf"(?=[(\d]){STARTS}(?<![.,/:+-])"
_AFTER = rf"{ENDS}(?![-/:]\d)"
# North America, whatever the area, since people make numbers up; and Brazil.
_AMERICAN = re.compile(
    rf"{_EDGE}(?:1[ .-])?(?:\(\d{{3}}\) ?\d{{3}}[ .-]\d{{4}}|\d{{3}}([.-])\d{{3}}\1\d{{4}}"
    rf"|\(\d\d\) ?\d{{4,5}}-\d{{4}}){_AFTER}"
)
# Pairs as in France, and an area with a 0 before it as in most of Europe, Asia and Australia.
_PAIRS = re.compile(rf"{_EDGE}(?<!\d )0[1-9](?:([ .-])\d\d)(?:\1\d\d){{3}}{_AFTER}")
_TRUNK = re.compile(
    rf"{_EDGE}(?<!\d )(?:\(0[1-9]\d{{0,4}}\)[ /]{{0,3}}|0[1-9]\d{{1,4}}[ /\u2013-]{{1,3}}"
    rf"|0[1-9][ /-]{{1,3}}(?!(?:19|20)\d\d-)(?=\d{{3}}))"
    rf"\d{{1,8}}(?:[ /\u2013-]{{1,3}}\d{{1,8}}){{0,4}}{_AFTER}"
)
_ANY = re.compile(rf"{_EDGE}\(?\d{_TAIL}")
_OTHER = re.compile(r"\d+ (?:19|20)\d\d|\d{4}([ -])\d{4}\1\d{4}")  # the number of a paper and its year; a voucher
_DATE = re.compile(r"\d{4}[-./]\d{1,2}[-./]\d{1,2}(?!\d)|\d{1,2}[-./]\d{1,2}[-./](?:\d{4}|\d\d)(?!\d)")


def phone_numbers(text: str) -> Iterator[Number]:
    """The phone numbers of a text; the same one may come in several forms.

    Args:
        text: any. A number of a few digits, or one without a form, counts behind a word such as ``phone`` alone.
    """
    for found in _INTERNATIONAL.finditer(text):
        yield from _international(text, found)
    for pattern, fewest, most in ((_AMERICAN, 10, 11), (_PAIRS, 10, 10), (_TRUNK, 9, 12)):
        for found in pattern.finditer(text):
            written = _without_a_further_number(found[0])
            if (
                not _OTHER.fullmatch(written)
                and fewest <= len(_digits(written)) <= most
                and stands_for(text, found.start()) != "thing"
            ):
                yield _number(found.start(), written)
    for found in _ANY.finditer(text):
        written = _without_a_further_number(found[0])
        if stands_for(text, found.start()) == "phone" and not _DATE.match(written) and len(_digits(written)) <= 15:
            yield _number(found.start(), written)


def _international(text: str, found: re.Match[str]) -> Iterator[Number]:
    written = _without_a_further_number(found[0])
    inner = re.sub(r"\(0\)", "", written)
    digits = _digits(inner)
    if found["zeros"]:
        digits = digits[2:]
        if stands_for(text, found.start()) != "phone" and not _is_grouped(inner):
            return
    country = _COUNTRY.match(digits)
    decimal = re.fullmatch(r"\+\d+\.\d+", written)
    if country is None or decimal:
        return
    if len(digits) == 11 if country[0] in "17" else 9 <= len(digits) <= 15:
        yield Number(found.start(), found.start() + len(written), f"+{digits}")


def _is_grouped(written: str) -> bool:
    """Whether a number that begins with 00 is written as people write one: with the country apart, or no hyphens."""
    first, *rest = re.findall(r"\d+", written)
    if not rest or (first == "00" and len(rest) < 2):
        return False
    return bool(_COUNTRY.fullmatch(rest[0] if first == "00" else first[2:])) or "-" not in written


def _without_a_further_number(written: str) -> str:
    """A match without a short number that stands behind it, as in ``030 1234567 10 times``."""
    further = re.search(r"(?<=\d{5}) {1,3}\d{1,2}$", written)
    return written[: further.start()] if further else written


def _number(start: int, written: str) -> Number:
    return Number(start, start + len(written), _digits(written))


def _digits(written: str) -> str:
    return re.sub(r"\D", "", written)
