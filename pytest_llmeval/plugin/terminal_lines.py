"""Lines written on pytest's terminal."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from pytest_llmeval.credentials import hide_value
from pytest_llmeval.plugin.evaluation import existing_evaluation
from pytest_llmeval.report.paper import Line, Paper, writes_unicode


def write_lines(reporter: pytest.TerminalReporter, lines: Iterable[Line]) -> None:
    """Write lines in their styles, without the API keys of the session, which a reply may hold."""
    evaluation = existing_evaluation(reporter.config)
    keys = evaluation.secrets().values() if evaluation is not None else ()
    for line in lines:
        text = line.text
        for key in keys:
            text = hide_value(text, key)
        reporter.write_line(text, **dict.fromkeys(line.style, True))


def write_all(reporter: pytest.TerminalReporter, notes: Iterable[str]) -> None:
    """Write notes below one another, each once."""
    paper = Paper(width=reporter.config.get_terminal_writer().fullwidth, ascii=not writes_unicode())
    for text in dict.fromkeys(notes):
        write_lines(reporter, paper.write(text, hang=2))
