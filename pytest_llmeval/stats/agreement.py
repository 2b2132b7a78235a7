"""How consistent answers are, within a case and between judges."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Any


def pairwise_agreement(answers: Sequence[Hashable]) -> float | None:
    """The share of pairs of answers that are equal: an unbiased measure of consistency.

    Returns:
        None for fewer than two answers.
    """
    return _agreeing(Counter(answers)) if len(answers) > 1 else None


def fleiss_kappa(ratings: Sequence[Mapping[Any, int]]) -> float | None:
    """Agreement of raters beyond chance (Fleiss 1971). It says little when nearly everything passes.

    Args:
        ratings: how often each item got each label; every item from the same number of raters, two or more.

    Returns:
        None when all ratings are equal, or there are none: chance explains everything.

    Raises:
        ValueError: items differ in their number of raters, or have fewer than two.
    """
    raters = {sum(item.values()) for item in ratings}
    if len(raters) > 1 or any(number < 2 for number in raters):
        raise ValueError(
            f"Fleiss' kappa was asked for items with {sorted(raters)} ratings each; "
            "it takes the same number of at least 2 for every item"
        )
    if not ratings:
        return None
    number = raters.pop()
    observed = math.fsum(_agreeing(item) for item in ratings) / len(ratings)
    totals: Counter[Any] = Counter()
    for item in ratings:
        totals.update({label: count for label, count in item.items() if count})
    expected = math.fsum((count / (number * len(ratings))) ** 2 for count in totals.values())
    return None if len(totals) < 2 else (observed - expected) / (1 - expected)


def pass_hat_k(passed: int, samples: int, k: int) -> float | None:
    """The unbiased chance that all of k answers pass: pass^k of tau-bench (Yao et al. 2024).

    Returns:
        None when there are fewer samples than k.
    """
    if k < 1 or not 0 <= passed <= samples:
        raise ValueError(f"{passed} of {samples} passing and k = {k} were given; k is at least 1, passing at most all")
    return None if k > samples else math.comb(passed, k) / math.comb(samples, k)


def _agreeing(item: Mapping[Any, int]) -> float:
    number = sum(item.values())
    return sum(count * (count - 1) for count in item.values()) / (number * (number - 1))
