"""The cost of a resolved answer, and its change."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from pytest_llmeval.stats.special import CONFIDENCE, t_quantile

FEWEST_CASES = 20
"""With fewer cases there is no interval: the delta method is not to be trusted there."""


class Estimate(NamedTuple):
    """A figure with its interval; both ends are None where there are too few cases for one."""

    value: float
    low: float | None
    high: float | None


def cost_per_resolved(costs: Sequence[float], resolved: Sequence[int]) -> Estimate | None:
    """The cost of all samples, failed ones too, per resolved sample.

    The interval is that of a ratio of sums over independent cases by the delta method (Cochran 1977, 6.4), with
    Student's quantile. It is computed on the logarithm, since a ratio is skewed and never below 0.

    Args:
        costs: USD of each case, over all its samples.
        resolved: how many samples of each case passed.

    Returns:
        None when nothing was resolved.

    Raises:
        ValueError: there is not one count for each cost.
    """
    if len(costs) != len(resolved):
        raise ValueError(f"{len(costs)} costs came with {len(resolved)} counts of resolved samples; each case has both")
    total = sum(resolved)
    if not total:
        return None
    value = math.fsum(costs) / total
    if len(costs) < FEWEST_CASES:
        return Estimate(value, None, None)
    if not value:
        return Estimate(0.0, 0.0, 0.0)
    factor = math.exp(_half_width(_influences(costs, resolved)))
    return Estimate(value, value / factor, value * factor)


def cost_change(before: Sequence[tuple[float, int]], after: Sequence[tuple[float, int]]) -> Estimate | None:
    """The relative change of the cost per resolved sample on the same cases: 0.1 is +10 %.

    As `cost_per_resolved`, on the logarithm of the ratio of both; a case's two influences are subtracted, so that what
    makes a case dear on both sides cancels.

    Args:
        before: of each case USD over all its samples, and how many of these passed.
        after: the same of the candidate, in the same order.

    Returns:
        None when nothing was resolved on one side. The change from a cost of 0 is infinite.

    Raises:
        ValueError: the sides have different numbers of cases.
    """
    if len(before) != len(after):
        raise ValueError(f"{len(before)} cases came with {len(after)}; a change is that of the same cases")
    old, new = (cost_per_resolved([cost for cost, _ in side], [count for _, count in side]) for side in (before, after))
    if old is None or new is None:
        return None
    if not old.value or not new.value:
        sure = (math.inf if new.value else 0.0) if not old.value else -1.0
        return Estimate(sure, sure, sure)
    ratio = new.value / old.value
    if len(before) < FEWEST_CASES:
        return Estimate(ratio - 1, None, None)
    sides = [_influences([cost for cost, _ in side], [count for _, count in side]) for side in (after, before)]
    factor = math.exp(_half_width([mine - other for mine, other in zip(*sides, strict=True)]))
    return Estimate(ratio - 1, ratio / factor - 1, ratio * factor - 1)


def _influences(costs: Sequence[float], resolved: Sequence[int]) -> list[float]:
    """How far each case moves the logarithm of the ratio of the sums."""
    spent, total = math.fsum(costs), sum(resolved)
    return [cost / spent - count / total for cost, count in zip(costs, resolved, strict=True)]


def _half_width(influences: Sequence[float]) -> float:
    cases = len(influences)
    error = math.sqrt(math.fsum(influence**2 for influence in influences) * cases / (cases - 1))
    return t_quantile(0.5 + CONFIDENCE / 2, cases - 1) * error
