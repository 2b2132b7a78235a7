"""Runs trials in the process that runs the tests: samples, results, and what the test's report says."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING

import pytest

from pytest_llmeval.cases import Case
from pytest_llmeval.plugin.collect import model_of
from pytest_llmeval.plugin.evaluation import Evaluation
from pytest_llmeval.plugin.executed_again import tell_of_executions
from pytest_llmeval.plugin.fixtures import being_set_up, uses_llm
from pytest_llmeval.plugin.harmless_report import make_harmless
from pytest_llmeval.plugin.judge import sample_result
from pytest_llmeval.plugin.judging_code import checks_digest
from pytest_llmeval.plugin.live import LiveFixtures
from pytest_llmeval.plugin.payload import Payload, attach
from pytest_llmeval.plugin.replaced import mark_second
from pytest_llmeval.plugin.replies import FirstPass, Suspended, first_pass_key, more_samples_key
from pytest_llmeval.plugin.samples import SWALLOWED, sampled
from pytest_llmeval.plugin.scheduler import Outermost, Scheduler, can_schedule
from pytest_llmeval.plugin.trial import Trial, case_key, content_digest, trial_key
from pytest_llmeval.run import CaseResult, SampleResult, TrialKey

if TYPE_CHECKING:
    from pytest_llmeval.engine.pipeline import Fulfilled

__all__ = ["Runner"]

_NO_ARGUMENTS = frozenset({"llm_model", "__pytest_repeat_step_number"})


class Runner:
    """The hooks of a process that runs tests; registered when the first test that asks a model is collected."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        self.collected = 0
        self.deselected = 0
        self.scheduler: Scheduler | None = None
        self._trials: list[pytest.Item] = []
        self._left_out: tuple[TrialKey, ...] = ()
        self._checks: dict[object, str] = {}
        self._reporting_process: int | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Count the trials before anybody takes some away."""
        self._trials = [item for item in items if uses_llm(item)]
        self.collected = len(self._trials)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note what was left out, and have the tests that ask models overlap, where this pytest can."""
        kept = set(map(id, session.items))
        self._left_out = tuple(self._trial_key(item) for item in self._trials if id(item) not in kept)
        del self._trials[:]
        if session.config.option.collectonly:
            return
        reporting = session.config.pluginmanager.get_plugin("llmeval-reporting")  # none in a worker of xdist
        self._reporting_process = os.getpid() if reporting is not None else None
        if self.evaluation.most_samples is not None:
            from pytest_llmeval.plugin.second_pass import SecondPass

            decide = reporting.second_pass if reporting is not None else list
            second = SecondPass(session, self.evaluation.most_samples, decide)
            session.config.pluginmanager.register(second, "llmeval-second-pass")
        if not can_schedule(session):
            return
        live = LiveFixtures()
        tick = reporting.tick if reporting is not None else lambda: None
        scheduler = Scheduler(session, live, window=4 * self.evaluation.concurrency, tick=tick)
        for name, plugin in (("live", live), ("scheduler", scheduler), ("outermost", Outermost(scheduler))):
            session.config.pluginmanager.register(plugin, f"llmeval-{name}")
        self.scheduler = scheduler

    def pytest_deselected(self, items: Iterable[pytest.Item]) -> None:
        """Count the trials that are left out: their gate is not evaluated."""
        self.deselected += sum(uses_llm(item) for item in items)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, None, None]:
        """Let the fixtures know whose they are."""
        being_set_up.append(item)
        try:
            return (yield)
        finally:
            being_set_up.pop()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        """Run the body once per sample, each with its own scores."""
        trial = item.stash.get(trial_key, None)
        if trial is None or not isinstance(item, pytest.Function):
            return (yield)
        if trial.suspended:  # a fixture caught the exception and went on without its reply
            trial.replies.block(SWALLOWED)
            trial.phase = "teardown"
            raise Suspended("waiting for a reply")
        body = item.obj
        trial.phase = "call"
        # Before the plugins for async tests make a plain function of it: scores are kept in the body's own context.
        item.obj = sampled(trial, body)
        try:
            yield
        finally:
            item.obj = body
            trial.phase = "teardown"
        if trial.suspended:
            # Here, not in an async body: some event loops let nothing but an Exception out.
            raise Suspended("waiting for a reply")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put the case's result on its report, which is how it reaches the process that reports."""
        asks = uses_llm(item)
        trial = item.stash.get(trial_key, None) if asks else None
        if not asks or (trial is not None and trial.suspended):
            return (yield)
        if call.when == "call" and trial is not None:
            _name_in_junit(item, trial)
        report = yield
        if more_samples_key in item.stash:
            mark_second(report)
        if report.skipped and call.when in ("setup", "call"):
            used = trial.used.values() if trial is not None and self.evaluation.record else ()
            self._attach(report, None, used)
        elif call.when == "setup" and report.failed:
            error = call.excinfo.value if call.excinfo is not None else None
            self._attach(report, self._unjudged(item, error))
        elif call.when == "call" and trial is not None:
            result = _case_result(item, trial, self._checks_digest(item, trial))
            if trial.replies.reason:
                self.evaluation.notes.append(f"warning: {item.nodeid} waited for each reply: {trial.replies.reason}")
            self._attach(report, result, trial.used.values() if self.evaluation.record else ())
            if report.failed and result.outcome == "fail" and self.evaluation.compares:
                report.outcome = "skipped"
                report.wasxfail = f"{result.category}: {_reason(result)}"
            if report.failed and result.outcome == "error":
                _tell_of_error(report, result)
        elif call.when == "call":  # a fixture of the project's own named ``llm``: no result is owed
            self._attach(report, None)
        tell_of_executions(report, item, call.excinfo.value if call.excinfo is not None else None)
        make_harmless(report)
        if call.when == "teardown" and trial is not None:
            if self.evaluation.most_samples is not None and more_samples_key not in item.stash:
                item.stash[first_pass_key] = _first_pass(trial)
            # What a test asked and got is on its report now; kept until the end it would be most of a session's memory.
            del item.stash[trial_key]
        return report

    def pytest_sessionfinish(self) -> None:
        """Let go of connections and files."""
        if self.scheduler is not None and self.scheduler.pending:
            count = len(self.scheduler.pending)
            waiting = "1 test was" if count == 1 else f"{count} tests were"
            self.evaluation.notes.append(f"{waiting} waiting for replies and not finished")
        self.evaluation.close()

    def _attach(self, report: pytest.TestReport, result: CaseResult | None, used: Iterable[Fulfilled] = ()) -> None:
        notes = self.evaluation.notes
        payload = Payload(
            result=result,
            entries=tuple(fulfilled.entry for fulfilled in used),
            collected=self.collected,
            deselected=self.deselected,
            left_out=self._left_out,
            notes=tuple(notes),
        )
        # A worker of xdist sends its reports, and so does a process that another plugin forks for a test.
        attach(report, payload, as_text=os.getpid() != self._reporting_process)
        del notes[:]
        self._left_out = ()  # told once by each process

    def _checks_digest(self, item: pytest.Item, trial: Trial) -> str:
        function = getattr(item, "function", None)
        callspec = getattr(item, "callspec", None)
        given = {
            name: value
            for name, value in (callspec.params if callspec is not None else {}).items()
            if name not in _NO_ARGUMENTS and not isinstance(value, Case)
        }
        known = function, trial.category, getattr(callspec, "id", "") if given else ""
        if known not in self._checks:
            captures = not {"llm_capture", "llm_gateway"}.isdisjoint(getattr(item, "fixturenames", ()))
            self._checks[known] = (
                checks_digest(function, item.config.rootpath, trial.category, arguments=given, captures=captures)
                if function
                else ""
            )
        return self._checks[known]

    def _trial_key(self, item: pytest.Item) -> TrialKey:
        name = model_of(item, self.evaluation)
        return case_key(item, name), name

    def _unjudged(self, item: pytest.Item, error: BaseException | None) -> CaseResult:
        key, name = self._trial_key(item)
        sample = sample_result(0, error, category=None)
        if sample.outcome != "error":  # a fixture that failed judged no reply
            sample = SampleResult(
                index=0, outcome="error", category="setup", reason=sample.reason, detail=sample.detail
            )
        callspec = getattr(item, "callspec", None)
        case = callspec.params.get("case") if callspec is not None else None
        case = case if isinstance(case, Case) else None
        return CaseResult(
            key=key,
            model=name,
            samples=(sample,),
            content=content_digest(case),  # without it the case would pass for another, whose row had changed
            wording=case.wording if case is not None else "",
            file=key.test.split("::")[0],
        )


