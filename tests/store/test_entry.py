"""Entries: what is written can be read, and nothing else can."""

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.store.entry import Entry, NewerVersion

SECONDS = st.floats(min_value=0, max_value=1e6, allow_nan=False)
TEXT = st.text(st.characters(exclude_categories=[]))
JSON_OBJECTS = st.dictionaries(TEXT, TEXT | st.integers(-(2**60), 2**60) | st.none() | st.lists(TEXT), max_size=4)
ENTRIES = st.builds(
    Entry,
    key=st.text("0123456789abcdef", min_size=64, max_size=64),
    provider=TEXT,
    model=TEXT,
    path=TEXT,
    request=JSON_OBJECTS,
    sample=st.integers(0, 1000),
    occurrence=st.integers(0, 1000),
    case=TEXT,
    response=JSON_OBJECTS,
    latency=SECONDS,
    ttft=st.none() | SECONDS,
    chunk_offsets=st.lists(SECONDS, max_size=4).map(tuple),
    flaw=st.none() | st.sampled_from(["refusal", "truncated", "content_filter", "empty"]),
    attempts=st.integers(1, 9),
    cost=st.none() | SECONDS,
    recorded_at=st.datetimes().map(lambda moment: f"{moment.isoformat()}Z"),
)
GOOD: dict[str, Any] = {
    "key": "a" * 64,
    "provider": "openai",
    "model": "m",
    "path": "/chat/completions",
    "request": {"messages": []},
    "sample": 0,
    "occurrence": 0,
    "case": "tests/test_x.py::test_x",
    "response": {"choices": []},
    "latency": 0.5,
    "ttft": None,
    "chunk_ms": [100, 100],
    "attempts": 1,
    "cost": 0.001,
    "recorded_at": "2026-11-23T10:00:00Z",
    "version": 1,
}


def joined_surrogates(value: Any) -> Any:
    """A high and a low surrogate next to each other are one character in any JSON."""
    return json.loads(json.dumps(value))


@given(ENTRIES)
def test_an_entry_survives_its_line(entry: Entry) -> None:
    again = Entry.from_line(entry.to_line())

    assert joined_surrogates(entry.to_json()) == again.to_json()
    assert (again.chunk_offsets, again.latency, again.ttft) == (entry.chunk_offsets, entry.latency, entry.ttft)


@given(ENTRIES)
def test_a_line_is_one_line_of_utf8_with_nothing_hidden(entry: Entry) -> None:
    line = entry.to_line()

    assert line.encode("utf-8").decode("utf-8") == line
    assert line.splitlines() == [line]
    assert not set(line) & set("\x00\x1b\x7f\x85\x9b\u061c\u200b\u200e\u200f\u2028\u202e\u2066\u2069\ufeff\U000e0041")


def test_people_can_read_any_language_in_a_line() -> None:
    entry = Entry.from_json({**GOOD, "response": {"text": "Grüße, 東京, 👩\u200d🔬"}})

    assert "Grüße, 東京, 👩\u200d🔬" in entry.to_line()


def test_a_good_object_is_read() -> None:
    assert Entry.from_json(GOOD).chunk_offsets == (0.1, 0.2)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", "A" * 64),
        ("key", "a" * 63),
        ("key", None),
        ("model", 1),
        ("request", []),
        ("response", "text"),
        ("sample", -1),
        ("sample", True),
        ("occurrence", 1.0),
        ("case", None),
        ("latency", "fast"),
        ("latency", -0.1),
        ("latency", float("nan")),
        ("latency", float("inf")),
        ("latency", None),
        ("ttft", False),
        ("chunk_ms", None),
        ("chunk_ms", [100, "x"]),
        ("chunk_ms", [0.1]),
        ("chunk_ms", [-1]),
        ("chunk_ms", [10**12]),
        ("flaw", "ugly"),
        ("flaw", ["refusal"]),
        ("attempts", 1.5),
        ("cost", -1),
        ("recorded_at", "2026-13-01T00:00:00Z"),
        ("recorded_at", "2026-11-23T10:00:00"),
        ("recorded_at", "2026-11-23T10:00:00+02:00"),
        ("recorded_at", 0),
        ("version", 0),
        ("version", "1"),
    ],
)
def test_a_wrong_field_is_named(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"the field '{field}' is not"):
        Entry.from_json({**GOOD, field: value})


@pytest.mark.parametrize("field", GOOD)
def test_a_missing_field_is_named(field: str) -> None:
    with pytest.raises(ValueError, match=f"the field '{field}' is missing"):
        Entry.from_json({name: value for name, value in GOOD.items() if name != field})


@given(st.lists(SECONDS, max_size=8))
def test_times_are_kept_to_the_millisecond(offsets: list[float]) -> None:
    entry = Entry.from_json({**GOOD, "latency": 0.12345678})
    timed = replace(entry, chunk_offsets=tuple(offsets))

    assert entry.latency == 0.123
    assert timed.chunk_offsets == tuple(sorted(round(offset, 3) for offset in offsets))
    assert Entry.from_line(timed.to_line()) == timed


def test_what_took_time_took_at_least_a_millisecond() -> None:
    assert [Entry.from_json({**GOOD, "latency": seconds}).latency for seconds in (0, 0.0001, 0.0016)] == [
        0,
        0.001,
        0.002,
    ]


def test_a_time_that_is_no_number_is_not_written() -> None:
    for offset in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="not JSON"):
            replace(Entry.from_json(GOOD), chunk_offsets=(offset,)).to_line()


def test_an_unknown_field_is_named_harmlessly() -> None:
    with pytest.raises(ValueError, match=r"^the field '\\x1b\[31m' is unknown$"):
        Entry.from_json({**GOOD, "\x1b[31m": 1})


def test_a_newer_version_is_told_apart_whatever_its_fields() -> None:
    with pytest.raises(NewerVersion, match="made by a newer version"):
        Entry.from_json({"version": 2, "what": "ever"})


@pytest.mark.parametrize(
    "line",
    [
        "",
        "null",
        "[]",
        "{",
        '{"a": NaN}',
        json.dumps(GOOD).replace("0.5", "1e999"),
        json.dumps(GOOD).replace("0.5", "9" * 5000),
        "[" * 100_000,
        '{"a":' * 100_000,
        json.dumps(GOOD)[:-1],
    ],
    ids=["empty", "null", "list", "open", "nan", "overflow", "digits", "deep", "deep object", "cut"],
)
def test_what_is_no_entry_is_a_value_error(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Entry.from_line(line)


@given(st.text() | st.recursive(st.none() | st.text(), st.lists, max_leaves=3).map(json.dumps))
def test_garbage_is_a_value_error(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Entry.from_line(line)


@given(st.sampled_from(sorted(GOOD)), st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers()))
def test_any_value_is_read_or_refused_with_a_reason(field: str, value: object) -> None:
    with suppress(ValueError):
        entry = Entry.from_json({**GOOD, field: value})
        assert Entry.from_line(entry.to_line()) == entry
        return
    with pytest.raises(ValueError, match=f"'{field}'|newer version"):
        Entry.from_json({**GOOD, field: value})


def test_an_entry_that_could_not_be_read_is_not_written() -> None:
    entry = Entry.from_json(GOOD)

    with pytest.raises(ValueError, match="not JSON"):
        replace(entry, latency=float("nan")).to_line()
    with pytest.raises(ValueError, match="recorded_at"):
        replace(entry, recorded_at="yesterday").to_line()
