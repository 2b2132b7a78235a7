"""`Score`: what a check found, and for which error categories an answer was examined."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import NamedTuple

surrounding: ContextVar[str | None] = ContextVar("llmeval_category", default=None)
"""The innermost ``with category(...)``."""

examined: ContextVar[set[str] | None] = ContextVar("llmeval_examined", default=None)
"""The error categories that the current sample is examined for beside those of its scores; the plugin sets a new set
for each sample."""


def note_examined(category: str) -> None:
    """Keep that the current sample is examined for an error category."""
    names = examined.get()
    if names is not None:
        names.add(category)


class Claim(NamedTuple):
    """A part of the checked text that no source holds.

    Attributes:
        start: where it begins, in characters.
        text: as the checked text has it.
    """

    start: int
    text: str

    @property
    def end(self) -> int:
        """Where it ends, in characters."""
        return self.start + len(self.text)


class FieldCount(NamedTuple):
    """How often a field of a JSON reply was right.

    Attributes:
        path: as in ``lines[].sku``; items of a list count for one field.
        right: how often it was right in the reply.
        of: how often it was looked at.
    """

    path: str
    right: int
    of: int


class Labels(NamedTuple):
    """How people labelled answers that a judge found bad, and answers that it found good."""

    flagged_bad: int
    flagged_good: int
    passed_bad: int
    passed_good: int


class Judge(NamedTuple):
    """The model behind a verdict.

    Attributes:
        model: as ``provider/model``.
        rubric: the name of a ready rubric, or the first words of a test's own.
        prompt: digest of all that it is asked besides the material of a case; another digest is another judge.
        labels: those that it was calibrated by; None without a calibration that lets it gate.
    """

    model: str
    rubric: str
    prompt: str
    labels: Labels | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a check found.

    Attributes:
        value: from 0 to 1.
        passed: whether the reply is good enough.
        reason: what was expected and what came, one line first; shown when it did not pass.
        category: the error category of a failure.
        check: the check's name, as in ``assert_similar``.
        unsupported: what the text states that no source holds, for a report to mark.
        fields: how often each field was right, for a report to count.
        judge: who says so, where it is a model.
    """

    value: float
    passed: bool
    reason: str = ""
    category: str = "wrong_answer"
    check: str = ""
    unsupported: tuple[Claim, ...] = ()
    fields: tuple[FieldCount, ...] = ()
    judge: Judge | None = None

    @property
    def gated(self) -> bool:
        """Whether the answer fails by it; the verdict of a judge without a calibration is only shown."""
        return self.judge is None or self.judge.labels is not None
