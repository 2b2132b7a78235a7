"""Takes what a terminal, a CI runner or xdist would stumble over out of the reports of tests that ask models.

A test that prints a reply, logs it, or skips because of it puts a model's words on a report that did not fail: every
report is made harmless. A lone surrogate on any of them would keep xdist's worker from sending it, and the session
would end without that test and without an error.
"""

from __future__ import annotations

from typing import Any

import pytest

from pytest_llmeval.text import first_line, harmless


def make_harmless(report: pytest.TestReport) -> None:
    """Make all text on a report harmless: what failed and where, captured output, reasons, recorded properties."""
    if report.sections:
        report.sections = [(harmless(title), harmless(text)) for title, text in report.sections]
    for place, (name, value) in enumerate(report.user_properties):
        if isinstance(value, str) and (made := harmless(value)) != value:
            report.user_properties[place] = name, made
    reason = getattr(report, "wasxfail", None)
    if isinstance(reason, str):
        report.wasxfail = _one_line(reason)
    longrepr = report.longrepr
    if isinstance(longrepr, str):
        report.longrepr = harmless(longrepr)
    elif isinstance(longrepr, tuple):  # of a skip
        path, line, words = longrepr
        report.longrepr = (path, line, _one_line(words))
    elif longrepr is not None:
        _of_exception(longrepr)


def _of_exception(shown: Any) -> None:
    """Make what pytest shows of an exception harmless.

    Args:
        shown: an ``ExceptionChainRepr``, or another that has some of its attributes.
    """
    crash = getattr(shown, "reprcrash", None)
    if crash is not None:
        crash.message = first_line(str(crash.message))
    chain = getattr(shown, "chain", None) or [(getattr(shown, "reprtraceback", None), crash, None)]
    for traceback, where, _ in chain:
        if where is not None:
            where.message = first_line(str(where.message))
        for entry in getattr(traceback, "reprentries", ()):
            _of_entry(entry)


def _of_entry(entry: Any) -> None:
    entry.lines = [harmless(line) for line in entry.lines]
    shown_locals, arguments, place = (
        getattr(entry, name, None) for name in ("reprlocals", "reprfuncargs", "reprfileloc")
    )
    if shown_locals is not None:
        shown_locals.lines = [harmless(line) for line in shown_locals.lines]
    if arguments is not None:
        arguments.args = [(name, harmless(value)) for name, value in arguments.args]
    if place is not None:
        place.message = first_line(str(place.message))


def _one_line(text: str) -> str:
    return " ".join(harmless(line) for line in text.splitlines())
