"""Runs a shadow test on a log without a test file; ``llmeval shadow`` loads it with ``-p``.

The log that is named on the command line stands where a test file does, and holds one test.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pytest_llmeval.checks.production.like_production import assert_like_production


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take a file that was named as a log."""
    if parent.session.isinitpath(file_path) and file_path.suffix != ".py":
        log: pytest.Collector = ShadowedLog.from_parent(parent, path=file_path)
        return log
    return None


class ShadowedLog(pytest.Module):
    """A log as a module with one test."""

    def _getobj(self) -> ModuleType:
        def test_shadow(llm: Any, case: Any) -> None:
            assert_like_production(llm(case.input, **case.request), case)

        module = ModuleType(self.path.stem)
        module.test_shadow = pytest.mark.llm_shadow(self.path.name)(test_shadow)  # type: ignore[attr-defined]
        return module

    def funcnamefilter(self, name: str) -> bool:
        """Take the test, however the project calls its own."""
        return name == "test_shadow"
