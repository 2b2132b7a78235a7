"""Percentiles of latencies and the like, with intervals that assume nothing about their law."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from pytest_llmeval.stats.special import CONFIDENCE, NORMAL_HALF_WIDTH

_OUTSIDE = (1 - CONFIDENCE) / 2


class Percentile(NamedTuple):
    """One percentile of measured values with its interval, in their unit; None when there are too few cases.

    Attributes:
        share: 0.95 for p95.
        value: the smallest measured value that at least this share does not exceed.
        values: the number of values.
        cases: the number of cases they came from.
        needed: the number of cases it takes.
    """

    share: float
    value: float | None
    low: float | None
    high: float | None
    values: int
    cases: int
    needed: int


@lru_cache(maxsize=1024)
def interval_ranks(values: int, share: float) -> tuple[int | None, int | None]:
    """Which order statistics, counted from 1, enclose a percentile of independent values.

    Args:
        values: the number of values.
        share: strictly between 0 and 1; 0.95 is p95.

    Returns:
        The lower and the upper rank, None when even the smallest or the largest value is not a bound.
    """
    _check(share)
    low: int | None = None
    high: int | None = None
    below = 0.0
    log_share, log_rest, log_all = math.log(share), math.log1p(-share), math.lgamma(values + 1)
    for count in range(values):
        below += math.exp(
            log_all
            - math.lgamma(count + 1)
            - math.lgamma(values - count + 1)
            + count * log_share
            + (values - count) * log_rest
        )
        if below <= _OUTSIDE:
            low = count + 1
        elif below >= 1 - _OUTSIDE:
            high = count + 1
            break
    return low, high


@lru_cache(maxsize=64)
def fewest_values(share: float) -> int:
    """The fewest independent values that a percentile's interval takes."""
    _check(share)
    return math.ceil(math.log(_OUTSIDE) / math.log(max(share, 1 - share)) - 1e-9)


def percentile(values_by_case: Sequence[Sequence[float]], share: float) -> Percentile:
    """A percentile of all values with its interval.

    With one value per case the interval is made of order statistics. Values of one case resemble each other, so with
    several values the interval is Woodruff's (1952): the share of values below, with its error clustered by case.
    Neither covers what differs between two sessions; never judge a stored latency by it.

    Args:
        values_by_case: the measured values of each case; cases without any are left out.
        share: strictly between 0 and 1; 0.95 is p95.
    """
    cases = [case for case in values_by_case if case]
    ordered = sorted(value for case in cases for value in case)
    needed = fewest_values(share)
    if len(cases) < needed:
        return Percentile(share, None, None, None, len(ordered), len(cases), needed)
    value = _at_share(ordered, share)
    if len(ordered) == len(cases):
        low_rank, high_rank = interval_ranks(len(ordered), share)
        low = None if low_rank is None else ordered[low_rank - 1]
        high = None if high_rank is None else ordered[high_rank - 1]
    else:
        half = NORMAL_HALF_WIDTH * _clustered_error(cases, value)
        low = _at_share(ordered, share - half) if share - half > 0 else None
        high = _at_share(ordered, share + half) if share + half < 1 else None
    return Percentile(share, value, low, high, len(ordered), len(cases), needed)


def _clustered_error(cases: Sequence[Sequence[float]], value: float) -> float:
    """The standard error of the share of values up to a value when cases, but not their values, are independent."""
    total = sum(len(case) for case in cases)
    below = [sum(measured <= value for measured in case) for case in cases]
    share = sum(below) / total
    squares = math.fsum((count - share * len(case)) ** 2 for count, case in zip(below, cases, strict=True))
    return math.sqrt(squares * len(cases) / (len(cases) - 1)) / total


def _at_share(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered), max(1, math.ceil(share * len(ordered) - 1e-9))) - 1]


def _check(share: float) -> None:
    if not 0 < share < 1:
        raise ValueError(f"a percentile was asked for at {share}; it exists strictly between 0 and 1 (p95 is 0.95)")
