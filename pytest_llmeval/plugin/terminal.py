"""Writes the summary into pytest's terminal output."""

from __future__ import annotations

import sys

import pytest

from pytest_llmeval.measure import measure
from pytest_llmeval.plugin.controller import Controller
from pytest_llmeval.report.terminal import summary
from pytest_llmeval.report.text import harmless
from pytest_llmeval.run import models_of

__all__ = ["write_summary"]


def write_summary(reporter: pytest.TerminalReporter, controller: Controller) -> None:
    """Write the summary of a session in which a model was asked."""
    config = controller.config
    run = controller.run()
    width = config.get_terminal_writer().fullwidth
    verbosity = config.get_verbosity()
    if config.getoption("no_summary", default=False):
        verbosity = min(verbosity, -1)
    lines = summary(
        controller.comparisons,
        [measure(name, run.of_model(name).values()) for name in models_of(run.results)],
        run.results,
        width=min(width, 100),
        ascii=not _unicode(),
        verbosity=verbosity,
    )
    if not lines:
        return
    reporter.section("language model evaluation", sep="=")
    for line in lines:
        reporter.write_line(line.text, **dict.fromkeys(line.style, True))
    if verbosity >= 0:
        for text in controller.notes:
            reporter.write_line(harmless(text))


def _unicode() -> bool:
    encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower()
    return encoding.replace("-", "") in ("utf8", "utf16", "utf32", "gb18030")
