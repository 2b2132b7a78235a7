"""The project and the runs a command is given."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_llmeval.config.settings import Settings, load_settings
from pytest_llmeval.errors import ConfigError
from pytest_llmeval.runs.results import Run


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add ``--config`` to a command."""
    parser.add_argument(
        "--config", type=Path, default=None, metavar="FOLDER", help="Where [tool.llmeval] is (default: here)"
    )


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings of the project that ``--config`` names."""
    return load_settings((options.config or Path.cwd()).absolute())


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
