"""The gate: which error categories became more frequent, as one pure function."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NamedTuple

from pytest_llmeval.stats.dependence import Dispersion
from pytest_llmeval.stats.intervals import Interval, change_interval, population_interval
from pytest_llmeval.stats.multiplicity import Family, tarone_holm
from pytest_llmeval.stats.planning import samples_needed, samples_until_testable
from pytest_llmeval.stats.surprise import ScoreTest, Stratum, by_family, sign_flip_test, surprise_test

Method = Literal["exact", "sign-flip"]
ROUNDING = 1e-9


class Verdict(StrEnum):
    """The one word about a category."""

    REGRESSED = "REGRESSED"
    INCONCLUSIVE = "INCONCLUSIVE"
    TOO_SMALL = "TOO SMALL"
    IMPROVED = "IMPROVED"
    OK = "OK"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRules:
    """The rules of the whole gate.

    Attributes:
        alpha: the chance that the gate fails a change that changes nothing, over all gated categories together.
        min_cases: the smallest net worsening that fails, in cases: one case that always passed and now always fails
            is 1.
        min_points: the smallest rise of a category's rate that fails, as a fraction.
        phi_max: the dispersion of two runs of the same code above which samples count as copies of each other.
        top_up_p: the raw p up to which a category gets more samples.
    """

    alpha: float = 0.05
    min_cases: float = 1.0
    min_points: float = 0.0
    phi_max: float = 1.5
    top_up_p: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryRule:
    """The rules of one category.

    Attributes:
        weight: its share of alpha, relative to the others; 3 for a severe category.
        gated: whether it can fail the gate; other categories are judged in a family of their own, with an alpha of
            their own.
        max_increase: the allowed rise of its rate, as a fraction; None for ``GateRules.min_points``.
        min_cases: None for ``GateRules.min_cases``; 0.5 for zero tolerance.
    """

    weight: float = 1.0
    gated: bool = True
    max_increase: float | None = None
    min_cases: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryVerdict:
    """What is known about one category.

    Attributes:
        gated: whether it can fail the gate.
        p: the chance of a worsening like this or stronger if no case changed.
        adjusted_p: p adjusted for all categories of the family, 1 if untestable; compare it with alpha.
        p_min: the smallest p that these failures could have given.
        adjusted_p_better: the adjusted chance of an improvement like this or stronger if no case changed.
        testable: whether a worsening could have been found at all.
        level: the p needed if every other category is a close call: a share of alpha.
        score: the sum of the contributions, in half-bits of surprise, positive when worse.
        difference: the rise of the rate, averaged over families of cases, as a fraction; None when none was compared.
        net: the rise in families: a question that broke in all of its wordings is 1.
        interval: of the difference; None when no case (in sign-flip: fewer than two) was compared.
        below_floor: whether a rise was found that is too small to fail the gate.
        samples_needed: candidate samples per case that would settle an INCONCLUSIVE or TOO SMALL, None when no number
            would with this baseline, and for every other verdict.
        errors_baseline: failed samples in the compared cases, of ``samples_baseline`` judged ones.
        errors_candidate: the same of the candidate.
        cases: how many cases were compared.
        contributions: the score of every case, in the order given.
        method: ``sign-flip`` counts each case once.
        method_reason: why it does, "" for ``exact``.
        spread: for a rise with p up to alpha, whether other cases would show it too; else None.
    """

    verdict: Verdict
    gated: bool
    p: float
    adjusted_p: float
    p_min: float
    adjusted_p_better: float
    testable: bool
    level: float
    score: int
    difference: float | None
    net: float
    interval: Interval | None
    below_floor: bool
    samples_needed: int | None
    errors_baseline: int
    samples_baseline: int
    errors_candidate: int
    samples_candidate: int
    cases: int
    contributions: tuple[int, ...]
    method: Method
    method_reason: str
    spread: Literal["systematic", "specific cases"] | None


class _Measured(NamedTuple):
    """One category before it is adjusted for the others.

    Attributes:
        test: with the chances of the sign-flip test where each case counts once.
        once: why each case counts once, "" where samples count.
    """

    compared: list[Stratum]
    families: list[Stratum]
    test: ScoreTest
    net: float
    once: str


def judge(
    categories: Mapping[str, Sequence[Stratum]],
    rules: GateRules | None = None,
    per_category: Mapping[str, CategoryRule] | None = None,
    *,
    dispersion: Dispersion | None = None,
    families: Sequence[Hashable] = (),
) -> dict[str, CategoryVerdict]:
    """Judge every error category: exact tests, adjusted for their number, with a floor on the size of a rise.

    The result does not depend on the order of cases or categories, nor on any random number.

    Args:
        categories: per category one stratum per case, also for a category that only one side has.
        rules: of the whole gate.
        per_category: rules of single categories; other categories use the defaults.
        dispersion: of two runs of the same code, None when it was not measured.
        families: per case what it shares with cases that are not independent of it, such as the wordings of one
            question; () when all are independent. The exact test asks whether any of these cases changed, so each
            counts. The size of a rise, and whether other cases would show it too, is measured in families.

    Raises:
        ValueError: a stratum has more errors than samples or a negative count.
    """
    rules = rules or GateRules()
    by_name = {name: (per_category or {}).get(name, CategoryRule()) for name in categories}
    repeats = ""
    if dispersion is not None and dispersion.repeats(rules.phi_max):
        repeats = f"samples of a run repeat each other (phi {dispersion.phi:.1f})"
    measured = {name: _measure(name, strata, repeats, families) for name, strata in categories.items()}
    verdicts: dict[str, CategoryVerdict] = {}
    for gated in (True, False):
        names = sorted(name for name, rule in by_name.items() if rule.gated is gated)
        family = [measured[name].test for name in names]
        weights = [by_name[name].weight for name in names]
        worse = tarone_holm([t.p for t in family], [t.p_min for t in family], rules.alpha, weights)
        better = tarone_holm([t.p_better for t in family], [t.p_min_better for t in family], rules.alpha, weights)
        for place, name in enumerate(names):
            verdicts[name] = _decide(measured[name], rules, by_name[name], worse, better.adjusted[place], place)
    return {name: verdicts[name] for name in categories}


def failing(verdicts: Mapping[str, CategoryVerdict], *, strict: bool = False) -> list[str]:
    """The gated categories that fail the gate; with strict, INCONCLUSIVE fails too."""
    words = {Verdict.REGRESSED, Verdict.INCONCLUSIVE} if strict else {Verdict.REGRESSED}
    return [name for name, verdict in verdicts.items() if verdict.gated and verdict.verdict in words]


def undecided(verdicts: Mapping[str, CategoryVerdict], rules: GateRules | None = None) -> list[str]:
    """The gated categories that seem worse, and so need the rest of the samples.

    This look adds no false alarms as long as only the verdict over all samples counts and every case gets more
    samples: to repeat only the failed ones would bias the test.
    """
    rules = rules or GateRules()
    return [name for name, verdict in verdicts.items() if verdict.gated and verdict.p <= rules.top_up_p]


def _measure(name: str, strata: Sequence[Stratum], repeats: str, families: Sequence[Hashable]) -> _Measured:
    for y, n_b, x, n_c in strata:
        if not (0 <= y <= n_b and 0 <= x <= n_c):
            raise ValueError(
                f"category {name!r} has a case with {y} of {n_b} and {x} of {n_c} failing; errors go from 0 to all"
            )
    compared = [stratum for stratum in strata if stratum.compared]
    merged = by_family(strata, families) if families else compared
    test = surprise_test(strata)
    once = repeats if any(n_b > 1 or n_c > 1 for _, n_b, _, n_c in compared) else ""
    if once:
        p, p_better, p_min = sign_flip_test(merged)
        test = test._replace(p=p, p_better=p_better, p_min=p_min, p_min_better=p_min)
    return _Measured(compared, merged, test, math.fsum(stratum.change for stratum in merged), once)


def _decide(
    measured: _Measured,
    rules: GateRules,
    rule: CategoryRule,
    family: Family,
    adjusted_better: float,
    place: int,
) -> CategoryVerdict:
    """The verdict on one category of a family that was adjusted together."""
    compared, test = measured.compared, measured.test
    adjusted, testable = family.adjusted[place], family.testable[place]
    level = rules.alpha * rule.weight / family.size
    difference = measured.net / len(measured.families) if compared else None
    material = difference is not None and _above_floor(measured.net, difference, rules, rule)
    if adjusted <= rules.alpha and material:
        verdict = Verdict.REGRESSED
    elif adjusted_better <= rules.alpha:
        verdict = Verdict.IMPROVED
    elif test.p <= rules.alpha and material:
        verdict = Verdict.INCONCLUSIVE
    elif not compared or (not testable and measured.net > ROUNDING):
        verdict = Verdict.TOO_SMALL
    else:
        verdict = Verdict.OK
    return CategoryVerdict(
        verdict=verdict,
        gated=rule.gated,
        p=test.p,
        adjusted_p=adjusted,
        p_min=test.p_min,
        adjusted_p_better=adjusted_better,
        testable=testable,
        level=level,
        score=test.score,
        difference=difference,
        net=measured.net,
        interval=(population_interval if measured.once else change_interval)(measured.families),
        below_floor=test.p <= rules.alpha and not material,
        samples_needed=_more_samples(measured, verdict, level),
        errors_baseline=sum(stratum.errors_baseline for stratum in compared),
        samples_baseline=sum(stratum.n_baseline for stratum in compared),
        errors_candidate=sum(stratum.errors_candidate for stratum in compared),
        samples_candidate=sum(stratum.n_candidate for stratum in compared),
        cases=len(compared),
        contributions=test.contributions,
        method="sign-flip" if measured.once else "exact",
        method_reason=measured.once,
        spread=_spread(measured, rules.alpha),
    )


def _above_floor(net: float, difference: float, rules: GateRules, rule: CategoryRule) -> bool:
    """Whether a rise is large enough to fail the gate."""
    if net < (rules.min_cases if rule.min_cases is None else rule.min_cases) - ROUNDING:
        return False
    if rule.max_increase is None:
        return difference >= rules.min_points - ROUNDING
    return difference > rule.max_increase + ROUNDING


def _more_samples(measured: _Measured, verdict: Verdict, level: float) -> int | None:
    """The candidate samples per case that would settle it: more than there are, and enough to be testable."""
    if verdict not in (Verdict.INCONCLUSIVE, Verdict.TOO_SMALL) or measured.once:
        return None
    wanted = samples_needed(measured.compared, level)
    testable = samples_until_testable(measured.compared, level) if measured.test.p_min > level else 1
    if wanted is None or testable is None:
        return None
    return max(wanted, testable, 1 + max(stratum.n_candidate for stratum in measured.compared))


def _spread(measured: _Measured, alpha: float) -> Literal["systematic", "specific cases"] | None:
    if measured.test.p > alpha or measured.net <= 0:
        return None
    return "systematic" if sign_flip_test(measured.families)[0] <= alpha else "specific cases"
