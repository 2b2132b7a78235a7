"""The outcome of comparing two models' results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_llmeval.analysis.measure import Figures
from pytest_llmeval.runs.answered import Drift
from pytest_llmeval.runs.results import CaseKey, CaseResult
from pytest_llmeval.stats.means import Share

if TYPE_CHECKING:  # a session without a baseline does without the gate
    from pytest_llmeval.stats.gate import Spread

Word = Literal["REGRESSED", "INCONCLUSIVE", "NOT SHOWN", "SMALL", "IMPROVED", "OK"]
GateState = Literal["passed", "failed", "not evaluated"]

UNMEASURED = "could not be measured"

Results = Mapping[CaseKey, CaseResult]


def part_of(ran: int, everything: int) -> str:
    """As in ``8 of 89 cases``, "" when all ran."""
    return f"{ran} of {everything} cases" if ran < everything else ""


class CaseEvidence(NamedTuple):
    """How much one case speaks for a category's having got worse.

    Attributes:
        before: failing answers of the baseline, and all its answers.
        after: the candidate's.
        bits: of evidence; 10 bits are a thousand times likelier if the case got worse than if it did not.
    """

    key: CaseKey
    before: tuple[int, int]
    after: tuple[int, int]
    bits: float


class OneSided(NamedTuple):
    """The cases in which only one side has answers that were examined for a category, so that nothing is compared.

    Attributes:
        cases: how many, out of ``of`` in which any side was examined.
        baseline_failed: failing samples of the category, of ``baseline_judged`` examined samples.
        candidate_failed: the same for the candidate, of ``candidate_judged``.
    """

    cases: int = 0
    of: int = 0
    baseline_failed: int = 0
    baseline_judged: int = 0
    candidate_failed: int = 0
    candidate_judged: int = 0


class Differing(NamedTuple):
    """How often the two sides' replies differ after normalising.

    Attributes:
        share: of the pairs of replies, one of each side, those that differ; its interval counts cases.
        cases: in which both sides have a reply.
        tasks: the shares by task, for the cases that have one.
    """

    share: Share
    cases: int
    tasks: Mapping[str, Share]


class CategoryRow(NamedTuple):
    """One error category on both sides.

    Attributes:
        name: the category; "" for any failure.
        baseline_failed: failing samples of this category, of ``baseline_judged`` samples that were examined for it.
        candidate_failed: the same for the candidate, of ``candidate_judged``.
        change: mean over the cases of the difference of the shares, as a fraction: 0.1 is 10 points worse.
        interval: 95 % interval of the change.
        word: the verdict; "" for any failure, which is not tested.
        gated: whether REGRESSED fails the gate.
        p: corrected for the number of categories, None for any failure.
        samples_needed: samples per case that would settle an INCONCLUSIVE, None when unknown.
        both_drawn: whether as many are needed on both sides, as when the baseline is a model of the session.
        new: cases that fail in this category only with the candidate, worst first; judged, as ``fixed``, by the first
            samples that both sides have.
        fixed: cases that fail in this category only with the baseline.
        note: as in "samples repeat each other: each case counted once".
        worse: cases whose rate rose.
        better: cases whose rate fell.
        spread: where a rise is, "" when there is none.
        worst: the cases that speak most for a rise, the first speaks most.
        one_sided: the cases that are not compared in this category.
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
    both_drawn: bool = False
    new: tuple[CaseKey, ...] = ()
    fixed: tuple[CaseKey, ...] = ()
    note: str = ""
    worse: int = 0
    better: int = 0
    spread: Spread | Literal[""] = ""
    worst: tuple[CaseEvidence, ...] = ()
    one_sided: OneSided = OneSided()

    @property
    def at_least(self) -> float:
        """How much it rose at least, as a fraction: the lower end of its interval, 0 where that excludes no fall."""
        return max(0.0, self.interval[0]) if self.interval is not None else 0.0

    @property
    def p_words(self) -> str:
        """As in ``p = 0.020``, with as many digits as in tables; nobody acts on less than a thousandth."""
        p = 1.0 if self.p is None else self.p
        return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.0995 else f"p = {p:.2f}"

    @property
    def counts(self) -> str:
        """Both sides in words. Never "cases": with samples or other wordings a case has several answers."""
        before = f"{self.baseline_failed} of {self.baseline_judged}"
        return f"{before} to {self.candidate_failed} of {self.candidate_judged} answers"


class Comparison(NamedTuple):
    """A candidate compared with the baseline.

    Attributes:
        compared: the cases judged under both.
        rows: one per error category seen on either side or configured, worst first.
        total: any failure.
        together: failures in all gated categories together, judged like one; None where one category says that already.
        new: cases that fail only with the candidate; judged, as ``fixed`` and ``known``, by the first samples that both
            sides have.
        fixed: cases that fail only with the baseline.
        known: cases that fail with both.
        flaky: cases that pass with the candidate, judged so too, although some of all its samples fail.
        errors: cases that could not be judged on one side or the other.
        unverified: cases of which nothing says on one side or the other whether the answer is right.
        fail_now: cases that passed when the baseline was saved and fail on both sides by tests that have changed since.
        only_baseline: cases that ran only with the baseline.
        only_candidate: cases that ran only with the candidate.
        changed: cases whose row changed since the baseline ran; they are not compared.
        unlike: cases whose saved replies, to other requests, fail today's tests; they are not compared.
        unjudged: cases on whose saved replies today's judge gave no verdict; they are not compared.
        reasons: why the gate failed or was not evaluated, a sentence each, the most important first.
        part: as in ``8 of 89 cases``, "" when all ran.
        notes: what else a reader must know to trust the verdict, a sentence each.
        saved: name of the saved run the baseline comes from, so that latency and cost cannot be compared; else None.
        saved_when: age and commit of that run, in words.
        baseline_results: by case, for showing replies side by side.
        candidate_results: the candidate's.
        differing: how often the replies differ, None where no case has replies on both sides.
        drift: whether another model answers under a name of the baseline.
        of_tables: whether both sides are tables of results, of any tool, so that no session of pytest made them.
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
    together: CategoryRow | None = None
    differing: Differing | None = None
    drift: Drift = "unknown"
    of_tables: bool = False
    unlike: tuple[CaseKey, ...] = ()
    unjudged: tuple[CaseKey, ...] = ()
    saved_when: str = ""
    part: str = ""
    notes: tuple[str, ...] = ()
    unverified: tuple[CaseKey, ...] = ()
    fail_now: tuple[CaseKey, ...] = ()


def fail_now_words(count: int) -> str:
    """As in ``4 cases that passed when the baseline was saved fail on both sides now``, of `Comparison.fail_now`."""
    some = "1 case that passed when the baseline was saved fails"
    return f"{some if count == 1 else f'{count} cases that passed when the baseline was saved fail'} on both sides now"
