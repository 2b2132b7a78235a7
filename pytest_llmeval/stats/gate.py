"""The gate: which error categories became more frequent, as one pure function."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NamedTuple

from pytest_llmeval.stats.dependence import Dispersion
from pytest_llmeval.stats.evidence import evidence_test
from pytest_llmeval.stats.intervals import Interval, change_interval, population_interval
from pytest_llmeval.stats.multiplicity import Family, tarone_holm
from pytest_llmeval.stats.planning import samples_needed, samples_until_testable
from pytest_llmeval.stats.sign_flip import sign_flip_test
from pytest_llmeval.stats.strata import Stratum, by_family

Method = Literal["exact", "sign-flip"]
Spread = Literal["spread over the cases", "in certain cases", "while other cases got better"]
ROUNDING = 1e-9
MATTERS = 0.05
"""The rise of a category's rate that must be excluded for an OK, where the category says nothing else."""

FEW_FAMILIES = 10
"""Where cases are not independent, the families below whose number the floor falls with it."""

LOOKS = (0.08, 0.04, 0.02)
"""The raw p of a category up to which the first, second and third look want more samples."""

LOOKS_AT_BOTH = (0.2, 0.06, 0.02)
"""The same where both sides are drawn: a first look at two samples each has little evidence."""

LOOKS_AT_A_PART = (0.4, 0.2, 0.1)
"""The same for a category that holds a part of the cases, such as a task."""

NO_LOOKS = (0.0, 0.0, 0.0)
"""The same where each case counts once, so that more samples of a case say little."""


class Verdict(StrEnum):
    """The one word about a category.

    REGRESSED: it became more frequent, by more than the floor. SMALL: more frequent, by less than the floor.
    INCONCLUSIVE: it may have become more frequent. IMPROVED: it became less frequent. OK: it became more frequent by
    less than what matters, if at all. NOT SHOWN: there is too little data for any of these words.
    """

    REGRESSED = "REGRESSED"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_SHOWN = "NOT SHOWN"
    SMALL = "SMALL"
    IMPROVED = "IMPROVED"
    OK = "OK"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRules:
    """The rules of the whole gate.

    Attributes:
        alpha: the chance that the gate fails a change that changes nothing, over all gated categories together.
        min_cases: the smallest net worsening that fails, in cases: one case that always passed and now always fails
            is 1. None for another model, which fails other cases even when it is no worse: 1 of up to 25 compared
            cases, 2 of up to 75, 3 of more.
        min_points: the smallest rise of a category's rate that fails, as a fraction.
        both_drawn: whether more samples would be drawn on both sides, as when the baseline is a model of the session.
    """

    alpha: float = 0.05
    min_cases: float | None = 1.0
    min_points: float = 0.0
    both_drawn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryRule:
    """The rules of one category.

    Attributes:
        weight: its share of alpha, relative to the others; 3 for a severe category.
        gated: whether it can fail the gate; other categories are judged in a family of their own, with an alpha of
            their own.
        max_increase: the allowed rise of its rate, as a fraction; None for ``GateRules.min_points``.
        min_cases: None for ``GateRules.min_cases``; 0.5 for zero tolerance.
        part: whether it holds a part of the cases, as a task does, and not every case. Its rise must be of 5 points or
            more, since one case is much of a small group.
        each_case_once: whether its samples count once per case, so that only a rise fails that cases like these would
            show too.
    """

    weight: float = 1.0
    gated: bool = True
    max_increase: float | None = None
    min_cases: float | None = None
    part: bool = False
    each_case_once: bool = False


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
        score: the sum of the contributions, in quarter-bits of evidence that it got worse.
        difference: the rise of the rate, averaged over families of cases, as a fraction; None when none was compared.
        net: the rise in families: a question that broke in all of its wordings is 1.
        interval: of the difference; None when no case (in sign-flip: fewer than two) was compared.
        matters: the rise that its interval must exclude for an OK, as a fraction.
        samples_needed: candidate samples per case that would settle an INCONCLUSIVE, or a rise that was NOT SHOWN, on
            both sides if both are drawn. None when no number would with this baseline, and for every other verdict.
        errors_baseline: failed samples in the compared cases, of ``samples_baseline`` judged ones.
        errors_candidate: the same of the candidate.
        cases: how many cases were compared.
        contributions: the score of every case, in the order given.
        method: ``sign-flip`` counts each case once.
        method_reason: why it does, "" for ``exact``.
        worse: families whose rate rose.
        better: families whose rate fell.
        spread: for a rise with p up to alpha, where it is: spread over the cases, so that cases like these would show
            it too; in certain cases; or while other cases got better, nearly as many as got worse. Otherwise None.
        part: as in its rule.
        looks: the p up to which each look wants more samples.
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
    matters: float
    samples_needed: int | None
    errors_baseline: int
    samples_baseline: int
    errors_candidate: int
    samples_candidate: int
    cases: int
    contributions: tuple[int, ...]
    method: Method
    method_reason: str
    worse: int
    better: int
    spread: Spread | None
    part: bool = False
    looks: tuple[float, ...] = LOOKS


