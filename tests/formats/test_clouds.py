"""Bedrock and Vertex: what only they have."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_llmeval.config.settings import ModelSettings
from pytest_llmeval.engine import aws_signature
from pytest_llmeval.engine.answer_reader import AnswerReader
from pytest_llmeval.engine.requests import api_key_of
from pytest_llmeval.errors import ConfigError, ProviderError
from pytest_llmeval.formats.base import Event, Prompt
from pytest_llmeval.formats.clouds.frames import FrameParser
from pytest_llmeval.formats.model_hosts import is_model_host
from pytest_llmeval.formats.recognise import in_another_format, recognised
from pytest_llmeval.formats.registry import find_provider
from pytest_llmeval.formats.said_address import said_address
from pytest_llmeval.reply import Measures, Reply
from tests.wire import ANTHROPIC_BODY, CONVERSE_BODY, CONVERSE_EVENTS, frames

USER = {"role": "user", "content": "Does it rain in Rome?"}
CONVERSE = find_provider("bedrock")
BEDROCK = "https://bedrock-runtime.eu-north-1.amazonaws.com"
VERTEX = "https://aiplatform.googleapis.com/v1/projects/p/locations/global"


def test_a_message_of_amazons_documentation_is_read() -> None:
    content = bytes.fromhex("0000001d00000000fd528c5a7b27666f6f273a27626172277dc3653936")
    assert FrameParser().feed(content) == [Event("", "{'foo':'bar'}")]


@pytest.mark.parametrize("place", [0, 9, 20, -1])
def test_a_message_with_a_wrong_byte_is_a_broken_stream_and_no_answer(place: int) -> None:
    content = bytearray(b"".join(frames(CONVERSE_EVENTS)))
    content[place] ^= 1
    reader = AnswerReader(CONVERSE, stream=True)
    reader.begins(200, {"content-type": "application/vnd.amazon.eventstream"})
    reader.take(bytes(content), 0.1)
    with pytest.raises(ProviderError, match="no event stream of Amazon's"):
        reader.response(0.1)


def test_an_error_that_only_the_headers_of_a_message_tell_is_one() -> None:
    [exception] = frames([("exception:internalServerException", {"message": "down"})])
    assert FrameParser().feed(exception) == [Event("exception:internalServerException", '{"message": "down"}')]
    with pytest.raises(ProviderError, match="down"):
        CONVERSE.stream().feed(FrameParser().feed(exception)[0])


def test_converse_is_asked_in_its_own_words() -> None:
    prompt = Prompt(
        messages=({"role": "system", "content": "Be brief."}, USER),
        tools=({"name": "weather", "description": "", "parameters": {"type": "object"}},),
        schema={"title": "Rain", "type": "object"},
        images=("data:image/jpg;base64,AAAA", "s3://bucket/map.png"),
        params={"maxTokens": 9, "top_k": 5, "guardrailConfig": {"guardrailIdentifier": "g"}},
    )
    request = CONVERSE.request("eu.anthropic.claude-x:0", prompt)
    assert request.path == "/model/eu.anthropic.claude-x%3A0/converse"
    jsonschema = {"name": "Rain", "schema": json.dumps({"title": "Rain", "type": "object"})}
    assert request.body == {
        "system": [{"text": "Be brief."}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"text": USER["content"]},
                    {"image": {"format": "jpeg", "source": {"bytes": "AAAA"}}},
                    {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://bucket/map.png"}}}},
                ],
            }
        ],
        "toolConfig": {"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": {"type": "object"}}}}]},
        "outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": jsonschema}}},
        "inferenceConfig": {"maxTokens": 9},
        "additionalModelRequestFields": {"top_k": 5},
        "guardrailConfig": {"guardrailIdentifier": "g"},
    }


def test_an_image_that_bedrock_does_not_load_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(ProviderError, match=r"loads no image from an address: https://host\.example/a\.png; give"):
        CONVERSE.request("m", Prompt(messages=(USER,), images=("https://host.example/a.png",)))


def test_converse_gets_back_what_it_said_and_the_roles_take_turns() -> None:
    reply = Reply(CONVERSE.answer(CONVERSE_BODY), Measures(latency=1.0), "m")
    results = [call.result({"celsius": 21}) for call in reply.tool_calls]
    turns = CONVERSE.request("m", Prompt(messages=(USER, reply.message, *results, USER))).body["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
    assert turns[1]["content"] == CONVERSE_BODY["output"]["message"]["content"]
    result = {"toolResult": {"toolUseId": "tooluse_1", "content": [{"text": '{"celsius": 21}'}]}}
    assert turns[2]["content"] == [result, {"text": USER["content"]}]


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (CONVERSE_BODY["usage"], (1000, 100)),
        ({"inputTokens": 1000, "outputTokens": 100, "totalTokens": 1100, "cacheReadInputTokens": 800}, (1000, 100)),
        ({"inputTokens": 150, "outputTokens": 100, "cacheReadInputTokens": 850}, (1000, 100)),
        ({"inputTokens": 5, "outputTokens": 100, "totalTokens": 105, "cacheWriteInputTokens": 995}, (1000, 100)),
        ({}, (None, None)),
    ],
)
def test_what_the_cache_holds_is_counted_once(usage: dict[str, int], tokens: tuple[int | None, int | None]) -> None:
    told = CONVERSE.answer({**CONVERSE_BODY, "usage": usage}).usage
    assert (told.input_tokens, told.output_tokens) == tokens


@pytest.mark.parametrize(
    ("word", "reason", "refused"),
    [
        ("guardrail_intervened", "content_filter", True),
        ("malformed_tool_use", "invalid_tool_call", False),
        ("model_context_window_exceeded", "length", False),
        ("stop_sequence", "stop", False),
    ],
)
def test_endings_of_converse_in_our_words(word: str, reason: str, refused: bool) -> None:
    answer = CONVERSE.answer({**CONVERSE_BODY, "stopReason": word})
    assert (answer.finish_reason, answer.refusal is not None) == (reason, refused)


@pytest.mark.parametrize(
    ("status", "kind", "ours"),
    [
        (429, "ThrottlingException:http://internal.amazon.com/coral/", "rate_limit"),
        (424, "ModelErrorException", "overloaded"),
        (400, "ValidationException", "bad_request"),
        (403, "AccessDeniedException", "authentication"),
        (404, "ResourceNotFoundException", "not_found"),
    ],
)
def test_an_error_is_named_by_its_header(status: int, kind: str, ours: str) -> None:
    error = CONVERSE.error(status, {"x-amzn-ErrorType": kind}, b'{"message": "The model is gone."}')
    assert (error.kind, error.status) == (ours, status)
    assert f"({kind.partition(':')[0]}): The model is gone." in str(error)


CHAT = {"messages": [USER], "max_tokens": 9}
BODY = {"anthropic_version": "bedrock-2023-05-31", **CHAT}


@pytest.mark.parametrize(
    ("url", "body", "name", "model", "stream"),
    [
        (
            f"{BEDROCK}/model/amazon.nova-lite-v1%3A0/converse",
            {"messages": []},
            "bedrock",
            "amazon.nova-lite-v1:0",
            False,
        ),
        (f"{BEDROCK}/model/arn%3Aaws%3Abedrock%2Fx/converse-stream", {}, "bedrock", "arn:aws:bedrock/x", True),
        (f"{BEDROCK}/model/anthropic.claude-x:0/invoke", BODY, "bedrock-messages", "anthropic.claude-x:0", False),
        (f"{BEDROCK}/model/m/invoke-with-response-stream", BODY, "bedrock-messages", "m", True),
        (f"{VERTEX}/publishers/google/models/gemini-x:generateContent", {"contents": []}, "gemini", "gemini-x", False),
        (f"{VERTEX}/endpoints/123:generateContent", {"contents": []}, "gemini", "123", False),
        (f"{VERTEX}/publishers/anthropic/models/claude-x@1:rawPredict", BODY, "vertex-messages", "claude-x@1", False),
        (f"{VERTEX}/publishers/anthropic/models/c%401:streamRawPredict", BODY, "vertex-messages", "c@1", True),
    ],
)
def test_requests_of_the_sdks_are_recognised(
    url: str, body: dict[str, Any], name: str, model: str, stream: bool
) -> None:
    found = recognised("POST", url, {}, json.dumps(body).encode())
    assert found is not None
    assert (found.format.name, found.model, found.stream) == (name, model, stream)


@pytest.mark.parametrize(
    ("url", "body"),
    [
        (f"{BEDROCK}/model/amazon.nova-lite-v1:0/invoke", {"messages": [], "inferenceConfig": {}}),
        (f"{BEDROCK}/model/mistral.large/invoke", CHAT),
        (f"{VERTEX}/publishers/mistralai/models/m:rawPredict", {"model": "m", **CHAT}),
    ],
)
def test_models_of_makers_whose_format_is_not_read_are_told_apart(url: str, body: dict[str, Any]) -> None:
    assert recognised("POST", url, {}, json.dumps(body).encode()) is None
    assert in_another_format(url)


@pytest.mark.parametrize(
    ("name", "environment", "base_url"),
    [
        ("bedrock", {"AWS_REGION": "eu-north-1"}, BEDROCK),
        (
            "bedrock-messages",
            {"AWS_DEFAULT_REGION": "cn-north-1"},
            "https://bedrock-runtime.cn-north-1.amazonaws.com.cn",
        ),
        ("bedrock", {"AWS_REGION": "x", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "https://a.example/"}, "https://a.example"),
        ("vertex", {"GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_CLOUD_LOCATION": "global"}, f"{VERTEX}/publishers/google"),
        (
            "vertex-messages",
            {"ANTHROPIC_VERTEX_PROJECT_ID": "p", "CLOUD_ML_REGION": "us-east5"},
            "https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/us-east5/publishers/anthropic",
        ),
    ],
)
def test_the_environment_says_where_a_cloud_is(name: str, environment: dict[str, str], base_url: str) -> None:
    said = said_address(name, environment)
    assert said is not None
    assert (said.provider.base_url, said.provider.name) == (base_url, name)
    assert base_url == "https://a.example" or is_model_host(base_url.split("/")[2])


@pytest.mark.parametrize("environment", [{}, {"AWS_REGION": "a.example/"}, {"GOOGLE_CLOUD_PROJECT": "p"}])
@pytest.mark.parametrize("name", ["bedrock", "vertex"])
def test_what_the_environment_does_not_say_is_nowhere(name: str, environment: dict[str, str]) -> None:
    assert said_address(name, environment) is None


def test_an_address_of_vertex_without_a_project_is_refused_with_one_that_works() -> None:
    with pytest.raises(ConfigError, match="names no project of Vertex AI; it should look like https://us-east5-"):
        find_provider("vertex", "https://us-east5-aiplatform.googleapis.com/v1")
    assert find_provider("vertex", "http://127.0.0.1:9/v1").base_url == "http://127.0.0.1:9/v1/publishers/google"


def test_another_model_than_a_tuned_one_of_vertex_is_below_its_publisher() -> None:
    found = recognised("POST", f"{VERTEX}/endpoints/123:generateContent", {}, b'{"contents": []}')
    assert found is not None
    base_url, request = find_provider("vertex", VERTEX).rerouted(found, "gemini-x")
    assert base_url + request.path == f"{VERTEX}/publishers/google/models/gemini-x:generateContent"


def test_anthropics_models_at_vertex_have_a_provider_of_their_own() -> None:
    with pytest.raises(ProviderError, match="name it vertex-messages/claude-x"):
        find_provider("vertex", VERTEX).request("claude-x", Prompt(messages=(USER,)))


@pytest.mark.parametrize(
    ("name", "version", "path"),
    [
        ("bedrock-messages", "bedrock-2023-05-31", "/model/claude-x%401/invoke-with-response-stream"),
        ("vertex-messages", "vertex-2023-10-16", "/models/claude-x@1:streamRawPredict"),
    ],
)
def test_messages_at_a_cloud_name_the_model_in_the_path(name: str, version: str, path: str) -> None:
    request = find_provider(name).request("claude-x@1", Prompt(messages=(USER,), params={"max_tokens": 9}, stream=True))
    assert request.path == path
    assert request.headers == {}
    streams = {"stream": True} if name == "vertex-messages" else {}
    assert request.body == {"anthropic_version": version, "messages": [USER], "max_tokens": 9, **streams}


@pytest.mark.parametrize(
    ("name", "helps"),
    [
        (
            "bedrock",
            "set the environment variable AWS_BEARER_TOKEN_BEDROCK to an API key of Bedrock, or log in as boto3",
        ),
        ("vertex", "GOOGLE_OAUTH_ACCESS_TOKEN to what `gcloud auth print-access-token` prints"),
    ],
)
def test_a_missing_key_is_told_with_what_helps(name: str, helps: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws_signature, "find_spec", lambda _: None)
    model = ModelSettings(name="m", provider=name, model="x")
    with pytest.raises(ProviderError) as caught:
        api_key_of(model, find_provider(name), {})
    assert helps in str(caught.value)
    assert caught.value.kind == "authentication"


def test_without_boto3_nothing_is_signed_and_it_is_said_what_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws_signature, "find_spec", lambda _: None)
    with pytest.raises(ProviderError, match="no key for Bedrock: set AWS_BEARER_TOKEN_BEDROCK, or let boto3 sign"):
        aws_signature.signed(f"{BEDROCK}/model/m/converse", {}, b"{}")
    assert aws_signature.is_signed({"authorization": "AWS4-HMAC-SHA256 Credential=A/20260101/eu-north-1/bedrock/x"})
    assert not aws_signature.is_signed({"authorization": "Bearer key"})


def test_an_answer_of_invoke_model_is_one_of_anthropics() -> None:
    assert find_provider("bedrock-messages").answer(ANTHROPIC_BODY) == find_provider("anthropic").answer(ANTHROPIC_BODY)
