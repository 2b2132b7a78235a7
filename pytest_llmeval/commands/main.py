"""``llmeval``: saved runs without pytest."""

from __future__ import annotations

import argparse
import gc
import math
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from pytest_llmeval.analysis.compare import Rules, Side, compare
from pytest_llmeval.analysis.comparison import Comparison, part_of
from pytest_llmeval.analysis.dispersion import disagreement, dispersion_words, pool_of
from pytest_llmeval.analysis.measure import Figures, measure_each
from pytest_llmeval.analysis.routing import routes_of
from pytest_llmeval.commands.add import add_add
from pytest_llmeval.commands.cache import add_cache
from pytest_llmeval.commands.check import add_check
from pytest_llmeval.commands.embedding import embedding_of, named_in
from pytest_llmeval.commands.github_step import on_github, publish, publish_failure
from pytest_llmeval.commands.history import add_history
from pytest_llmeval.commands.import_cases import add_import
from pytest_llmeval.commands.judge_agreement import add_judge_agreement
from pytest_llmeval.commands.judging import as_told, decided_in, extent_of, rules_notes, rules_of, stopped_words, within
from pytest_llmeval.commands.merge import add_merge, failed_words
from pytest_llmeval.commands.plan import add_plan
from pytest_llmeval.commands.project import add_config, models_of, secrets_of, settings_of
from pytest_llmeval.commands.report import add_report
from pytest_llmeval.commands.results_table import is_table, load_tables, told_by_tables
from pytest_llmeval.commands.review import add_review
from pytest_llmeval.commands.shadow import add_shadow
from pytest_llmeval.config.settings import Settings
from pytest_llmeval.errors import ConfigError, LlmevalError
from pytest_llmeval.report.category import uncategorised_lines
from pytest_llmeval.report.exports import Session, not_green
from pytest_llmeval.report.paper import Line, joined, terminal_paper
from pytest_llmeval.report.summary import every_measure, list_differing, no_commands, summary, verdict
from pytest_llmeval.runs.file import load_run
from pytest_llmeval.runs.results import CaseResult, Run, was_another
from pytest_llmeval.runs.saved_when import when_words
from pytest_llmeval.text import first_line, harmless

