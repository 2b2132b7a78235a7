"""A check of tool calls against the tools the model was given."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pytest_llmeval.checks.agents.tool_calls import Calls, trajectory_of
from pytest_llmeval.checks.agents.tool_listing import Tools, tools_of
from pytest_llmeval.checks.agents.tools import CATEGORY, given_arguments, no_arguments
from pytest_llmeval.checks.check import check, failed, passed
from pytest_llmeval.checks.json_value import MOST_PROBLEMS, schema_problems, schema_text, several
from pytest_llmeval.checks.structure.json_parts import json_path
from pytest_llmeval.errors import LlmevalError
from pytest_llmeval.reply import ToolCall
from pytest_llmeval.score import Score
from pytest_llmeval.text import listed, nearest, quoted

__tracebackhide__ = True

# The key of the JSON Schema of a tool's arguments: in OpenAI's form, Anthropic's, Google's.
_SCHEMAS = ("parameters", "input_schema", "parametersJsonSchema", "parameters_json_schema")

# With one of these a schema says itself which further arguments are right, or has some elsewhere.
_TAKES_OTHERS = frozenset(
    {"additionalProperties", "unevaluatedProperties", "patternProperties", "propertyNames", "dependentSchemas"}
    | {"$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "if", "not"}
)


@check
def assert_valid_tool_calls(calls: Calls, tools: Tools, *, category: str | None = None) -> Score:
    """Check that the model called only existing tools, with arguments that satisfy their schemas.

    An argument that the schema does not name is a failure, unless the schema has ``additionalProperties``.
    A reply without any call passes. Tools that the provider ran by itself are not looked at.

    Args:
        calls: as for `assert_tool_called`.
        tools: as they were given to ``llm``, as a captured request holds them, in any provider's form, or as an MCP
            server lists them.
        category: the error category of a failure; by default ``tool_call``.

    Raises:
        LlmevalError: ``tools`` is not a list of tools, or the schema of a tool cannot be applied; references to other
            documents are never fetched.
    """
    trajectory = trajectory_of("valid_tool_calls", calls, by_provider=False)
    schemas = dict(_schemas(tools_of(tools, "assert_valid_tool_calls")))
    problems = []
    for step, call in trajectory.calls():
        head = f"{quoted(call.name)}{trajectory.named(step)}"
        problems += [f"{head}: {problem}" for problem in _problems(call, schemas)]
    if not problems:
        return passed(CATEGORY)
    lines = [several("the schemas are not met", problems), *trajectory.lines()]
    return failed("\n".join(lines), category=CATEGORY)


def _schemas(tools: Sequence[Any]) -> Iterator[tuple[str, str | None]]:
    """Names of tools with the schemas of their arguments, as JSON; None for a tool without a schema."""
    for tool in tools:
        declared = tool.get("functionDeclarations", tool.get("function_declarations"))
        if isinstance(declared, (list, tuple)):
            yield from _schemas([one for one in declared if isinstance(one, Mapping)])
            continue
        function = tool.get("function")
        function = function if isinstance(function, Mapping) else tool
        name = function.get("name")
        if not isinstance(name, str):
            if "type" in tool:
                continue  # such as {"type": "web_search"}, which the provider calls
            raise LlmevalError(f"assert_valid_tool_calls: a tool has no name, only {listed(list(map(str, tool)))}")
        schema = next((function[key] for key in _SCHEMAS if isinstance(function.get(key), Mapping)), None)
        with _named(name):
            text = None if schema is None else schema_text(schema)
        yield name, text


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Name the tool in an error about its schema."""
    try:
        yield
    except LlmevalError as error:
        why = str(error).removeprefix("assert_schema: ")
        raise LlmevalError(f"assert_valid_tool_calls: the parameters of {quoted(name)}: {why}") from None


def _problems(call: ToolCall, schemas: Mapping[str, str | None]) -> list[str]:
    if call.name not in schemas:
        similar = nearest(call.name, schemas)
        rest = f"the nearest is {quoted(similar)}" if similar else f"known are {listed(list(schemas)) or 'none'}"
        return [f"there is no such tool; {rest}"]
    arguments = given_arguments(call)
    if arguments is None:
        return [no_arguments(call)]
    schema = schemas[call.name]
    if schema is None:
        return []
    with _named(call.name):
        found = schema_problems(schema, dict(arguments))
    return [*_not_taken(json.loads(schema), arguments), *found][:MOST_PROBLEMS]


def _not_taken(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> list[str]:
    """The arguments that the function does not have: a schema that does not say that it takes others takes none."""
    known = schema.get("properties")
    if not isinstance(known, dict) or _TAKES_OTHERS.intersection(schema):
        return []
    lines = []
    for name in arguments:
        if name not in known:
            similar = nearest(name, known)
            rest = f"the nearest is {quoted(similar)}" if similar else f"it takes {listed(list(known)) or 'none'}"
            lines.append(f"{json_path((name,))}: the tool has no such argument; {rest}")
    return lines
