"""Tests that a crashed worker of xdist takes with it.

xdist's controller counts a test as done once the worker's protocol hook has returned, which it also does for a test
that waits for a reply. Here what was never reported is reported as failed, so that no test vanishes.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import pytest

from pytest_llmeval.plugin.guard import faults_of


class LostTests:
    """Registered in the controller of an xdist session.

    Attributes:
        collected: the ids of the tests, as the workers found them.
    """

    def __init__(self) -> None:
        self.collected: dict[str, None] = {}

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Note what there is."""
        self.collected.update(dict.fromkeys(ids))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """Report what is missing, before the exit code is computed."""
        result = yield
        if session.shouldstop or session.shouldfail:
            return result
        for nodeid in self.collected:
            if nodeid not in faults_of(session.config).reported:
                report = pytest.TestReport(
                    nodeid=nodeid,
                    location=(nodeid.split("::")[0], None, nodeid.partition("::")[2]),
                    keywords={},
                    outcome="failed",
                    longrepr="not run to its end: its worker crashed, perhaps while the test was waiting for a reply",
                    when="call",
                )
                session.config.hook.pytest_runtest_logreport(report=report)
        return result
