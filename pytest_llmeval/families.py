"""The wordings of one question: several tests, and one case to the gate."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_llmeval.run import CaseKey, CaseResult

__all__ = ["comparable_wordings"]

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
