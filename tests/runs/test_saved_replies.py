"""Which saved reply answers which request, and a reply in each wire format."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.formats.body import body_of
from pytest_llmeval.formats.recognise import Format
from pytest_llmeval.formats.registry import find_provider
from pytest_llmeval.formats.replay import delivered
from pytest_llmeval.plugin.baseline import moved_tests
from pytest_llmeval.reply import Answer, Measures, ToolCall, Usage
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult
from pytest_llmeval.runs.saved_replies import SavedReplies
from tests.formats.test_capture_frames import PROVIDERS, again


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


ANSWERS = st.builds(
    Answer,
    text=st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=30),
    finish_reason=st.sampled_from(["stop", "length"]),
    usage=st.builds(
        Usage,
        input_tokens=st.integers(60, 100),
        output_tokens=st.integers(30, 50),
        cache_read_tokens=st.none() | st.integers(1, 50),
        reasoning_tokens=st.none() | st.integers(1, 20),
    ),
    response_model=st.just("m-2026"),
    response_id=st.just("r1"),
)
CALLED = Answer(
    text="",
    tool_calls=(
        ToolCall(name="find", arguments={"order": 7}, raw_arguments='{"order": 7}', id="t1"),
        ToolCall(name="stop", arguments={}, raw_arguments="{}", id="t2"),
    ),
    finish_reason="tool_calls",
    usage=Usage(input_tokens=9, output_tokens=4),
    response_model="m-2026",
    response_id="r1",
)
REFUSED = Answer(text="", refusal="I must not.", finish_reason="content_filter", response_model="m-2026")


@pytest.mark.parametrize("format_", PROVIDERS)
@given(answer=ANSWERS)
def test_an_answer_is_what_is_read_from_its_body_in_every_format(format_: Format, answer: Answer) -> None:
    read = find_provider(PROVIDERS[format_]).answer(body_of(format_, answer, "m"))
    assert (read.text, read.finish_reason, read.response_model) == (answer.text, answer.finish_reason, "m-2026")
    assert (read.usage.input_tokens, read.usage.output_tokens) == (
        answer.usage.input_tokens,
        answer.usage.output_tokens,
    )


@pytest.mark.parametrize("format_", PROVIDERS)
@pytest.mark.parametrize("stream", [False, True])
def test_tool_calls_survive_every_format_streamed_and_not(format_: Format, stream: bool) -> None:
    body = body_of(format_, CALLED, "m")
    read = find_provider(PROVIDERS[format_]).answer(again(format_, body)[0] if stream else body)
    assert [(each.name, each.arguments) for each in read.tool_calls] == [("find", {"order": 7}), ("stop", {})]
    assert read.finish_reason == "tool_calls"


@pytest.mark.parametrize("format_", [each for each in PROVIDERS if each != "ollama"])
def test_a_refusal_stays_one(format_: Format) -> None:
    assert find_provider(PROVIDERS[format_]).answer(body_of(format_, REFUSED, "m")).refusal


def test_the_official_clients_read_a_body_that_was_made(tmp_path: object) -> None:
    from anthropic.types import Message
    from google.genai.types import GenerateContentResponse
    from openai.types.chat import ChatCompletion
    from openai.types.responses import Response

    for answer in (CALLED, Answer(text="Paris", finish_reason="stop", usage=Usage(input_tokens=1, output_tokens=2))):
        ChatCompletion.model_validate(body_of("chat", answer, "m"), strict=True)
        Response.model_validate(body_of("responses", answer, "m"))
        Message.model_validate(body_of("messages", answer, "m"))
        GenerateContentResponse.model_validate(body_of("content", answer, "m"))
        assert delivered("chat", body_of("chat", answer, "m"), stream=True).status == 200


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
