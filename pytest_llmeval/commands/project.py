"""The project and the runs a command is given."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path

from pytest_llmeval.config.settings import Settings, load_settings
from pytest_llmeval.errors import ConfigError
from pytest_llmeval.formats.registry import every_key_variable
from pytest_llmeval.runs.file import FORMAT
from pytest_llmeval.runs.results import Run

LARGEST = 1000


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add ``--config`` to a command."""
    parser.add_argument(
        "--config", type=Path, default=None, metavar="FOLDER", help="Where [tool.llmeval] is (default: here)"
    )


def add_field(parser: argparse.ArgumentParser, names: Sequence[str]) -> None:
    """Add ``--field`` to a command that reads a dataset.

    Args:
        names: those of the fields that a column can be named for.
    """
    parser.add_argument(
        "--field",
        dest="columns",
        metavar="NAME=COLUMN",
        action="append",
        default=[],
        help=f"Which column is {', '.join(names)}, where its name does not say so; also a path, as in a.b[0]",
    )


def columns_of(options: argparse.Namespace, names: Sequence[str]) -> dict[str, str]:
    """Our name to theirs, as ``--field`` gives them.

    Raises:
        ConfigError: it is no pair, or is given twice.
    """
    columns: dict[str, str] = {}
    for given in options.columns:
        ours, equals, theirs = given.partition("=")
        if not equals or not theirs or ours not in names:
            raise ConfigError(f"--field {given}: write NAME=COLUMN; NAME is one of {', '.join(names)}")
        if columns.setdefault(ours, theirs) != theirs:
            raise ConfigError(f"--field {given}: {ours} is {columns[ours]} already")
    return columns


def whole_number(text: str) -> int:
    """The number that an option is given, from 1 to 1000."""
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= LARGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {LARGEST}")
    return int(text)


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings of the project that ``--config`` names."""
    return load_settings((options.config or Path.cwd()).absolute())


def is_run(path: Path) -> bool:
    """Whether a file begins as a saved run does."""
    try:
        with path.open("rb") as file:
            header = json.loads(file.readline(10_000_000))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(header, dict) and header.get("format") == FORMAT


def models_of(run: Run, wanted: str | None) -> list[str]:
    """The names of the models with results in a run, or only the one that ``--model`` names.

    Raises:
        ConfigError: the run has no such model.
    """
    names = run.models_run()
    if wanted is None:
        return names
    if wanted not in names:
        raise ConfigError(f"--model={wanted}: the run has no such model (models: {', '.join(names)})")
    return [wanted]


def secrets_of(settings: Settings) -> dict[str, str]:
    """The API keys that this process knows, by their environment variables; a run has those of its session hidden."""
    own = {model.api_key_env for model in settings.models.values() if model.api_key_env}
    return {name: value for name in (*sorted(own), *every_key_variable()) if (value := os.environ.get(name))}
