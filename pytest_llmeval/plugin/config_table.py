"""Which table [tool.llmeval] a session goes by: that of its first test folder, which must be that of all its tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_llmeval.config.place import shown_path
from pytest_llmeval.config.settings import Settings, load_settings, table_file
from pytest_llmeval.errors import ConfigError

_found = pytest.StashKey[dict[Path, Path | None]]()


def start_of(config: pytest.Config) -> Path:
    """The folder of the first test that was named on the command line, else where pytest was started."""
    here = config.invocation_params.dir
    named = here / config.args[0].partition("::")[0] if config.args else here
    if named.is_dir():
        return named
    return named.parent if named.exists() else here


def settings_of(config: pytest.Config) -> Settings:
    """The session's settings.

    Raises:
        ConfigError: something in the table is wrong.
    """
    return load_settings(start_of(config), otherwise=config.rootpath, base=config.invocation_params.dir)


def check_table(test: pytest.Item, settings: Settings) -> None:
    """Refuse a test of a package that has a table of its own, in a session that goes by another.

    Raises:
        ConfigError: the nearest table of the test is another one.
    """
    config = test.config
    found = config.stash.setdefault(_found, {})
    if test.path not in found:  # by file, since the folder is another object each time, which takes longer to find
        folder = test.path.parent
        if folder not in found:
            found[folder] = table_file(folder, otherwise=config.rootpath)
        found[test.path] = found[folder]
    file, base = found[test.path], config.invocation_params.dir
    if file is None or file == settings.file:
        return
    ours = f"by {shown_path(settings.file, base)}" if settings.file is not None else "without any table"
    raise ConfigError(
        f"the test goes by [tool.llmeval] of {shown_path(file, base)}, and this session {ours}; "
        f"run it in a session of its own: pytest {shown_path(file.parent, base)}"
    )
