"""What calls cost, and what a resolved case costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from pytest_llmeval.stats.special import normal_quantile

PER_PRICE = 1_000_000


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
    """What one call costs, in USD.

    Args:
        input_tokens: all input, cache reads and writes included; None when unknown.
        output_tokens: all output, reasoning included; None when unknown.
        cache_read_tokens: the part of the input that came from the provider's prompt cache; None counts as none.
        cache_write_tokens: the part of the input that was written into it; None counts as none.
        input_price: USD per million tokens.
        output_price: USD per million tokens.
        cache_read_price: USD per million tokens, by default that of input.
        cache_write_price: USD per million tokens, by default that of input.

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
    return micro_dollars / PER_PRICE


def cost_per_resolved(costs: Sequence[float], resolved: Sequence[int], confidence: float = 0.95) -> Estimate | None:
    """The cost of all samples, failed ones too, per resolved sample, with the delta method's interval.

    Args:
        costs: USD of each case, over all its samples.
        resolved: how many samples of each case passed.
        confidence: as a fraction.

    Returns:
        None when nothing was resolved, so that no amount would do. The interval is open (0 to infinity) for one case.
    """
    _check(costs, resolved)
    total = sum(resolved)
    if not total:
        return None
    value = math.fsum(costs) / total
    if len(costs) < 2:
        return Estimate(value, 0.0, math.inf)
    half = normal_quantile(0.5 + confidence / 2) * _error(_influences(costs, resolved))
    return Estimate(value, max(0.0, value - half), value + half)


def _influences(costs: Sequence[float], resolved: Sequence[int]) -> list[float]:
    """How far each case moves the ratio of the sums."""
    total = sum(resolved)
    ratio = math.fsum(costs) / total
    return [(cost - ratio * count) / total for cost, count in zip(costs, resolved, strict=True)]


def _error(influences: Sequence[float]) -> float:
    cases = len(influences)
    return math.sqrt(math.fsum(influence**2 for influence in influences) * cases / (cases - 1))


def _check(costs: Sequence[float], resolved: Sequence[int]) -> None:
    if len(costs) != len(resolved):
        raise ValueError(f"{len(costs)} costs came with {len(resolved)} counts of resolved samples; each case has both")
