"""Writes the summary into pytest's terminal output."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest

from pytest_llmeval.plugin.controller import Controller
from pytest_llmeval.plugin.evaluation import existing_evaluation
from pytest_llmeval.report.lines import Paper
from pytest_llmeval.report.terminal import every_measure, list_category, list_category_alone, summary

if TYPE_CHECKING:
    from pytest_llmeval.measure import Figures

__all__ = ["write_notes", "write_summary"]


def write_summary(reporter: pytest.TerminalReporter, controller: Controller) -> None:
    """Write the summary of a session in which a model was asked."""
    config = controller.config
    if not controller.evaluation.models:
        return  # each test has told what is missing
    run = controller.run()
    width = config.get_terminal_writer().fullwidth
    verbosity = config.get_verbosity()
    if config.getoption("no_summary", default=False):
        verbosity = min(verbosity, -1)
    routes = []
    if controller.comparisons and (verbosity > 0 or (verbosity == 0 and len(controller.comparisons) > 1)):
        from pytest_llmeval.routing import routes_of

        routes = routes_of(controller.comparisons, controller.evaluation.settings.categories)
    figures: list[Figures] = []
    if verbosity >= 0:
        from pytest_llmeval.measure import measure_each

        figures = measure_each(run)
    lines = summary(
        controller.comparisons,
        figures,
        run.results,
        routes=routes,
        width=min(width, 100),
        ascii=not _unicode(),
        verbosity=verbosity,
        listed=controller.evaluation.show is not None,
        alone=controller.evaluation.alone,
    )
    if not lines:
        return
    if verbosity > 0:
        lines += every_measure(figures, width=min(width, 100), ascii=not _unicode())
    reporter.section("language model evaluation", sep="=")
    for line in lines:
        reporter.write_line(line.text, **dict.fromkeys(line.style, True))
    category = controller.evaluation.show
    for comparison in controller.comparisons if category is not None else ():
        for line in list_category(
            comparison, str(category), width=min(width, 100), ascii=not _unicode(), verbosity=verbosity
        ):
            reporter.write_line(line.text, **dict.fromkeys(line.style, True))
    if category is not None and not controller.comparisons:
        for line in list_category_alone(
            run.results, str(category), width=min(width, 100), ascii=not _unicode(), verbosity=verbosity
        ):
            reporter.write_line(line.text, **dict.fromkeys(line.style, True))
    notes = [*controller.notes, *controller.evaluation.notes]
    _write_all(reporter, notes if verbosity >= 0 else [note for note in notes if note.startswith(("NOT ", "WORSE "))])


def write_notes(reporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Write what is to be told of a session that came to no result."""
    evaluation = existing_evaluation(config)
    if evaluation is not None:
        _write_all(reporter, evaluation.notes)


def _write_all(reporter: pytest.TerminalReporter, notes: Iterable[str]) -> None:
    paper = Paper(width=reporter.config.get_terminal_writer().fullwidth, ascii=not _unicode())
    for text in dict.fromkeys(notes):
        for line in paper.write(text, hang=2):
            reporter.write_line(line.text)


def _unicode() -> bool:
    encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower()
    return encoding.replace("-", "") in ("utf8", "utf16", "utf32", "gb18030")
