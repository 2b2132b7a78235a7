"""The exact law of a sum of independent whole numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

Law = Sequence[tuple[int, float]]
"""The values one number can take, ascending, each with its probability."""

NEGLIGIBLE = 1e-30


class Sum(NamedTuple):
    """The law of a sum.

    Attributes:
        lowest: the value of the first probability.
        probabilities: of consecutive values.
        dropped: probability cut off at both ends (below 1e-27), added to every tail.
    """

    lowest: int
    probabilities: list[float]
    dropped: float

    def at_least(self, value: int) -> float:
        """The probability of this value or more."""
        return min(1.0, math.fsum(self.probabilities[max(0, value - self.lowest) :]) + self.dropped)

    def at_most(self, value: int) -> float:
        """The probability of this value or less."""
        return min(1.0, math.fsum(self.probabilities[: max(0, value - self.lowest + 1)]) + self.dropped)


def add_up(laws: Iterable[Law]) -> Sum:
    """The law of the sum of independent numbers.

    Tails below 1e-30 are cut off on the way: the width, and so the time, then grows with the square root of the number
    of terms. `Sum.dropped` remembers them, so that no tail is too small.
    """
    lowest, current, dropped = 0, [1.0], 0.0
    for law in laws:
        first = law[0][0]
        width = len(current)
        total = [0.0] * (width + law[-1][0] - first)
        for value, weight in law:
            start = value - first
            total[start : start + width] = [
                a + weight * b for a, b in zip(total[start : start + width], current, strict=True)
            ]
        lowest += first
        current = total
        if width > 64:
            left = _negligible(current)
            current.reverse()
            right = _negligible(current)
            dropped += math.fsum(current[:right]) + math.fsum(current[len(current) - left :])
            current = current[right : len(current) - left]
            current.reverse()
            lowest += left
    return Sum(lowest, current, dropped)


def _negligible(probabilities: list[float]) -> int:
    """How many of the first probabilities are negligible together."""
    mass = 0.0
    for count, probability in enumerate(probabilities):
        mass += probability
        if mass > NEGLIGIBLE:
            return count
    return 0
