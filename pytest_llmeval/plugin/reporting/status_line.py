"""One line under pytest's dots on a terminal: how far, how many in flight, how many regressed, what was spent."""

from __future__ import annotations

import os
from typing import TextIO

import pytest

from pytest_llmeval.clock import Clock
from pytest_llmeval.plugin.reporting.gathering import Gathered
from pytest_llmeval.report.numbers import dollars

INTERVAL = 0.1  # seconds between two writings
WARM_UP = 2.0  # seconds before the time left is shown: the first replies come from the store

# ANSI control sequences; pytest's TerminalWriter has no equivalent.
BELOW, ERASE, UP = "\n\r", "\x1b[K", "\x1b[1A"


class StatusLine:
    """Written below the line pytest writes on, whose cursor it leaves where it was.

    Only on a terminal, without ``-v`` and ``-q``, and not with ``-s``, where tests write to it themselves.

    Private to pytest: ``TerminalWriter._file``; without it there is no such line.
    """

    def __init__(self, config: pytest.Config) -> None:
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        self._writer = config.get_terminal_writer() if reporter is not None else None
        self._began = Clock.monotonic()
        self._written = 0.0
        self._shown = ""
        self._terminal: TextIO | None = getattr(self._writer, "_file", None)
        self.wanted = (
            self._terminal is not None
            and self._terminal.isatty()
            and os.environ.get("TERM", "") not in ("", "dumb")
            and config.get_verbosity() == 0
            and config.getoption("capture", default="fd") != "no"
        )

    @property
    def due(self) -> bool:
        """Whether it is written at all, and was not just now."""
        return self.wanted and Clock.monotonic() - self._written >= INTERVAL

    def update(self, gathered: Gathered | None, in_flight: int | None, longest: float = 0.0) -> None:
        """Rewrite the line, unless that was done just now; the arguments are those of `status`."""
        if self._writer is None or not self.due:
            return
        now = self._written = Clock.monotonic()
        self._write(status(gathered, in_flight, now - self._began, self._writer.fullwidth - 1, longest))

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            self._write("")

    def _write(self, text: str) -> None:
        if self._writer is None or self._terminal is None or text == self._shown:
            return
        self._shown = text
        column = self._writer.width_of_current_line
        back = f"\r\x1b[{column}C" if column else "\r"
        # Where pytest went on to a new line, that line still holds what stood below the one before.
        self._terminal.write(f"{ERASE}{BELOW}{text}{ERASE}{UP}{back}")
        self._terminal.flush()


def status(gathered: Gathered | None, in_flight: int | None, elapsed: float, width: int, longest: float = 0.0) -> str:
    """The line's text.

    Args:
        gathered: the results; None while there are none.
        in_flight: calls, None when they are made in other processes.
        elapsed: seconds since the start.
        width: in columns, at most.
        longest: how long the first of the calls in flight has been waiting, in seconds.
    """
    waiting = f", the first for {longest:.0f} s" if longest >= 1 else ""
    flying = [] if in_flight is None else [f"{in_flight} in flight{waiting}"]
    if gathered is None:
        return " | ".join(["no case finished yet", *flying])[:width]
    done, total = len(gathered.results) + len(gathered.skipped), max(gathered.selection.collected, 1)
    parts = [f"{done}/{total} tests", *flying]  # one for each case and model, as pytest counts them
    if gathered.evaluation.compares:
        parts.append(f"{gathered.regressed} newly failing")
    budget = gathered.evaluation.budget
    spent = gathered.billed.spent
    if spent or budget is not None:
        parts.append(f"{dollars(spent)} spent" + (f" of {dollars(budget)}" if budget is not None else ""))
    if 0 < done < total and elapsed >= WARM_UP:
        left = round(elapsed / done * (total - done))
        parts.append(f"{left // 60}:{left % 60:02d} left")
    return " | ".join(parts)[:width]
