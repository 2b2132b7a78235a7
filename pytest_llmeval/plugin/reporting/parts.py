"""What a session that has results needs, each part with one job; made when the first result arrives."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pytest_llmeval.plugin.guard import faults_of, register
from pytest_llmeval.plugin.payload import Payload
from pytest_llmeval.plugin.publishing.publish import publish
from pytest_llmeval.plugin.reporting.close_look import CloseLook
from pytest_llmeval.plugin.reporting.gathering import Gathered
from pytest_llmeval.plugin.reporting.judging import Judging
from pytest_llmeval.plugin.reporting.junit import add_to_junit, error_in_junit, failure_in_junit
from pytest_llmeval.plugin.reporting.last_failed import LastFailed
from pytest_llmeval.plugin.reporting.notes import Notes
from pytest_llmeval.plugin.reporting.replaced import Replaced
from pytest_llmeval.plugin.reporting.short_summary import ShortSummary
from pytest_llmeval.plugin.reporting.status_line import StatusLine
from pytest_llmeval.plugin.reporting.terminal import LastWords
from pytest_llmeval.plugin.reporting.writing import Writing


class Parts:
    """The parts, in the order they take part."""

    def __init__(self, config: pytest.Config, status: StatusLine) -> None:
        self.notes = Notes(config)
        self.gathered = Gathered(config)
        self.judging = Judging(self.gathered, self.notes.lines)
        self.writing = Writing(self.gathered, self.notes.lines)
        self.status = status
        self.close_look = CloseLook(config)
        self.replaced = Replaced(config)
        self._last_failed = LastFailed(config)
        self._short_summary = ShortSummary(verbose=config.get_verbosity() > 0)
        self._config = config
        register(config, self._last_failed, "llmeval-last-failed")
        register(config, LastWords(self.gathered, self.judging, self.close_look), "llmeval-last-words")

    def take(self, report: pytest.TestReport, payload: Payload) -> None:
        """Take in what is on a report, before pytest shows it."""
        self.notes.take(report, payload)
        self.writing.add(self.gathered.take(report, payload))
        self.close_look.take(report, payload)
        self._last_failed.take(report, payload)
        if payload.result is not None:
            self._short_summary.take(report, payload.result)
            if report.when == "call" and report.failed and payload.result.outcome == "error":
                error_in_junit(self._config, report)
            if report.when == "call" and payload.result.outcome == "fail":
                failure_in_junit(self._config, report, payload.result, self.gathered.evaluation.secrets())

    def finish(self, stopped: str | None = None, failed: int = 0) -> int:
        """Compare, and write what is to be written.

        Args:
            stopped: why the session did not come to its end, None when it did.
            failed: how many tests failed.

        Returns:
            How many gates fail the session, and how many files could not be written.
        """
        self.gathered.ended = stopped is None
        self.judging.compare(stopped)
        if stopped is None:
            self.judging.note_samples()
        self.writing.finish()
        self.notes.finish(self.gathered, compared=bool(self.judging.comparisons))
        self.writing.record()
        lines = self.notes.lines
        told, unwritten = publish(self.gathered, self.judging.comparisons, lines, failed=failed, stopped=stopped)
        self.notes.lines += told
        self.writing.unwritten += unwritten
        failures = failed + self.writing.unwritten + faults_of(self._config).told
        self.writing.close(failures, self.judging.unexamined)
        return len(self.judging.failed) + self.writing.unwritten

    def count_failures(self, tests_failed: int) -> None:
        """Put failed gates into pytest's last line and the JUnit file; first write what a stopped session leaves.

        Args:
            tests_failed: how many tests of the session failed.
        """
        if not self.gathered.ended:
            self.finish("the session was stopped before its end", tests_failed)
        failed, reporter = self.judging.failed, self._config.pluginmanager.get_plugin("terminalreporter")
        told = {"gate failed" if len(failed) == 1 else "gates failed": len(failed), "not saved": self.writing.unwritten}
        for word, number in told.items():
            if number and reporter is not None:  # other plugins look into the __dict__ of whatever is counted
                reporter.stats.setdefault(word, []).extend(SimpleNamespace() for _ in range(number))
        for comparison in failed:
            add_to_junit(self._config, comparison)
