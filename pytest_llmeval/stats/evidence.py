"""The exact test of one error category: has it become more frequent on these cases?

Every case is a stratum. Given how often it failed on both sides together, the candidate's share of those failures
follows a hypergeometric law if the case did not change. A case's score is the evidence that it got worse: the logarithm
of how much likelier its failures are if it did than if it did not. The scores of the cases are added up, and the law of
their sum is exact. So no choice of the score makes the test invalid; it decides only what the test sees best. With one
answer per side this is McNemar's exact test. That a category got better is the same test with the sides exchanged.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from pytest_llmeval.stats.convolution import Law, add_up
from pytest_llmeval.stats.strata import Stratum

UNITS_PER_BIT = 4
"""Scores are whole quarters of a bit."""

# What is assumed of cases before anything is seen: a case's chance to fail, and how many cases have it.
_CHANCES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.32, 0.5, 0.7, 0.87, 0.97, 1.0)
_WEIGHTS = (0.44, 0.08, 0.07, 0.08, 0.06, 0.06, 0.06, 0.06, 0.05, 0.03, 0.01)

# Three ways to get worse, with their shares: some answers fail whatever they did before; the odds of failing rise;
# the case is broken.
_SPREAD_SHARE, _SPREAD = 0.2, 0.12
_ODDS_SHARE, _ODDS = 0.6, 2.5
_BROKEN_SHARE, _BROKEN = 0.2, 0.97


class EvidenceTest(NamedTuple):
    """The test of one category.

    Attributes:
        score: the sum of the cases' scores in quarter-bits; the higher, the more it got worse.
        p: chance of a score this high or higher if no case changed.
        p_min: the smallest p these failures could have given, however they fell.
        informative: how many cases are evidence.
        contributions: the score of each case, in the order given.
    """

    score: int
    p: float
    p_min: float
    informative: int
    contributions: tuple[int, ...]


def evidence_test(strata: Sequence[Stratum]) -> EvidenceTest:
    """Test exactly whether these cases got worse, each weighed by how much its failures speak for that."""
    contributions = tuple(case_score(*stratum) for stratum in strata)
    laws = [score_law(*margin) for margin in _margins(strata)]
    score = sum(contributions)
    return EvidenceTest(
        score=score,
        p=add_up(laws).at_least(score),
        p_min=math.prod(law[-1][1] for law in laws),
        informative=len(laws),
        contributions=contributions,
    )


@lru_cache(maxsize=65536)
def case_score(errors_baseline: int, n_baseline: int, errors_candidate: int, n_candidate: int) -> int:
    """How much a case's failures speak for its having got worse, in quarter-bits; 0 when it is no evidence.

    Returns:
        floor(4 log2(P(these failures | worse) / P(these failures | the same)) + 1/2), made never to fall as the
        candidate's failures rise.
    """
    failures = errors_baseline + errors_candidate
    if not n_baseline or not n_candidate or failures in (0, n_baseline + n_candidate):
        return 0
    return scores(n_baseline, n_candidate, failures)[errors_candidate - fewest(n_baseline, failures)]


@lru_cache(maxsize=4096)
def score_law(n_baseline: int, n_candidate: int, failures: int) -> Law:
    """The law of a case's score if the case did not change, given its failures on both sides together."""
    low = fewest(n_baseline, failures)
    ways = [
        math.comb(n_candidate, k) * math.comb(n_baseline, failures - k)
        for k in range(low, min(failures, n_candidate) + 1)
    ]
    joined: Counter[int] = Counter()
    for value, number in zip(scores(n_baseline, n_candidate, failures), ways, strict=True):
        joined[value] += number
    total = sum(ways)
    return tuple((value, number / total) for value, number in joined.items())


@lru_cache(maxsize=4096)
def scores(n_baseline: int, n_candidate: int, failures: int) -> tuple[int, ...]:
    """The scores of a case, for each number of failures that the candidate can have, from `fewest` up."""
    same = _log_sum(
        math.log(weight) + _log_likelihood(failures, n_baseline + n_candidate, chance)
        for chance, weight in zip(_CHANCES, _WEIGHTS, strict=True)
    )
    found = []
    for x in range(fewest(n_baseline, failures), min(failures, n_candidate) + 1):
        y = failures - x
        worse = _log_sum(
            math.log(weight * share) + _log_likelihood(y, n_baseline, chance) + _log_likelihood(x, n_candidate, after)
            for chance, weight in zip(_CHANCES, _WEIGHTS, strict=True)
            for share, after in _worse(chance)
        )
        found.append(math.floor(UNITS_PER_BIT * (worse - same) / math.log(2) + 0.5))
    return tuple(accumulate(found, max))


def fewest(n_baseline: int, failures: int) -> int:
    """The fewest of a case's failures that can be the candidate's."""
    return max(0, failures - n_baseline)


def _worse(chance: float) -> tuple[tuple[float, float], ...]:
    """The ways to get worse, each with its share and what it makes of a case's chance to fail."""
    return (
        (_SPREAD_SHARE, chance + (1 - chance) * _SPREAD),
        (_ODDS_SHARE, _ODDS * chance / (1 - chance + _ODDS * chance)),
        (_BROKEN_SHARE, _BROKEN),
    )


def _log_likelihood(failures: int, answers: int, chance: float) -> float:
    """The logarithm of chance^failures (1 - chance)^(answers - failures): products would vanish for many answers."""
    fails = failures * math.log(chance) if failures and chance else 0.0 if not failures else -math.inf
    passes = answers - failures
    return fails + (passes * math.log1p(-chance) if passes and chance < 1 else 0.0 if not passes else -math.inf)


def _log_sum(logarithms: Iterable[float]) -> float:
    """The logarithm of a sum of numbers given by their logarithms."""
    values = list(logarithms)
    highest = max(values)
    return highest + math.log(math.fsum(math.exp(value - highest) for value in values))


def _margins(strata: Iterable[Stratum]) -> list[tuple[int, int, int]]:
    """The answers on both sides and all failures of every informative case, sorted."""
    return sorted(
        (stratum.n_baseline, stratum.n_candidate, stratum.errors_baseline + stratum.errors_candidate)
        for stratum in strata
        if stratum.informative
    )
