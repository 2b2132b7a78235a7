"""Lines written on pytest's terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import pytest

from pytest_llmeval.report.paper import Line, Paper


def write_lines(reporter: pytest.TerminalReporter, lines: Iterable[Line]) -> None:
    """Write lines in their styles."""
    for line in lines:
        reporter.write_line(line.text, **dict.fromkeys(line.style, True))


def write_all(reporter: pytest.TerminalReporter, notes: Iterable[str]) -> None:
    """Write notes below one another, each once."""
    paper = paper_for(reporter.config)
    for text in dict.fromkeys(notes):
        for line in paper.write(text, hang=2):
            reporter.write_line(line.text)


def paper_for(config: pytest.Config) -> Paper:
    """A report's width, characters and verbosity on this terminal."""
    encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower()
    unicode = encoding.replace("-", "") in ("utf8", "utf16", "utf32", "gb18030")
    return Paper(config.get_terminal_writer().fullwidth, not unicode, config.get_verbosity())
