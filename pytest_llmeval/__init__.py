"""Regression testing of products built on language models, in ordinary pytest tests.

The names below are imported when they are first used, so that a pytest session that uses none of them pays nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_llmeval.case import Case
    from pytest_llmeval.checks.categories import category
    from pytest_llmeval.checks.check import check
    from pytest_llmeval.checks.consistent import assert_consistent
    from pytest_llmeval.checks.grounded import assert_grounded
    from pytest_llmeval.checks.json_value import assert_json, assert_schema
    from pytest_llmeval.checks.measured import (
        assert_cost,
        assert_finish,
        assert_latency,
        assert_no_secrets,
        assert_not_refusal,
    )
    from pytest_llmeval.checks.number import assert_number
    from pytest_llmeval.checks.pattern import assert_matches, assert_not_matches
    from pytest_llmeval.checks.plain_text import (
        assert_contains,
        assert_equal,
        assert_not_contains,
        assert_starts_with,
        assert_words,
    )
    from pytest_llmeval.checks.row_checks import assert_case
    from pytest_llmeval.checks.similar import assert_similar
    from pytest_llmeval.checks.tool_schema import assert_valid_tool_calls
    from pytest_llmeval.checks.tools import assert_no_tool_called, assert_steps, assert_tool_called, assert_tool_order
    from pytest_llmeval.datasets.needle import needle_cases, place_needle
    from pytest_llmeval.datasets.perturb import perturbed
    from pytest_llmeval.errors import CheckFailed, LlmevalError, ProviderError, ReplyError
    from pytest_llmeval.formats.openai_chat import OpenAIChat
    from pytest_llmeval.formats.registry import register_provider
    from pytest_llmeval.plugin.running.llm import Llm
    from pytest_llmeval.reply import Reply, ToolCall, Usage
    from pytest_llmeval.runs.file import load_run
    from pytest_llmeval.score import Score

__all__ = [
    "Case",
    "CheckFailed",
    "Llm",
    "LlmevalError",
    "OpenAIChat",
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
    "load_run",
    "needle_cases",
    "perturbed",
    "place_needle",
    "register_provider",
]

_NAMES = {
    "datasets.perturb": ("perturbed",),
    "formats.openai_chat": ("OpenAIChat",),
    "formats.registry": ("register_provider",),
    "runs.file": ("load_run",),
    "case": ("Case",),
    "checks.categories": ("category",),
    "checks.check": ("check",),
    "checks.consistent": ("assert_consistent",),
    "checks.grounded": ("assert_grounded",),
    "checks.json_value": (
        "assert_json",
        "assert_schema",
    ),
    "checks.measured": (
        "assert_cost",
        "assert_finish",
        "assert_latency",
        "assert_no_secrets",
        "assert_not_refusal",
    ),
    "checks.number": ("assert_number",),
    "checks.pattern": (
        "assert_matches",
        "assert_not_matches",
    ),
    "checks.plain_text": (
        "assert_contains",
        "assert_equal",
        "assert_not_contains",
        "assert_starts_with",
        "assert_words",
    ),
    "checks.row_checks": ("assert_case",),
    "checks.similar": ("assert_similar",),
    "checks.tool_schema": ("assert_valid_tool_calls",),
    "checks.tools": (
        "assert_no_tool_called",
        "assert_steps",
        "assert_tool_called",
        "assert_tool_order",
    ),
    "datasets.needle": (
        "needle_cases",
        "place_needle",
    ),
    "errors": (
        "CheckFailed",
        "LlmevalError",
        "ProviderError",
        "ReplyError",
    ),
    "plugin.running.llm": ("Llm",),
    "reply": (
        "Reply",
        "ToolCall",
        "Usage",
    ),
    "score": ("Score",),
}


def __getattr__(name: str) -> Any:
    home = next((module for module, names in _NAMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Not kept: a session within a session (pytester before pytest 9) loads modules anew, and there would be two Cases.
    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
