"""Which tests ask a model, and which one is being set up."""

from __future__ import annotations

import pytest

FIXTURES = ("llm", "llm_capture", "llm_gateway")
"""Fixtures through which a test queries a model."""

WIDE = "llmeval-wide-fixtures"
"""Name of the plugin that is registered where fixtures of wider scope ask a model."""

_ASK = frozenset(FIXTURES)

being_set_up: list[pytest.Item] = []
"""Stack of items in setup, innermost last. Requesting ``request`` instead would double the cost of `llm`."""


def uses_llm(test: pytest.Item | pytest.Metafunc) -> bool:
    """Whether a test asks a model, directly or through the application under test."""
    return not _ASK.isdisjoint(getattr(test, "fixturenames", ()))
