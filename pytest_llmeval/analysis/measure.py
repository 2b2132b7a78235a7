"""Compute the figures of one model's results, with intervals; None where there is too little data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from pytest_llmeval.analysis.examined import counts_in, untraced_in, with_untraced
from pytest_llmeval.checks.structure.json_parts import json_of
from pytest_llmeval.reply import Usage
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, Run, SampleResult
from pytest_llmeval.stats.agreement import pairwise_agreement, pass_hat_k
from pytest_llmeval.stats.cost import Estimate, cost_per_resolved
from pytest_llmeval.stats.means import Mean, Share, mean_over_cases, share_over_cases
from pytest_llmeval.stats.quantiles import Percentile, percentile

PERCENTILES = (0.5, 0.95, 0.99)
"""The shares of `Figures.latency` and `Figures.ttft`."""


class Figures(NamedTuple):
    """What one model's answers cost and how good they were. docs/reference/measures.md defines each figure.

    Attributes:
        cases: how many were run, errors included.
        passed: cases whose verdict is pass (resolved).
        failed: cases whose verdict is fail.
        errors: cases that could not be judged.
        unverified: cases of which nothing says whether the answer is right.
        samples: answers judged.
        unverified_answers: those that nothing verified.
        most_samples: the most samples of any case.
        live_figures: whether times were measured in this session; they are never mixed with recorded ones.
        live: calls sent to the provider, those of judges included.
        replayed: calls answered by a recording or the cache.
        judge_calls: calls of models that judge, which no other figure but ``live``, ``replayed`` and ``spent`` holds.
        judge_cost: USD of these, None when a price is unknown.
        cost: USD of all calls as they were or would have been billed, None when a price is unknown.
        spent: USD spent in this session, None when the cost of a live call is unknown.
        uncounted: whether the cost of a live call is unknown since its answer says no number of tokens.
        cost_per_resolved: USD of all calls per sample that passed, None when unknown, nothing passed, or some cases are
            unverified.
        latency: p50, p95, p99 of a call's seconds, live or else as recorded; empty without calls.
        answer_latency: p50, p95, p99 of the seconds of all calls of an answer together, as if each had waited for the
            one before; empty when every answer took one call.
        ttft: as ``latency``, of the seconds to the first token; empty when no call was streamed.
        tokens_per_second: the median over these calls of output tokens by seconds; None when tokens are unknown.
        cost_per_case: USD of all calls of a case that made any, None when a price is unknown.
        pass_at_1: the chance that one answer passes.
        pass_hat: the chance that all of 2, 3, ... answers to a case pass, up to the samples that every case has.
        verdict_agreement: chance that two answers to a case get the same verdict, None without repeated samples.
        length_variation: the coefficient of variation of an answer's words over the samples of a case.
        format_agreement: the share of cases whose samples are all JSON objects, all arrays, or all neither.
        hallucination_rate: of the answers examined for invented facts, those that had any.
        refusal_rate: of the answers, those that are refusals.
        error_rate: of all samples, those that could not be judged.
        reworded: how many of ``cases`` are other wordings of others.
        scores: the mean score of each check that gave other scores than 0 and 1, by its name.
    """

    model: str
    cases: int
    passed: int
    failed: int
    errors: int
    samples: int
    most_samples: int
    live_figures: bool
    live: int
    replayed: int
    cost: float | None
    spent: float | None
    cost_per_resolved: Estimate | None
    latency: tuple[Percentile, ...] = ()
    answer_latency: tuple[Percentile, ...] = ()
    ttft: tuple[Percentile, ...] = ()
    tokens_per_second: Percentile | None = None
    cost_per_case: Estimate | None = None
    pass_at_1: Share | None = None
    pass_hat: tuple[Mean, ...] = ()
    verdict_agreement: Mean | None = None
    length_variation: Mean | None = None
    format_agreement: Share | None = None
    hallucination_rate: Share | None = None
    refusal_rate: Share | None = None
    error_rate: Share | None = None
    reworded: int = 0
    scores: tuple[tuple[str, Mean], ...] = ()
    judge_calls: int = 0
    judge_cost: float | None = 0.0
    unverified: int = 0
    unverified_answers: int = 0
    uncounted: bool = False


def _lacks_counts(usage: Usage) -> bool:
    return usage.input_tokens is None or usage.output_tokens is None


def measure(model: str, results: Iterable[CaseResult], *, beside: Iterable[CaseResult] = ()) -> Figures:
    """The figures of one model's results.

    Args:
        model: its name.
        results: one per case.
        beside: of the session's other models, which may show that a test examines answers for hallucinations.
    """
    results = list(results)
    beside = list(beside)
    every = [call for result in results for call in result.every_call]
    judging = [call for call in every if call.judge]
    calls = [call for call in every if not call.judge]
    live = sum(call.measures.source == "live" for call in every)
    timed = _timed(results)
    outcomes = [result.outcome for result in results]
    passed = outcomes.count("pass")
    cost = _total([call.measures.cost for call in calls])
    resolved_cost, cost_per_case = _costs(results) if cost is not None else (None, None)
    if "unverified" in outcomes:
        resolved_cost = None  # nobody knows which are resolved
    return Figures(
        model=model,
        cases=len(results),
        passed=passed,
        failed=outcomes.count("fail"),
        errors=outcomes.count("error"),
        unverified=outcomes.count("unverified"),
        samples=sum(len(result.judged) for result in results),
        unverified_answers=sum(len(result.answered) - len(result.judged) for result in results),
        most_samples=max((len(result.samples) for result in results), default=0),
        live_figures=_any_live(results),
        live=live,
        replayed=len(every) - live,
        cost=cost,
        spent=_total([call.spent for call in every]) if every else 0.0,
        uncounted=any(call.spent is None and _lacks_counts(call.answer.usage) for call in every),
        judge_calls=len(judging),
        judge_cost=_total([call.measures.cost for call in judging]) if judging else 0.0,
        cost_per_resolved=resolved_cost,
        latency=_percentiles(times_by_case(results, "latency")),
        answer_latency=_percentiles(_times_of_answers(results)),
        ttft=_percentiles(times_by_case(results, "ttft")),
        tokens_per_second=_speed(timed),
        cost_per_case=cost_per_case,
        pass_at_1=share_over_cases([_passing(result) for result in results]),
        pass_hat=_pass_hat(results),
        verdict_agreement=_mean(map(_agreement, results)),
        length_variation=_mean(map(_length_variation, results), math.inf),
        format_agreement=_format_agreement(results),
        hallucination_rate=_hallucination_rate(results, beside),
        refusal_rate=share_over_cases([(sum(map(is_refusal, r.answered)), len(r.answered)) for r in results]),
        reworded=sum(bool(result.wording) for result in results),
        scores=_scores(results),
        error_rate=share_over_cases([(len(r.samples) - len(r.answered), len(r.samples)) for r in results]),
    )


def measure_each(run: Run) -> list[Figures]:
    """The figures of every model of a run, in the order of the command line."""
    names = run.models_run()
    return [
        measure(name, run.of_model(name).values(), beside=[result for result in run.results if result.model != name])
        for name in names
    ]


def times_by_case(results: Sequence[CaseResult], kind: Literal["latency", "ttft"]) -> list[list[float]]:
    """Per case the seconds of its calls, of the live ones where there are any; calls without a TTFT are left out."""
    found = [[getattr(call.measures, kind) for call in calls] for calls in _timed(results)]
    return [[seconds for seconds in case if seconds is not None] for case in found]


def _times_of_answers(results: Sequence[CaseResult]) -> list[list[float]]:
    """Per case the seconds of all calls of each answer, of those that were wholly live where any call was."""
    answers = [[sample.product_calls for sample in result.samples if sample.product_calls] for result in results]
    if not any(len(calls) > 1 for of_case in answers for calls in of_case):
        return []
    live = _any_live(results)
    return [
        [
            math.fsum(call.measures.latency for call in calls)
            for calls in of_case
            if not live or all(call.measures.source == "live" for call in calls)
        ]
        for of_case in answers
    ]


def _timed(results: Sequence[CaseResult]) -> list[list[Call]]:
    live = _any_live(results)
    return [[call for call in result.product_calls if not live or call.measures.source == "live"] for result in results]


def _any_live(results: Iterable[CaseResult]) -> bool:
    """Whether the product's model was called in this session, so that recorded times do not count."""
    return any(call.measures.source == "live" for result in results for call in result.product_calls)


