"""Lines written on pytest's terminal."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from pytest_llmeval.plugin.evaluation import existing_evaluation
from pytest_llmeval.report.paper import Line, Paper, writes_unicode


def write_lines(reporter: pytest.TerminalReporter, lines: Iterable[Line]) -> None:
    """Write lines in their styles; the paper they are from has hidden the session's API keys before it wrapped them."""
    for line in lines:
        reporter.write_line(line.text, **dict.fromkeys(line.style, True))


def write_all(reporter: pytest.TerminalReporter, notes: Iterable[str]) -> None:
    """Write notes below one another, each once, without the session's API keys."""
    evaluation = existing_evaluation(reporter.config)
    secrets = evaluation.secrets() if evaluation is not None else {}
    paper = Paper(reporter.config.get_terminal_writer().fullwidth, not writes_unicode(), secrets=secrets)
    for text in dict.fromkeys(notes):
        write_lines(reporter, paper.write(text, hang=2))
