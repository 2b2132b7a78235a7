"""From the samples of two runs to the strata of every error category."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from pytest_llmeval.stats.surprise import Stratum

K = TypeVar("K", bound=Hashable)

UNLABELLED = "unlabelled"

"""The category of a failure that names none, so that counts add up."""

ERROR_PREFIX = "error:"

"""Before the kind of an error, it names the category in which errors are counted."""


class SampleOutcome(NamedTuple):
    """What became of one sample.

    Attributes:
        passed: whether it passed; of no meaning with an error.
        categories: the error categories of a failure, each counted for itself.
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
        categories: per error category one stratum per case, in the same order; a sample that could not be judged is
            left out of them and counted in a category ``error:<kind>``, where all samples are the denominator.
        added: cases of the candidate alone.
        removed: cases of the baseline alone.
        removed_failing: those removed cases of which a baseline sample failed: removing a test must not be the fix.
        samples: samples of the candidate in the shared cases.
        errors: those that could not be judged.
    """

    cases: tuple[K, ...]
    categories: Mapping[str, tuple[Stratum, ...]]
    added: tuple[K, ...]
    removed: tuple[K, ...]
    removed_failing: tuple[K, ...]
    samples: int
    errors: int

    def why_invalid(self, *, max_missing: float = 0.10, min_overlap: float = 0.80) -> tuple[str, ...]:
        """Why this comparison must not be judged: one sentence per reason, none when it may be.

        Args:
            max_missing: the share of the candidate's samples that may lack a judgement.
            min_overlap: the share of the baseline's cases that must be there.
        """
        reasons = []
        expected = len(self.cases) + len(self.removed)
        if not self.cases:
            reasons.append("no case was run on both sides")
        elif len(self.cases) < min_overlap * expected:
            reasons.append(
                f"{len(self.cases)} of the baseline's {expected} cases were run; at least {min_overlap:.0%} must be"
            )
        if self.errors > max_missing * self.samples:
            reasons.append(
                f"{self.errors} of {self.samples} samples could not be judged; at most {max_missing:.0%} may be missing"
            )
        return tuple(reasons)


def tabulate(baseline: Mapping[K, Sequence[SampleOutcome]], candidate: Mapping[K, Sequence[SampleOutcome]]) -> Table[K]:
    """Count, for every error category seen on either side, how often each shared case failed in it.

    Every case is in every category, so that a failure which moves from one category to another shows in both.

    Args:
        baseline: the samples of each case; a case whose prompt or checks changed must have got another key.
        candidate: the same of the run on trial.
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
    removed = tuple(case for case in baseline if case not in candidate)
    samples_seen = sum(len(candidate[case]) for case in cases)
    return Table(
        cases=cases,
        categories=categories,
        added=tuple(case for case in candidate if case not in baseline),
        removed=removed,
        removed_failing=tuple(
            case for case in removed if any(not s.passed and s.error is None for s in baseline[case])
        ),
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
