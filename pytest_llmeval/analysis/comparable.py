"""Which cases of two runs can be compared: what their rows say, in which wordings, and what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_llmeval.runs.results import CaseKey, CaseResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """The cases of two runs that are not the same in both.

    Attributes:
        rows: their row in the dataset changed, so they are other cases.
        replies: the saved replies fail today's tests, as `CaseResult.rejudged` says, so that they excuse nothing.
        prompts: they were asked with another prompt. The effect of that is what one wants to see: they are compared.
    """

    rows: tuple[CaseKey, ...]
    replies: tuple[CaseKey, ...]
    prompts: tuple[CaseKey, ...]

    @property
    def not_comparable(self) -> frozenset[CaseKey]:
        """The cases that must not be compared."""
        return frozenset((*self.rows, *self.replies))


def differences(before: Mapping[CaseKey, CaseResult], after: Mapping[CaseKey, CaseResult]) -> Differences:
    """Find the cases that changed from one run to another.

    Args:
        before: the results of one model by case.
        after: the same of the later run.
    """
    pairs = {key: (before[key], after[key]) for key in after if key in before}
    rows = {key for key, (old, new) in pairs.items() if old.content != new.content}
    replies = {key for key, (old, _) in pairs.items() if old.rejudged == "not_compared"} - rows
    prompts = {
        key
        for key, (old, new) in pairs.items()
        if key not in rows and key not in replies and (asked := _asked(old)) and (ask := _asked(new)) and asked != ask
    }
    rows_, replies_, prompts_ = (tuple(key for key in pairs if key in found) for found in (rows, replies, prompts))
    return Differences(rows=rows_, replies=replies_, prompts=prompts_)


def _asked(result: CaseResult) -> set[str]:
    """The digests of what opens each sample: later prompts of a conversation hold what the model said."""
    return {sample.calls[0].prompt for sample in result.samples if sample.calls}


Results = Mapping[CaseKey, CaseResult]


def comparable_wordings(before: Results, after: Results) -> tuple[Results, Results, tuple[str, ...]]:
    """Both sides without the wordings that only one of them was asked in.

    A paraphrase that is new, or a run in the cases' own words alone, takes nothing away from a case that both sides
    have: it must neither look like a case that was removed nor make the gate one that could not be measured.

    Args:
        before: the baseline's results.
        after: the candidate's.

    Returns:
        The two sides, and what was left out, a sentence each.
    """
    old, lone_old = _shared(before, after)
    new, lone_new = _shared(after, before)
    told = [(lone_old, "was not asked now"), (lone_new, "was not asked of the baseline")]
    return old, new, tuple(_sentence(count, why) for count, why in told if count)


def _shared(side: Results, other: Results) -> tuple[Results, int]:
    rows = {result.row for result in other.values()}
    kept = {key: result for key, result in side.items() if not result.wording or key in other or result.row not in rows}
    return kept, len(side) - len(kept)


def _sentence(count: int, why: str) -> str:
    if count == 1:
        return f"1 other wording of a case {why} and is not compared"
    return f"{count} other wordings of cases {why.replace('was', 'were')} and are not compared"
