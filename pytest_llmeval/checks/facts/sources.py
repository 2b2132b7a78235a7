"""Texts that facts may come from, and whether a fact does."""

from __future__ import annotations

import datetime
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

from pytest_llmeval.checks.facts.bounds import Bound
from pytest_llmeval.checks.facts.capitalised import is_initials, without_ending
from pytest_llmeval.checks.facts.content_words import COMPARED, content_words, stem, stems, whole_words
from pytest_llmeval.checks.facts.dates import Date, date_of, dates, month_of, months, time_of, times
from pytest_llmeval.checks.facts.derived import Derived, Stated
from pytest_llmeval.checks.facts.extracted import Fact, Kind, Read, phone_digits, phones, read
from pytest_llmeval.checks.facts.proportions import holds_proportion
from pytest_llmeval.checks.facts.quantities import Quantity
from pytest_llmeval.checks.facts.quotations import letters
from pytest_llmeval.checks.facts.units import Measured, Unit, measured, same
from pytest_llmeval.checks.facts.weekdays import counted_weekdays, weekday_of, weekdays

_SINGLE_QUOTES = "\u2018\u2019\u201a\u201b`\u00b4"
_DOUBLE_QUOTES = "\u201c\u201d\u201e\u201f\u00ab\u00bb"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2212"
_FOLDS = str.maketrans(
    _SINGLE_QUOTES + _DOUBLE_QUOTES + _DASHES,
    "'" * len(_SINGLE_QUOTES) + '"' * len(_DOUBLE_QUOTES) + "-" * len(_DASHES),
)
_TURNED = {("over", "under"), ("under", "over"), ("over", "almost"), ("almost", "over")}
_ENDING = 3  # letters of a name that may differ, as in Australian and Australia
_MOST_MEASURED = 8  # of a dimension that one is compared with
_FEWEST_DIGITS, _COUNTRY = 6, 3  # of a telephone number, and of a country's code
_MOST_DERIVATIONS = 300  # that are tried for one text
_MOST_UNDERIVED = 30  # of them in vain; the text has failed by then in any case
_SLASHED = re.compile(r"(?<![\w/.,])(\d{1,2})/(\d{1,2})(?![\w/]|[.,]\d)")
_WORDS_WITH_DIGITS = re.compile(r"[^\W\d_]{1,10}[-_ \u2010\u2011]?\d[\w-]{0,60}")
# Starts of the names of a country and of its people, where these differ early.
_COUNTRIES = (
    *("franc french fren", "spain spani", "nethe dutch holla", "denma danis danes", "switz swiss", "wales welsh"),
    *("irela irish", "engla engli", "polan polis poles", "finla finni finns", "swede swedi", "greec greek"),
    *("turke turki turks", "norwa norwe", "brita briti brito uk", "scotl scott scots", "iraq iraqi", "germa deuts"),
    *("unite us usa ameri", "peru peruv", "cypru cypri", "philip filip", "thail thai"),
)
_ALIKE: dict[str, set[str]] = {}
for _line in _COUNTRIES:
    for _word in _line.split():
        _ALIKE.setdefault(_word, set()).update(_line.split())


class _Said(NamedTuple):
    """How the sources have a number."""

    units: frozenset[Unit | None]
    bound: Bound
    denied: bool


