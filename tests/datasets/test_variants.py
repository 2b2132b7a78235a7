"""A case in other words: what is asked changes, what is expected does not."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_llmeval import Case
from pytest_llmeval.datasets.rewording import question_of, variants

PARTS = [{"type": "image_url", "image_url": {"url": "data:,x"}}, {"type": "text", "text": "What is this?"}]


def test_a_variant_has_another_input_and_name_and_all_else_of_its_row() -> None:
    case = Case(
        id="refund-1", input="Where is it?", expected="X", task="t", paraphrases=("where's it", "it?"), samples=3
    )
    own, second, third, shouted = variants(case, rules=["case"])
    assert own is case
    assert [each.name for each in (second, third, shouted)] == ["refund-1+2", "refund-1+3", "refund-1+case"]
    assert [each.input for each in (second, third, shouted)] == ["where's it", "it?", "where is it?"]
    assert {(each.id, each.expected, each.task, each.samples) for each in (second, third, shouted)} == {
        ("refund-1", "X", "t", 3)
    }


def test_a_rule_that_changes_nothing_gives_no_case() -> None:
    case = Case(id="a", input="Say 4711")
    assert [each.name for each in variants(case, rules=["options", "typos"])] == ["a"]


def test_the_right_answer_may_be_a_word_of_the_question() -> None:
    own, variant = variants(Case(id="a", input="Tell: Red or Green?", expected={"colour": "Green"}), rules=["case"])
    assert (own.input, variant.input) == ("Tell: Red or Green?", "tell: red or Green?")
    own, variant = variants(Case(id="a", input="Tell: Red or Green?", checks=({"contains": "Red"},)), rules=["case"])
    assert variant.input == "tell: Red or green?"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Hello", "Hello"),
        (
            [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "?"},
                {"role": "user", "content": "Go"},
            ],
            "Go",
        ),
        ([{"role": "user", "content": PARTS}], "What is this?"),
        ([{"role": "system", "content": "Be kind"}], None),
        ([{"role": "user", "content": [PARTS[1], PARTS[1]]}], None),
        ([{"role": "user", "content": None}], None),
    ],
)
def test_what_is_reworded_is_the_last_text_of_the_user(given: Any, expected: str | None) -> None:
    assert question_of(given) == expected


def test_the_other_messages_stay() -> None:
    before: list[dict[str, Any]] = [{"role": "system", "content": "Be kind"}, {"role": "user", "content": PARTS}]
    [_, variant] = variants(Case(id="a", input=before, paraphrases=("Tell me what this is",)))
    assert variant.input == [
        before[0],
        {"role": "user", "content": [PARTS[0], {"type": "text", "text": "Tell me what this is"}]},
    ]
    assert before[1]["content"] == PARTS