PASSED, GATE_FAILED, USAGE = 0, 1, 2
MOST_QUIET = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        0, or 1 when a gate failed or shards are missing, or 2 when the command line or a file is wrong.
    """
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except LlmevalError as error:
        for line in str(error).splitlines():
            print(f"llmeval: {harmless(line)}", file=sys.stderr)
        if getattr(options, "gates", False):
            publish_failure(first_line(str(error)))
    except BrokenPipeError:  # piped into head: what could not be written must not be tried again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f"llmeval: cannot write the output: {error.strerror}", file=sys.stderr)
    return USAGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="llmeval", description="Look at saved runs of pytest-llmeval: pytest --llm-report=run.jsonl saves one."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    show = commands.add_parser("show", help="Print the summary of a saved run")
    show.add_argument("run_file", metavar="RUN", help="A run saved with --llm-report")
    show.add_argument("--model", help="The model on trial, when the run holds several")
    show.add_argument(
        "--uncategorised",
        action="store_true",
        help="List instead the failures of plain asserts without a category, grouped by their reasons",
    )
    show.set_defaults(run=_show)
    compare = commands.add_parser(
        "compare", help="Compare two saved runs, or results of any tool (.csv); exit 1 when the gate fails"
    )
    compare.add_argument("baseline", metavar="BASELINE", help="The run to compare with, or a .csv file of results")
    compare.add_argument(
        "candidate", metavar="CANDIDATE", nargs="?", help="The run on trial; leave it out if BASELINE holds both models"
    )
    compare.add_argument(
        "--pass-score", type=_finite, metavar="X", help="The lowest score that passes, in .csv files without outcomes"
    )
    compare.add_argument("--strict", action="store_true", help="Fail the gate also for INCONCLUSIVE")
    compare.add_argument(
        "--baseline-again",
        metavar="RUN",
        help="Another run of the baseline's model: its answers count too, and show whether samples repeat each other",
    )
    compare.set_defaults(run=_compare, gates=True)
    add_report(commands)
    add_review(commands)
    add_add(commands)
    add_shadow(commands)
    add_judge_agreement(commands)
    add_merge(commands)
    add_plan(commands)
    add_cache(commands)
    add_import(commands)
    add_check(commands)
    add_history(commands)
    for command in (show, compare):
        command.add_argument(
            "--show",
            metavar="CATEGORY",
            action="append",
            default=[],
            help="List the cases of this error category too. Repeat it for several.",
        )
        command.add_argument("--differs", action="store_true", help="List the cases whose replies differ too")
        command.add_argument("-v", "--verbose", action="count", default=0, help="List every case")
        command.add_argument("-q", "--quiet", action="count", default=0, help="The verdict only")
        add_config(command)
    return parser


def _finite(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return number


def _show(options: argparse.Namespace) -> int:
    saved, settings = load_run(options.run_file), settings_of(options)
    run = as_told(saved, settings, options.config)
    names = models_of(run, options.model)
    if options.uncategorised:
        _print_uncategorised(options, [result for result in run.in_order() if result.model in names], settings)
        return PASSED
    comparisons = within(run, settings, names)
    if options.differs and not comparisons:
        raise ConfigError(
            f"{options.run_file} holds one side alone, so no replies can differ; name both: "
            f"llmeval compare BASELINE {options.run_file} --differs"
        )
    alone = run.models_run() == [settings.baseline]
    rules = rules_of(run, settings, strict=False)
    _print(options, rules, comparisons, measure_each(run), run.results, alone=alone, measures=True)
    _tell(options, rules_notes(saved, settings, options.config) if comparisons else [])
    if comparisons and run.failed:
        _tell(options, [f"NOT GREEN: {failed_words(run)}"])
    return PASSED


def _tell(options: argparse.Namespace, notes: Sequence[str]) -> None:
    """Print notes on a run below its report, but for -qq."""
    for note in notes if options.quiet < MOST_QUIET and sys.stdout is not None else ():
        print(harmless(note))


def _names(run: Run) -> list[str]:
    """The models of a run, those without any result included."""
    return list(dict.fromkeys((*run.models, *run.models_run())))


def _holds(after: Run, before: Run, options: argparse.Namespace) -> bool:
    """Whether a run of shards holds a baseline, which their sessions left ungated.

    Raises:
        ConfigError: it holds another one, by which it must be judged.
    """
    header = after.models.get(after.baseline or "", {})
    if after.shards is None or before.shards is not None or not header.get("saved"):
        return False
    if header.get("created") != before.created:
        raise ConfigError(
            f"{options.candidate} was run beside {header['saved']}, and {options.baseline} is another run; "
            f"judge it by its own: llmeval compare {options.candidate}"
        )
    return True


def _both(options: argparse.Namespace, settings: Settings) -> tuple[Run, Run]:
    """The two runs that are compared, which are one where a run holds its baseline.

    Raises:
        ConfigError: the files or options do not belong together.
    """
    tables = [is_table(path) for path in (options.baseline, options.candidate) if path is not None]
    if not any(tables):
        if options.pass_score is not None:
            raise ConfigError("--pass-score goes with results in .csv or .tsv; a run itself says what passed")
        before = load_run(options.baseline)
        return before, load_run(options.candidate) if options.candidate is not None else before
    if options.candidate is None or options.baseline_again:
        what = "--baseline-again goes with two saved runs" if options.baseline_again else "it holds one side"
        raise ConfigError(f"{options.baseline}: {what}; name both: llmeval compare BEFORE.csv AFTER.csv")
    if not all(tables):
        run = options.candidate if tables[0] else options.baseline
        raise ConfigError(
            f"{run} is no table, and the other file is one; compare two of a kind: llmeval report {run} -o results.csv"
        )
    return load_tables(options.baseline, options.candidate, options.pass_score, settings.categories)


@contextmanager
def _no_collector() -> Iterator[None]:
    """No search for circular garbage: of a large run it takes a third of the time, and a run has none."""
    searches = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searches:
            gc.enable()


@_no_collector()
def _compare(options: argparse.Namespace) -> int:
    settings = settings_of(options)
    before, saved = _both(options, settings)
    after = as_told(saved, settings, options.config)
    before = after if before is saved else before
    if after is not before and _holds(after, before, options):
        before = after  # as today's tests judge it
    if after is not before:
        comparison = _between(before, after, settings, options)
        comparisons = [told_by_tables(comparison, before, after) if is_table(options.candidate) else comparison]
        figures = [comparisons[0].candidate]
    else:
        comparisons = within(before, settings, _names(before), strict=options.strict)
        # Shards without a baseline are as green as their sessions were.
        if options.baseline_again or not (comparisons or after.shards):
            why = "--baseline-again goes with two runs" if comparisons else "the run holds no baseline to compare with"
            raise ConfigError(f"{options.baseline}: {why}; name both: llmeval compare BASELINE CANDIDATE")
        figures = measure_each(after)
    _print(options, rules_of(after, settings, strict=options.strict), comparisons, figures, after.results)
    notes = rules_notes(saved, settings, options.config) if comparisons and not is_table(options.baseline) else []
    _tell(options, notes)
    stopped = stopped_words(after)
    red = [not_green(stopped)] if stopped and not comparisons else []
    # Of two runs that are compared afresh, other tests of the second say nothing.
    red += [not_green(failed_words(after))] if after.failed and (after is before or after.shards is not None) else []
    for why in red:
        print(why)
    if on_github():
        publish(
            Session(after, comparisons, figures, secrets_of(settings), [*red, *notes]),
            (options.config or Path.cwd()).absolute(),
        )
    if red or stopped:  # no verdict must not look like a pass
        return GATE_FAILED
    return GATE_FAILED if any(comparison.gate == "failed" for comparison in comparisons) else PASSED


def _between(before: Run, after: Run, settings: Settings, options: argparse.Namespace) -> Comparison:
    """The comparison of two runs."""
    old, new = _one_model(before, options.baseline), _one_model(after, options.candidate)
    dispersion, results = None, before.of_model(old)
    if options.baseline_again:
        second = load_run(options.baseline_again)
        dispersion, pool = disagreement(before, second, old), pool_of(before, second, old)
        results = dict(pool.results)
        print(f"{dispersion_words(dispersion)}\nbaseline: {pool.words}")
    when = when_words(before.created, before.commit, results.values())
    baseline = Side(old, results, Path(options.baseline).name, when)
    candidate = Side(new, after.of_model(new), another=was_another(before, after, old, new))
    rules = rules_of(after, settings, strict=options.strict, dispersion=dispersion)
    extent = extent_of(after, len(candidate.results))
    if after.shards is None:  # what its session could not measure concerns the baseline of then
        part = part_of(len(candidate.results), len({*baseline.results, *candidate.results}))
        extent = extent._replace(part=part, unmeasurable=())
    return decided_in(after, compare(baseline, candidate, rules, extent))


def _one_model(run: Run, path: str) -> str:
    names = [name for name in run.models if name != run.baseline]
    if len(names) != 1:
        raise ConfigError(f"{path} holds {len(names)} models besides its baseline; two runs of one model are compared")
    return names[0]


def _print(
    options: argparse.Namespace,
    rules: Rules,
    comparisons: Sequence[Comparison],
    figures: Sequence[Figures],
    results: Sequence[CaseResult],
    *,
    alone: bool = False,
    measures: bool = False,
) -> None:
    """Print the report of a run.

    Args:
        options: of the command line.
        rules: what the run is judged by.
        comparisons: of the run with its baseline.
        figures: of the models on trial.
        results: of the run.
        alone: whether its only model is the baseline of the project.
        measures: whether every measure is printed without -v too.
    """
    stream = sys.stdout
    if stream is None:  # closed by the shell: >&-
        return
    listed, verbosity = bool(options.show or options.differs), options.verbose - options.quiet
    paper = terminal_paper(shutil.get_terminal_size().columns, verbosity=verbosity, show="--show", listed=listed)
    routes = []
    if verbosity > 0 or (verbosity == 0 and len(comparisons) > 1):
        routes = routes_of(comparisons, rules)
    lines = summary(paper, comparisons, figures, results, routes=routes, alone=alone, show=options.show)
    if verbosity >= (0 if measures else 1):
        lines += every_measure(paper, figures)
    if options.differs:
        lines = joined([lines, list_differing(paper, comparisons)])
    if verbosity > 0:
        lines = joined([lines, verdict(paper, comparisons)])
    _write(stream, lines)


def _print_uncategorised(options: argparse.Namespace, results: Sequence[CaseResult], settings: Settings) -> None:
    if sys.stdout is None:
        return
    paper = terminal_paper(shutil.get_terminal_size().columns, verbosity=options.verbose - options.quiet, show="--show")
    by = embedding_of(settings)
    _write(sys.stdout, no_commands(uncategorised_lines(paper, results, by, named_in(settings))))


def _write(stream: TextIO, lines: Sequence[Line]) -> None:
    try:
        stream.write("".join(f"{line.text}\n" for line in lines))
        stream.flush()
    except OSError as error:
        # What could not be written must not be tried again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if not isinstance(error, BrokenPipeError):  # piped into head: the verdict stays
            raise
