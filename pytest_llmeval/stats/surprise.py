"""The exact test of one error category: has it become more frequent on these cases?

Every case is a stratum. Given how often it failed on both sides together, the candidate's share of those failures
follows a hypergeometric law if the case did not change. A case's score is the surprise of what was seen, in half-bits,
positive when it got worse and negative when it got better. The category's score is their sum, with its exact law. With
one sample per side this is McNemar's exact test.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from pytest_llmeval.stats.convolution import Law, add_up


class Stratum(NamedTuple):
    """How often one case failed in one category, out of the samples that could be judged."""

    errors_baseline: int
    n_baseline: int
    errors_candidate: int
    n_candidate: int

    @property
    def compared(self) -> bool:
        """Whether both sides have a sample."""
        return self.n_baseline > 0 and self.n_candidate > 0

    @property
    def informative(self) -> bool:
        """Whether the case is evidence: both sides have samples, and they do not all agree."""
        return self.compared and 0 < self.errors_baseline + self.errors_candidate < self.n_baseline + self.n_candidate

    @property
    def change(self) -> float:
        """The candidate's share of failures minus the baseline's; both sides must have samples."""
        return self.errors_candidate / self.n_candidate - self.errors_baseline / self.n_baseline


def by_family(strata: Sequence[Stratum], families: Sequence[Hashable] = ()) -> list[Stratum]:
    """One stratum per family of cases that are not independent, such as the wordings of one question.

    Args:
        strata: one per case; those without a sample on one side are left out.
        families: per case what its family has in common; () when all cases are independent.

    Raises:
        ValueError: there is not one family per case.
    """
    if not families:
        return [stratum for stratum in strata if stratum.compared]
    counts: dict[Hashable, list[int]] = {}
    for stratum, family in zip(strata, families, strict=True):
        if stratum.compared:
            sums = counts.setdefault(family, [0, 0, 0, 0])
            sums[:] = [one + more for one, more in zip(sums, stratum, strict=True)]
    return [Stratum(*sums) for sums in counts.values()]


class ScoreTest(NamedTuple):
    """The surprise test of one category.

    Attributes:
        score: the sum of the cases' scores in half-bits, positive when worse.
        p: chance of a score this high or higher if no case changed.
        p_min: the smallest p these failures could have given, however they fell.
        p_better: chance of a score this low or lower if no case changed.
        p_min_better: the smallest p_better these failures could have given.
        informative: how many cases are evidence.
        contributions: the score of each case, in the order given.
    """

    score: int
    p: float
    p_min: float
    p_better: float
    p_min_better: float
    informative: int
    contributions: tuple[int, ...]


@lru_cache(maxsize=4096)
def _hypergeometric(n_baseline: int, n_candidate: int, failures: int) -> tuple[int, tuple[int, ...]]:
    """The fewest failures that the candidate can have, and in how many ways it can have that many, one more, ..."""
    fewest, most = max(0, failures - n_baseline), min(failures, n_candidate)
    return fewest, tuple(
        math.comb(n_candidate, k) * math.comb(n_baseline, failures - k) for k in range(fewest, most + 1)
    )


@lru_cache(maxsize=4096)
def _scores(n_baseline: int, n_candidate: int, failures: int) -> tuple[int, ...]:
    """The ascending scores of the counts of `_hypergeometric`."""
    fewest, ways = _hypergeometric(n_baseline, n_candidate, failures)
    bits_of_all = math.log2(sum(ways))
    scores = []
    for place in range(len(ways)):
        x = fewest + place
        worse = x * n_baseline - (failures - x) * n_candidate
        if worse == 0:
            scores.append(0)
            continue
        tail = sum(ways[place:]) if worse > 0 else sum(ways[: place + 1])
        half_bits = math.floor(2 * (bits_of_all - math.log2(tail)) + 1e-9)
        scores.append(half_bits if worse > 0 else -half_bits)
    return tuple(scores)


@lru_cache(maxsize=4096)
def score_law(n_baseline: int, n_candidate: int, failures: int) -> Law:
    """The law of a case's score if the case did not change, given its failures on both sides together."""
    _, ways = _hypergeometric(n_baseline, n_candidate, failures)
    return _gather(_scores(n_baseline, n_candidate, failures), ways)


@lru_cache(maxsize=65536)
def case_score(errors_baseline: int, n_baseline: int, errors_candidate: int, n_candidate: int) -> int:
    """How surprising a case's change is, in half-bits: positive when worse, 0 when it is no evidence.

    Returns:
        floor(2 log2(1 / P(as many failures in the candidate or more))) when its share of failures rose, and minus
        that with "or fewer" when it fell.
    """
    failures = errors_baseline + errors_candidate
    if not n_baseline or not n_candidate or failures in (0, n_baseline + n_candidate):
        return 0
    return _scores(n_baseline, n_candidate, failures)[errors_candidate - max(0, failures - n_baseline)]


def surprise_test(strata: Sequence[Stratum]) -> ScoreTest:
    """Test exactly whether these cases got worse, with each weighed by how unlikely its change is."""
    contributions = tuple(case_score(*stratum) for stratum in strata)
    laws = [score_law(*margin) for margin in _margins(strata)]
    law = add_up(laws)
    score = sum(contributions)
    return ScoreTest(
        score=score,
        p=law.at_least(score),
        p_min=math.prod(law[-1][1] for law in laws),
        p_better=law.at_most(score),
        p_min_better=math.prod(law[0][1] for law in laws),
        informative=len(laws),
        contributions=contributions,
    )


def sign_flip_test(strata: Iterable[Stratum]) -> tuple[float, float, float]:
    """Test exactly whether cases got worse, counting each case once, under any dependence of its samples.

    Without a change, every case's difference of shares could as well have the other sign. If very unequal numbers of
    samples make the common denominator large, differences are rounded to sixtieths: the test stays valid.

    Returns:
        The chance of a total change this high or higher, of one this low or lower, and the smallest possible chance.
    """
    compared = [stratum for stratum in strata if stratum.informative and stratum.change]
    unit = math.lcm(*(stratum.n_baseline for stratum in compared), *(stratum.n_candidate for stratum in compared))
    if unit * len(compared) > 20_000:
        unit = 60
    steps = sorted(_rounded(stratum.change * unit) for stratum in compared)
    sizes = [abs(step) for step in steps if step]
    law = add_up(((-size, 0.5), (size, 0.5)) for size in sorted(sizes))
    return law.at_least(sum(steps)), law.at_most(sum(steps)), 0.5 ** len(sizes)


def _margins(strata: Iterable[Stratum]) -> list[tuple[int, int, int]]:
    """The samples on both sides and all failures of every informative case, sorted."""
    return sorted(
        (stratum.n_baseline, stratum.n_candidate, stratum.errors_baseline + stratum.errors_candidate)
        for stratum in strata
        if stratum.informative
    )


def _gather(values: Iterable[int], ways: Sequence[int]) -> Law:
    """A law from ascending values and their integer weights; equal values are joined."""
    total = sum(ways)
    joined: Counter[int] = Counter()
    for value, weight in zip(values, ways, strict=True):
        joined[value] += weight
    return tuple((value, weight / total) for value, weight in joined.items())


def _rounded(value: float) -> int:
    """The nearest whole number, with halves away from zero, so that opposite values stay opposite."""
    return math.floor(abs(value) + 0.5) * (1 if value > 0 else -1)
