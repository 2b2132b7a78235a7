"""generateContent's other forms: a stream as one JSON array, and endings as numbers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.engine.answer_reader import AnswerReader
from pytest_llmeval.formats.recognise import recognised
from pytest_llmeval.formats.registry import find_provider
from pytest_llmeval.formats.replay import delivered
from tests.server import Reply, Server
from tests.sessions import Session
from tests.wire import GEMINI_BODY, GEMINI_CHUNKS

STREAM = "https://generativelanguage.googleapis.com/v1beta/models/gemini-3:streamGenerateContent"
provider = find_provider("gemini")
CONTENT = json.dumps({"contents": [{"parts": [{"text": "Hi"}]}]}).encode()


def read(content: bytes, *sizes: int) -> Any:
    reader = AnswerReader(provider, stream=True)
    reader.begins(200, {"content-type": "application/json; charset=UTF-8"})
    start = 0
    for size in (*sizes, len(content)):
        reader.take(content[start : start + size], 0.1)
        start += size
    return reader.response(0.1)


@given(st.lists(st.integers(0, 99), max_size=9))
def test_a_stream_that_is_an_array_is_read_wherever_it_is_cut(sizes: list[int]) -> None:
    array = json.dumps(GEMINI_CHUNKS, indent=1).encode()
    assert read(array, *sizes).answer == provider.answer(GEMINI_BODY)


@pytest.mark.parametrize("query", ["", "?alt=json", "?key=k-123"])
def test_a_stream_without_alt_sse_is_recognised_and_replayed_as_an_array(query: str) -> None:
    found = recognised("POST", STREAM + query, {}, CONTENT)
    assert found is not None
    assert (found.stream, found.path) == (True, "/models/gemini-3:streamGenerateContent")
    again = delivered(found.format, GEMINI_BODY, stream=True, pieces=4)
    content = b"".join(again.chunks)
    assert again.headers["content-type"].startswith("application/json")
    assert len(json.loads(content)) == len(again.chunks) > 1
    assert read(content).body == GEMINI_BODY


def test_a_stream_of_events_is_told_apart() -> None:
    found = recognised("POST", f"{STREAM}?alt=sse", {}, CONTENT)
    assert found is not None
    assert found.path.endswith("?alt=sse")
    assert not found.format.in_array
    assert recognised("POST", f"{STREAM}?alt=proto", {}, CONTENT) is None


def ended(reason: Any, **more: Any) -> dict[str, Any]:
    content = {"role": "model", "parts": [{"text": "Sunny."}]}
    return {"candidates": [{"content": content, "finishReason": reason}], **more}


@pytest.mark.parametrize(
    ("number", "google", "vertex"),
    [
        (1, "stop", "stop"),
        (2, "length", "length"),
        (3, "content_filter", "content_filter"),
        (5, "OTHER", "OTHER"),
        (6, "content_filter", "content_filter"),
        (9, "content_filter", "invalid_tool_call"),
        (10, "invalid_tool_call", "content_filter"),
        (12, "invalid_tool_call", "content_filter"),
        (15, "number 15", "invalid_tool_call"),
        (99, "number 99", "number 99"),
        (0, None, None),
    ],
)
def test_an_ending_may_be_a_number(number: int, google: str | None, vertex: str | None) -> None:
    assert provider.answer(ended(number)).finish_reason == google
    assert provider.answer(ended(number, createTime="2026-11-30T00:00:00Z")).finish_reason == vertex
    traffic = {"usageMetadata": {"trafficType": 1}}
    assert provider.answer(ended(number, **traffic)).finish_reason == vertex


def test_a_blocked_prompt_may_have_a_number_too() -> None:
    answer = provider.answer({"promptFeedback": {"blockReason": 4}})
    assert (answer.refusal, answer.finish_reason) == ("the prompt was blocked: PROHIBITED_CONTENT", "content_filter")


APPLICATION = """
import json
import httpx

BASE = "http://127.0.0.1:PORT/v1beta/models/gemini-3:streamGenerateContent"

def test_it(llm_capture):
    body = {"contents": [{"parts": [{"text": "Weather in Rome?"}]}]}
    chunks = httpx.post(BASE, json=body, headers={"x-goog-api-key": "k"}).json()
    assert len(chunks) > 1
    [call] = llm_capture.calls
    assert call.reply == "Let me see."
    assert [tool.name for tool in call.tool_calls] == ["weather"]
"""


def test_an_application_that_reads_an_array_is_captured_and_replayed(plain_session: Session, server: Server) -> None:
    server.answer = lambda _: Reply(body=GEMINI_CHUNKS)
    model = f'model = "gemini/gemini-3"\nbase_url = "http://127.0.0.1:{server.port}/v1beta"\n'
    plain_session.configure(f'[tool.llmeval]\nmodel = "m"\n[tool.llmeval.models.m]\n{model}')
    plain_session.write(APPLICATION.replace("PORT", str(server.port)))
    plain_session.run("--llm-record").assert_outcomes(passed=1)
    asked = len(server.requests)
    plain_session.run("--llm-mode=replay").assert_outcomes(passed=1)
    assert len(server.requests) == asked == 1


BACKGROUND = """
import httpx

BASE = "http://127.0.0.1:PORT/v1/responses"
QUEUED = {"id": "resp_1", "object": "response", "status": "queued", "background": True, "output": []}

def test_it(llm_capture):
    response = httpx.post(BASE, json={"model": "gpt-9", "input": "Weather?", "background": True})
    assert (response.status_code, response.json()) == (200, QUEUED)
    assert not llm_capture.calls

def test_that_fails(llm_capture):
    httpx.post(BASE, json={"model": "gpt-9", "input": "Weather at once?", "background": True})
    assert llm_capture.calls
"""


def test_a_response_that_is_still_queued_reaches_the_application_and_is_no_answer(
    plain_session: Session, server: Server
) -> None:
    queued = {"id": "resp_1", "object": "response", "status": "queued", "background": True, "output": []}
    server.answer = lambda _: queued
    model = f'model = "openai/gpt-9"\nbase_url = "{server.base_url}"\n'
    plain_session.configure(f'[tool.llmeval]\nmodel = "m"\n[tool.llmeval.models.m]\n{model}')
    plain_session.write(BACKGROUND.replace("PORT", str(server.port)))
    plain_session.run()
    passed, failed = plain_session.results()
    assert passed.outcome == "pass"
    assert failed.outcome == "error"
    assert "it was asked for in the background, and is no answer yet" in failed.samples[0].reason
    assert len(server.requests) == 2
