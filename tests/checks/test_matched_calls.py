"""Expected calls of tools one to one, and the forms that an expected argument may have."""

from __future__ import annotations

import re
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmeval.case import Case
from pytest_llmeval.checks.agents.matched_calls import assert_tool_calls
from pytest_llmeval.checks.agents.tools import assert_tool_called
from pytest_llmeval.checks.categories import category_of
from pytest_llmeval.checks.rows.row_checks import assert_case
from pytest_llmeval.checks.rows.row_forms import validate_checks
from pytest_llmeval.errors import CheckFailed, LlmevalError
from pytest_llmeval.formats.reading import tool_call
from pytest_llmeval.reply import Answer, Measures, Reply, ToolCall


def tool(name: str, **arguments: Any) -> ToolCall:
    return tool_call(name, arguments, "c1")


def reply(*calls: ToolCall) -> Reply:
    return Reply(Answer(text="", tool_calls=calls), Measures(latency=1.0), "acme/large")


def call(name: str, **args: Any) -> dict[str, Any]:
    return {"name": name, "args": args}


def failure(calls: Any, *arguments: Any, **options: Any) -> list[str]:
    with pytest.raises(CheckFailed) as caught:
        assert_tool_calls(calls, *arguments, **options)
    assert category_of(caught.value) == "tool_call"
    return str(caught.value).split("\n")


def holds(calls: Any, expected: Any, **options: Any) -> bool:
    try:
        assert_tool_calls(calls, expected, **options)
    except CheckFailed:
        return False
    return True


FERRY = tool("book_ferry", to="Syros", cars=1)
ROOM = tool("book_room", city="Ermoupoli", nights=3)
BOTH = [reply(FERRY, ROOM)]


def test_every_expected_call_has_one_call_of_its_own_in_any_order() -> None:
    wanted = [call("book_room", city="Ermoupoli"), call("book_ferry")]
    assert assert_tool_calls(BOTH, wanted).check == "tool_calls"
    assert_tool_calls([reply(FERRY), reply(ROOM)], [{"name": "book_ferry"}, "book_room"])
    assert_tool_calls(BOTH, [call("book_ferry", to="Syros", cars=1), "book_room"], in_order=True)
    assert not holds(BOTH, wanted, in_order=True)
    assert not holds(BOTH, wanted, exact=True)
    assert holds([FERRY], [call("book_ferry", to="Syros", cars=1)], exact=True)


def test_one_call_does_not_stand_for_two_nor_two_for_one() -> None:
    twice = [reply(FERRY, FERRY)]
    assert holds(twice, ["book_ferry", "book_ferry"])
    assert failure([FERRY], ["book_ferry", "book_ferry"])[0] == '"book_ferry" was not called'
    assert failure(twice, ["book_ferry"])[0] == 'book_ferry(to="Syros", cars=1) was not expected'
    assert failure([reply()], ["book_ferry"])[0] == '"book_ferry" was not called'


def test_a_call_that_fits_two_leaves_the_other_its_own() -> None:
    """Taken in turn, the general one would take the call that only the special one needs."""
    wanted = [call("book_room", city="Naxos"), call("book_room", city="Naxos", nights=2)]
    came = [tool("book_room", city="Naxos", nights=2), tool("book_room", city="Naxos")]
    for order in permutations(came):
        for expected in permutations(wanted):
            assert holds(reply(*order), list(expected))


def test_the_nearest_calls_are_paired_and_told() -> None:
    came = [reply(tool("book_room", city="Naxos", nights=2), tool("search"), tool("book_room", city="Paros", nights=4))]
    wanted = [call("book_room", city="Paros", nights=3), call("book_room", city="Naxos"), call("book_car", days=2)]
    assert failure(came, wanted) == [
        (
            'expected book_room(city="Paros", nights=3), got book_room(city="Paros", nights=4): '
            "$.nights: expected 3, got 4 (2 more)"
        ),
        "book_car(days=2) was not called",
        "search() was not expected",
        'step 1: book_room(city="Naxos", nights=2)',
        "        search()",
        '        book_room(city="Paros", nights=4)',
    ]
    with pytest.raises(CheckFailed) as caught:
        assert_tool_calls(came, wanted)
    assert caught.value.score == pytest.approx(1 / 3)


def test_further_arguments_that_differ_are_counted() -> None:
    line = failure([FERRY], [call("book_ferry", to="Paros", cars=2)])[0]
    assert line.endswith(': $.to: expected "Paros", got "Syros", and 1 more differs')


