"""The pytest plugin.

This module is imported by every pytest session of everybody who has installed the package, so it imports nothing
heavy: what a hook needs is imported within it, once a test asks a model.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any

import pytest

from pytest_llmeval.config import shadowed
from pytest_llmeval.plugin.fixtures import (  # noqa: F401  pytest finds fixtures in the entry module
    llm,
    llm_capture,
    llm_gateway,
    llm_gateway_environment,
    llm_model,
)
from pytest_llmeval.plugin.guard import broke, contained, register
from pytest_llmeval.plugin.items import uses_llm

_wrong = pytest.StashKey[str]()
_offline = pytest.StashKey[bool]()
_RUNNER = "llmeval-runner"
_OFFLINE = "_llmeval_no_network"  # on sys once a session of this process has replayed


class _AsWritten:
    """Finds the modules of this package before pytest does, which would rewrite their asserts.

    There are none. Looking for them doubles the time each module takes to load, and more where no byte code can be
    written.
    """

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Implement `MetaPathFinder.find_spec`."""
        return PathFinder.find_spec(name, path, target) if name.startswith("pytest_llmeval.") else None


@pytest.hookimpl(trylast=True)
@contained
def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Register the options; last, so that an option another plugin has too is its own."""
    from pytest_llmeval.plugin.options import add_options

    add_options(parser, pluginmanager)


@contained
def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Make the hooks known that a project may implement."""
    if _AsWritten in sys.meta_path:  # of an earlier session of this process, and behind what pytest has put there now
        sys.meta_path.remove(_AsWritten)
    sys.meta_path.insert(0, _AsWritten)
    from pytest_llmeval.plugin import hookspecs
    from pytest_llmeval.plugin.options import InConftest

    pluginmanager.add_hookspecs(hookspecs)
    pluginmanager.register(InConftest(), "llmeval-in-conftest")


@pytest.hookimpl(tryfirst=True)
@contained
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """In a session that replays refuse connections to models, before any code of the project runs."""
    _go_offline(early_config, early_config.known_args_namespace)


@contained
def pytest_configure(config: pytest.Config) -> None:
    """Register the markers and, in the process that reports, what gathers the results."""
    from pytest_llmeval.plugin.harmless import ShortNames
    from pytest_llmeval.plugin.markers import add_markers
    from pytest_llmeval.plugin.options import any_given, given

    add_markers(config)
    _go_offline(config, config.option)
    register(config, ShortNames(), "llmeval-short-names")
    if log := os.environ.get(shadowed.VARIABLE):
        from pytest_llmeval.plugin.shadowing.takes_log import TakesLog

        register(config, TakesLog(log), "llmeval-shadowed-log")
    if hasattr(config, "workerinput"):
        if (given(config, "llm_samples") or "").strip().lower() == "auto":
            from pytest_llmeval.plugin.running.looks import Places

            register(config, Places(), "llmeval-places")
        if given(config, "llm_shard"):
            _evaluate(config)  # each worker has to know its part, even where no test asks a model
        return
    from pytest_llmeval.plugin.reporting.reporter import Reporting

    register(config, Reporting(config), "llmeval-reporting")
    if getattr(config.option, "numprocesses", None):
        from pytest_llmeval.plugin.reporting.lost import LostTests
        from pytest_llmeval.plugin.reporting.stop_workers import StopsWorkers

        register(config, LostTests(), "llmeval-lost")
        register(config, StopsWorkers(), "llmeval-stops-workers")
    if any_given(config) or (getattr(config.option, "numprocesses", None) and _has_table(config)):
        # Mistakes are reported here if possible: a worker of xdist could not report them well.
        _evaluate(config)
        if _wrong in config.stash:
            raise pytest.UsageError(config.stash[_wrong])
        _look_at_workers(config)


@pytest.hookimpl(trylast=True)
@contained
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once per case of its dataset and per model; last, so that the model stands last in the test's id."""
    if not uses_llm(metafunc) and not any(map(metafunc.definition.get_closest_marker, ("llm_cases", "llm_shadow"))):
        return
    _evaluate(metafunc.config)
    if _wrong in metafunc.config.stash:
        return  # reported once, when the collection is done
    from pytest_llmeval.plugin.build_evaluation import evaluation_of
    from pytest_llmeval.plugin.collect import parametrize

    parametrize(metafunc, evaluation_of(metafunc.config))


@pytest.hookimpl(tryfirst=True)
@contained
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Stop the session when its configuration is wrong."""
    if not config.pluginmanager.has_plugin(_RUNNER) and any(map(uses_llm, items)):
        # Of unittest, or doctests: these are not generated.
        _evaluate(config)
        if runner := config.pluginmanager.get_plugin(_RUNNER):
            runner.selected.pytest_collection_modifyitems(items)
    if _wrong in config.stash:
        raise pytest.UsageError(config.stash[_wrong])


def _go_offline(config: pytest.Config, options: Any) -> None:
    if _offline in config.stash:
        return
    config.stash[_offline] = True
    replays = getattr(options, "llm_mode", None) == "replay"
    if replays or hasattr(sys, _OFFLINE):
        from pytest_llmeval.plugin.capturing.offline import go_offline

        go_offline(config, replays=replays)


def _evaluate(config: pytest.Config) -> None:
    """Read the configuration and register what runs trials; keep what is wrong with it."""
    if _wrong in config.stash or config.pluginmanager.has_plugin(_RUNNER):
        return
    from pytest_llmeval.errors import LlmevalError
    from pytest_llmeval.plugin.build_evaluation import evaluation_of
    from pytest_llmeval.plugin.running.runner import Runner
    from pytest_llmeval.plugin.shown import shown

    try:
        evaluation = evaluation_of(config)
    except LlmevalError as error:
        config.stash[_wrong] = str(error)
    except Exception as error:
        config.stash[_wrong] = broke("the configuration", error)
    else:
        runner = Runner(evaluation)
        register(config, runner, _RUNNER)
        register(config, runner.selected, "llmeval-selected")
        if runner.selected.cut is not None:
            register(config, runner.selected.cut, "llmeval-cut")
        closely = shown(config)
        if closely.failing or closely.passing:
            from pytest_llmeval.plugin.running.carrying import Carrying

            register(config, Carrying(config), "llmeval-carrying")


def _look_at_workers(config: pytest.Config) -> None:
    """In the controller of an xdist session, look at what the workers have run before they end."""
    from pytest_llmeval.plugin.build_evaluation import evaluation_of

    if evaluation_of(config).most_samples is not None:
        from pytest_llmeval.plugin.running.looks import LooksOfWorkers

        reporting: Any = config.pluginmanager.get_plugin("llmeval-reporting")
        register(config, LooksOfWorkers(reporting.look_by_worker), "llmeval-looks-of-workers")


def _has_table(config: pytest.Config) -> bool:
    from pytest_llmeval.config.settings import table_file
    from pytest_llmeval.errors import ConfigError
    from pytest_llmeval.plugin.config_table import start_of

    try:
        return table_file(start_of(config), otherwise=config.rootpath) is not None
    except ConfigError:  # reported when a test asks
        return True
