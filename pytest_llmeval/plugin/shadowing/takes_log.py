"""A log that stands where a test file does, and holds one test: what ``llmeval shadow`` runs."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pytest_llmeval.checks.production.like_production import assert_like_production


class TakesLog:
    """Takes a log as a test file.

    Args:
        log: its whole path.
    """

    def __init__(self, log: str) -> None:
        self._log = Path(log)

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        """Take the log."""
        if file_path != self._log:
            return None
        log = ShadowedLog.from_parent(parent, path=file_path)
        log.obj = _module(file_path)  # given, so that pytest does not import the log as Python
        return log


class ShadowedLog(pytest.Module):
    """A log as a module with one test."""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        """The tests, which stand in the log for whoever looks for them."""
        for item in super().collect():
            if isinstance(item, pytest.Item):
                item.reportinfo = partial(_place, item)  # type: ignore[method-assign]
            yield item

    def funcnamefilter(self, name: str) -> bool:
        """Take the test, however the project calls its own."""
        return name == "test_shadow"


def _module(log: Path) -> ModuleType:
    def test_shadow(llm: Any, case: Any) -> None:
        assert_like_production(llm(case.input, **case.request), case)

    module = ModuleType(log.stem)
    module.test_shadow = pytest.mark.llm_shadow(log.name)(test_shadow)  # type: ignore[attr-defined]
    return module


def _place(item: pytest.Item) -> tuple[Path, int, str]:
    return item.path, 0, item.name