def test_a_call_in_the_wrong_place_is_told() -> None:
    lines = failure(BOTH, ["book_room", "book_ferry"], in_order=True)
    assert lines[:2] == [
        '"book_room" was not called in its place (1 more)',
        'book_room(city="Ermoupoli", nights=3) was not expected',
    ]


SMALL = st.lists(
    st.dictionaries(st.sampled_from("xy"), st.integers(0, 1), max_size=2).map(lambda args: ("f", args)), max_size=4
)


@settings(deadline=None)
@given(SMALL.filter(bool), SMALL, st.booleans())
def test_the_verdict_is_that_of_trying_every_assignment(wanted: Any, came: Any, exact: bool) -> None:
    calls = reply(*(tool(name, **args) for name, args in came))
    expected = [{"name": name, "args": args} for name, args in wanted]

    def fits(one: dict[str, int], given_args: dict[str, int]) -> bool:
        return one == given_args if exact else one.items() <= given_args.items()

    possible = [
        len(order) == len(wanted) and all(fits(one, other) for (_, one), (_, other) in zip(wanted, order, strict=True))
        for order in permutations(came)
    ]
    assert holds(calls, expected, exact=exact) == any(possible)
    assert holds(calls, expected, exact=exact, in_order=True) == possible[0]


# An answer that differs in one thing from the right one, as `benchmarks/tool_calls.py` makes them.

RIGHT = call("sail", to={"one_of": ["Syros", "Syra"]}, crew={"one_of": [2]}, fast={"if_given": {"one_of": [False]}})


@pytest.mark.parametrize(
    ("args", "right"),
    [
        ({"to": "Syros", "crew": 2}, True),
        ({"to": "Syra", "crew": 2, "fast": False}, True),
        ({"to": "Syros", "crew": 2, "fast": True}, False),
        ({"to": "Syros", "crew": 2, "fast": 0}, False),
        ({"to": "Syros", "crew": 2, "fast": None}, False),
        ({"to": "Syros", "crew": 3}, False),
        ({"to": "Syros", "crew": "2"}, False),
        ({"to": "Syros"}, False),
        ({"to": "Syros", "crew": 2, "colour": "red"}, False),
        ({"to": "syros", "crew": 2}, False),  # the leaderboard accepts it
        ({"to": "Syros", "crew": 2.0}, True),  # the leaderboard refuses it
    ],
    ids=str,
)
def test_one_thing_that_differs_decides(args: dict[str, Any], right: bool) -> None:
    assert holds(reply(tool("sail", **args)), [RIGHT], exact=True) == right
    assert holds(reply(FERRY, tool("sail", **args)), [RIGHT, "book_ferry"], exact=True) == right
    assert not holds(reply(tool("row", **args)), [RIGHT], exact=True)


# The forms of an argument.


@pytest.mark.parametrize(
    ("args", "right", "told"),
    [
        ({"nights": {"one_of": [3, 4]}}, {"nights": 4}, "$.nights: expected one of 3, 4, got 5"),
        ({"nights": {"one_of": [3]}}, {"nights": 3.0}, "$.nights: expected 3, got 5"),
        ({"city": {"matches": "^Erm"}}, {"city": "Ermoupoli"}, '$.city: expected a match of "^Erm", got "Kini"'),
        (
            {"city": {"one_of": ["Hermoupolis", {"matches": "^Erm"}]}},
            {"city": "Ermoupoli"},
            '$.city: expected one of "Hermoupolis", a match of "^Erm", got "Kini"',
        ),
        ({"nights": {"if_given": 3}}, {}, "$.nights: expected 3, got 5"),
        ({"nights": {"if_given": {"one_of": [3, 4]}}}, {"nights": 3}, "$.nights: expected one of 3, 4, got 5"),
        ({"guest": {"name": "Ada", "age": {"if_given": 36}}}, {"guest": {"name": "Ada"}}, "$.guest.age: expected 36"),
        (
            {"tags": [{"matches": "sea"}, {"if_given": 1}]},
            {"tags": ["seaside"]},
            '$.tags[0]: expected a match of "sea"',
        ),
        ({"guest": {"equal": {"matches": "x"}}}, {"guest": {"matches": "x"}}, '$.guest: expected {"matches": "x"}'),
        ({"matches": "x"}, {"matches": "x"}, '$.matches: expected "x", got "y"'),
    ],
    ids=str,
)
def test_an_argument_may_be_expected_in_a_form(args: Any, right: Any, told: str) -> None:
    wrong = {"nights": 5, "city": "Kini", "guest": {"name": "Ada", "age": 3}, "tags": ["hill"], "matches": "y"}
    row = Case(id="a", input="", checks=({"tool_called": {"name": "book_room", "args": args}},))
    assert_tool_called(reply(tool("book_room", **right)), "book_room", args)
    assert_case(reply(tool("book_room", **right)), row)
    assert_tool_called(reply(tool("book_room", **right)), "book_room", args, exact=True)
    with pytest.raises(CheckFailed) as caught:
        assert_case(reply(tool("book_room", **wrong)), row)
    assert str(caught.value).startswith(f'"book_room": {told}')


