"""The results of a session: what was called, how it was judged, and what that makes of each case."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from pytest_llmeval.reply import Answer, Measures
from pytest_llmeval.score import Score


def was_another(before: Run, after: Run, old: str, new: str) -> bool:
    """Whether two names stand for different models, or one name for another than it did, whatever their parameters."""
    models = before.models.get(old, {}), after.models.get(new, {})
    return old != new or any(models[0].get(key) != models[1].get(key) for key in ("provider", "model"))


def model_words(model: Mapping[str, Any]) -> str:
    """What a model's name stands for in a run's header, in words."""
    params = model.get("params") or {}
    shown = ", ".join(f"{name} = {value}" for name, value in params.items()) if isinstance(params, Mapping) else ""
    return f"{model.get('provider')}/{model.get('model')}" + (f" ({shown})" if shown else "")


Outcome = Literal["pass", "fail", "error"]

Rejudged = Literal["", "as_saved", "other_code", "not_compared"]


class CaseKey(NamedTuple):
    """What makes two results the same case: the test function and the case's id, whatever the model.

    Attributes:
        test: ``path::function``, the path relative to the root, with forward slashes.
        case: id of the case, or of the test's other parameters, "" when it has none.
    """

    test: str
    case: str

    def __str__(self) -> str:
        """As pytest writes it."""
        return f"{self.test}[{self.case}]" if self.case else self.test


TrialKey = tuple[CaseKey, str]

"""A case under a model, by the model's name."""


class Call(NamedTuple):
    """One call of a model.

    Attributes:
        provider: the wire format.
        request_model: the model that was asked for.
        words_digest: of what was asked, without model and parameters, to tell whether it changed between runs.
        spent: USD spent in this session: 0 for a replayed reply, None when no price is known.
        key: under which the store has the reply, None when that is not known.
        recorded_at: when the reply was given, ISO date and time, UTC; None when that is not known.
        response: the body of the response, of a call that an application made: what it reads may be more than `answer`
            holds. None for any other.
    """

    provider: str
    request_model: str
    words_digest: str
    answer: Answer
    measures: Measures
    spent: float | None = None
    key: str | None = None
    recorded_at: str | None = None
    response: Mapping[str, Any] | None = None


class SampleResult(NamedTuple):
    """One answer to a case, judged.

    Attributes:
        index: from 0.
        category: the error category of a failure, the kind of an error, else None.
        reason: the first line of the message of a failure or error.
        detail: the whole message.
        raised: of an exception that is no assertion, what it was and where, as ``ValueError at tests/test_a.py:12``.
    """

    index: int  # type: ignore[assignment]  # not the method of tuples
    outcome: Outcome
    category: str | None = None
    reason: str = ""
    detail: str = ""
    scores: tuple[Score, ...] = ()
    calls: tuple[Call, ...] = ()
    raised: str = ""


class CaseResult(NamedTuple):
    """All samples of one case under one model.

    Attributes:
        model: the name of the model as the session knows it.
        input: the case's input, for people who review.
        content: digest of the case's row, to tell whether it changed between runs.
        wording: "" for the row's own input, else which other wording of it was asked.
        min_pass_rate: the share of judged samples that must pass.
        file: the test's file, relative to the root.
        line: the test's line, from 1.
        judged_by: digest of the files that judge it; "" when it is not known.
        rejudged: of a saved run whose replies today's tests judged again: ``as_saved`` when the test asked in another
            way than then, so that the saved verdict counts; ``other_code`` when replies that passed fail now in
            the very same tests, so that it counts too; ``not_compared`` when replies to other requests, which passed
            when they were saved, fail tests that changed. Else "".
    """

    key: CaseKey
    model: str
    samples: tuple[SampleResult, ...]
    min_pass_rate: float = 1.0
    dataset: str | None = None
    task: str | None = None
    tags: tuple[str, ...] = ()
    input: Any = None
    content: str = ""
    wording: str = ""
    file: str = ""
    line: int = 0
    judged_by: str = ""
    rejudged: Rejudged = ""

    @property
    def trial(self) -> TrialKey:
        """What tells this result from all others of a run."""
        return self.key, self.model

    @property
    def row(self) -> CaseKey:
        """The case in the row's own words: what all wordings of it have in common."""
        if not self.wording:
            return self.key
        before, _, after = self.key.case.rpartition(f"+{self.wording}")
        return CaseKey(self.key.test, before + after)

    @property
    def judged(self) -> tuple[SampleResult, ...]:
        """The samples that are no errors."""
        return tuple(sample for sample in self.samples if sample.outcome != "error")

    @property
    def outcome(self) -> Outcome:
        """``error`` when no sample could be judged, else by the share of judged samples that passed."""
        return outcome_of(self.samples, self.min_pass_rate)

    @property
    def category(self) -> str | None:
        """That of most failing samples (the first of several), None for a case that passed."""
        outcome = self.outcome
        if outcome == "pass":
            return None
        counts = Counter(s.category for s in self.samples if s.outcome == outcome and s.category)
        return counts.most_common(1)[0][0] if counts else None


