"""Checks: functions that judge a reply, each a plain ``assert_*``.

Every check takes ``category=``, the error category of a failure, over its own. What raises, what is kept and how to
write one's own is in `pytest_llmeval.checks.score`. The names are imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_llmeval.checks.categories import category, category_of
    from pytest_llmeval.checks.consistent import assert_consistent
    from pytest_llmeval.checks.credentials import assert_no_secrets
    from pytest_llmeval.checks.diff import word_diff
    from pytest_llmeval.checks.grounded import assert_grounded
    from pytest_llmeval.checks.json_value import assert_json
    from pytest_llmeval.checks.measured import assert_cost, assert_finish, assert_latency, assert_not_refusal
    from pytest_llmeval.checks.number import assert_number
    from pytest_llmeval.checks.pattern import assert_matches, assert_not_matches
    from pytest_llmeval.checks.row_checks import validate_checks
    from pytest_llmeval.checks.rows import assert_case
    from pytest_llmeval.checks.schema import assert_schema
    from pytest_llmeval.checks.score import Score, check, recorder
    from pytest_llmeval.checks.similar import assert_similar
    from pytest_llmeval.checks.text import (
        assert_contains,
        assert_equal,
        assert_not_contains,
        assert_starts_with,
        assert_words,
    )
    from pytest_llmeval.checks.tool_schema import assert_valid_tool_calls
    from pytest_llmeval.checks.tools import (
        assert_no_tool_called,
        assert_steps,
        assert_tool_called,
        assert_tool_order,
    )

__all__ = [
    "Score",
    "assert_case",
    "assert_consistent",
    "assert_contains",
    "assert_cost",
    "assert_equal",
    "assert_finish",
    "assert_grounded",
    "assert_json",
    "assert_latency",
    "assert_matches",
    "assert_no_secrets",
    "assert_no_tool_called",
    "assert_not_contains",
    "assert_not_matches",
    "assert_not_refusal",
    "assert_number",
    "assert_schema",
    "assert_similar",
    "assert_starts_with",
    "assert_steps",
    "assert_tool_called",
    "assert_tool_order",
    "assert_valid_tool_calls",
    "assert_words",
    "category",
    "category_of",
    "check",
    "recorder",
    "validate_checks",
    "word_diff",
]

_MODULES = {
    "categories": ("category", "category_of"),
    "consistent": ("assert_consistent",),
    "credentials": ("assert_no_secrets",),
    "diff": ("word_diff",),
    "grounded": ("assert_grounded",),
    "json_value": ("assert_json",),
    "measured": ("assert_cost", "assert_finish", "assert_latency", "assert_not_refusal"),
    "number": ("assert_number",),
    "pattern": ("assert_matches", "assert_not_matches"),
    "row_checks": ("validate_checks",),
    "rows": ("assert_case",),
    "schema": ("assert_schema",),
    "score": ("Score", "check", "recorder"),
    "similar": ("assert_similar",),
    "tool_schema": ("assert_valid_tool_calls",),
    "tools": ("assert_no_tool_called", "assert_steps", "assert_tool_called", "assert_tool_order"),
    "text": ("assert_contains", "assert_equal", "assert_not_contains", "assert_starts_with", "assert_words"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return __all__
