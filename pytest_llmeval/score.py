"""`Score`: what a check found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a check found.

    Attributes:
        value: from 0 to 1.
        passed: whether the reply is good enough.
        reason: what was expected and what came, one line first; shown when it did not pass.
        category: the error category of a failure.
        check: the check's name, as in ``assert_similar``.
    """

    value: float
    passed: bool
    reason: str = ""
    category: str = "wrong_answer"
    check: str = ""