def test_only_if_given_allows_an_argument_to_be_missing() -> None:
    args = {"one": {"one_of": [1, 2]}, "two": {"matches": "x"}, "three": {"equal": [3]}, "four": {"if_given": 4}}
    with pytest.raises(CheckFailed) as caught:
        assert_tool_called(reply(tool("f")), "f", args)
    assert str(caught.value).split("\n")[:3] == [
        '"f": $.one: missing, expected one of 1, 2 (2 more)',
        '$.two: missing, expected a match of "x"',
        "$.three: missing, expected [3]",
    ]


def test_a_field_beside_a_form_is_a_value_like_any_other() -> None:
    args = {"filter": {"matches": "x", "field": "name"}}
    assert_tool_called(reply(tool("search", **args)), "search", args)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ({"a": {"one_of": 3}}, "$.a: one_of takes a list of values, not 3"),
        ({"a": {"one_of": []}}, "$.a: one_of takes a list of values, not []"),
        ({"a": {"matches": "("}}, "$.a: matches: "),
        ({"a": {"matches": 3}}, "$.a: matches takes a regular expression as a text, not 3"),
        ({"a": [{"b": {"if_given": {"one_of": [{"matches": "["}]}}}]}, "$.a[0].b: matches: "),
        ({"a": {"if_given": 1, "one_of": [1]}}, "$.a: if_given and one_of in one object; one goes into the other"),
    ],
    ids=str,
)
def test_a_mistake_in_a_form_is_told_when_the_row_is_read(args: Any, told: str) -> None:
    for check in ({"tool_called": {"name": "f", "args": args}}, {"tool_calls": [{"name": "f", "args": args}]}):
        [line] = validate_checks([check])
        assert told in line
    with pytest.raises(LlmevalError, match="^assert_tool_called: args: " + re.escape(told)):
        assert_tool_called(reply(), "f", args)
    with pytest.raises(LlmevalError, match="^assert_tool_calls: call 1: args: " + re.escape(told)):
        assert_tool_calls(reply(), [{"name": "f", "args": args}])


def test_a_row_says_which_calls_are_right() -> None:
    for check in (
        {"tool_calls": ["book_room", {"name": "book_ferry", "args": {"to": "Syros"}}]},
        {"tool_calls": {"expected": ["book_ferry", "book_room"], "in_order": True}},
    ):
        row = Case(id="a", input="", checks=(check,))
        assert validate_checks(row.checks) == []
        assert_case(BOTH[0], row)
        with pytest.raises(CheckFailed, match="was not called"):
            assert_case(reply(FERRY), row)


@pytest.mark.parametrize(
    ("calls", "told"),
    [
        ("refund", 'a list of calls such as {"name": "refund", "args": {"amount": 84}}, not "refund"'),
        ({"name": "refund"}, "not an object with 1 key"),
        ([], "the list is empty; no_tool_called checks that no tool is called"),
        ([3], 'call 1: expected the name of a tool or {"name": ..., "args": {...}}, not 3'),
        (["a", {"args": {}}], "call 2: name is missing"),
        ([{"name": ""}], 'call 1: name is the name of a tool, not ""'),
        ([{"name": "a", "arg": {}}], 'call 1: unknown key "arg"; did you mean "args"?'),
        ([{"name": "a", "args": [1]}], "call 1: args is an object of arguments by name, not an array of 1"),
    ],
    ids=str,
)
def test_a_mistake_in_the_expected_calls_is_an_error_and_no_failure(calls: Any, told: str) -> None:
    with pytest.raises(LlmevalError) as caught:
        assert_tool_calls(reply(), calls)
    assert told in str(caught.value)
    assert validate_checks([{"tool_calls": {"expected": calls}}]) != []
