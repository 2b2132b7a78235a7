"""A cache in a folder of the test, and what it warns of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_llmeval.store.cache import Cache


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def cache(tmp_path: Path, warnings: list[str]) -> Iterator[Cache]:
    cache = Cache(tmp_path / "cache", warnings.append, lock_timeout=0.2)
    yield cache
    cache.close()
