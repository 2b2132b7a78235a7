"""What people's labels say: about a check, about each other, and about two models on the same requests."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

from pytest_llmeval.stats.intervals import tango, wilson
from pytest_llmeval.stats.special import NORMAL_HALF_WIDTH, find_root

FEWEST_LABELS = 20
"""Of a part of the answers; with fewer nothing is said, unless they are all of it."""

_PSEUDO_ANSWERS = 2.0  # half an answer in each cell, of two labels


class Estimate(NamedTuple):
    """A figure with its 95 % interval, as fractions."""

    value: float
    low: float
    high: float


_UNKNOWN = Estimate(0.0, 0.0, 1.0)


class LabelledPart(NamedTuple):
    """The answers that a check flagged, or those that it passed.

    Attributes:
        answers: in the run.
        labelled: how many of these people labelled; they were drawn at random.
        bad: how many of the labelled ones people found bad.
    """

    answers: int
    labelled: int
    bad: int

    @property
    def missing(self) -> int:
        """How many more labels it takes."""
        return max(0, min(FEWEST_LABELS, self.answers) - self.labelled)


class LabelledCheck(NamedTuple):
    """How good a check is, and the rate that people's labels give; None where there are too few labels.

    Attributes:
        precision: the share of bad answers among the flagged ones; None too when none was flagged.
        recall: the share of flagged answers among the bad ones; None too when people found no bad answer.
        rate: the share of bad answers among all, as the labels correct it.
        flagged: the answers that the check flagged.
        passed: those that it did not flag.
    """

    precision: Estimate | None
    recall: Estimate | None
    rate: Estimate | None
    flagged: LabelledPart
    passed: LabelledPart

    @property
    def labels(self) -> int:
        """All labels."""
        return self.flagged.labelled + self.passed.labelled

    @property
    def alone(self) -> float:
        """The share of flagged answers: the rate that the check claims."""
        return self.flagged.answers / (self.flagged.answers + self.passed.answers)

    def sentence(self, category: str) -> str:
        """The corrected rate beside the check's own, or how many labels are missing.

        The ends of the interval are rounded outwards.

        Args:
            category: the error category of the check.
        """
        alone = f"the check alone says {100 * self.alone:.1f} %"
        if self.rate is None:
            parts = ((self.flagged.missing, "flagged"), (self.passed.missing, "passing"))
            wanted = " and ".join(f"{missing} more for {name} answers" for missing, name in parts if missing)
            return f"{category}: too few labels, it takes {wanted}; {alone}"
        value, low, high = self.rate
        digits = 0 if high - low > 0.05 else 1
        scale = 10**digits
        low, high = math.floor(100 * scale * low + 1e-9) / scale, math.ceil(100 * scale * high - 1e-9) / scale
        ends = f"[{low:.{digits}f}, {high:.{digits}f}]"
        return f"{category} {100 * value:.1f} % {ends} by {self.labels} labels; {alone}"


def labelled_check(flagged: LabelledPart, passed: LabelledPart) -> LabelledCheck | None:
    """Measure a check by the labels that people gave to a random part of what it flagged and of what it passed.

    The share of bad answers in each part has Wilson's interval. The rate is ``w p + (1 - w) q``, with w the share of
    flagged answers, p the share of bad ones among them, and q that among the others; the distances to the ends of the
    three intervals, each times what it moves the rate, are added as squares (the method of variance estimates recovery:
    Zou and Donner 2008; for strata Yan and Su 2010). The ends of the recall r are where the interval of
    ``(1 - r) w p - r (1 - w) q`` reaches 0 (Donner and Zou 2012).

    Returns:
        None when there is no answer.

    Raises:
        ValueError: more are bad than were labelled, or more were labelled than there are.
    """
    for part in (flagged, passed):
        if not 0 <= part.bad <= part.labelled <= part.answers:
            raise ValueError(
                f"a check was to be measured by {part.bad} bad of {part.labelled} labelled of {part.answers} answers; "
                "each number is from 0 to the next"
            )
    answers = flagged.answers + passed.answers
    if not answers:
        return None
    p, q = _share(flagged), _share(passed)
    precision = p if flagged.answers and not flagged.missing else None
    if flagged.missing or passed.missing:
        return LabelledCheck(precision, None, None, flagged, passed)
    weight = Estimate(flagged.answers / answers, *wilson(flagged.answers, answers))
    value, low, high = _combined(1, p, 1, q, weight)
    rate = Estimate(value, max(0.0, low), min(1.0, high))
    return LabelledCheck(precision, _recall(p, q, weight), rate, flagged, passed)


class Kappa(NamedTuple):
    """How far two reviewers agree beyond chance.

    Attributes:
        value: 1 is full agreement, 0 what chance gives.
        low: of the 95 % interval.
        high: of the 95 % interval.
        agreed: the answers with the same label from both.
        answers: those that both labelled.
    """

    value: float
    low: float
    high: float
    agreed: int
    answers: int


def kappa(labels: Sequence[tuple[Hashable, Hashable]]) -> Kappa | None:
    """Two reviewers' agreement beyond chance (Cohen 1960).

    The interval is the estimate and the standard error of Fleiss, Cohen and Everitt (1969) after two answers are spread
    evenly over the table of both reviewers' labels: half an answer in each cell where there are two labels, as Agresti
    and Min (2005) do for paired shares. Without them full agreement on five answers would be certain.

    Args:
        labels: per answer the label of the one and of the other.

    Returns:
        None when there is no answer, or both gave nothing but one and the same label: chance explains everything.
    """
    table = Counter(labels)
    names = {name for pair in table for name in pair}
    if len(names) < 2:
        return None
    value, _ = _kappa(table, names)
    share = _PSEUDO_ANSWERS / len(names) ** 2
    centre, error = _kappa({(one, other): table[one, other] + share for one in names for other in names}, names)
    half = NORMAL_HALF_WIDTH * error
    return Kappa(
        value,
        max(-1.0, centre - half),
        min(1.0, centre + half),
        sum(count for (one, other), count in table.items() if one == other),
        len(labels),
    )


class LabelledPairs(NamedTuple):
    """How people judged pairs of answers to the same request, the candidate's beside production's.

    For one error category, worse are the pairs where only the candidate's answer has it, and better those where only
    production's has it.
    """

    worse: int
    better: int
    both_fine: int
    both_bad: int

    @property
    def labelled(self) -> int:
        """All of them."""
        return self.worse + self.better + self.both_fine + self.both_bad


class ShadowDifference(NamedTuple):
    """How much more often the candidate is worse than better, over all requests.

    Attributes:
        value: a fraction of all requests; above 0 the candidate is worse.
        low: of the 95 % interval.
        high: of the 95 % interval.
        p: of McNemar's exact test that worse and better are equally frequent.
    """

    value: float
    low: float
    high: float
    p: float


def shadow_difference(requests: int, differing: int, pairs: LabelledPairs) -> ShadowDifference | None:
    """The change of the rate of good answers, by labels of pairs drawn at random among those that differ.

    It is the share of requests whose answers differ, with Wilson's interval, times the surplus of worse pairs among
    those labelled, with Tango's, combined as in `labelled_check`. Pairs that do not differ cannot be worse or better.

    Args:
        requests: that both models answered.
        differing: those whose answers differ.
        pairs: the labels.

    Returns:
        None when there is no request, or fewer than 20 labels where more pairs differ.

    Raises:
        ValueError: more pairs are labelled than differ, or more differ than there are requests.
    """
    if not 0 <= pairs.labelled <= differing <= requests or min(pairs) < 0:
        raise ValueError(
            f"a shadow test was given {pairs.labelled} labelled of {differing} differing of {requests} pairs; "
            "each number is from 0 to the next"
        )
    if not requests or pairs.labelled < min(FEWEST_LABELS, differing):
        return None
    share = Estimate(differing / requests, *wilson(differing, requests))
    if not differing:
        return ShadowDifference(0.0, -share.high, share.high, 1.0)
    surplus = Estimate((pairs.worse - pairs.better) / pairs.labelled, *tango(pairs.worse, pairs.better, pairs.labelled))
    value = share.value * surplus.value
    low = math.hypot(_fall(share.value, surplus), _fall(surplus.value, share))
    high = math.hypot(_fall(-share.value, surplus), _fall(-surplus.value, share))
    return ShadowDifference(value, value - low, value + high, mcnemar(pairs.worse, pairs.better))


def mcnemar(worse: int, better: int) -> float:
    """The two-sided exact p of McNemar's test (1947): worse and better pairs are equally frequent.

    Pairs that are neither say nothing.
    """
    changed = worse + better
    tail = sum(math.comb(changed, count) for count in range(min(worse, better) + 1))
    return min(1.0, 2 * tail / (1 << changed))


def _share(part: LabelledPart) -> Estimate:
    """The share of bad answers; anything where there is no answer."""
    return Estimate(part.bad / part.labelled, *wilson(part.bad, part.labelled)) if part.labelled else _UNKNOWN


def _recall(p: Estimate, q: Estimate, weight: Estimate) -> Estimate | None:
    found, missed = weight.value * p.value, (1 - weight.value) * q.value
    if not found + missed:
        return None

    def contrast(recall: float) -> Estimate:
        return _combined(1 - recall, p, -recall, q, weight)

    return Estimate(
        found / (found + missed),
        find_root(lambda recall: contrast(recall).low, 0.0, 1.0) if contrast(0.0).low > 0 else 0.0,
        find_root(lambda recall: contrast(recall).high, 0.0, 1.0) if contrast(1.0).high < 0 else 1.0,
    )


def _combined(a: float, p: Estimate, b: float, q: Estimate, weight: Estimate) -> Estimate:
    """``a w p + b (1 - w) q``, with w the weight."""
    w, rest = weight.value, 1 - weight.value
    value = a * w * p.value + b * rest * q.value
    effects = [a * one - b * other for one in _possible(p) for other in _possible(q)]
    low = math.hypot(_fall(a * w, p), _fall(b * rest, q), max(_fall(effect, weight) for effect in effects))
    high = math.hypot(_fall(-a * w, p), _fall(-b * rest, q), max(_fall(-effect, weight) for effect in effects))
    return Estimate(value, value - low, value + high)


def _fall(effect: float, cause: Estimate) -> float:
    """How far a figure may fall as one that moves it by an effect moves within its interval."""
    return max(effect * (cause.value - cause.low), -effect * (cause.high - cause.value))


def _possible(share: Estimate) -> tuple[float, ...]:
    return (share.low, share.high) if share == _UNKNOWN else (share.value,)


def _kappa(table: Mapping[tuple[Hashable, Hashable], float], names: Iterable[Hashable]) -> tuple[float, float]:
    """Cohen's kappa of a table, and its standard error."""
    answers = math.fsum(table.values())
    first, second = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
    for (one, other), count in table.items():
        first[one] += count / answers
        second[other] += count / answers
    chance = math.fsum(first[name] * second[name] for name in first)
    agreed = math.fsum(count for (one, other), count in table.items() if one == other) / answers
    value = (agreed - chance) / (1 - chance)
    rest = 1 - value
    squares = math.fsum(
        count * ((one == other) - (second[one] + first[other]) * rest) ** 2 for (one, other), count in table.items()
    )
    variance = squares / answers - (value - chance * rest) ** 2
    return value, math.sqrt(max(0.0, variance) / answers) / (1 - chance)
