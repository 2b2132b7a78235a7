"""The marker ``llm_shadow``: the test is run once per call of a log of production."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from pytest_llmeval.case import Case
from pytest_llmeval.errors import ConfigError
from pytest_llmeval.plugin.markers import read_marker
from pytest_llmeval.text import plural, shortened

SHADOW = "llm_shadow"
_loaded = pytest.StashKey[dict[Path, tuple[Case, ...]]]()


def log_of(node: pytest.Item, marks: Mapping[str, pytest.Mark]) -> str | None:
    """The log that a test goes by, None when it has none; the arguments are those of `read_marker`.

    Raises:
        ConfigError: the marker's arguments are wrong, or the test has cases of its own.
    """
    log = read_marker(node, marks, SHADOW, _llm_shadow)
    if log is not None and "llm_cases" in marks:
        raise ConfigError(
            f"{node.nodeid}: @pytest.mark.{SHADOW} and @pytest.mark.llm_cases both give cases; write a test for each"
        )
    return log


def logged_in(function: pytest.Item, log: str, notes: list[str]) -> tuple[Case, ...]:
    """The cases of a log, read once in a session.

    Args:
        log: path relative to the test file.
        notes: of the session; what was left out is told there.

    Raises:
        DatasetError: it cannot be read.
    """
    path = function.path.parent / log
    loaded = function.config.stash.setdefault(_loaded, {})
    if path not in loaded:
        # Most sessions have no log, and do not pay for what reads one.
        from pytest_llmeval.datasets.foreign.logged_cases import logged_cases

        found = logged_cases(path, log)
        loaded[path] = found.cases
        if found.left_out:
            notes.append(f"{plural(found.left_out, 'entry')} of {log} left out: not a model call, or no answer")
    return loaded[path]


def _llm_shadow(log: str) -> str:
    if not isinstance(log, str) or not log:
        raise TypeError(f"log must be the path of a log of production, not {shortened(repr(log), 80)}")
    return log
