"""Reasons in pytest's short summary instead of types of exceptions, and ERROR for an error.

The terminal shows as much of a report's message as fits beside the test's name, so the message starts with what a
reader looks for. The traceback above it stays as it is. Where the name leaves no room, the category stands before it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import pytest

from pytest_llmeval.runs.results import CaseResult
from pytest_llmeval.text import first_line, plural

_OUTCOME, _KIND = "llmeval_outcome", "llmeval_kind"
_ENDS_ALL = ("authentication", "billing", "budget")
"""Errors after which no call is made: what was not asked for that reason says nothing new."""

_TOLD = 5  # other errors that say the same, before the rest is only counted
_NUMBERS = re.compile(r"\d+")

Told = Literal["pass", "fail", "unverified", "error", "repeated"]


class ShortSummary:
    """Makes the reports of a session ready to be shown.

    Args:
        verbose: whether each error is shown, though others say the same.
    """

    def __init__(self, *, verbose: bool) -> None:
        self._verbose = verbose
        self._tests: dict[tuple[str | None, str], set[str]] = {}  # whose errors are shown, by what they say

    def take(self, report: pytest.TestReport, result: CaseResult) -> None:
        """Put a case's reason first in its report's message, and keep what became of the case."""
        told: Told = result.outcome
        if told == "error" and str(report.outcome) != "rerun" and self._says_nothing_new(report.nodeid, result):
            told = "repeated"
        setattr(report, _OUTCOME, told)
        setattr(report, _KIND, first_line(result.category or "", 40))
        _tell_reason(report, result)

    def _says_nothing_new(self, test: str, result: CaseResult) -> bool:
        ends_all = result.category in _ENDS_ALL
        if not ends_all and (self._verbose or result.category == "exception"):
            return False
        reason = next(sample.reason for sample in result.samples if sample.outcome == "error")
        if not ends_all:
            reason = _NUMBERS.sub("0", reason.replace(str(result.key), "").replace(result.model, ""))
        tests = self._tests.setdefault((result.category, reason), set())
        if test in tests:
            return False  # the same test once more: its earlier report is not shown
        if len(tests) >= (1 if ends_all else _TOLD):
            return True
        tests.add(test)
        return False


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


def crowded_word(report: Any, width: int, environment: Mapping[str, str]) -> str:
    """What stands before a failing test's name in the short summary where the name leaves no room for a category.

    Args:
        report: of the test.
        width: of the terminal, in columns.
        environment: on CI pytest cuts no line.

    Returns:
        As in ``FAILED[wrong_answer]``; "" where there is room, or nothing to tell.
    """
    kind = getattr(report, _KIND, "")
    if not kind or environment.get("CI") or environment.get("BUILD_NUMBER"):
        return ""
    word = "ERROR" if outcome_told(report) == "error" else "FAILED"
    fits = len(f"{word} {report.nodeid} - [{kind}]...") <= width
    return "" if fits else f"{word}[{kind}]"
