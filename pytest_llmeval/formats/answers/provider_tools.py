"""The tool calls in an answer that the provider ran by itself: its own tools, and tools of MCP servers.

The application has nothing to run for them, so they are no `Answer.tool_calls`, but checks of tools judge them too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pytest_llmeval.formats import reading
from pytest_llmeval.reply import ToolCall

# Of an item of the Responses API, what is not an argument of the call.
_ABOUT = frozenset(
    {"id", "type", "status", "call_id", "name", "namespace", "server_label", "container_id", "created_by", "phase"}
    | {"output", "outputs", "result", "results", "error", "execution", "approval_request_id", "environment"}
    | {"pending_safety_checks", "max_output_length", "agent"}
)
_ASKED = ("arguments", "action", "operation")  # where such an item has its arguments together
_OWN = ("function_call", "custom_tool_call")
_GROUNDED = {"webSearchQueries": "google_search", "retrievalQueries": "retrieval", "imageSearchQueries": "image_search"}


def of_messages(content: Iterable[Mapping[str, Any]]) -> tuple[ToolCall, ...]:
    """Those among the blocks of Anthropic's Messages: ``server_tool_use``, ``mcp_tool_use`` and their like."""
    return tuple(
        _call(block.get("name") or kind.removesuffix("_tool_use"), block.get("input"), block.get("id"))
        for block in content
        if isinstance(kind := block.get("type"), str) and kind.endswith("_tool_use")
    )


def of_responses(output: Iterable[Mapping[str, Any]]) -> tuple[ToolCall, ...]:
    """Those among the items of OpenAI's Responses, such as ``web_search_call`` and ``mcp_call``.

    The call of a tool without a name is named after its type: ``web_search``, ``code_interpreter``, ``file_search``.
    """
    calls = []
    for item in output:
        kind = item.get("type")
        if isinstance(kind, str) and kind.endswith(("_call", "_approval_request")) and kind not in _OWN:
            given = next((item[name] for name in _ASKED if item.get(name) is not None), None)
            if given is None:
                given = {name: value for name, value in item.items() if name not in _ABOUT and value is not None}
            calls.append(_call(item.get("name") or kind.removesuffix("_call"), given, item.get("id")))
    return tuple(calls)


def of_generate_content(candidate: Mapping[str, Any]) -> tuple[ToolCall, ...]:
    """Those in a candidate of Gemini's: code it ran, and what its search, retrieval and reading of pages asked for."""
    parts = reading.objects(reading.object_or_empty(candidate.get("content")).get("parts"))
    calls = []
    for part in parts:
        if isinstance(code := part.get("executableCode"), dict):
            calls.append(_call("code_execution", code, code.get("id")))
        if isinstance(tool := part.get("toolCall"), dict):
            calls.append(_call(str(tool.get("toolType") or "tool").lower(), tool.get("args"), tool.get("id")))
    asked = {call.name for call in calls}
    grounding = reading.object_or_empty(candidate.get("groundingMetadata"))
    for field, name in _GROUNDED.items():
        queries = grounding.get(field)
        if isinstance(queries, list) and queries and not any(one.startswith(name) for one in asked):
            calls.append(_call(name, {"queries": queries}))
    pages = reading.objects(reading.object_or_empty(candidate.get("urlContextMetadata")).get("urlMetadata"))
    if pages and "url_context" not in asked:
        calls.append(_call("url_context", {"urls": [page.get("retrievedUrl") for page in pages]}))
    return tuple(calls)


def of_chat(message: Mapping[str, Any]) -> tuple[ToolCall, ...]:
    """Those in a message of chat completions: ``executed_tools``, as Groq's compound models tell them."""
    return tuple(
        _call(tool.get("name") or tool.get("type"), tool.get("arguments"), tool.get("id"))
        for tool in reading.objects(message.get("executed_tools"))
    )


def _call(name: Any, arguments: Any, identity: Any = None) -> ToolCall:
    name = name if isinstance(name, str) and name else "tool"
    return reading.tool_call(name, arguments if arguments is not None else {}, identity)
