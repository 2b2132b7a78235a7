"""In what two answers differ."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.checks.production.disagreement import disagreement, fields_of
from pytest_llmeval.checks.structure.json_parts import folded_path, json_of
from pytest_llmeval.reply import Answer, ToolCall


def answer(text: str = "", *tools: str, **more: Any) -> Answer:
    calls = tuple(ToolCall(name=name, arguments={"id": place}) for place, name in enumerate(tools))
    return Answer(text=text, tool_calls=calls, **more)


LONG = " ".join(["word"] * 60)


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        (answer("We ship."), answer(refusal="No."), "refused"),
        (answer("We ship."), answer("We sh", finish_reason="length"), "cut off"),
        (answer("", "find"), answer("", "find", "refund"), "other tools"),
        (answer("", "find"), answer("We ship."), "other tools"),
        (answer('{"a": 1}'), answer("a is 1"), "no JSON"),
        (answer('{"a": 1}'), answer('{"b": 1}'), "other fields"),
        (answer('{"a.b": 1}'), answer('{"a": {"b": 1}}'), "other fields"),
        (answer('[{"a": 1}]'), answer('[{"a": 1}, {"a": 2}]'), "other values"),
        (answer("In 30 days."), answer("In 60 days."), "other numbers"),
        (answer("We ship."), answer(LONG), "much longer"),
        (answer(LONG), answer("We ship."), "much shorter"),
        (answer("We ship."), answer("We do not ship."), "other words"),
    ],
)
def test_the_kind_says_in_what_they_differ(old: Answer, new: Answer, kind: str) -> None:
    found = disagreement(old, new)
    assert found is not None
    assert found.kind == kind
    assert 0 < found.size <= 1


def test_other_arguments_of_the_same_tool_differ() -> None:
    one, other = (Answer(text="", tool_calls=(ToolCall(name="find", arguments={"id": id_}),)) for id_ in (1, 2))
    found = disagreement(one, other)
    assert found is not None
    assert found.kind == "other arguments"
    assert disagreement(one, one) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("We ship in **3** days.", "we ship in 3 days."),
        ('{"a": 1, "b": [2]}', '```json\n{"b": [2], "a": 1.0}\n```'),
        ("“Yes”", '"Yes"'),
    ],
)
def test_looks_are_no_difference(old: str, new: str) -> None:
    assert disagreement(Answer(text=old), Answer(text=new)) is None


@given(st.text(), st.text())
def test_to_differ_is_mutual_and_its_size_a_share(one: str, other: str) -> None:
    there, back = disagreement(Answer(text=one), Answer(text=other)), disagreement(Answer(text=other), Answer(text=one))
    assert (there is None) == (back is None)
    if there is not None and back is not None:
        assert 0 <= there.size == back.size <= 1


def test_the_items_of_a_list_have_the_same_fields() -> None:
    assert {folded_path(path) for path in fields_of(json_of('{"lines": [{"sku": 1}, {"sku": 2, "n": 3}]}'))} == {
        "lines",
        "lines[]",
        "lines[].sku",
        "lines[].n",
    }
