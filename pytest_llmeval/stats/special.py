"""The special functions that tests and intervals need: normal, beta and t quantiles."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

CONFIDENCE = 0.95
"""Of all intervals."""

_SMALLEST = 1e-300


def normal_cdf(z: float) -> float:
    """The standard normal distribution function."""
    return 0.5 * math.erfc(-z / math.sqrt(2))


@lru_cache(maxsize=256)
def normal_quantile(p: float) -> float:
    """The standard normal quantile, by Newton's method on the distribution function.

    Raises:
        ValueError: p is not strictly between 0 and 1.
    """
    if not 0 < p < 1:
        raise ValueError(f"a quantile was asked for at {p}; it exists strictly between 0 and 1")
    if p > 0.5:
        return -normal_quantile(1 - p)
    z = -math.sqrt(-2 * math.log(p)) if p < 0.02 else 0.0
    for _ in range(60):
        density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        step = (normal_cdf(z) - p) / density
        step /= max(0.5, 1 + z * step / 2)  # Halley's correction: without it the far tail converges slowly
        z -= step
        if abs(step) < 1e-15 * max(1.0, abs(z)):
            break
    return z


NORMAL_HALF_WIDTH = normal_quantile(0.5 + CONFIDENCE / 2)
"""Of a confidence interval, in standard errors."""


def beta_cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, by Lentz's continued fraction (DLMF 8.17.22).

    Args:
        x: from 0 to 1.
        a: first shape, above 0.
        b: second shape, above 0.
    """
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_cdf(1 - x, b, a)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > _SMALLEST else _SMALLEST)
    fraction = d
    for m in range(1, 1000):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 + numerator * d
            d = 1 / (d if abs(d) > _SMALLEST else _SMALLEST)
            c = 1 + numerator / c
            c = c if abs(c) > _SMALLEST else _SMALLEST
            fraction *= c * d
        if abs(c * d - 1) < 1e-16:
            break
    return front * fraction / a


def beta_quantile(p: float, a: float, b: float) -> float:
    """The quantile of a beta distribution, with the arguments of `beta_cdf`; p is from 0 to 1."""
    return find_root(lambda x: beta_cdf(x, a, b) - p, 0.0, 1.0)


def t_quantile(p: float, degrees: float) -> float:
    """The quantile of Student's t distribution; p is strictly between 0 and 1, the degrees of freedom above 0."""
    if p == 0.5:
        return 0.0
    tail = beta_quantile(2 * min(p, 1 - p), degrees / 2, 0.5)
    size = math.sqrt(degrees * (1 - tail) / tail)
    return size if p > 0.5 else -size


def find_root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a monotone function crosses zero between two points, to the last digits, by bisection."""
    rising = function(low) <= function(high)
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if (function(middle) < 0) == rising:
            low = middle
        else:
            high = middle
    return (low + high) / 2
