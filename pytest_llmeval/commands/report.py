"""``llmeval report``: the files that ``--llm-report`` writes, of a saved run."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_llmeval.analysis.measure import measure_each
from pytest_llmeval.analysis.routing import routes_of
from pytest_llmeval.commands.judging import as_told, rules_notes, rules_of, stopped_words, within
from pytest_llmeval.commands.merge import failed_words
from pytest_llmeval.commands.project import add_config, models_of, secrets_of, settings_of
from pytest_llmeval.config.settings import Settings
from pytest_llmeval.errors import ConfigError
from pytest_llmeval.report.exports import Session, not_green
from pytest_llmeval.report.files import FILES, ending_of
from pytest_llmeval.runs.file import load_run
from pytest_llmeval.runs.results import Run
from pytest_llmeval.text import harmless

WRITTEN = 0


def add_report(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    report = commands.add_parser("report", help="Write a saved run for people or for other programs")
    report.add_argument("run_file", metavar="RUN", help="A run saved with --llm-report")
    report.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        action="append",
        required=True,
        help=f"What to write, by its ending: {', '.join(FILES)}. Repeat it for several files.",
    )
    report.add_argument("--model", help="The model on trial, when the run holds several; the others are left out")
    report.add_argument("--redacted", action="store_true", help="Leave out all text of models and users; for .html")
    report.add_argument("--strict", action="store_true", help="Fail the gate also for INCONCLUSIVE and for a part")
    add_config(report)
    report.set_defaults(run=_report)


def _report(options: argparse.Namespace) -> int:
    run_file = Path(options.run_file)
    endings = {path: _ending(path, run_file, redacted=options.redacted) for path in options.output}
    run = load_run(run_file)
    settings = settings_of(options)
    session = session_of(run, settings, options.model, strict=options.strict, folder=options.config)
    for note in session.notes:
        if note.startswith("rules: "):
            print(harmless(note))
    for path, ending in endings.items():
        kind = FILES[ending]
        write = kind.redacted if options.redacted and kind.redacted else kind.write
        _write(path, write(session))
        print(f"wrote {harmless(str(path))}")
    return WRITTEN


def _ending(path: Path, run_file: Path, *, redacted: bool) -> str:
    """The ending of a file that is to be written.

    Raises:
        ConfigError: it is the run itself, no kind of file has the ending, or it cannot be written without texts.
    """
    if path.resolve() == run_file.resolve():
        raise ConfigError(f"-o {path} is the run itself; name another file")
    ending = ending_of(path.name)
    if ending is None:
        raise ConfigError(f"-o {path}: unknown kind of file (allowed: {', '.join(FILES)})")
    if redacted and FILES[ending].redacted is None:
        raise ConfigError(f"--redacted goes with .html alone: -o {path} would hold texts of models and users")
    return ending


def session_of(
    run: Run, settings: Settings, model: str | None = None, *, strict: bool = False, folder: Path | None = None
) -> Session:
    """What there is to tell of a run.

    Args:
        model: the only one on trial, None for all.
        strict: whether INCONCLUSIVE fails the gate too.
        folder: whose settings count instead of the rules of the run's session, None for these.
    """
    about_rules = rules_notes(run, settings, folder)
    run = as_told(run, settings, folder)
    names = models_of(run, model)
    comparisons = within(run, settings, names, strict=strict)
    stopped = stopped_words(run)
    # A run that is not whole must not look like one, and without a comparison nothing else says it.
    notes = [not_green(stopped)] if stopped and not comparisons else []
    notes += [not_green(failed_words(run))] if run.failed else []
    notes += about_rules if comparisons else []
    told = {*names, run.baseline}
    run = run._replace(results=tuple(result for result in run.results if result.model in told))
    return Session(
        run=run,
        comparisons=comparisons,
        figures=measure_each(run),
        secrets=secrets_of(settings),
        notes=notes,
        routes=routes_of(comparisons, rules_of(run, settings, strict=strict)),
    )


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise ConfigError(f"-o {path} cannot be written: {error.strerror or error}") from None
