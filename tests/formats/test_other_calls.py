"""Which requests are other calls of models, what tells two of them apart, and how what they get is kept."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.errors import ProviderError
from pytest_llmeval.formats.base import Recognised
from pytest_llmeval.formats.other_calls.kept import AS_IT_IS
from pytest_llmeval.formats.recognise import may_ask_a_model, recognised
from pytest_llmeval.json_text import parsed_json, readable_json


def sent(url: str, **body: Any) -> Recognised | None:
    """What is seen of a request that httpx makes."""
    request = httpx.Request("POST", url, **body)
    headers = {name.lower(): value for name, value in request.headers.items()}
    found = recognised("POST", str(request.url), headers, request.read())
    assert found is None or may_ask_a_model(request.url.path)
    return found


AZURE = "https://shop.openai.azure.com/openai/deployments/small-3"
GOOGLE = "https://generativelanguage.googleapis.com/v1beta/models/gemini-embedding-001"


@pytest.mark.parametrize(
    ("url", "body", "model", "path"),
    [
        ("https://api.openai.com/v1/embeddings", {"model": "small-3", "input": "Tea"}, "small-3", "/v1/embeddings"),
        (f"{AZURE}/embeddings?api-version=2024-10-21", {"input": ["Tea"]}, "small-3", "/embeddings"),
        ("https://api.mistral.ai/v1/chat/moderations", {"model": "m", "input": []}, "m", "/moderations"),
        ("https://api.openai.com/v1/moderations", {"input": "Tea"}, "default", "/v1/moderations"),
        ("https://api.openai.com/v1/images/generations", {"prompt": "Tea"}, "default", "/v1/images/generations"),
        ("https://api.openai.com/v1/audio/speech", {"model": "t", "input": "Tea"}, "t", "/v1/audio/speech"),
        ("https://api.openai.com/v1/completions", {"model": "davinci", "prompt": "Tea"}, "davinci", "/v1/completions"),
        ("https://api.openai.com/v1/responses/input_tokens", {"input": "Tea"}, "default", "/v1/responses/input_tokens"),
        ("https://api.cohere.com/v2/rerank", {"model": "r", "query": "Tea", "documents": []}, "r", "/v2/rerank"),
        ("https://api.cohere.com/v1/embed", {"model": "e", "texts": ["Tea"]}, "e", "/v1/embed"),
        ("http://127.0.0.1:11434/api/embed", {"model": "nomic", "input": "Tea"}, "nomic", "/embed"),
        ("http://127.0.0.1:11434/api/embeddings", {"model": "nomic", "prompt": "Tea"}, "nomic", "/embeddings"),
        ("http://127.0.0.1:8080/rerank", {"query": "Tea", "texts": ["Oolong"]}, "default", "/rerank"),
        (
            "https://api.anthropic.com/v1/messages/count_tokens",
            {"model": "c", "messages": []},
            "c",
            "/v1/messages/count_tokens",
        ),
        (f"{GOOGLE}:embedContent", {"content": {"parts": []}}, "gemini-embedding-001", ":embedContent"),
        (f"{GOOGLE}:batchEmbedContents?key=k", {"requests": []}, "gemini-embedding-001", ":batchEmbedContents"),
        (f"{GOOGLE}:countTokens", {"contents": []}, "gemini-embedding-001", ":countTokens"),
    ],
)
def test_other_calls_are_recognised_by_path_and_body(url: str, body: dict[str, Any], model: str, path: str) -> None:
    found = sent(url, json=body)
    assert found is not None
    assert (found.format, found.model, found.path, found.body) == (AS_IT_IS, model, path, body)
    assert found.content is not None
    assert json.loads(found.content) == body
    base, _, query = found.base_url.partition("?")
    assert f"{base}{path}" + (f"?{query}" if query else "") == url


@pytest.mark.parametrize(
    ("url", "body"),
    [
        ("https://shop.example/v1/embeddings", {"vector": [1.0]}),
        ("https://shop.example/api/rerank", {"query": "kettles"}),
        ("https://shop.example/orders/complete", {"prompt": "pay"}),
        ("https://shop.example/v1/tokenize", {"text": "card number"}),
        ("https://shop.example/embed", {"url": "https://shop.example"}),
        ("https://shop.example/v1/chat/completions", {"question": "Tea?"}),
        ("https://shop.example/v1/models", {"input": "Tea"}),
    ],
)
def test_other_services_with_such_paths_are_let_alone(url: str, body: dict[str, Any]) -> None:
    assert sent(url, json=body) is None
    assert recognised("GET", url, {}, json.dumps({"input": "Tea"}).encode()) is None
    assert sent(url, content=b"no JSON") is None


def spoken(sound: bytes, name: str = "order.wav", **fields: str) -> Recognised:
    found = sent(
        "https://api.openai.com/v1/audio/transcriptions",
        data={"model": "whisper-1", **fields},
        files={"file": (name, sound, "audio/wav")},
    )
    assert found is not None
    return found


@given(sound=st.binary(max_size=60), other=st.binary(max_size=60))
def test_a_form_is_known_by_its_fields_and_by_what_is_in_its_files(sound: bytes, other: bytes) -> None:
    first = spoken(sound)
    assert (first.model, first.body["model"], first.body["file"]["bytes"]) == ("whisper-1", "whisper-1", len(sound))
    assert first.content is not None
    assert sound in first.content
    again = spoken(sound, "tmp7f3a.wav")  # httpx draws another boundary for each
    assert again.body == first.body
    assert again.content != first.content
    assert (spoken(other).body == first.body) == (other == sound)
    assert spoken(sound, language="de").body != first.body
    json.dumps(first.body)  # so that it can be stored


@given(content=st.binary() | st.text().map(str.encode), kind=st.sampled_from(["application/json", "audio/mpeg"]))
def test_a_response_comes_back_byte_for_byte(content: bytes, kind: str) -> None:
    kept = AS_IT_IS.kept({"content-type": kind, "set-cookie": "id=1", "x-request-id": "r"}, content)
    given_back = AS_IT_IS.delivery(parsed_json(readable_json(kept)), 201)
    assert (given_back.status, b"".join(given_back.chunks)) == (201, content)
    assert given_back.headers == {"content-type": kind}


@pytest.mark.parametrize(
    ("told", "tokens", "cost"),
    [
        ({"usage": {"prompt_tokens": 8, "total_tokens": 8}}, (8, 0), None),
        ({"usage": {"total_tokens": 8}}, (8, 0), None),
        ({"usage": {"prompt_tokens": 8, "completion_tokens": 5, "total_tokens": 13}}, (8, 5), None),
        ({"usage": {"prompt_tokens": 8, "total_tokens": 8, "cost": 0.25}}, (8, 0), 0.25),
        ({"usage": {"input_tokens": 8, "output_tokens": 4000, "total_tokens": 4008}}, (None, 0), None),  # an image
        ({"embeddings": [[0.5]], "prompt_eval_count": 8}, (8, 0), None),
        ({"embedding": {}, "usageMetadata": {"promptTokenCount": 8}}, (8, 0), None),
        ({"usage": "much"}, (None, 0), None),
        ([1], (None, 0), None),
    ],
)
def test_what_it_took_is_read_where_all_of_it_has_one_price(told: Any, tokens: tuple[int, int], cost: Any) -> None:
    answer = AS_IT_IS.answer(AS_IT_IS.kept({}, json.dumps(told).encode()))
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.cost, answer.text) == (*tokens, cost, "")


def test_it_is_no_format_to_ask_in() -> None:
    assert AS_IT_IS.answer(AS_IT_IS.kept({}, b"\xff\x00")).usage.input_tokens is None
    with pytest.raises(ProviderError, match="no response that was kept"):
        AS_IT_IS.answer({"error": {"code": "content_policy_violation"}})
    with pytest.raises(ProviderError, match="only handed on"):
        AS_IT_IS.stream()
