"""A saved case while its replies are judged again, and the verdict that comes out of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import pytest

from pytest_llmeval.config.settings import ModelSettings
from pytest_llmeval.engine.fulfilled import Fulfilled
from pytest_llmeval.plugin.rejudging.saved_answers import SavedAnswers
from pytest_llmeval.runs.results import JUDGE_FAILED, CaseResult, SampleResult

if TYPE_CHECKING:
    from pytest_llmeval.plugin.running.trial import Trial

    Phase = tuple[Trial | None, pytest.CallInfo[None], pytest.TestReport]


class Again:
    """A saved case while it is judged again.

    Attributes:
        model: what its model's name stood for.
        executed: whether the test is executed for it.
        params: what the test is given by ``parametrize`` and its row.
        begun: whether that execution has begun.
        first: whether it came before the test was executed for the model on trial.
        held: the phases of the test for the model on trial, which are told once this is judged; None where nothing
            waits for it.
        answers: its replies; None until a fixture has asked for them.
        verdicts: what judges said of them.
        result: what today's test says of them; None until the test was run to its end.

    Args:
        judged_alike: how many of the first samples were judged by the tests that the digest of the case names; the
            others are of another run.
    """

    def __init__(
        self,
        saved: CaseResult,
        model: ModelSettings,
        params: Mapping[str, object],
        *,
        executed: bool,
        judged_alike: int,
    ) -> None:
        self.saved = saved
        self._judged_alike = judged_alike
        self.executed = executed
        self.params = params
        self.begun = self.first = False
        self.held: list[Phase] | None = None
        self.model = model
        self.answers: SavedAnswers | None = None
        self.verdicts: list[Fulfilled] = []
        self.result: CaseResult | None = None

    def verdict(self, now: CaseResult) -> CaseResult:
        """The baseline's result for the comparison."""
        same_tests = bool(now.judged_by) and (self.saved.judged_by, self.saved.content) == (now.judged_by, now.content)
        saved = self.saved._replace(
            key=now.key,
            content=now.content,
            judged_by=now.judged_by,
            file=now.file,
            line=now.line,
            samples=self.saved.samples[: self._judged_alike],
        )
        if not self.executed:
            # Another test says nothing of replies that it has not seen.
            return saved._replace(rejudged="executed_once" if same_tests else "not_compared")
        again, answers = self.result, self.answers
        if again is not None and any(map(_no_verdict, again.samples)):
            return saved._replace(rejudged="not_judged")
        if again is None or answers is None or _went_another_way(again.samples, self.saved.samples, answers):
            return saved._replace(rejudged="as_saved")
        fail_now = {
            place: replies.by_place
            for place, (replies, then, today) in enumerate(
                zip(answers.samples, self.saved.samples, again.samples, strict=True)
            )
            if then.outcome == "pass" and today.outcome == "fail" and not _rejected_by_people(today)
        }
        known = _judges(self.saved.samples)
        alike = list(zip(saved.samples, again.samples, strict=False))
        new = [_new_errors(then, today, known) for then, today in alike]
        if same_tests and (any(new) or any(_errors_gone(then, today) for then, today in alike)):
            samples = tuple(_examined_for(then, names) for (then, _), names in zip(alike, new, strict=True))
            return saved._replace(samples=samples, rejudged="other_code" if any(new) else "passes_now")
        if any(fail_now.values()):
            return again._replace(rejudged="not_compared")
        return again._replace(rejudged="fails_now" if fail_now and not same_tests else "")


def _went_another_way(today: Iterable[SampleResult], saved: Iterable[SampleResult], answers: SavedAnswers) -> bool:
    """Whether a sample asked more, less or in another order than when it was saved, or could not be judged."""
    for sample, then, replies in zip(today, saved, answers.samples, strict=True):
        if judged_as_error(then):
            continue
        # A test that fails early asks no more: that is its verdict.
        if replies.another_way or sample.outcome == "error" or (sample.outcome == "pass" and replies.left):
            return True
    return False


def _judges(samples: Iterable[SampleResult]) -> set[tuple[str, str]]:
    """The models whose verdicts counted, each with what it was asked."""
    scores = (score for sample in samples for score in sample.scores)
    return {(score.judge.model, score.judge.prompt) for score in scores if score.judge is not None and score.gated}


def _new_errors(then: SampleResult, today: SampleResult, known: set[tuple[str, str]]) -> set[str]:
    """The categories in which a saved answer fails by today's code and did not, though the tests are the same.

    What people or other judges say of it does not count.

    Args:
        known: the judges whose verdicts counted then: one of these that rejects the answer now is shown other words.
    """
    if _rejected_by_people(today):
        return set()
    by_others = {
        score.category
        for score in today.scores
        if score.judge is not None and not score.passed and (score.judge.model, score.judge.prompt) not in known
    }
    return set(today.categories) - by_others.union(then.categories)


def _errors_gone(then: SampleResult, today: SampleResult) -> bool:
    """Whether a saved answer failed and passes today, though the tests are the same and nobody else has decided it."""
    if then.outcome != "fail" or today.outcome != "pass" or any(score.check == "review" for score in today.scores):
        return False
    by_judges = {score.category for score in then.scores if score.judge is not None and not score.passed}
    return bool(set(then.categories) - by_judges)


def _examined_for(then: SampleResult, names: set[str]) -> SampleResult:
    """A saved answer that did not fail in these categories, in a test that would have said so."""
    return then if then.noted is None else then._replace(noted=tuple(sorted(names.union(then.noted))))


def _no_verdict(sample: SampleResult) -> bool:
    """Whether a judge failed; what another one said of the reply when it was saved counts for nothing."""
    return sample.outcome == "error" and sample.category == JUDGE_FAILED


def _rejected_by_people(sample: SampleResult) -> bool:
    """Whether it fails since people have rejected it, which no code has changed."""
    return any(score.check == "review" and not score.passed for score in sample.scores)


def judged_as_error(saved: SampleResult) -> bool:
    """Whether a saved sample had no reply that could be judged again."""
    return saved.outcome == "error" and (saved.category not in ("exception", JUDGE_FAILED) or not saved.calls)


again_key = pytest.StashKey[Again]()
"""On a test while it is judged again."""

judged_again_key = pytest.StashKey[Again | None]()
"""On a test whose saved replies were judged again; None on one that the baseline does not have."""
