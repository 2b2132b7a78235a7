"""The lines that tell in what a request differs from a recorded one."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.store.request_difference import explain_difference

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=15,
)
BODIES = st.dictionaries(st.text(), JSON, max_size=6)


def chat(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


@pytest.mark.parametrize(
    ("asked", "recorded", "line"),
    [
        ({"temperature": 0.7}, {"temperature": 0}, "temperature: recorded 0, asked 0.7"),
        ({"seed": 1}, {}, "seed: not in the recorded request, asked 1"),
        ({}, {"tools": []}, "tools: only in the recorded request, []"),
        ({"stop": ["a"]}, {"stop": ["a", "b"]}, 'stop[1]: only in the recorded request, "b"'),
        ({"a b": True}, {"a b": 1}, '["a b"]: recorded 1, asked true'),
        (
            chat("What is the capital of Spain?"),
            chat("What is the capital of France?"),
            "messages[0].content: What is the capital of [-France?-]{+Spain?+}",
        ),
        (
            chat("The time is 12:02 o'clock and the ticket says nothing. " * 3),
            chat("The time is 12:01 o'clock and the ticket says nothing. " + "The time is 12:02 o'clock and the ticket "
                 "says nothing. " * 2),
            "messages[0].content: The time is [-12:01-]{+12:02+} o'clock and the ticket says nothing. ...",
        ),
        (chat("short"), chat("shirt"), 'messages[0].content: recorded "shirt", asked "short"'),
        (
            chat("Name the capital.\n\nOne word."),
            chat("Name the capital.\nOne word."),
            'messages[0].content: recorded "Name the capital.\\nOne word.", asked "Name the capital.\\n\\nOne word."',
        ),
    ],
)  # fmt: skip
def test_a_difference_is_one_line(asked: dict[str, Any], recorded: dict[str, Any], line: str) -> None:
    assert [line] == explain_difference(asked, recorded)


@pytest.mark.slow
@given(BODIES)
def test_equal_bodies_do_not_differ(body: dict[str, Any]) -> None:
    assert explain_difference(body, json.loads(json.dumps(body))) == []


@pytest.mark.slow
@given(BODIES, BODIES)
def test_lines_are_few_short_and_harmless(asked: dict[str, Any], recorded: dict[str, Any]) -> None:
    lines = explain_difference(asked, recorded)

    assert len(lines) <= 10
    for line in lines:
        assert len(line) < 600
        assert line.isprintable() or not set(line) & set("\n\r\t\x1b\x9b\u202e\u2066\u2028")
        assert not line.startswith(("::", "##"))


def test_fields_that_do_not_decide_the_answer_are_not_shown() -> None:
    asked = {"user": "a", "stream": False, "now": 1}

    assert explain_difference(asked, {"user": "b", "now": 2}, ignore=["now"]) == []


def test_many_differences_are_counted() -> None:
    lines = explain_difference({"list": list(range(100))}, {"list": list(range(1, 101))})

    assert len(lines) == 10
    assert lines[-1] == "... and 91 more differences"


def test_long_texts_are_cut() -> None:
    asked, recorded = "x " * 200_000 + "end", "y " * 200_000 + "end"

    (line,) = explain_difference(chat(asked), chat(recorded))

    assert line.startswith("messages[0].content: [-y y")
    assert len(line) < 400


def test_one_changed_word_is_found_in_a_long_text() -> None:
    words = [f"word{number}" for number in range(50_000)]
    changed = [*words[:30_000], "changed", *words[30_001:]]

    (line,) = explain_difference(chat(" ".join(changed)), chat(" ".join(words)))

    assert "[-word30000-]{+changed+}" in line


@pytest.mark.parametrize("hostile", ["\x1b[31mred", "\u202egnp.exe", "a\n::error::x", "\ud800", "\U000e0041"])
def test_hostile_text_is_escaped_wherever_it_stands(hostile: str) -> None:
    for asked in ({hostile: 1}, {"a": hostile}, chat("a long enough text for a word diff " + hostile)):
        lines = explain_difference(asked, chat("a long enough text for a word diff"))
        assert lines
        assert not set("".join(lines)) & set("\x1b\u202e\n\ud800\U000e0041")


def test_a_control_character_is_not_the_same_as_its_escape() -> None:
    assert len(explain_difference({"a": "\x1b"}, {"a": "\\u001b"})) == 1


def test_deep_nesting_and_foreign_values_do_not_matter() -> None:
    deep: Any = 1
    for _ in range(300):
        deep = [deep]

    (line,) = explain_difference({"deep": deep}, {"deep": [deep]})
    assert line.startswith("deep[0][0]")
    assert explain_difference({"a": {1, 2}}, {"a": {1, 3}}) == ["a: recorded a set, asked a set"]
    assert explain_difference({"a": b"12"}, {"a": b"123"}) == ["a: recorded 3 bytes, asked 2 bytes"]
