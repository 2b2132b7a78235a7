"""Every wire format by every property, on one real example of each; see `EXAMPLES`.

`test_contract.py` has the same promises for answers of any kind, and `test_over_http.py` those of the wire.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.engine.answer_reader import AnswerReader
from pytest_llmeval.errors import ProviderError
from pytest_llmeval.formats.base import Prompt
from pytest_llmeval.formats.registry import _FORMATS, find_provider
from pytest_llmeval.formats.replay import delivered
from pytest_llmeval.reply import Answer, Measures, Reply
from tests.formats.examples import EXAMPLES, Example
from tests.wire import read_in_pieces

USER = {"role": "user", "content": "Weather in Rome?"}
of_every_format = pytest.mark.parametrize("name", EXAMPLES)


def answer(name: str, body: dict[str, Any]) -> Answer:
    return find_provider(name).answer(json.loads(json.dumps(body)))


def test_every_format_has_an_example() -> None:
    """What speaks in a cloud is another's at another address; `test_clouds.py` and `test_contract.py` have Converse."""
    clouds = {"azure", "bedrock", "bedrock-messages", "vertex", "vertex-messages"}
    assert set(EXAMPLES) == set(_FORMATS) - clouds


@of_every_format
def test_a_whole_answer_is_read(name: str) -> None:
    example, said = EXAMPLES[name], answer(name, EXAMPLES[name].body)
    assert (said.text, said.thinking, said.refusal) == ("Let me see.", example.thinking, None)
    assert [(call.name, call.arguments) for call in said.tool_calls] == [("weather", {"city": "Rome"})] * example.calls
    assert said.finish_reason == ("tool_calls" if example.calls else "stop")


@of_every_format
@given(places=st.lists(st.integers(0, 99_999), max_size=12).map(tuple))
def test_a_stream_split_anywhere_says_what_the_whole_answer_says(name: str, places: tuple[int, ...]) -> None:
    example = EXAMPLES[name]
    response = read_in_pieces(name, b"".join(example.chunks), example.kind, places)
    assert response.answer == answer(name, example.streamed or example.body)


class _Cut(Exception):
    """A stream ended before its answer did."""


def _read_or_cut(name: str, content: bytes, kind: str) -> Answer:
    try:
        return read_in_pieces(name, content, kind).answer
    except ProviderError as error:
        raise (_Cut() if error.kind == "malformed" else error) from None


@of_every_format
@given(place=st.integers(0, 99_999))
def test_a_stream_that_is_cut_is_an_error_or_says_all_the_same(name: str, place: int) -> None:
    """Only what follows the end of the answer, such as a usage, may be missing."""
    example = EXAMPLES[name]
    content = b"".join(example.chunks)
    whole = answer(name, example.streamed or example.body)
    with suppress(_Cut):
        said = _read_or_cut(name, content[: place % len(content)], example.kind)
        assert (said.text, said.tool_calls, said.finish_reason) == (whole.text, whole.tool_calls, whole.finish_reason)


@of_every_format
@pytest.mark.parametrize("after", [0, 1, 2])
def test_an_error_within_a_stream_is_that_error(name: str, after: int) -> None:
    example = EXAMPLES[name]
    with pytest.raises(ProviderError) as caught:
        read_in_pieces(name, b"".join([*example.chunks[:after], example.broken]), example.kind)
    assert caught.value.kind == example.failure


@of_every_format
def test_refused_filtered_and_cut_are_told_apart(name: str) -> None:
    example = EXAMPLES[name]
    assert answer(name, example.cut).finish_reason == "length"
    assert (answer(name, example.cut).text, answer(name, example.cut).refusal) == ("Let", None)
    assert answer(name, example.filtered).refusal
    if example.refusal is not None:
        assert answer(name, example.refusal).refusal
        assert answer(name, example.refusal).finish_reason != "length"


@of_every_format
def test_the_parts_of_the_usage_sum_to_the_total_that_is_stated(name: str) -> None:
    example = EXAMPLES[name]
    usage = answer(name, example.body).usage
    assert usage == example.usage
    assert usage.input_tokens is not None
    assert usage.output_tokens is not None
    assert usage.input_tokens + usage.output_tokens == (example.total or 1100)
    assert (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0) <= usage.input_tokens
    assert (usage.reasoning_tokens or 0) <= usage.output_tokens
    assert read_in_pieces(name, b"".join(example.chunks), example.kind).answer.usage == usage


@of_every_format
def test_the_next_turn_gives_back_what_was_said(name: str) -> None:
    example = EXAMPLES[name]
    reply = Reply(answer(name, example.body), Measures(latency=1.0), "m")
    results = [call.result({"celsius": 21}) for call in reply.tool_calls]
    turns = Prompt(messages=(USER, reply.message, *results), params={"max_tokens": 9})
    if not example.calls:  # a form of asking that knows no turns
        with pytest.raises(ProviderError, match="takes one prompt"):
            find_provider(name).request("m", turns)
        return
    sent = json.dumps(find_provider(name).request("m", turns).body)
    assert all(json.dumps(said)[1:-1] in sent for said in ("Let me see.", "weather", "celsius", *example.goes_back))


def _replayed(name: str, body: dict[str, Any], *, stream: bool, pieces: int) -> tuple[Answer, str]:
    sent = delivered(find_provider(name), body, stream=stream, pieces=pieces)
    reader = AnswerReader(find_provider(name), stream=stream)
    reader.begins(sent.status, sent.headers)
    for chunk in sent.chunks:
        reader.take(chunk, 0.1)
    return reader.response(0.1).answer, sent.headers["content-type"]


def _bodies(example: Example) -> list[dict[str, Any]]:
    return [each for each in (example.body, example.refusal, example.filtered, example.cut) if each is not None]


@of_every_format
@pytest.mark.parametrize("pieces", [1, 3, 70])
def test_a_replayed_answer_is_the_one_that_was_recorded(name: str, pieces: int) -> None:
    """What SDKs make of it is tried in test_sdks.py, and with their newest versions by ``make sdks``."""
    example = EXAMPLES[name]
    for body in _bodies(example):
        expected = answer(name, body)
        said, kind = _replayed(name, body, stream=True, pieces=pieces)
        assert (said, kind.partition(";")[0]) == (expected, example.kind)
        assert _replayed(name, body, stream=False, pieces=pieces) == (expected, "application/json")


@of_every_format
def test_an_answer_of_another_format_is_given_in_this_one(name: str) -> None:
    """As where a saved baseline answers another SDK."""
    for other, example in EXAMPLES.items():
        said = answer(other, example.body)
        again = answer(name, find_provider(name).body_of(said, "m"))
        assert (again.text, again.finish_reason) == (said.text, said.finish_reason)
        assert [call.arguments for call in again.tool_calls] == [call.arguments for call in said.tool_calls]
        assert (again.usage.input_tokens, again.usage.output_tokens) == (1000, 100)
