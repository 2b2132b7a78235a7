"""Tells xdist's workers to send nothing more once the session is stopped: by Ctrl-C, by ``-x``, by `pytest.exit`."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from pytest_llmeval.plugin.guard import STOP_SENDING


class StopsWorkers:
    """Registered in the controller of an xdist session."""

    def __init__(self) -> None:
        self._nodes: set[Any] = set()
        self._session: pytest.Session | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Keep the session, which knows whether it is to stop."""
        self._session = session

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodeready(self, node: Any) -> None:
        """Note who works."""
        self._nodes.add(node)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Stop the others behind a worker that was interrupted, as by `pytest.exit`."""
        self._nodes.discard(node)
        output = getattr(node, "workeroutput", None) or {}
        if output.get("exitstatus") == pytest.ExitCode.INTERRUPTED:
            self._stop()

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self) -> None:
        """Stop all of them: what is written next may take a while."""
        self._stop()

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self) -> None:
        """Stop all of them behind the failure that ends the session."""
        session = self._session
        if self._nodes and session is not None and (session.shouldfail or session.shouldstop):
            self._stop()

    def _stop(self) -> None:
        while self._nodes:
            with suppress(OSError):  # it is gone
                self._nodes.pop().sendcommand(STOP_SENDING)
