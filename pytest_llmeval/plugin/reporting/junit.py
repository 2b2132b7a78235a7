"""The gate in the JUnit file, so that CI dashboards are red too, and one test case for a test that ran more than once.

Private to pytest, used only here: ``_pytest.junitxml.xml_key`` and what it leads to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import pytest

from pytest_llmeval.analysis.comparison import Comparison
from pytest_llmeval.credentials import hide_secrets
from pytest_llmeval.runs.results import CaseResult
from pytest_llmeval.text import harmless, json_words, shortened

MOST_TEXT = 2000  # characters of each property


def add_to_junit(config: pytest.Config, comparison: Comparison) -> None:
    """Add a failed test case named after the gate, when a JUnit file is being written."""
    xml = _xml(config)
    if xml is None:
        return
    message = harmless("\n".join(comparison.reasons) or "the gate failed")
    phases: tuple[Literal["setup", "call", "teardown"], ...] = ("setup", "call", "teardown")
    for when in phases:
        report = pytest.TestReport(
            nodeid=f"llmeval.py::gate[{comparison.candidate.model} vs {comparison.baseline.model}]",
            location=("llmeval.py", 0, "gate"),
            keywords={},
            outcome="failed" if when == "call" else "passed",
            longrepr=message if when == "call" else None,
            when=when,
        )
        xml.pytest_runtest_logreport(report)


def error_in_junit(config: pytest.Config, report: pytest.TestReport) -> None:
    """Let the JUnit file count a case that could not be judged as an error, as pytest's last line does."""
    testcase = testcase_of(config, report)
    if hasattr(testcase, "_add_simple"):  # else it counts as a failure there

        def append(report: pytest.TestReport) -> None:
            crash = getattr(report.longrepr, "reprcrash", None)
            message = harmless(str(report.longrepr if crash is None else crash.message))
            testcase._add_simple("error", message, str(report.longrepr))

        testcase.append_failure = append


def failure_in_junit(
    config: pytest.Config, report: pytest.TestReport, result: CaseResult, secrets: Mapping[str, str]
) -> None:
    """Let the JUnit file tell a failing case's input, reply and reason; a miss is a pass there, the gate may fail.

    Dashboards take anything else for a failure, of a test that the gate has decided about.

    Args:
        secrets: API keys that must not be in it, by the names of their environment variables.
    """
    testcase = testcase_of(config, report)
    if testcase is None:
        return
    for name, value in _told(result).items():
        testcase.add_property(f"llmeval.{name}", shortened(harmless(hide_secrets(value, secrets)), MOST_TEXT))
    if hasattr(report, "wasxfail"):
        testcase.append_skipped = testcase.append_pass


def _told(result: CaseResult) -> dict[str, str]:
    failing = next((sample for sample in result.samples if sample.outcome == "fail"), None)
    asked = result.input if isinstance(result.input, str) else json_words(result.input, width=MOST_TEXT)
    told = {
        "model": result.model,
        "category": ", ".join(result.categories),
        "reason": failing.reason if failing is not None else "",
        "input": asked if result.input else "",
        "reply": failing.calls[-1].answer.text if failing is not None and failing.calls else "",
    }
    return {name: value for name, value in told.items() if value}


def testcase_of(config: pytest.Config, report: pytest.TestReport) -> Any:
    """What writes a test's case while its report is handled, None when no JUnit file is being written."""
    xml = _xml(config)
    return xml.node_reporter(report) if xml is not None and hasattr(xml, "node_reporters_ordered") else None


def forget_testcase(config: pytest.Config, testcase: Any) -> None:
    """Take a test case out again, and out of the counts."""
    xml = _xml(config)
    xml.node_reporters_ordered.remove(testcase)
    found = {node.tag for node in testcase.to_xml()} & {"error", "failure", "skipped"}
    for counted in found or {"passed"}:
        xml.stats[counted] -= 1


def _xml(config: pytest.Config) -> Any:
    try:
        from _pytest.junitxml import xml_key
    except ImportError:
        return None
    return config.stash.get(xml_key, None)
