"""Figures averaged over cases; their intervals count cases, since the samples of one case resemble each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from pytest_llmeval.stats.special import CONFIDENCE, NORMAL_HALF_WIDTH, t_quantile


class Mean(NamedTuple):
    """A figure averaged over cases, with its interval, which is infinite for one case."""

    value: float
    low: float
    high: float
    cases: int


class Share(NamedTuple):
    """A share, every case counting the same.

    Attributes:
        value: the mean of the cases' shares, as a fraction.
        number: how many of all samples are counted.
    """

    value: float
    low: float
    high: float
    number: int
    samples: int
    cases: int


def mean_over_cases(values: Sequence[float], confidence: float = CONFIDENCE) -> Mean | None:
    """The mean of one value per case, with Student's interval; None when there is no case."""
    cases = len(values)
    if not cases:
        return None
    mean = math.fsum(values) / cases
    if cases == 1:
        return Mean(mean, -math.inf, math.inf, 1)
    variance = math.fsum((value - mean) ** 2 for value in values) / (cases - 1)
    half = t_quantile(0.5 + confidence / 2, cases - 1) * math.sqrt(variance / cases)
    return Mean(mean, mean - half, mean + half, cases)


def share_over_cases(counts: Sequence[tuple[int, int]], *, independent: int | None = None) -> Share | None:
    """The mean of the cases' shares, with Wilson's interval for the effective number of samples.

    That is the number of independent samples with the same variance (Korn and Graubard 1998), at least the number of
    cases and at most that of samples. With one sample per case it is Wilson's interval.

    Args:
        counts: per case the samples that count and all samples; cases without any are left out.
        independent: how many of all samples are independent at most; None for all of them.

    Returns:
        None when no case has a sample.

    Raises:
        ValueError: a case has a negative count, or more than all of its samples.
    """
    wrong = next((pair for pair in counts if not 0 <= pair[0] <= pair[1]), None)
    if wrong is not None:
        raise ValueError(f"a share was asked for a case with {wrong[0]} of {wrong[1]} samples; it takes from 0 to all")
    shares = [count / samples for count, samples in counts if samples]
    cases = len(shares)
    if not cases:
        return None
    value = math.fsum(shares) / cases
    all_samples = sum(samples for _, samples in counts)
    effective = float(cases)
    if cases > 1 and 0 < value < 1:
        variance = math.fsum((share - value) ** 2 for share in shares) / (cases - 1) / cases
        alike = value * (1 - value) / variance if variance > 0 else math.inf
        most = all_samples if independent is None else independent
        effective = min(float(most), max(effective, alike))
    z = NORMAL_HALF_WIDTH
    centre = value * effective + z * z / 2
    half = z * math.sqrt(effective * value * (1 - value) + z * z / 4)
    return Share(
        value,
        0.0 if value == 0 else max(0.0, (centre - half) / (effective + z * z)),
        1.0 if value == 1 else min(1.0, (centre + half) / (effective + z * z)),
        sum(count for count, _ in counts),
        all_samples,
        cases,
    )