def _percentiles(values_by_case: Sequence[Sequence[float]]) -> tuple[Percentile, ...]:
    if not any(values_by_case):
        return ()
    return tuple(percentile(values_by_case, share) for share in PERCENTILES)


def _speed(calls_by_case: Sequence[Sequence[Call]]) -> Percentile | None:
    speeds = [
        [
            call.answer.usage.output_tokens / call.measures.latency
            for call in calls
            if call.answer.usage.output_tokens is not None and call.measures.latency > 0
        ]
        for calls in calls_by_case
    ]
    return percentile(speeds, 0.5) if any(speeds) else None


def _total(costs: list[float | None]) -> float | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known) if costs and len(known) == len(costs) else None


def _costs(results: Sequence[CaseResult]) -> tuple[Estimate | None, Estimate | None]:
    """USD per sample that passed, and per case; all prices are known."""
    costs = resolved_costs(results)
    called = [cost for (cost, _), result in zip(costs, results, strict=True) if result.product_calls]
    return (
        cost_per_resolved([cost for cost, _ in costs], [passed for _, passed in costs]),
        cost_per_resolved(called, [1] * len(called)),
    )


def resolved_costs(results: Iterable[CaseResult]) -> list[tuple[float, int]]:
    """Per case USD of all its calls, where all prices are known, and how many of its samples passed."""
    return [
        (math.fsum(call.measures.cost or 0.0 for call in result.product_calls), _passing(result)[0])
        for result in results
    ]


