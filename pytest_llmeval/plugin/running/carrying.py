"""What a closer look at a case needs besides its result: what was asked, and which statement failed.

A run keeps only a digest of each prompt, and thousands of prompts are no load for a session that shows none. So the
process that runs a test puts them on its report only where they will be shown: with ``-vv``, and of a failing case
with ``-rm``. They travel as text of their own: a process that ends early, or another that reads reports, does not
stumble over them.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pytest_llmeval.plugin.guard import ReportWrapper
from pytest_llmeval.plugin.running.failing_statement import failing_statement
from pytest_llmeval.plugin.running.trial import Trial, trial_key
from pytest_llmeval.plugin.shown import SEEN, shown
from pytest_llmeval.report.prompts import asked_in


class Carrying:
    """Puts on the reports what will be shown; registered in each process that runs tests, where anything will be."""

    def __init__(self, config: pytest.Config) -> None:
        self._shown = shown(config)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> ReportWrapper:
        """Add what the test's trial has asked."""
        trial = item.stash.get(trial_key, None) if call.when == "call" else None
        report = yield
        if trial is not None and not trial.suspended and self._is_shown(trial):
            with suppress(Exception):  # a case that cannot be shown is judged all the same
                setattr(report, SEEN, json.dumps(_seen(item, trial, call)))
        return report

    def _is_shown(self, trial: Trial) -> bool:
        failed = any(result.outcome == "fail" for result in trial.results.values())
        return self._shown.passing or (self._shown.failing and failed)


def _seen(item: pytest.Item, trial: Trial, call: pytest.CallInfo[None]) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    for result in trial.results.values():
        for each in result.calls:
            fulfilled = trial.used.get(each.key or "")
            if fulfilled is not None and each.words_digest not in asked:
                asked[each.words_digest] = asked_in(fulfilled.entry.request)
    left = call.excinfo.value if call.excinfo is not None else None
    errors = trial.errors if trial.settings.samples > 1 else {0: left}
    failed_at = {
        index: place
        for index, result in trial.results.items()
        if result.outcome == "fail" and (place := _failed_at(item, errors.get(index)))
    }
    return {
        "key": list(trial.key),
        "model": trial.model.name,
        "asked": list(asked.items()),
        "failed_at": list(failed_at.items()),
    }


def _failed_at(item: pytest.Item, error: BaseException | None) -> str:
    statement = failing_statement(error) if error is not None else None
    if statement is None:
        return ""
    path, root = Path(statement.file), item.config.rootpath
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
    return f"{name}:{statement.line}: {statement.text}"
