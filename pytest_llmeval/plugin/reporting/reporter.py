"""The hooks of the process that reports: idle until a report brings a case's result."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmeval.plugin.guard import LAST_NOTES

if TYPE_CHECKING:
    from pytest_llmeval.engine.pipeline import Pipeline
    from pytest_llmeval.plugin.evaluation import Evaluation
    from pytest_llmeval.plugin.payload import Payload
    from pytest_llmeval.plugin.reporting.parts import Parts
    from pytest_llmeval.plugin.reporting.second_interrupt import SecondInterrupt
    from pytest_llmeval.plugin.reporting.status_line import StatusLine
    from pytest_llmeval.plugin.selection import Selection


class Reporting:
    """Registered in every session; a session that asks no model pays one look at each report."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self._parts: Parts | None = None
        self._vanished: str | None = None
        self._status: StatusLine | None = None
        self._interrupted: SecondInterrupt | None = None
        self._empty: Selection | None = None

    def pytest_sessionstart(self) -> None:
        """Remove what an earlier session wrote: were this one to end early, it would be taken for this one's."""
        from pytest_llmeval.plugin.options import given, summaries_asked_for

        if self.config.option.collectonly:
            return
        for path in summaries_asked_for(self.config):
            with suppress(OSError):
                path.unlink(missing_ok=True)
        if given(self.config, "llm_shard"):
            from pytest_llmeval.plugin.build_evaluation import evaluation_of

            for path in evaluation_of(self.config).reports:
                with suppress(OSError):
                    path.unlink(missing_ok=True)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None, None, None]:
        """Take a case's result off its report; once pytest has written its dot, update the status line."""
        payload = _payload_on(report)
        if payload is None:
            return (yield)
        if self._parts is None:
            from pytest_llmeval.plugin.reporting.parts import Parts

            self._parts = Parts(self.config, self._status_line())
            self.preload(self._parts.gathered.evaluation)
        self._parts.take(report, payload)
        yield
        if self._parts.gathered.evaluation.most_samples is not None:
            self._parts.replaced.take(report)
        del report.llmeval  # pytest keeps the report; who else reads them has done so by now
        self.tick()

    def preload(self, evaluation: Evaluation) -> None:
        """Import what the summary needs, before the tests use up the file descriptors."""
        from pytest_llmeval.plugin.publishing.publish import publishes
        from pytest_llmeval.plugin.reporting.preload_summary import import_all

        import_all(compares=evaluation.compares, publishes=publishes(evaluation))

    def look(self) -> Mapping[str, int]:
        """The ids of the tests that get more samples, with their number; asked once all tests that were to run have."""
        if self._parts is None:
            return {}
        chosen, told = self._parts.judging.look()
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if not chosen or reporter is None:
            return chosen
        self._parts.replaced.begin_again()
        if self.config.get_verbosity() >= 0:
            self._parts.status.clear()
            if self.config.get_terminal_writer().width_of_current_line:
                reporter.write_line("")  # xdist's dots are not ended by ensure_newline
            reporter.write_line(told)
        return chosen

    def look_by_worker(self) -> Mapping[str, Mapping[int, int]]:
        """The same by the worker of xdist that has run the tests, and by their places there."""
        chosen, places = self.look(), self._parts.gathered.places if self._parts is not None else {}
        by_worker: dict[str, dict[int, int]] = {}
        for nodeid, samples in chosen.items():
            worker, place = places[nodeid]
            by_worker.setdefault(worker, {})[place] = samples
        return by_worker

    def tick(self) -> None:
        """Update the status line."""
        from pytest_llmeval.plugin.evaluation import existing_evaluation

        if not self._status_line().due:  # this is called for every test, and to count what is in flight takes longer
            return
        evaluation = existing_evaluation(self.config)
        elsewhere = evaluation is None or getattr(self.config.option, "numprocesses", None)
        calls = (None, 0.0) if elsewhere or evaluation is None else (evaluation.in_flight, evaluation.longest_wait)
        self._status_line().update(self._parts.gathered if self._parts is not None else None, *calls)

    def show_waiting(self, pipeline: Pipeline) -> None:
        """Update the status line during a test that waits by itself, too."""
        if not self._status_line().wanted:
            return
        capture: Any = self.config.pluginmanager.get_plugin("capturemanager")

        def waiting() -> None:
            with capture.global_and_fixture_disabled():
                self.tick()

        pipeline.waiting = waiting

    def _status_line(self) -> StatusLine:
        if self._status is None:
            from pytest_llmeval.plugin.reporting.status_line import StatusLine

            self._status = StatusLine(self.config)
        return self._status

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.CollectReport | pytest.TestReport) -> Any:
        """Words of our own for a miss, which the gate decides about, and for a case that could not be judged."""
        if report.when == "collect" or report.passed:
            return None
        outcome: str | None = None
        if self._parts is not None:
            from pytest_llmeval.plugin.reporting.short_summary import outcome_told

            outcome = outcome_told(report)
        if outcome is None:  # another plugin asks before this one has taken the result
            payload = _payload_on(report)
            outcome = payload.result.outcome if payload is not None and payload.result is not None else None
        if report.failed and outcome == "repeated":
            return "same error", "E", ("SAME ERROR", {"red": True})
        if report.when != "call":
            return None
        if report.skipped and outcome == "unverified":
            return "unverified", "u", ("UNVERIFIED", {"yellow": True})
        if report.skipped and outcome is not None:
            return "missed", "m", ("MISSED", {"yellow": True})
        word = self._crowded_word(report)
        if report.failed and outcome == "error":
            return "error", "E", (word or "ERROR", {"red": True})
        return ("failed", "F", (word, {"red": True})) if report.failed and outcome == "fail" and word else None

    def _crowded_word(self, report: pytest.CollectReport | pytest.TestReport) -> str:
        """As the short summary needs it; beside a test's name with -v there is a reason anyway."""
        if self._parts is None or self.config.get_verbosity() > 0:
            return ""
        from pytest_llmeval.plugin.reporting.short_summary import crowded_word

        width = self.config.get_terminal_writer().fullwidth
        return crowded_word(report, width, self._parts.gathered.evaluation.environment)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """Judge the run when all tests are done, before the exit code is computed."""
        try:
            result = yield
        finally:
            if self._status is not None:
                self._status.clear()
            if self._parts is not None:
                self._parts.replaced.drop_earlier(session)
        # Not reached on -x, Ctrl-C and the like: there is no verdict on a part of the cases.
        if not session.shouldstop and not session.shouldfail:
            self._take_empty_shard()
            if self._parts is not None:
                session.testsfailed += self._parts.finish(failed=session.testsfailed)
            else:
                session.testsfailed += bool(self._asked_for) or self._lacks_all(session)
        return result

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self) -> None:
        """Let no further Ctrl-C lose what has finished."""
        if "pytest_llmeval.plugin.evaluation" in sys.modules:  # of a session that may ask models
            from pytest_llmeval.plugin.reporting.second_interrupt import SecondInterrupt

            self._interrupted = SecondInterrupt(self.config)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """Write what a stopped session leaves, before anything else is done."""
        self._save(session)
        if self._interrupted is None:
            return (yield)
        self._interrupted.held = False
        try:
            return (yield)
        finally:
            self._interrupted.held = True

    def _save(self, session: pytest.Session) -> None:
        """Write what a stopped session leaves; put failed gates into pytest's last line and the JUnit file."""
        if self._parts is not None:
            self._parts.count_failures(session.testsfailed)
            if self._empty is not None and session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
                session.exitstatus = pytest.ExitCode.OK
        elif self._asked_for:
            from pytest_llmeval.plugin.evaluation import existing_evaluation

            evaluation = existing_evaluation(self.config)
            if evaluation is not None:
                evaluation.notes.append(f"NOT SAVED: {self._asked_for}: no test asked a model")
        if self._parts is None and "pytest_llmeval.plugin.evaluation" in sys.modules:
            self._tell_stopped(session)

    def _tell_stopped(self, session: pytest.Session) -> None:
        """Tell the page of the CI step of a session that was stopped before any case had a result."""
        from pytest_llmeval.plugin.evaluation import existing_evaluation

        evaluation = existing_evaluation(self.config)
        broken = session.exitstatus in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR)
        if evaluation is not None and (broken or session.shouldstop or session.shouldfail):
            from pytest_llmeval.plugin.publishing.publish import publish_nothing

            evaluation.notes += publish_nothing(evaluation)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take over what a worker of xdist noted at last, and that it has none of its shard's cases."""
        output = getattr(node, "workeroutput", None) or {}
        if LAST_NOTES not in output:
            return
        from pytest_llmeval.plugin.payload import EMPTY_SHARD, selection_from_json

        if self._parts is not None:
            self._parts.notes.lines += [note for note in output[LAST_NOTES] if note not in self._parts.notes.lines]
        if EMPTY_SHARD in output:
            self._empty = selection_from_json(json.loads(output[EMPTY_SHARD]))

    def _take_empty_shard(self) -> None:
        """Have a shard without cases save its run too, or it would seem to be missing."""
        runner: Any = self.config.pluginmanager.get_plugin("llmeval-runner")
        if self._parts is not None or runner is None or runner.evaluation.shard is None:
            return
        if self._empty is None and self.config.pluginmanager.get_plugin("llmeval-lost") is None:
            self._empty = runner.selected.selection
        if self._empty is not None and self._empty.in_shards and not self.config.option.collectonly:
            from pytest_llmeval.plugin.reporting.parts import Parts

            self._parts = Parts(self.config, self._status_line())
            self._parts.gathered.selection = self._empty

    def _lacks_all(self, session: pytest.Session) -> bool:
        """Whether all cases of the baseline are gone; the summary says so."""
        option, plugins = self.config.option, self.config.pluginmanager
        runner: Any = plugins.get_plugin("llmeval-runner")
        if option.collectonly or (runner is not None and runner.selected.trials):
            return False  # they were deselected
        from pytest_llmeval.plugin.reporting.vanished import vanished

        lost: Any = plugins.get_plugin("llmeval-lost")  # knows what workers collected, but not what they left out
        if lost is not None and (option.markexpr or option.deselect):
            return False
        collected = [item.nodeid for item in session.items] if lost is None else lost.collected
        self._vanished = vanished(self.config, collected)
        return self._vanished is not None

    @property
    def _asked_for(self) -> str:
        """What was to be saved, which a session that asks no model cannot do; "" without it."""
        from pytest_llmeval.plugin.options import given

        if self.config.option.collectonly:
            return ""
        if given(self.config, "llm_update_baseline"):
            return "the baseline stays as it was"
        return "this shard has no run" if given(self.config, "llm_shard") else ""

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write the summary."""
        if self._vanished is not None:
            terminalreporter.section("language model evaluation", sep="=")
            terminalreporter.write_line(self._vanished, red=True, bold=True)
        if (parts := self._parts) is not None:
            from pytest_llmeval.plugin.reporting.terminal import write_summary

            write_summary(
                terminalreporter, parts.gathered, parts.judging.comparisons, parts.notes.lines, parts.close_look
            )
            environment = parts.gathered.evaluation.environment  # as it was at the start, where a test has emptied it
            if environment.get("GITHUB_ACTIONS"):
                from pytest_llmeval.report.github import commands

                folder = environment.get("GITHUB_WORKSPACE", "")
                for line in commands(parts.judging.comparisons, self.config.rootpath, folder):
                    terminalreporter.write_line(line)
        elif "pytest_llmeval.plugin.evaluation" in sys.modules:
            from pytest_llmeval.plugin.evaluation import existing_evaluation
            from pytest_llmeval.plugin.terminal_lines import write_all

            evaluation = existing_evaluation(self.config)
            write_all(terminalreporter, evaluation.notes if evaluation is not None else ())


def _payload_on(report: Any) -> Payload | None:
    if not hasattr(report, "llmeval"):
        return None
    from pytest_llmeval.plugin.payload import payload_of

    return payload_of(report)
