"""Which fixtures of classes, modules and packages are set up, and which tests must run before they are torn down."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator
from typing import Any, NamedTuple

import pytest

from pytest_llmeval.plugin.running.replies import Attempts


class _Live(NamedTuple):
    node: pytest.Collector
    name: str | None  # of the parameter, None for a fixture that has none
    value: object  # its index


class LiveFixtures:
    """Follows the fixtures between function and session scope.

    A test that waits for a reply must be executed again while these are still up: to set them up twice would be a
    surprise to their authors.

    Args:
        asking: those that ask a model: they are set up for each model.

    Attributes:
        executes: the test that is executed now with the one after it: it must not be left once it has set up what is
            torn down right after it.
    """

    def __init__(self, asking: Collection[pytest.FixtureDef[Any]] = ()) -> None:
        self._asking = asking
        self._live: dict[pytest.FixtureDef[Any], _Live] = {}
        self.executes: tuple[pytest.Item, pytest.Item | None, Attempts] | None = None

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, Any, Any]:
        """Note what is set up, and on which collector."""
        if (
            fixturedef.scope != "function"
            and isinstance(request.node, pytest.Collector)
            and (fixturedef.scope != "session" or fixturedef.params or fixturedef in self._asking)
        ):
            live = self._live[fixturedef] = self._made(fixturedef, request)
            if self.executes is not None:
                item, nextitem, attempts = self.executes
                if nextitem is None or _left(live, item, nextitem):
                    attempts.may_leave = False
        return (yield)

    def _made(self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> _Live:
        node: Any = request.node
        if fixturedef.params:
            return _Live(node, fixturedef.argname, getattr(request, "param_index", 0))
        model = _parameter(getattr(request, "_pyfuncitem", node), "llm_model") if fixturedef in self._asking else None
        return _Live(node, "llm_model" if model is not None else None, model)

    def pytest_fixture_post_finalizer(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        """Note what is torn down; by a finalizer it would be one of the fixture's own for plugins that tell of them."""
        self._live.pop(fixturedef, None)

    def must_run_first(
        self, item: pytest.Item, nextitem: pytest.Item | None, pending: Iterable[pytest.Item]
    ) -> list[pytest.Item]:
        """The waiting tests under the innermost thing that is torn down on the way from an item to the next."""
        if nextitem is None:
            return self._innermost(list(pending))
        leaving = [live for live in self._live.values() if _left(live, item, nextitem)]
        waiting = list(pending) if leaving else []
        for live in sorted(leaving, key=_depth, reverse=True):
            group = [other for other in waiting if _under(live, other)]
            if group:
                return self._innermost(group)
        return []

    def _innermost(self, group: list[pytest.Item]) -> list[pytest.Item]:
        """Those of a group that share the most with what is set up: the others would tear it down under them."""
        for live in sorted(self._live.values(), key=_depth):
            group = [item for item in group if _under(live, item)] or group
        return group

    def is_last(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        """Whether something this item has set up is torn down right after it."""
        return nextitem is None or any(_left(live, item, nextitem) for live in self._live.values())

    def will_tear_down(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        """Whether a test takes fixtures that must not be set up twice, and that are torn down right after it.

        Unlike `is_last` it may be asked before these are set up.
        """
        return any(
            nextitem is None
            or (each.scope != "session" and not _holds(_node_of(each, item), nextitem))
            or (bool(each.params) and _parameter(item, each.argname) != _parameter(nextitem, each.argname))
            or (each in self._asking and _parameter(item, "llm_model") != _parameter(nextitem, "llm_model"))
            for each in _wider(item)
        )

    def would_tear_down(self, item: pytest.Item) -> bool:
        """Whether executing an item now would tear something down that other tests still use."""
        return not all(_holds(live.node, item) for live in self._live.values())


_NOTHING_TWICE = ("_pytest.", "pytest_asyncio.", "anyio.")
"""Modules whose fixtures of wider scope may be set up once more without anybody noticing."""


def _wider(item: pytest.Item) -> Iterator[pytest.FixtureDef[Any]]:
    """The fixtures of wider scope that a test takes, also by one that overrides them, but for those nobody notices.

    Those that pytest makes of ``setup_module`` and its like are noticed.
    """
    info: Any = getattr(item, "_fixtureinfo", None)
    for definitions in info.name2fixturedefs.values() if info is not None else ():
        for each in definitions:
            known = str(getattr(each.func, "__module__", "")).startswith(_NOTHING_TWICE)
            known = known and not each.argname.startswith("_xunit_")
            if each.scope != "function" and not known:
                yield each


def _node_of(definition: pytest.FixtureDef[Any], item: pytest.Item) -> pytest.Collector:
    """What a fixture lives as long as; of a package its last module is near enough."""
    kind = pytest.Class if definition.scope == "class" else pytest.Module
    return item.getparent(kind) or item.getparent(pytest.Module) or item.session


def _left(live: _Live, item: pytest.Item, nextitem: pytest.Item) -> bool:
    """Whether something is torn down between an item and the next."""
    return _holds(live.node, item) and not _under(live, nextitem)


def _under(live: _Live, item: pytest.Item) -> bool:
    """Whether an item can use what is set up."""
    return _holds(live.node, item) and (live.name is None or _parameter(item, live.name) == live.value)


def _holds(node: pytest.Collector, item: pytest.Item) -> bool:
    return node in item.listchain()


def _depth(live: _Live) -> int:
    return len(live.node.listchain())


def _parameter(item: pytest.Item, name: str) -> object:
    """Index of the value an item has of a fixture's parameter, None when it has none."""
    callspec = getattr(item, "callspec", None)
    return callspec.indices.get(name) if callspec is not None else None
