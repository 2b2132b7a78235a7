"""Numbers that no source names, but that follow from those it names: sums, differences, counts, rounded figures."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise

from pytest_llmeval.checks.facts.content_words import content_words, sentences, stem
from pytest_llmeval.checks.facts.quantities import Quantity, fractions
from pytest_llmeval.checks.facts.scorelines import Stories, scoreline_at
from pytest_llmeval.checks.facts.units import Unit, is_money, same

_MOST_SUMMED = 8
_MOST_COMPARED = 200
_NEARBY = 250  # characters around a number that may belong to its sentence
_NEAR = 3  # numbers with the same unit between two that are subtracted
_TOTAL = re.compile(
    r"(?<!\w)(?:totals?|totall?ing|together|altogether|combined|in all|sum|insgesamt|zusammen|gesamt\w*|"
    r"summe|totale?|en tout|juntos|suma|complessivamente|somma|totaal|samen|soma)(?!\w)|合計|合计|共|总|總|총",
    re.IGNORECASE,
)
_INCLUDING = re.compile(r"(?<!\w)(?:includ\w+|inkl\w*|incl\w*|plus|samt|with shipping)(?!\w)", re.IGNORECASE)
_DIFFERENCE = re.compile(
    r"(?<!\w)(?:difference|sav(?:e|es|ed|ing|ings)|cheaper|dearer|later|earlier|"
    r"(?:rose|rise|risen|fell|dropped|gr[eo]w|up|down) by|increas\w+|decreas\w+|"
    r"augment\w+|diminu\w+|baiss\w+|aument\w+|disminu\w+|gestiegen|stieg|gesunken|sank|erhöht\w*|gestegen|gedaald|"
    r"longer|older|younger|lost|gain(?:ed|s)?|remaining|left|aged?|lasted|lasts|"
    r"unterschied|günstiger|teurer|später|früher|differenz|ersparnis|gespart|sparen|spart|älter|jünger|im alter|"
    r"différence|économi\w+|plus tard|diferencia|ahorr\w+|después|differenza|risparmi\w+|dopo|verschil|"
    r"diferença)(?!\w)",
    re.IGNORECASE,
)
_ROUGHLY = re.compile(
    r"(?<![^\W_])(?:about|around|roughly|approximately|approx\.?|some|circa|ca\.?|c\.|~|≈|etwa|rund|ungefähr|zirka|environ|unos|unas|"
    r"alrededor de|aproximadamente|ongeveer|cerca de|cerca)\s?(?:[$€£]\s?)?$",
    re.IGNORECASE,
)
_PRECISELY = re.compile(
    r"(?<![^\W_])(?:(?P<over>more than|over|above|exceeding|upwards of|mehr als|über|plus de|más de|più di|"
    r"oltre|meer dan|mais de)"
    r"|(?P<under>less than|fewer than|under|below|nearly|almost|close to|just under|weniger als|fast|knapp|beinahe|"
    r"moins de|presque|menos de|casi|meno di|quasi|minder dan|bijna|quase))\s?(?:[$€£]\s?)?$",
    re.IGNORECASE,
)
_EQUALS = re.compile(
    r"\s*(?:=|equals|is|are|makes|make|macht|machen|ergibt|ergeben|ist|sind|font|fait|son|fa|fanno|is samen|são)\s*"
)
_OPERATOR = re.compile(
    r"\s*(?:(?P<plus>\+|plus|and|und|et|y|e|en)|(?P<minus>-|\u2212|\u2013|minus|less|moins|menos|meno)"
    r"|(?P<times>[x\u00d7*·]|times|mal|fois|por|per|à|at|keer))\s*",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|\n")
_CENTURY = re.compile(r"\s(?:century|jahrhundert|siècle|siglo|secolo|eeuw|século)", re.IGNORECASE)
_LISTED = re.compile(
    r"\s*(?:,\s*(?:and|or|und|oder|et|ou|y|o|e|en|of)?(?!\w)|(?<!\w)(?:and|or|und|oder|et|ou|y|e|en|&)(?!\w)|、|和|と)\s*"
)
_NAMED = re.compile(r"[:(\u2013\u2014]|(?<!\w)(?:namely|such as|are|nämlich|sind|sont|son|sono|zijn|são)(?!\w)")
_RATIO = re.compile(
    r"(?:\s[^\W\d_]+)?\s?(?:of|in|out of|/|von|sur|de|su|van)(?:\s(?:the|all|den|les))?(?:\s(?:last|past|first))?\s?",
    re.IGNORECASE,
)
_LONGEST_RATIO = 25  # characters between the two numbers
_NOUN_AFTER = re.compile(r"\s(?:[^\W\d_]+\s){0,2}?([^\W\d_]{3,})")
_BULLET = re.compile(r"^[ \t]*(?:[-*\u2022\u2013]|\d{1,2}[.)])\s+\S", re.MULTILINE)
_MOST_COUNTED = 30
_LONGEST_ITEM = 6  # words


class Stated:
    """A text with its quantities.

    Args:
        quantities: all of them, in order.
    """

    def __init__(self, text: str, quantities: Sequence[Quantity]) -> None:
        self.text = text
        self._quantities = [one for one in quantities if one.readings and not one.part]
        self._starts = [one.start for one in self._quantities]

    def between(self, start: int, end: int) -> list[Quantity]:
        """Those that start between two places."""
        return self._quantities[bisect_left(self._starts, start) : bisect_left(self._starts, end)]

    def sentence_around(self, one: Quantity) -> tuple[int, int]:
        """Where the sentence of a quantity starts and ends, as far as it is near."""
        start, end = max(0, one.start - _NEARBY), min(len(self.text), one.end + _NEARBY)
        for first, last in sentences(self.text[start:end]):
            if start + first <= one.start < start + last:
                return start + first, start + last
        return start, end


class Derived:
    """What follows from the numbers of the sources.

    Args:
        texts: the sources.
        found: the quantities of each.
    """

    def __init__(self, texts: Sequence[str], found: Sequence[Sequence[Quantity]]) -> None:
        self._texts = texts
        self._found = found
        self._sums: dict[Unit | None, set[Decimal]] | None = None
        self._differences: dict[Unit | None, set[Decimal]] | None = None
        self._lists: list[tuple[int, frozenset[str]]] | None = None
        self._fractions: set[Decimal] | None = None
        self._years: list[Decimal] | None = None
        self._stories: Stories | None = None
        self._sorted: list[tuple[Decimal, Unit | None]] | None = None

    def follows(self, one: Quantity, stated: Stated) -> bool:
        """Whether a quantity of a text follows from the sources, or by arithmetic from the text's own."""
        text = stated.text
        start, end = stated.sentence_around(one)
        sentence = text[start:end]
        return bool(
            self._is_rounded(one, text)
            or (one.decade and self._has_year(one))
            or (one.ordinal and _CENTURY.match(text, one.end) and self._has_year(one))
            or self._is_share(one)
            or _is_computed(one, stated)
            or (
                (_TOTAL.search(sentence) or (is_money(one.readings) and _INCLUDING.search(sentence)))
                and self._is_sum(one)
            )
            or (_sums_up(one, stated.between(start, end)) and _TOTAL.search(sentence))
            or (_DIFFERENCE.search(sentence) and self._is_difference(one))
            or self._is_count(one, text, sentence)
            or self._is_score(one, text)
        )

    def _all(self) -> Iterator[Quantity]:
        for found in self._found:
            yield from found

    def _is_rounded(self, one: Quantity, text: str) -> bool:
        """About 30 for 29.7, more than 100 for 116, almost 400 for 396."""
        before = text[max(0, one.start - 25) : one.start]
        precise, roughly = _PRECISELY.search(before), _ROUGHLY.search(before)
        if not precise and not roughly:
            return False
        if self._sorted is None:
            plain = [reading for other in self._all() if not other.bound for reading in other.readings]
            self._sorted = sorted(((abs(value), unit) for value, unit in plain), key=lambda entry: entry[0])
        for value, unit in one.readings:
            wanted = abs(value)
            low, high = Decimal("0.95"), Decimal("1.05")
            if precise:
                low, high = (Decimal(1), Decimal("1.25")) if precise["over"] else (Decimal("0.8"), Decimal(1))
            place = bisect_left(self._sorted, low * wanted, key=lambda entry: entry[0])
            for known, other in self._sorted[place : place + _MOST_COMPARED]:
                if known > high * wanted:
                    break
                if known != wanted and same(unit, other) and _digits(wanted) < _digits(known):
                    return True
        return False

    def _has_year(self, one: Quantity) -> bool:
        if self._years is None:
            values = (reading.value for other in self._all() for reading in other.readings)
            self._years = sorted({value for value in values if _is_year(value)})
        for value, _ in one.readings:
            if one.decade:
                firsts = [value] if value >= 1000 else [1800 + value, 1900 + value, 2000 + value]
                if any(first <= year < first + 10 for first in firsts for year in self._years):
                    return True
            elif any((value - 1) * 100 <= year < value * 100 for year in self._years):
                return True
        return False

    def _is_share(self, one: Quantity) -> bool:
        """50 % for a half or for 20 of 40, and 0.5 for a half."""
        if self._fractions is None:
            self._fractions = {share for text in self._texts for share in fractions(text)}
            for text, found in zip(self._texts, self._found, strict=True):
                self._fractions |= set(_ratios(text, found))
        for value, unit in one.readings:
            percent = unit is not None and unit.dimension == "percent"
            share = value / 100 if percent else value
            if (percent or (unit is None and 0 < value < 1)) and any(
                abs(share - known) < Decimal("0.005") for known in self._fractions
            ):
                return True
        return False

    def _is_sum(self, one: Quantity) -> bool:
        if self._sums is None:
            self._sums = {}
            for text, found in zip(self._texts, self._found, strict=True):
                for unit, values in _by_unit(found).items():
                    sums = self._sums.setdefault(unit, set())
                    for place, (start, total) in enumerate(values):
                        for other, value in values[place + 1 : place + _MOST_SUMMED]:
                            if unit is None and _SENTENCE_END.search(text, start, other):
                                break
                            total += value
                            sums.add(total)
        return _is_among(one, self._sums)

    def _is_difference(self, one: Quantity) -> bool:
        """What lies between two numbers with one unit, also as a percentage of the first."""
        if self._differences is None:
            self._differences = {}
            changes = self._differences.setdefault(Unit("percent"), set())
            for found in self._found:
                readings = ((one.start, reading) for one in found for reading in one.readings)
                years = [(start, value) for start, (value, unit) in readings if not unit and _is_year(value)]
                for unit, values in (*_by_unit(found).items(), (Unit("months", 12.0), years)):
                    differences = self._differences.setdefault(unit, set()) if unit else set()
                    for place, (_, value) in enumerate(values):
                        others = [other for _, other in values[place + 1 : place + 1 + _NEAR]]
                        differences |= {abs(value - other) for other in others}
                        if value and unit and unit.dimension != "percent":
                            changes |= {Decimal(round(abs(other / value - 1) * 100)) for other in others}
        return _is_among(one, self._differences)

    def _is_score(self, one: Quantity, text: str) -> bool:
        """4-1 for a game whose five goals are told."""
        score = scoreline_at(text, one.start)
        if score is None or any(reading.unit for reading in one.readings):
            return False
        if self._stories is None:
            self._stories = Stories(self._texts)
        return self._stories.may_lead_to(score)

    def _is_count(self, one: Quantity, text: str, sentence: str) -> bool:
        """Three colours for "red, green and blue", when the same sentence or one on the same subject lists them."""
        counts = [int(value) for value, unit in one.readings if unit is None and value == int(value)]
        if one.ordinal or one.decade or not counts or not 2 <= counts[0] <= _MOST_COUNTED:
            return False
        if not _NOUN_AFTER.match(text, one.end):
            return False
        rest = text[one.end : one.end + _NEARBY].split("\n\n", maxsplit=1)[0]
        named = _NAMED.search(rest)
        if named and any(counts[0] == count for count, _ in _lists(rest[named.end() :])):
            return True
        if counts[0] == len(_BULLET.findall(rest)):
            return True
        if self._lists is None:
            self._lists = [listed for source in self._texts for listed in _lists(source)]
        subject = {stem(word) for word in content_words(sentence)}
        return counts[0] > 2 and any(count == counts[0] and subject & words for count, words in self._lists)


