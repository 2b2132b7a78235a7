"""One model's results → its measured figures: latency, time to first token, cost, agreement."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pytest_llmeval.run import Call, CaseResult

__all__ = ["Figures", "measure"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one model's answers cost and how they came.

    Attributes:
        model: name of the model.
        cases: how many were run, errors included.
        passed: cases whose verdict is pass (resolved).
        failed: cases whose verdict is fail.
        errors: cases that could not be judged.
        samples: answers judged.
        most_samples: the most samples any case had.
        latencies: seconds, sorted; of live calls, or as recorded when the run only replayed.
        ttfts: seconds to the first token of the streamed ones among them, sorted.
        live_figures: whether these were measured in this session; never mixed with recorded ones.
        live: calls sent to the provider.
        replayed: calls answered by a recording or the cache.
        cost: USD of all calls as they were or would have been billed, None when a price is unknown.
        spent: USD spent in this session, None when a price of a live call is unknown.
        cost_per_resolved: cost divided by passed cases, None when unknown or nothing passed.
        agreement: mean share of a case's samples with the majority verdict, None without repeated samples.
    """

    model: str
    cases: int
    passed: int
    failed: int
    errors: int
    samples: int
    most_samples: int
    latencies: tuple[float, ...]
    ttfts: tuple[float, ...]
    live_figures: bool
    live: int
    replayed: int
    cost: float | None
    spent: float | None
    cost_per_resolved: float | None
    agreement: float | None


def measure(model: str, results: Iterable[CaseResult]) -> Figures:
    """The figures of one model's results."""
    results = list(results)
    calls = [call for result in results for sample in result.samples for call in sample.calls]
    live = [call for call in calls if call.measures.source == "live"]
    timed = live or calls
    outcomes = [result.outcome for result in results]
    cost = _total([call.measures.cost for call in calls])
    passed = outcomes.count("pass")
    return Figures(
        model=model,
        cases=len(results),
        passed=passed,
        failed=outcomes.count("fail"),
        errors=outcomes.count("error"),
        samples=sum(len(result.judged) for result in results),
        most_samples=max((len(result.samples) for result in results), default=0),
        latencies=tuple(sorted(call.measures.latency for call in timed)),
        ttfts=tuple(sorted(call.measures.ttft for call in timed if call.measures.ttft is not None)),
        live_figures=bool(live),
        live=len(live),
        replayed=len(calls) - len(live),
        cost=cost,
        spent=_spent(calls),
        cost_per_resolved=cost / passed if cost is not None and passed else None,
        agreement=_agreement(results),
    )


def _total(costs: list[float | None]) -> float | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known) if costs and len(known) == len(costs) else None


def _spent(calls: list[Call]) -> float | None:
    spent = [call.spent for call in calls]
    return None if None in spent else sum(cost for cost in spent if cost is not None)


def _agreement(results: list[CaseResult]) -> float | None:
    shares = []
    for result in results:
        verdicts = [(sample.outcome, sample.category) for sample in result.judged]
        if len(verdicts) > 1:
            shares.append(max(verdicts.count(verdict) for verdict in set(verdicts)) / len(verdicts))
    return sum(shares) / len(shares) if shares else None
