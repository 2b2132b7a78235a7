"""How many samples would settle a verdict, and how small a rise a suite can detect."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pytest_llmeval.stats.evidence import score_law
from pytest_llmeval.stats.special import find_root, normal_quantile
from pytest_llmeval.stats.strata import Stratum

_MOST_SAMPLES = 1000


def samples_needed(strata: Sequence[Stratum], level: float, power: float = 0.8, *, both: bool = False) -> int | None:
    """How many candidate samples per case would settle a rise as large as the one seen.

    Args:
        strata: all cases of the category; those without a sample on one side are left out.
        level: one-sided: alpha divided by the number of testable categories.
        power: the wanted chance of finding it.
        both: whether the baseline gets as many samples; otherwise it keeps those it has.

    Returns:
        None when the category did not rise, or the baseline has too few samples for any number to be enough.
    """
    compared = [stratum for stratum in strata if stratum.compared]
    if not compared:
        return None
    rise = math.fsum(stratum.change for stratum in compared) / len(compared)
    if rise <= 0:
        return None
    candidate = baseline = 0.0
    for stratum in compared:
        if stratum.informative:
            y, n_b, x, n_c = stratum
            rate = (x + y + 0.5) / (n_b + n_c + 1)
            candidate += rate * (1 - rate)
            baseline += rate * (1 - rate) / n_b
    cases = len(compared)
    allowed = (rise / (normal_quantile(1 - level) + normal_quantile(power))) ** 2
    if both:
        left, candidate = allowed, 2 * candidate
    else:
        left = allowed - baseline / cases**2
    if left <= 0 or candidate / cases**2 > _MOST_SAMPLES * left:
        return None
    return max(1, math.ceil(candidate / cases**2 / left))


def samples_until_testable(strata: Sequence[Stratum], level: float, *, both: bool = False) -> int | None:
    """How many candidate samples per case make a category testable whose cases go on failing as often as now.

    Args:
        strata: all cases of the category.
        level: one-sided.
        both: whether the baseline gets as many samples.

    Returns:
        None when 1,000 samples are not enough.
    """
    informative = [stratum for stratum in strata if stratum.informative]
    most = max((stratum.n_candidate for stratum in informative), default=_MOST_SAMPLES)
    while most < _MOST_SAMPLES:
        most += 1
        smallest = 1.0
        for y, n_b, x, n_c in informative:
            before = most if both else n_b
            failures = (round(y / n_b * most) if both else y) + round(x / n_c * most)
            if 0 < failures < before + most:
                smallest *= score_law(before, most, failures)[-1][1]
        if smallest <= level:
            return most
        most += most // 10
    return None


def flaky_variance(error_rate: float) -> float:
    """The mean of p(1 - p) over the cases of a typical suite, where p is the chance that a case fails.

    By the beta law with concentration 0.75, most cases always pass, some always fail and some are flaky.
    """
    return error_rate * (1 - error_rate) * 0.75 / 1.75


def smallest_detectable_rise(
    cases: int,
    samples_baseline: int,
    samples_candidate: int,
    *,
    error_rate: float,
    level: float,
    variance: float | None = None,
    power: float = 0.8,
) -> float | None:
    """The smallest rise of a category's rate, spread over all cases, that would be found.

    Args:
        cases: the number of compared cases.
        samples_baseline: per case.
        samples_candidate: per case.
        error_rate: the baseline's, as a fraction.
        level: one-sided: alpha divided by the number of testable categories.
        variance: the mean of p(1 - p) over the cases; by default that of a typical suite.
        power: the wanted chance of finding it.

    Returns:
        The rise as a fraction, None when not even a category that always fails would be found.

    Raises:
        ValueError: a number of cases or samples is not above 0, or the error rate not from 0 to below 1.
    """
    if min(cases, samples_baseline, samples_candidate) < 1 or not 0 <= error_rate < 1:
        raise ValueError(
            f"the smallest detectable rise was asked for {cases} cases of {samples_baseline} and {samples_candidate} "
            f"samples at an error rate of {error_rate}; the numbers are at least 1, the rate from 0 to below 1"
        )
    before = flaky_variance(error_rate) if variance is None else variance
    z = normal_quantile(1 - level) + normal_quantile(power)
    room = 1 - error_rate

    def shortfall(rise: float) -> float:
        worsened = rise / room
        after = (1 - worsened) * (before + worsened * (room - before))
        return rise - z * math.sqrt(
            (before + max(0.0, after)) / 2 * (1 / samples_baseline + 1 / samples_candidate) / cases
        )

    if shortfall(room) < 0:
        return None
    steps = [room * step / 200 for step in range(201)]
    first = next(index for index, rise in enumerate(steps) if shortfall(rise) >= 0)
    return 0.0 if first == 0 else find_root(shortfall, steps[first - 1], steps[first])
