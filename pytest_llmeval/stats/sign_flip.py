"""A test that counts each case once, for samples that repeat each other."""

from __future__ import annotations

import math
from collections.abc import Iterable

from pytest_llmeval.stats.convolution import add_up
from pytest_llmeval.stats.strata import Stratum


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


def _rounded(value: float) -> int:
    """The nearest whole number, with halves away from zero, so that opposite values stay opposite."""
    return math.floor(abs(value) + 0.5) * (1 if value > 0 else -1)
