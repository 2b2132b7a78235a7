"""The cost of a call and of a resolved case."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from pytest_llmeval.stats.special import NORMAL_HALF_WIDTH

_PER_PRICE = 1_000_000


class Estimate(NamedTuple):
    """A figure in USD with its interval."""

    value: float
    low: float
    high: float


def call_cost(
    *,
    input_tokens: int | None,
    output_tokens: int | None,
    cache_read_tokens: int | None = None,
    cache_write_tokens: int | None = None,
    input_price: float,
    output_price: float,
    cache_read_price: float | None = None,
    cache_write_price: float | None = None,
) -> float | None:
    """What one call costs, in USD; prices are in USD per million tokens.

    Args:
        input_tokens: all input, cache reads and writes included; None when unknown.
        output_tokens: all output, reasoning included; None when unknown.
        cache_read_tokens: input that came from the provider's prompt cache; None counts as 0.
        cache_write_tokens: input that was written into it; None counts as 0.
        cache_read_price: by default that of input.
        cache_write_price: by default that of input.

    Returns:
        None when the number of input or output tokens is unknown: a missing number is never a free call.
    """
    if input_tokens is None or output_tokens is None:
        return None
    read, written = cache_read_tokens or 0, cache_write_tokens or 0
    micro_dollars = (
        max(0, input_tokens - read - written) * input_price
        + read * (input_price if cache_read_price is None else cache_read_price)
        + written * (input_price if cache_write_price is None else cache_write_price)
        + output_tokens * output_price
    )
    return micro_dollars / _PER_PRICE


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
