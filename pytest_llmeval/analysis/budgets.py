"""Budgets: measured figures that rose by more than they may, and not by chance."""

from __future__ import annotations

import math
from typing import NamedTuple

from pytest_llmeval.analysis.comparison import UNMEASURED, Results
from pytest_llmeval.analysis.measure import Figures, measure, resolved_costs
from pytest_llmeval.config.settings import GateSettings
from pytest_llmeval.stats.cost import FEWEST_CASES, cost_change
from pytest_llmeval.stats.quantiles import Percentile

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

    A budget is exceeded when the figure rose by more than allowed and the interval of its change is clear of 0.

    Args:
        baseline: the name of the model, and its results.
        candidate: the same of the candidate.
        budgets: allowed rises.
        saved: whether the baseline is from another session; then its figures are not gated.

    Returns:
        Reasons for the gate to fail, and notes on what it does not judge, a sentence each.
    """
    limits = {name: allowed for name in BUDGETS if (allowed := getattr(budgets, name)) is not None}
    if not limits:
        return [], []
    keys = [key for key in candidate[1] if key in baseline[1]]
    old, new = ({key: results[key] for key in keys} for _, results in (baseline, candidate))
    before, after = measure(baseline[0], old.values()), measure(candidate[0], new.values())
    reasons, notes = [], []
    for name, allowed in limits.items():
        change = _cost(before, after, old, new) if name == COST else _time(name, before, after)
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


def _time(name: str, before: Figures, after: Figures) -> _Change:
    """A percentile, by the intervals of both sides: the lower end of the change is that of Zou and Donner (2008).

    It takes the sides for independent, though they asked the same questions; so a budget fails too seldom, not too
    often.
    """
    kind, _, percent = name.partition("_p")
    found = []
    for figures in (before, after):
        each = _percentile(figures.latency if kind == "latency" else figures.ttft, int(percent) / 100)
        if each is None:
            what = "no call was made with" if kind == "latency" else "no call was streamed from"
            return _Change(unknown=f"{what} {figures.model}")
        if each.value is None:
            return _Change(unknown=f"{figures.model} has {each.cases} cases, and it takes {each.needed}")
        found.append((each.value, each.low, each.high))
    (old, _, old_high), (new, new_low, _) = found
    if old_high is None or new_low is None:
        return _Change(old, new, untold="there are too few cases to tell that from noise")
    return _Change(old, new, clear=new - old > math.hypot(new - new_low, old_high - old))


def _percentile(figures: tuple[Percentile, ...], share: float) -> Percentile | None:
    return next((each for each in figures if each.share == share), None)
