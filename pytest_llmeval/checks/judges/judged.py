"""`assert_judged`: another model judges an answer by a rubric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

from pytest_llmeval.checks.check import check
from pytest_llmeval.checks.judges.asker import Asker, JudgeModel, asker
from pytest_llmeval.checks.judges.judge_prompt import (
    VERDICTS,
    Parts,
    messages_of,
    prompt_digest,
    prompts_like,
    schema_of_verdict,
    texts_given,
)
from pytest_llmeval.checks.judges.rubrics import Rubric, rubric_of
from pytest_llmeval.checks.judges.votes import Votes, decided, usable, valid_votes, vote_in
from pytest_llmeval.checks.plain_text import text_of
from pytest_llmeval.errors import JudgeFailed, LlmevalError
from pytest_llmeval.score import Judge, Score

__tracebackhide__ = True


@check
def assert_judged(
    reply: str,
    rubric: str,
    *,
    judge: str,
    question: str | None = None,
    context: str | Sequence[str] | None = None,
    expected: str | Sequence[str] | None = None,
    votes: int = 1,
    category: str | None = None,
) -> Score:
    """Check a reply by what another model says about it.

    The judge quotes the reply, and a verdict that quotes what the reply does not say is not used. Its calls are
    recorded, replayed and priced apart. Until ``llmeval judge-agreement`` has found that it agrees with people, it
    fails no answer: one that it finds bad and that passes everything else is unverified.

    Args:
        reply: what ``llm(...)`` returned, or the application's answer as a text.
        rubric: ``faithfulness``, ``answer_relevance``, ``correctness``, ``tone``, ``policy``, or a text of your own.
        judge: the name of a model of [tool.llmeval.models], or ``provider/model``.
        question: what was asked; ``answer_relevance`` needs it.
        context: the passages that the reply may use, or the policy; ``faithfulness`` and ``policy`` need it.
        expected: a right answer, or several; ``correctness`` needs it.
        votes: how often the judge is asked, an odd number; more than half of all votes decide.
        category: the error category of a failure; by default that of the rubric: ``hallucination``, ``irrelevant``,
            ``wrong_answer``, ``tone``, ``policy``, and ``wrong_answer`` for one of your own.

    Raises:
        JudgeFailed: there is no verdict: no answer, no JSON, no evidence. The case is an error.
        LlmevalError: no test is asking, the rubric is unknown, or what it needs is missing.
    """
    asks = asking("assert_judged")
    chosen = rubric_of("assert_judged", rubric)
    given = {"question": question, "context": context, "expected": expected}
    parts = parts_of("assert_judged", chosen, text_of(reply), given)
    found = judged(asks, chosen, parts, judge, valid_votes("assert_judged", votes))
    return score_of(asks, found, chosen, passed=found.votes.deciding == "pass", value=found.share("pass"))


class Judged(NamedTuple):
    """What a judge said.

    Attributes:
        model: as ``provider/model``.
        prompt: digest of what it was asked.
    """

    model: str
    prompt: str
    votes: Votes

    def share(self, verdict: str) -> float:
        """Of the votes that were used, those for a verdict."""
        return sum(vote.verdict == verdict for vote in self.votes.used) / len(self.votes.used)


def asking(check_name: str) -> Asker:
    """Who asks judges now.

    Raises:
        LlmevalError: nobody does.
    """
    asks = asker.get()
    if asks is None:
        raise LlmevalError(
            f"{check_name} asks a model: it works in the body of a test that takes llm, llm_capture or llm_gateway, "
            "and in no thread of the test's own"
        )
    return asks


def parts_of(check_name: str, rubric: Rubric, answer: str, given: Mapping[str, object]) -> Parts:
    """The material of a case.

    Raises:
        LlmevalError: something is no text, or what the rubric needs is missing.
    """
    found = {name: texts_given(check_name, name, each) for name, each in given.items()}
    for name in rubric.needs:
        if not found[name]:
            raise LlmevalError(f"{check_name}: the rubric {rubric.name} needs {name}=, and it is empty or missing")
    return {**{name: texts for name, texts in found.items() if texts}, "answer": (str(answer),)}


def judged(asks: Asker, rubric: Rubric, parts: Parts, judge: str, votes: int) -> Judged:
    """Ask a judge.

    Raises:
        JudgeFailed: it gave no verdict.
        ConfigError: there is no such model.
    """
    model = asks.model(judge)
    texts, words = parts["answer"], VERDICTS["answer"]
    [answers] = asks.ask(judge, [messages_of(rubric, parts)], schema_of_verdict(), votes, usable(texts, words))
    try:
        said = decided(model.name, [vote_in(each, texts, words) for each in answers])
    except JudgeFailed as error:
        asks.failed(error)
        raise
    return Judged(model.name, asked_as(asks, rubric, parts, model, votes), said)


def asked_as(asks: Asker, rubric: Rubric, parts: Parts, model: JudgeModel, votes: int, *, pair: bool = False) -> str:
    """The digest of what a judge was asked; tells of a calibration that is for something else.

    Args:
        rubric: and the others, as for `prompt_digest`.
    """
    prompt = prompt_digest(rubric, parts, model, votes, pair=pair)
    if asks.labels(model.name, prompt) is None:
        asks.uncalibrated(model.name, rubric.name, partial(prompts_like, rubric, parts, model, votes, pair=pair))
    return prompt


def score_of(asks: Asker, found: Judged, rubric: Rubric, *, passed: bool, value: float) -> Score:
    """What a judge's verdict counts for."""
    labels = asks.labels(found.model, found.prompt)
    reason = found.votes.words()
    if not passed:
        known = "" if labels is not None else ", not calibrated,"
        reason = f"the judge {found.model}{known} says {found.votes.deciding} ({rubric.name}): {reason}"
    return Score(
        value=value,
        passed=passed,
        reason=reason,
        category=rubric.category,
        judge=Judge(found.model, rubric.name, found.prompt, labels),
    )
