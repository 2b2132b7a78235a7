"""What comes out of comparing two models' results; made by `pytest_llmeval.analysis.compare`, told by the reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_llmeval.runs.results import CaseKey, CaseResult

if TYPE_CHECKING:
    from pytest_llmeval.analysis.measure import Figures

Word = Literal["REGRESSED", "INCONCLUSIVE", "TOO SMALL", "IMPROVED", "OK"]

GateState = Literal["passed", "failed", "not evaluated"]

UNMEASURED = "could not be measured"

Results = Mapping[CaseKey, CaseResult]


def part_of(ran: int, everything: int) -> str:
    """How many of how many cases ran, in words; "" when all did."""
    return f"{ran} of {everything} cases" if ran < everything else ""


class CategoryRow(NamedTuple):
    """One error category on both sides.

    Attributes:
        name: the category; "" for any failure.
        baseline_failed: failing samples of this category, of ``baseline_judged`` judged samples.
        candidate_failed: the same for the candidate, of ``candidate_judged``.
        change: mean over the cases of the difference of the shares, as a fraction: 0.1 is 10 points worse.
        interval: 95 % interval of the change, None where there is none.
        word: the verdict; "" for any failure, which is not tested.
        gated: whether REGRESSED fails the gate.
        p: p-value after correction for the number of categories, None for any failure.
        samples_needed: samples per case that would settle an INCONCLUSIVE, None when unknown.
        new: cases that fail in this category now and did not with the baseline, worst first.
        fixed: cases that failed in this category with the baseline and do not now.
        note: what else the reader must know, as in "samples repeat each other: each case counted once".
    """

    name: str
    baseline_failed: int
    baseline_judged: int
    candidate_failed: int
    candidate_judged: int
    change: float
    interval: tuple[float, float] | None = None
    word: Word | Literal[""] = ""
    gated: bool = True
    p: float | None = None
    samples_needed: int | None = None
    new: tuple[CaseKey, ...] = ()
    fixed: tuple[CaseKey, ...] = ()
    note: str = ""


class Comparison(NamedTuple):
    """A candidate beside the baseline.

    Attributes:
        baseline: figures of the baseline over all its cases.
        candidate: figures of the candidate.
        compared: the cases judged under both.
        rows: one per error category seen on either side or configured, worst first.
        total: any failure.
        new: cases that passed with the baseline and fail now.
        fixed: cases that failed with the baseline and pass now.
        known: cases that fail under both.
        flaky: cases that pass under the candidate though some of its samples fail.
        errors: cases that could not be judged on one side or the other.
        only_baseline: cases the candidate was not run on.
        only_candidate: cases the baseline was not run on.
        changed: cases whose row is not the one the baseline was run on; they are not compared.
        unlike: cases whose saved replies, given to other requests than then, fail today's tests; they are not compared.
        gate: the verdict.
        reasons: why the gate failed or was not evaluated, a sentence each; the first says it all.
        part: how many of how many cases ran, in words, "" when all did.
        notes: what else a reader must know to trust the verdict, a sentence each.
        saved: name of the saved run the baseline comes from, so that latency and cost are not comparable; else None.
        saved_when: how old that run is and at which commit it was made, in words; "" without one.
        baseline_results: the baseline's results by case, for showing replies side by side.
        candidate_results: the candidate's.
    """

    baseline: Figures
    candidate: Figures
    compared: tuple[CaseKey, ...]
    rows: tuple[CategoryRow, ...]
    total: CategoryRow
    new: tuple[CaseKey, ...]
    fixed: tuple[CaseKey, ...]
    known: tuple[CaseKey, ...]
    flaky: tuple[CaseKey, ...]
    errors: tuple[CaseKey, ...]
    only_baseline: tuple[CaseKey, ...]
    only_candidate: tuple[CaseKey, ...]
    changed: tuple[CaseKey, ...]
    gate: GateState
    reasons: tuple[str, ...]
    saved: str | None
    baseline_results: Results
    candidate_results: Results
    unlike: tuple[CaseKey, ...] = ()
    saved_when: str = ""
    part: str = ""
    notes: tuple[str, ...] = ()
