"""Tell whether two recorded replies to one request say the same, apart from ids, times and costs."""

from __future__ import annotations

from typing import Any

from pytest_llmeval.store.entry import Entry

# Ids, dates and measures of an answer.
_OF_THE_CALL = frozenset(
    {
        *("id", "call_id", "item_id", "response_id", "responseId", "request_id", "tool_call_id", "tool_use_id"),
        *("created", "created_at", "completed_at", "createTime", "system_fingerprint", "service_tier"),
        *("usage", "usageMetadata", "timings", "metrics", "x_groq"),
        *("total_duration", "load_duration", "prompt_eval_duration", "eval_duration"),
        *("prompt_eval_count", "eval_count"),
    }
)

_WHOLE = frozenset({"input", "args", "arguments"})  # of a tool call: the model itself wrote an "id" in them


def says_the_same(one: Entry, other: Entry) -> bool:
    """Whether text, tool calls, refusal, finish reason and answering model are the same."""
    return one.flaw == other.flaw and _substance(one.response) == _substance(other.response)


def _substance(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: inner if key in _WHOLE else _substance(inner)
            for key, inner in value.items()
            if key not in _OF_THE_CALL
        }
    if isinstance(value, list):
        return [_substance(inner) for inner in value]
    return value