def _name_in_junit(item: pytest.Item, trial: Trial) -> None:
    if not any(name == "llm_model" for name, _ in item.user_properties):
        item.user_properties.append(("llm_model", trial.model.name))


def _reason(result: CaseResult) -> str:
    return next(sample.reason for sample in result.samples if sample.category == result.category)


def _tell_of_error(report: pytest.TestReport, result: CaseResult) -> None:
    """Say why nothing was judged where the exception does not: an application went on, and an assert failed."""
    detail = next(sample.detail for sample in result.samples if sample.outcome == "error")
    if detail.partition("\n")[0] not in report.longreprtext:
        report.sections.append(("an error, not a wrong answer", detail))


def _first_pass(trial: Trial) -> FirstPass:
    """What was judged; for a sample that could not be, a second pass asks again."""
    futures = trial.replies.futures
    return FirstPass(
        results={index: result for index, result in trial.results.items() if result.outcome != "error"},
        errors=dict(trial.errors),
        in_setup={question: futures[question] for question in trial.seen_in_setup if question in futures},
    )


def _case_result(item: pytest.Item, trial: Trial, checks: str) -> CaseResult:
    case = trial.case
    path, line, _ = item.location
    return CaseResult(
        key=trial.key,
        model=trial.model.name,
        samples=tuple(trial.results[index] for index in sorted(trial.results)),
        min_pass_rate=trial.min_pass_rate,
        dataset=case.dataset if case is not None else None,
        task=case.task if case is not None else None,
        tags=case.tags if case is not None else (),
        input=case.input if case is not None else None,
        content=content_digest(case),
        checks=checks,
        wording=case.wording if case is not None else "",
        file=path.replace("\\", "/"),
        line=(line or 0) + 1,
    )
