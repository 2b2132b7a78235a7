"""Checks of what an agent did: the tools it called, with which arguments, in which order, in how many steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_llmeval.checks.agents.arguments import argument_problems, mistakes_in_forms
from pytest_llmeval.checks.agents.tool_calls import Calls, Trajectory, trajectory_of
from pytest_llmeval.checks.check import check, failed, is_number, passed
from pytest_llmeval.checks.json_value import several
from pytest_llmeval.errors import LlmevalError
from pytest_llmeval.reply import ToolCall
from pytest_llmeval.score import Score
from pytest_llmeval.text import json_words, listed, nearest, quoted, shown

CATEGORY = "tool_call"
__tracebackhide__ = True


@check
def assert_tool_called(
    calls: Calls,
    name: str,
    args: Mapping[str, Any] | None = None,
    *,
    exact: bool = False,
    times: int | None = None,
    at_most: int | None = None,
    category: str | None = None,
) -> Score:
    """Check that the model called a tool, with these arguments when some are given.

    Args:
        calls: a reply, a list of replies, ``llm_capture.calls``, or tool calls.
        name: of the tool.
        args: arguments the call must have, by name. A value may be a plain one, ``{"one_of": [...]}``,
            ``{"matches": "pattern"}``, ``{"if_given": ...}`` for an argument that may be missing, ``{"equal": ...}``,
            a compiled regular expression, a class, or a function that takes the argument and returns whether it is
            right. Fields of objects are compared in the same way.
        exact: whether other arguments, and other fields of objects within, are forbidden.
        times: how often, from 1; by default at least once.
        at_most: how often at most, from 1.
        category: the error category of a failure; by default ``tool_call``.

    Raises:
        LlmevalError: an argument is invalid, or ``calls`` is a text without tool calls.
    """
    trajectory = trajectory_of("tool_called", calls)
    _name("tool_called", name)
    _arguments("tool_called", args)
    for option, limit in (("times", times), ("at_most", at_most)):
        if limit is not None:
            _limit("tool_called", option, limit)
    named = [(step, call) for step, call in trajectory.calls() if call.name == name]
    if not named:
        return _told(trajectory, _not_called(name, trajectory))
    problems = [(problems_of_call(call, args, exact=exact), step) for step, call in named]
    right = sum(not found for found, _ in problems)
    if not right:
        (first, *others), step = min(problems, key=lambda one: len(one[0]))
        first = f"{quoted(name)}{trajectory.named(step)}: {first}"
        return _told(trajectory, several("the arguments differ", [first, *others]))
    wrong = (times is not None and right != times) or (at_most is not None and right > at_most)
    if not wrong:
        return passed(CATEGORY)
    wanted = f"expected {times}" if times is not None else f"at most {at_most} allowed"
    how = " with these arguments" if args is not None else ""
    return _told(trajectory, f"{quoted(name)} was called {_times(right)}{how}, {wanted}")


@check
def assert_no_tool_called(calls: Calls, names: str | Sequence[str] = (), *, category: str | None = None) -> Score:
    """Check that the model called no tool, or none of these.

    Args:
        calls: as for `assert_tool_called`.
        names: of the tools that must not be called; by default any tool.
        category: the error category of a failure; by default ``tool_call``.

    Raises:
        LlmevalError: as in `assert_tool_called`.
    """
    trajectory = trajectory_of("no_tool_called", calls)
    forbidden = _names("no_tool_called", [names] if isinstance(names, str) else names)
    for step, call in trajectory.calls():
        if not forbidden:
            return _told(trajectory, f"no tool should be called, but {quoted(call.name)} was{trajectory.named(step)}")
        if call.name in forbidden:
            return _told(trajectory, f"{quoted(call.name)} must not be called, but was{trajectory.named(step)}")
    return passed(CATEGORY)


@check
def assert_tool_order(calls: Calls, names: Sequence[str], *, exact: bool = False, category: str | None = None) -> Score:
    """Check that the model called these tools in this order; others may be called in between.

    Args:
        calls: as for `assert_tool_called`.
        names: of the tools; repeat the name of a tool that must be called twice.
        exact: whether other calls are forbidden.
        category: the error category of a failure; by default ``tool_call``.

    Raises:
        LlmevalError: as in `assert_tool_called`.
    """
    trajectory = trajectory_of("tool_order", calls)
    if isinstance(names, str) or not names:
        raise LlmevalError(f"assert_tool_order takes a list of names of tools, not {shown(names)}")
    wanted = _names("tool_order", names)
    came = [call.name for _, call in trajectory.calls()]
    if exact:
        if came == wanted:
            return passed(CATEGORY)
        got = listed(came, 6, 30) if came else "no tool call"
        return _told(trajectory, f"expected the tool calls {listed(wanted, 6, 30)}, got {got}")
    rest = iter(came)
    for place, name in enumerate(wanted):
        if name in rest:  # also consumes what comes before it
            continue
        if name not in came:
            return _told(trajectory, _not_called(name, trajectory))
        again = " again" if name in wanted[:place] else ""
        return _told(trajectory, f"{quoted(name)} was not called{again} after {quoted(wanted[place - 1])}")
    return passed(CATEGORY)


@check
def assert_steps(
    calls: Calls, *, at_most: int | None = None, tool_calls_at_most: int | None = None, category: str | None = None
) -> Score:
    """Check how many steps an agent took: how often the model was asked, and how many tools it called.

    Args:
        calls: a list of replies, or ``llm_capture.calls``.
        at_most: the most calls of the model, from 1.
        tool_calls_at_most: the most calls of tools, from 1.
        category: the error category of a failure; by default ``tool_call``.

    Raises:
        LlmevalError: no limit is given, a limit is invalid, or ``calls`` holds no steps.
    """
    trajectory = trajectory_of("steps", calls)
    if at_most is None and tool_calls_at_most is None:
        raise LlmevalError("assert_steps needs at_most= or tool_calls_at_most=")
    if at_most is not None:
        _limit("steps", "at_most", at_most)
        if not trajectory.whole:
            raise LlmevalError("assert_steps: at_most= counts calls of the model; give it the replies, not tool calls")
        if len(trajectory.steps) > at_most:
            told = f"the model was asked {_times(len(trajectory.steps))}, at most {at_most} allowed"
            return _told(trajectory, told, value=at_most / len(trajectory.steps))
    if tool_calls_at_most is not None:
        _limit("steps", "tool_calls_at_most", tool_calls_at_most)
        count = len(trajectory.calls())
        if count > tool_calls_at_most:
            told = f"the model called tools {_times(count)}, at most {tool_calls_at_most} allowed"
            return _told(trajectory, told, value=tool_calls_at_most / count)
    return passed(CATEGORY)


def given_arguments(call: ToolCall) -> Mapping[str, Any] | None:
    """The arguments of a call, {} when the model gave none at all; None when they are not a JSON object."""
    if call.arguments is None and not call.raw_arguments.strip():
        return {}
    return call.arguments


def no_arguments(call: ToolCall) -> str:
    """The problem of a call whose arguments are not a JSON object."""
    return f"the arguments are not a JSON object: {json_words(call.raw_arguments)}"


def problems_of_call(call: ToolCall, args: Mapping[str, Any] | None, *, exact: bool) -> list[str]:
    """What is wrong with the arguments of a call, as in `argument_problems`; any JSON object is right for None."""
    given = given_arguments(call)
    if given is None:
        return [no_arguments(call)]
    return [] if args is None else argument_problems(args, given, exact=exact)


def _arguments(check_name: str, args: object) -> None:
    if args is None:
        return
    if not isinstance(args, Mapping):
        raise LlmevalError(f"assert_{check_name}: args is an object of arguments by name, not {shown(args)}")
    for mistake in mistakes_in_forms(args):
        raise LlmevalError(f"assert_{check_name}: args: {mistake}")


def _told(trajectory: Trajectory, problem: str, value: float = 0.0) -> Score:
    """A failure with what the model did below the problem."""
    return failed("\n".join([problem, *trajectory.lines()]), category=CATEGORY, value=value)


def _not_called(name: str, trajectory: Trajectory) -> str:
    came = list(dict.fromkeys(call.name for _, call in trajectory.calls()))
    if not trajectory.steps:
        return f"{quoted(name)} was not called: the model was not asked"
    if not came:
        return f"{quoted(name)} was not called, and no other tool"
    similar = nearest(name, came)
    others = came if similar is None else [similar]
    return f"{quoted(name)} was not called; {listed(others)} {'was' if len(others) == 1 else 'were'}"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _name(check_name: str, name: object) -> str:
    if isinstance(name, str) and name.strip():
        return name
    raise LlmevalError(f"assert_{check_name} takes the name of a tool, not {shown(name)}")


def _names(check_name: str, names: object) -> list[str]:
    if isinstance(names, Mapping) or not isinstance(names, (list, tuple, set, frozenset)):
        raise LlmevalError(f"assert_{check_name} takes names of tools, not {shown(names)}")
    return [_name(check_name, name) for name in names]


def _limit(check_name: str, option: str, value: object) -> None:
    if not is_number(value, 1) or not isinstance(value, int):
        raise LlmevalError(f"assert_{check_name}: {option} is a whole number from 1, not {shown(value)}")