def _ratios(text: str, found: Sequence[Quantity]) -> Iterator[Decimal]:
    """The shares that pairs of numbers are, as in "30 of 40" and "3 in 4"."""
    for one, other in pairwise(found):
        if one.readings and other.readings and one.end <= other.start <= one.end + _LONGEST_RATIO:
            part, whole = one.readings[0].value, other.readings[0].value
            if _RATIO.fullmatch(text, one.end, other.start) and 0 < part < whole:
                yield part / whole


def _digits(value: Decimal) -> int:
    """How many significant digits a number has."""
    return len(format(value.normalize(), "f").replace(".", "").strip("0")) if value else 0


def _by_unit(found: Sequence[Quantity]) -> dict[Unit | None, list[tuple[int, Decimal]]]:
    groups: dict[Unit | None, list[tuple[int, Decimal]]] = {}
    for one in found:
        reading = one.readings[0] if one.readings else None
        if reading and not (one.ordinal or one.decade or one.part) and (reading.unit or not _is_year(reading.value)):
            groups.setdefault(reading.unit, []).append((one.start, reading.value))
    return groups


def _is_year(value: Decimal) -> bool:
    return 1000 <= value <= 2100 and value == int(value)


def _is_among(one: Quantity, known: Mapping[Unit | None, set[Decimal]]) -> bool:
    """Whether a quantity is among numbers with a unit that may be its own; a bare year never is."""
    return any(
        bool(value) and abs(value) in values and same(unit, other) and (unit or other or not _is_year(value))
        for value, unit in one.readings
        for other, values in known.items()
    )


