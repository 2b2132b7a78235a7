"""A check of citations: each mark names a source that exists, and that source states what is cited."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pytest_llmeval.checks.check import check, failed, passed
from pytest_llmeval.checks.facts.content_words import sentences
from pytest_llmeval.checks.facts.derived import Stated
from pytest_llmeval.checks.facts.extracted import Fact, facts
from pytest_llmeval.checks.facts.languages import languages_of
from pytest_llmeval.checks.facts.marks import Mark, citation_marks, in_order
from pytest_llmeval.checks.facts.sources import Sources
from pytest_llmeval.checks.plain_text import searchable
from pytest_llmeval.errors import LlmevalError
from pytest_llmeval.score import Claim, Score
from pytest_llmeval.text import excerpt, listed, plural, quoted, shown

_SHOWN = 10
_MOST_MARKS = 2_000
_BETWEEN = re.compile(r"[\s,;.]{0,3}")
_LISTED = re.compile(
    r"^\W{0,4}(?:sources?|references?|citations?|bibliography|footnotes?|quellen|fuentes|fonti|références|referenties)\W{0,4}$",
    re.IGNORECASE | re.MULTILINE,
)
_BRACKETED = re.compile(
    r"[\[\u3010(]\s?(?P<name>[^\[\]\u3010\u3011()\s][^\[\]\u3010\u3011()\n]{0,99}?)(?:\u2020[^\u3011\n]{0,99})?\s?[\]\u3011)](?!\()"
)
_BETWEEN_NAMES = re.compile(r"[,;]")
_LETTERS, _DIGITS = re.compile(r"[^\W\d_]+"), re.compile(r"\d+")
_ADDRESS = re.compile(r"https?://[^\s<>\"'`|\\^{}]+", re.IGNORECASE)
__tracebackhide__ = True


class _Problem(NamedTuple):
    start: int
    end: int
    told: str


@check
def assert_cites(
    reply: str,
    sources: Sequence[str] | Mapping[str, str],
    *,
    required: bool = True,
    every: bool = False,
    allow: str | Sequence[str] = (),
    category: str | None = None,
) -> Score:
    """Check that every citation mark in the reply names a source, and that this source states the facts cited from it.

    Marks are ``[1]``, ``[2, 3]``, ``[1-3]``, ``(2)``, ``¹``, ``【1†source】``, ``[doc 1]`` and the names of
    the sources in brackets. A mark covers what stands before it in its sentence, up to the mark before; at the start of
    a sentence it covers what follows. Facts are those of `assert_grounded`. The score is the share of marks and of
    uncited sentences that are right.

    Args:
        sources: texts, numbered from 1 in their order, or texts by name; names that are addresses are found as links.
        required: whether the reply must cite at least once.
        every: whether every sentence that states a fact must be cited.
        allow: other texts whose facts need no citation, such as the question.
        category: the error category of a failure; by default ``hallucination``.

    Raises:
        LlmevalError: there are no sources, or a mark such as ``【4:0†source】`` cannot be matched with numbered ones.
    """
    texts = _by_name(sources)
    allowed = [allow] if isinstance(allow, str) else list(allow)
    for each in allowed:
        if not isinstance(each, str):
            raise LlmevalError(f"assert_cites takes texts as allow, not {shown(each)}")
    text = searchable("cites", reply)
    marks = _marks(text, texts, numbered=not isinstance(sources, Mapping))
    if len(marks) > _MOST_MARKS:
        raise LlmevalError(f"assert_cites: the reply has more than {_MOST_MARKS:,} citation marks, too many to check")
    if not marks and required:
        return failed(f"the reply cites no source: {quoted(text)}", category="hallucination")
    groups = list(_groups(text, marks))
    judged = _Judged(text, texts, allowed)
    problems = [problem for group in groups for problem in judged.problems_of(group)]
    count = len(groups)
    if every:
        uncited = list(judged.uncited(groups))
        problems += uncited
        count += len(uncited)
    if not problems:
        return passed("hallucination")
    problems.sort()
    wrong = len({(problem.start, problem.end) for problem in problems})
    first, *rest = problems
    lines = [first.told + (f" (and {len(rest)} more)" if rest else ""), *(each.told for each in rest[: _SHOWN - 1])]
    if len(rest) > _SHOWN - 1:
        lines.append(f"... and {len(rest) - _SHOWN + 1} more")
    claims = tuple(Claim(each.start, text[each.start : each.end]) for each in problems)
    value = max(0.0, 1 - wrong / max(count, wrong))
    return failed("\n".join(lines), category="hallucination", value=value, unsupported=claims)


class _Group(NamedTuple):
    """Marks side by side, which cite together.

    Attributes:
        start: where what they cover starts.
        stop: where it ends; nothing is covered by marks of a list of sources.
    """

    start: int
    stop: int
    marks: tuple[Mark, ...]


class _Judged:
    """A reply with the sources that it may cite.

    Args:
        texts: the sources by name.
        allowed: texts whose facts need no citation.
    """

    def __init__(self, text: str, texts: Mapping[str, str], allowed: Sequence[str]) -> None:
        self._text = text
        self._texts = texts
        self._allowed = allowed
        self._facts = sorted(_facts(text), key=lambda fact: fact.start)
        self._starts = [fact.start for fact in self._facts]
        self._stated = Stated(text, [fact.quantity for fact in self._facts if fact.quantity])
        joined = "\n".join([*texts.values(), *allowed])
        self._languages = tuple(dict.fromkeys((*languages_of(text), *languages_of(joined))))
        self._sources: dict[tuple[str, ...], Sources] = {}

    def problems_of(self, group: _Group) -> Iterator[_Problem]:
        """What is wrong with marks: sources that do not exist, and facts that these do not state."""
        names = tuple(dict.fromkeys(name for mark in group.marks for name in mark.names))
        for mark in group.marks:
            for name in mark.names:
                if name not in self._texts:
                    place = excerpt(self._text, mark.start, mark.end)
                    yield _Problem(mark.start, mark.end, f"the reply cites {_named(name, self._texts)}: {place}")
        known = tuple(name for name in names if name in self._texts)
        for fact in self._between(group.start, group.stop) if known else ():
            if not self._said_by(known).hold(fact, self._stated):
                place = excerpt(self._text, fact.start, group.marks[-1].end)
                told = (
                    f"{_listed(known)} not say the {fact.kind} {quoted(fact.text, 50)}{self._elsewhere(fact)}: {place}"
                )
                yield _Problem(fact.start, fact.end, told)

    def uncited(self, groups: Sequence[_Group]) -> Iterator[_Problem]:
        """The sentences that state facts and have no mark."""
        covered = [(group.start, group.stop) for group in groups]
        nothing = self._said_by(())
        for start, end in sentences(self._text):
            stated = [fact for fact in self._between(start, end) if not nothing.hold(fact, self._stated)]
            open_facts = [fact for fact in stated if not any(first <= fact.start < last for first, last in covered)]
            if open_facts:
                told = f"no source is cited for the {open_facts[0].kind} {quoted(open_facts[0].text, 50)}"
                yield _Problem(start, end, f"{told}: {excerpt(self._text, start, end)}")

    def _between(self, start: int, end: int) -> list[Fact]:
        return self._facts[bisect_right(self._starts, start - 1) : bisect_right(self._starts, end - 1)]

    def _said_by(self, names: tuple[str, ...]) -> Sources:
        if names not in self._sources:
            self._sources[names] = Sources([*(self._texts[name] for name in names), *self._allowed], self._languages)
        return self._sources[names]

    def _elsewhere(self, fact: Fact) -> str:
        """Which source states the fact instead."""
        for name in self._texts:
            if self._said_by((name,)).hold(fact, self._stated):
                return f", but source {name} does"
        return ""


def _facts(text: str) -> list[Fact]:
    return list(facts(text, languages_of(text)))


def _by_name(sources: object) -> dict[str, str]:
    """The sources by the names that marks have for them.

    Raises:
        LlmevalError: there are none, or they are no texts.
    """
    if isinstance(sources, Mapping):
        named = {str(name): text for name, text in sources.items()}
    elif isinstance(sources, str) or not isinstance(sources, Iterable):
        raise LlmevalError(f"assert_cites takes a list of sources, or texts by name, not {shown(sources)}")
    else:
        named = {str(number): text for number, text in enumerate(sources, start=1)}
    for text in named.values():
        if not isinstance(text, str):
            raise LlmevalError(f"assert_cites takes texts as sources, not {shown(text)}")
    if not any(text.strip() for text in named.values()):
        raise LlmevalError("assert_cites was given no sources: the case needs the texts that its answer may cite")
    return named


def _marks(text: str, texts: Mapping[str, str], *, numbered: bool) -> list[Mark]:
    """The marks of a text, also those that name a source.

    Raises:
        LlmevalError: a mark has two numbers, and the sources one each.
    """
    names = [name for name in texts if not name.isdecimal()]
    found: list[Mark] = []
    if any(_ADDRESS.fullmatch(name) for name in names):
        for match in _ADDRESS.finditer(text):
            address = match.group().rstrip(".,;:!?)]*_")
            found.append(Mark(match.start(), match.start() + len(address), (address,)))
    elif names:
        shapes = {_shape(name) for name in names}
        for match in _BRACKETED.finditer(text):
            cited = tuple(piece.strip() for piece in _BETWEEN_NAMES.split(match["name"]) if piece.strip())
            if cited and all(name in texts or _shape(name) in shapes for name in cited):
                found.append(Mark(*match.span(), cited))
    plain = citation_marks(text, len(texts))
    for mark in plain:
        if numbered and any(":" in name for name in mark.names):
            raise LlmevalError(
                f"assert_cites cannot tell which source {quoted(text[mark.start : mark.end], 40)} names; "
                f'give the sources by name: {{"{mark.names[0]}": text}}'
            )
    if not names or not found or any(name.isdecimal() or ":" in name for name in texts):
        found += plain
    return in_order(found)


def _shape(name: str) -> str:
    """The form of a name: a-0 for doc-12."""
    return _DIGITS.sub("0", _LETTERS.sub("a", name))


def _groups(text: str, marks: Sequence[Mark]) -> Iterator[_Group]:
    """Marks that stand side by side, with what they cover: what is before them in their sentence.

    Where a sentence starts with a mark, each of its marks covers what follows. In a list of sources they cover nothing.
    """
    spans = list(sentences(text))
    starts = [start for start, _ in spans]
    listed = _LISTED.search(text)
    seen: set[str] = set()
    place = last = 0
    leading = -1  # the sentence that starts with a mark
    while place < len(marks):
        group = [marks[place]]
        place += 1
        while place < len(marks) and _BETWEEN.fullmatch(text, group[-1].end, marks[place].start):
            group.append(marks[place])
            place += 1
        first, end = group[0].start, group[-1].end
        names = {name for mark in group for name in mark.names}
        line = text.rfind("\n", 0, first) + 1
        index = bisect_right(starts, first) - 1
        opens = not text[line:first].strip(" \t-*>\u2022")
        if opens and ((listed and listed.end() <= first) or names <= seen):
            yield _Group(first, first, tuple(group))
        elif opens or (leading == index and index >= 0):
            leading = index
            stop = spans[index][1] if index >= 0 else end
            stop = min(stop, marks[place].start) if place < len(marks) else stop
            last = max(end, stop)
            yield _Group(end, last, tuple(group))
        else:
            # A mark behind the full stop cites the sentence before it.
            while index > 0 and not text[starts[index] : first].strip() and starts[index] > line:
                index -= 1
            yield _Group(max(starts[index] if index >= 0 else 0, last, line), first, tuple(group))
            last = end
        seen |= names


def _named(name: str, texts: Mapping[str, str]) -> str:
    if all(each.isdecimal() for each in texts):
        return f"source {name}, and there {'is' if len(texts) == 1 else 'are'} {plural(len(texts), 'source')}"
    return f"{quoted(name, 60)}, which is not among the sources {listed(list(texts), 5, 30)}"


def _listed(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"source {names[0]} does"
    return f"sources {', '.join(names[:-1])} and {names[-1]} do"
