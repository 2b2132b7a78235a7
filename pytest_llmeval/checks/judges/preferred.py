"""`assert_preferred`: another model compares an answer with another one, in both orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_llmeval.checks.check import check, passed
from pytest_llmeval.checks.judges.asker import Asker, Messages
from pytest_llmeval.checks.judges.judge_prompt import VERDICTS, Parts, messages_of, schema_of_verdict
from pytest_llmeval.checks.judges.judged import Judged, asked_as, asking, parts_of, score_of
from pytest_llmeval.checks.judges.rubrics import Rubric, rubric_of
from pytest_llmeval.checks.judges.votes import Vote, decided, usable, valid_votes, vote_in
from pytest_llmeval.checks.plain_text import text_of
from pytest_llmeval.errors import JudgeFailed, ReplyError
from pytest_llmeval.reply import Answer
from pytest_llmeval.score import Score
from pytest_llmeval.text import folded

REPLY, OTHER, TIE = "the reply is better", "the other answer is better", "neither is better"

_IN_ORDER = {"first": REPLY, "second": OTHER, "tie": TIE}
_SWAPPED = {"first": OTHER, "second": REPLY, "tie": TIE}
__tracebackhide__ = True


@check
def assert_preferred(
    reply: str,
    other: str,
    rubric: str,
    *,
    judge: str,
    question: str | None = None,
    context: str | Sequence[str] | None = None,
    expected: str | Sequence[str] | None = None,
    votes: int = 1,
    category: str | None = None,
) -> Score:
    """Check that another model does not find another answer better than the reply.

    Judges favour the first answer, or the last. So each vote asks twice, with the answers in both orders, and a verdict
    that changes with the order is a tie. A tie passes with a score of 0.5. Equal texts are a tie without asking.

    Args:
        reply: what ``llm(...)`` returned, or the application's answer as a text.
        other: the answer to compare it with.
        rubric: as for `assert_judged`, and so are the other arguments.
        votes: how often the judge is asked in both orders.
        category: the error category of a failure; by default that of the rubric.

    Raises:
        JudgeFailed: there is no verdict. The case is an error.
        LlmevalError: no test is asking, the rubric is unknown, or what it needs is missing.
    """
    asks = asking("assert_preferred")
    chosen = rubric_of("assert_preferred", rubric)
    given = {"question": question, "context": context, "expected": expected}
    parts = pair_of("assert_preferred", chosen, text_of(reply), text_of(other), given)
    count = valid_votes("assert_preferred", votes)
    if folded(reply) == folded(other):
        return passed(chosen.category, value=0.5)
    found = preferred(asks, chosen, parts, judge, count)
    value = found.share(REPLY) + found.share(TIE) / 2
    return score_of(asks, found, chosen, passed=found.votes.deciding != OTHER, value=value)


def pair_of(check_name: str, rubric: Rubric, reply: str, other: str, given: Mapping[str, object]) -> Parts:
    """The material of a case, with the reply as the first answer.

    Raises:
        LlmevalError: something is no text, or what the rubric needs is missing.
    """
    parts = {**parts_of(check_name, rubric, reply, given), "second": (str(other),)}
    parts["first"] = parts.pop("answer")
    return parts


def preferred(asks: Asker, rubric: Rubric, parts: Parts, judge: str, votes: int) -> Judged:
    """Ask a judge which answer is better, in both orders.

    Raises:
        JudgeFailed: it gave no verdict.
        ConfigError: there is no such model.
    """
    model, texts = asks.model(judge), (*parts["first"], *parts["second"])
    fits = usable(texts, VERDICTS["pair"])
    in_order, swapped = asks.ask(judge, prompts_of_pair(rubric, parts), schema_of_verdict(pair=True), votes, fits)
    found = [_both_orders(one, two, texts) for one, two in zip(in_order, swapped, strict=True)]
    try:
        said = decided(model.name, found)
    except JudgeFailed as error:
        asks.failed(error)
        raise
    return Judged(model.name, asked_as(asks, rubric, parts, model, votes, pair=True), said)


def prompts_of_pair(rubric: Rubric, parts: Parts) -> list[Messages]:
    """The chat messages that ask in one order, and in the other."""
    swapped = {**parts, "first": parts["second"], "second": parts["first"]}
    return [messages_of(rubric, each, pair=True) for each in (parts, swapped)]


def _both_orders(one: Answer | ReplyError, two: Answer | ReplyError, texts: Sequence[str]) -> Vote | str:
    """The vote that two orders make; why there is none, where one of them cannot be used."""
    votes = [vote_in(each, texts, VERDICTS["pair"]) for each in (one, two)]
    first, second = votes
    if isinstance(first, str) or isinstance(second, str):
        return first if isinstance(first, str) else str(second)
    verdict, again = _IN_ORDER[first.verdict], _SWAPPED[second.verdict]
    if verdict == again:
        return first._replace(verdict=verdict)
    said = f"the verdict changes with the order of the answers: {verdict} ({first.reason}), then {again}"
    return Vote(TIE, f"{said} ({second.reason})", first.evidence)
