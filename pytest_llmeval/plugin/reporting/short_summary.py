"""Reasons in pytest's short summary instead of types of exceptions, and ERROR for an error.

The terminal shows as much of a report's message as fits beside the test's name, so the message starts with what a
reader looks for. The traceback above it stays as it is.
"""

from __future__ import annotations

from typing import Any, Literal

import pytest

from pytest_llmeval.runs.results import CaseResult
from pytest_llmeval.text import plural

_OUTCOME = "llmeval_outcome"
_ENDS_ALL = ("authentication", "billing", "budget")
"""Errors after which no call is made: what was not asked for that reason says nothing new."""

Told = Literal["pass", "fail", "error", "repeated"]


class ShortSummary:
    """Makes the reports of a session ready to be shown."""

    def __init__(self) -> None:
        self._ends: set[tuple[str | None, str]] = set()

    def take(self, report: pytest.TestReport, result: CaseResult) -> None:
        """Put a case's reason first in its report's message, and keep what became of the case."""
        told: Told = result.outcome
        if told == "error" and result.category in _ENDS_ALL:
            reason = next(sample.reason for sample in result.samples if sample.outcome == "error")
            if (result.category, reason) in self._ends:
                told = "repeated"
            self._ends.add((result.category, reason))
        setattr(report, _OUTCOME, told)
        _tell_reason(report, result)


def _tell_reason(report: pytest.TestReport, result: CaseResult) -> None:
    crash = getattr(report.longrepr, "reprcrash", None)
    if not report.failed or crash is None:
        return
    if result.outcome == "fail":
        judged = result.judged
        failing = [sample for sample in judged if sample.outcome == "fail"]
        told = next((sample.reason for sample in failing if sample.category == result.category), "")
        of_many = f" ({len(failing)} of {plural(len(judged), 'sample')} failed)" if len(judged) > 1 else ""
        crash.message = f"[{result.category}] {told}{of_many}"
    elif result.outcome == "error" and result.category != "setup":
        crash.message = next(sample.reason for sample in result.samples if sample.outcome == "error")
    else:
        crash.message = crash.message.removeprefix("Failed: ")  # pytest.fail adds it, with which we say what is missing


def outcome_told(report: Any) -> Told | None:
    """What became of a report's case, None for a test that asks no model."""
    told: Told | None = getattr(report, _OUTCOME, None)
    return told
