"""Strata: how often a case failed in one error category, before and after."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple


class Stratum(NamedTuple):
    """How often one case failed in one category, out of the answers that were examined for it."""

    errors_baseline: int
    n_baseline: int
    errors_candidate: int
    n_candidate: int

    @property
    def compared(self) -> bool:
        """Whether both sides have an answer."""
        return self.n_baseline > 0 and self.n_candidate > 0

    @property
    def informative(self) -> bool:
        """Whether the case is evidence: both sides have answers, and they do not all agree."""
        return self.compared and 0 < self.errors_baseline + self.errors_candidate < self.n_baseline + self.n_candidate

    @property
    def change(self) -> float:
        """The candidate's share of failures minus the baseline's; both sides must have answers."""
        return self.errors_candidate / self.n_candidate - self.errors_baseline / self.n_baseline

    @property
    def swapped(self) -> Stratum:
        """The same case with its sides exchanged, so that better is worse."""
        return Stratum(self.errors_candidate, self.n_candidate, self.errors_baseline, self.n_baseline)


def by_family(strata: Sequence[Stratum], families: Sequence[Hashable] = ()) -> list[Stratum]:
    """One stratum per family of cases that are not independent, such as the wordings of one question.

    Args:
        strata: one per case; those without an answer on one side are left out.
        families: per case what its family has in common; () when all cases are independent.

    Raises:
        ValueError: there is not one family per case.
    """
    if not families:
        return [stratum for stratum in strata if stratum.compared]
    counts: dict[Hashable, list[int]] = {}
    for stratum, family in zip(strata, families, strict=True):
        if stratum.compared:
            sums = counts.setdefault(family, [0, 0, 0, 0])
            sums[:] = [one + more for one, more in zip(sums, stratum, strict=True)]
    return [Stratum(*sums) for sums in counts.values()]
