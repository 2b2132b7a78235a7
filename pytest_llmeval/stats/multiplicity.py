"""Testing many categories at once: adjusted p-values, each compared with alpha itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Family(NamedTuple):
    """The categories of one comparison, adjusted together.

    Attributes:
        adjusted: the p-values after adjustment, 1 for what could not be tested.
        testable: which categories could have been found at all.
        size: Tarone's K, the first divisor of alpha; with weights a total weight.
    """

    adjusted: list[float]
    testable: list[bool]
    size: float


def tarone_holm(
    p: Sequence[float], p_min: Sequence[float], alpha: float, weights: Sequence[float] | None = None
) -> Family:
    """Adjust p-values for the chance of any false alarm, spending nothing on what cannot be found (Tarone 1990).

    K is the smallest k such that at most k hypotheses have a smallest possible p of alpha / k or less; only those are
    tested, by Holm's procedure starting from K. With weights, k runs over the sums of weights instead.

    Args:
        p: raw p-values.
        p_min: the smallest possible p-values, which must not depend on which side the failures fell to.
        alpha: the level that the adjusted values will be compared with.
        weights: above 0; a weight of 3 gives three times the share of alpha.
    """
    shares = _checked(p, weights)
    if len(p_min) != len(p):
        raise ValueError(f"{len(p)} p-values came with {len(p_min)} smallest p-values; each needs one")
    if not p:
        return Family([], [], 0.0)
    by_reach = sorted(range(len(p)), key=lambda i: p_min[i] / shares[i])
    size = 0.0
    for index in by_reach:
        size += shares[index]
        reachable = sum(share for low, share in zip(p_min, shares, strict=True) if low * size <= alpha * share)
        if reachable <= size * (1 + 1e-12):
            break
    testable = [low * size <= alpha * share for low, share in zip(p_min, shares, strict=True)]
    tested = [index for index, found in enumerate(testable) if found]
    return Family(_step_down(p, shares, tested, size), testable, size)


def _step_down(p: Sequence[float], shares: Sequence[float], tested: Sequence[int], total: float) -> list[float]:
    adjusted = [1.0] * len(p)
    reached = 0.0
    for index in sorted(tested, key=lambda i: (p[i] / shares[i], i)):
        reached = max(reached, min(1.0, total / shares[index] * p[index]))
        adjusted[index] = reached
        total -= shares[index]
    return adjusted


def _checked(p: Sequence[float], weights: Sequence[float] | None) -> list[float]:
    """The weights, by default 1.

    Raises:
        ValueError: a p-value is not from 0 to 1, a weight not above 0, or their numbers differ.
    """
    wrong = next((value for value in p if not 0 <= value <= 1), None)
    if wrong is not None:
        raise ValueError(f"{wrong} was given as a p-value; they lie from 0 to 1")
    shares = [1.0] * len(p) if weights is None else [float(weight) for weight in weights]
    if len(shares) != len(p):
        raise ValueError(f"{len(p)} p-values came with {len(shares)} weights; each needs one")
    if any(not share > 0 for share in shares):
        raise ValueError(f"the weights {shares} were given; each must be above 0")
    return shares
