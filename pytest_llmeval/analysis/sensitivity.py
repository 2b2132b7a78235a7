"""Measure how much a model's answers depend on the wording of the question."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pytest_llmeval.runs.results import CaseKey, CaseResult
from pytest_llmeval.stats.means import Mean, mean_over_cases

PARAPHRASES = "paraphrases"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reworded:
    """The cases reworded in one way, compared with the same cases in their own words.

    Attributes:
        name: ``paraphrases``, or the rule's name.
        passed: samples that passed in the other wordings, of ``samples``.
        change: the mean over cases of the change of the pass rate, as a fraction.
    """

    name: str
    passed: int
    samples: int
    change: Mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How much the wordings of a case differ.

    Attributes:
        value: the standard deviation of the pass rate over the wordings of a case, as a fraction; the root mean square
            over cases.
        noise: whether it includes chance: with one answer per wording the two cannot be separated.
    """

    value: float
    noise: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Worst:
    """The worst and the best wording of a case.

    Attributes:
        case: in its worst wording.
        best: in its best wording; in the row's own words if these are among the best.
    """

    case: CaseResult
    best: CaseResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """One model's answers over the wordings of its cases.

    Attributes:
        cases: how many cases were judged in their own words and in at least one other wording.
        wordings: how many wordings of them were judged.
        reworded: one per way of rewording, paraphrases first.
        worst: one per case whose wordings differ, the largest difference first.
    """

    cases: int
    wordings: int
    reworded: tuple[Reworded, ...]
    spread: Spread
    worst: tuple[Worst, ...]


def sensitivity(results: Iterable[CaseResult]) -> Sensitivity | None:
    """How much one model's answers depend on the wording.

    Returns:
        None when no case was judged in its own words and in another wording.
    """
    rows: dict[CaseKey, list[CaseResult]] = {}
    for result in results:
        if result.judged:
            rows.setdefault(result.row, []).append(result)
    cases = [row for row in rows.values() if len(row) > 1 and any(not result.wording for result in row)]
    if not cases:
        return None
    ways = dict.fromkeys(_way(result) for case in cases for result in case if result.wording)
    return Sensitivity(
        cases=len(cases),
        wordings=sum(map(len, cases)),
        reworded=tuple(_reworded(way, cases) for way in sorted(ways, key=lambda way: way != PARAPHRASES)),
        spread=_spread(cases),
        worst=_worst(cases),
    )


def _way(result: CaseResult) -> str:
    return PARAPHRASES if result.wording.isdecimal() else result.wording


def _passed(result: CaseResult) -> int:
    return sum(sample.outcome == "pass" for sample in result.judged)


def _rate(result: CaseResult) -> float:
    return _passed(result) / len(result.judged)


def _reworded(way: str, cases: Sequence[Sequence[CaseResult]]) -> Reworded:
    others, changes = [], []
    for case in cases:
        row = next(result for result in case if not result.wording)
        other = [result for result in case if result.wording and _way(result) == way]
        if other:
            others += other
            changes.append(math.fsum(map(_rate, other)) / len(other) - _rate(row))
    change = mean_over_cases(changes)
    if change is None:  # a way is named by the cases that have it
        raise ValueError(f"no case was asked in the wording {way}")
    return Reworded(
        name=way,
        passed=sum(map(_passed, others)),
        samples=sum(len(result.judged) for result in others),
        change=change,
    )


def _spread(cases: Sequence[Sequence[CaseResult]]) -> Spread:
    """The variance between wordings, minus the variance by chance where there are several samples per wording."""
    repeated = [[result for result in case if len(result.judged) > 1] for case in cases]
    repeated = [case for case in repeated if len(case) > 1]
    noise = not repeated
    variances = []
    for case in cases if noise else repeated:
        rates = [_rate(result) for result in case]
        mean = math.fsum(rates) / len(rates)
        between = math.fsum((rate - mean) ** 2 for rate in rates) / (len(rates) - 1)
        by_chance = [_rate(result) * (1 - _rate(result)) / (len(result.judged) - 1) for result in case if not noise]
        variances.append(between - math.fsum(by_chance) / len(rates))
    value = math.sqrt(max(0.0, math.fsum(variances) / len(variances)))
    return Spread(value=value, noise=noise)


def _worst(cases: Sequence[Sequence[CaseResult]]) -> tuple[Worst, ...]:
    found = []
    for case in cases:
        ordered = sorted(case, key=lambda result: (-_rate(result), bool(result.wording)))
        best, worst = ordered[0], min(case, key=_rate)
        if _rate(worst) < _rate(best):
            found.append(Worst(case=worst, best=best))
    return tuple(sorted(found, key=lambda each: _rate(each.case) - _rate(each.best)))
