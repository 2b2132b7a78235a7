"""Confidence intervals of a rate, and of its change on the same cases."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from pytest_llmeval.stats.means import mean_over_cases
from pytest_llmeval.stats.special import CONFIDENCE, find_root, normal_quantile, t_quantile
from pytest_llmeval.stats.strata import Stratum


class Interval(NamedTuple):
    """An interval, as fractions."""

    low: float
    high: float


def wilson(errors: int, samples: int, confidence: float = CONFIDENCE) -> Interval:
    """The score interval of a rate (Wilson 1927), which a report shows next to a share.

    Raises:
        ValueError: there is no sample, or there are more errors than samples.
    """
    _check(errors, samples)
    z = normal_quantile(0.5 + confidence / 2)
    centre = errors + z * z / 2
    half = z * math.sqrt(errors * (samples - errors) / samples + z * z / 4)
    low = 0.0 if errors == 0 else (centre - half) / (samples + z * z)
    high = 1.0 if errors == samples else (centre + half) / (samples + z * z)
    return Interval(low, high)


def tango(worse: int, better: int, cases: int, confidence: float = CONFIDENCE) -> Interval:
    """The score interval of the change of a rate, one sample per case and side (Tango 1998).

    Args:
        worse: cases that passed before and fail now.
        better: cases that failed before and pass now.
        cases: all cases, changed or not.

    Raises:
        ValueError: there is no case, or more changed cases than cases.
    """
    _check(worse + better, cases)
    z = normal_quantile(0.5 + confidence / 2)

    def score(delta: float) -> float:
        b = -worse - better + (2 * cases - worse + better) * delta
        c = -better * delta * (1 - delta)
        restricted = (math.sqrt(max(0.0, b * b - 8 * cases * c)) - b) / (4 * cases)
        variance = cases * (2 * restricted + delta * (1 - delta))
        distance = worse - better - cases * delta
        if abs(distance) < 1e-12:
            return 0.0
        return distance / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, distance)

    change = (worse - better) / cases
    low = -1.0 if better == cases else find_root(lambda delta: score(delta) - z, -1.0, change)
    high = 1.0 if worse == cases else find_root(lambda delta: score(delta) + z, change, 1.0)
    return Interval(low, high)


def change_interval(strata: Sequence[Stratum], confidence: float = CONFIDENCE) -> Interval | None:
    """The change of a category's rate on these very cases, which is what the gate tests.

    The sampling error within cases, plus a quarter of a sample on each side for what never varied; Tango's interval
    when every case has one sample per side. It covers 95 to 97 % at a nominal 95 %.

    Args:
        strata: all cases of the category; those without a sample on one side are left out.

    Returns:
        None when no case has samples on both sides.
    """
    compared = [stratum for stratum in strata if stratum.compared]
    if not compared:
        return None
    if all(stratum.n_baseline == stratum.n_candidate == 1 for stratum in compared):
        worse = sum(stratum.errors_candidate > stratum.errors_baseline for stratum in compared)
        better = sum(stratum.errors_candidate < stratum.errors_baseline for stratum in compared)
        return tango(worse, better, len(compared), confidence)
    total = variance = continuity = 0.0
    for y, n_b, x, n_c in compared:
        total += x / n_c - y / n_b
        continuity += 1 / n_c + 1 / n_b
        if n_b > 1 and n_c > 1:
            variance += x * (n_c - x) / (n_c * n_c * (n_c - 1)) + y * (n_b - y) / (n_b * n_b * (n_b - 1))
        else:
            both, failures = n_b + n_c, x + y
            variance += failures * (both - failures) / (both * (both - 1)) * (1 / n_b + 1 / n_c)
    cases = len(compared)
    half = normal_quantile(0.5 + confidence / 2) * math.sqrt(variance + continuity / (4 * cases)) / cases
    return Interval(max(-1.0, total / cases - half), min(1.0, total / cases + half))


def population_interval(strata: Sequence[Stratum], confidence: float = CONFIDENCE) -> Interval | None:
    """The change of a category's rate on cases like these: a paired t interval of the cases' changes.

    Valid under any dependence of a case's samples, as long as cases are independent.

    Returns:
        None when fewer than two cases have samples on both sides.
    """
    mean = mean_over_cases([stratum.change for stratum in strata if stratum.compared], confidence)
    return None if mean is None or mean.cases < 2 else Interval(max(-1.0, mean.low), min(1.0, mean.high))


def largest_rise(strata: Sequence[Stratum], confidence: float = CONFIDENCE) -> float:
    """How far the rate could have risen: the upper end of an interval that takes cases as its unit.

    It is the larger of two ends: that of `change_interval`, and that of Student's interval of the cases' changes. The
    latter has a quarter of a case on each side added to its error, as `change_interval` has of a sample: a few cases
    that never failed do not prove that others would not.

    Args:
        strata: one per independent case; those without a sample on one side are left out.
        confidence: of the two-sided interval; 0.9 gives a one-sided bound of 95 %.

    Returns:
        The rise as a fraction; 1, all of it, when fewer than two cases have samples on both sides.
    """
    changes = [stratum.change for stratum in strata if stratum.compared]
    cases = len(changes)
    interval = change_interval(strata, confidence)
    if interval is None or cases < 2:
        return 1.0
    mean = math.fsum(changes) / cases
    squares = math.fsum((change - mean) ** 2 for change in changes) / (cases - 1) * cases
    half = t_quantile(0.5 + confidence / 2, cases - 1) * math.sqrt(squares + 1 / 2) / cases
    return max(interval.high, min(1.0, mean + half))


def _check(errors: int, samples: int) -> None:
    if samples < 1 or not 0 <= errors <= samples:
        raise ValueError(f"an interval was asked for {errors} of {samples}; it takes from 0 to all of at least 1")
