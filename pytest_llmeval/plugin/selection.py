"""Which cases a session was to run, of those there are: what was deselected, and what the command line leaves out."""

from __future__ import annotations

from collections.abc import Collection
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import pytest

from pytest_llmeval.runs.results import CaseKey, TrialKey


class Selection(NamedTuple):
    """What a process was to run.

    Attributes:
        collected: how many trials there are.
        deselected: how many of them were left out.
        left_out: which these are.
        cases: how many cases there are, those of a saved baseline that this session has no test for included.
        unselected: the cases of a saved baseline that this session was not to run.
        moved: the tests that have another name than in the saved baseline, with the name they had.
        cut: of ``--llm-shard``, the digest of which case is in which shard.
        in_shards: how many cases all shards together were to run.
        production: where there is no other baseline than a log, the arguments of `production`.
    """

    collected: int = 0
    deselected: int = 0
    left_out: tuple[TrialKey, ...] = ()
    cases: int = 0
    unselected: tuple[CaseKey, ...] = ()
    moved: tuple[tuple[str, str], ...] = ()
    cut: str = ""
    in_shards: int = 0
    production: tuple[str, ...] = ()

    def joined(self, other: Selection) -> Selection:
        """With what another process was to run; each says the same, and says all of it the first time."""
        return Selection(
            collected=max(self.collected, other.collected),
            deselected=max(self.deselected, other.deselected),
            left_out=self.left_out or other.left_out,
            cases=max(self.cases, other.cases),
            unselected=self.unselected or other.unselected,
            moved=self.moved or other.moved,
            cut=self.cut or other.cut,
            in_shards=max(self.in_shards, other.in_shards),
            production=self.production or other.production,
        )


def expected(test: str, config: pytest.Config, root: Path, files: Collection[str]) -> bool:
    """Whether a session would have run a test of a saved run, if it were still there.

    Args:
        root: the folder that names of tests are relative to.
        files: those that were collected, relative to the root.
    """
    option = config.option
    if getattr(option, "keyword", "") or getattr(option, "lf", False):
        return False  # it cannot be known
    name = test.split("::", maxsplit=1)[0]
    path = root / name
    if any(_within(path, _path(config, each)) for each in getattr(option, "ignore", None) or ()):
        return False
    if any(fnmatch(str(path), each) for each in getattr(option, "ignore_glob", None) or ()):
        return False
    if name in files:
        return not any("::" in argument and _path(config, argument) == path for argument in config.args)
    return any("::" not in argument and _within(path, _path(config, argument)) for argument in config.args)


def _path(config: pytest.Config, argument: str) -> Path:
    return Path(config.invocation_params.dir, argument.split("::", maxsplit=1)[0]).resolve()


def _within(path: Path, folder: Path) -> bool:
    path = path.resolve()
    return path == folder or folder in path.parents
