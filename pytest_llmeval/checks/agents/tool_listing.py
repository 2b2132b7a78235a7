"""Tools that a test gives, among them what an MCP server lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from pytest_llmeval.errors import ConfigError
from pytest_llmeval.text import quoted, shown


class ListsTools(Protocol):
    """What the session of an MCP client returns for its tools."""

    @property
    def tools(self) -> Sequence[Any]:
        """The tools of the server."""
        ...


Tools: TypeAlias = Sequence[Any] | Mapping[str, Any] | ListsTools
"""A list of tools in any provider's form or MCP's, or the whole answer of an MCP server to ``tools/list``."""


def tools_of(given: object, who: str) -> tuple[Mapping[str, Any], ...]:
    """The tools, those of MCP as ``{"name", "description", "parameters"}`` and all others as they are.

    Args:
        given: anything; `Tools` says what is right.
        who: takes them, for the message.

    Raises:
        ConfigError: it is something else, or an answer of an MCP server that lists no tools.
    """
    listed = _listed(given, who)
    if not isinstance(listed, (list, tuple)):
        raise ConfigError(f"{who} takes a list of tools, or what an MCP server lists, not {_kind(given)}")
    return tuple(_tool(one, who) for one in listed)


def _listed(given: object, who: str) -> object:
    if not isinstance(given, Mapping):
        return getattr(given, "tools", given)  # the mcp package's ListToolsResult
    answer = given.get("result") if "jsonrpc" in given else given
    if isinstance(answer, Mapping) and "tools" in answer:
        return answer["tools"]
    if "jsonrpc" in given:
        raise ConfigError(f"{who}: the MCP server's answer holds no tools; give it the answer to tools/list")
    return None


def _tool(one: Any, who: str) -> Mapping[str, Any]:
    if isinstance(one, Mapping):
        schema = one.get("inputSchema")
        if schema is None or "name" not in one:
            return one
        return _function(one["name"], one.get("description"), schema)
    name = getattr(one, "name", None)
    # The mcp package calls it inputSchema in its versions 1.x, input_schema from 2.0 on.
    schema = getattr(one, "inputSchema", None) or getattr(one, "input_schema", None)
    if not isinstance(name, str) or not isinstance(schema, Mapping):
        raise ConfigError(f"{who}: a tool is an object with a name and the schema of its arguments, not {_kind(one)}")
    return _function(name, getattr(one, "description", None), schema)


def _function(name: Any, description: Any, schema: Any) -> Mapping[str, Any]:
    said = {"description": description} if description else {}
    return {"name": name, **said, "parameters": schema}


def _kind(given: object) -> str:
    if callable(given):
        return f"the function {quoted(getattr(given, '__name__', type(given).__name__), 40)}"
    return shown(given)
