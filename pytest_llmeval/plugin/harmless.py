"""Takes what a terminal, a CI runner or xdist would stumble over out of the reports of tests that ask models.

A test that prints a reply, logs it, or skips because of it puts a model's words on a report that did not fail: every
report is made harmless. A lone surrogate on any of them would keep xdist's worker from sending it, and the session
would end without that test and without an error.

Exceptions of this package are shown without the name of their module: the width of a line is for what went wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pytest_llmeval.credentials import hide_values
from pytest_llmeval.plugin.guard import ReportWrapper
from pytest_llmeval.text import first_line
from pytest_llmeval.text import harmless as escaped


def make_harmless(report: pytest.TestReport, secrets: Mapping[str, str]) -> None:
    """Make all text on a report harmless: what failed and where, captured output, reasons, recorded properties.

    Args:
        secrets: API keys that it must not show, such as one that a provider echoes, by their environment variables.
    """

    def harmless(text: str) -> str:
        return escaped(hide_values(text, secrets.values()))

    if report.sections:
        report.sections = [(harmless(title), harmless(text)) for title, text in report.sections]
    for place, (name, value) in enumerate(report.user_properties):
        if isinstance(value, str) and (made := harmless(value)) != value:
            report.user_properties[place] = name, made
    reason = getattr(report, "wasxfail", None)
    if isinstance(reason, str):
        report.wasxfail = _one_line(harmless(reason))
    longrepr = report.longrepr
    if isinstance(longrepr, str):
        report.longrepr = harmless(longrepr)
    elif isinstance(longrepr, tuple):  # of a skip
        path, line, words = longrepr
        report.longrepr = (path, line, _one_line(harmless(words)))
    elif longrepr is not None:
        _change(longrepr, harmless, lambda message: first_line(harmless(str(message))))


class ShortNames:
    """Shortens the names of this package's exceptions on reports, also of tests that ask no model."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> ReportWrapper:
        """Do it on the report of a test."""
        report = yield
        if call.excinfo is not None:
            _change(report.longrepr, _shortened, _shortened)
        return report

    def pytest_exception_interact(self, report: pytest.CollectReport | pytest.TestReport) -> None:
        """Do it on the report of a file that could not be collected."""
        _change(report.longrepr, _shortened, _shortened)


# As `traceback` begins a line with an exception's name, behind pytest's mark or within an exception group.
_MODULE = re.compile(r"^([E |]*)pytest_llmeval\.(?:\w+\.)+(?=[A-Z]\w+(?::|$))", re.MULTILINE)


def _shortened(text: Any) -> str:
    return _MODULE.sub(r"\1", str(text))


def _change(shown: Any, line: Callable[[str], str], message: Callable[[Any], str]) -> None:
    """Change what pytest shows of an exception.

    Args:
        shown: an ``ExceptionChainRepr``, or another that has some of its attributes.
        line: makes a line of what it was.
        message: the same for what is told in one line.
    """
    crash = getattr(shown, "reprcrash", None)
    chain = getattr(shown, "chain", None) or [(getattr(shown, "reprtraceback", None), crash, None)]
    places = [crash, *(where for _, where, _ in chain)]
    for entry in [entry for traceback, _, _ in chain for entry in getattr(traceback, "reprentries", ())]:
        entry.lines = [line(text) for text in entry.lines]
        shown_locals, arguments = getattr(entry, "reprlocals", None), getattr(entry, "reprfuncargs", None)
        if shown_locals is not None:
            shown_locals.lines = [line(text) for text in shown_locals.lines]
        if arguments is not None:
            arguments.args = [(name, line(value)) for name, value in arguments.args]
        places.append(getattr(entry, "reprfileloc", None))
    for place in places:
        if place is not None:
            place.message = message(place.message)


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())
