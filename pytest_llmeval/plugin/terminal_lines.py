"""Lines written on pytest's terminal."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from pytest_llmeval.report.paper import Line, Paper, writes_unicode


def write_lines(reporter: pytest.TerminalReporter, lines: Iterable[Line]) -> None:
    """Write lines in their styles."""
    for line in lines:
        reporter.write_line(line.text, **dict.fromkeys(line.style, True))


def write_all(reporter: pytest.TerminalReporter, notes: Iterable[str]) -> None:
    """Write notes below one another, each once."""
    paper = Paper(width=reporter.config.get_terminal_writer().fullwidth, ascii=not writes_unicode())
    for text in dict.fromkeys(notes):
        write_lines(reporter, paper.write(text, hang=2))
