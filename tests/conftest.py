"""Fixtures every test may ask for."""

from __future__ import annotations

import compileall
import importlib
import importlib.metadata
import os
import pkgutil
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import pytest_llmeval
from pytest_llmeval.formats import registry
from tests.damage import FUZZ
from tests.server import Server
from tests.sessions import Session

# A slow machine fails no property, and a folder that all examples of one share is as good as one for each. A pull
# request is not to fail by what another drew: its examples are always the same, and `make fuzz` draws new ones.
settings.register_profile(
    "slow machines too",
    deadline=None,
    derandomize=FUZZ == 1,
    max_examples=100 * FUZZ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("slow machines too")

# Before pytester, which gives each session its modules anew, while httpx keeps the first: what these import late would
# not know a socket of the other's any more, and no connection would be used twice.
# And the SDKs, which each session would spend a second on importing anew.
for name in (
    "httpcore",
    "httpcore._backends.anyio",
    "httpcore2",
    "httpcore2._backends.anyio",
    "anyio._backends._asyncio",
    "openai",
    "openai.resources.chat",
    "openai.resources.responses",
    "anthropic",
):
    with suppress(ImportError):
        importlib.import_module(name)


# The package, too: a session that runs within this process would spend half of its time on importing it anew.
for module in pkgutil.walk_packages(pytest_llmeval.__path__, "pytest_llmeval."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)


# And what is installed, which pytest reads in a few hundred files at the start of every session.
class _Read(importlib.metadata.PathDistribution):
    @cached_property
    def entry_points(self) -> Any:
        return super().entry_points

    @cached_property
    def files(self) -> Any:
        return super().files


_found = importlib.metadata.distributions


@cache
def _installed(_: tuple[str, ...]) -> list[importlib.metadata.Distribution]:
    found = list(_found())
    for each in found:
        if type(each) is importlib.metadata.PathDistribution:
            each.__class__ = _Read
    return found


def _distributions(**context: Any) -> Iterable[importlib.metadata.Distribution]:
    return _found(**context) if context else _installed(tuple(sys.path))


importlib.metadata.distributions = _distributions

TESTS = Path(__file__).parent

# Where Python is told to write no byte code, every process that the tests start would compile the package anew.
compileall.compile_dir(TESTS.parent / "pytest_llmeval", quiet=2)

# A shell lets what it runs in the background ignore Ctrl-C, and the sessions that tests interrupt would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Of the sessions of pytest that the tests run, those that `make quick` runs too, without xdist.
QUICK_SESSIONS = {
    "plugin/test_cases.py",
    "plugin/test_errors.py",
    "plugin/reporting/test_gate.py",
    "plugin/running/test_llm.py",
    "plugin/running/test_samples.py",
}


# What these are about happens within one process; of its way from the process that runs a test to the one that reports,
# one test of each file is enough. A session with two workers takes five times as long as a plain one.
WITHIN_A_PROCESS = {
    *(f"plugin/capturing/test_{name}.py" for name in ("agents", "capture", "forked", "gateway", "headers", "judges")),
    *(f"plugin/capturing/test_{name}.py" for name in ("models_failures", "no_network", "own_timeouts", "params")),
    "plugin/capturing/test_retrieval.py",
    *(f"plugin/publishing/test_{name}.py" for name in ("canary", "github")),
    *(f"plugin/rejudging/test_{name}.py" for name in ("append", "judged_again", "pooled", "update_baseline")),
    "plugin/rejudging/test_code_that_broke.py",
    *(f"plugin/reporting/test_{name}.py" for name in ("billed", "close_look", "gate", "hostile", "last_failed")),
    *(f"plugin/reporting/test_{name}.py" for name in ("messages", "runs", "short_summary", "terminal", "verdicts")),
    *(f"plugin/running/test_{name}.py" for name in ("all_checks", "categorising", "failing_answers", "judged", "llm")),
    *(f"plugin/running/test_{name}.py" for name in ("failing_statement", "odd_tests", "own_limit", "samples")),
    *(f"plugin/running/test_{name}.py" for name in ("beside", "out_of_reach", "schema_and_images")),
    *(f"plugin/test_{name}.py" for name in ("errors", "no_session_lost", "options", "shard", "table", "wordings")),
    *("commands/test_add.py", "datasets/foreign/test_by_fields.py", "store/test_elsewhere.py"),
}


def _further_with_xdist(items: list[pytest.Item]) -> list[pytest.Item]:
    """The tests beside pytest-xdist that say no more than another.

    With ``-n 0`` xdist is there and does nothing, so that one of a folder is enough. With workers one of a file is,
    where its subject is within a process.
    """
    seen: set[tuple[str, str]] = set()
    further = []
    for item in items:
        callspec = getattr(item, "callspec", None)
        name = item.path.relative_to(TESTS).as_posix() if item.path.is_relative_to(TESTS) else ""
        kind = callspec.params.get("session") if callspec is not None else None
        if kind != "n0" and not (kind == "n2" and name in WITHIN_A_PROCESS):
            continue
        place = name if kind == "n2" else name.rpartition("/")[0]
        if (place, kind) in seen:
            further.append(item)
        seen.add((place, kind))
    return further


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks as ``quick``, for ``make quick``, whatever runs no session of pytest, and some plain sessions.

    What is marked ``slow`` is not quick. Of the tests with ``-n 0`` the first of each folder runs, and of those with
    two workers whose subject is `WITHIN_A_PROCESS` the first of each file, unless ``-k n0`` or ``-k n2`` asks for all.
    """
    further = [] if {"n0", "n2"} & {*config.option.keyword.split()} else _further_with_xdist(items)
    if further:
        left_out = set(further)
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=further)
    for item in items:
        callspec = getattr(item, "callspec", None)
        plain = callspec is not None and callspec.params.get("session") == "plain"
        quick = (plain and item.path.relative_to(TESTS).as_posix() in QUICK_SESSIONS) or "pytester" not in getattr(
            item, "fixturenames", ()
        )
        if quick and item.get_closest_marker("slow") is None:
            item.add_marker("quick")


@pytest.fixture
def server() -> Iterator[Server]:
    """A real HTTP server on 127.0.0.1 that answers as the test tells it to."""
    with Server() as running:
        yield running


@pytest.fixture(autouse=True)
def _providers_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a session within this process registers is gone with its test."""
    monkeypatch.setattr(registry, "_registered", dict(registry._registered))


@pytest.fixture(autouse=True)
def _at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sessions that are tested are neither workers nor in CI, even where the tests themselves are."""
    workers = ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID")
    of_ci = [name for name in os.environ if name in ("CI", "BUILD_NUMBER") or name.startswith(("GITHUB_", "GITLAB_"))]
    for name in (*workers, *of_ci):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=["plain", "n0", "n2"])
def session(request: pytest.FixtureRequest, pytester: pytest.Pytester, server: Server) -> Session:
    """A user's project whose models are served by `server`; run plain, with ``-n 0`` and with ``-n 2``."""
    arguments = {"plain": ("-pno:xdist",), "n0": ("-n0",), "n2": ("-n2",)}[request.param]
    return Session(pytester, server.base_url, arguments)


@pytest.fixture
def plain_session(pytester: pytest.Pytester, server: Server) -> Session:
    """A user's project whose models are served by `server`; run in this process alone."""
    return Session(pytester, server.base_url, ("-pno:xdist",))
