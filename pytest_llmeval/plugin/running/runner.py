"""Runs trials in the process that runs the tests: samples, results, and what the test's report says."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterable, Mapping
from contextlib import suppress
from functools import cached_property

import pytest

from pytest_llmeval.engine.fulfilled import Fulfilled
from pytest_llmeval.errors import LlmevalError
from pytest_llmeval.plugin.asking.wide_fixtures import refuse_wide_capture, wide_fixtures
from pytest_llmeval.plugin.baseline import ModelBaseline, NewBaseline, SavedBaseline
from pytest_llmeval.plugin.evaluation import Evaluation
from pytest_llmeval.plugin.guard import LAST_NOTES, ReportWrapper, faults_of, register
from pytest_llmeval.plugin.harmless import make_harmless
from pytest_llmeval.plugin.identity import identity_of
from pytest_llmeval.plugin.items import WIDE, being_set_up, uses_llm
from pytest_llmeval.plugin.payload import EMPTY_SHARD, Payload, attach, mark_look, without_verdict
from pytest_llmeval.plugin.rejudging.again import Again, again_key, judged_again_key
from pytest_llmeval.plugin.running.beside import Beside
from pytest_llmeval.plugin.running.case_result import (
    after_teardown,
    named,
    note_subtest,
    result_of,
    set_up_result,
    tell_of_error,
    tell_of_executions,
    without_keys,
)
from pytest_llmeval.plugin.running.live import LiveFixtures
from pytest_llmeval.plugin.running.replies import Drawn, Suspended, drawn_key, more_samples_key
from pytest_llmeval.plugin.running.samples import SWALLOWED, sampled
from pytest_llmeval.plugin.running.scheduler import Outermost, Scheduler, can_schedule, missing
from pytest_llmeval.plugin.running.stop_worker import stop_with_controller
from pytest_llmeval.plugin.running.trial import Trial, forget_trial, trial_key
from pytest_llmeval.plugin.selecting.selected import Selected
from pytest_llmeval.runs.results import NOT_COMPARED, CaseResult
from pytest_llmeval.text import were

_may_fail_key = pytest.StashKey[bool]()  # whether a test was marked as xfail before its body ran
_result_key = pytest.StashKey[CaseResult]()


class Runner:
    """The hooks of a process that runs tests; registered when the first test that asks a model is collected."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        self.selected = Selected(evaluation)
        self.scheduler: Scheduler | None = None
        self._reporting_process: int | None = None

    @cached_property
    def _secrets(self) -> Mapping[str, str]:
        with suppress(LlmevalError):  # which each test tells
            return self.evaluation.secrets()
        return {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note what was left out, and have the tests that ask models overlap, where this pytest can."""
        self.selected.finish(session)
        config, faults = session.config, faults_of(session.config)
        if self.evaluation.shard is not None and not any(map(uses_llm, session.items)):
            output = getattr(config, "workeroutput", {})
            output[EMPTY_SHARD] = json.dumps(self.selected.selection._asdict())  # execnet sends no named tuples
        option = config.option
        if option.collectonly or getattr(option, "setuponly", False) or getattr(option, "setupplan", False):
            return
        faults.failed = self._fail
        reporting = config.pluginmanager.get_plugin("llmeval-reporting")  # none in a worker of xdist
        if hasattr(config, "workerinput"):
            from pytest_llmeval.plugin.running.sendable import Sendable

            register(config, Sendable(), "llmeval-sendable")
            stop_with_controller(session, self.evaluation)
        self._reporting_process = os.getpid() if reporting is not None else None
        if self.selected.modules:
            with suppress(Exception):  # the first call meets the same trouble, and its case tells it
                self.evaluation.prepare(self.selected.modules)
        if reporting is not None and self.selected.trials:
            reporting.preload(self.evaluation)
        beside = Beside(config)
        wide = wide_fixtures(session, self.evaluation.notes)
        if wide is not None:
            register(config, wide, WIDE)
        if can_schedule(session):
            live = LiveFixtures(wide.asking_fixtures if wide is not None else ())
            tick = reporting.tick if reporting is not None else lambda: None
            if reporting is not None:
                reporting.show_waiting(self.evaluation.pipeline())
            if self.evaluation.mode != "replay":  # which waits for nothing
                self.evaluation.notes += beside.told(filter(uses_llm, session.items))
            window = 4 * self.evaluation.concurrency
            pipeline = self.evaluation.pipeline()
            scheduler = Scheduler(
                session, live, beside=beside, window=window, runs_dry=lambda: pipeline.runs_dry, tick=tick
            )
            for name, plugin in (("live", live), ("scheduler", scheduler), ("outermost", Outermost(scheduler))):
                register(config, plugin, f"llmeval-{name}")
            self.scheduler = scheduler
            faults.waiting = scheduler.pending
        elif lacks := missing(session):
            self.evaluation.notes.append(f"tests wait for each reply, one after another: {lacks} is missing")
        self._judge_saved_replies(config, beside)
        if self.evaluation.most_samples is not None:  # behind all others, so that it is asked before them
            from pytest_llmeval.plugin.running.looks import LooksHere, LooksInWorker

            places = config.pluginmanager.get_plugin("llmeval-places")
            looks = LooksHere(reporting.look) if reporting is not None else LooksInWorker(places)
            register(config, looks, "llmeval-looks")

    def _judge_saved_replies(self, config: pytest.Config, beside: Beside) -> None:
        """Have the replies of a saved baseline judged, which are compared, or kept beside those of today."""
        baseline = self.evaluation.baseline
        saved = baseline.old if isinstance(baseline, NewBaseline) and baseline.append else baseline
        if not isinstance(saved, SavedBaseline):
            return
        from pytest_llmeval.plugin.rejudging.judged_again import JudgedAgain

        judged_again = JudgedAgain(saved, beside, self.selected.moved, self._tell_later)
        if self.scheduler is not None:
            self.scheduler.saved = judged_again
        else:
            register(config, judged_again, "llmeval-judged-again")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Send nothing more once the tests are over or were stopped, as by Ctrl-C: before anything is written."""
        try:
            return (yield)
        finally:
            self.evaluation.stop()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, None, None]:
        """Note whose fixtures are set up."""
        being_set_up.append(item)
        try:
            yield
            item.stash.setdefault(_may_fail_key, item.get_closest_marker("xfail") is not None)
        except pytest.fail.Exception as error:
            if str(error).startswith("ScopeMismatch"):
                refuse_wide_capture(item)
            raise
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

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> ReportWrapper:
        """Put the case's result on its report, which is how it reaches the process that reports."""
        asks = uses_llm(item)
        trial = item.stash.get(trial_key, None) if asks else None
        if trial is not None and trial.suspended and call.excinfo is not None:
            trial.ended.append(call)
        if not asks or (trial is not None and trial.suspended):
            return (yield)
        again = item.stash.get(again_key, None)
        if call.when == "call" and trial is not None and again is None:
            _name_in_junit(item, trial)
        report = yield
        if trial is not None and call.when == "call" and trial.phase == "call":  # the body still runs
            note_subtest(trial, call, report, shown=again is None, misses=self._misses(item))
        elif again is not None:
            _keep_for_baseline(item, trial, call, report, again)
        elif (saved := item.stash.get(judged_again_key, None)) is not None and saved.held is not None:
            saved.held.append((trial, call, report))
            return report
        else:
            self._tell(item, trial, call, report)
            return report
        make_harmless(report, self._secrets)
        return report

    def _tell(
        self, item: pytest.Item, trial: Trial | None, call: pytest.CallInfo[None], report: pytest.TestReport
    ) -> None:
        """Say on the report of one of a test's phases what became of its case, and how often it was executed."""
        self._report(item, trial, call, report)
        tell_of_executions(report, item, call.excinfo.value if call.excinfo is not None else None)
        make_harmless(report, self._secrets)

    def _tell_later(
        self, item: pytest.Item, trial: Trial | None, call: pytest.CallInfo[None], report: pytest.TestReport
    ) -> None:
        """As `_tell`, of a report whose hooks have ended: what went wrong in one of these counts still."""
        self._tell(item, trial, call, report)
        faults_of(item.config).tell(report, item)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Close connections and files."""
        if self.scheduler is not None and self.scheduler.pending:
            waiting = were(len(self.scheduler.pending), "test")
            self.evaluation.notes.append(f"{waiting} waiting for replies and not finished")
        self.evaluation.close()
        if (output := getattr(session.config, "workeroutput", None)) is not None:
            output[LAST_NOTES] = list(self.evaluation.notes)

    def _report(
        self, item: pytest.Item, trial: Trial | None, call: pytest.CallInfo[None], report: pytest.TestReport
    ) -> None:
        """Put a case's result on the report of one of its phases."""
        if more_samples_key in item.stash:
            mark_look(report, item.stash[more_samples_key])
        used = _to_record(item, trial) if trial is not None and self.evaluation.record else ()
        # Of a test that is expected to fail no answer counts: those that pass would be chosen by how they turned out.
        passes_unexpectedly = report.passed and call.when == "call" and hasattr(report, "wasxfail")
        if passes_unexpectedly or (report.skipped and call.when in ("setup", "call")):
            ends = call.excinfo.value if call.excinfo is not None else None
            answered = trial is not None and bool(trial.sample.calls)
            by_itself = isinstance(ends, pytest.skip.Exception | pytest.xfail.Exception)
            # A test that marks itself once it has an answer says so as well.
            marked = item.get_closest_marker("xfail") is not None and not item.stash.get(_may_fail_key, False)
            skips_itself = answered and (by_itself or marked)
            self._attach(item, report, None, used, skips_itself=skips_itself)
        elif call.when == "setup" and report.failed:
            error = call.excinfo.value if call.excinfo is not None else None
            self._attach(item, report, set_up_result(item, error))
        elif call.when == "call" and trial is not None:
            result = item.stash[_result_key] = result_of(item, trial, call, report)
            if trial.replies.reason:
                self.evaluation.notes.append(f"warning: {item.nodeid} waited for each reply: {trial.replies.reason}")
            self._attach(item, report, result, used)
            if report.failed and result.outcome == "fail" and self._misses(item):
                report.outcome = "skipped"
                reason = next(sample.reason for sample in result.samples if sample.category == result.category)
                report.wasxfail = f"{result.category}: {reason}"
            if report.failed and result.outcome == "unverified":
                report.outcome, reason = "skipped", next(s.reason for s in result.samples if s.outcome == "unverified")
                report.longrepr = (str(item.path), result.line, f"unverified: {reason}")
            if report.failed and result.outcome == "error":
                tell_of_error(report, result)
        elif call.when == "call":  # a fixture of the project's own named ``llm``: no result is expected
            self._attach(item, report, None)
        elif call.when == "teardown" and trial is not None:
            judged = item.stash.get(_result_key, None)
            if report.failed and judged is not None:
                self._attach(item, report, after_teardown(trial, judged, call, report))
            if self.evaluation.most_samples is not None:
                item.stash[drawn_key] = _drawn(trial)
            # What a test asked and got is on its report now; kept until the end it would be most of a session's memory.
            forget_trial(item)

    def _misses(self, item: pytest.Item) -> bool:
        """Whether the gate decides about a failing case, since the baseline has it too."""
        match self.evaluation.baseline:
            case NewBaseline():
                return True
            case ModelBaseline() as baseline:
                return self.selected.on_both_sides(item, baseline)
        again = item.stash.get(judged_again_key, None)
        judged = again.verdict(named(item)) if again is not None else None
        return judged is not None and judged.outcome != "error" and judged.rejudged not in NOT_COMPARED

    def _fail(self, item: pytest.Item, report: pytest.TestReport, reason: str) -> None:
        """Give a test that this plugin could not judge a result that says so."""
        if not uses_llm(item):
            return
        self._attach(item, report, set_up_result(item, None))
        without_verdict(report, reason)

    def _attach(
        self,
        item: pytest.Item,
        report: pytest.TestReport,
        result: CaseResult | None,
        used: Iterable[Fulfilled] = (),
        *,
        skips_itself: bool = False,
    ) -> None:
        notes = self.evaluation.notes
        again = item.stash.get(judged_again_key, None)
        payload = Payload(
            case=identity_of(item).key,
            result=without_keys(result, self._secrets) if result is not None else None,
            entries=tuple(fulfilled.entry for fulfilled in used),
            selection=self.selected.told(),
            baseline=again.verdict(result) if again is not None and result is not None else None,
            notes=tuple(notes),
            process=os.getpid(),
            billed=self.evaluation.billed,
            skips_itself=skips_itself,
        )
        # A worker of xdist sends its reports, and so does a process that another plugin forks for a test.
        attach(report, payload, as_text=os.getpid() != self._reporting_process)
        del notes[:]


