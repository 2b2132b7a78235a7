"""What the code says of itself, as Markdown: its docstrings, its command lines, its hooks."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

__all__ = ["cell", "commands_in_full", "docstring", "fixtures_in_full", "hooks", "python_names", "table"]

_SECTION = re.compile(r"^(Args|Attributes|Returns|Raises|Yields):\n((?: {4}.*\n?|\n)*)", re.MULTILINE)
_ITEM = re.compile(r"^ {4}(\*{0,2}\w+): (.*(?:\n {5,}.*)*)", re.MULTILINE)
_TITLES = {
    "Args": "Arguments",
    "Attributes": "Attributes",
    "Returns": "Returns",
    "Raises": "Raises",
    "Yields": "Yields",
}


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def cell(text: str) -> str:
    """A text as a cell of a table; outside of code a tag in it is no tag."""
    parts = " ".join(text.split()).replace("|", "\\|").split("`")
    return "`".join(part if number % 2 else part.replace("<", "&lt;") for number, part in enumerate(parts))


def docstring(of: object) -> str:
    """A docstring of Google's style as Markdown: its paragraphs, and a list for each section."""
    text = (inspect.getdoc(of) or "") + "\n"
    told = [_code(" ".join(part.split())) for part in _SECTION.sub("", text).split("\n\n") if part.strip()]
    for name, body in _SECTION.findall(text):
        items = _ITEM.findall(body)
        if items and name != "Returns":
            listed = "\n".join(f"- `{item}`: {_code(' '.join(words.split()))}" for item, words in items)
            told.append(f"{_TITLES[name]}:\n\n{listed}")
        else:
            told.append(f"{_TITLES[name]}: {_code(' '.join(body.split()))}")
    return "\n\n".join(told)


def _code(text: str) -> str:
    return text.replace("``", "`")


# Commands.


def commands_in_full() -> str:
    """Every subcommand of ``llmeval``, by its parser."""
    from pytest_llmeval.commands.main import _parser

    return "\n\n".join(_commands(_parser(), "llmeval"))


def _commands(parser: argparse.ArgumentParser, name: str) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {each.dest: each.help or "" for each in action._choices_actions}
            for verb, below in action.choices.items():
                deeper = any(isinstance(each, argparse._SubParsersAction) for each in below._actions)
                depth = "##" if name == "llmeval" else "###"
                yield f"{depth} {name} {verb}\n\n{helps[verb]}." + ("" if deeper else f"\n\n{_arguments(below)}")
                yield from _commands(below, f"{name} {verb}")


def _arguments(parser: argparse.ArgumentParser) -> str:
    rows = []
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction) or action.help == argparse.SUPPRESS:
            continue
        value = action.metavar or (action.dest.upper() if action.nargs != 0 else "")
        named = ", ".join(action.option_strings)
        shown = f"{named} {value}".strip() if named else str(value)
        rows.append((f"`{shown}`", cell(action.help or "")))
    return table(("argument", "does"), rows)


# Fixtures and hooks.


def fixtures_in_full() -> str:
    """Every fixture with its docstring, and what the object that a test gets has."""
    from pytest_llmeval.plugin import fixtures
    from pytest_llmeval.plugin.capturing.captured import CapturedCall, LlmCapture
    from pytest_llmeval.plugin.capturing.gateway_calls import LlmGateway
    from pytest_llmeval.plugin.running.llm import Llm

    gives = {"llm": (Llm,), "llm_capture": (LlmCapture, CapturedCall), "llm_gateway": (LlmGateway,)}
    parts = []
    for name in sorted(name for name in vars(fixtures) if name.startswith("llm")):
        fixture = getattr(fixtures, name)
        scope = getattr(fixture, "_fixture_function_marker", None)
        words = f" Scope: {scope.scope}." if scope is not None and scope.scope != "function" else ""
        parts.append(f"## {name}\n\n{docstring(fixture)}{words}")
        parts += [part for given in gives.get(name, ()) for part in _members(given, name)]
    return "\n\n".join(parts)


def _members(given: type[Any], fixture: str) -> Iterator[str]:
    """The methods and properties of what a fixture gives, in the order of its source."""
    call = given.__name__ == "CapturedCall"
    if call:
        yield f"### A call of {fixture}.calls\n\n" + docstring(given).partition("\n\n")[2]
    elif attributes := docstring(given).partition("\n\n")[2]:
        yield attributes
    rows = []
    for name, member in vars(given).items():
        if name == "add" or (name.startswith("_") and name != "__call__"):
            continue
        if isinstance(member, property):
            rows.append((f"`{name}`", cell(docstring(member.fget))))
        elif callable(member):
            shown = fixture if name == "__call__" else f"{fixture}.{name}"
            yield f"### {shown}()\n\n`{_signature(shown, member)}`\n\n{docstring(member)}"
    if rows:
        yield table(("it has", "is"), rows)


def _signature(name: str, function: Callable[..., Any]) -> str:
    told = inspect.signature(function)
    parameters = [each.replace(annotation=each.empty) for each in told.parameters.values() if each.name != "self"]
    return f"{name}{told.replace(parameters=parameters, return_annotation=told.empty)}"


def hooks() -> str:
    """Every hook that a project may implement."""
    from pytest_llmeval.plugin import hookspecs

    parts = []
    for name, function in vars(hookspecs).items():
        if name.startswith("pytest_llmeval_"):
            parts.append(f"## {name}\n\n`{_signature(name, function)}`\n\n{docstring(function)}")
    return "\n\n".join(parts)


# What Python code imports.


def python_names() -> str:
    """Every public name that is no check, with its first sentence."""
    import pytest_llmeval

    rows = []
    for name in pytest_llmeval.__all__:
        if not name.startswith("assert_"):
            sentence = re.split(r"\.(?:\s|$)", inspect.getdoc(getattr(pytest_llmeval, name)) or "", maxsplit=1)[0]
            rows.append((f"`{name}`", cell(_code(sentence))))
    return table(("name", "is"), rows)
