"""Writes the summary into pytest's terminal output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

from pytest_llmeval.plugin.evaluation import existing_evaluation
from pytest_llmeval.plugin.reporting.close_look import CloseLook
from pytest_llmeval.plugin.reporting.gathering import Gathered
from pytest_llmeval.plugin.terminal_lines import write_all, write_lines, writes_unicode
from pytest_llmeval.report.paper import Paper
from pytest_llmeval.report.summary import list_category, list_category_alone, summary, verdict

if TYPE_CHECKING:
    from pytest_llmeval.analysis.comparison import Comparison
    from pytest_llmeval.analysis.measure import Figures


def write_summary(
    reporter: pytest.TerminalReporter,
    gathered: Gathered,
    comparisons: Sequence[Comparison],
    notes: Sequence[str],
    close_look: CloseLook,
) -> None:
    """Write the summary of a session in which a model was asked."""
    config, evaluation = gathered.config, gathered.evaluation
    if not evaluation.models:
        return  # each test has said what is missing
    run = gathered.run()
    width = config.get_terminal_writer().fullwidth
    verbosity = config.get_verbosity()
    if config.getoption("no_summary", default=False):
        verbosity = min(verbosity, -1)
    closely = close_look.lines(Paper(width=width, ascii=not writes_unicode()), comparisons, run.in_order())
    if closely:
        reporter.section("cases looked at closely", sep="=")
        write_lines(reporter, closely)
    routes = []
    if comparisons and (verbosity > 0 or (verbosity == 0 and len(comparisons) > 1)):
        from pytest_llmeval.analysis.routing import routes_of

        routes = routes_of(comparisons, evaluation.settings.categories)
    figures: list[Figures] = []
    if verbosity >= 0:
        from pytest_llmeval.analysis.measure import measure_each

        figures = measure_each(run)
    lines = summary(
        comparisons,
        figures,
        run.results,
        routes=routes,
        width=min(width, 100),
        ascii=not writes_unicode(),
        verbosity=verbosity,
        listed=evaluation.show is not None or bool(closely and verbosity > 1),
        alone=evaluation.baseline.alone,
    )
    if not lines:
        return
    reporter.section("language model evaluation", sep="=")
    write_lines(reporter, lines)
    category = evaluation.show
    for comparison in comparisons if category is not None else ():
        listed = list_category(
            comparison, str(category), width=min(width, 100), ascii=not writes_unicode(), verbosity=verbosity
        )
        write_lines(reporter, listed)
    if category is not None and not comparisons:
        listed = list_category_alone(
            run.results, str(category), width=min(width, 100), ascii=not writes_unicode(), verbosity=verbosity
        )
        write_lines(reporter, listed)
    notes = [*notes, *evaluation.notes]
    if verbosity > 0:
        saved = next((path.name for path in evaluation.reports if path.suffix == ".jsonl"), "")
        how = f"llmeval show {saved or 'run.jsonl'}"
        notes.insert(0, f"every measure: {how if saved else f'--llm-report=run.jsonl, then {how}'}")
    write_all(reporter, notes if verbosity >= 0 else [note for note in notes if note.startswith(("NOT ", "WORSE "))])


def write_verdict(reporter: pytest.TerminalReporter, gathered: Gathered, comparisons: Sequence[Comparison]) -> None:
    """Write the verdict once more."""
    config, evaluation = gathered.config, gathered.evaluation
    width = min(config.get_terminal_writer().fullwidth, 100)
    listed = evaluation.show is not None
    verbosity = config.get_verbosity()
    lines = verdict(comparisons, width=width, ascii=not writes_unicode(), verbosity=verbosity, listed=listed)
    if lines and evaluation.models:
        reporter.section("verdict", sep="=")
        write_lines(reporter, lines)


def write_notes(reporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Write what is to be told of a session that came to no result."""
    evaluation = existing_evaluation(config)
    if evaluation is not None:
        write_all(reporter, evaluation.notes)
