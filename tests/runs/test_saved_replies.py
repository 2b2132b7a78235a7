"""Which saved reply answers which request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.plugin.baseline import moved_tests
from pytest_llmeval.reply import Answer, Measures
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult
from pytest_llmeval.runs.saved_replies import SavedReplies


def call(prompt: str, text: str = "") -> Call:
    return Call("openai", "m", prompt, Answer(text=text or f"to {prompt}"), Measures(latency=0.1))


def said(replies: SavedReplies, *prompts: str) -> list[str | None]:
    found = [replies.take(prompt) for prompt in prompts]
    return [each.answer.text if each is not None else None for each in found]


def test_the_same_request_gets_its_reply_in_whichever_order() -> None:
    replies = SavedReplies([call("a"), call("b"), call("c")])
    assert said(replies, "c", "a", "b") == ["to c", "to a", "to b"]
    assert (replies.by_place, replies.another_way, replies.left) == (False, False, 0)


def test_another_request_gets_the_next_reply_that_was_not_given() -> None:
    replies = SavedReplies([call("a"), call("b"), call("c")])
    assert said(replies, "x", "b", "z") == ["to a", "to b", "to c"]
    assert (replies.by_place, replies.another_way, replies.left) == (True, False, 0)


def test_the_same_asked_twice_gets_both_replies() -> None:
    assert said(SavedReplies([call("a", "1"), call("a", "2")]), "a", "a") == ["1", "2"]


@pytest.mark.parametrize(
    ("prompts", "expected"),
    [
        (("a", "b", "c"), ["to a", "to b", None]),  # more than was asked then
        (("x", "y", "z"), ["to a", "to b", None]),
        (("b", "x"), ["to b", None]),  # what is left was asked before: nobody knows whether it is meant
    ],
)
def test_a_request_that_no_reply_can_be_meant_for_gets_none(prompts: tuple[str, ...], expected: list[str]) -> None:
    replies = SavedReplies([call("a"), call("b")])
    assert (said(replies, *prompts), replies.another_way) == (expected, True)


@given(st.lists(st.sampled_from("abcd"), max_size=6), st.lists(st.sampled_from("abcdxy"), max_size=8))
def test_each_reply_is_given_once_and_the_same_requests_never_miss(saved: list[str], asked: list[str]) -> None:
    replies = SavedReplies([call(prompt, f"{place}") for place, prompt in enumerate(saved)])
    given_ = [text for text in said(replies, *asked) if text is not None]
    assert len(set(given_)) == len(given_) == len(saved) - replies.left
    again_ = SavedReplies([call(prompt, f"{place}") for place, prompt in enumerate(saved)])
    assert None not in said(again_, *saved)
    assert not again_.by_place


def rows(test: str, *cases: str, content: str = "d") -> dict[CaseKey, CaseResult]:
    keys = [CaseKey(test, case) for case in cases]
    return {key: CaseResult(key=key, model="m", samples=(), content=content and f"{content}{key.case}") for key in keys}


def now(results: dict[CaseKey, CaseResult]) -> dict[CaseKey, str]:
    return {key: result.content for key, result in results.items()}


def test_a_renamed_test_is_found_by_its_rows() -> None:
    saved = rows("test_a.py::test_old", "1", "2", "3") | rows("test_a.py::test_other", "9")
    today = rows("test_b.py::test_new", "1", "2", "4") | rows("test_a.py::test_other", "9")
    assert moved_tests(saved, now(today), ["test_a.py::test_old"]) == {"test_b.py::test_new": "test_a.py::test_old"}


@pytest.mark.parametrize(
    "today",
    [
        rows("test_b.py::test_new", "1", "7", "8"),  # too few rows are the same
        rows("test_b.py::test_new", "1", "2", "3", content="e"),  # none is: they say something else
        rows("test_b.py::test_new", "1", "2", "3") | rows("test_c.py::test_too", "1", "2", "3"),  # which of them?
        rows("test_b.py::test_new", "1", "2", "3") | rows("test_a.py::test_old", "1"),  # it is still there
    ],
)
def test_a_test_that_may_be_another_is_not_taken_for_a_renamed_one(today: dict[CaseKey, CaseResult]) -> None:
    saved = rows("test_a.py::test_old", "1", "2", "3")
    assert moved_tests(saved, now(today), ["test_a.py::test_old"]) == {}


def test_a_test_without_rows_is_found_by_its_name_in_another_file() -> None:
    saved = rows("test_a.py::test_one", "", content="") | rows("test_a.py::test_two", "", content="")
    gone = ["test_a.py::test_one", "test_a.py::test_two"]
    assert moved_tests(saved, now(rows("b/test_b.py::test_one", "", content="")), gone) == {
        "b/test_b.py::test_one": "test_a.py::test_one"
    }
    assert moved_tests(saved, now(rows("test_a.py::test_three", "", content="")), gone) == {}
