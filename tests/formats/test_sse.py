"""The parser of server-sent events gives the same events however the bytes arrive."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.formats.base import Event
from pytest_llmeval.formats.framing import EventParser


def parsed(*chunks: bytes) -> list[Event]:
    parser = EventParser()
    return [event for chunk in chunks for event in parser.feed(chunk)] + parser.close()


def test_an_event_without_a_name_is_a_message() -> None:
    assert parsed(b"data: hello\n\n") == [Event("message", "hello")]


def test_an_event_has_the_name_it_says_and_the_next_one_has_not() -> None:
    assert parsed(b"event: ping\ndata: 1\n\ndata: 2\n\n") == [Event("ping", "1"), Event("message", "2")]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_end_in_any_of_three_ways(end: bytes) -> None:
    assert parsed(end.join([b"event: a", b"data: 1", b"data: 2", b"", b"data: 3", b"", b""])) == [
        Event("a", "1\n2"),
        Event("message", "3"),
    ]


def test_a_line_end_split_between_chunks_is_one_line_end() -> None:
    assert parsed(b"data: 1\r", b"\ndata: 2\r", b"\n\r", b"\n") == [Event("message", "1\n2")]


def test_an_empty_chunk_between_the_halves_of_a_line_end_changes_nothing() -> None:
    assert parsed(b"data: 1\r", b"", b"\ndata: 2\r\n\r\n") == [Event("message", "1\n2")]


def test_comments_are_no_events() -> None:
    assert parsed(b": OPENROUTER PROCESSING\n\n:\n\ndata: 1\n: in between\ndata: 2\n\n") == [Event("message", "1\n2")]


def test_one_space_after_the_colon_is_optional_and_only_one_is_taken_off() -> None:
    assert parsed(b"data:1\n\ndata:  2\n\n") == [Event("message", "1"), Event("message", " 2")]


def test_a_byte_order_mark_is_skipped_at_the_start_only() -> None:
    assert parsed(b"\xef\xbb", b"\xbfdata: 1\n\ndata: \xef\xbb\xbf2\n\n") == [
        Event("message", "1"),
        Event("message", "\ufeff2"),
    ]


def test_an_event_without_data_is_none_and_its_name_is_forgotten() -> None:
    assert parsed(b"event: ping\n\ndata: 1\n\n") == [Event("message", "1")]


def test_fields_nobody_knows_are_ignored() -> None:
    assert parsed(b"id: 7\nretry: 10\nwhat: ever\ndatabase: no\ndata: 1\n\n") == [Event("message", "1")]


def test_the_last_event_counts_without_its_blank_line() -> None:
    assert parsed(b"data: 1\n\ndata: 2") == [Event("message", "1"), Event("message", "2")]


def test_a_character_split_between_chunks_is_whole() -> None:
    raw = "data: né 東京 🙂\n\n".encode()
    assert parsed(*[raw[i : i + 1] for i in range(len(raw))]) == [Event("message", "né 東京 🙂")]


def test_bytes_that_are_no_text_become_replacement_characters() -> None:
    assert parsed(b"data: a\xffb\n\n") == [Event("message", "a\ufffdb")]


def test_an_event_of_a_megabyte_in_small_chunks_is_whole() -> None:
    data = "x" * 2**20
    raw = f"data: {data}\n\n".encode()
    assert parsed(*[raw[i : i + 1000] for i in range(0, len(raw), 1000)]) == [Event("message", data)]


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1), max_size=5))
def test_what_is_written_is_read(texts: list[str]) -> None:
    raw = "".join(f"data: {text}\n\n" for text in texts).encode()
    assert parsed(raw) == [Event("message", text) for text in texts]


_LINES = st.sampled_from(
    [
        b"data: a",
        b"data:b",
        b"data",
        b"event: ping",
        b": comment",
        b"id: 1",
        b"",
        b"",
        "data: é🙂".encode(),
        b"\xef\xbb\xbf",
    ]
)


@given(
    st.lists(st.tuples(_LINES, st.sampled_from([b"\n", b"\r\n", b"\r"])), max_size=12),
    st.lists(st.integers(0, 120), max_size=12),
)
def test_any_chunking_gives_the_same_events(lines: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    raw = b"".join(line + end for line, end in lines)
    edges = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
    chunks = [raw[start:end] for start, end in pairwise(edges)]
    assert parsed(*chunks) == parsed(raw)


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=8))
def test_no_bytes_make_it_fail_and_chunking_does_not_matter(raw: bytes, cuts: list[int]) -> None:
    edges = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
    chunks = [raw[start:end] for start, end in pairwise(edges)]
    assert parsed(*chunks) == parsed(raw)


@pytest.mark.slow
@given(st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_comes_through(value: object) -> None:
    assert [json.loads(event.data) for event in parsed(f"data: {json.dumps(value)}\r\n\r\n".encode())] == [value]
