"""Whether the samples of a run repeat each other: a test that counts samples is wrong then.

A cache, or temperature 0, makes N samples of a case one sample N times. Two runs of the same code show it: their
counts then differ by more than those of independent samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from pytest_llmeval.stats.special import normal_cdf
from pytest_llmeval.stats.strata import Stratum

_PLAUSIBLE = 0.2


class Dispersion(NamedTuple):
    """How far two runs of the same code lie apart, compared with independent samples.

    Attributes:
        phi: 1 on average for independent samples, 2N - 1 when each case has one answer N times.
        strata: the number of (case, category) pairs.
    """

    phi: float
    strata: int

    @property
    def chance(self) -> float:
        """How often independent samples give a phi this high, about: chi-square by Wilson and Hilferty (1931)."""
        spread = 2 / (9 * self.strata)
        return 1 - normal_cdf((self.phi ** (1 / 3) - (1 - spread)) / math.sqrt(spread))

    @property
    def repeats(self) -> bool:
        """Whether samples must be taken to repeat each other: independent ones rarely have a phi this high.

        One honest suite in five is counted more cautiously than it needs. A stricter limit would leave a hole: where
        one case in ten repeats itself, phi is barely above what independent samples have, and a gate that counts
        copies as evidence fails one change in four that changes nothing.
        """
        return self.chance <= _PLAUSIBLE


def dispersion(strata: Iterable[Stratum]) -> Dispersion | None:
    """Measure how far two runs of the same code lie apart: sum (x - E)^2 / sum Var of the hypergeometric law.

    Args:
        strata: the first run as baseline, the second as candidate; all categories together, since few cases make a
            noisy measure.

    Returns:
        None when nothing varied.
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
