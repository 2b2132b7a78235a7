"""The checks a dataset's row carries."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.case import Case
from pytest_llmeval.checks.categories import category, category_of
from pytest_llmeval.checks.check import recorder
from pytest_llmeval.checks.rows.row_checks import assert_case
from pytest_llmeval.checks.rows.row_forms import COMBINED, FORMS, validate_checks
from pytest_llmeval.errors import CheckFailed, LlmevalError
from pytest_llmeval.reply import Answer, Measures, Reply
from pytest_llmeval.score import Score


def case(*checks: dict[str, Any], **fields: Any) -> Case:
    return Case(**{"id": "t-1", "input": "", "checks": checks, "dataset": "tickets.jsonl", "line": 7, **fields})


REPLY = Reply(
    Answer(text="Refund within 30 days", finish_reason="stop"), Measures(latency=1.0, cost=0.001), "acme/large"
)

PASSING: list[dict[str, Any]] = [
    {"equal": "Refund within 30 days"},
    {"equal": ["no", "Refund within 30 days"]},
    {"equal": {"expected": "REFUND within 30 days", "ignore_case": True}},
    {"contains": "30 days", "category": "hallucination"},
    {"contains": ["30 days", "Refund"]},
    {"contains": {"any": ["60 days", "30 days"]}},
    {"not_contains": ["60 days", "90 days"]},
    {"not_contains": {"text": "60 days", "ignore_case": True}},
    {"starts_with": "Refund"},
    {"matches": r"\d+ days"},
    {"not_matches": r"\d{3}"},
    {"similar": "Refund within 31 days"},
    {"similar": {"expected": "Refund within 31 days", "at_least": 0.9, "method": "levenshtein"}},
    {"number": 30},
    {"number": {"expected": 31, "abs": 1}},
    {"words": {"at_least": 1, "at_most": 4}},
    {"max_words": 4},
    {"min_words": 4},
    {"characters": {"at_least": 21}},
    {"max_characters": 21},
    {"sentences": {"at_least": 1}},
    {"max_sentences": 1},
    {"no_markdown": True},
    {"finish": True},
    {"not_refusal": True},
    {"no_secrets": True},
    {"grounded": "within 30 days"},
    {"grounded": {"context": ["no figure"], "allow": "30?"}},
    {"grounded": {"context": ["Refund within 30 days"], "names": True, "words": 0.5}},
    {"cites": {"sources": ["within 30 days"], "required": False}},
    {"latency": 2},
    {"cost": 0.01},
]


@pytest.mark.parametrize("check", PASSING, ids=str)
def test_a_right_reply_passes_every_form_of_check(check: dict[str, Any]) -> None:
    assert validate_checks([check]) == []
    assert_case(REPLY, case(check))


@pytest.mark.parametrize(
    ("check", "expected_category"),
    [
        ({"equal": "x"}, None),
        ({"contains": "60 days", "category": "hallucination"}, "hallucination"),
        ({"contains": ["30 days", "x"]}, None),
        ({"not_contains": "30"}, None),
        ({"starts_with": {"text": "refund"}}, None),
        ({"matches": "x"}, None),
        ({"not_matches": "days"}, None),
        ({"similar": {"expected": "x y z"}}, None),
        ({"number": 31}, None),
        ({"max_words": 3}, "format"),
        ({"min_words": 5}, "format"),
        ({"words": {"at_most": 1}, "category": "tone"}, "tone"),
        ({"json": True}, "format"),
        ({"schema": {"type": "object"}}, "format"),
        ({"grounded": "within 60 days"}, "hallucination"),
        ({"cites": ["within 30 days"]}, "hallucination"),
        ({"cites": {"sources": {"a": "within 30 days"}, "every": True}}, "hallucination"),
        ({"latency": 0.5}, "slow"),
        ({"cost": 0.0001}, "expensive"),
    ],
    ids=str,
)
def test_a_wrong_reply_fails_in_the_checks_category(check: dict[str, Any], expected_category: str | None) -> None:
    assert validate_checks([check]) == []
    with pytest.raises(CheckFailed) as caught:
        assert_case(REPLY, case(check))
    assert category_of(caught.value) == expected_category


def test_json_and_schema_in_a_row() -> None:
    assert_case('{"a": 1}', case({"json": {"a": 1}}, {"json": True}, {"schema": {"required": ["a"]}}))
    with pytest.raises(CheckFailed, match=r"^\$\.a: expected 2, got 1$"):
        assert_case('{"a": 1}', case({"json": {"a": 2}}))


def test_all_failing_checks_are_told_and_the_first_gives_the_category() -> None:
    kept: list[Score] = []
    token = recorder.set(kept)
    with pytest.raises(CheckFailed) as caught:
        assert_case(
            "Refund within 60 days",
            case({"contains": "30 days", "category": "hallucination"}, {"not_refusal": True}, {"max_words": 2}),
        )
    recorder.reset(token)
    assert str(caught.value).split("\n") == [
        'the reply does not contain "30 days": "Refund within 60 days" (first of 2 failed checks)',
        "words [format]: the reply has 4 words, at most 2 allowed",
    ]
    assert (category_of(caught.value), caught.value.check, caught.value.score) == ("hallucination", "contains", 0.0)
    assert [(score.check, score.passed, score.category) for score in kept] == [
        ("contains", False, "hallucination"),
        ("not_refusal", True, "refusal"),
        ("words", False, "format"),
    ]


def test_the_rows_category_wins_over_the_calls_and_that_over_with() -> None:
    def failing(*checks: dict[str, Any], **options: Any) -> str | None:
        with pytest.raises(CheckFailed) as caught, category("around"):
            assert_case("x", case(*checks), **options)
        return category_of(caught.value)

    assert failing({"equal": "y", "category": "row"}, category="call") == "row"
    assert failing({"equal": "y"}, category="call") == "call"
    assert failing({"equal": "y"}) == "around"


@pytest.mark.parametrize(
    ("expected", "right", "wrong"),
    [
        ("Paris", " Paris", "Lyon"),
        (["a", "b"], "b", "c"),
        ({"a": 1}, '{"a": 1}', '{"a": 2}'),
        ([1, 2], "[1, 2]", "[1]"),
        (42, "42", "43"),
        (True, "true", "false"),
    ],
)
def test_without_checks_the_reply_must_be_what_is_expected(expected: Any, right: str, wrong: str) -> None:
    assert_case(right, case(expected=expected))
    with pytest.raises(CheckFailed):
        assert_case(wrong, case(expected=expected))


@pytest.mark.parametrize(
    ("check", "fields", "right"),
    [
        ({"equal": True}, {"expected": "a"}, "a"),
        ({"contains": True}, {"expected": ["a", "b"]}, "x b"),
        ({"similar": {"at_least": 0.9}}, {"expected": "Refund within 30 days"}, "Refund within 31 days"),
        ({"number": {"abs": 1}}, {"expected": "30"}, "31 days"),
        ({"number": True}, {"expected": 30}, "30 days"),
        ({"grounded": True}, {"context": ("30 days",)}, "30 days"),
        ({"cites": True}, {"context": ("30 days",)}, "30 days [1]"),
    ],
)
def test_a_check_takes_from_the_case_what_it_does_not_say(check: dict[str, Any], fields: Any, right: str) -> None:
    assert validate_checks([check]) == []
    assert_case(right, case(check, **fields))
    with pytest.raises(CheckFailed):
        assert_case("77 of nothing", case(check, **fields))


FAITHFUL = {"rubric": "faithfulness", "judge": "judge"}


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (case(), "says nothing about a right answer: it needs expected or checks"),
        (case(expected=""), "says nothing about a right answer: it needs expected or checks"),
        (case({"equal": True}), "its check 'equal' needs expected, and the case has none"),
        (case({"number": True}, expected="many"), "its check 'number' needs a number as expected, not \"many\""),
        (case({"number": True}, expected=["1"]), "its check 'number' needs a number as expected, not an array of 1"),
        (case({"grounded": True}), "its check 'grounded' needs context, and the case has none"),
        (case({"cites": True}), "its check 'cites' needs context, and the case has none"),
        (case({"judged": FAITHFUL}), "its check 'judged' needs context, and the case has none"),
        (
            case({"judged": {**FAITHFUL, "question": True}}, context=("x",)),
            "'judged' needs question, and the case",
        ),
        (
            case({"judged": {**FAITHFUL, "question": True}}, context=("x",), input={"q": "x"}),
            "its check 'judged' needs the question as a text, and the input is an object with 1 key; write question",
        ),
        (case({"preferred": FAITHFUL}, expected=["a", "b"]), "needs one answer, and expected has several"),
        (case({"preferred": FAITHFUL}), "its check 'preferred' needs expected, and the case has none"),
        (case({"contain": "x"}), 'unknown check "contain"; did you mean "contains"?'),
    ],
)
def test_a_case_that_cannot_be_judged_is_an_error_that_names_it(row: Case, told: str) -> None:
    with pytest.raises(LlmevalError) as caught:
        assert_case("x", row)
    assert told in str(caught.value)
    assert 'case "t-1" (tickets.jsonl:7)' in str(caught.value)


@pytest.mark.parametrize(
    ("checks", "problem"),
    [
        ({"contains": "x"}, 'checks is a list such as [{"contains": "30 days"}], not an object with 1 key'),
        (["x"], 'check 1: expected an object such as {"contains": "30 days"}, got "x"'),
        ([{}], f"check 1: no check in it; there are {', '.join((*FORMS, *COMBINED))}"),
        ([{"contain": "x"}], 'check 1: unknown check "contain"; did you mean "contains"?'),
        ([{"assert_equal": "x"}], 'check 1: unknown check "assert_equal"; did you mean "equal"?'),
        ([{"equal": "x", "categry": "y"}], 'check 1: unknown check "categry"; did you mean "category"?'),
        (
            [{"equal": "x", "json": 1}],
            "check 1: one check each, and not equal and json in one; a list may hold any number",
        ),
        ([{"equal": "x"}, {"contains": 3}], "check 2: contains: takes a text or a list of texts or true, not 3"),
        ([{"contains": ""}], 'check 1: contains: takes a text or a list of texts or true, not ""'),
        ([{"similar": {"atleast": 1}}], 'check 1: similar: unknown option "atleast"; did you mean "at_least"?'),
        ([{"similar": {"at_least": 85}}], "check 1: similar: at_least takes a number above 0 and up to 1, not 85"),
        (
            [{"similar": {"method": "cosine"}}],
            'check 1: similar: method takes one of ratio, levenshtein, token_sort, token_set, partial, not "cosine"',
        ),
        ([{"number": math.nan}], "check 1: number: takes a number or true, not NaN"),
        ([{"max_words": "3"}], 'check 1: max_words: takes a whole number, not "3"'),
        ([{"words": 3}], "check 1: words: it takes an object with at_least or at_most, not 3"),
        ([{"finish": False}], "check 1: finish: takes true, not false"),
        (
            [{"judged": {"rubric": "fluency", "judge": "judge"}}],
            (
                'check 1: judged: rubric takes the name or the text of a rubric; there is no rubric "fluency" (ready: '
                "faithfulness, answer_relevance, correctness, tone, policy); one of your own is a sentence or more"
            ),
        ),
        ([{"judged": {"rubric": "tone"}}], "check 1: judged: judge is missing"),
        (
            [{"judged": {"rubric": "tone", "judge": "j", "votes": 2}}],
            "check 1: judged: votes takes an odd number from 1 to 9, not 2",
        ),
        ([{"equal": "x", "category": ""}], 'check 1: category is a short name, not ""'),
    ],
    ids=str,
)
def test_what_is_wrong_with_checks_is_told_with_the_right_name(checks: Any, problem: str) -> None:
    assert validate_checks(checks) == [problem]


def test_a_pattern_that_is_none_is_told_before_anything_is_asked() -> None:
    [problem] = validate_checks([{"matches": "("}])
    assert problem.startswith('check 1: matches: takes a regular expression: invalid regular expression "(": ')


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["expected", "text", "abs"]), inner),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from([*FORMS, *COMBINED, "then", "else", "category", "other"]), json_values, max_size=2)
)
def test_checks_that_are_found_right_never_end_in_another_exception(check: dict[str, Any]) -> None:
    for text in ("30", '{"a": 1}'):
        reply = Reply(Answer(text=text, finish_reason="stop"), Measures(latency=1.0, cost=0.1), "m")
        told = ""
        try:
            assert_case(reply, case(check, expected="30", context=("30",)))
        except (CheckFailed, LlmevalError) as error:
            told = str(error)
        assert all(line.isprintable() for line in told.split("\n"))


def test_every_form_has_its_function_and_every_problem_is_one_harmless_line() -> None:
    named = {form.function.__name__.removeprefix("assert_") for form in FORMS.values()}
    assert named == {name for name in FORMS if not name.startswith(("max_", "min_", "json_"))}
    for problem in validate_checks([{"\x1b]0;x\x07\n::error::": 1}, {"equal": {"\x1b": 1}}, {"json": 1, "\u202e": 2}]):
        assert problem.isprintable()
    assert json.dumps(validate_checks([{"equal": "\ud800"}])) == "[]"
