"""The results of a session: calls, judged samples, cases."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from pytest_llmeval.reply import OTHER_CALL, Answer, Measures
from pytest_llmeval.runs.rules import RunRules
from pytest_llmeval.runs.shards import Shards
from pytest_llmeval.score import Score
from pytest_llmeval.text import plural


def was_another(before: Run, after: Run, old: str, new: str) -> bool:
    """Whether the models of two runs differ in name, provider or provider's name, whatever their parameters."""
    models = before.models.get(old, {}), after.models.get(new, {})
    return old != new or any(models[0].get(key) != models[1].get(key) for key in ("provider", "model"))


def model_words(model: Mapping[str, Any]) -> str:
    """A model of a run's header as in ``openai/gpt-5 (temperature = 0)``."""
    params = model.get("params") or {}
    shown = ", ".join(f"{name} = {value}" for name, value in params.items()) if isinstance(params, Mapping) else ""
    return f"{model.get('provider')}/{model.get('model')}" + (f" ({shown})" if shown else "")


ALWAYS_EXAMINED = frozenset({"exception", "refusal", "truncated"})
"""The error categories that are looked for in every answer, whatever its test checks."""

Outcome = Literal["pass", "fail", "unverified", "error"]
"""``unverified`` has an answer of which nothing says whether it is right; ``error`` has none."""
Rejudged = Literal[
    "", "as_saved", "other_code", "passes_now", "fails_now", "not_compared", "not_judged", "executed_once"
]
JUDGE_FAILED: Final = "judge"
"""The kind of error of a sample on which a judge gave no verdict."""

JUDGED_TODAY: Final = ("", "fails_now", "not_compared")
"""Of what `CaseResult.rejudged` may be, that which says that the verdicts are those of today's tests."""

NOT_COMPARED: Final = ("not_compared", "not_judged")
"""Of these, what leaves a case out of the comparison."""


class CaseKey(NamedTuple):
    """The identity of a case: the test function and the case's id, but not the model.

    Attributes:
        test: ``path::function``, the path relative to the root, with forward slashes.
        case: id of the case or of the test's other parameters, "" without any.
    """

    test: str
    case: str

    def __str__(self) -> str:
        """As in ``tests/test_x.py::test_x[case]``."""
        return f"{self.test}[{self.case}]" if self.case else self.test


TrialKey = tuple[CaseKey, str]
"""A case under a model, by the model's name."""


def row_of(key: CaseKey, wording: str) -> CaseKey:
    """A case in the row's own words, by its key in a wording ("" for the row's own)."""
    if not wording:
        return key
    before, _, after = key.case.rpartition(f"+{wording}")
    return CaseKey(key.test, before + after)


class Call(NamedTuple):
    """One call of a model.

    Attributes:
        provider: the wire format.
        request_model: the model that was asked for.
        words_digest: of the prompt without model and parameters, to see whether it changed between runs.
        spent: USD spent in this session: 0 for a replayed reply, None when no price is known.
        key: of the reply in the store, None when unknown.
        recorded_at: when the reply was given, ISO date and time, UTC; None when unknown.
        judge: whether a model was asked that judges the product's answers.
        response: the body of the response to a call of an application, which may read more than `answer` holds; None
            for other calls.
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
    judge: bool = False


class SampleResult(NamedTuple):
    """One answer to a case, judged.

    Attributes:
        index: from 0.
        category: the error category of a failure, the kind of an error, else None.
        reason: the first line of the message of a failure or error, or of why nothing is verified.
        detail: the whole message.
        raised: an exception other than an assertion and its place, as in ``ValueError at tests/test_a.py:12``.
        further: the other error categories of a failure, in their order.
        uncategorised: the reasons of failed plain asserts that nothing gave a category.
        noted: the error categories that the answer was examined for and that do not follow from its scores: those of
            ``with category(...)``, and that of plain asserts. None in runs of older versions, which do not say.
        judging: the calls of checks that ask a model for a verdict; ``calls`` has none of these.
    """

    index: int  # type: ignore[assignment]  # not the method of tuples
    outcome: Outcome
    category: str | None = None
    reason: str = ""
    detail: str = ""
    scores: tuple[Score, ...] = ()
    calls: tuple[Call, ...] = ()
    raised: str = ""
    further: tuple[str, ...] = ()
    noted: tuple[str, ...] | None = None
    uncategorised: tuple[str, ...] = ()
    judging: tuple[Call, ...] = ()

    @property
    def product_calls(self) -> tuple[Call, ...]:
        """The calls without those of judges."""
        return tuple(call for call in self.calls if not call.judge)

    @property
    def answering_calls(self) -> tuple[Call, ...]:
        """The product's calls without those for embeddings and the like, which give no answer."""
        return tuple(call for call in self.product_calls if call.provider != OTHER_CALL)

    @property
    def categories(self) -> tuple[str, ...]:
        """All error categories of a failure, the main one first; empty without a failure."""
        return (self.category, *self.further) if self.outcome == "fail" and self.category else ()

    @property
    def examined(self) -> frozenset[str] | None:
        """The error categories the answer was examined for; None for each that there is.

        A check that failed examined the answer unless the way the answer ended explains its failure. An older run
        does not say that, nor what an answer without a failure was examined for.
        """
        scores = [score for score in self.scores if score.gated]
        own, scored = {*ALWAYS_EXAMINED, *self.categories}, {score.category for score in scores}
        if self.noted is None:
            return None if self.outcome == "pass" else frozenset(own | scored)
        return frozenset(own.union(self.noted, scored - {score.category for score in scores if not score.passed}))

    @property
    def untraced(self) -> frozenset[str]:
        """The categories of a failure that leave no trace in an answer that passes."""
        traced = {*ALWAYS_EXAMINED, *(self.noted or ()), *(score.category for score in self.scores if score.gated)}
        return frozenset(self.categories) - traced


