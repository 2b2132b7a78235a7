"""The gate as it was before it scored evidence, for the comparison alone.

A case's score was the surprise of its change, in half-bits; another model needed a net rise of three cases whatever the
size of the suite; samples counted as copies only above a phi of 1.5; and whatever was not red was OK.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pytest_llmeval.stats.convolution import Law, add_up
from pytest_llmeval.stats.dependence import Dispersion
from pytest_llmeval.stats.multiplicity import tarone_holm
from pytest_llmeval.stats.sign_flip import sign_flip_test
from pytest_llmeval.stats.strata import Stratum

ALPHA, ROUNDING = 0.05, 1e-9
LOOKS = (3, 10)


class Word(NamedTuple):
    """The verdict on one category, and its raw p, by which it got more samples."""

    word: str
    p: float


class _Test(NamedTuple):
    p: float
    p_min: float
    p_better: float
    p_min_better: float
    net: float
    cases: int


def judge_before(
    categories: Mapping[str, Sequence[Stratum]],
    *,
    another_model: bool = False,
    min_points: float = 0.0,
    severe: Collection[str] = (),
    dispersion: Dispersion | None = None,
) -> dict[str, Word]:
    """Judge every category by the rules of before.

    Args:
        categories: per category one stratum per case.
        another_model: whether three cases are the floor.
        min_points: the smallest rise that fails, as a fraction; it was 0.05 for categories of input.
        severe: the categories with three times the weight.
        dispersion: of two runs of the baseline.
    """
    copies = dispersion is not None and dispersion.phi > 1.5 and dispersion.chance <= ALPHA
    tests = {name: _test(strata, copies=copies) for name, strata in sorted(categories.items())}
    weights = [3.0 if name in severe else 1.0 for name in tests]
    family = tests.values()
    worse = tarone_holm([t.p for t in family], [t.p_min for t in family], ALPHA, weights)
    better = tarone_holm([t.p_better for t in family], [t.p_min_better for t in family], ALPHA, weights)
    words = {}
    for place, (name, test) in enumerate(tests.items()):
        floor = 1.0 if name in severe or not another_model else 3.0
        rose = bool(test.cases) and test.net >= max(floor, min_points * test.cases) - ROUNDING
        if worse.adjusted[place] <= ALPHA and rose:
            word = "REGRESSED"
        elif better.adjusted[place] <= ALPHA:
            word = "IMPROVED"
        elif test.p <= ALPHA and rose:
            word = "INCONCLUSIVE"
        elif not test.cases or (not worse.testable[place] and test.net > ROUNDING):
            word = "TOO SMALL"
        else:
            word = "OK"
        words[name] = Word(word, test.p)
    return words


def _test(strata: Sequence[Stratum], *, copies: bool) -> _Test:
    compared = [stratum for stratum in strata if stratum.compared]
    net = math.fsum(stratum.change for stratum in compared)
    if copies:
        p, p_better, p_min = sign_flip_test(compared)
        return _Test(p, p_min, p_better, p_min, net, len(compared))
    informative = [stratum for stratum in compared if stratum.informative]
    margins = sorted((n_b, n_c, y + x) for y, n_b, x, n_c in informative)
    laws = [_law(*margin) for margin in margins]
    law = add_up(laws)
    score = sum(_scores(n_b, n_c, y + x)[x - max(0, y + x - n_b)] for y, n_b, x, n_c in informative)
    lowest, highest = (math.prod(law[end][1] for law in laws) for end in (0, -1))
    return _Test(law.at_least(score), highest, law.at_most(score), lowest, net, len(compared))


@lru_cache(maxsize=4096)
def _ways(n_baseline: int, n_candidate: int, failures: int) -> tuple[int, ...]:
    fewest, most = max(0, failures - n_baseline), min(failures, n_candidate)
    return tuple(math.comb(n_candidate, k) * math.comb(n_baseline, failures - k) for k in range(fewest, most + 1))


@lru_cache(maxsize=4096)
def _scores(n_baseline: int, n_candidate: int, failures: int) -> tuple[int, ...]:
    """Half-bits of surprise for each number of failures that the candidate can have."""
    ways = _ways(n_baseline, n_candidate, failures)
    scores = []
    for place in range(len(ways)):
        x = max(0, failures - n_baseline) + place
        worse = x * n_baseline - (failures - x) * n_candidate
        tail = sum(ways[place:]) if worse > 0 else sum(ways[: place + 1])
        half_bits = math.floor(2 * (math.log2(sum(ways)) - math.log2(tail)) + 1e-9)
        scores.append(half_bits if worse > 0 else -half_bits if worse < 0 else 0)
    return tuple(scores)


@lru_cache(maxsize=4096)
def _law(n_baseline: int, n_candidate: int, failures: int) -> Law:
    ways = _ways(n_baseline, n_candidate, failures)
    joined: Counter[int] = Counter()
    for value, number in zip(_scores(n_baseline, n_candidate, failures), ways, strict=True):
        joined[value] += number
    return tuple((value, number / sum(ways)) for value, number in joined.items())
