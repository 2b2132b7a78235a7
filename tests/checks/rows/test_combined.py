"""Checks of a row that are made of others: any, all, not, if."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pytest_llmeval
from docs.tools.dataset_schema import SCHEMA
from docs.tools.generate import fresh_dataset_schema
from pytest_llmeval.case import Case
from pytest_llmeval.checks.categories import category_of
from pytest_llmeval.checks.check import recorder
from pytest_llmeval.checks.rows.row_checks import assert_case
from pytest_llmeval.checks.rows.row_forms import COMBINED, FORMS, plain_checks, validate_checks
from pytest_llmeval.commands.main import main
from pytest_llmeval.datasets.load import load_cases
from pytest_llmeval.errors import CheckFailed, DatasetError, LlmevalError
from pytest_llmeval.reply import Answer, Measures, Reply, ToolCall
from pytest_llmeval.score import Score
from tests.checks.test_rows import PASSING

Check = dict[str, Any]


def case(*checks: Check, **fields: Any) -> Case:
    return Case(**{"id": "k-1", "input": "", "checks": checks, "dataset": "kiosk.jsonl", "line": 4, **fields})


def judged(reply: str, *checks: Check) -> tuple[list[Score], str | None]:
    """The scores that are kept, and the category of the failure, None when the reply passes."""
    assert validate_checks(checks) == []
    kept: list[Score] = []
    token = recorder.set(kept)
    try:
        assert_case(reply, case(*checks))
    except CheckFailed as error:
        return kept, category_of(error) or "wrong_answer"
    finally:
        recorder.reset(token)
    return kept, None


leaves = st.sampled_from([{"contains": letter} for letter in "abc"])
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda one: {"not": one}, inner),
        st.builds(
            lambda several, word: {word: several},
            st.lists(inner, min_size=1, max_size=3),
            st.sampled_from(["any", "all"]),
        ),
    ),
    max_leaves=6,
)


def truth(one: Mapping[str, Any], reply: str) -> bool:
    [(name, value)] = one.items()
    if name == "contains":
        return value in reply
    if name == "not":
        return not truth(value, reply)
    return (any if name == "any" else all)(truth(each, reply) for each in value)


@given(trees, st.sampled_from(["", "a", "b", "ab", "bc", "abc"]))
def test_a_reply_passes_exactly_when_the_formula_is_true(tree: Check, letters: str) -> None:
    reply = f"-{letters}"
    if validate_checks([tree]) == []:  # a tree may be too deep
        assert (judged(reply, tree)[1] is None) == truth(tree, reply)
        branches: Check = {"if": {"contains": "a"}, "then": tree, "else": {"not": tree}}
        if validate_checks([branches]) == []:
            assert (judged(reply, branches)[1] is None) == (truth(tree, reply) == ("a" in reply))


@pytest.mark.parametrize(
    ("reply", "check", "kept", "category"),
    [
        # any and not keep one score each, all and if those of the checks within them.
        ("tea", {"any": [{"contains": "tea"}, {"max_words": 3}]}, [("any", True, "wrong_answer", 1.0)], None),
        ("a b c d", {"any": [{"max_words": 2}, {"max_words": 1}]}, [("any", False, "format", 0.5)], "format"),
        ("a b", {"any": [{"max_words": 1}, {"equal": "a"}], "category": "tone"}, [("any", False, "tone", 0.5)], "tone"),
        ("tea", {"not": {"contains": "tea"}}, [("not", False, "wrong_answer", 0.0)], "wrong_answer"),
        ("tea", {"not": {"equal": "milk"}, "category": "milk"}, [("not", True, "milk", 1.0)], None),
        (
            "a b",
            {"all": [{"max_words": 1}, {"equal": "a b", "category": "own"}], "category": "outer"},
            [("words", False, "outer", 0.5), ("equal", True, "own", 1.0)],
            "outer",
        ),
        ("tea", {"if": {"contains": "tea"}, "then": {"max_words": 1}}, [("words", True, "format", 1.0)], None),
        ("milk", {"if": {"contains": "tea"}, "then": {"max_words": 0}}, [], None),
        ("milk", {"if": {"contains": "tea"}, "then": {"max_words": 9}, "else": {"equal": "tea"}, "category": "c"},
         [("equal", False, "c", 0.0)], "c"),
    ],
)  # fmt: skip
def test_what_is_kept_of_a_combined_check(
    reply: str, check: Check, kept: list[tuple[str, bool, str, float]], category: str | None
) -> None:
    scores, failed = judged(reply, check)
    assert [(score.check, score.passed, score.category, score.value) for score in scores] == kept
    assert failed == category


@pytest.mark.parametrize("within", [lambda one: {"not": one}, lambda one: {"if": one, "then": {"max_words": 9}}])
def test_a_reply_that_could_not_be_measured_passes_no_opposite(within: Any) -> None:
    """It is no JSON, so it is not known whether its team is billing."""
    scores, failed = judged("the billing team", within({"json": {"team": "billing"}}))
    assert failed == "format"
    assert [score.reason.split(":")[0] for score in scores] == ["the reply is not JSON"]
    assert judged("the billing team", {"not": {"json": True}})[1] is None
    assert judged('{"team": "billing"}', {"not": {"json": True}})[1] == "wrong_answer"
    assert judged('{"team": "repair"}', {"not": {"json": {"team": "billing"}}})[1] is None


@pytest.mark.parametrize(
    "check",
    [
        {"not": {"cost": 0.1}},
        {"any": [{"contains": "tea"}, {"cost": 0.1}]},
        {"all": [{"contains": "milk"}, {"cost": 0.1}]},
        {"if": {"cost": 0.1}, "then": {"contains": "tea"}},
        {"not": {"not": {"any": [{"cost": 0.1}]}}},
    ],
    ids=str,
)
def test_a_check_that_cannot_be_measured_is_an_error_wherever_it_stands(check: Check) -> None:
    unpriced = Reply(Answer(text="tea", finish_reason="stop"), Measures(latency=1.0, cost=None), "acme/large")
    with pytest.raises(LlmevalError, match="no price is known for acme/large"):
        assert_case(unpriced, case(check))


def test_a_branch_that_is_not_taken_is_not_measured() -> None:
    assert judged("tea", {"if": {"contains": "milk"}, "then": {"cost": 0.1}}) == ([], None)


def test_a_failure_says_what_failed_within() -> None:
    with pytest.raises(CheckFailed) as caught:
        assert_case(
            "We open at ten.", case({"any": [{"contains": "nine"}, {"all": [{"max_words": 9}, {"matches": "9"}]}]})
        )
    assert str(caught.value).split("\n") == [
        'none of 2 checks holds: the reply does not contain "nine": "We open at ten."',
        'or matches: nothing in the reply matches "9": "We open at ten."',
    ]
    with pytest.raises(CheckFailed) as caught:
        assert_case("We open at ten.", case({"not": {"contains": "ten"}}))
    assert str(caught.value) == '{"contains": "ten"} must not hold: "We open at ten."'


def test_checks_of_tools_can_be_combined_and_take_the_cases_tools() -> None:
    tools = [{"name": "book", "parameters": {"type": "object", "properties": {"seats": {"type": "integer"}}}}]
    row = case(
        {"if": {"tool_called": "book"}, "then": {"valid_tool_calls": True}, "else": {"no_tool_called": True}},
        {"not": {"tool_called": "cancel"}},
        metadata={"request": {"tools": tools}},
    )
    assert_case("", row, calls=[ToolCall(name="book", arguments={"seats": 2})])
    with pytest.raises(CheckFailed, match=r'"book": \$\.seats: expected integer, got "two"'):
        assert_case("", row, calls=[ToolCall(name="book", arguments={"seats": "two"})])
    with pytest.raises(CheckFailed, match=r'not \[wrong_answer\]: {"tool_called": "cancel"} must not hold$'):
        assert_case("", row, calls=[ToolCall(name="cancel", arguments={})])
    with pytest.raises(LlmevalError, match=r"needs tools, and metadata.request holds none"):
        assert_case("", case({"valid_tool_calls": True}), calls=[ToolCall(name="book", arguments={})])


NUMBER = (
    'it cannot stand within "not": a reply with no number or with several fails it, and then the opposite need not hold'
)
CALL = (
    'it cannot stand within "not": a call whose arguments cannot be read fails it, and then the opposite need not hold'
)
WRONG = [
    ({"any": []}, "any: it takes a list of checks; one of them must hold, not []"),
    ({"any": {"contains": "x"}}, "any: it takes a list of checks; one of them must hold, not an object with 1 key"),
    ({"all": [{"contains": 3}]}, "all: check 1: contains: takes a text or a list of texts or true, not 3"),
    ({"not": "x"}, 'not: expected an object such as {"contains": "30 days"}, got "x"'),
    ({"not": {"contain": "x"}}, 'not: unknown check "contain"; did you mean "contains"?'),
    (
        {"not": {"contains": "x", "category": "tone"}},
        'not: category stands beside "not" and not within it, where no check fails by itself',
    ),
    ({"not": {"number": 3}}, "not: number: " + NUMBER),
    ({"any": [{"not": {"tool_called": {"name": "book", "args": {}}}}]}, "any: check 1: not: tool_called: " + CALL),
    ({"if": {"contains": "x"}}, "if: then is missing: the check that must hold when this one does"),
    ({"if": {"equal": "x"}, "then": {"equal": 3}}, "if: then: equal: takes a text or a list of texts or true, not 3"),
    ({"then": {"contains": "x"}}, 'then stands beside "if", and there is none'),
    ({"any": [{"if": {"contains": "x"}, "then": {"contains": "y"}}]},
     'any: check 1: if: it cannot stand within "any"; put "any" into its then'),
    ({"any": [{"equal": "x"}], "not": {"equal": "y"}},
     "one check each, and not any and not in one; a list may hold any number"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "problem"), WRONG, ids=str)
def test_what_is_wrong_within_is_told_with_its_place(check: Check, problem: str) -> None:
    assert validate_checks([{"max_words": 3}, check]) == [f"check 2: {problem}"]


def test_it_is_told_with_file_and_line_before_anything_is_asked(tmp_path: Path) -> None:
    file = tmp_path / "kiosk.jsonl"
    file.write_text('{"id": "a", "input": "x"}\n{"id": "b", "input": "x", "checks": [{"not": {"number": 3}}]}\n')
    with pytest.raises(DatasetError, match=r'kiosk\.jsonl:2: check 1: not: number: it cannot stand within "not"'):
        load_cases(file, "kiosk.jsonl")


def test_checks_may_not_be_nested_without_end() -> None:
    deep: Check = {"contains": "x"}
    for _ in range(2000):
        deep = {"not": deep}
    [problem] = validate_checks([deep])
    assert problem.endswith("checks stand within checks more than 10 deep")


JUDGED: Check = {"judged": {"rubric": "faithfulness", "judge": "judge"}}


@pytest.mark.parametrize(
    "check",
    [{"any": [JUDGED]}, {"not": JUDGED}, {"if": JUDGED, "then": {"contains": "x"}}, {"not": {"all": [JUDGED]}}],
    ids=str,
)
def test_nothing_is_made_of_a_verdict_that_may_not_count(check: Check) -> None:
    [problem] = validate_checks([check])
    word = next(iter(check))
    assert problem.endswith(
        f'judged: it cannot stand within "{word}": while its judge is not calibrated, its verdict counts for nothing'
    )
    assert validate_checks([{"all": [JUDGED]}, {"if": {"contains": "x"}, "then": JUDGED, "else": JUDGED}]) == []


def test_categories_within_are_seen() -> None:
    row: Check = {"if": {"equal": "a"}, "then": {"all": [{"equal": "b", "category": "x"}]}, "else": {"equal": "c"}}
    assert [one.get("category") for one in plain_checks([row, {"not": {"equal": "a"}, "category": "y"}])] == (
        [None, None, "x", None, "y", None]
    )


def test_a_row_can_carry_every_check_of_one_reply() -> None:
    """Others take several replies, or the whole case."""
    named = {name.removeprefix("assert_") for name in pytest_llmeval.__all__ if name.startswith("assert_")}
    assert named - FORMS.keys() == {"case", "consistent", "like_production"}


SCHEMATIC = json.loads(SCHEMA.read_text(encoding="utf-8"))


def schema_takes(*checks: Any) -> bool:
    rows = [{"id": "a", "input": "x", "checks": list(checks)}]
    return jsonschema.Draft202012Validator(SCHEMATIC).is_valid(rows)


def test_the_schema_for_editors_is_fresh() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == fresh_dataset_schema(), "run: python docs/tools/generate.py"
    jsonschema.Draft202012Validator.check_schema(SCHEMATIC)


@pytest.mark.parametrize(
    "check", [*PASSING, {"json": True}, {"if": {"max_words": 3}, "then": {"all": PASSING}}], ids=str
)
def test_the_schema_takes_what_is_right(check: Check) -> None:
    assert schema_takes(check, {"any": [check]}, {"not": check})


@pytest.mark.parametrize(
    "check",
    ["x", {}, {"contain": "x"}, {"equal": "x", "json": 1}, {"similar": {"atleast": 1}}, {"similar": {"at_least": 85}},
     {"similar": {"method": "cosine"}}, {"max_words": "3"}, {"words": 3}, {"finish": False}, {"any": []},
     {"judged": "tone"}, {"judged": {"rubric": "tone"}}, {"preferred": {"other": "x", "rubric": "tone"}},
     {"judged": {"judge": "j", "rubric": "tone", "votes": 2}},
     {"not": {"contain": "x"}}, {"if": {"contains": "x"}}, {"then": {"contains": "x"}}],
    ids=str,
)  # fmt: skip
def test_the_schema_refuses_what_is_wrong(check: Any) -> None:
    assert validate_checks([check]) != []
    assert not schema_takes(check)


def test_the_command_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out) == SCHEMATIC
    assert set(SCHEMATIC["$defs"]["check"]["properties"]) == {*FORMS, *COMBINED, "then", "else", "category"}
