"""``llmeval``: saved runs without pytest."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmeval.commands.cache import add_cache
from pytest_llmeval.commands.merge import add_merge
from pytest_llmeval.commands.plan import add_plan
from pytest_llmeval.errors import ConfigError, LlmevalError

if TYPE_CHECKING:
    from pytest_llmeval.analysis.comparison import Comparison
    from pytest_llmeval.analysis.measure import Figures
    from pytest_llmeval.config.settings import Settings
    from pytest_llmeval.runs.results import CaseResult, Run

PASSED, GATE_FAILED, USAGE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        0, or 1 when a gate failed or shards do not make a whole run, or 2 when the command line or a file is wrong.
    """
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except LlmevalError as error:
        from pytest_llmeval.text import harmless

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
        help="Another run of the baseline's model: tells whether the samples of a run repeat each other",
    )
    compare.set_defaults(run=_compare)
    add_merge(commands)
    add_plan(commands)
    add_cache(commands)
    for command in (show, compare):
        command.add_argument("--show", metavar="CATEGORY", help="List the cases of this error category too")
        command.add_argument("-v", "--verbose", action="count", default=0, help="List every case")
        command.add_argument("-q", "--quiet", action="count", default=0, help="The verdict only")
        command.add_argument(
            "--config", type=Path, default=None, metavar="FOLDER", help="Where [tool.llmeval] stands (default: here)"
        )
    return parser


def _show(options: argparse.Namespace) -> int:
    from pytest_llmeval.analysis.measure import measure_each
    from pytest_llmeval.config.settings import load_settings
    from pytest_llmeval.runs.file import load_run

    run = load_run(options.run_file)
    settings = load_settings(options.config or Path.cwd())
    names = run.models_run()
    if options.model is not None and options.model not in names:
        raise ConfigError(f"--model={options.model}: the run has no such model (models: {', '.join(names)})")
    comparisons = _within(run, settings, [options.model] if options.model else names)
    _print(
        comparisons,
        measure_each(run),
        run.results,
        options,
        settings,
        alone=names == [settings.baseline],
        everything=True,
    )
    return PASSED


def _within(run: Run, settings: Settings, names: Sequence[str], *, strict: bool = False) -> list[Comparison]:
    """The comparisons of a run that holds its baseline too."""
    from pytest_llmeval.analysis.compare import Extent, Rules, Side, compare
    from pytest_llmeval.analysis.comparison import part_of

    if run.baseline is None:
        return []
    saved = run.models.get(run.baseline, {}).get("saved")
    return [
        compare(
            Side(run.baseline, run.of_model(run.baseline), saved=saved),
            Side(name, after := run.of_model(name)),
            Rules(settings.categories, settings.gate, strict=strict),
            Extent(_stopped(run), part_of(len(after), _everything(run))),
        )
        for name in names
        if name != run.baseline
    ]


def _compare(options: argparse.Namespace) -> int:
    from pytest_llmeval.analysis.measure import measure_each
    from pytest_llmeval.config.settings import load_settings
    from pytest_llmeval.runs.file import load_run

    settings = load_settings(options.config or Path.cwd())
    before = load_run(options.baseline)
    if options.candidate is not None:
        after = load_run(options.candidate)
        comparisons = [_between(before, after, settings, options)]
        figures = [comparisons[0].candidate]
    else:
        after = before
        comparisons = _within(before, settings, before.models_run(), strict=options.strict)
        if not comparisons or options.baseline_again:
            told = "--baseline-again goes with two runs" if comparisons else "the run holds no baseline to compare with"
            raise ConfigError(f"{options.baseline}: {told}; name both: llmeval compare BASELINE CANDIDATE")
        figures = measure_each(before)
    _print(comparisons, figures, after.results, options, settings)
    if after.complete is None:  # stopped before its end: somebody waits for a verdict that there is none of
        return GATE_FAILED
    return GATE_FAILED if any(comparison.gate == "failed" for comparison in comparisons) else PASSED


def _between(before: Run, after: Run, settings: Settings, options: argparse.Namespace) -> Comparison:
    """The comparison of two runs."""
    from pytest_llmeval.analysis.compare import Extent, Rules, Side, compare
    from pytest_llmeval.analysis.comparison import part_of
    from pytest_llmeval.runs.results import was_another

    old, new = (
        _one_model(before.models, before.baseline, options.baseline),
        _one_model(after.models, after.baseline, options.candidate),
    )
    dispersion = None
    if options.baseline_again:
        from pytest_llmeval.analysis.dispersion import disagreement, dispersion_words
        from pytest_llmeval.runs.file import load_run

        dispersion = disagreement(before, load_run(options.baseline_again), old)
        print(dispersion_words(dispersion))
    baseline = Side(old, before.of_model(old), saved=Path(options.baseline).name)
    candidate = Side(new, after.of_model(new), another=was_another(before, after, old, new))
    part = part_of(len(candidate.results), len({*baseline.results, *candidate.results}))
    rules = Rules(settings.categories, settings.gate, options.strict, dispersion)
    return compare(baseline, candidate, rules, Extent(_stopped(after), part))


def _stopped(run: Run) -> str | None:
    return "the run was stopped before its end" if run.complete is None else None


def _everything(run: Run) -> int:
    """How many cases there are, as far as a run knows."""
    return len({result.key for result in run.results} | {key for key, _ in run.left_out})


def _one_model(models: object, baseline: str | None, path: str) -> str:
    names = [name for name in (models if isinstance(models, dict) else {}) if name != baseline]
    if len(names) != 1:
        raise ConfigError(f"{path} holds {len(names)} models besides its baseline; two runs of one model are compared")
    return str(names[0])


def _print(
    comparisons: Sequence[Comparison],
    figures: Sequence[Figures],
    results: Sequence[CaseResult],
    options: argparse.Namespace,
    settings: Settings,
    *,
    alone: bool = False,
    everything: bool = False,
) -> None:
    from pytest_llmeval.analysis.routing import routes_of
    from pytest_llmeval.report.paper import Line, Paper
    from pytest_llmeval.report.summary import every_measure, list_category, summary, verdict

    stream = sys.stdout
    if stream is None:  # closed by the shell: >&-
        return
    encoding = (stream.encoding or "ascii").lower().replace("-", "")
    width, verbosity = max(24, min(shutil.get_terminal_size().columns, 100)), options.verbose - options.quiet
    paper = Paper(width, not encoding.startswith("utf"), verbosity, "--show", listed=options.show is not None)
    routes = []
    if verbosity > 0 or (verbosity == 0 and len(comparisons) > 1):
        routes = routes_of(comparisons, settings.categories)
    lines = summary(comparisons, figures, results, paper, routes=routes, alone=alone)
    if options.show is not None and comparisons:
        lines += list_category(comparisons, results, options.show, paper)
    if verbosity >= (0 if everything else 1):
        lines += every_measure(figures, paper)
    if verbosity > 0 and (last := verdict(comparisons, paper)):
        lines += [Line(""), *last]
    try:
        stream.write("".join(f"{line.text}\n" for line in lines))
        stream.flush()
    except OSError as error:
        # What could not be written must not be tried again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if not isinstance(error, BrokenPipeError):  # piped into head: the verdict stands
            raise
