"""The cost of a resolved case."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from pytest_llmeval.stats.special import NORMAL_HALF_WIDTH


class Estimate(NamedTuple):
    """A figure in USD with its interval."""

    value: float
    low: float
    high: float


def cost_per_resolved(costs: Sequence[float], resolved: Sequence[int]) -> Estimate | None:
    """The cost of all samples, failed ones too, per resolved sample, with the delta method's interval.

    Args:
        costs: USD of each case, over all its samples.
        resolved: how many samples of each case passed.

    Returns:
        None when nothing was resolved. The interval for one case is 0 to infinity.
    """
    if len(costs) != len(resolved):
        raise ValueError(f"{len(costs)} costs came with {len(resolved)} counts of resolved samples; each case has both")
    total = sum(resolved)
    if not total:
        return None
    value = math.fsum(costs) / total
    if len(costs) < 2:
        return Estimate(value, 0.0, math.inf)
    # How far each case moves the ratio of the sums.
    influences = [(cost - value * count) / total for cost, count in zip(costs, resolved, strict=True)]
    cases = len(costs)
    error = math.sqrt(math.fsum(influence**2 for influence in influences) * cases / (cases - 1))
    half = NORMAL_HALF_WIDTH * error
    return Estimate(value, max(0.0, value - half), value + half)
