"""What an MCP server lists is a list of tools."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pytest_llmeval.checks.agents.tool_listing import tools_of
from pytest_llmeval.checks.agents.tool_schema import assert_valid_tool_calls
from pytest_llmeval.errors import CheckFailed, ConfigError
from pytest_llmeval.reply import ToolCall

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
LISTED = {"name": "tides", "title": "Tides", "description": "Says when the tide is high.", "inputSchema": SCHEMA}
PLAIN = {"name": "tides", "description": "Says when the tide is high.", "parameters": SCHEMA}


def an_object(schema_name: str, **further: Any) -> SimpleNamespace:
    """A tool in the form of the package ``mcp``: `inputSchema` in 1.x, `input_schema` from 2.0 on."""
    fields = {"name": "tides", "title": None, "description": "Says when the tide is high.", schema_name: SCHEMA}
    return SimpleNamespace(**{**fields, **further})


LISTINGS: dict[str, Any] = {
    "a list of its tools": [LISTED],
    "the result": {"tools": [LISTED], "nextCursor": None},
    "the whole answer": {"jsonrpc": "2.0", "id": 1, "result": {"tools": [LISTED]}},
    "an object": SimpleNamespace(tools=[an_object("inputSchema")]),
    "an object of mcp 2": SimpleNamespace(tools=[an_object("input_schema")]),
    "a list of objects": [an_object("inputSchema")],
}


@pytest.mark.parametrize("listing", LISTINGS.values(), ids=LISTINGS)
def test_a_listing_of_an_mcp_server_is_a_list_of_tools(listing: Any) -> None:
    assert tools_of(listing, "llm") == (PLAIN,)
    assert_valid_tool_calls([ToolCall(name="tides", arguments={"city": "Cork"})], listing)
    with pytest.raises(CheckFailed, match=r'^"tides": \$.town: the tool has no such argument'):
        assert_valid_tool_calls([ToolCall(name="tides", arguments={"city": "Cork", "town": "x"})], listing)


def test_tools_of_other_forms_are_left_as_they_are() -> None:
    others = [{"type": "web_search"}, PLAIN, {"name": "tides", "input_schema": SCHEMA}, {"inputSchema": 1}]
    assert tools_of(others, "llm") == tuple(others)
    assert tools_of((), "llm") == ()
    assert tools_of([an_object("inputSchema", description=None)], "llm") == ({"name": "tides", "parameters": SCHEMA},)


def tides(city: str) -> str:
    return city


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("tides", 'llm takes a list of tools, or what an MCP server lists, not "tides"'),
        (PLAIN, "llm takes a list of tools, or what an MCP server lists, not an object with 3 keys"),
        (3, "or what an MCP server lists, not 3"),
        ({"tools": {}}, "not an object with 1 key"),
        (
            {"jsonrpc": "2.0", "id": 1, "error": {}},
            "llm: the MCP server's answer holds no tools; give it",
        ),
        ([tides], 'llm: a tool is an object with a name and the schema of its arguments, not the function "tides"'),
        ([3], "the schema of its arguments, not 3"),
    ],
    ids=range(7),  # that of the function would hold its address
)
def test_what_is_no_listing_is_refused_in_words(given: Any, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        tools_of(given, "llm")
    assert told in str(caught.value)
