"""Answers that were spoken: their words are the text, whole and streamed, and the next request refers to them."""

from __future__ import annotations

import json
from typing import Any

from pytest_llmeval.formats.base import Event, Prompt
from pytest_llmeval.formats.openai_chat import OpenAIChat
from pytest_llmeval.formats.registry import find_provider
from pytest_llmeval.reply import Measures, Reply
from tests.server import completion
from tests.wire import RESPONSES_BODY

AUDIO = {"id": "audio_1", "data": "AAAABBBB", "expires_at": 9, "transcript": "It is sunny in Turin."}
chat = OpenAIChat()


def test_the_words_of_a_spoken_answer_are_its_text() -> None:
    assert chat.answer(completion(None, audio=AUDIO)).text == "It is sunny in Turin."
    assert chat.answer(completion("Written.", audio=AUDIO)).text == "Written."
    assert chat.answer(completion(None, audio={"id": "a", "transcript": None})).text == ""


def test_a_spoken_answer_comes_in_pieces() -> None:
    reader = chat.stream()
    pieces: list[dict[str, Any]] = [
        {"role": "assistant", "content": None},
        {"audio": {"id": "audio_1", "transcript": "It is sunny "}},
        {"audio": {"id": "audio_1", "transcript": "in Turin."}},
        {"audio": {"data": "AAAA"}},
        {"audio": {"data": "BBBB"}},
        {"audio": {"expires_at": 9}},
    ]
    said = [
        reader.feed(Event("", json.dumps({"choices": [{"index": 0, "delta": piece, "finish_reason": None}]})))
        for piece in pieces
    ]
    reader.feed(Event("", json.dumps({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})))
    assert said == [False, True, True, False, False, False]
    body = reader.body()
    assert body["choices"][0]["message"]["audio"] == AUDIO
    assert chat.answer(body).text == "It is sunny in Turin."


def test_a_spoken_answer_goes_back_by_its_id() -> None:
    answer = chat.answer(completion(None, audio=AUDIO))
    message = Reply(answer, Measures(latency=1.0), "m").message
    assert message["content"] == "It is sunny in Turin."
    sent = chat.request("m", Prompt(messages=(message,))).body["messages"]
    assert sent == [{"role": "assistant", "content": None, "audio": {"id": "audio_1"}}]
    assert chat.answer(chat.body_of(answer, "m")) == answer


def test_spoken_responses_have_their_words_too() -> None:
    part = {"type": "output_audio", "data": "AAAA", "transcript": "It is sunny."}
    body = {**RESPONSES_BODY, "output": [{"type": "message", "role": "assistant", "content": [part]}]}
    provider = find_provider("openai-responses")
    assert provider.answer(body).text == "It is sunny."
    reader = provider.stream()
    for event in provider.events(body, 3):
        reader.feed(event)
    assert reader.body() == body
