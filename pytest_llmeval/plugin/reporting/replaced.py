"""Tests that were reported a second time: only the later report counts, on the terminal, in JUnit and in the exit code.

Private to pytest: ``TerminalReporter.stats`` holds reports, and what `junit` says of the JUnit file.
"""

from __future__ import annotations

from typing import Any

import pytest

from pytest_llmeval.plugin.payload import is_second
from pytest_llmeval.plugin.reporting.junit import earlier_testcase, forget_testcase


class Replaced:
    """The tests of a session that get a second report."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self._again: set[str] = set()
        self._testcases: dict[str, Any] = {}

    def take(self, report: pytest.TestReport) -> None:
        """Note a report that pytest has just been given."""
        if is_second(report):
            if report.when != "setup" or not report.passed:
                self._again.add(report.nodeid)
        elif report.when == "call" and report.nodeid not in self._testcases:
            testcase = earlier_testcase(self.config, report)
            if testcase is not None:
                self._testcases[report.nodeid] = testcase

    def drop_earlier(self, session: pytest.Session) -> None:
        """Remove what the earlier reports left behind."""
        for nodeid in self._again & set(self._testcases):
            forget_testcase(self.config, self._testcases[nodeid])
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if not self._again or reporter is None:
            return
        for category, reports in list(reporter.stats.items()):
            session.testsfailed -= sum(report.failed for report in reports if self._is_replaced(report))
            kept = [report for report in reports if not self._is_replaced(report)]
            if kept or not reports:
                reporter.stats[category] = kept
            else:
                del reporter.stats[category]  # pytest takes the colour of its last line from the names

    def _is_replaced(self, report: object) -> bool:
        return isinstance(report, pytest.TestReport) and report.nodeid in self._again and not is_second(report)
