"""Which tests ask a model, and which one is being set up."""

from __future__ import annotations

import pytest

FIXTURES = ("llm", "llm_capture", "llm_gateway")

"""Those by which a test asks a model."""

_ASK = frozenset(FIXTURES)

being_set_up: list[pytest.Item] = []

"""The test that is being set up, behind those it runs within; to ask for ``request`` would double what `llm` takes."""


def uses_llm(test: pytest.Item | pytest.Metafunc) -> bool:
    """Whether a test asks a model, by itself or through the application under test."""
    return not _ASK.isdisjoint(getattr(test, "fixturenames", ()))