class _Measured(NamedTuple):
    """One category before it is adjusted for the others.

    Attributes:
        compared: the strata with answers on both sides.
        families: the same, one per family.
        p: of a worsening; of the sign-flip test where each case counts once.
        p_min: the smallest p that was possible.
        p_better: of an improvement.
        p_min_better: the smallest p_better that was possible.
        net: the rise in families.
        once: why each case counts once, "" where samples count.
    """

    compared: list[Stratum]
    families: list[Stratum]
    p: float
    p_min: float
    p_better: float
    p_min_better: float
    score: int
    contributions: tuple[int, ...]
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
    if dispersion is not None and dispersion.repeats:
        repeats = f"samples of a run repeat each other (phi {dispersion.phi:.1f})"
    measured = {
        name: _measure(name, strata, repeats, families, each_case_once=by_name[name].each_case_once)
        for name, strata in categories.items()
    }
    verdicts: dict[str, CategoryVerdict] = {}
    for gated in (True, False):
        names = sorted(name for name, rule in by_name.items() if rule.gated is gated)
        family = [measured[name] for name in names]
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


def undecided(verdicts: Mapping[str, CategoryVerdict], look: int = 0) -> list[str]:
    """The gated categories that seem worse, and so need more samples.

    A look adds no false alarms as long as only the verdict over all samples counts and every case gets more samples:
    to repeat only the failed ones would bias the test.

    Args:
        look: 0 for the first.

    Raises:
        IndexError: there is no such look.
    """
    return [name for name, verdict in verdicts.items() if verdict.gated and verdict.p <= verdict.looks[look]]


def _measure(
    name: str, strata: Sequence[Stratum], repeats: str, families: Sequence[Hashable], *, each_case_once: bool
) -> _Measured:
    for y, n_b, x, n_c in strata:
        if not (0 <= y <= n_b and 0 <= x <= n_c):
            raise ValueError(
                f"category {name!r} has a case with {y} of {n_b} and {x} of {n_c} failing; errors go from 0 to all"
            )
    compared = [stratum for stratum in strata if stratum.compared]
    merged = by_family(strata, families) if families else compared
    worse, better = evidence_test(strata), evidence_test([stratum.swapped for stratum in strata])
    p, p_min, p_better, p_min_better = worse.p, worse.p_min, better.p, better.p_min
    several = any(n_b > 1 or n_c > 1 for _, n_b, _, n_c in compared)
    once = repeats if several else ""
    if once or (several and each_case_once):
        p, p_better, p_min = sign_flip_test(merged if once else compared)
        p_min_better = p_min
        once = once or "each case counts once"
    return _Measured(
        compared=compared,
        families=merged,
        p=p,
        p_min=p_min,
        p_better=p_better,
        p_min_better=p_min_better,
        score=worse.score,
        contributions=worse.contributions,
        net=math.fsum(stratum.change for stratum in merged),
        once=once,
    )


