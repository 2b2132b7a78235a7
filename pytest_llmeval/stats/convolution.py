"""The exact law of a sum of independent whole numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import groupby
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

    Tails below 1e-30 are cut off on the way: the width then grows with the square root of the number of terms.
    `Sum.dropped` remembers them, so that no tail is too small. Many equal laws in a row are added up by doubling, so
    that the time of thousands hardly grows faster than their number.
    """
    counts = [(law, sum(1 for _ in equal)) for law, equal in groupby(laws)]
    # All values are this far apart, or several times as far: what is between them needs no time.
    step = math.gcd(*(value - law[0][0] for law, _ in counts for value, _ in law)) or 1
    sum_ = Sum(0, [1.0], 0.0)
    for law, count in counts:
        narrow = [((value - law[0][0]) // step, weight) for value, weight in law]
        if count < _FEW:
            for _ in range(count):
                sum_ = _with_one(sum_, narrow)
        else:
            sum_ = _together(sum_, _times(narrow, count))
    wide = [0.0] * (step * (len(sum_.probabilities) - 1) + 1)
    wide[::step] = sum_.probabilities
    return Sum(step * sum_.lowest + sum(count * law[0][0] for law, count in counts), wide, sum_.dropped)


_FEW = 100  # equal laws, which one by one are as quick


def _with_one(sum_: Sum, law: Law) -> Sum:
    """The law of a sum and one more number, whose lowest value is 0."""
    current = sum_.probabilities
    width = len(current)
    total = [0.0] * (width + law[-1][0])
    for start, weight in law:
        total[start : start + width] = [
            a + weight * b for a, b in zip(total[start : start + width], current, strict=True)
        ]
    return _cut(sum_.lowest, total, sum_.dropped)


def _times(law: Law, count: int) -> Sum:
    """The law of the sum of so many numbers with one law, whose lowest value is 0."""
    sum_ = Sum(0, [1.0], 0.0)
    for digit in f"{count:b}":
        sum_ = _together(sum_, sum_)
        if digit == "1":
            sum_ = _with_one(sum_, law)
    return sum_


def _together(one: Sum, other: Sum) -> Sum:
    """The law of the sum of two independent sums."""
    dropped = one.dropped + other.dropped
    return _cut(one.lowest + other.lowest, _convolved(one.probabilities, other.probabilities), dropped)


_BITS = 192  # behind the point: what is lost is far below what is negligible
_BYTES = 2 * _BITS // 8 + 4  # of a product, and of the sum of up to 2^31 products


def _convolved(one: list[float], other: list[float]) -> list[float]:
    """The probabilities of the sum of two numbers, by one product of whole numbers that hold all of each side's.

    That is Kronecker's substitution (1882). Python multiplies large numbers in less time than the square of their
    length.
    """
    product = _packed(one) * _packed(other)
    length = len(one) + len(other) - 1
    text = product.to_bytes(length * _BYTES, "little")
    whole = float(1 << (2 * _BITS))
    places = range(0, length * _BYTES, _BYTES)
    return [int.from_bytes(text[place : place + _BYTES], "little") / whole for place in places]


def _packed(probabilities: list[float]) -> int:
    """One number that holds them all, each in its own bytes."""
    unit = 2.0**_BITS  # a power of 2: no digit of a probability gets lost
    return int.from_bytes(b"".join(int(each * unit).to_bytes(_BYTES, "little") for each in probabilities), "little")


def _cut(lowest: int, probabilities: list[float], dropped: float) -> Sum:
    """A sum without negligible tails."""
    if len(probabilities) <= 64:
        return Sum(lowest, probabilities, dropped)
    left = _negligible(probabilities)
    probabilities.reverse()
    right = _negligible(probabilities)
    probabilities.reverse()
    end = len(probabilities) - right
    dropped += math.fsum(probabilities[end:]) + math.fsum(probabilities[:left])
    return Sum(lowest + left, probabilities[left:end], dropped)


def _negligible(probabilities: list[float]) -> int:
    """How many of the first probabilities are negligible together."""
    mass = 0.0
    for count, probability in enumerate(probabilities):
        mass += probability
        if mass > NEGLIGIBLE:
            return count
    return 0
