"""The gate in the JUnit file, so that CI dashboards are red too.

Private to pytest, used by nobody else here: ``_pytest.junitxml.xml_key``.
"""

from __future__ import annotations

from typing import Literal

import pytest

from pytest_llmeval.comparison import Comparison
from pytest_llmeval.report.text import harmless

__all__ = ["add_to_junit"]


def add_to_junit(config: pytest.Config, comparison: Comparison) -> None:
    """Add a failed test case named after the gate, when a JUnit file is being written."""
    try:
        from _pytest.junitxml import xml_key
    except ImportError:
        return
    xml = config.stash.get(xml_key, None)
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