class Sources:
    """Texts that facts may come from.

    Args:
        passages: the texts.
        languages: those that number words are read in.
    """

    def __init__(self, passages: Iterable[str], languages: tuple[str, ...]) -> None:
        self._passages = tuple(passages)
        self._languages = languages
        self._derivations = self._underived = 0

    def hold(self, fact: Fact, stated: Stated) -> bool:
        """Whether a fact of a text is in the sources, or follows from them.

        Args:
            stated: the text that states it.
        """
        if (fact.kind, fact.text) in self._stated:
            return True
        match fact.kind:
            case "quote":
                return letters(fact.text) in self._letters
            case "link":
                return self._holds_whole(re.sub(r"^(?:https?://)?(?:www\.)?", "", _plain(fact.text)).rstrip("/"))
            case "email":
                return self._holds_whole(_plain(fact.text))
            case "name":
                return self._holds_whole(_plain(fact.text)) or _squeezed(fact.text) in self._names_with_digits
            case "date":
                return self._holds_date(fact.text)
            case "month":
                return month_of(fact.text) in {*self._months, *(date.month for date in self._dates)}
            case "weekday":
                return weekday_of(fact.text) in self._weekdays
            case "time":
                # A ratio such as 3:10 is looked up as it is written.
                return not self._times.isdisjoint(time_of(fact.text)) or _plain(fact.text) in self._text
            case "proportion":
                return holds_proportion(fact.text, self._passages, [one for found in self._found for one in found])
            case "phone number":
                return self._holds_phone(fact.text)
            case _:
                return fact.quantity is not None and self._holds_quantity(fact.quantity, stated)

    def why_not(self, fact: Fact) -> str:
        """What the sources say of a number after all, such as with another unit; "" when they do not have it."""
        readings = fact.quantity.readings if fact.quantity else ()
        for reading in readings:
            for passage, one in self._quantities.get(abs(reading.value), {}).values():
                return _around(passage, one)
        return ""

    def knows_name(self, word: str) -> bool:
        """Whether a word, or one that starts as it does, is in the sources."""
        short = stem(without_ending(word))
        if stem(word, max(COMPARED, len(word) - _ENDING)) in self._long_stems or (
            len(short) >= 4 and short[:4] in self._short_stems
        ):
            return True
        if len(short) < 4 and short in self._stems:
            return True
        pieces = re.split(r"[-.&]", word)
        if len(pieces) > 1:
            return all(len(piece) < 2 or self.knows_name(piece) for piece in pieces)
        alike = _ALIKE.get(stem(word), set()) | _ALIKE.get(short, set())
        if not alike.isdisjoint(self._stems):
            return True
        return is_initials(word) and word.casefold() in self._initials

    def knows_run(self, words: Sequence[str]) -> bool:
        """Whether the sources have the initials of a name of several words."""
        initials = "".join(word[0] for word in words).casefold()
        return len(initials) > 1 and initials in self._words

    def share_missing(self, sentence: str) -> tuple[float, int]:
        """The share of a sentence's content words that the sources lack, and how many it has."""
        words = list(content_words(sentence))
        missing = [word for word in words if stem(word) not in self._stems]
        return (len(missing) / len(words) if words else 0.0), len(words)

    @cached_property
    def _text(self) -> str:
        return _plain("\n".join(self._passages))

    @cached_property
    def _letters(self) -> str:
        return "\n".join(letters(passage) for passage in self._passages)

    @cached_property
    def _stems(self) -> frozenset[str]:
        return frozenset().union(*(stems(passage) for passage in self._passages))

    @cached_property
    def _long_stems(self) -> frozenset[str]:
        """Every start of the words, from the letters that are compared at least."""
        words = {stem(word, 40) for passage in self._passages for word in whole_words(passage)}
        return frozenset(word[:length] for word in words for length in range(min(COMPARED, len(word)), len(word) + 1))

    @cached_property
    def _short_stems(self) -> frozenset[str]:
        return frozenset(each[:4] for each in self._stems)

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset(re.findall(r"[^\W\d_]+", "\n".join(self._passages).replace(".", "").casefold()))

    @cached_property
    def _initials(self) -> frozenset[str]:
        found = set()
        for passage in self._passages:
            for run in re.findall(r"[^\W\d_]+(?:[ -](?:of |and |the |for |de |la )*[^\W\d_]+){1,6}", passage):
                firsts = [word[0] for word in re.split(r"[ -]", run) if word and word[0].isupper()]
                for start in range(len(firsts)):
                    for end in range(start + 2, min(len(firsts), start + 6) + 1):
                        found.add("".join(firsts[start:end]).casefold())
        return frozenset(found)

    @cached_property
    def _read(self) -> list[Read]:
        return [read(passage, self._languages) for passage in self._passages]

    @cached_property
    def _found(self) -> list[list[Quantity]]:
        """The quantities of each passage, also those inside its dates, links and marks."""
        return [[*each.quantities, *each.inside] for each in self._read]

    @cached_property
    def _stated(self) -> set[tuple[Kind, str]]:
        return set().union(*(each.others for each in self._read))

    @cached_property
    def _quantities(self) -> dict[Decimal, dict[_Said, tuple[str, Quantity]]]:
        """By the number without its sign: a minus is often a dash, as in "30 days -60 at most"."""
        index: dict[Decimal, dict[_Said, tuple[str, Quantity]]] = {}
        for passage, found in zip(self._passages, self._found, strict=True):
            for one in (part for each in found for part in (each, *each.parts)):
                units: dict[Decimal, list[Unit | None]] = {}
                for value, unit in one.readings:
                    units.setdefault(abs(value), []).append(unit)
                for value, of_value in units.items():
                    said = _Said(frozenset(of_value), one.bound, one.denied)
                    index.setdefault(value, {}).setdefault(said, (passage, one))
        return index

    @cached_property
    def _unread(self) -> frozenset[str]:
        """What only looks like a number: versions, addresses, endless digits."""
        return frozenset(
            passage[slice(*one.number)]
            for passage, found in zip(self._passages, self._found, strict=True)
            for one in found
            if not one.readings
        )

    @cached_property
    def _measured(self) -> dict[str, list[tuple[float, Measured, Quantity]]]:
        index: dict[str, list[tuple[float, Measured, Quantity]]] = {}
        for found in self._found:
            for one in found:
                for value, unit in one.readings:
                    for each in measured(abs(float(value)), unit, one.step) if unit else ():
                        index.setdefault(each.dimension, []).append((each.base, each, one))
        for each_dimension in index.values():
            each_dimension.sort(key=lambda entry: entry[0])
        return index

    @cached_property
    def _derived(self) -> Derived:
        return Derived(self._passages, [each.quantities for each in self._read])

    @cached_property
    def _dates(self) -> set[Date]:
        return {date for passage in self._passages for date in dates(passage)}

    @cached_property
    def _months(self) -> set[int]:
        return {month for passage in self._passages for month in months(passage)}

    @cached_property
    def _weekdays(self) -> set[int]:
        """Those that are named, and those of whole dates."""
        named = {day for passage in self._passages for day in weekdays(passage)}
        for date in self._dates:
            with suppress(TypeError, ValueError):
                named.add(datetime.date(*date).weekday())  # type: ignore[arg-type]
        return named.union(*(counted_weekdays(named, passage) for passage in self._passages))

    @cached_property
    def _times(self) -> set[int]:
        return {time for passage in self._passages for time in times(passage)}

    @cached_property
    def _phones(self) -> tuple[str, ...]:
        return tuple(digits for passage in self._passages for digits in phones(passage))

    @cached_property
    def _names_with_digits(self) -> frozenset[str]:
        return frozenset(
            _squeezed(found) for passage in self._passages for found in _WORDS_WITH_DIGITS.findall(passage)
        )

    def _holds_quantity(self, one: Quantity, stated: Stated) -> bool:
        if not one.readings:
            return stated.text[slice(*one.number)] in self._unread
        if self._holds_readings(one):
            return True
        if one.parts and all(self._holds_readings(part) for part in one.parts):
            return True
        if self._holds_slashed(one, stated.text):
            return True
        if self._derivations >= _MOST_DERIVATIONS or self._underived >= _MOST_UNDERIVED:
            return False
        follows = self._derived.follows(one, stated)
        self._derivations += 1
        self._underived += not follows
        return follows

    def _holds_slashed(self, one: Quantity, text: str) -> bool:
        """Whether a number belongs to a date such as 31/12, without a year, which may also be a ratio."""
        for found in _SLASHED.finditer(text, max(0, one.number[0] - 3), one.number[1] + 4):
            if found.start() <= one.number[0] < found.end():
                first, second = int(found[1]), int(found[2])
                return any(self._holds_day(Date(None, month, day)) for day, month in ((first, second), (second, first)))
        return False

    def _holds_readings(self, one: Quantity) -> bool:
        for value, unit in one.readings:
            for said in self._quantities.get(abs(value), ()):
                if any(same(unit, other) for other in said.units) and not _turned(one, said):
                    return True
            if unit and self._holds_measured(one, measured(abs(float(value)), unit, one.step)):
                return True
        return False

    def _holds_measured(self, one: Quantity, wanted: Iterable[Measured]) -> bool:
        """Whether the same quantity is there in another unit."""
        for each in wanted:
            entries = self._measured.get(each.dimension, [])
            place = bisect_left(entries, each.base - max(each.slack, abs(each.base) * 1e-9), key=lambda entry: entry[0])
            for base, other, known in entries[place : place + _MOST_MEASURED]:
                if base > each.base + max(each.slack, abs(each.base) * 1e-9):
                    break
                if each.matches(other) and not _turned(one, known):
                    return True
        return False

    def _holds_date(self, written: str) -> bool:
        return any(self._holds_day(date) for date in date_of(written))

    def _holds_day(self, date: Date) -> bool:
        if date.day is None:
            if any(known.month == date.month and known.year == date.year for known in self._dates):
                return True
            return date.month in self._months and Decimal(date.year or 0) in self._quantities
        same_day = [known for known in self._dates if known[1:] == date[1:]]
        if date.year is None:
            return bool(same_day)
        if any(known.year == date.year for known in same_day):
            return True
        return any(known.year is None for known in same_day) and Decimal(date.year) in self._quantities

    def _holds_phone(self, written: str) -> bool:
        """Whether a telephone number is there, with or without the code of the country."""
        digits = phone_digits(written)
        if digits.lstrip("0") in "\n".join(self._phones) or self._holds_whole(_plain(written)):
            return True
        national = (known.lstrip("0") for known in self._phones if known.startswith("0"))
        return written.startswith("+") and any(
            digits.endswith(known) and len(known) >= _FEWEST_DIGITS and len(digits) - len(known) <= _COUNTRY
            for known in national
        )

    def _holds_whole(self, text: str) -> bool:
        """Whether a text occurs as whole words."""
        place = self._text.find(text)
        while place >= 0:
            before = self._text[place - 1 : place]
            after = self._text[place + len(text) : place + len(text) + 1]
            if not (before.isalnum() or before in ("_", "@")) and not (after.isalnum() or after in ("_", "-", "@")):
                return True
            place = self._text.find(text, place + 1)
        return False


def _turned(one: Quantity, known: Quantity | _Said) -> bool:
    """Whether a comparator is turned round: "over 400" for "almost 400".

    "Over 50 is free" may follow from "under 50 costs": with one negation, nothing is said.
    """
    if (one.bound, known.bound) not in _TURNED or _is_year(one):
        return False
    return "almost" in (one.bound, known.bound) or one.denied == known.denied


def _is_year(one: Quantity) -> bool:
    return any(unit is None and 1000 <= value <= 2100 for value, unit in one.readings)


def _around(passage: str, known: Quantity) -> str:
    start = max(passage.rfind(" ", 0, max(0, known.start - 1)) + 1, known.start - 20)
    return " ".join(passage[start : known.end].split())


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).translate(_FOLDS).casefold().split())


def _squeezed(text: str) -> str:
    return "".join(sign for sign in text.casefold() if sign.isalnum())
