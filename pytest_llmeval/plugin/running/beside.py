"""Which tests run one after another because of what another plugin makes of each execution of a test.

A test that waits for replies is executed several times, and others run meanwhile. That is wrong beside a plugin that
makes a result of each execution, that decides about a test by the results of earlier ones, or that runs a test in a
process of its own. From its hooks alone nobody can tell, so tests overlap beside the plugins that were tried (``make
plugins``), and beside any other that sees no execution.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pluggy
import pytest

from pytest_llmeval.text import harmless

_SEES = ("pytest_runtest_protocol", "pytest_runtest_makereport")
_SEES_AROUND = ("pytest_runtest_call", "pytest_pyfunc_call")
"""Hooks that see what comes out of each execution of a test, not only of the one that counts; these as wrappers."""

_LEARNS, _DECIDES = "pytest_runtest_logreport", ("pytest_runtest_setup", "pytest_runtest_call")
"""Hooks by which a plugin learns what became of tests, and may decide about those behind them."""

_BEARABLE = frozenset(
    {
        *("_pytest", "pytest_llmeval", "xdist", "_hypothesis_pytestplugin", "anyio", "pytest_asyncio", "pytest_bdd"),
        *("pytest_benchmark", "pytest_check", "pytest_cov", "pytest_html", "pytest_jsonreport", "pytest_playwright"),
        "pyfakefs",
        *("pytest_rerunfailures", "pytest_retry", "pytest_timeout", "pytest_trio", "teamcity"),
    }
)
"""Modules of plugins that see each execution and make nothing of those that count for nothing."""


class Concern(NamedTuple):
    """Which tests a known plugin concerns.

    Attributes:
        options: of pytest; each concerns all tests.
        marks: of a test.
        fixtures: of a test.
        attribute: of a test's function.
        again: whether a test may be executed once more before, for the baseline.
    """

    options: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    fixtures: tuple[str, ...] = ()
    attribute: str = ""
    again: bool = True


_CONCERNS = {
    # Each runs such a test in a process of its own, where it cannot be left.
    "pytest_forked": Concern(options=("forked",), marks=("forked",), again=False),
    "pytest_isolate": Concern(
        options=("isolate", "isolate_timeout", "isolate_mem_limit", "isolate_cpu_limit"),
        marks=("isolate",),
        again=False,
    ),
    # In threads of its own.
    "pytest_run_parallel": Concern(
        options=("parallel_threads", "forever"),
        marks=("parallel_threads", "parallel_threads_limit", "force_parallel_threads"),
    ),
    # Several times, and counts how often it passes.
    "flaky": Concern(options=("force_flaky",), marks=("flaky",), attribute="_flaky_max_runs"),
    # As a run of its own for each execution.
    "langsmith": Concern(marks=("langsmith",)),
    # Makes a result of each execution.
    "allure_pytest": Concern(options=("allure_report_dir",), again=False),
    # Behind those it depends on, or in an order that it was given.
    "pytest_dependency": Concern(marks=("dependency",)),
    "pytest_order": Concern(options=("order_marker_prefix",), marks=("order",)),
    "pytest_steps": Concern(fixtures=("test_step", "________step_name_"), again=False),
}


class Beside:
    """What the other plugins of a session mean for its tests; made when all of them are registered."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        plugins = config.pluginmanager.get_plugins()
        modules = {_package(getattr(plugin, "__name__", None) or type(plugin).__module__) for plugin in plugins}
        self._concerns = {name: concern for name, concern in _CONCERNS.items() if name in modules}
        self._seen_by: dict[Path, str] = {}

    def concerning(self, item: pytest.Item) -> str:
        """The plugin because of which a test neither waits beside others nor is executed beside them; "" if none."""
        known = next((name for name, concern in self._concerns.items() if self._is_concerned(item, concern)), "")
        return known or self._seen(item)

    def may_execute_again(self, item: pytest.Item) -> bool:
        """Whether a test may be executed once more before it counts."""
        concern = self._concerns.get(self.concerning(item))
        return concern is None or concern.again

    def told(self, items: Iterable[pytest.Item]) -> list[str]:
        """One line for each plugin because of which some of these tests run one after another."""
        tests = list(items)
        found = Counter(filter(None, map(self.concerning, tests)))
        return [
            f"{'' if count == len(tests) else f'{count} of {len(tests)} '}tests run one after another beside "
            f"{harmless(self._told(name))}"
            for name, count in found.items()
        ]

    def _told(self, name: str) -> str:
        """What a plugin is installed as."""
        for plugin, distribution in self._config.pluginmanager.list_plugin_distinfo():
            if _package(getattr(plugin, "__name__", "")) == name:
                return str(distribution.metadata["name"])
        return name

    def _is_concerned(self, item: pytest.Item, concern: Concern) -> bool:
        return (
            any(self._config.getoption(name, default=None) for name in concern.options)
            or any(item.get_closest_marker(mark) is not None for mark in concern.marks)
            or not set(concern.fixtures).isdisjoint(getattr(item, "fixturenames", ()))
            or (bool(concern.attribute) and hasattr(getattr(item, "obj", None), concern.attribute))
        )

    def _seen(self, item: pytest.Item) -> str:
        """The unknown plugin, or conftest.py, that is concerned with each execution of a test."""
        if item.path not in self._seen_by:
            folder = item.path.parent  # whose conftest.py files are those of all its tests
            if folder not in self._seen_by:
                self._seen_by[folder] = next(self._see(item), "")
            self._seen_by[item.path] = self._seen_by[folder]
        return self._seen_by[item.path]

    def _see(self, item: pytest.Item) -> Iterator[str]:
        for hook in _SEES + _SEES_AROUND:
            for implementation in _implementations(item, hook):
                if hook in _SEES or implementation.wrapper or implementation.hookwrapper:
                    yield from self._unless_known(implementation, hook)
        learn = {implementation.plugin for implementation in _implementations(item, _LEARNS)}
        for hook in _DECIDES:
            for implementation in _implementations(item, hook):
                if implementation.plugin in learn:
                    yield from self._unless_known(implementation, f"{_LEARNS} and {hook}")

    def _unless_known(self, implementation: pluggy.HookImpl, hooks: str) -> Iterator[str]:
        function, root = implementation.function, self._config.rootpath
        name = _package(getattr(function, "__module__", None) or implementation.plugin_name)
        file = Path(getattr(getattr(function, "__code__", None), "co_filename", ""))
        if file.name == "conftest.py":
            yield f"{file.relative_to(root).as_posix() if file.is_relative_to(root) else file.name} ({hooks})"
        elif name not in _BEARABLE and name not in self._concerns:
            yield name


def _implementations(item: pytest.Item, hook: str) -> list[pluggy.HookImpl]:
    found: list[pluggy.HookImpl] = getattr(item.ihook, hook).get_hookimpls()
    return found


def _package(module: str) -> str:
    return module.partition(".")[0]
