"""Count the samples of two runs into the strata of every error category."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
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
    """

    passed: bool
    categories: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Generic[K]):
    """Two runs, counted case by case.

    Attributes:
        cases: the cases present in both runs, in the candidate's order.
        categories: per error category one stratum per case, in the same order. A sample that could not be judged is
            counted only in a category ``error:<kind>``, whose denominator is all samples.
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


def tabulate(baseline: Mapping[K, Sequence[SampleOutcome]], candidate: Mapping[K, Sequence[SampleOutcome]]) -> Table[K]:
    """Count, for every error category of either side, how often each shared case failed in it.

    Every case is in every category, so that a failure that moves from one category to another shows in both.

    Args:
        baseline: the samples of each case; a case whose prompt or checks changed must have another key.
        candidate: those of the run on trial.
    """
    cases = tuple(case for case in candidate if case in baseline)
    counts: dict[str, list[list[int]]] = {}
    judged: list[tuple[int, int]] = []
    for place, case in enumerate(cases):
        for side, samples in enumerate((baseline[case], candidate[case])):
            for sample in samples:
                for category in _counted_in(sample):
                    if category not in counts:
                        counts[category] = [[0, 0] for _ in cases]
                    counts[category][place][side] += 1
        judged.append((_judged(baseline[case]), _judged(candidate[case])))
    categories = {}
    for category in sorted(counts):
        totals = judged
        if category.startswith(ERROR_PREFIX):
            totals = [(len(baseline[case]), len(candidate[case])) for case in cases]
        categories[category] = tuple(
            Stratum(before, all_before, after, all_after)
            for (before, after), (all_before, all_after) in zip(counts[category], totals, strict=True)
        )
    samples_seen = sum(len(candidate[case]) for case in cases)
    return Table(
        cases=cases,
        categories=categories,
        added=tuple(case for case in candidate if case not in baseline),
        removed=tuple(case for case in baseline if case not in candidate),
        samples=samples_seen,
        errors=samples_seen - sum(after for _, after in judged),
    )


def _judged(samples: Sequence[SampleOutcome]) -> int:
    return sum(sample.error is None for sample in samples)


def _counted_in(sample: SampleOutcome) -> set[str]:
    if sample.error is not None:
        return {f"{ERROR_PREFIX}{sample.error}"}
    if sample.passed:
        return set()
    return set(sample.categories) or {UNLABELLED}
