"""Writes the summary into pytest's terminal output."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import pytest

from pytest_llmeval.analysis.comparison import Comparison
from pytest_llmeval.analysis.measure import measure_each
from pytest_llmeval.config.place import shown_path
from pytest_llmeval.plugin.options import given
from pytest_llmeval.plugin.reporting.close_look import CloseLook
from pytest_llmeval.plugin.reporting.gathering import Gathered
from pytest_llmeval.plugin.reporting.judging import Judging
from pytest_llmeval.plugin.terminal_lines import write_all, write_lines
from pytest_llmeval.report.paper import Paper, terminal_paper, writes_unicode
from pytest_llmeval.report.summary import summary, verdict


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
    width, verbosity = config.get_terminal_writer().fullwidth, config.get_verbosity()
    whole = Paper(width=width, ascii=not writes_unicode(), verbosity=verbosity, secrets=evaluation.secrets())
    closely = close_look.lines(whole, comparisons, run.in_order())
    if evaluation.shard is not None:
        run = run._replace(results=tuple(gathered.results.values()))  # a saved baseline beside it would look compared
    paper = _paper(gathered, closely=bool(closely))
    if closely:
        reporter.section("cases looked at closely", sep="=")
        write_lines(reporter, closely)
    verbosity = paper.verbosity
    routes = []
    if comparisons and (verbosity > 0 or (verbosity == 0 and len(comparisons) > 1)):
        from pytest_llmeval.analysis.compare import Rules
        from pytest_llmeval.analysis.routing import routes_of

        routes = routes_of(comparisons, Rules(evaluation.settings.categories, evaluation.settings.gate))
    figures = measure_each(run) if verbosity >= 0 else []
    wanted_none = given(config, "llm_baseline") in ("none", "")
    alone = evaluation.baseline.alone or evaluation.shard is not None or wanted_none
    besides, show = gathered.billed_besides, evaluation.show
    lines = summary(paper, comparisons, figures, run.results, routes=routes, alone=alone, besides=besides, show=show)
    if not lines and evaluation.shard is None:
        return
    reporter.section("language model evaluation", sep="=")
    write_lines(reporter, lines)
    notes = [*notes, *evaluation.notes]
    if verbosity > 0:
        saved = next((path.name for path in evaluation.reports), "")
        how = f"llmeval show {saved or 'run.jsonl'}"
        notes.insert(0, f"every measure: {how if saved else f'--llm-report=run.jsonl, then {how}'}")
    write_all(reporter, notes if verbosity >= 0 else [note for note in notes if note.startswith(("NOT ", "WORSE "))])


class LastWords:
    """Writes the verdict once more at the very end, where what was shown before it is long."""

    def __init__(self, gathered: Gathered, judging: Judging, close_look: CloseLook) -> None:
        self._gathered = gathered
        self._judging = judging
        self._close_look = close_look

    @pytest.hookimpl(wrapper=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> Generator[None, None, None]:
        """Write it behind everything but pytest's last line."""
        yield
        if self._gathered.config.get_verbosity() > 0:
            lines = verdict(_paper(self._gathered, closely=self._close_look.shown), self._judging.comparisons)
            if lines and self._gathered.evaluation.models:
                terminalreporter.section("verdict", sep="=")
                write_lines(terminalreporter, lines)


def _paper(gathered: Gathered, *, closely: bool = False) -> Paper:
    """What the summary is written on.

    Args:
        closely: whether cases are shown closely, which with -vv need not be listed again.
    """
    config = gathered.config
    verbosity = config.get_verbosity()
    if config.getoption("no_summary", default=False):
        verbosity = min(verbosity, -1)
    listed = bool(gathered.evaluation.show) or (closely and verbosity > 1)
    width, secrets = config.get_terminal_writer().fullwidth, gathered.evaluation.secrets()
    paper = terminal_paper(width, verbosity=verbosity, listed=listed, secrets=secrets)
    mode = gathered.evaluation.mode
    return paper._replace(page=_page(gathered), asks_all=mode if mode in ("live", "refresh") else "")


def _page(gathered: Gathered) -> str | None:
    """As `Paper.page`."""
    here = gathered.config.invocation_params.dir
    for path in gathered.evaluation.summaries:
        if path.suffix == ".html":
            return shown_path(path, here) if path in gathered.written else None
    return "" if gathered.ended else None
