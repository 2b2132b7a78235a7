"""Budgets: measured figures that rose by more than they may, and not by chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from pytest_llmeval.analysis.comparison import UNMEASURED, Results
from pytest_llmeval.analysis.measure import Figures, measure, resolved_costs, times_by_case
from pytest_llmeval.config.settings import GateSettings
from pytest_llmeval.stats.cost import FEWEST_CASES, cost_change
from pytest_llmeval.stats.quantiles import Percentile
from pytest_llmeval.stats.sign_flip import sign_flip_test
from pytest_llmeval.stats.special import CONFIDENCE
from pytest_llmeval.stats.strata import Stratum

COST = "cost_per_resolved"
BUDGETS = tuple(name for name in GateSettings._fields if name.startswith((COST, "latency_", "ttft_")))


class _Change(NamedTuple):
    """A figure on both sides.

    Attributes:
        unknown: why a side has no figure, "" when both have.
        clear: whether it rose beyond chance; None when that cannot be told.
        untold: why it cannot.
    """

    old: float = 0.0
    new: float = 0.0
    unknown: str = ""
    clear: bool | None = None
    untold: str = ""


def over_budget(
    baseline: tuple[str, Results], candidate: tuple[str, Results], budgets: GateSettings, *, saved: bool
) -> tuple[list[str], list[str]]:
    """Which measured figures rose by more than they may, on the cases that both sides have.

    A budget is exceeded when the figure rose by more than allowed, and beyond chance: the 95 % interval of its change
    is clear of 0.

    Args:
        baseline: the name of the model, and its results.
        candidate: the same of the candidate.
        budgets: allowed rises.
        saved: whether the baseline is from another session; then its figures are not gated.

    Returns:
        Reasons for the gate to fail, and notes on what it does not judge, a sentence each.
    """
    limits = {name: allowed for name in BUDGETS if (allowed := getattr(budgets, name)) is not None}
    keys = [key for key in candidate[1] if key in baseline[1]]
    if not limits or not keys:
        return [], []
    old, new = ({key: results[key] for key in keys} for _, results in (baseline, candidate))
    before, after = measure(baseline[0], old.values()), measure(candidate[0], new.values())
    reasons, notes = [], []
    for name, allowed in limits.items():
        change = _cost(before, after, old, new) if name == COST else _time(name, before, after, old, new)
        told = f"{name} rose from {change.old:.4g} to {change.new:.4g} (allowed {allowed:+.0%})"
        over = not change.unknown and change.new > change.old * (1 + allowed)
        if saved and (change.unknown or over):
            told = f"{told}; not gated" if over else f"{name} is not gated"
            notes.append(f"{told}: {change.unknown or 'it was not measured in the same session'}")
        elif saved:
            continue
        elif name != COST and before.live_figures != after.live_figures:
            live, recorded = (before, after) if before.live_figures else (after, before)
            told = f"{told}; not gated" if over else f"{name} is not gated"
            notes.append(f"{told}: {live.model} was called live, {recorded.model} is recorded")
        elif change.unknown:
            reasons.append(f"{UNMEASURED}: {name} is not known: {change.unknown}")
        elif over and change.clear is None:
            reasons.append(f"{UNMEASURED}: {told}, and {change.untold}")
        elif over and change.clear:
            reasons.append(told)
        elif over:
            notes.append(f"{told}, which could be noise")
    return reasons, notes


def _cost(before: Figures, after: Figures, old: Results, new: Results) -> _Change:
    """The cost per resolved answer, paired by case."""
    for figures in (before, after):
        if figures.cost is None:
            return _Change(unknown=f"a price of {figures.model} is missing")
    if before.cost_per_resolved is None or after.cost_per_resolved is None:
        figures = before if before.cost_per_resolved is None else after
        return _Change(unknown=f"no answer of {figures.model} passed")
    change = cost_change(resolved_costs(old.values()), resolved_costs(new.values()))
    return _Change(
        before.cost_per_resolved.value,
        after.cost_per_resolved.value,
        clear=None if change is None or change.low is None else change.low > 0,
        untold=f"{before.cases} cases are too few to tell that from noise; it takes {FEWEST_CASES}",
    )


def _time(name: str, before: Figures, after: Figures, old: Results, new: Results) -> _Change:
    """A percentile of latency or of the time to the first token."""
    kind: Literal["latency", "ttft"] = "latency" if name.startswith("latency") else "ttft"
    share = int(name.rpartition("_p")[2]) / 100
    values = []
    for figures in (before, after):
        found = _percentile(figures.latency if kind == "latency" else figures.ttft, share)
        if found is None:
            what = "no call was made with" if kind == "latency" else "no call was streamed from"
            return _Change(unknown=f"{what} {figures.model}")
        if found.value is None:
            return _Change(unknown=f"{figures.model} has {found.cases} cases, and it takes {found.needed}")
        values.append(found.value)
    times = (times_by_case(list(results.values()), kind) for results in (old, new))
    return _Change(values[0], values[1], clear=_slower(list(zip(*times, strict=True)), share))


def _slower(times: Sequence[tuple[Sequence[float], Sequence[float]]], share: float) -> bool:
    """Whether the candidate has more of the slow calls than chance gives it, with a confidence of 95 %.

    Slow is a call above the percentile of both sides together, as in Mood's test of medians (1950); at the percentile
    it counts half. The shares of slow calls are compared case by case by the exact sign-flip test, which stays valid
    though the calls of a case resemble each other.

    Args:
        times: of each case the seconds on both sides.
        share: 0.95 for p95.
    """
    pooled = sorted(seconds for case in times for side in case for seconds in side)
    limit = pooled[max(1, math.ceil(share * len(pooled) - 1e-9)) - 1]

    def halves(side: Sequence[float]) -> int:
        return sum((seconds > limit) + (seconds >= limit) for seconds in side)

    strata = [Stratum(halves(old), 2 * len(old), halves(new), 2 * len(new)) for old, new in times]
    return sign_flip_test(strata)[0] <= (1 - CONFIDENCE) / 2


def _percentile(figures: tuple[Percentile, ...], share: float) -> Percentile | None:
    return next((each for each in figures if each.share == share), None)
