"""Which fixtures of classes, modules and packages are set up, and which tests must run before they are torn down."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

import pytest

from pytest_llmeval.plugin.replies import Attempts

__all__ = ["LiveFixtures"]


class _Live(NamedTuple):
    node: pytest.Collector
    name: str | None  # of the parameter, None for a fixture that has none


class LiveFixtures:
    """Follows the fixtures between function and session scope.

    A test that waits for a reply must be executed again while these are still up: to set them up twice would be a
    surprise to whoever wrote them.

    Attributes:
        executes: the test that is executed now with the one after it: it must not be left once it has set up what is
            torn down right after it.
    """

    def __init__(self) -> None:
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
            and (fixturedef.scope != "session" or fixturedef.params)
        ):
            name = fixturedef.argname if fixturedef.params else None
            live = self._live[fixturedef] = _Live(request.node, name)
            request.addfinalizer(partial(self._live.pop, fixturedef, None))
            if self.executes is not None:
                item, nextitem, attempts = self.executes
                if nextitem is None or self._left(live, item, nextitem, nextitem.listchain()):
                    attempts.may_leave = False
        return (yield)

    def must_run_first(
        self, item: pytest.Item, nextitem: pytest.Item | None, pending: Iterable[pytest.Item]
    ) -> list[pytest.Item]:
        """The waiting tests under the innermost thing that is torn down on the way from an item to the next."""
        waiting = list(pending)
        if not waiting or nextitem is None:
            # At the end of the session: those under what is set up now go first.
            return sorted(waiting, key=self.would_tear_down)
        chain, chain_of = nextitem.listchain(), item.listchain()
        leaving = [live for live in self._live.values() if self._left(live, item, nextitem, chain)]
        for live in sorted(leaving, key=lambda live: -chain_of.index(live.node)):
            group = [other for other in waiting if self._under(live, other, item)]
            if group:
                return group
        return []

    def is_last(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        """Whether something this item has set up is torn down right after it."""
        if nextitem is None:
            return True
        chain = nextitem.listchain()
        return any(self._left(live, item, nextitem, chain) for live in self._live.values())

    def would_tear_down(self, item: pytest.Item) -> bool:
        """Whether executing an item now would tear something down that other tests still use."""
        chain = item.listchain()
        return any(live.node not in chain for live in self._live.values())

    def _left(self, live: _Live, item: pytest.Item, nextitem: pytest.Item, chain: Sequence[object]) -> bool:
        if live.node not in item.listchain():
            return False
        return live.node not in chain or (
            live.name is not None and _parameter(item, live.name) != _parameter(nextitem, live.name)
        )

    def _under(self, live: _Live, other: pytest.Item, item: pytest.Item) -> bool:
        if live.node not in other.listchain():
            return False
        return live.name is None or _parameter(other, live.name) == _parameter(item, live.name)


def _parameter(item: pytest.Item, name: str) -> object:
    """Index of the value an item has of a fixture's parameter, None when it has none."""
    callspec = getattr(item, "callspec", None)
    return callspec.indices.get(name) if callspec is not None else None
