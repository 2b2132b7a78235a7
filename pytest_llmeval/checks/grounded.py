"""A check for invented facts: quotes, addresses, dates, numbers and names with digits that no source holds."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal, NamedTuple

from pytest_llmeval.checks.check import check, failed, passed
from pytest_llmeval.checks.number import numerals, words_as_numbers
from pytest_llmeval.checks.plain_text import text_of
from pytest_llmeval.errors import LlmevalError
from pytest_llmeval.score import Claim, Score
from pytest_llmeval.text import excerpt, quoted, shown

_SHOWN = 10
MOST_FACTS = 10_000
__tracebackhide__ = True


@check
def assert_grounded(
    reply: str, context: str | Sequence[str], *, allow: str | Sequence[str] = (), category: str | None = None
) -> Score:
    """Check that the numbers, dates, links, addresses, names with digits and quotes in the reply are in the context.

    Numbers and dates are compared by meaning (``1,000`` and ``1000``, ``30`` and ``thirty``, ``2026-03-14`` and
    ``March 14``). Quotes of three words and more are compared letter by letter, except for case, white space and kinds
    of quote marks. Claims invented in prose are not found. The score is the share of facts that are in the context.

    Args:
        context: the passages that the answer may use.
        allow: other texts whose facts may be repeated, such as the question.
        category: the error category of a failure; by default ``hallucination``.

    Raises:
        LlmevalError: there is no context.
    """
    passages = [context] if isinstance(context, str) else list(context or ())
    allowed = [allow] if isinstance(allow, str) else list(allow)
    for passage in (*passages, *allowed):
        if not isinstance(passage, str):
            raise LlmevalError(f"assert_grounded takes texts as context, not {shown(passage)}")
    if not any(passage.strip() for passage in passages):
        raise LlmevalError("assert_grounded was given no context: the case needs the passages its answer may use")
    text = text_of(reply)
    sources = Sources((*passages, *allowed))
    found = list(islice(facts(text), MOST_FACTS + 1))
    if len(found) > MOST_FACTS:
        raise LlmevalError(f"assert_grounded: the reply states more than {MOST_FACTS:,} facts, too many to check")
    stated = {(fact.kind, fact.text): fact for fact in reversed(found)}
    if not stated:
        return passed("hallucination")
    invented = sorted((fact for fact in stated.values() if not sources.hold(fact)), key=lambda fact: fact.start)
    value = 1 - len(invented) / len(stated)
    if not invented:
        return passed("hallucination")
    first = invented[0]
    more = f" (and {len(invented) - 1} more)" if len(invented) > 1 else ""
    lines = [f"not in the context: {_named(first)}{more}, the reply says {excerpt(text, first.start, first.end)}"]
    lines += [f"{_named(fact)}: {excerpt(text, fact.start, fact.end)}" for fact in invented[1:_SHOWN]]
    if len(invented) > _SHOWN:
        lines.append(f"... and {len(invented) - _SHOWN} more")
    claims = tuple(Claim(fact.start, text[fact.start : fact.end]) for fact in invented)
    return failed("\n".join(lines), category="hallucination", value=value, unsupported=claims)


def _named(fact: Fact) -> str:
    return f"the {fact.kind} {quoted(fact.text, 50)}"


Kind = Literal["quote", "link", "email", "date", "number", "name"]
_SINGLE_QUOTES = "\u2018\u2019\u201a\u201b`\u00b4"
_DOUBLE_QUOTES = "\u201c\u201d\u201e\u201f\u00ab\u00bb"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2212"
_FOLDS = str.maketrans(
    _SINGLE_QUOTES + _DOUBLE_QUOTES + _DASHES,
    "'" * len(_SINGLE_QUOTES) + '"' * len(_DOUBLE_QUOTES) + "-" * len(_DASHES),
)

_LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"'`|\\^{}]+", re.IGNORECASE)
_EMAIL = re.compile(r"(?<![\w.+-])[\w+-][\w.+-]{0,63}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_QUOTE = re.compile(
    r"\"([^\"\n]{1,1000})\"|[\u201c\u201e]([^\u201c-\u201f\n]{1,1000})[\u201c\u201d]|\u00ab([^\u00ab\u00bb\n]{1,1000})\u00bb"
)

_FEWEST_QUOTED_WORDS = 3
_NAME = re.compile(r"(?<![\w-])(?=[A-Za-z]+[-_]?\d{3})[A-Za-z]{1,10}[-_]?\d{3,}[\w-]*")
_LIST_MARK = re.compile(r"^[ \t]{0,8}(?:[*>#-]+[ \t]*)?\(?\d{1,3}[.)](?=\s)", re.MULTILINE)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_YEAR = r"(?:,?\s(?P<year>\d{4}))?"

_DATES = (
    re.compile(r"(?<![\w-])(?P<year>\d{4})-(?P<number>\d{1,2})-(?P<day>\d{1,2})(?!\d)"),
    re.compile(rf"(?<!\w)(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\.?\s(?:of\s)?{_MONTH}{_YEAR}(?!\w)", re.IGNORECASE),
    re.compile(rf"(?<!\w){_MONTH}\s(?P<day>\d{{1,2}})(?:st|nd|rd|th)?{_YEAR}(?![\w%])", re.IGNORECASE),
    re.compile(r"(?<![\w/.])(?P<day>\d{1,2})(?P<mark>[/.])(?P<number>\d{1,2})(?P=mark)(?P<year>\d{4})(?!\w)"),
)

_PATTERNS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("link", _LINK),
    ("email", _EMAIL),
    *(("date", pattern) for pattern in _DATES),
    ("name", _NAME),
)


@dataclass(frozen=True, slots=True)
class Fact:
    """Something a text states that can be looked up."""

    kind: Kind
    text: str
    start: int
    end: int


class _Date(NamedTuple):
    year: int | None
    month: int
    day: int


def facts(text: str) -> Iterator[Fact]:
    """The facts of a text, by kind.

    No fact is part of another. Numbers that count a list are left out, and number words up to twelve, which texts use
    without meaning a figure.
    """
    for found in _QUOTE.finditer(text):
        group = found.lastindex or 1
        for part in re.split(r"\.\.\.|…|\[\.\.\.\]", found[group]):
            if len(part.split()) >= _FEWEST_QUOTED_WORDS:
                yield Fact("quote", part.strip(), found.start(group), found.end(group))
    for kind, pattern in _PATTERNS:
        spans = [found.span() for found in pattern.finditer(text)]
        for start, end in spans:
            written = text[start:end]
            yield Fact(kind, written.rstrip(".,;:!?)]*_") if kind in ("link", "email") else written, start, end)
        text = _blanked(text, spans)
    text = _blanked(text, [found.span() for found in _LIST_MARK.finditer(text)])
    yield from (Fact("number", one.text, one.start, one.end) for one in numerals(text))
    for one in words_as_numbers(text):
        if one.value is not None and one.value > 12:
            yield Fact("number", one.text, one.start, one.end)


class Sources:
    """Texts that facts may come from."""

    def __init__(self, passages: Iterable[str]) -> None:
        text = "\n".join(passages)
        self._text = _plain(text)
        self._numbers: set[object] = set()
        for numeral in numerals(text):
            self._numbers.update((numeral.value, numeral.text) if numeral.value is not None else (numeral.text,))
        self._numbers.update(numeral.value for numeral in words_as_numbers(text))
        self._dates = {date for pattern in _DATES for found in pattern.finditer(text) for date in _read(found)}

    def hold(self, fact: Fact) -> bool:
        """Whether a fact is in the sources."""
        match fact.kind:
            case "quote":
                return _plain(fact.text).strip(" .,;:!?") in self._text
            case "link":
                return self._holds_whole(re.sub(r"^(?:https?://)?(?:www\.)?", "", _plain(fact.text)).rstrip("/"))
            case "email" | "name":
                return self._holds_whole(_plain(fact.text))
            case "date":
                return self._holds_date(fact.text)
            case _:
                return self._holds_number(fact.text)

    def _holds_number(self, text: str) -> bool:
        read = next(numerals(text), None) or next(words_as_numbers(text), None)
        if read is None:
            return _plain(text) in self._text
        # A minus is often a dash: "30 days -60 at most".
        wanted = {read.value, -read.value} if read.value is not None else {read.text}
        return not wanted.isdisjoint(self._numbers)

    def _holds_date(self, text: str) -> bool:
        for pattern in _DATES:
            found = pattern.fullmatch(text)
            if found:
                return any(self._holds_day(date) for date in _read(found))
        return False

    def _holds_day(self, date: _Date) -> bool:
        same_day = [known for known in self._dates if known[1:] == date[1:]]
        if date.year is None:
            return bool(same_day)
        if any(known.year == date.year for known in same_day):
            return True
        return any(known.year is None for known in same_day) and date.year in self._numbers

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


def _read(found: re.Match[str]) -> Iterator[_Date]:
    """The days that a date can mean: two for 3/4/2026."""
    groups = found.groupdict()
    year, day = int(groups["year"]) if groups.get("year") else None, int(found["day"])
    if groups.get("month"):
        yield _Date(year, _MONTHS.index(found["month"][:3].lower()) + 1, day)
        return
    month = int(found["number"])
    if month <= 12:
        yield _Date(year, month, day)
    if groups.get("mark") == "/" and day <= 12:
        yield _Date(year, day, month)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).translate(_FOLDS).casefold().split())


def _blanked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text with parts of it replaced by as many marks that no fact holds."""
    pieces, last = [], 0
    for start, end in spans:
        pieces += [text[last:start], "\x00" * (end - start)]
        last = end
    return "".join(pieces) + text[last:]
