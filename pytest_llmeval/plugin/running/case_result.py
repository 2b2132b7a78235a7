"""What became of a case: of its test's body, and of what plugins, subtests and fixtures made of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import pytest

from pytest_llmeval.checks.categories import GENERAL
from pytest_llmeval.credentials import hide_values, is_secret
from pytest_llmeval.errors import CheckFailed, ReplyError
from pytest_llmeval.plugin.identity import identity_of
from pytest_llmeval.plugin.payload import EXECUTED
from pytest_llmeval.plugin.rejudging.again import judged_again_key
from pytest_llmeval.plugin.rejudging.judged_by import judged_by
from pytest_llmeval.plugin.running.judge import ASSERTIONS, SamplesFailed, sample_result
from pytest_llmeval.plugin.running.replies import Unanswered, attempts_key
from pytest_llmeval.plugin.running.trial import Trial
from pytest_llmeval.report.prompts import prompt_of
from pytest_llmeval.runs.results import CaseResult, SampleResult
from pytest_llmeval.text import first_line, harmless

OF_NO_FAILURE = ("pass", "unverified")
"""Outcomes of a sample that does not fail by its test."""


def result_of(item: pytest.Item, trial: Trial, call: pytest.CallInfo[None], report: pytest.TestReport) -> CaseResult:
    """The result of a case whose body has ended.

    Args:
        report: on it, as all plugins have made it.
    """
    samples = tuple(trial.results[index] for index in sorted(trial.results))
    if not samples:
        # The body never ran: an async test without a plugin for it, a test that another plugin stopped.
        error = call.excinfo.value if call.excinfo is not None else None
        reason = _reason_of(report) if report.failed else "the test's body was not run"
        samples = (_not_judged(error, "not_run", reason),)
    elif report.failed and not _is_xpass(report) and _nothing_fails(samples, call):
        samples = _failed_by_others(trial, samples, call, report, kind="outside_test")
    return named(item)._replace(
        model=trial.model.name,
        samples=samples,
        min_pass_rate=trial.settings.min_pass_rate,
        fixture=trial.shared if _has_only_shared(trial, samples) else None,
        asked=_asked(trial, samples) if identity_of(item).case is None else None,
    )


def _nothing_fails(samples: Sequence[SampleResult], call: pytest.CallInfo[None]) -> bool:
    """Whether no sample says why the test fails: all passed, or some are unverified and something else was raised."""
    if not all(sample.outcome in OF_NO_FAILURE for sample in samples):
        return False
    asserted = call.excinfo is not None and isinstance(call.excinfo.value, ASSERTIONS)
    return asserted or all(sample.outcome == "pass" for sample in samples)


def _asked(trial: Trial, samples: tuple[SampleResult, ...]) -> Mapping[str, Any] | None:
    """What the first failing sample asked first, for the row that it may become; None without one."""
    failing = (sample for sample in samples if sample.outcome == "fail")
    for sample in failing:
        for call in sample.answering_calls[:1]:
            fulfilled = trial.used.get(call.key or "")
            if fulfilled is not None:
                with suppress(Exception):  # a case whose prompt is no JSON is judged all the same
                    return json.loads(json.dumps(prompt_of(fulfilled.entry.request)))  # type: ignore[no-any-return]
    return None


def _has_only_shared(trial: Trial, samples: tuple[SampleResult, ...]) -> bool:
    return sum(len(sample.calls) for sample in samples) <= trial.shared_calls


def named(item: pytest.Item) -> CaseResult:
    """A result that holds no more than which case it is of."""
    identity = identity_of(item)
    case = identity.case
    path, line, _ = item.location
    return CaseResult(
        key=identity.key,
        model=identity.model,
        samples=(),
        dataset=case.dataset if case is not None else None,
        task=case.task if case is not None else None,
        tags=case.tags if case is not None else (),
        input=case.input if case is not None else None,
        expected=case.expected if case is not None else None,
        content=identity.content,
        wording=case.wording if case is not None else "",
        cluster=case.cluster if case is not None else None,
        judged_by=judged_by(item, item.config.rootpath),
        file=path.replace("\\", "/"),
        line=(line or 0) + 1,
    )


def without_keys(result: CaseResult, secrets: Mapping[str, str]) -> CaseResult:
    """The result with no API key in what it tells of failures and errors."""
    if not any(is_secret(value) for value in secrets.values()):
        return result

    keys = secrets.values()
    samples = (
        each._replace(
            reason=hide_values(each.reason, keys),
            detail=hide_values(each.detail, keys),
            uncategorised=tuple(hide_values(reason, keys) for reason in each.uncategorised),
        )
        for each in result.samples
    )
    return result._replace(samples=tuple(samples))


def after_teardown(
    trial: Trial, result: CaseResult, call: pytest.CallInfo[None], report: pytest.TestReport
) -> CaseResult:
    """The result of a case whose fixtures failed after it.

    A fixture that asserts after its ``yield`` judges the answer; what one that breaks leaves is unknown.
    """
    if result.outcome not in OF_NO_FAILURE:
        return result
    return result._replace(samples=_failed_by_others(trial, result.samples, call, report, kind="teardown"))


def set_up_result(item: pytest.Item, error: BaseException | None) -> CaseResult:
    """The result of a case whose fixtures failed before it: an error, since no reply was judged."""
    return named(item)._replace(samples=(_not_judged(error, "setup"),))


def tell_of_error(report: pytest.TestReport, result: CaseResult) -> None:
    """Say why nothing was judged, where an application went on and an assert failed."""
    detail = next((sample.detail for sample in result.samples if sample.outcome == "error"), "")
    if detail.partition("\n")[0] not in report.longreprtext:
        report.sections.append(("an error, not a wrong answer", detail))


def note_subtest(
    trial: Trial, call: pytest.CallInfo[None], report: pytest.TestReport, *, shown: bool, misses: bool
) -> None:
    """Keep that a subtest failed, which the test's body does not come to know.

    Args:
        shown: whether the report is to be seen; not that of saved replies that are judged again.
        misses: whether the gate decides about a failing case.
    """
    failed, reason = report.failed, _reason_of(report)
    if failed:
        trial.sample.soft_failures.append(call.excinfo.value if call.excinfo is not None else AssertionError(reason))
    if not shown:
        report.outcome = "passed"
        report.longrepr = None
        report.when = "setup"  # pytest does not show that a setup passed
    elif failed and misses:
        report.outcome = "skipped"
        report.wasxfail = first_line(reason)


def _not_judged(error: BaseException | None, category: str, reason: str = "") -> SampleResult:
    """An error; where the exception is not one itself, with this category and reason."""
    sample = sample_result(0, error, category=None)
    if sample.outcome == "error":
        return sample
    told = (first_line(reason), harmless(reason)) if reason else (sample.reason, sample.detail)
    return SampleResult(index=0, outcome="error", category=category, reason=told[0], detail=told[1])


def _failed_by_others(
    trial: Trial,
    samples: tuple[SampleResult, ...],
    call: pytest.CallInfo[None],
    report: pytest.TestReport,
    *,
    kind: str,
) -> tuple[SampleResult, ...]:
    """The samples of a test whose body did not fail and that another plugin or a fixture failed.

    With several samples it is unknown which one that concerns, so none may count as passed. An assertion judges the
    answer. Any other exception says nothing of it, such as pytest's own about a thread or an object of another test.

    Args:
        kind: the kind of error that such an exception is.
    """
    reason = _reason_of(report)
    judged = call.excinfo is None or isinstance(call.excinfo.value, ASSERTIONS)
    return tuple(
        sample._replace(
            outcome="fail" if judged else "error",
            category=(trial.settings.category or GENERAL) if judged else kind,
            reason=first_line(reason),
            detail=harmless(reason),
        )
        if sample.outcome in OF_NO_FAILURE
        else sample
        for sample in samples
    )


def _reason_of(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    message = str(getattr(crash, "message", "")).strip()
    if message:
        return message
    lines = [line for line in report.longreprtext.splitlines() if line.strip()]
    return lines[0].strip() if lines else "failed by another plugin"


def _is_xpass(report: pytest.TestReport) -> bool:
    return isinstance(report.longrepr, str) and report.longrepr.startswith("[XPASS(strict)]")


_OF_THE_ANSWER = (CheckFailed, ReplyError, SamplesFailed, Unanswered)


def tell_of_executions(report: pytest.TestReport, item: pytest.Item, error: BaseException | None) -> None:
    """Add a section to the report of a test whose state of its own may have been changed by an earlier execution."""
    attempts = item.stash.get(attempts_key, None)
    own = attempts.number if attempts is not None else 1
    saved = item.stash.get(judged_again_key, None)
    again = saved is not None and saved.first
    if not report.failed or own + again < 2 or isinstance(error, _OF_THE_ANSWER):
        return
    told = f"executed {own + again} times, "
    if again:
        told += "once with the baseline's replies (--llm-baseline=none leaves that out)"
    if own > 1:
        told += (
            f"{', then again ' if again else ''}since it waits for replies without blocking; "
            "mark it @pytest.mark.llm_blocking if its body must not run twice"
        )
    report.sections.append((EXECUTED, told))