class CaseResult(NamedTuple):
    """All samples of one case under one model.

    Attributes:
        model: the name of the model in the session.
        input: the case's input, for people who review.
        content: digest of the case's row, to see whether it changed between runs.
        wording: "" for the row's own input, else the name of another wording.
        min_pass_rate: the share of judged samples that must pass.
        file: the test's file, relative to the root.
        line: the test's line, from 1.
        judged_by: digest of the files that judge it, "" when unknown.
        rejudged: how today's tests judged the replies of a saved run. ``as_saved``: the test now asks differently, so
            the saved verdict counts. ``other_code``: replies that passed now fail in unchanged tests, so the saved
            verdict counts too. ``passes_now``: replies that failed pass in unchanged tests; the saved verdict counts.
            ``fails_now``: replies that passed fail in changed tests, by whose verdict both sides
            are compared. ``not_compared``: replies that passed, to other requests, fail in changed tests.
            ``not_judged``: a judge gave no verdict on the saved replies.
            ``executed_once``: the test must not be executed once more, so the saved verdict counts. Otherwise "".
        cluster: what its row shares with rows that are not independent of it, None when it stands alone.
        expected: what the case's row expects, for people who review.
        asked: of a case without a row that fails, what its test asked first: ``messages``, and ``beside`` what else
            the request held. None of other cases, whose prompts the store alone has.
        fixture: of wider scope, whose answers it shares with other tests and beside which it has none of its own; None
            without one.
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
    cluster: str | None = None
    fixture: str | None = None
    expected: Any = None
    asked: Mapping[str, Any] | None = None

    @property
    def trial(self) -> TrialKey:
        """The identity of the result in a run."""
        return self.key, self.model

    @property
    def row(self) -> CaseKey:
        """The case in the row's own words; the same for all its wordings."""
        return row_of(self.key, self.wording)

    @property
    def family(self) -> tuple[str, str]:
        """What it shares with cases that are not independent of it: its cluster within its dataset, else its row."""
        return (self.dataset or self.key.test, self.cluster) if self.cluster is not None else ("", str(self.row))

    @property
    def judged(self) -> tuple[SampleResult, ...]:
        """The samples that passed or failed."""
        return tuple(sample for sample in self.samples if sample.outcome in ("pass", "fail"))

    @property
    def answered(self) -> tuple[SampleResult, ...]:
        """The samples that are not errors: those that passed or failed, and those that nothing verified."""
        return tuple(sample for sample in self.samples if sample.outcome != "error")

    @property
    def calls(self) -> list[Call]:
        """The calls of all samples."""
        return [call for sample in self.samples for call in sample.calls]

    @property
    def every_call(self) -> list[Call]:
        """Those too by which checks asked a judge."""
        return [call for sample in self.samples for call in (*sample.calls, *sample.judging)]

    @property
    def product_calls(self) -> list[Call]:
        """Those of all samples without those of judges."""
        return [call for sample in self.samples for call in sample.product_calls]

    @property
    def outcome(self) -> Outcome:
        """As `outcome_of` says."""
        return outcome_of(self.samples, self.min_pass_rate)

    @property
    def category(self) -> str | None:
        """The most frequent main category of the failing samples or errors, None where there are none."""
        outcome = self.outcome
        if outcome in ("pass", "unverified"):
            return None
        counts = Counter(s.category for s in self.samples if s.outcome == outcome and s.category)
        return counts.most_common(1)[0][0] if counts else None

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories of a case that failed, the main one first: those of at least half of its failing samples."""
        if self.outcome != "fail" or self.category is None:
            return ()
        failing = [sample.categories for sample in self.judged if sample.outcome == "fail"]
        counts = Counter(name for names in failing for name in names)
        half = (name for name, count in counts.most_common() if 2 * count >= len(failing))
        return tuple(dict.fromkeys((self.category, *half)))


class Run(NamedTuple):
    """The results of one session.

    Attributes:
        created: ISO date and time, UTC.
        models: by name: provider, model, params.
        baseline: the model the others are compared with, None without one.
        complete: whether every existing case was run; None for a session that was killed.
        commit: of the checkout, None when unknown.
        left_out: the trials that were deselected, when nothing else is missing.
        results: one per case and model.
        shards: those that are in the run; None for a session without ``--llm-shard``.
        failed: how many tests failed in its sessions, and what else but the gate made these red.
        rules: what the session was judged by, None where the run does not say; those of shards are in ``shards``.
        skip_themselves: the cases whose tests had an answer and skipped themselves; it counts as lost.
    """

    created: str
    models: Mapping[str, Mapping[str, Any]]
    baseline: str | None = None
    complete: bool | None = None
    commit: str | None = None
    left_out: tuple[TrialKey, ...] = ()
    results: tuple[CaseResult, ...] = ()
    shards: Shards | None = None
    failed: int = 0
    rules: RunRules | None = None
    skip_themselves: tuple[CaseKey, ...] = ()

    def of_model(self, name: str) -> dict[CaseKey, CaseResult]:
        """The results under one model by case, in the order of tests and cases."""
        found = sorted((result for result in self.results if result.model == name), key=_place)
        return {result.key: result for result in found}

    def in_order(self) -> tuple[CaseResult, ...]:
        """All results, model by model, in the order of tests and cases."""
        return tuple(result for name in self.models_run() for result in self.of_model(name).values())

    def models_run(self) -> list[str]:
        """The names of the models that have results, in the order they were asked for."""
        present = {result.model for result in self.results}
        return [*(name for name in self.models if name in present), *sorted(present - set(self.models))]


def _place(result: CaseResult) -> tuple[str, int, str, list[tuple[int, str]]]:
    """The sort key of a result."""
    return result.file, result.line, result.key.test, number_place(result.key.case)


def unasked(results: Sequence[CaseResult]) -> list[str]:
    """A line when some cases asked no model, as when the application's HTTP client is not captured."""
    count = sum(not result.calls for result in results)
    return [f"no model call was seen in {count} of {len(results)} cases: they say nothing about it"] if count else []


