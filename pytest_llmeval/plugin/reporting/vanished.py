"""A session in which nothing asks a model, though the baseline has cases that would have run: all of them are gone."""

from __future__ import annotations

from collections.abc import Collection

import pytest


def vanished(config: pytest.Config, collected: Collection[str]) -> str | None:
    """Why such a session fails; None without a baseline run, or when none of its tests was to run.

    Args:
        collected: the ids of its tests, the deselected ones included.
    """
    if not collected or not _may_have_a_baseline(config):
        return None
    from pytest_llmeval.errors import LlmevalError
    from pytest_llmeval.plugin.baseline import SavedBaseline
    from pytest_llmeval.plugin.build_evaluation import evaluation_of
    from pytest_llmeval.plugin.selection import expected
    from pytest_llmeval.text import plural

    try:
        evaluation = evaluation_of(config)
    except LlmevalError:
        return None  # a mistake in the table is reported where a model is asked
    saved, root = evaluation.baseline, evaluation.root
    if not isinstance(saved, SavedBaseline):
        return None
    there = {(config.rootpath / nodeid.split("::")[0], nodeid.split("[")[0].partition("::")[2]) for nodeid in collected}
    tests = {key.test: (root / key.test.split("::")[0], key.test.partition("::")[2]) for key in saved.results}
    if any(test in there for test in tests.values()):
        return None  # they were deselected
    files = {path.relative_to(root).as_posix() for path, _ in there if path.is_relative_to(root)}
    gone = [key for key in saved.results if expected(key.test, config, root, files)]
    if not gone:
        return None
    return (
        f"GATE FAILED: could not be measured: no test asks a model, and the baseline {saved.where} has "
        f"{plural(len(gone), 'case')} that would have run"
    )


def _may_have_a_baseline(config: pytest.Config) -> bool:
    """A quick look at the files, since sessions that ask no model come here too."""
    for folder in {config.rootpath, config.invocation_params.dir}:
        for name in ("pyproject.toml", "llmeval.toml"):
            try:
                content = (folder / name).read_bytes()
            except OSError:
                continue
            if b"llmeval" in content and b".jsonl" in content:
                return True
    return False