def _to_record(item: pytest.Item, trial: Trial) -> list[Fulfilled]:
    """The replies of a test, with what judges said of the baseline's."""
    again = item.stash.get(judged_again_key, None)
    return [*trial.to_record, *(again.verdicts if again is not None else ())]


def _keep_for_baseline(
    item: pytest.Item, trial: Trial | None, call: pytest.CallInfo[None], report: pytest.TestReport, again: Again
) -> None:
    """Keep what today's test says of saved replies."""
    if trial is None or report.skipped:
        return
    if call.when == "call":
        again.result = result_of(item, trial, call, report)
        again.verdicts = trial.verdicts
    elif call.when == "teardown" and report.failed and again.result is not None:
        again.result = after_teardown(trial, again.result, call, report)


def _name_in_junit(item: pytest.Item, trial: Trial) -> None:
    if not any(name == "llm_model" for name, _ in item.user_properties):
        item.user_properties.append(("llm_model", trial.model.name))


def _drawn(trial: Trial) -> Drawn:
    """What was judged; a sample that could not be is asked for again behind the next look."""
    futures = trial.replies.futures
    return Drawn(
        results={index: result for index, result in trial.results.items() if result.outcome != "error"},
        errors=dict(trial.errors),
        in_setup={question: futures[question] for question in trial.seen_in_setup if question in futures},
    )
