"""The verdict once more at the very end, where what was shown before it is long."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from pytest_llmeval.plugin.reporting.gathering import Gathered
from pytest_llmeval.plugin.reporting.judging import Judging
from pytest_llmeval.plugin.reporting.terminal import write_verdict


class LastWords:
    """Registered when the first result arrives."""

    def __init__(self, gathered: Gathered, judging: Judging) -> None:
        self._gathered = gathered
        self._judging = judging

    @pytest.hookimpl(wrapper=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> Generator[None, None, None]:
        """Write it behind everything but pytest's last line."""
        yield
        if self._gathered.config.get_verbosity() > 0:
            write_verdict(terminalreporter, self._gathered, self._judging.comparisons)
