"""The dialects of chat completions: how servers number, name and cut the tool calls of a stream, and what is empty."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.formats.base import Event
from pytest_llmeval.formats.openai_chat import OpenAIChat
from pytest_llmeval.reply import ToolCall
from tests.server import completion

provider = OpenAIChat()


class Called(NamedTuple):
    name: str
    arguments: dict[str, Any]


def piece(
    index: int | None = None, identity: str | None = None, name: str | None = None, text: str | None = None
) -> dict[str, Any]:
    function = {key: value for key, value in (("name", name), ("arguments", text)) if value is not None}
    numbered = {} if index is None else {"index": index}
    return {**numbered, **({"id": identity} if identity else {}), "function": function}


def put_together(*deltas: dict[str, Any], finish: str = "tool_calls") -> dict[str, Any]:
    reader = provider.stream()
    for delta in (*deltas, None):
        choice = {"index": 0, "delta": delta or {}, "finish_reason": None if delta else finish}
        reader.feed(Event("", json.dumps({"choices": [choice]})))
    return reader.body()


def read(*pieces: dict[str, Any]) -> list[tuple[str, Any, str | None]]:
    calls = provider.answer(put_together(*({"tool_calls": [one]} for one in pieces))).tool_calls
    return [(call.name, call.arguments, call.id) for call in calls]


called = st.builds(
    Called,
    st.sampled_from(["weather", "weather_at", "time"]),
    st.dictionaries(st.sampled_from(["city", "day"]), st.text(max_size=9), min_size=1, max_size=2),
)


def cut(draw: st.DrawFn, text: str) -> list[str]:
    places = sorted(draw(st.sets(st.integers(1, len(text) - 1), max_size=4))) if len(text) > 1 else []
    return [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]


DIALECTS = (
    "OpenAI's",
    "numbered from 1",
    "numbered in tens",
    "all under one number, ids differ",
    "all under one number, no ids",
    "not numbered, with ids",
    "not numbered, no ids",
    "the name in each piece",
    "name and id in each piece",
    "name and id in each piece, all under one number",
    "another id in each piece",
    "begins with an empty object",
)


@st.composite
def spoken(draw: st.DrawFn, dialect: str) -> tuple[list[Called], list[dict[str, Any]]]:
    calls = draw(st.lists(called, min_size=1, max_size=3))
    pieces = []
    for place, call in enumerate(calls):
        texts = cut(draw, json.dumps(call.arguments))
        if dialect == "begins with an empty object":
            texts = ["{}", *texts]
        elif "no ids" not in dialect and draw(st.booleans()):
            texts = ["", *texts]
        for number, text in enumerate(texts):
            first = number == 0
            index: int | None = place
            if dialect.startswith("numbered"):
                index = place + 1 if dialect == "numbered from 1" else 10 * place + 7
            elif "one number" in dialect:
                index = 0
            elif dialect.startswith("not numbered"):
                index = None
            identity = f"c{place}" if first or "id in each" in dialect else None
            if "no ids" in dialect:
                identity = None
            elif dialect.startswith("another id"):
                identity = f"c{place}" if first else f"x{place}.{number}"
            pieces.append(piece(index, identity, call.name if first or "name" in dialect else None, text))
    return calls, pieces


@pytest.mark.parametrize("dialect", DIALECTS)
@given(data=st.data())
def test_the_calls_of_a_stream_are_those_of_the_model(dialect: str, data: st.DataObject) -> None:
    calls, pieces = data.draw(spoken(dialect))
    found = read(*pieces)
    assert [(name, arguments) for name, arguments, _ in found] == [tuple(call) for call in calls]
    if "no ids" not in dialect:
        assert [identity for *_, identity in found] == [f"c{place}" for place in range(len(calls))]


@pytest.mark.parametrize("dialect", ["OpenAI's", "numbered from 1", "name and id in each piece"])
@given(data=st.data())
def test_pieces_of_calls_with_numbers_may_come_mixed(dialect: str, data: st.DataObject) -> None:
    calls, pieces = data.draw(spoken(dialect))
    groups: dict[Any, list[dict[str, Any]]] = {}
    for one in pieces:
        groups.setdefault(one["index"], []).append(one)
    order = data.draw(st.permutations([index for index, group in groups.items() for _ in group[1:]]))
    mixed = [groups[index].pop(0) for index in [*groups, *order]]
    assert [(name, arguments) for name, arguments, _ in read(*mixed)] == [tuple(call) for call in calls]


def test_a_name_in_pieces_is_joined() -> None:
    assert read(piece(0, "a", "wea", ""), piece(0, None, "ther", ""), piece(0, None, None, "{}")) == [
        ("weather", {}, "a")
    ]
    assert read(piece(0, "a", "wea", ""), piece(0, "a", "weather", "{}")) == [("weather", {}, "a")]


def test_a_call_that_comes_whole_again_is_one_call() -> None:
    whole = piece(0, "a", "weather", '{"city": "Turin"}')
    assert read(whole, whole) == [("weather", {"city": "Turin"}, "a")]


def test_two_calls_without_arguments_are_told_apart_by_their_ids() -> None:
    assert read(piece(0, "a", "stop", ""), piece(0, "b", "stop", "")) == [("stop", None, "a"), ("stop", None, "b")]


def test_arguments_that_come_as_an_object_are_taken() -> None:
    one = {"index": 0, "id": "a", "function": {"name": "weather", "arguments": {"city": "Turin"}}}
    assert read(one) == [("weather", {"city": "Turin"}, "a")]


def test_a_custom_tool_is_called_with_its_input() -> None:
    pieces = [{"index": 0, "id": "a", "type": "custom", "custom": {"name": "sql", "input": "SELECT "}}]
    pieces.append({"index": 0, "custom": {"input": "1"}})
    body = put_together(*({"tool_calls": [one]} for one in pieces))
    assert body["choices"][0]["message"]["tool_calls"] == [
        {"id": "a", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}}
    ]
    assert provider.answer(body).tool_calls == (ToolCall(name="sql", arguments=None, raw_arguments="SELECT 1", id="a"),)


def test_a_function_call_of_old_is_put_together() -> None:
    body = put_together(
        {"function_call": {"name": "weather", "arguments": ""}},
        {"function_call": {"arguments": '{"city"'}},
        {"function_call": {"arguments": ': "Turin"}'}},
        finish="function_call",
    )
    answer = provider.answer(body)
    assert [(call.name, call.arguments) for call in answer.tool_calls] == [("weather", {"city": "Turin"})]
    assert answer.finish_reason == "tool_calls"


NOTHING: list[dict[str, Any]] = [
    {"function_call": {"name": "", "arguments": ""}},
    {"function_call": {"name": None, "arguments": None}},
    {"function_call": None, "tool_calls": None},
    {"tool_calls": []},
    {"tool_calls": [{"id": "", "type": "function", "function": {"name": "", "arguments": ""}}]},
    {"tool_calls": [{"index": 0, "id": None, "function": {"name": None, "arguments": "{}"}}]},
]


@pytest.mark.parametrize("nothing", NOTHING, ids=json.dumps)
def test_an_empty_call_is_none(nothing: dict[str, Any]) -> None:
    whole = provider.answer(completion("Tuesday", refusal="", **nothing))
    assert (whole.text, whole.tool_calls, whole.refusal) == ("Tuesday", (), None)
    streamed = provider.answer(put_together({"content": "Tues", **nothing}, {"content": "day", **nothing}))
    assert (streamed.text, streamed.tool_calls) == ("Tuesday", ())