def _decide(
    measured: _Measured,
    rules: GateRules,
    rule: CategoryRule,
    family: Family,
    adjusted_better: float,
    place: int,
) -> CategoryVerdict:
    """The verdict on one category of a family that was adjusted together."""
    compared = measured.compared
    adjusted, testable = family.adjusted[place], family.testable[place]
    level = rules.alpha * rule.weight / family.size
    difference = measured.net / len(measured.families) if compared else None
    interval = (population_interval if measured.once else change_interval)(measured.families)
    rises = measured.p <= rules.alpha and measured.net > ROUNDING
    matters = what_matters(len(compared), rule, rises=rises)
    material = difference is not None and _above_floor(measured, difference, rules, rule)
    if adjusted <= rules.alpha and measured.net > ROUNDING:
        verdict = Verdict.REGRESSED if material else Verdict.SMALL
    elif adjusted_better <= rules.alpha:
        verdict = Verdict.IMPROVED
    elif measured.p <= rules.alpha and material:
        verdict = Verdict.INCONCLUSIVE
    elif interval is not None and interval.high < matters - ROUNDING:
        verdict = Verdict.OK
    else:
        verdict = Verdict.NOT_SHOWN
    worse = sum(stratum.change > 0 for stratum in measured.families)
    better = sum(stratum.change < 0 for stratum in measured.families)
    return CategoryVerdict(
        verdict=verdict,
        gated=rule.gated,
        p=measured.p,
        adjusted_p=adjusted,
        p_min=measured.p_min,
        adjusted_p_better=adjusted_better,
        testable=testable,
        level=level,
        score=measured.score,
        difference=difference,
        net=measured.net,
        interval=interval,
        matters=matters,
        samples_needed=_more_samples(measured, verdict, level, both=rules.both_drawn),
        errors_baseline=sum(stratum.errors_baseline for stratum in compared),
        samples_baseline=sum(stratum.n_baseline for stratum in compared),
        errors_candidate=sum(stratum.errors_candidate for stratum in compared),
        samples_candidate=sum(stratum.n_candidate for stratum in compared),
        cases=len(compared),
        contributions=measured.contributions,
        method="sign-flip" if measured.once else "exact",
        method_reason=measured.once,
        worse=worse,
        better=better,
        spread=_spread(measured, rules.alpha, worse, better),
        part=rule.part,
        looks=_looks(rules, rule),
    )


def _looks(rules: GateRules, rule: CategoryRule) -> tuple[float, ...]:
    if rule.each_case_once:
        return NO_LOOKS
    return LOOKS_AT_A_PART if rule.part else LOOKS_AT_BOTH if rules.both_drawn else LOOKS


def what_matters(cases: int, rule: CategoryRule, *, rises: bool) -> float:
    """The rise of a category's rate that must be excluded for an OK, as a fraction.

    It is the rise that the category allows, else 5 points or one case of several, whichever is larger; 5 points where
    there is evidence of a rise.

    Args:
        cases: how many are compared.
        rule: of the category.
        rises: whether a test of this category alone would find that it rose.
    """
    if rule.max_increase is not None:
        return rule.max_increase
    return MATTERS if rises or cases < 2 else max(MATTERS, 1 / cases)


def floor_in_cases(cases: int, rules: GateRules) -> float:
    """The smallest net worsening that fails, in cases, where so many cases are compared."""
    if rules.min_cases is not None:
        return rules.min_cases
    return 1.0 if cases <= 25 else 2.0 if cases <= 75 else 3.0


def _above_floor(measured: _Measured, difference: float, rules: GateRules, rule: CategoryRule) -> bool:
    """Whether a rise is large enough to fail the gate."""
    families = len(measured.families)
    floor = floor_in_cases(families, rules) if rule.min_cases is None else rule.min_cases
    if families < len(measured.compared):
        # Of three clusters one is a third of the cases: that much would have to break before anything failed.
        floor *= min(1.0, families / FEW_FAMILIES)
    if measured.net < floor - ROUNDING:
        return False
    if rule.max_increase is None:
        return difference >= (max(MATTERS, rules.min_points) if rule.part else rules.min_points) - ROUNDING
    return difference > rule.max_increase + ROUNDING


def _more_samples(measured: _Measured, verdict: Verdict, level: float, *, both: bool) -> int | None:
    """The samples per case that would settle it: more than there are, and enough to be testable."""
    unsettled = verdict is Verdict.INCONCLUSIVE or (verdict is Verdict.NOT_SHOWN and measured.p_min > level)
    if not unsettled or measured.once:
        return None
    wanted = samples_needed(measured.compared, level, both=both)
    testable = samples_until_testable(measured.compared, level, both=both) if measured.p_min > level else 1
    if wanted is None or testable is None:
        return None
    return max(wanted, testable, 1 + max(stratum.n_candidate for stratum in measured.compared))


def _spread(measured: _Measured, alpha: float, worse: int, better: int) -> Spread | None:
    if measured.p > alpha or measured.net <= 0:
        return None
    if sign_flip_test(measured.families)[0] <= alpha:
        return "spread over the cases"
    return "while other cases got better" if 2 * better >= worse else "in certain cases"
