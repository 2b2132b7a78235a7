"""``llmeval shadow``: ask the model on trial what production was asked, and compare the answers."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from pytest_llmeval.config import shadowed
from pytest_llmeval.errors import ConfigError
from pytest_llmeval.text import did_you_mean, visible

_REPORT = "--llm-report"


def add_shadow(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    text = "Ask the model on trial what production was asked, and compare its answers with production's"
    parser = commands.add_parser(
        "shadow", help=text, description=text, epilog="All other options are pytest's: --llm-model=candidate, -n 4, -v."
    )
    parser.add_argument("log", metavar="LOG", help="A log of production, or a dataset that llmeval import made of one")
    parser.add_argument("options", metavar="OPTION", nargs=argparse.REMAINDER, help="Options of pytest")
    parser.set_defaults(run=_shadow)


def _shadow(options: argparse.Namespace) -> int:
    log = Path(options.log)
    if not log.is_file():
        guess = did_you_mean(log.name, [each.name for each in log.parent.iterdir()]) if log.parent.is_dir() else ""
        raise ConfigError(f"there is no log {options.log}{guess}")
    arguments = [*options.options]
    if not any(each == _REPORT or each.startswith(f"{_REPORT}=") for each in arguments):
        arguments += [f"{_REPORT}={log.stem}-shadow{ending}" for ending in (".jsonl", ".html")]
        print(f"the run is saved as {visible(log.stem)}-shadow.jsonl, with a page {visible(log.stem)}-shadow.html")
    if not log.resolve().is_relative_to(Path.cwd()):
        arguments.append(f"--rootdir={os.getcwd()}")  # noqa: PTH109
    command = [sys.executable, "-m", "pytest", str(log), *arguments]
    session = subprocess.Popen(command, env={**os.environ, shadowed.VARIABLE: str(log.resolve())})  # noqa: S603
    while True:
        try:
            return session.wait()
        except KeyboardInterrupt:
            pass  # pytest has got it too, and says what was left
