"""``llmeval history``: how often each model failed over many saved runs."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from pytest_llmeval.analysis.history.timeline import history_of, lightened
from pytest_llmeval.commands.project import add_config, secrets_of, settings_of
from pytest_llmeval.errors import ConfigError
from pytest_llmeval.report.history.history_text import history_lines
from pytest_llmeval.report.paper import terminal_paper
from pytest_llmeval.runs.saved_folder import runs_in
from pytest_llmeval.text import first_line, plural

_DONE = 0
_MOST_NAMED = 10


def add_history(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    text = "Show each category, case and model over the saved runs of a folder"
    parser = commands.add_parser("history", help=text, description=text)
    parser.add_argument("folder", metavar="DIR", help="A folder of runs saved with --llm-report=DIR/NAME.jsonl")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="Write a page (.html) instead")
    add_config(parser)
    parser.set_defaults(run=_history)


def _history(options: argparse.Namespace) -> int:
    output = options.output
    if output is not None and output.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"-o {output}: the history is written as a page; name a file that ends with .html")
    folder = options.folder
    try:
        found = runs_in(Path(folder), lightened)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "no folder can have this name"
        raise ConfigError(f"{folder}: cannot be read as a folder of runs: {why}") from None
    runs = [run for run in found.runs if run.results]
    left_out = [*found.not_counted, *((run.file, "it holds no case") for run in found.runs if not run.results)]
    not_counted = [f"not counted: {first_line(name, 80)}: {first_line(why, 300)}" for name, why in left_out]
    if not runs:
        first = f" ({not_counted[0]})" if not_counted else ""
        raise ConfigError(f"{folder} holds no run; pytest --llm-report={folder}/NAME.jsonl saves one there{first}")
    if len(not_counted) > _MOST_NAMED:
        rest = len(not_counted) - _MOST_NAMED
        not_counted = [*not_counted[:_MOST_NAMED], f"not counted: {plural(rest, 'more file')}"]
    secrets = secrets_of(settings_of(options))
    history = history_of(runs)
    paper = terminal_paper(shutil.get_terminal_size().columns, secrets=secrets)
    if output is None:
        print("\n".join(line.text for line in history_lines(paper, history, folder, runs, not_counted)))
        return _DONE
    from pytest_llmeval.report.history.history_page import history_page

    page = history_page(history, folder, runs, not_counted, secrets)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(page, encoding="utf-8", errors="backslashreplace")
    except (OSError, ValueError) as error:
        raise ConfigError(f"-o {output} cannot be written: {getattr(error, 'strerror', None) or error}") from None
    for said in (*not_counted, f"wrote {output}"):
        print(paper.harmless(said))
    return _DONE
