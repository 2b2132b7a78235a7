"""Checks of what an agent did."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmeval.case import Case
from pytest_llmeval.checks.agents.matched_calls import assert_tool_calls
from pytest_llmeval.checks.agents.tool_schema import assert_valid_tool_calls
from pytest_llmeval.checks.agents.tools import (
    assert_no_tool_called,
    assert_steps,
    assert_tool_called,
    assert_tool_order,
)
from pytest_llmeval.checks.categories import category, category_of
from pytest_llmeval.checks.rows.row_checks import assert_case
from pytest_llmeval.checks.rows.row_forms import validate_checks
from pytest_llmeval.errors import CheckFailed, LlmevalError, ReplyError
from pytest_llmeval.formats.reading import tool_call
from pytest_llmeval.reply import Answer, Measures, Reply, ToolCall


def reply(text: str = "", *calls: ToolCall) -> Reply:
    return Reply(Answer(text=text, tool_calls=calls), Measures(latency=1.0), "acme/large")


def tool(name: str, **arguments: Any) -> ToolCall:
    return tool_call(name, arguments, "c1")


def failure(check: Any, *arguments: Any, **options: Any) -> list[str]:
    with pytest.raises(CheckFailed) as caught:
        check(*arguments, **options)
    assert category_of(caught.value) == "tool_call"
    return str(caught.value).split("\n")


def in_words(amount: object) -> bool:
    raise TypeError(f"{amount} is in digits")


FIND = tool("find_order", id="LK-17")
REFUND = tool("refund", order="LK-17", amount=84, items=[{"sku": "PAN", "count": 1}], why={"code": "late", "days": 9})
BROKEN = tool_call("refund", '{"order": "LK-17", "amou')
AGENT = [reply("", FIND), reply("One moment.", REFUND, tool("send_mail", to="ada@example.com")), reply("Refunded.")]


@dataclass(frozen=True)
class Captured:
    """A call of an application, in the form of those of ``llm_capture.calls``."""

    reply: Reply

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return self.reply.tool_calls


@pytest.mark.parametrize(
    "calls",
    [
        AGENT,
        tuple(AGENT),
        AGENT[1],
        [Captured(one) for one in AGENT],
        Captured(AGENT[1]),
        AGENT[1].tool_calls,
        [REFUND],
        REFUND,
    ],
    ids=["replies", "tuple", "reply", "captured", "one captured", "its tool calls", "a list", "a tool call"],
)
def test_a_tool_is_found_in_whatever_knows_of_it(calls: Any) -> None:
    assert assert_tool_called(calls, "refund", {"amount": 84}).check == "tool_called"
    with pytest.raises(CheckFailed):
        assert_tool_called(calls, "search")
    assert_no_tool_called(calls, ["search", "delete"])
    with pytest.raises(CheckFailed):
        assert_no_tool_called(calls)


@pytest.mark.parametrize(
    "args",
    [
        {},
        {"amount": 84.0},
        {"amount": float, "order": str},
        {"order": re.compile(r"^LK-\d+$"), "amount": lambda amount: amount < 100},
        {"items": [{"sku": "PAN"}]},
        {"why": {"code": re.compile("late|lost")}},
        {"why": object},
    ],
    ids=["nothing", "float", "classes", "pattern and function", "list", "within", "anything"],
)
def test_arguments_are_compared_in_part(args: dict[str, Any]) -> None:
    assert_tool_called(AGENT, "refund", args)
    assert failure(assert_tool_called, AGENT, "refund", args, exact=True)[0].startswith('"refund" (step 2): $')


def test_arguments_are_compared_exactly_when_asked_for() -> None:
    assert_tool_called(AGENT, "find_order", {"id": re.compile("17")}, exact=True)
    assert_tool_called(AGENT, "refund", REFUND.arguments, exact=True)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ({"amount": 48}, "$.amount: expected 48, got 84"),
        ({"amount": "84"}, '$.amount: expected "84", got 84'),
        ({"amount": True}, "$.amount: expected true, got 84"),
        ({"amount": bool}, "$.amount: expected what bool accepts, got 84"),
        ({"currency": "EUR"}, '$.currency: missing, expected "EUR"'),
        ({"order": re.compile("^MK")}, '$.order: expected a match of "^MK", got "LK-17"'),
        ({"amount": re.compile("8")}, '$.amount: expected a match of "8", got 84'),
        pytest.param(
            {"amount": in_words},
            "$.amount: expected what in_words accepts, got 84: TypeError: 84 is in digits",
            id="a function of one's own",
        ),
        ({"items": [{"sku": "POT"}]}, '$.items[0].sku: expected "POT", got "PAN"'),
        ({"items": []}, '$.items[0]: not expected, got {"sku": "PAN", "count": 1}'),
        ({"why": {"code": "lost", "days": 9}}, '$.why.code: expected "lost", got "late"'),
        ({"why": 3}, '$.why: expected 3, got {"code": "late", "days": 9}'),
        ({"order": {"id": 1}}, '$.order: expected an object with 1 key, got "LK-17"'),
        ({"amount": 1, "order": 2, "x": 3}, "$.amount: expected 1, got 84 (2 more)"),
    ],
    ids=str,
)
def test_the_argument_that_differs_is_named(args: dict[str, Any], told: str) -> None:
    assert failure(assert_tool_called, AGENT, "refund", args)[0] == f'"refund" (step 2): {told}'


def test_a_failure_tells_every_step_below_its_first_line() -> None:
    assert failure(assert_tool_called, AGENT, "refund", {"amount": 48}) == [
        '"refund" (step 2): $.amount: expected 48, got 84',
        'step 1: find_order(id="LK-17")',
        (
            'step 2: refund(order="LK-17", amount=84, items=[{"sku": "PAN", "count": 1}], '
            'why={"code": "late", "days": 9})'
        ),
        '        send_mail(to="ada@example.com")',
        'step 3: "Refunded."',
    ]
    assert failure(assert_tool_called, [BROKEN], "refund") == [
        '"refund": the arguments are not a JSON object: "{\\"order\\": \\"LK-17\\", \\"amou"',
        'refund(not JSON: "{\\"order\\": \\"LK-17\\", \\"amou")',
    ]


def test_the_call_nearest_to_what_was_expected_is_told() -> None:
    calls = [reply("", tool("f", a=1, b=1)), reply("", tool("f", a=1, b=2)), reply("", tool("f", a=3, b=3))]
    assert failure(assert_tool_called, calls, "f", {"a": 1, "b": 3})[0] == '"f" (step 1): $.b: expected 3, got 1'
    assert_tool_called([*calls, reply("", BROKEN)], "f", {"a": 3, "b": 3})


@pytest.mark.parametrize(
    ("calls", "told"),
    [
        ([], '"refund" was not called: the model was not asked'),
        ([reply("I cannot.")], '"refund" was not called, and no other tool'),
        ([reply("", tool("refund_order"))], '"refund" was not called; "refund_order" was'),
        ([reply("", FIND, tool("search"))], '"refund" was not called; "find_order", "search" were'),
        ([reply("", *(tool(f"t{n}") for n in range(5)))], '"refund" was not called; "t0", "t1", "t2" and 2 more were'),
    ],
)
def test_a_tool_that_was_not_called_is_told_with_what_was(calls: Any, told: str) -> None:
    assert failure(assert_tool_called, calls, "refund")[0] == told
    assert failure(assert_tool_order, calls, ["refund"])[0] == told


def test_how_often_a_tool_was_called() -> None:
    calls = [reply("", tool("search", q="a")), reply("", tool("search", q="b"), tool("search", q="a"))]
    assert_tool_called(calls, "search", times=3)
    assert_tool_called(calls, "search", {"q": "a"}, times=2, at_most=2)
    assert failure(assert_tool_called, calls, "search", times=1)[0] == '"search" was called 3 times, expected 1'
    assert failure(assert_tool_called, calls, "search", at_most=2)[0] == (
        '"search" was called 3 times, at most 2 allowed'
    )
    assert failure(assert_tool_called, calls, "search", {"q": "a"}, at_most=1)[0] == (
        '"search" was called twice with these arguments, at most 1 allowed'
    )


def test_no_tool_or_none_of_these() -> None:
    assert_no_tool_called(reply("Paris"))
    assert_no_tool_called([])
    assert_no_tool_called(AGENT, "delete_account")
    assert failure(assert_no_tool_called, AGENT)[0] == 'no tool should be called, but "find_order" was (step 1)'
    assert failure(assert_no_tool_called, AGENT, ["x", "refund"])[0] == '"refund" must not be called, but was (step 2)'
    assert failure(assert_no_tool_called, AGENT[0]) == [
        'no tool should be called, but "find_order" was',
        'step 1: find_order(id="LK-17")',
    ]


def test_the_order_of_tools() -> None:
    names = ["find_order", "refund", "send_mail"]
    for right in (names, names[1:], ["find_order", "send_mail"]):
        assert_tool_order(AGENT, right)
    assert_tool_order(AGENT, names, exact=True)
    assert failure(assert_tool_order, AGENT, ["refund", "find_order"])[0] == (
        '"find_order" was not called after "refund"'
    )
    assert failure(assert_tool_order, AGENT, ["refund", "refund"])[0] == '"refund" was not called again after "refund"'
    assert failure(assert_tool_order, AGENT, names[1:], exact=True)[0] == (
        'expected the tool calls "refund", "send_mail", got "find_order", "refund", "send_mail"'
    )
    assert failure(assert_tool_order, reply("no"), ["a"], exact=True) == [
        'expected the tool calls "a", got no tool call',
        'step 1: "no"',
    ]


NAMES = st.lists(st.sampled_from("abc"), max_size=6)


@given(NAMES, NAMES.filter(bool))
def test_an_order_is_a_subsequence(came: list[str], wanted: list[str]) -> None:
    possible = re.fullmatch(".*" + ".*".join(wanted) + ".*", "".join(came)) is not None
    calls = [reply("", tool(name)) for name in came]
    if possible:
        assert_tool_order(calls, wanted)
    else:
        failure(assert_tool_order, calls, wanted)
    assert (came == wanted) == _passes(assert_tool_order, calls, wanted, exact=True)


def _passes(check: Any, *arguments: Any, **options: Any) -> bool:
    try:
        check(*arguments, **options)
    except CheckFailed:
        return False
    return True


def test_the_number_of_steps() -> None:
    assert_steps(AGENT, at_most=3, tool_calls_at_most=3)
    with pytest.raises(CheckFailed, match=r"^the model was asked 3 times, at most 2 allowed\n") as caught:
        assert_steps(AGENT, at_most=2)
    assert caught.value.score == pytest.approx(2 / 3)
    with pytest.raises(CheckFailed, match=r"^the model called tools 3 times, at most 1 allowed\n") as caught:
        assert_steps(AGENT, at_most=3, tool_calls_at_most=1)
    assert caught.value.score == pytest.approx(1 / 3)


def test_a_long_way_is_told_in_part() -> None:
    lines = failure(assert_steps, [reply("", tool("search", n=n)) for n in range(200)], at_most=5)
    assert (lines[1], lines[-1]) == ("step 1: search(n=0)", "step 200: search(n=199)")
    assert "... 170 more lines" in lines
    assert len(lines) == 32


PARAMETERS = {
    "type": "object",
    "properties": {"order": {"type": "string"}, "amount": {"type": "number", "maximum": 500}},
    "required": ["order"],
    "additionalProperties": False,
}
FORMS_OF_TOOLS: dict[str, list[dict[str, Any]]] = {
    "plain": [{"name": "refund", "description": "", "parameters": PARAMETERS}],
    "chat": [{"type": "function", "function": {"name": "refund", "parameters": PARAMETERS}}],
    "responses": [{"type": "function", "name": "refund", "parameters": PARAMETERS}, {"type": "web_search"}],
    "anthropic": [{"name": "refund", "input_schema": PARAMETERS}],
    "gemini": [{"functionDeclarations": [{"name": "refund", "parametersJsonSchema": PARAMETERS}]}],
}


@pytest.mark.parametrize("form", FORMS_OF_TOOLS)
def test_calls_are_held_against_the_tools_there_are(form: str) -> None:
    tools = FORMS_OF_TOOLS[form]
    assert_valid_tool_calls(reply("", tool("refund", order="LK-17", amount=84)), tools)
    assert_valid_tool_calls(reply("no tool"), tools)
    told = [
        failure(assert_valid_tool_calls, reply("", call), tools)[0]
        for call in (
            tool("refunds", order="LK-17"),
            tool("delete"),
            tool("refund", order=17),
            tool("refund", amount=900),
            tool("refund", order="a", x=1),
            BROKEN,
            tool_call("refund", "[1]"),
            tool_call("refund", ""),
        )
    ]
    assert told == [
        '"refunds": there is no such tool; the nearest is "refund"',
        '"delete": there is no such tool; known are "refund"',
        '"refund": $.order: expected string, got 17',
        '"refund": $.amount: maximum is 500, got 900 (1 more)',
        '"refund": $.x: property is not allowed',
        '"refund": the arguments are not a JSON object: "{\\"order\\": \\"LK-17\\", \\"amou"',
        '"refund": the arguments are not a JSON object: "[1]"',
        '"refund": $.order: required property is missing',
    ]


def test_a_tool_without_a_schema_takes_any_object() -> None:
    assert_valid_tool_calls(reply("", tool("ping", x=1), tool_call("ping", "")), [{"name": "ping"}])
    assert_tool_called(reply("", tool_call("ping", "")), "ping", {}, exact=True)


@pytest.mark.parametrize(
    ("check", "arguments", "options", "told"),
    [
        (
            assert_tool_called,
            ("a text", "f"),
            {},
            "a list of such replies, or llm_capture.calls, not a text without tool calls",
        ),
        (assert_no_tool_called, ([reply(), 3],), {}, "assert_no_tool_called takes what llm(...) returned, * not 3"),
        (assert_tool_called, (reply(), ""), {}, 'assert_tool_called takes the name of a tool, not ""'),
        (assert_tool_called, (reply(), "f", [1]), {}, "args is an object of arguments by name, not an array of 1"),
        (assert_tool_called, (reply(), "f"), {"times": 0}, "times is a whole number from 1, not 0"),
        (assert_tool_called, (reply(), "f"), {"at_most": 1.5}, "at_most is a whole number from 1, not 1.5"),
        (assert_no_tool_called, (reply(), [1]), {}, "assert_no_tool_called takes the name of a tool, not 1"),
        (assert_no_tool_called, (reply(), {"a": 1}), {}, "takes names of tools, not an object with 1 key"),
        (assert_tool_order, (reply(), "f"), {}, 'assert_tool_order takes a list of names of tools, not "f"'),
        (assert_tool_order, (reply(), []), {}, "assert_tool_order takes a list of names of tools, not []"),
        (assert_steps, (reply(),), {}, "assert_steps needs at_most= or tool_calls_at_most="),
        (assert_steps, ([FIND],), {"at_most": 1}, "counts calls of the model; give it the replies, not tool calls"),
        (
            assert_valid_tool_calls,
            (reply(), {"name": "f"}),
            {},
            "takes a list of tools, or what an MCP server lists",
        ),
        (assert_valid_tool_calls, (reply(), [{"nam": "f"}]), {}, 'a tool has no name, only "nam"'),
        (
            assert_valid_tool_calls,
            (reply(), [{"name": "f", "parameters": {"type": "objekt"}}]),
            {},
            'the parameters of "f": invalid JSON Schema: $.type:*',
        ),
        (
            assert_valid_tool_calls,
            (reply("", tool("f")), [{"name": "f", "parameters": {"$ref": "http://127.0.0.1/x"}}]),
            {},
            'the parameters of "f": "http://127.0.0.1/x" is not in the schema, and nothing is fetched*',
        ),
        (
            assert_tool_called,
            (reply("", tool("f", a="a" * 40 + "!")), "f", {"a": re.compile("(a+)+$")}),
            {},
            'regex timed out: "(a+)+$" took more than 2 s on an argument',
        ),
    ],
)
def test_a_mistake_in_the_test_is_an_error_and_no_failure(check: Any, arguments: Any, options: Any, told: str) -> None:
    with pytest.raises(LlmevalError) as caught:
        check(*arguments, **options)
    assert re.search(".*".join(map(re.escape, told.split("*"))), str(caught.value))


def test_an_error_within_a_function_stays_an_error() -> None:
    def judge(value: object) -> bool:
        raise ReplyError("no reply")

    with pytest.raises(ReplyError, match="no reply"):
        assert_tool_called(AGENT, "find_order", {"id": judge})


def test_the_category_is_the_users_to_change() -> None:
    for own, expected in ((None, "around"), ("own", "own")):
        with pytest.raises(CheckFailed) as caught, category("around"):
            assert_steps(AGENT, at_most=1, category=own)
        assert category_of(caught.value) == expected


# Rows of datasets.


def case(*checks: dict[str, Any]) -> Case:
    return Case(id="t-1", input="", checks=checks)


@pytest.mark.parametrize(
    "check",
    [
        {"tool_called": "refund"},
        {"tool_called": {"name": "refund", "args": {"amount": 84}}},
        {"tool_called": {"name": "find_order", "args": {"id": "LK-17"}, "exact": True, "times": 1, "at_most": 1}},
        {"no_tool_called": "delete"},
        {"no_tool_called": ["delete", "search"]},
        {"tool_order": ["find_order", "refund"]},
        {"tool_order": {"names": ["find_order", "refund", "send_mail"], "exact": True}},
        {"steps": {"at_most": 3, "tool_calls_at_most": 3}},
        {"max_steps": 3},
    ],
    ids=str,
)
def test_rows_say_what_an_agent_must_do(check: dict[str, Any]) -> None:
    assert validate_checks([check]) == []
    assert_case("Refunded.", case(check, {"contains": "Refunded"}), calls=AGENT)
    wrong = [reply("", tool("delete"))] * 4
    with pytest.raises(CheckFailed) as caught:
        assert_case("Refunded.", case(check), calls=wrong)
    assert category_of(caught.value) == "tool_call"


def test_without_calls_the_reply_itself_is_looked_at() -> None:
    row = case({"tool_called": "find_order"}, {"tool_called": {"name": "find_order", "args": {"id": "LK-18"}}})
    with pytest.raises(CheckFailed) as caught:
        assert_case(AGENT[0], row)
    assert str(caught.value).split("\n")[0] == '"find_order": $.id: expected "LK-18", got "LK-17"'
    assert_case(reply("Hello"), case({"no_tool_called": True}))
    with pytest.raises(CheckFailed, match="no tool should be called"):
        assert_case(AGENT[0], case({"no_tool_called": True}))
    with pytest.raises(LlmevalError, match=r"^case \"t-1\": its check 'tool_called' .* calls=replies"):
        assert_case("a text", row)


def test_everything_wrong_with_a_row_is_told() -> None:
    assert validate_checks(
        [
            {"tool_called": {"args": {}}},
            {"tool_called": {"nam": "refund", "args": 3, "times": 0}},
            {"tool_called": True},
            {"no_tool_called": False},
            {"tool_order": "refund"},
            {"steps": 3},
            {"max_steps": 0},
            {"starts_with": {"ignore_case": True}},
        ]
    ) == [
        "check 1: tool_called: name is missing",
        'check 2: tool_called: unknown option "nam"; did you mean "name"?',
        "check 2: tool_called: args takes an object of arguments, not 3",
        "check 2: tool_called: times takes a whole number from 1, not 0",
        "check 2: tool_called: name is missing",
        "check 3: tool_called: takes a text, not true",
        "check 4: no_tool_called: takes true or a text or a list of texts, not false",
        'check 5: tool_order: takes a list of texts, not "refund"',
        "check 6: steps: it takes an object with at_most or tool_calls_at_most, not 3",
        "check 7: max_steps: takes a whole number from 1, not 0",
        "check 8: starts_with: text is missing",
    ]


# Whatever a model sends.

HOSTILE = ["\x1b]0;x\x07", "::error::", "##[error]", "\n::error::x", "\u202e", "\ud800", "x" * 500, '"', "日本"]
TEXTS = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=6))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
ARGUMENTS = st.dictionaries(TEXTS, VALUES, max_size=4)
CALLS = st.builds(
    lambda name, arguments: tool_call(name or "x", arguments), TEXTS, st.one_of(ARGUMENTS, TEXTS, st.none())
)
REPLIES = st.builds(lambda text, calls: reply(text, *calls), TEXTS, st.lists(CALLS, max_size=3))


def schema_of(**further: Any) -> list[dict[str, Any]]:
    return [{"name": "refund", "parameters": {"type": "object", "properties": {"order": {}, "amount": {}}, **further}}]


def test_an_argument_that_the_tool_does_not_have_is_a_failure() -> None:
    call = reply("", tool("refund", order="LK-17", ammount=84, reason="late"))
    assert failure(assert_valid_tool_calls, call, schema_of())[0] == (
        '"refund": $.ammount: the tool has no such argument; the nearest is "amount" (1 more)'
    )
    [line, _] = failure(assert_valid_tool_calls, reply("", tool("refund", reason="late")), schema_of(properties={}))
    assert line == '"refund": $.reason: the tool has no such argument; it takes none'
    allowing: list[dict[str, Any]] = [
        {"additionalProperties": True},
        {"additionalProperties": {"type": ["string", "number"]}},
        {"patternProperties": {"^x": {}}},
        {"allOf": [{"properties": {"reason": {}}}]},
    ]
    for allows in allowing:
        assert_valid_tool_calls(call, schema_of(**allows))
    assert_valid_tool_calls(call, [{"name": "refund", "parameters": {"type": "object"}}])


@settings(deadline=None)
@given(st.lists(REPLIES, max_size=4), TEXTS.filter(str.strip), ARGUMENTS, st.booleans())
def test_whatever_a_model_sends_ends_in_a_harmless_verdict(
    replies: list[Reply], name: str, args: dict[str, Any], exact: bool
) -> None:
    schema = {"type": "object", "maxProperties": 0}
    checks: list[Callable[[], object]] = [
        lambda: assert_tool_called(replies, name, args, exact=exact),
        lambda: assert_no_tool_called(replies),
        lambda: assert_tool_order(replies, [name, name], exact=exact),
        lambda: assert_tool_calls(replies, [name, {"name": name, "args": args}], exact=exact),
        lambda: assert_valid_tool_calls(replies, [{"name": name, "parameters": schema}]),
    ]
    for check in checks:
        try:
            check()
        except CheckFailed as failure:
            lines = str(failure).split("\n")
            assert len(lines) <= 41
            assert all(len(line) <= 250 for line in lines)
            assert not any(line.lstrip().startswith("::") or "##[" in line for line in lines)
            assert re.sub("[\u200c\u200d]", "", "".join(lines)).isprintable()  # joiners are part of words and emoji


@given(ARGUMENTS.filter(lambda arguments: "nan" not in json.dumps(arguments).lower()), st.data())
def test_a_part_of_the_arguments_is_always_found(arguments: dict[str, Any], data: st.DataObject) -> None:
    part = {key: arguments[key] for key in arguments if data.draw(st.booleans())}
    calls = reply("", tool_call("f", arguments))
    assert_tool_called(calls, "f", part)
    assert_tool_called(calls, "f", arguments, exact=True)
    assert (part == arguments) == _passes(assert_tool_called, calls, "f", part, exact=True)


def test_arguments_nested_deeper_than_python_calls() -> None:
    """How they are shown is left open: how deep ``repr`` and ``json`` go differs from one Python to the next."""
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    call = ToolCall(name="f", arguments={"a": deep})
    assert_tool_called([call], "f", {"a": deep})
    told = failure(assert_tool_called, [call], "f", {"a": 2})[0]
    assert told.startswith('"f": $.a: expected 2, got ')
    assert len(told) < 120
