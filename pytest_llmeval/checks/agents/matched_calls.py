"""`assert_tool_calls`: the calls of tools that were expected, one to one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pytest_llmeval.checks.agents.arguments import call_in_words, mistakes_in_forms
from pytest_llmeval.checks.agents.tool_calls import Calls, Trajectory, trajectory_of
from pytest_llmeval.checks.agents.tools import CATEGORY, problems_of_call
from pytest_llmeval.checks.check import check, failed, passed
from pytest_llmeval.checks.json_value import several
from pytest_llmeval.errors import LlmevalError
from pytest_llmeval.reply import ToolCall, call_words
from pytest_llmeval.score import Score
from pytest_llmeval.text import did_you_mean, quoted, shown

_WIDTH = 45  # characters of a call in a line that names two
__tracebackhide__ = True


class ExpectedCall(NamedTuple):
    """A call that the model should make."""

    name: str
    args: Mapping[str, Any] | None


@check
def assert_tool_calls(
    calls: Calls,
    expected: Sequence[str | Mapping[str, Any]],
    *,
    exact: bool = False,
    in_order: bool = False,
    category: str | None = None,
) -> Score:
    """Check that the model made these tool calls and no others, each once, in any order.

    Args:
        calls: as for `assert_tool_called`.
        expected: the calls, each the name of a tool or ``{"name": ..., "args": {...}}`` with arguments as in
            `assert_tool_called`. Two calls of a tool are expected twice.
        exact: whether other arguments, and other fields of objects within, are forbidden.
        in_order: whether the calls must come in this order.
        category: the error category of a failure; by default ``tool_call``.

    Raises:
        LlmevalError: an argument is invalid, or ``calls`` is a text without tool calls.
    """
    trajectory = trajectory_of("tool_calls", calls)
    wanted = _expected(expected)
    came = trajectory.calls()
    problems = [[_problems(call, one, exact=exact) for _, call in came] for one in wanted]
    pairs = _aligned(problems) if in_order else _matched(problems)
    right = sum(not problems[one][place] for one, place in pairs.items())
    if right == len(wanted) == len(came):
        return passed(CATEGORY)
    told = several("the calls differ", list(_told(wanted, trajectory, problems, pairs, in_order=in_order)))
    share = right / max(len(wanted), len(came))
    return failed("\n".join([told, *trajectory.lines()]), category=CATEGORY, value=share)


def mistakes_in_calls(expected: object) -> Iterator[str]:
    """What is wrong with a list of expected calls."""
    if isinstance(expected, (str, Mapping)) or not isinstance(expected, Sequence):
        yield f'it takes a list of calls such as {{"name": "refund", "args": {{"amount": 84}}}}, not {shown(expected)}'
        return
    if not expected:
        yield "the list is empty; no_tool_called checks that no tool is called"
    for number, one in enumerate(expected, start=1):
        yield from (f"call {number}: {problem}" for problem in _mistakes_in_call(one))


def _mistakes_in_call(one: object) -> Iterator[str]:
    if isinstance(one, str) and one.strip():
        return
    if not isinstance(one, Mapping):
        yield f'expected the name of a tool or {{"name": ..., "args": {{...}}}}, not {shown(one)}'
        return
    for key in one:
        if key not in ExpectedCall._fields:
            yield f"unknown key {quoted(str(key))}{did_you_mean(str(key), ExpectedCall._fields)}"
    name, args = one.get("name"), one.get("args")
    if not isinstance(name, str) or not name.strip():
        yield "name is missing" if "name" not in one else f"name is the name of a tool, not {shown(name)}"
    if isinstance(args, Mapping):
        yield from (f"args: {mistake}" for mistake in mistakes_in_forms(args))
    elif args is not None:
        yield f"args is an object of arguments by name, not {shown(args)}"


def _expected(expected: Any) -> list[ExpectedCall]:
    for mistake in mistakes_in_calls(expected):
        raise LlmevalError(f"assert_tool_calls: {mistake}")
    return [
        ExpectedCall(one, None) if isinstance(one, str) else ExpectedCall(one["name"], one.get("args"))
        for one in expected
    ]


def _problems(call: ToolCall, one: ExpectedCall, *, exact: bool) -> list[str] | None:
    """What is wrong with the call as the one expected, None when it is a call of another tool."""
    return problems_of_call(call, one.args, exact=exact) if call.name == one.name else None


_Table = list[list[list[str] | None]]


def _matched(problems: _Table) -> dict[int, int]:
    """Expected calls with calls that came: as many right ones as there can be, then the nearest of the others."""
    taken: dict[int, int] = {}  # by the call that came, the expected one it is taken for
    for one in range(len(problems)):
        _find(one, problems, taken, set())
    pairs = {one: place for place, one in taken.items()}
    nearest = sorted(
        (len(found), one, place)
        for one, row in enumerate(problems)
        for place, found in enumerate(row)
        if found is not None and one not in pairs and place not in taken
    )
    for _, one, place in nearest:
        if one not in pairs and place not in pairs.values():
            pairs[one] = place
    return pairs


def _find(one: int, problems: _Table, taken: dict[int, int], tried: set[int]) -> bool:
    """Find a right call for one more expected call; others may have to take another one (Kuhn's algorithm)."""
    for place, found in enumerate(problems[one]):
        if found == [] and place not in tried:
            tried.add(place)
            if place not in taken or _find(taken[place], problems, taken, tried):
                taken[place] = one
                return True
    return False


def _aligned(problems: _Table) -> dict[int, int]:
    """Expected calls with calls that came, both in order: the most right ones, then the fewest problems."""
    count = len(problems[0]) if problems else 0
    best = [[(0, 0)] * (count + 1) for _ in range(len(problems) + 1)]
    for one in reversed(range(len(problems))):
        for place in reversed(range(count)):
            best[one][place] = max(best[one + 1][place], best[one][place + 1], _with(problems, best, one, place))
    pairs, one, place = {}, 0, 0
    while one < len(problems) and place < count:
        if problems[one][place] is not None and best[one][place] == _with(problems, best, one, place):
            pairs[one] = place
            one, place = one + 1, place + 1
        elif best[one][place] == best[one + 1][place]:
            one += 1
        else:
            place += 1
    return pairs


def _with(problems: _Table, best: list[list[tuple[int, int]]], one: int, place: int) -> tuple[int, int]:
    """How good the rest is when these two are a pair."""
    right, near = best[one + 1][place + 1]
    found = problems[one][place]
    if found is None:
        return -1, 0
    return (right + 1, near) if not found else (right, near + 1000 - len(found))


def _told(
    wanted: list[ExpectedCall], trajectory: Trajectory, problems: _Table, pairs: dict[int, int], *, in_order: bool
) -> Iterator[str]:
    came = trajectory.calls()
    for one, expected in enumerate(wanted):
        words = call_in_words(expected.name, expected.args, _WIDTH)
        place = pairs.get(one)
        if place is None:
            late = in_order and [] in problems[one]
            yield f"{words} was not called{' in its place' if late else ''}"
        elif found := problems[one][place]:
            step, call = came[place]
            more = f", and {len(found) - 1} more {'differ' if len(found) > 2 else 'differs'}" if len(found) > 1 else ""
            yield f"expected {words}, got {call_words(call, _WIDTH)}{trajectory.named(step)}: {found[0]}{more}"
    for place, (step, call) in enumerate(came):
        if place not in pairs.values():
            yield f"{call_words(call, _WIDTH)}{trajectory.named(step)} was not expected"
