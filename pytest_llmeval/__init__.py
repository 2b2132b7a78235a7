"""Regression testing of products built on language models, in ordinary pytest tests.

The names below are imported when they are first used, so that a pytest session that uses none of them pays nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_llmeval.case import Case as Case
    from pytest_llmeval.checks.agents.matched_calls import assert_tool_calls as assert_tool_calls
    from pytest_llmeval.checks.agents.tool_schema import assert_valid_tool_calls as assert_valid_tool_calls
    from pytest_llmeval.checks.agents.tools import assert_no_tool_called as assert_no_tool_called
    from pytest_llmeval.checks.agents.tools import assert_steps as assert_steps
    from pytest_llmeval.checks.agents.tools import assert_tool_called as assert_tool_called
    from pytest_llmeval.checks.agents.tools import assert_tool_order as assert_tool_order
    from pytest_llmeval.checks.all_checks import all_checks as all_checks
    from pytest_llmeval.checks.categories import category as category
    from pytest_llmeval.checks.check import check as check
    from pytest_llmeval.checks.cites import assert_cites as assert_cites
    from pytest_llmeval.checks.consistent import assert_consistent as assert_consistent
    from pytest_llmeval.checks.foreign_metrics import check_of as check_of
    from pytest_llmeval.checks.grounded import assert_grounded as assert_grounded
    from pytest_llmeval.checks.json_value import assert_json as assert_json
    from pytest_llmeval.checks.json_value import assert_schema as assert_schema
    from pytest_llmeval.checks.judges.judged import assert_judged as assert_judged
    from pytest_llmeval.checks.judges.preferred import assert_preferred as assert_preferred
    from pytest_llmeval.checks.kept_facts import assert_facts as assert_facts
    from pytest_llmeval.checks.languages.language import assert_language as assert_language
    from pytest_llmeval.checks.measured import assert_cost as assert_cost
    from pytest_llmeval.checks.measured import assert_finish as assert_finish
    from pytest_llmeval.checks.measured import assert_latency as assert_latency
    from pytest_llmeval.checks.measured import assert_no_secrets as assert_no_secrets
    from pytest_llmeval.checks.measured import assert_not_refusal as assert_not_refusal
    from pytest_llmeval.checks.number import assert_number as assert_number
    from pytest_llmeval.checks.pattern import assert_matches as assert_matches
    from pytest_llmeval.checks.pattern import assert_not_matches as assert_not_matches
    from pytest_llmeval.checks.personal.personal_check import assert_no_personal_data as assert_no_personal_data
    from pytest_llmeval.checks.plain_text import assert_contains as assert_contains
    from pytest_llmeval.checks.plain_text import assert_equal as assert_equal
    from pytest_llmeval.checks.plain_text import assert_not_contains as assert_not_contains
    from pytest_llmeval.checks.plain_text import assert_sentences as assert_sentences
    from pytest_llmeval.checks.plain_text import assert_starts_with as assert_starts_with
    from pytest_llmeval.checks.plain_text import assert_words as assert_words
    from pytest_llmeval.checks.production.like_production import assert_like_production as assert_like_production
    from pytest_llmeval.checks.rows.row_checks import assert_case as assert_case
    from pytest_llmeval.checks.similar import assert_similar as assert_similar
    from pytest_llmeval.checks.structure.characters import assert_characters as assert_characters
    from pytest_llmeval.checks.structure.code import assert_code as assert_code
    from pytest_llmeval.checks.structure.markdown_checks import assert_markdown_list as assert_markdown_list
    from pytest_llmeval.checks.structure.markdown_checks import assert_markdown_table as assert_markdown_table
    from pytest_llmeval.checks.structure.markdown_checks import assert_no_markdown as assert_no_markdown
    from pytest_llmeval.datasets.needle import needle_cases as needle_cases
    from pytest_llmeval.datasets.needle import place_needle as place_needle
    from pytest_llmeval.datasets.perturb import perturbed as perturbed
    from pytest_llmeval.errors import CheckFailed as CheckFailed
    from pytest_llmeval.errors import LlmevalError as LlmevalError
    from pytest_llmeval.errors import ProviderError as ProviderError
    from pytest_llmeval.errors import ReplyError as ReplyError
    from pytest_llmeval.errors import Unverified as Unverified
    from pytest_llmeval.formats.openai_chat import OpenAIChat as OpenAIChat
    from pytest_llmeval.formats.registry import register_provider as register_provider
    from pytest_llmeval.plugin.running.llm import Llm as Llm
    from pytest_llmeval.reply import Reply as Reply
    from pytest_llmeval.reply import ToolCall as ToolCall
    from pytest_llmeval.reply import Usage as Usage
    from pytest_llmeval.runs.file import load_run as load_run
    from pytest_llmeval.score import Score as Score

_NAMES = {
    "case": "Case",
    "checks.all_checks": "all_checks",
    "checks.categories": "category",
    "checks.check": "check",
    "checks.cites": "assert_cites",
    "checks.consistent": "assert_consistent",
    "checks.foreign_metrics": "check_of",
    "checks.grounded": "assert_grounded",
    "checks.json_value": "assert_json assert_schema",
    "checks.production.like_production": "assert_like_production",
    "checks.languages.language": "assert_language",
    "checks.judges.judged": "assert_judged",
    "checks.judges.preferred": "assert_preferred",
    "checks.kept_facts": "assert_facts",
    "checks.measured": "assert_cost assert_finish assert_latency assert_no_secrets assert_not_refusal",
    "checks.number": "assert_number",
    "checks.pattern": "assert_matches assert_not_matches",
    "checks.personal.personal_check": "assert_no_personal_data",
    "checks.plain_text": "assert_contains assert_equal assert_not_contains assert_sentences assert_starts_with "
    "assert_words",
    "checks.rows.row_checks": "assert_case",
    "checks.similar": "assert_similar",
    "checks.structure.characters": "assert_characters",
    "checks.structure.code": "assert_code",
    "checks.structure.markdown_checks": "assert_markdown_list assert_markdown_table assert_no_markdown",
    "checks.agents.matched_calls": "assert_tool_calls",
    "checks.agents.tool_schema": "assert_valid_tool_calls",
    "checks.agents.tools": "assert_no_tool_called assert_steps assert_tool_called assert_tool_order",
    "datasets.needle": "needle_cases place_needle",
    "datasets.perturb": "perturbed",
    "errors": "CheckFailed LlmevalError ProviderError ReplyError Unverified",
    "formats.openai_chat": "OpenAIChat",
    "formats.registry": "register_provider",
    "plugin.running.llm": "Llm",
    "reply": "Reply ToolCall Usage",
    "runs.file": "load_run",
    "score": "Score",
}
_HOMES = dict(sorted((name, module) for module, names in _NAMES.items() for name in names.split()))

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Not kept: a session within a session (pytester before pytest 9) loads modules again, and there would be two Cases.
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
