"""``llmeval``: saved runs without pytest."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmeval.cache_command import add_cache
from pytest_llmeval.errors import ConfigError, LlmevalError
from pytest_llmeval.plan_command import add_plan

if TYPE_CHECKING:
    from pytest_llmeval.compare import Comparison
    from pytest_llmeval.measure import Figures
    from pytest_llmeval.run import CaseResult

__all__ = ["main"]

PASSED, GATE_FAILED, USAGE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        0, or 1 when a gate failed, or 2 when the command line or a file is wrong.
    """
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except LlmevalError as error:
        print(f"llmeval: {error}", file=sys.stderr)
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
    compare.add_argument("candidate", metavar="CANDIDATE", help="The run on trial")
    compare.add_argument("--strict", action="store_true", help="INCONCLUSIVE fails the gate too")
    compare.set_defaults(run=_compare)
    add_plan(commands)
    add_cache(commands)
    for command in (show, compare):
        command.add_argument("-v", "--verbose", action="count", default=0, help="List every case")
        command.add_argument("-q", "--quiet", action="count", default=0, help="The verdict only")
        command.add_argument(
            "--config", type=Path, default=None, metavar="FOLDER", help="Where [tool.llmeval] stands (default: here)"
        )
    return parser


def _show(options: argparse.Namespace) -> int:
    from pytest_llmeval.compare import compare
    from pytest_llmeval.config import load_settings
    from pytest_llmeval.measure import measure_each
    from pytest_llmeval.run_file import load_run

    run = load_run(options.run_file)
    settings = load_settings(options.config or Path.cwd())
    names = run.models_run()
    if options.model is not None and options.model not in names:
        raise ConfigError(f"--model={options.model}: the run has no such model (models: {', '.join(names)})")
    candidates = [options.model] if options.model else [name for name in names if name != run.baseline]
    comparisons = []
    if run.baseline is not None:
        comparisons = [
            compare(
                run.baseline,
                run.of_model(run.baseline),
                name,
                run.of_model(name),
                categories=settings.categories,
                budgets=settings.gate,
                partial=None if run.complete else _unfinished(run.complete),
            )
            for name in candidates
            if name != run.baseline
        ]
    _print(comparisons, measure_each(run), run.results, options, everything=True)
    return PASSED


def _compare(options: argparse.Namespace) -> int:
    from pytest_llmeval.compare import compare
    from pytest_llmeval.config import load_settings
    from pytest_llmeval.run_file import load_run

    settings = load_settings(options.config or Path.cwd())
    before, after = load_run(options.baseline), load_run(options.candidate)
    old, new = (
        _one_model(before.models, before.baseline, options.baseline),
        _one_model(after.models, after.baseline, options.candidate),
    )
    comparison = compare(
        old,
        before.of_model(old),
        new,
        after.of_model(new),
        categories=settings.categories,
        budgets=settings.gate,
        saved=Path(options.baseline).name,
        partial=None if after.complete else _unfinished(after.complete),
        strict=options.strict,
    )
    _print([comparison], [comparison.candidate], after.results, options)
    return GATE_FAILED if comparison.gate == "failed" else PASSED


def _unfinished(complete: bool | None) -> str:
    return "the run holds only a part of the cases" if complete is False else "the run was stopped before its end"


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
    *,
    everything: bool = False,
) -> None:
    from pytest_llmeval.report.terminal import every_measure, summary

    stream = sys.stdout
    if stream is None:  # closed by the shell: >&-
        return
    encoding = (stream.encoding or "ascii").lower().replace("-", "")
    width, ascii_only = min(shutil.get_terminal_size().columns, 100), not encoding.startswith("utf")
    verbosity = options.verbose - options.quiet
    lines = summary(comparisons, figures, results, width=width, ascii=ascii_only, verbosity=verbosity)
    if verbosity >= (0 if everything else 1):
        lines += every_measure(figures, width=width, ascii=ascii_only)
    try:
        stream.write("".join(f"{line.text}\n" for line in lines))
        stream.flush()
    except OSError as error:
        # What could not be written must not be tried again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if not isinstance(error, BrokenPipeError):  # piped into head: the verdict stands
            raise
