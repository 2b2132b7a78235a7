"""Whether the samples of a run repeat each other, which no test that counts samples survives.

A cache, or temperature 0, makes N samples of a case one sample N times. Two runs of the same code show it: their
counts then differ by more than independent samples can.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from pytest_llmeval.stats.special import normal_cdf
from pytest_llmeval.stats.surprise import Stratum

PLAUSIBLE = 0.05

FEWEST_CASES = 5


class Dispersion(NamedTuple):
    """How far two runs of the same code lie apart, compared with independent samples.

    Attributes:
        phi: 1 on average for independent samples, 2N - 1 when each case's N samples are one answer N times.
        strata: how many (case, category) pairs it was measured on.
    """

    phi: float
    strata: int

    @property
    def chance(self) -> float:
        """About how often independent samples give a phi this high: chi-square by Wilson and Hilferty (1931)."""
        spread = 2 / (9 * self.strata)
        return 1 - normal_cdf((self.phi ** (1 / 3) - (1 - spread)) / math.sqrt(spread))

    def repeats(self, phi_max: float) -> bool:
        """Whether samples repeat each other: phi is above the limit, and not only because it rests on few cases."""
        return self.phi > phi_max and self.chance <= PLAUSIBLE


def dispersion(strata: Iterable[Stratum]) -> Dispersion | None:
    """Measure how far two runs of the same code lie apart: sum (x - E)^2 / sum Var of the hypergeometric law.

    Args:
        strata: the first run as baseline, the second as candidate; best of all categories together, since few
            cases make a noisy measure.

    Returns:
        None when nothing varied, so that nothing can be said.
    """
    squares = variances = 0.0
    count = 0
    for stratum in strata:
        if not stratum.informative:
            continue
        first, second = stratum.n_baseline, stratum.n_candidate
        both, failures = first + second, stratum.errors_baseline + stratum.errors_candidate
        squares += (stratum.errors_candidate - second * failures / both) ** 2
        variances += first * second * failures * (both - failures) / (both**2 * (both - 1))
        count += 1
    return Dispersion(squares / variances, count) if count else None