def _sums_up(one: Quantity, others: Sequence[Quantity]) -> bool:
    """Whether a quantity is the sum of the others in its sentence."""
    values = [other.readings[0].value for other in others if other is not one and not other.ordinal]
    return len(values) > 1 and any(reading.value == sum(values) for reading in one.readings)


def _is_computed(one: Quantity, stated: Stated) -> bool:
    """Whether a quantity is what the arithmetic before it gives, as in "2 x 15 EUR = 30 EUR"."""
    text = stated.text
    before = [other for other in stated.between(one.start - _NEARBY, one.start) if other.end <= one.start][-6:]
    if not before or not _EQUALS.fullmatch(text[before[-1].end : one.start]):
        return False
    for first in range(len(before) - 1):
        value = _value(text, before[first:])
        if value is not None and any(abs(reading.value - value) <= Decimal("0.005") for reading in one.readings):
            return True
    return False


def _value(text: str, chain: Sequence[Quantity]) -> Decimal | None:
    """What a chain of operations gives, from left to right, products first."""
    terms = [chain[0].readings[0].value]
    for before, after in pairwise(chain):
        between = text[before.end : after.start]
        operator = _OPERATOR.fullmatch(between)
        value = after.readings[0].value
        if operator is None:
            if between.strip() or value >= 0:  # "30 -5": the minus was read with the number
                return None
            terms.append(value)
        elif operator["times"]:
            terms[-1] *= value
        else:
            terms.append(-value if operator["minus"] else value)
    return sum(terms, Decimal(0))


def _lists(text: str) -> Iterator[tuple[int, frozenset[str]]]:
    """How many things each sentence of a text lists, and the stems of its words."""
    bullets = len(_BULLET.findall(text))
    if bullets > 1:
        yield bullets, frozenset(stem(word) for word in content_words(text[:5000]))
    for start, end in sentences(text):
        sentence = text[start:end]
        pieces = _LISTED.split(sentence)
        if 2 <= len(pieces) <= _MOST_COUNTED:
            words = frozenset(stem(word) for word in content_words(sentence))
            inner = pieces[1:-1]
            if all(len(piece.split()) <= _LONGEST_ITEM for piece in inner):
                yield len(pieces), words
