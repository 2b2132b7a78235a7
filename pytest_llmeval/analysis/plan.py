"""Before money is spent: the smallest rise of each error category that a number of samples would find."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_llmeval.analysis.examined import counts_in, untraced_in, with_untraced
from pytest_llmeval.config.prices import priced
from pytest_llmeval.config.settings import CategorySettings, Prices
from pytest_llmeval.runs.results import CaseResult
from pytest_llmeval.stats.gate import GateRules, floor_in_cases
from pytest_llmeval.stats.planning import flaky_variance, smallest_detectable_rise
from pytest_llmeval.stats.special import normal_quantile

POWER = 0.8
"""The wanted chance of finding a rise."""

FEWEST_FOR_VARIANCE = 20
FEW_SAMPLES = 3
SLACK = 1.1
"""What the score gives away of rises spread over all cases where these have few answers, to see broken cases better."""

UNSEEN = 1e-6  # the approximation takes a rate of exactly 0 for noiseless


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What one error category is expected to be like.

    Attributes:
        rate: the share of answers that fail in it now, as a fraction.
        variance: the mean of p(1 - p) over the cases, p a case's chance to fail in it; None for that of a typical
            suite.
    """

    name: str
    rate: float
    variance: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCategory:
    """What can be found in one error category.

    Attributes:
        level: the share of alpha it is tested at if every other category were a close call.
        rises: per number of samples the smallest rise of its rate, as a fraction, that is found with 80 % chance; None
            when not even failing always would be.
    """

    expected: Expected
    level: float
    rises: Mapping[int, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCost:
    """The calls of one sample of one case.

    Attributes:
        calls: how many, on average.
        cost: USD of one call, on average; None when no price is known.
    """

    calls: float = 1.0
    cost: float | None = None


def plan(
    cases: int,
    categories: Sequence[Expected],
    samples: Sequence[int],
    *,
    baseline_samples: int | None = None,
    settings: Mapping[str, CategorySettings] | None = None,
    rules: GateRules | None = None,
) -> list[PlannedCategory]:
    """What the gate could find, per category and number of samples per case.

    Args:
        categories: the error categories that will be compared.
        samples: numbers of candidate samples per case.
        baseline_samples: per case, None for as many as the candidate has.
        settings: how categories are gated; those of severity ``low`` are reported only, and left out.

    Raises:
        ValueError: there is no case, or a number of samples is below 1.
    """
    if cases < 1 or any(number < 1 for number in (*samples, baseline_samples or 1)):
        raise ValueError(f"a plan was asked for {cases} cases and {list(samples)} samples; both are at least 1")
    rules = rules or GateRules()
    each = {expected: (settings or {}).get(expected.name, CategorySettings()).rule() for expected in categories}
    gated = {expected: rule for expected, rule in each.items() if rule.gated}
    planned = []
    for expected, rule in gated.items():
        level = rules.alpha * rule.weight / sum(other.weight for other in gated.values())
        min_cases = floor_in_cases(cases, rules) if rule.min_cases is None else rule.min_cases
        floor = max(min_cases / cases, rules.min_points if rule.max_increase is None else rule.max_increase)
        rises = {
            number: smallest_rise(cases, baseline_samples or number, number, expected, level=level, floor=floor)
            for number in samples
        }
        planned.append(PlannedCategory(expected=expected, level=level, rises=rises))
    return planned


def smallest_rise(
    cases: int, baseline_samples: int, samples: int, expected: Expected, *, level: float, floor: float = 0.0
) -> float | None:
    """The smallest rise, spread over all cases, that the gate finds with 80 % chance.

    The normal approximation of `smallest_detectable_rise`, made no smaller than what the exact test can find at all,
    nor than what clears the floor with 80 % chance.

    Args:
        baseline_samples: per case.
        samples: of the candidate, per case.
        level: one-sided.
        floor: the smallest rise worth failing for, as a fraction.

    Returns:
        The rise as a fraction, None when not even failing always would be found.
    """
    room = 1 - expected.rate
    if room <= 0:
        return None
    rise = smallest_detectable_rise(
        cases,
        baseline_samples,
        samples,
        error_rate=max(expected.rate, UNSEEN),
        level=level,
        variance=None if expected.variance is None else max(expected.variance, UNSEEN),
        power=POWER,
    )
    if rise is None:
        return None
    if min(baseline_samples, samples) <= FEW_SAMPLES:
        rise *= SLACK
    # All failures of a case fall to the candidate by one chance in this many; so many broken cases are needed at least.
    chances = math.log(math.comb(baseline_samples + samples, samples))
    fewest = math.ceil(-math.log(level) / chances - 1e-9) / cases
    noise = rise / (normal_quantile(1 - level) + normal_quantile(POWER))
    rise = max(rise, fewest, floor + normal_quantile(POWER) * noise if floor else 0.0)
    return rise if rise <= room else None


def expected_from(results: Sequence[CaseResult]) -> list[Expected]:
    """The error categories seen in some results of one model, the most frequent first.

    How flaky the cases are is taken from the results where at least 20 cases have several samples.
    """
    untraced = untraced_in(results)
    results = [with_untraced(result, untraced) for result in results]
    names = dict.fromkeys(name for result in results for sample in result.judged for name in sample.categories)
    categories = []
    for name in names:
        counts = [(failed, n) for failed, n in counts_in(results, name) if n]
        rate = sum(failed / n for failed, n in counts) / len(counts)
        variance = None
        seen = [(failed, n) for failed, n in counts if n > 1]
        if len(seen) >= FEWEST_FOR_VARIANCE:
            measured = sum(failed * (n - failed) / (n * (n - 1)) for failed, n in seen) / len(seen)
            # A rare category may have shown no flaky case yet; half of what is typical is then more honest than 0.
            variance = max(measured, flaky_variance(rate) / 2)
        categories.append(Expected(name=name, rate=rate, variance=variance))
    return sorted(categories, key=lambda expected: -expected.rate)


def mean_call(results: Sequence[CaseResult], price: tuple[float, float] | None = None) -> CallCost:
    """How many calls a sample made on average, and what one cost.

    Args:
        price: USD per million input and output tokens, None for what the calls cost as they were billed.
    """
    samples = [sample for result in results for sample in result.samples if sample.calls]
    calls = [call for sample in samples for call in sample.calls]
    if not calls:
        return CallCost()
    if price is None:
        costs = [call.measures.cost for call in calls]
    else:
        costs = [priced(call.answer.usage, Prices(*price)) for call in calls]
    known = [cost for cost in costs if cost is not None]
    return CallCost(calls=len(calls) / len(samples), cost=sum(known) / len(known) if len(known) == len(calls) else None)