def _passing(result: CaseResult) -> tuple[int, int]:
    judged = result.judged
    return sum(sample.outcome == "pass" for sample in judged), len(judged)


def _pass_hat(results: Sequence[CaseResult]) -> tuple[Mean, ...]:
    """For k = 2 and up, over the cases that could be judged; empty without repeated samples."""
    counts = [_passing(result) for result in results if result.judged]
    figures = []
    for k in range(2, min((samples for _, samples in counts), default=0) + 1):
        figure = _mean(pass_hat_k(passed, samples, k) for passed, samples in counts)
        figures += [figure] if figure is not None else []
    return tuple(figures)


def _agreement(result: CaseResult) -> float | None:
    return pairwise_agreement([(sample.outcome, frozenset(sample.categories)) for sample in result.judged])


def _length_variation(result: CaseResult) -> float | None:
    lengths = [words for words in map(words_of, result.answered) if words is not None]
    mean = sum(lengths) / len(lengths) if lengths else 0.0
    if len(lengths) < 2 or not mean:
        return None
    return math.sqrt(sum((length - mean) ** 2 for length in lengths) / (len(lengths) - 1)) / mean


def _format_agreement(results: Sequence[CaseResult]) -> Share | None:
    found = [[structure_of(sample) for sample in result.answered if sample.product_calls] for result in results]
    return share_over_cases([(int(len(set(kinds)) == 1), 1) for kinds in found if len(kinds) > 1])


def _hallucination_rate(results: Sequence[CaseResult], beside: Sequence[CaseResult]) -> Share | None:
    untraced = untraced_in([*results, *beside])
    # Answers of older runs may have been examined for anything; that one of a run was must be seen.
    seen = any(
        HALLUCINATION
        in {*sample.categories, *(sample.noted or ()), *(score.category for score in sample.scores if score.gated)}
        for result in (*results, *beside)
        for sample in result.answered
    )
    return share_over_cases(counts_in([with_untraced(r, untraced) for r in results], HALLUCINATION)) if seen else None


def _scores(results: Sequence[CaseResult]) -> tuple[tuple[str, Mean], ...]:
    """Per check the mean over the cases of the case's mean score."""
    by_check: dict[str, dict[CaseKey, list[float]]] = {}
    for result in results:
        for score in (score for sample in result.answered for score in sample.scores):
            by_check.setdefault(score.check, {}).setdefault(result.key, []).append(score.value)
    means = []
    for name, by_case in by_check.items():
        if any(value not in (0, 1) for values in by_case.values() for value in values):
            mean = _mean(math.fsum(values) / len(values) for values in by_case.values())
            means += [(name, mean)] if mean is not None else []
    return tuple(means)


def _mean(values: Iterable[float | None], highest: float = 1.0) -> Mean | None:
    """The mean of what is known, with its interval cut to possible values: from 0 to the highest."""
    mean = mean_over_cases([value for value in values if value is not None])
    return None if mean is None else mean._replace(low=max(0.0, mean.low), high=min(highest, mean.high))


HALLUCINATION, REFUSAL = "hallucination", "refusal"


def words_of(sample: SampleResult) -> int | None:
    """The number of words of the sample's last answer, None without a call."""
    return len(calls[-1].answer.text.split()) if (calls := sample.product_calls) else None


def structure_of(sample: SampleResult) -> Literal["object", "array", "text"]:
    """Whether the sample's last answer is a JSON object, an array or neither; a code fence is ignored."""
    value = json_of(calls[-1].answer.text) if (calls := sample.product_calls) else None
    return "object" if isinstance(value, dict) else "array" if isinstance(value, list) else "text"


def is_refusal(sample: SampleResult) -> bool:
    """Whether the answer is a refusal by a check or by the provider's mark."""
    calls = sample.product_calls
    return REFUSAL in sample.categories or bool(calls and calls[-1].answer.refusal)
