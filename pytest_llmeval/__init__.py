"""Regression testing of products built on language models, in ordinary pytest tests.

The names below are imported when they are first used, so that a pytest session that uses none of them pays nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_llmeval.cases import Case
    from pytest_llmeval.checks import (
        Score,
        assert_case,
        assert_consistent,
        assert_contains,
        assert_cost,
        assert_equal,
        assert_finish,
        assert_grounded,
        assert_json,
        assert_latency,
        assert_matches,
        assert_no_secrets,
        assert_no_tool_called,
        assert_not_contains,
        assert_not_matches,
        assert_not_refusal,
        assert_number,
        assert_schema,
        assert_similar,
        assert_starts_with,
        assert_steps,
        assert_tool_called,
        assert_tool_order,
        assert_valid_tool_calls,
        assert_words,
        category,
        check,
    )
    from pytest_llmeval.errors import CheckFailed, LlmevalError, ProviderError, ReplyError
    from pytest_llmeval.needle import needle_cases, place_needle
    from pytest_llmeval.plugin.ask import Llm
    from pytest_llmeval.reply import Reply, ToolCall, Usage

__all__ = [
    "Case",
    "CheckFailed",
    "Llm",
    "LlmevalError",
    "ProviderError",
    "Reply",
    "ReplyError",
    "Score",
    "ToolCall",
    "Usage",
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
    "check",
    "needle_cases",
    "place_needle",
]

_HOMES = {
    "Case": "cases",
    "CheckFailed": "errors",
    "Llm": "plugin.ask",
    "LlmevalError": "errors",
    "ProviderError": "errors",
    "Reply": "reply",
    "ReplyError": "errors",
    "ToolCall": "reply",
    "Usage": "reply",
    "needle_cases": "needle",
    "place_needle": "needle",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Not kept: a session within a session (pytester before pytest 9) loads modules anew, and there would be two Cases.
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'checks')}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
