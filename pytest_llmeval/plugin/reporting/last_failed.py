"""``--lf`` and ``--ff`` run missed cases too.

pytest keeps the ids of failed tests in its cache, and takes a missed case, which is no failed test, for one that did
not fail. Once it has written them, the missed ones are added. A case is looked at by comparing: all tests of it are
added, under whichever model, so that the next session has both sides.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

from pytest_llmeval.plugin.payload import Payload
from pytest_llmeval.runs.results import CaseKey

_KEY = "cache/lastfailed"


class LastFailed:
    """Registered when the first result arrives, in the process that reports."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._tests: dict[CaseKey, set[str]] = {}
        self._missed: dict[str, CaseKey] = {}

    def take(self, report: pytest.TestReport, payload: Payload) -> None:
        """Note a test, and whether it was missed; of several reports of one test the last one counts."""
        if payload.result is None or report.when != "call":
            return
        key = payload.result.key
        self._tests.setdefault(key, set()).add(report.nodeid)
        self._missed.pop(report.nodeid, None)
        if report.skipped:
            self._missed[report.nodeid] = key

    @pytest.hookimpl(wrapper=True, trylast=True)  # before the summary, which reports what goes wrong here
    def pytest_sessionfinish(self) -> Generator[None, None, None]:
        """Add the missed tests once pytest has written those that failed."""
        yield
        cache = getattr(self._config, "cache", None)
        if not self._missed or cache is None or self._config.getoption("cacheshow", default=None):
            return
        failed = cache.get(_KEY, {})
        if isinstance(failed, dict):  # else a version of pytest that keeps them in another form
            missed = {nodeid: True for key in self._missed.values() for nodeid in sorted(self._tests[key])}
            cache.set(_KEY, {**failed, **missed})
