"""Find the cases of two runs that can be compared."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_llmeval.analysis.comparison import Results
from pytest_llmeval.runs.results import CaseKey, CaseResult
from pytest_llmeval.score import Judge


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """The cases of two runs that are not the same in both.

    Attributes:
        rows: their row in the dataset changed.
        replies: their saved replies fail today's tests, see `CaseResult.rejudged`.
        judges: a judge gave no verdict on their saved replies, or it was another judge than now.
        prompts: their prompt changed. They are compared, to see the effect of the change.
    """

    rows: tuple[CaseKey, ...]
    replies: tuple[CaseKey, ...]
    judges: tuple[CaseKey, ...]
    prompts: tuple[CaseKey, ...]

    @property
    def not_comparable(self) -> frozenset[CaseKey]:
        """The cases that must not be compared."""
        return frozenset((*self.rows, *self.replies, *self.judges))


def differences(before: Results, after: Results) -> Differences:
    """Find the cases that changed from one run to a later one."""
    pairs = {key: (before[key], after[key]) for key in after if key in before}
    rows = tuple(key for key, (old, new) in pairs.items() if old.content != new.content)
    same = {key: (old, new) for key, (old, new) in pairs.items() if old.content == new.content}
    replies = tuple(key for key, (old, _) in same.items() if old.rejudged == "not_compared")
    judges = tuple(key for key, (old, new) in same.items() if old.rejudged == "not_judged" or _other_judges(old, new))
    prompts = tuple(
        key
        for key, (old, new) in same.items()
        if key not in {*replies, *judges} and (asked := _asked(old)) and (ask := _asked(new)) and asked != ask
    )
    return Differences(rows=rows, replies=replies, judges=judges, prompts=prompts)


def _other_judges(old: CaseResult, new: CaseResult) -> bool:
    """Whether verdicts of judges count on both sides, and none of the same judge with the same prompt."""
    before, after = ({(j.model, j.prompt) for j in judges_in(result) if j.labels is not None} for result in (old, new))
    return bool(before and after) and before.isdisjoint(after)


def judges_in(result: CaseResult) -> list[Judge]:
    """The judges whose verdicts a case holds."""
    return [score.judge for sample in result.samples for score in sample.scores if score.judge is not None]


def _asked(result: CaseResult) -> set[str]:
    """The digests of what opens each sample: later prompts of a conversation hold what the model said."""
    digests = {sample.calls[0].words_digest for sample in result.samples if sample.calls}
    return digests - {""}  # a log does not say it


def comparable_wordings(before: Results, after: Results) -> tuple[Results, Results, tuple[str, ...]]:
    """Both sides without the wordings that only one of them was asked in.

    A new paraphrase, or a run without paraphrases, must neither look like a removed case nor make the comparison one
    that could not be measured.

    Returns:
        The baseline's results, the candidate's, and what was left out, a sentence each.
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
