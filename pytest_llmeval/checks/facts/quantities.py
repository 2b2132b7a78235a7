"""The quantities of a text: figures and number words with their units, and the words that bound them."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from decimal import Decimal
from math import inf
from typing import NamedTuple

from pytest_llmeval.checks.facts.bounds import Bound, bound_of
from pytest_llmeval.checks.facts.languages import LANGUAGES
from pytest_llmeval.checks.facts.number_words import chinese_numbers, number_words
from pytest_llmeval.checks.facts.units import Unit, units_after, units_before
from pytest_llmeval.checks.number import Numeral, numerals


class Reading(NamedTuple):
    """One way to read a quantity."""

    value: Decimal
    unit: Unit | None = None


class Quantity(NamedTuple):
    """A number in a text.

    Attributes:
        start: where it starts, in characters, a currency before it included.
        end: where it ends, its unit included.
        number: where its number alone starts and ends.
        readings: what it may mean; empty for what only looks like a number: a version, endless digits.
        bound: what stands around it: "over" 400, "under" 400, "almost" 400.
        denied: whether a negation stands near it in its sentence.
        word: whether it is written as a word.
        ordinal: whether it is a rank, as in "2nd".
        decade: whether it is one, as in "the 80s".
        part: whether it is a part of a longer number word, as "eighty-four" of "nineteen eighty-four".
        parts: for a number torn apart, as "10, 000", what its parts are by themselves.
        step: what the last written digit stands for.
    """

    start: int
    end: int
    number: tuple[int, int]
    readings: tuple[Reading, ...]
    bound: Bound = ""
    denied: bool = False
    word: bool = False
    ordinal: bool = False
    decade: bool = False
    part: bool = False
    parts: tuple[Quantity, ...] = ()
    step: float = 1.0

    def moved(self, shift: int) -> Quantity:
        """The same, in a text that has so many characters more before it."""
        number = (self.number[0] + shift, self.number[1] + shift)
        parts = tuple(part.moved(shift) for part in self.parts)
        return self._replace(start=self.start + shift, end=self.end + shift, number=number, parts=parts)


_ORDINAL = re.compile(r"\s?(?:st|nd|rd|th|ty)(?![^\W_])|(?:er|re|ère|ème|eme|e|º|ª|°)(?![^\W_])", re.IGNORECASE)
_DECADE = re.compile(r"\s?['\u2019]?\s?s(?![^\W_])|er(?:n)?(?:-?jahren?)?(?![^\W_])", re.IGNORECASE)
_DECADE_WORDS = {
    "twenties": 20, "thirties": 30, "forties": 40, "fifties": 50, "sixties": 60, "seventies": 70, "eighties": 80,
    "nineties": 90,
}  # fmt: skip
_DECADE_WORD = re.compile(rf"(?<![^\W_])(?:{'|'.join(_DECADE_WORDS)})(?![^\W_])", re.IGNORECASE)
_GROUPED = re.compile(r"[-\u2212]?(\d{1,3})([.,])(\d{3})")
_SHORTEST_GROUPED = 5  # characters, as in 1.234
_TWO_DIGITS = re.compile(r"[-\u2212]?(\d{2})")
_FIGURE = re.compile(r"[\d.,]*")
_GAP_IN_NUMBER = re.compile(r"(?<=[\d.,])\s(?=[\d.,])")
_YEAR = re.compile(r"(1[0-9]|20)(\d{2})")
_RANGE = re.compile(r"\s?(?:-{1,2}|[\u2010-\u2015\u2212~/]|to|bis|à|a|al|tot|until|through)\s?", re.IGNORECASE)
_TORN = re.compile(
    r"(?<![\w.,])(?:"
    r"\d{1,3}(?: ?, \d{3})+(?:\s?\.\s?\d+)?"  # 10, 000
    r"|\d{1,3}(?: \d{3})+(?:[.,]\d+)?"  # 1 234,50
    r"|\d{1,3}(?:,\d{3})*(?:\. | \. ?|, )\d{1,2}"  # 7. 8
    r")(?!\w|[.,]\d)"
)
_FRACTION_WORDS = (
    ("0.5", r"half|halves|hälfte|halbe[nrs]?|moitié|mitad|metà|helft|metade|½|1/2"),
    ("0.3333", r"(?:one[\s-])?third|drittel|tiers|tercio|⅓|1/3"),
    ("0.6667", r"two[\s-]thirds|zwei drittel|deux tiers|⅔|2/3"),
    ("0.25", r"quarter|viertel|quart|cuarto|¼|1/4"),
    ("0.75", r"three[\s-]quarters|drei viertel|dreiviertel|¾|3/4"),
)
_FRACTION = re.compile(  # the first letters alone, since to try all words everywhere takes long
    r"(?<!\w)(?=[hmodtzqcv½⅓⅔¼¾123])(?:"
    + "|".join(rf"(?P<f{n}>{words})" for n, (_, words) in enumerate(_FRACTION_WORDS))
    + r")(?!\w)",
    re.IGNORECASE,
)

_ONE = re.compile(
    r"(?<!\w)(?=[aeuh])(?:(?:half|halbe[nrs]?)\s)?(?:an?|eine?[mnrs]?|une?|una?|een|uma?)"
    r"(?:\s(?:half|halbe[nrs]?|demi-|media|medio|mezz[oa]|halve?))?(?=[\s-])|(?<!\w)half(?=[\s-])",
    re.IGNORECASE,
)
_HALF = re.compile(r"hal|dem|med|mez", re.IGNORECASE)
_WORDS_TO_TEN = "one|two|three|four|five|six|seven|eight|nine|ten"
_AND_A_HALF = re.compile(
    rf"(?<![\w.,])(?P<whole>\d{{1,4}}|{_WORDS_TO_TEN})(?:\s?½|\sand\sa\shalf(?!\w)|\s1/2(?![\w/]))|(?<!\w)(?:anderthalb|eineinhalb)",
    re.IGNORECASE,
)
_TOGETHER = re.compile(r",?\s?(?:and\s|und\s|et\s|y\s|e\s|en\s)?", re.IGNORECASE)
_YEAR_DIGITS = 4
_MOST_EXPONENT = 300  # of a float
_SENTENCE_END = re.compile(r"[.!?;。\uff01\uff1f\n]")


class TooManyNumbers(Exception):
    """A text has more numbers than were to be read."""


def quantities(text: str, languages: Iterable[str] = LANGUAGES, most: float = inf) -> list[Quantity]:
    """The quantities of a text, in order.

    A number torn apart and a date's or a link's digits are the business of others: blank them before.

    Args:
        languages: those that number words are read in.
        most: how many figures there may be, and as many readings of number words.

    Raises:
        TooManyNumbers: there are more; what they mean, which takes most of the time, is not read then.
    """
    found = list[Quantity]()
    for one in numerals(text):
        if len(found) == most:
            raise TooManyNumbers
        found.append(_with_unit(text, one))
    _short_years(text, found)
    blank = _blanked(text, found)
    found += _of_words(text, blank, languages, most)
    found += (*_of_articles(blank), *_of_halves(text))
    small = text.lower()
    found += [
        Quantity(*match.span(), match.span(), _of_decade(Decimal(_DECADE_WORDS[match.group().lower()])), decade=True)
        for match in (_DECADE_WORD.finditer(text) if any(word in small for word in _DECADE_WORDS) else ())
    ]
    found.sort(key=lambda one: (one.start, one.end))
    found = _compound(text, _sharing_units(text, found))
    return _joined(text, [_bounded(text, one) for one in found])


def fractions(text: str) -> set[Decimal]:
    """The shares that a text names by words or signs."""
    shares = [Decimal(share) for share, _ in _FRACTION_WORDS]
    return {shares[int((match.lastgroup or "f0")[1:])] for match in _FRACTION.finditer(text)}


def _with_unit(text: str, numeral: Numeral) -> Quantity:
    start, end = number = (numeral.start, numeral.end)
    if numeral.value is None:
        return Quantity(start, end, number, ())
    values = [numeral.value, *_other_values(numeral.text)]
    digits = numeral.text.strip("-\u2212")
    if digits.isdecimal():
        if len(digits) in (2, 4) and digits[-1] == "0" and (decade := _DECADE.match(text, end)):
            return Quantity(start, decade.end(), number, _of_decade(numeral.value), decade=True)
        if ordinal := _ORDINAL.match(text, end):
            return Quantity(start, ordinal.end(), (start, ordinal.end()), _plain(values), ordinal=True)
    start, units = units_before(text, start)
    million = not units and text[end : end + 1] == "m"  # "5m" may be either
    if not units:
        end, units = units_after(text, end)
    readings = [Reading(value, unit) for value in values for unit in units] or list(_plain(values))
    if million:
        readings += _plain([value.scaleb(6) for value in values])
    step = 1.0
    if not digits.isdecimal():
        exponent = numeral.value.as_tuple().exponent
        step = 10.0 ** min(exponent, _MOST_EXPONENT) if isinstance(exponent, int) else 1.0
    return Quantity(start, end, number, tuple(readings), step=step)


def _plain(values: Iterable[Decimal]) -> tuple[Reading, ...]:
    return tuple([Reading(value) for value in values])


def _of_decade(value: Decimal) -> tuple[Reading, ...]:
    """The 80s are mostly the 1980s."""
    return _plain([value] if value >= 100 else [value, value + 1900])


def _other_values(written: str) -> Iterator[Decimal]:
    """What else one separator can mean: 1.234 is one thousand in German, 1,234 a decimal."""
    if len(written) >= _SHORTEST_GROUPED and (found := _GROUPED.fullmatch(written)):
        yield Decimal(found[1] + found[3]) if found[2] == "." else Decimal(f"{found[1]}.{found[3]}")


def _short_years(text: str, found: list[Quantity]) -> None:
    """In 2007-11 the 11 is 2011 too."""
    for place in range(1, len(found)):
        before, one = found[place - 1], found[place]
        start, end = before.number
        year = _YEAR.fullmatch(text, start, end) if end - start == _YEAR_DIGITS else None
        digits = _TWO_DIGITS.fullmatch(text, *one.number) if year else None
        if year and digits and int(digits[1]) > int(year[2]) and _are_range(text, before, one):
            full = Reading(Decimal(year[1] + digits[1]))
            found[place] = one._replace(readings=(*one.readings, full))


def _are_range(text: str, one: Quantity, after: Quantity) -> bool:
    start = after.start + (text[after.start] in "-\u2212")  # a dash that was read as a minus
    return one.end < start <= one.end + 10 and bool(_RANGE.fullmatch(text, one.end, start))


def _blanked(text: str, found: Iterable[Quantity]) -> str:
    """The text without figures, so that no word is read twice; as long as before."""
    pieces, last = [], 0
    for one in found:
        if one.number[0] >= last:
            pieces += [text[last : one.number[0]], "0" * (one.number[1] - one.number[0])]
            last = one.number[1]
    return "".join([*pieces, text[last:]])


def _of_words(text: str, blank: str, languages: Iterable[str], most: float) -> Iterator[Quantity]:
    numbers = {*number_words(blank, languages), *chinese_numbers(blank)}
    if len(numbers) > most:
        raise TooManyNumbers
    widest = 0
    for word in sorted(numbers, key=lambda one: (one.start, -one.end)):
        end, units = (word.end, ()) if word.ordinal else units_after(text, word.end)
        readings = tuple(Reading(word.value, unit) for unit in units) or _plain([word.value])
        part = word.end <= widest
        widest = max(widest, word.end)
        yield Quantity(word.start, end, (word.start, word.end), readings, word=True, ordinal=word.ordinal, part=part)


def _of_articles(text: str) -> Iterator[Quantity]:
    """A week is one week, half an hour half of one."""
    for found in _ONE.finditer(text):
        end, units = units_after(text, found.end())
        if units and all(unit.dimension in ("time", "months") for unit in units):
            value = Decimal("0.5") if _HALF.search(found.group()) else Decimal(1)
            yield Quantity(found.start(), end, found.span(), tuple(Reading(value, unit) for unit in units), word=True)


def _of_halves(text: str) -> Iterator[Quantity]:
    """One and a half, and 2 1/2."""
    small = text.lower()
    if not any(half in small for half in ("half", "halb", "½", "1/2")):
        return
    for found in _AND_A_HALF.finditer(text):
        whole = (found["whole"] or "one").lower()
        value = Decimal(whole) if whole.isdecimal() else Decimal(_WORDS_TO_TEN.split("|").index(whole) + 1)
        end, units = units_after(text, found.end())
        readings = tuple(Reading(value + Decimal("0.5"), unit) for unit in units) or _plain([value + Decimal("0.5")])
        yield Quantity(found.start(), end, found.span(), readings, word=True)


def _compound(text: str, found: list[Quantity]) -> list[Quantity]:
    """What is measured in two units, such as 1 h 30 min, as one, with its parts."""
    joined: list[Quantity] = []
    for one in found:
        whole = _together(text, joined[-1], one) if joined else None
        if whole:
            joined[-1] = whole
        else:
            joined.append(one)
    return joined


def _together(text: str, one: Quantity, after: Quantity) -> Quantity | None:
    """Two quantities side by side as one, when the second has a smaller unit that measures the same."""
    if not one.readings or not after.readings or not one.end <= after.start <= one.end + 6:
        return None
    (value, larger), (rest, smaller) = one.readings[0], after.readings[0]
    if not larger or not smaller or larger.dimension != smaller.dimension or larger.factor <= smaller.factor:
        return None
    if not _TOGETHER.fullmatch(text, one.end, after.start):
        return None
    total = value * Decimal(str(round(larger.factor / smaller.factor, 6))) + rest
    number = (one.number[0], after.number[1])
    return after._replace(start=one.start, number=number, readings=(Reading(total, smaller),), parts=(one, after))


def _sharing_units(text: str, found: list[Quantity]) -> list[Quantity]:
    """In "10-15 degrees" and "2 to 4 million" the first number has the unit and the magnitude of the second."""
    shared = list(found)
    for place in range(len(found) - 2, -1, -1):
        one, after = shared[place], shared[place + 1]
        if not after.readings or not _are_range(text, one, after):
            continue
        bare = bool(one.readings) and all(reading.unit is None for reading in one.readings)
        if not bare or _YEAR.fullmatch(text, *one.number):
            continue
        units = [reading.unit for reading in after.readings if reading.unit]
        figure = _FIGURE.match(text, *after.number)
        written = next(numerals(figure.group()), None) if figure else None
        larger = bool(written and written.value and written.value < after.readings[0].value)
        if units or larger:
            readings = [Reading(reading.value, unit) for reading in one.readings for unit in units] or list(
                one.readings
            )
            if larger and written and written.value:
                times = after.readings[0].value / written.value
                readings += [Reading(reading.value * times, reading.unit) for reading in readings]
            shared[place] = one._replace(readings=tuple(readings))
    return shared


def _bounded(text: str, one: Quantity) -> Quantity:
    bound, denied = bound_of(text, one.start, one.end)
    return one._replace(bound=bound, denied=denied) if bound else one


def _joined(text: str, found: list[Quantity]) -> list[Quantity]:
    """Numbers torn apart, such as "10, 000" and "7. 8", as one, with their parts."""
    starts = [one.number[0] for one in found]
    joined, gone = [], set[int]()
    for torn in _TORN.finditer(text):
        first, last = bisect_left(starts, torn.start() - 1), bisect_left(starts, torn.end())
        inside = [place for place in range(first, last) if not found[place].word and found[place].readings]
        if len(inside) < 2 or gone.intersection(inside):
            continue
        parts = tuple(found[place] for place in inside)
        start, end = parts[0].number[0], max(parts[-1].number[1], torn.end())
        glued = _GAP_IN_NUMBER.sub("", text[start : torn.end()]) + text[torn.end() : end]
        whole = next(numerals(glued), None)
        if whole is None or whole.value is None:
            continue
        units = [reading.unit for part in (parts[-1], parts[0]) for reading in part.readings if reading.unit]
        values = [whole.value, *_other_values(whole.text)]
        readings = tuple(Reading(value, unit) for value in values for unit in units) or _plain(values)
        gone.update(inside)
        joined.append(parts[0]._replace(end=parts[-1].end, number=(start, end), readings=readings, parts=parts))
    kept = [one for place, one in enumerate(found) if place not in gone]
    return sorted([*joined, *kept], key=lambda one: (one.start, one.end))
