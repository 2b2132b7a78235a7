"""Checks that follow from what production answered, for a first verdict on answers that nobody wrote expectations for.

They say in which ways an answer is worse than production's, never that it is right. An answer that passes them all and
says something else than production did is not verified.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Protocol

from pytest_llmeval.case import Case
from pytest_llmeval.checks.all_checks import AllOf
from pytest_llmeval.checks.categories import valid_category
from pytest_llmeval.checks.check import check, failed, passed
from pytest_llmeval.checks.gathered import leave_unverified
from pytest_llmeval.checks.grounded import assert_grounded
from pytest_llmeval.checks.languages.segments import word_count
from pytest_llmeval.checks.measured import assert_not_refusal
from pytest_llmeval.checks.plain_text import text_of
from pytest_llmeval.checks.production.disagreement import FEW_WORDS, MUCH, disagreement, fields_of
from pytest_llmeval.checks.production.recorded import Recorded, recorded_of
from pytest_llmeval.checks.structure.json_parts import folded_path, json_of
from pytest_llmeval.errors import CheckFailed, LlmevalError, Unverified
from pytest_llmeval.reply import Answer, Reply
from pytest_llmeval.score import Score
from pytest_llmeval.text import harmless, listed, plural, quoted

LONGEST_OF_FACTS = 60
"""Words of an answer of production whose numbers and names must be kept. Longer ones are told in many right ways. Also
those of a question whose own facts an answer need not repeat."""

_MOST_CHARACTERS = 20 * LONGEST_OF_FACTS  # of such an answer, whatever its words
_FEWEST_LETTERS = 20  # for a language to be told
__tracebackhide__ = True


class _Inferred(Protocol):
    def __call__(self, reply: str, *, category: str | None = None) -> Score | None: ...


def assert_like_production(reply: str, case: Case, *, category: str | None = None) -> None:
    """Check that a reply is no worse than production's answer, in the ways that the two answers show.

    The reply must be what production's answer was: no refusal, not cut off, JSON with the same fields, calls of
    the same tools, in the same script, neither three times as long nor a third. The numbers and names of an answer of
    up to 60 words must be kept. A reply that says the same as production passes.

    Args:
        reply: what ``llm(...)`` returned, or the application's answer as a text.
        case: of ``llm_shadow``, or any case with production's answer in ``metadata["recorded"]``.
        category: the error category of a failure; by default ``refusal``, ``truncated``, ``format``, ``tool_call``,
            ``language``, ``length`` or ``lost_facts``.

    Raises:
        CheckFailed: the reply is worse.
        Unverified: it is no worse and says something else, so no check can tell whether it is right; in `all_checks`
            at the end of the block, if nothing in it fails.
        LlmevalError: the case holds no answer of production.
    """
    explicit = valid_category(category)
    recorded = recorded_of(case)
    if recorded is None:
        raise LlmevalError(
            f"case {quoted(case.id)} holds no answer of production, metadata.recorded.output; "
            "llmeval import LOG makes cases that do"
        )
    text_of(reply)
    answer = reply.answer if isinstance(reply, Reply) else Answer(text=str(reply))
    with AllOf():
        for inferred in _inferred(reply, recorded, case):
            inferred(reply, category=explicit)
    differs = disagreement(recorded.answer, answer)
    if differs is not None:
        leave_unverified(
            Unverified(
                f"not verified: {differs.kind} than in production's answer, {differs.size:.0%} of the words differ"
                if differs.kind.startswith("other")
                else f"not verified: {differs.kind}, {differs.size:.0%} of the words differ from production's answer"
            )
        )


def _inferred(reply: str, recorded: Recorded, case: Case) -> Iterator[_Inferred]:
    """The checks that follow from production's answer."""
    was, now = recorded.answer, reply.answer if isinstance(reply, Reply) else None
    if not was.refusal and _passes(was.text):
        yield assert_not_refusal
    if now is not None and was.finish_reason not in ("length", "content_filter"):
        yield not_cut_off
    if now is not None:
        yield partial(same_tools, answer=now, recorded=was)
    if not was.text.strip() or (now is not None and now.tool_calls):
        return
    if (value := json_of(was.text)) is not None:
        yield partial(same_fields, recorded=value)
        return
    yield partial(same_script, recorded=was.text)
    yield partial(similar_length, recorded=was.text)
    if len(was.text) <= _MOST_CHARACTERS and word_count(was.text) <= LONGEST_OF_FACTS:
        yield partial(kept_facts, recorded=was.text, asked=_asked(case.input))


