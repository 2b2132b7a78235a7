"""A check for invented facts: quotes, addresses, dates, numbers and names that no source holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from pytest_llmeval.checks.check import check, failed, is_number, passed
from pytest_llmeval.checks.facts.capitalised import NOUNS_HAVE_CAPITALS, capitalised
from pytest_llmeval.checks.facts.content_words import sentences
from pytest_llmeval.checks.facts.derived import Stated
from pytest_llmeval.checks.facts.extracted import Fact, facts
from pytest_llmeval.checks.facts.languages import LANGUAGES, languages_of
from pytest_llmeval.checks.facts.quantities import TooManyNumbers
from pytest_llmeval.checks.facts.sources import Sources
from pytest_llmeval.checks.plain_text import searchable
from pytest_llmeval.errors import LlmevalError
from pytest_llmeval.score import Claim, Score
from pytest_llmeval.text import excerpt, quoted, shown

Detector = Callable[[str, list[str]], Iterable[Any]]
_SHOWN = 10
MOST_FACTS = 10_000
_FACTS_OF_ANY_TEXT = 1_000  # that are checked however short it is
_CHARACTERS_PER_FACT = 8  # of a longer text; one with more facts is a table of figures
_CHARACTERS_PER_FIGURE = 5  # of which a date has three
_FIGURE = re.compile(r"\d[\d.,]*")
_RUN_IN_PROSE = re.compile(
    r"(?<![^\W_])(?P<before>[^\W\d_A-Z]{1,20}) (?P<name>[^\W\d_a-z][\w'\u2019.-]{1,30} [^\W\d_a-z]\w)"
)
_ARTICLES = frozenset(
    [
        *("the", "a", "an", "our", "your", "my", "his", "her", "its", "their", "this", "that", "these", "those"),
        *("each", "every", "any", "no", "all", "such", "as"),
    ]
)
_DENIED = re.compile(
    r"(?:(?<!\w)(?:not|no|never|nor|neither|cannot|without|except|unlike|instead|only|ne|pas|sans|sin|non|niet|geen|não)"
    r"(?!\w)|n['\u2019]t(?!\w))[^.!?\n]*$",
    re.IGNORECASE,
)
_FEWEST_CONTENT_WORDS = 4  # of a sentence that the word rule judges
__tracebackhide__ = True


@check
def assert_grounded(
    reply: str,
    context: str | Sequence[str],
    *,
    allow: str | Sequence[str] = (),
    names: bool = False,
    words: float | None = None,
    detector: Detector | None = None,
    category: str | None = None,
) -> Score:
    """Check that the numbers, dates, links, addresses, names with digits and quotes in the reply are in the context.

    They are compared by meaning; ``docs/reference/checks.md`` says how, with measured figures. A name of several words
    fails if the context has none of the words. Only `names`, `words` and `detector` find other claims invented in
    prose. The score is the share of facts that are in the context.

    Args:
        context: the passages that the answer may use.
        allow: other texts whose facts may be repeated, such as the question.
        names: whether single words with a capital letter inside a sentence must be in the context too.
        words: a share such as 0.5; a sentence is unsupported when the context lacks this share of its content words.
            It shows little where answers paraphrase.
        detector: a function of the reply and the list of passages that returns the parts of the reply they do not
            support: pairs ``(start, end)`` in characters, or objects with ``start`` and ``end``.
        category: the error category of a failure; by default ``hallucination``.

    Raises:
        LlmevalError: there is no context, an option is wrong, or the detector failed.
    """
    passages = [context] if isinstance(context, str) else list(context or ())
    allowed = [allow] if isinstance(allow, str) else list(allow)
    for passage in (*passages, *allowed):
        if not isinstance(passage, str):
            raise LlmevalError(f"assert_grounded takes texts as context, not {shown(passage)}")
    if not any(passage.strip() for passage in passages):
        raise LlmevalError("assert_grounded was given no context: the case needs the passages its answer may use")
    if words is not None and not (is_number(words, 0, 1) and words > 0):
        raise LlmevalError(f"assert_grounded: words={shown(words)} is not a share above 0 and up to 1, such as 0.5")
    text = searchable("grounded", reply)
    stated, unsupported, hints = examined(text, [*passages, *allowed], len(passages))
    count = len(stated)
    sources = Sources([*passages, *allowed], LANGUAGES)
    more = [*(_names(text, sources) if names else _whole_names(text, [*passages, *allowed], sources))]
    more += _sentences(text, sources, words) if words else ()
    count += len(more)
    unsupported += more
    if detector is not None:
        found = _detected(detector, text, [*passages, *allowed])
        count += len(found)
        unsupported += found
    if not unsupported:
        return passed("hallucination")
    return _failed(text, sorted(unsupported, key=lambda fact: (fact.start, fact.end)), count, hints)


def examined(text: str, passages: Sequence[str], cited: int) -> tuple[list[Fact], list[Fact], dict[Fact, str]]:
    """The facts of a text, those that no passage holds, and what the passages say of these.

    Args:
        cited: how many of the passages a mark such as (2) may name.

    Raises:
        LlmevalError: there are too many facts.
    """
    spoken = languages_of(text)
    most = min(MOST_FACTS, max(_FACTS_OF_ANY_TEXT, len(text) // _CHARACTERS_PER_FACT))
    figures = max(2 * _FACTS_OF_ANY_TEXT, len(text) // _CHARACTERS_PER_FIGURE)
    few = sum(1 for _ in islice(_FIGURE.finditer(text), figures + 1)) <= figures
    found: list[Fact] = []
    try:
        found += islice(facts(text, spoken, cited, most), most + 1) if few else ()
    except TooManyNumbers:
        few = False
    if not few or len(found) > most:
        raise LlmevalError(
            f"assert_grounded: the reply states more than {most:,} facts in {len(text):,} characters, too many to check"
        )
    if not found:
        return [], [], {}
    languages = tuple(dict.fromkeys((*spoken, *languages_of("\n".join(passages)))))
    sources, stated = Sources(passages, languages), Stated(text, [fact.quantity for fact in found if fact.quantity])
    once = list({_key(fact): fact for fact in reversed(found)}.values())
    unsupported: list[Fact] = []
    hints: dict[Fact, str] = {}
    for fact in once:
        if not sources.hold(fact, stated):
            hint, one = sources.why_not(fact), fact.quantity
            if hint and one:  # the number is there, so that its unit is what is wrong
                fact = fact._replace(text=text[one.start : one.end], start=one.start, end=one.end)
                hints[fact] = hint
            unsupported.append(fact)
    return once, unsupported, hints


def _key(fact: Fact) -> tuple[object, ...]:
    one = fact.quantity
    return (fact.kind, fact.text, *((one.readings, one.bound, one.denied, one.ordinal, one.decade) if one else ()))


def _names(text: str, sources: Sources) -> Iterator[Fact]:
    for start, end in capitalised(text, languages_of(text), sources.knows_name):
        if not sources.knows_run(text[start:end].split()):
            yield Fact("name", text[start:end], start, end)


def _whole_names(text: str, passages: Sequence[str], sources: Sources) -> Iterator[Fact]:
    """Names of several words, of which the sources have none, in prose: behind a small word that is no article.

    So titles, headings, greetings and the names of a page's buttons are left out, and nearly all that is left are
    people, places and firms. What a sentence denies often comes from the question. In German all nouns have capitals.
    """
    if languages_of(text)[:1] == NOUNS_HAVE_CAPITALS:
        return
    said = "\n".join(passages).casefold()
    runs = [
        run
        for run in _RUN_IN_PROSE.finditer(text)
        if run["before"].islower()
        and run["before"] not in _ARTICLES
        and all(word[0].isupper() for word in run["name"].split())
    ]
    starts = {run.start("name") for run in runs if any(word not in said for word in run["name"].casefold().split())}
    for fact in _names(text, sources) if starts else ():
        if fact.start in starts and " " in fact.text and not _DENIED.search(text, max(0, fact.start - 80), fact.start):
            yield fact


def _sentences(text: str, sources: Sources, words: float) -> Iterator[Fact]:
    for start, end in sentences(text):
        missing, count = sources.share_missing(text[start:end])
        if count >= _FEWEST_CONTENT_WORDS and missing >= words:
            yield Fact("sentence", text[start:end], start, end)


def _detected(detector: Detector, text: str, passages: list[str]) -> list[Fact]:
    """What a detector of the user's found.

    Raises:
        LlmevalError: it failed, or returned something else than places in the text.
    """
    try:
        spans = list(detector(text, passages))
    except Exception as error:
        raise LlmevalError(f"assert_grounded: the detector failed with {type(error).__name__}: {error}") from error
    found = []
    for span in spans:
        place: object = (span.get("start"), span.get("end")) if isinstance(span, Mapping) else span
        if not isinstance(place, (tuple, list)):
            place = (getattr(span, "start", None), getattr(span, "end", None))
        start, end = place if len(place) == 2 else (None, None)
        if not is_number(start) or not is_number(end) or not isinstance(start, int) or not isinstance(end, int):
            raise LlmevalError(f"assert_grounded: the detector returned {shown(span)}, not a pair of start and end")
        if not 0 <= start < end <= len(text):
            length = f"a reply of {len(text)} characters"
            raise LlmevalError(f"assert_grounded: the detector returned the place {start} to {end} in {length}")
        found.append(Fact("part", text[start:end], start, end))
    return found


def _failed(text: str, unsupported: Sequence[Fact], count: int, hints: Mapping[Fact, str]) -> Score:
    first = unsupported[0]
    more = f" (and {len(unsupported) - 1} more)" if len(unsupported) > 1 else ""
    place = excerpt(text, first.start, first.end)
    lines = [f"not in the context: {_named(first)}{more}, the reply says {place}{_hint(first, hints)}"]
    lines += [
        f"{_named(fact)}: {excerpt(text, fact.start, fact.end)}{_hint(fact, hints)}" for fact in unsupported[1:_SHOWN]
    ]
    if len(unsupported) > _SHOWN:
        lines.append(f"... and {len(unsupported) - _SHOWN} more")
    claims = tuple(Claim(fact.start, text[fact.start : fact.end]) for fact in unsupported)
    return failed("\n".join(lines), category="hallucination", value=1 - len(unsupported) / count, unsupported=claims)


def _named(fact: Fact) -> str:
    return f"the {fact.kind} {quoted(fact.text, 50)}"


def _hint(fact: Fact, hints: Mapping[Fact, str]) -> str:
    return f"; the context says {quoted(hints[fact], 50)}" if fact in hints else ""
