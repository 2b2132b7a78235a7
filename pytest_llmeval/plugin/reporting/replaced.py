"""Tests that are reported again behind a look: the last report counts, on the terminal, in JUnit, in the exit code.

Private to pytest, and all that the looks need of it: ``TerminalReporter.stats`` holds the reports,
``TerminalReporter._progress_nodeids_reported`` the tests that the percentage counts, and
``_pytest.junitxml.xml_key`` leads to the JUnit file, see `junit`.
"""

from __future__ import annotations

from typing import Any

import pytest

from pytest_llmeval.plugin.payload import look_of
from pytest_llmeval.plugin.reporting.junit import forget_testcase, testcase_of


class Replaced:
    """The tests of a session that are reported again."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self._last: dict[str, int] = {}  # by test the samples that its last look wanted
        self._testcases: dict[tuple[str, int], Any] = {}
        self._counted: set[str] = set()

    def take(self, report: pytest.TestReport) -> None:
        """Note a report that pytest has just been given."""
        if report.when == "setup" and report.passed:
            return  # nothing of it is shown
        look = look_of(report)
        if look:
            self._last[report.nodeid] = look
        if report.when != "teardown" and (report.nodeid, look) not in self._testcases:
            testcase = testcase_of(self.config, report)
            if testcase is not None:
                self._testcases[report.nodeid, look] = testcase

    def begin_again(self) -> None:
        """Have the percentage begin anew, for the tests of a look."""
        self._counted |= self._percentage
        self._percentage.clear()

    @property
    def _percentage(self) -> set[str]:
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        tests: set[str] = getattr(reporter, "_progress_nodeids_reported", set())
        return tests

    def drop_earlier(self, session: pytest.Session) -> None:
        """Remove what the earlier reports left behind."""
        self._percentage.update(self._counted)  # pytest counts what is new in its last line once it was 100 %
        for (nodeid, look), testcase in self._testcases.items():
            if look < self._last.get(nodeid, 0):
                forget_testcase(self.config, testcase)
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if not self._last or reporter is None:
            return
        for category, reports in list(reporter.stats.items()):
            session.testsfailed -= sum(report.failed for report in reports if self._is_replaced(report))
            kept = [report for report in reports if not self._is_replaced(report)]
            if kept or not reports:
                reporter.stats[category] = kept
            else:
                del reporter.stats[category]  # pytest takes the colour of its last line from the names

    def _is_replaced(self, report: object) -> bool:
        return isinstance(report, pytest.TestReport) and look_of(report) < self._last.get(report.nodeid, 0)
