"""Writes the summary into pytest's terminal output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmeval.plugin.evaluation import existing_evaluation
from pytest_llmeval.plugin.reporting.close_look import CloseLook
from pytest_llmeval.plugin.reporting.controller import Controller
from pytest_llmeval.plugin.terminal_lines import write_all, write_lines
from pytest_llmeval.report.paper import Paper, terminal_paper, writes_unicode
from pytest_llmeval.report.summary import list_category, list_category_alone, summary, verdict

if TYPE_CHECKING:
    from pytest_llmeval.analysis.measure import Figures


def write_summary(reporter: pytest.TerminalReporter, controller: Controller, close_look: CloseLook) -> None:
    """Write the summary of a session in which a model was asked."""
    config = controller.config
    if not controller.evaluation.models:
        return  # each test has told what is missing
    run = controller.run()
    width = config.get_terminal_writer().fullwidth
    verbosity = config.get_verbosity()
    if config.getoption("no_summary", default=False):
        verbosity = min(verbosity, -1)
    closely = close_look.lines(Paper(width=width, ascii=not writes_unicode()), controller.comparisons, run.in_order())
    if closely:
        reporter.section("cases looked at closely", sep="=")
        write_lines(reporter, closely)
    routes = []
    if controller.comparisons and (verbosity > 0 or (verbosity == 0 and len(controller.comparisons) > 1)):
        from pytest_llmeval.analysis.routing import routes_of

        routes = routes_of(controller.comparisons, controller.evaluation.settings.categories)
    figures: list[Figures] = []
    if verbosity >= 0:
        from pytest_llmeval.analysis.measure import measure_each

        figures = measure_each(run)
    category = controller.evaluation.show
    listed = category is not None or bool(closely and verbosity > 1)
    paper = terminal_paper(width, verbosity=verbosity, listed=listed)
    alone = controller.evaluation.alone is not None
    lines = summary(paper, controller.comparisons, figures, run.results, routes=routes, alone=alone)
    if not lines:
        return
    reporter.section("language model evaluation", sep="=")
    write_lines(reporter, lines)
    for comparison in controller.comparisons if category is not None else ():
        write_lines(reporter, list_category(paper, comparison, str(category)))
    if category is not None and not controller.comparisons:
        write_lines(reporter, list_category_alone(paper, run.results, category))
    notes = [*controller.notes, *controller.evaluation.notes]
    if verbosity > 0:
        saved = next((path.name for path in controller.evaluation.reports if path.suffix == ".jsonl"), "")
        how = f"llmeval show {saved or 'run.jsonl'}"
        notes.insert(0, f"every measure: {how if saved else f'--llm-report=run.jsonl, then {how}'}")
    write_all(reporter, notes if verbosity >= 0 else [note for note in notes if note.startswith(("NOT ", "WORSE "))])


def write_verdict(reporter: pytest.TerminalReporter, controller: Controller) -> None:
    """Write the verdict once more."""
    width, verbosity = controller.config.get_terminal_writer().fullwidth, controller.config.get_verbosity()
    paper = terminal_paper(width, verbosity=verbosity, listed=controller.evaluation.show is not None)
    lines = verdict(paper, controller.comparisons)
    if lines and controller.evaluation.models:
        reporter.section("verdict", sep="=")
        write_lines(reporter, lines)


def write_notes(reporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Write what is to be told of a session that came to no result."""
    evaluation = existing_evaluation(config)
    if evaluation is not None:
        write_all(reporter, evaluation.notes)
