"""``llmeval``: saved runs without pytest."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_llmeval.analysis.compare import Extent, Rules, Side, compare
from pytest_llmeval.analysis.comparison import Comparison, part_of
from pytest_llmeval.analysis.dispersion import disagreement, dispersion_words, pool_of
from pytest_llmeval.analysis.measure import Figures, measure_each
from pytest_llmeval.analysis.routing import routes_of
from pytest_llmeval.analysis.unseen import nothing_seen
from pytest_llmeval.commands.cache import add_cache
from pytest_llmeval.commands.check import add_check
from pytest_llmeval.commands.import_cases import add_import
from pytest_llmeval.commands.merge import add_merge, failed_words
from pytest_llmeval.commands.plan import add_plan
from pytest_llmeval.commands.project import add_config, models_of, settings_of
from pytest_llmeval.config.settings import Settings
from pytest_llmeval.errors import ConfigError, LlmevalError
from pytest_llmeval.report.paper import joined, terminal_paper
from pytest_llmeval.report.summary import every_measure, list_category, summary, verdict
from pytest_llmeval.runs.file import load_run
from pytest_llmeval.runs.results import CaseResult, Run, was_another
from pytest_llmeval.runs.saved_when import when_words
from pytest_llmeval.stats.dependence import Dispersion
from pytest_llmeval.text import harmless

PASSED, GATE_FAILED, USAGE = 0, 1, 2


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
    show.set_defaults(run=_show)
    compare = commands.add_parser("compare", help="Compare two saved runs; exit 1 when the gate fails")
    compare.add_argument("baseline", metavar="BASELINE", help="The run to compare with")
    compare.add_argument(
        "candidate", metavar="CANDIDATE", nargs="?", help="The run on trial; left out, BASELINE holds both models"
    )
    compare.add_argument("--strict", action="store_true", help="INCONCLUSIVE fails the gate too")
    compare.add_argument(
        "--baseline-again",
        metavar="RUN",
        help="Another run of the baseline's model: its answers count too, and show whether samples repeat each other",
    )
    compare.set_defaults(run=_compare)
    add_merge(commands)
    add_plan(commands)
    add_cache(commands)
    add_import(commands)
    add_check(commands)
    for command in (show, compare):
        command.add_argument("--show", metavar="CATEGORY", help="List the cases of this error category too")
        command.add_argument("-v", "--verbose", action="count", default=0, help="List every case")
        command.add_argument("-q", "--quiet", action="count", default=0, help="The verdict only")
        add_config(command)
    return parser


def _show(options: argparse.Namespace) -> int:
    run = load_run(options.run_file)
    settings = settings_of(options)
    comparisons = _within(run, settings, models_of(run, options.model))
    alone = run.models_run() == [settings.baseline]
    rules = _rules(run, settings, strict=False)
    _print(options, rules, comparisons, measure_each(run), run.results, alone=alone, measures=True)
    return PASSED


def _within(run: Run, settings: Settings, names: Sequence[str], *, strict: bool = False) -> list[Comparison]:
    """The comparisons of a run that holds its baseline too."""
    if run.baseline is None:
        return []
    header = run.models.get(run.baseline, {})
    alias = str(header.get("name", run.baseline))  # what a saved baseline is called in its own file
    before = run._replace(models={alias: header})
    results = run.of_model(run.baseline)
    saved = header.get("saved")
    when = when_words(str(header.get("created", "")), None, results.values()) if saved else ""
    return [
        compare(
            Side(alias, results, saved, when),
            Side(name, after := run.of_model(name), another=was_another(before, run, alias, name)),
            _rules(run, settings, strict=strict),
            _extent(run, len(after)),
        )
        for name in names
        if name != run.baseline
    ]


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


def _rules(run: Run, settings: Settings, *, strict: bool, dispersion: Dispersion | None = None) -> Rules:
    """What a run is judged by: shards of one session by what that session would have been."""
    if run.shards is None:
        return Rules(settings.categories, settings.gate, strict, dispersion)
    shards = run.shards
    return Rules(shards.categories, shards.budgets, strict or shards.strict, dispersion or shards.dispersion)


def _extent(run: Run, ran: int) -> Extent:
    """How much of what there is a run has.

    Args:
        ran: how many cases of its model.
    """
    if run.shards is None:
        cases = len({result.key for result in run.results} | {key for key, _ in run.left_out})
        return Extent(_stopped(run), part_of(ran, cases))
    unmeasurable = [*run.shards.unmeasurable, *nothing_seen(result for result in run.results if _on_trial(run, result))]
    return Extent(_stopped(run), part_of(ran, run.shards.cases), unmeasurable)


def _on_trial(run: Run, result: CaseResult) -> bool:
    """Whether a result is of this run, and not of a saved baseline."""
    return not run.models.get(result.model, {}).get("saved")


def _compare(options: argparse.Namespace) -> int:
    settings = settings_of(options)
    before = load_run(options.baseline)
    after = load_run(options.candidate) if options.candidate is not None else before
    if after is not before and _holds(after, before, options):
        before = after  # as today's tests judge it
    if after is not before:
        comparisons = [_between(before, after, settings, options)]
        figures = [comparisons[0].candidate]
    else:
        comparisons = _within(before, settings, _names(before), strict=options.strict)
        # Shards without a baseline are as green as their sessions were.
        if options.baseline_again or not (comparisons or after.shards):
            why = "--baseline-again goes with two runs" if comparisons else "the run holds no baseline to compare with"
            raise ConfigError(f"{options.baseline}: {why}; name both: llmeval compare BASELINE CANDIDATE")
        figures = measure_each(after)
    _print(options, _rules(after, settings, strict=options.strict), comparisons, figures, after.results)
    stopped = _stopped(after)
    if stopped and not comparisons:
        print(f"NOT GREEN: {stopped}")
    if after.failed:
        print(f"NOT GREEN: {failed_words(after)}")
    if after.failed or stopped:  # no verdict must not look like a pass
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
    rules = _rules(after, settings, strict=options.strict, dispersion=dispersion)
    extent = _extent(after, len(candidate.results))
    if after.shards is None:
        extent = extent._replace(part=part_of(len(candidate.results), len({*baseline.results, *candidate.results})))
    return compare(baseline, candidate, rules, extent)


def _stopped(run: Run) -> str | None:
    """Why there is no verdict on a run, None when there is one."""
    if run.complete is None:
        return "the run was stopped before its end"
    return (run.shards.missing_words or None) if run.shards is not None else None


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
    listed, verbosity = options.show is not None, options.verbose - options.quiet
    paper = terminal_paper(shutil.get_terminal_size().columns, verbosity=verbosity, show="--show", listed=listed)
    routes = []
    if verbosity > 0 or (verbosity == 0 and len(comparisons) > 1):
        routes = routes_of(comparisons, rules)
    lines = summary(paper, comparisons, figures, results, routes=routes, alone=alone)
    for comparison in comparisons if listed else ():
        lines += list_category(paper, comparison, options.show)
    if verbosity >= (0 if measures else 1):
        lines += every_measure(paper, figures)
    if verbosity > 0:
        lines = joined([lines, verdict(paper, comparisons)])
    try:
        stream.write("".join(f"{line.text}\n" for line in lines))
        stream.flush()
    except OSError as error:
        # What could not be written must not be tried again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if not isinstance(error, BrokenPipeError):  # piped into head: the verdict stays
            raise
