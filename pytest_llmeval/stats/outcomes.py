"""Count the samples of two runs into the strata of every error category."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from pytest_llmeval.stats.strata import Stratum

_MOST_MISSING = 0.10  # of the candidate's samples

K = TypeVar("K", bound=Hashable)
UNLABELLED = "unlabelled"
"""The category of a failure that names none."""

ERROR_PREFIX = "error:"
"""The prefix of categories that count errors, before the kind of error."""


class SampleOutcome(NamedTuple):
    """The outcome of one sample.

    Attributes:
        passed: meaningless with an error.
        categories: the error categories of a failure, each counted separately.
        error: why the sample could not be judged, None when it could.
        examined: the error categories the answer was examined for, those of its failure left out or not; None for
            each that there is.
    """

    passed: bool
    categories: tuple[str, ...] = ()
    error: str | None = None
    examined: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Generic[K]):
    """Two runs, counted case by case.

    Attributes:
        cases: the cases present in both runs, in the candidate's order.
        categories: per error category one stratum per case, in the same order, of the answers that were examined for
            it; a side without any has 0 of 0. A sample that could not be judged is counted only in a category
            ``error:<kind>``, whose denominator is all samples.
        added: cases that only the candidate has.
        removed: cases that only the baseline has.
        samples: of the candidate in the shared cases.
        errors: the samples that could not be judged.
    """

    cases: tuple[K, ...]
    categories: Mapping[str, tuple[Stratum, ...]]
    added: tuple[K, ...]
    removed: tuple[K, ...]
    samples: int
    errors: int

    def why_invalid(self, *, min_overlap: float = 0.80) -> tuple[str, ...]:
        """Why this comparison must not be judged, one sentence per reason.

        Args:
            min_overlap: the share of the baseline's cases that must have run.
        """
        reasons = []
        expected = len(self.cases) + len(self.removed)
        if not self.cases:
            reasons.append("no case was run on both sides")
        elif len(self.cases) < min_overlap * expected:
            reasons.append(
                f"{len(self.cases)} of the baseline's {expected} cases were run; at least {min_overlap:.0%} must be"
            )
        if self.errors > _MOST_MISSING * self.samples:
            errors = f"{self.errors} of {self.samples} samples could not be judged"
            reasons.append(f"{errors}; at most {_MOST_MISSING:.0%} may be missing")
        return tuple(reasons)


def tabulate(
    baseline: Mapping[K, Sequence[SampleOutcome]],
    candidate: Mapping[K, Sequence[SampleOutcome]],
    also: Iterable[str] = (),
) -> Table[K]:
    """Count, for every error category of either side, how often each shared case failed in it, and out of how many.

    An answer counts in a category only when it was examined for it. So what becomes of a check says nothing about the
    checks behind it, which fewer or more answers then get to.

    Args:
        baseline: the samples of each case; a case whose prompt or checks changed must have another key.
        candidate: those of the run on trial.
        also: categories to count although nothing failed in them.
    """
    cases = tuple(case for case in candidate if case in baseline)
    sides = [[_Counted(side[case]) for case in cases] for side in (baseline, candidate)]
    names = sorted({*also, *(name for side in sides for counted in side for name in counted.failed)})
    samples_seen = sum(len(candidate[case]) for case in cases)
    return Table(
        cases=cases,
        categories={
            name: tuple(Stratum(*old.of(name), *new.of(name)) for old, new in zip(*sides, strict=True))
            for name in names
        },
        added=tuple(case for case in candidate if case not in baseline),
        removed=tuple(case for case in baseline if case not in candidate),
        samples=samples_seen,
        errors=samples_seen - sum(counted.judged for counted in sides[1]),
    )


class _Counted:
    """The samples of a case on one side, counted.

    Attributes:
        failed: how many by category.
        judged: how many at all.
    """

    def __init__(self, samples: Sequence[SampleOutcome]) -> None:
        judged = [sample for sample in samples if sample.error is None]
        self.failed = Counter(name for sample in samples for name in _counted_in(sample))
        self.judged = len(judged)
        self._asked = len(samples)
        self._examined = Counter(
            name for sample in judged if sample.examined is not None for name in sample.examined | _counted_in(sample)
        )
        self._for_all = sum(sample.examined is None for sample in judged)

    def of(self, category: str) -> tuple[int, int]:
        """How many failed in a category, and of how many."""
        failed = self.failed[category]
        if category.startswith(ERROR_PREFIX):
            return failed, self._asked
        if category == UNLABELLED:
            return failed, self.judged
        return failed, self._examined[category] + self._for_all


def _counted_in(sample: SampleOutcome) -> frozenset[str]:
    if sample.error is not None:
        return frozenset({f"{ERROR_PREFIX}{sample.error}"})
    if sample.passed:
        return frozenset()
    return frozenset(sample.categories) or frozenset({UNLABELLED})