def _passes(text: str) -> bool:
    try:
        score: Score = _unwrapped(assert_not_refusal)(text)
    except LlmevalError:
        return False
    return score.passed


def _unwrapped(assertion: Any) -> Any:
    """The function behind a check, which raises nothing and keeps no score."""
    return assertion.__wrapped__


@check
def not_cut_off(reply: str, *, category: str | None = None) -> Score:
    """Check that a reply is not cut off, as production's was not."""
    answer = reply.answer if isinstance(reply, Reply) else Answer(text=reply)
    if answer.finish_reason == "length":
        return failed("cut off at the limit of tokens, where production's answer was whole", category="truncated")
    return passed("truncated")


@check
def same_tools(reply: str, *, answer: Answer, recorded: Answer, category: str | None = None) -> Score:
    """Check that a reply calls the tools that production's answer called, each as often."""
    was, now = (Counter(call.name for call in each.every_tool_call) for each in (recorded, answer))
    if was == now:
        return passed("tool_call")
    return failed(f"calls {_tools(now)}, where production called {_tools(was)}", category="tool_call")


def _tools(names: Counter[str]) -> str:
    return harmless(", ".join(f"{name} ({count})" if count > 1 else name for name, count in names.items())) or "no tool"


@check
def same_fields(reply: str, *, recorded: object, category: str | None = None) -> Score:
    """Check that a reply is JSON and has the fields of production's answer."""
    value = json_of(reply)
    if value is None or type(value) is not type(recorded):
        kind = "an object" if isinstance(recorded, dict) else "an array"
        return failed(f"not {kind} of JSON, as production's answer is: {quoted(reply, 100)}", category="format")
    was, now = fields_of(recorded), fields_of(value)
    told = [
        f"{word} {plural(len(names), 'field')} {listed(sorted(map(folded_path, names)))}"
        for word, names in (("lacks", was - now), ("adds", now - was))
        if names
    ]
    if not told:
        return passed("format")
    return failed(f"{' and '.join(told)}, compared with production's answer", category="format")


@check
def same_script(reply: str, *, recorded: str, category: str | None = None) -> Score:
    """Check that a reply is in the language of production's answer, as far as scripts tell."""
    was, now = _script(recorded), _script(reply)
    if was is None or now is None or was == now:
        return passed("language")
    return failed(f"written in {now.title()} letters, production's answer in {was.title()}", category="language")


def _script(text: str) -> str | None:
    """The script of most letters of a text, None where there are few or they are mixed."""
    letters = [character for character in text[:20_000] if character.isalpha()]
    counts = Counter(unicodedata.name(letter, "?").split()[0] for letter in letters)
    if {"HIRAGANA", "KATAKANA"} & counts.keys():  # with which Chinese characters are Japanese
        counts["JAPANESE"] = sum(counts.pop(name, 0) for name in ("HIRAGANA", "KATAKANA", "CJK"))
    [(name, count)] = counts.most_common(1) or [("", 0)]
    return name if len(letters) >= _FEWEST_LETTERS and count >= 0.6 * len(letters) else None


@check
def similar_length(reply: str, *, recorded: str, category: str | None = None) -> Score:
    """Check that a reply is neither three times as long as production's answer nor a third of it."""
    was, now = word_count(recorded), word_count(reply)
    if abs(was - now) < FEW_WORDS or max(was, now) < MUCH * min(was, now):
        return passed("length")
    return failed(f"{now} words long, production's answer {was}", category="length")


@check
def kept_facts(reply: str, *, recorded: str, asked: str, category: str | None = None) -> Score:
    """Check that a reply has the numbers, dates, links and names of production's answer.

    Those of a short question are left out: to repeat them is no information. A long one holds what is to be used.
    """
    try:
        lost: Score = _unwrapped(assert_grounded)(recorded, [f"{reply}\n", f"{asked}\n"], names=True)
    except CheckFailed:
        return passed("lost_facts")
    if lost.passed:
        return passed("lost_facts")
    claims = [claim.text for claim in lost.unsupported]
    return failed(f"lacks {listed(claims)}, which production's answer has", category="lost_facts", value=lost.value)


def _asked(given: Any) -> str:
    """The last question of a request, "" where it is long."""
    if isinstance(given, list):
        said = [one.get("content") for one in given if isinstance(one, Mapping) and one.get("role") == "user"]
        given = said[-1] if said else ""
    text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
    return text if len(text.split()) <= LONGEST_OF_FACTS else ""
