"""Which fixture is being set up that outlives the test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import pytest

from pytest_llmeval.engine.pipeline import Draw

__all__ = ["FixtureScopes"]


@dataclass(slots=True)
class OfFixture:
    """The calls of a fixture that outlives the test: made once, though the test may be executed again."""

    name: str
    asked: Counter[tuple[str, str]]

    def draw(self, module: str, digests: tuple[str, str]) -> Draw:
        """Which answer the next call means."""
        self.asked[digests] += 1
        return Draw(case=f"{module}::{self.name}", module=module, occurrence=self.asked[digests] - 1)


class FixtureScopes:
    """Knows which fixture is being set up, if it outlives the test: pytest keeps what leaves one."""

    def __init__(self) -> None:
        self.current: OfFixture | None = None

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
        """Note it while it is set up."""
        if fixturedef.scope == "function":
            return (yield)
        before, self.current = self.current, OfFixture(fixturedef.argname, Counter())
        try:
            return (yield)
        finally:
            self.current = before