def blank_answers(results: Iterable[CaseResult], before: Mapping[CaseKey, CaseResult] | None = None) -> list[str]:
    """A line when answers hold nothing and pass all the same: what must not be in them is not in them.

    Args:
        before: results of the baseline; a case whose answers are blank there too is as it should be.
    """
    expected = {key for key, result in (before or {}).items() if _blanks(result)}
    count = sum(_blanks(result) for result in results if result.key not in expected)
    return [f"{plural(count, 'answer')} without a word passed: also check what an answer must contain"] if count else []


def cut_answers(results: Iterable[CaseResult], before: Mapping[CaseKey, CaseResult]) -> list[str]:
    """A line when answers were cut at the limit of tokens and pass all the same: nothing looks at how they end.

    Args:
        before: results of the baseline; a case whose answers were cut there too is as it should be.
    """
    expected = {key for key, result in before.items() if _cut(result)}
    count = sum(_cut(result) for result in results if result.key not in expected)
    were = "was" if count == 1 else "were"
    told = f"{plural(count, 'answer')} that {were} cut at the limit of tokens passed: assert_finish finds such"
    return [told] if count else []


def _blanks(result: CaseResult) -> int:
    """How many answers of a case hold nothing and pass."""
    last = _last_that_pass(result)
    return sum(not (a.text.strip() or a.tool_calls or a.provider_tool_calls or a.refusal) for a in last)


def _cut(result: CaseResult) -> int:
    """How many answers of a case were cut and pass."""
    return sum(answer.finish_reason == "length" for answer in _last_that_pass(result))


def _last_that_pass(result: CaseResult) -> list[Answer]:
    passed = (sample.product_calls for sample in result.samples if sample.outcome == "pass")
    return [calls[-1].answer for calls in passed if calls]


def number_place(text: str) -> list[tuple[int, str]]:
    """The sort key of a text in which numbers count as numbers; int() refuses thousands of digits."""
    parts = re.findall(r"\d+|\D+", text)
    return [(len(part.lstrip("0")), part.lstrip("0")) if part.isdecimal() else (-1, part) for part in parts]


def outcome_of(samples: Iterable[SampleResult], min_pass_rate: float) -> Outcome:
    """The verdict on a case: ``error`` when no sample could be judged, else by the share of judged ones that passed.

    A case that did not fail is ``unverified`` as soon as one of its samples is.
    """
    samples = tuple(samples)
    outcomes = [sample.outcome for sample in samples if sample.outcome != "error"]
    if not outcomes:
        return "error"
    unverified = outcomes.count("unverified")
    judged = len(outcomes) - unverified
    if outcomes.count("pass") < min_pass_rate * judged - 1e-9:
        return "fail"
    # The test broke before it had an answer, was not paid for or asked nothing: more than one missing reply.
    causes = ("exception", "budget", "nothing_asked")
    broken = any(sample.outcome == "error" and sample.category in causes for sample in samples)
    if broken:
        return "error"
    return "unverified" if unverified else "pass"