class Run(NamedTuple):
    """The results of one session.

    Attributes:
        created: ISO date and time, UTC.
        models: what each model's name stood for: provider, model, params.
        baseline: the model the others are compared with, None when there is none.
        complete: whether every case that exists was run; None for a session that was killed.
        left_out: of a run that is not complete, the trials that were deselected when these are all that is missing;
            else nothing.
        results: one per case and model.
    """

    created: str
    models: Mapping[str, Mapping[str, Any]]
    baseline: str | None = None
    complete: bool | None = None
    commit: str | None = None
    left_out: tuple[TrialKey, ...] = ()
    results: tuple[CaseResult, ...] = ()

    def of_model(self, name: str) -> dict[CaseKey, CaseResult]:
        """The results under one model by case, in the order of tests and cases, whichever was finished first."""
        found = sorted((result for result in self.results if result.model == name), key=_place)
        return {result.key: result for result in found}

    def in_order(self) -> tuple[CaseResult, ...]:
        """All results, those of one model after those of another, in the order of tests and cases."""
        return tuple(result for name in self.models_run() for result in self.of_model(name).values())

    def models_run(self) -> list[str]:
        """The names of the models that have results, in the order they were asked for."""
        present = {result.model for result in self.results}
        return [*(name for name in self.models if name in present), *sorted(present - set(self.models))]


def _place(result: CaseResult) -> tuple[str, int, str, list[tuple[int, str]]]:
    """Where a result stands among others; the numbers in ids count as numbers."""
    parts = re.findall(r"\d+|\D+", result.key.case)
    return result.file, result.line, result.key.test, [number_place(p) if p.isdecimal() else (-1, p) for p in parts]


def unasked(results: Sequence[CaseResult]) -> list[str]:
    """A line when tests have asked nothing, as where the application's HTTP client is one that is not captured."""
    count = sum(not any(sample.calls for sample in result.samples) for result in results)
    return [f"no call of a model was seen in {count} of {len(results)} cases: they say nothing of it"] if count else []


def number_place(digits: str) -> tuple[int, str]:
    """Where a number of decimal digits stands among others; int() would refuse thousands of digits."""
    digits = digits.lstrip("0")
    return len(digits), digits


def outcome_of(samples: Iterable[SampleResult], min_pass_rate: float) -> Outcome:
    """The verdict on a case: ``error`` when no sample could be judged, else by the share of judged ones that passed."""
    samples = tuple(samples)
    outcomes = [sample.outcome for sample in samples if sample.outcome != "error"]
    if not outcomes:
        return "error"
    if outcomes.count("pass") < min_pass_rate * len(outcomes) - 1e-9:
        return "fail"
    # A test that broke before it had an answer, one that was not paid for or that asked nobody: no reply that only
    # happened to be missing.
    causes = ("exception", "budget", "nothing_asked")
    broken = any(sample.outcome == "error" and sample.category in causes for sample in samples)
    return "error" if broken else "pass"
