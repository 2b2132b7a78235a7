"""The providers' own SDKs as judges: they send what we send, and read what we read.

Each SDK talks to a real server on 127.0.0.1, and so do we; the two requests must have the same path and the same body.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from pytest_llmeval.engine.call import Endpoint, Response
from pytest_llmeval.engine.client import Engine
from pytest_llmeval.formats.base import Prompt, Provider
from pytest_llmeval.formats.registry import find_provider
from tests.server import Reply, Request, Server
from tests.wire import (
    ANTHROPIC_BODY,
    ANTHROPIC_EVENTS,
    CHAT_BODY,
    GEMINI_BODY,
    GEMINI_CHUNKS,
    RESPONSES_BODY,
    RESPONSES_EVENTS,
    named_events,
    plain_events,
)

openai: Any = pytest.importorskip("openai", reason="the openai SDK is not installed")
anthropic: Any = pytest.importorskip("anthropic", reason="the anthropic SDK is not installed")
genai: Any = pytest.importorskip("google.genai", reason="the google-genai SDK is not installed")

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SCHEMA = {
    "type": "object",
    "title": "Weather",
    "properties": {"celsius": {"type": "number"}},
    "required": ["celsius"],
    "additionalProperties": False,
}
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"name": "weather", "description": "The weather now", "parameters": PARAMETERS}
CONVERSATION = (
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Weather in Paris?"},
    {
        "role": "assistant",
        "content": "Let me see.",
        "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": '{"celsius": 21}'},
    {"role": "user", "content": "And in Rome?"},
)


def root(server: Server) -> str:
    return server.base_url.removesuffix("/v1")


def camel_case(body: Any) -> Any:
    """The body with the names as Google's API spells them that its SDK leaves as Python spells them."""
    spelled = {"file_uri": "fileUri", "mime_type": "mimeType", "parameters_json_schema": "parametersJsonSchema"}
    if isinstance(body, dict):
        return {spelled.get(name, name): camel_case(value) for name, value in body.items()}
    return [camel_case(value) for value in body] if isinstance(body, list) else body


def without(value: Any, names: set[str]) -> Any:
    """The value without what an SDK adds to it."""
    if isinstance(value, dict):
        return {name: without(inner, names) for name, inner in value.items() if name not in names}
    return [without(inner, names) for inner in value] if isinstance(value, list) else value


def ours(server: Server, name: str, base_url: str, prompt: Prompt, model: str = "m") -> Response:
    """What we get for a prompt, through the engine."""
    provider: Provider = find_provider(name, base_url)
    with closing(Engine()) as engine:
        endpoint = Endpoint(base_url=provider.base_url or "", api_key="k", provider=provider)
        return engine.submit(provider.request(model, prompt), endpoint).result(timeout=20)


def same(server: Server, theirs: Callable[[], Any], mine: Callable[[], Response]) -> tuple[Any, Response, Request]:
    """Both results, and our request, after both were found to be the same."""
    got, response = theirs(), mine()
    sdk, own = server.requests
    assert (own.path, own.json) == (sdk.path, camel_case(sdk.json))
    return got, response, own


@pytest.fixture
def openai_client(server: Server) -> Any:
    with openai.OpenAI(api_key="k", base_url=server.base_url, max_retries=0) as client:
        yield client


@pytest.fixture
def anthropic_client(server: Server) -> Any:
    with anthropic.Anthropic(api_key="k", base_url=root(server), max_retries=0) as client:
        yield client


@pytest.fixture
def gemini_client(server: Server) -> Any:
    with genai.Client(api_key="k", http_options={"base_url": root(server), "api_version": "v1beta"}) as client:
        yield client


def test_chat_completions_of_the_openai_sdk(server: Server, openai_client: Any) -> None:
    server.then(CHAT_BODY, CHAT_BODY)
    theirs, mine, _ = same(
        server,
        lambda: openai_client.chat.completions.create(
            model="m", messages=list(CONVERSATION), tools=[{"type": "function", "function": TOOL}], temperature=0
        ),
        lambda: ours(
            server,
            "openai",
            server.base_url,
            Prompt(messages=CONVERSATION, tools=(TOOL,), params={"temperature": 0}),
        ),
    )
    message = theirs.choices[0].message
    assert (mine.answer.text, mine.answer.response_id) == (message.content or "", theirs.id)
    assert [(call.id, call.name, call.raw_arguments) for call in mine.answer.tool_calls] == [
        (call.id, call.function.name, call.function.arguments) for call in message.tool_calls
    ]
    assert (mine.answer.usage.input_tokens, mine.answer.usage.cache_read_tokens) == (
        theirs.usage.prompt_tokens,
        theirs.usage.prompt_tokens_details.cached_tokens,
    )


def test_azure_with_deployments_of_the_openai_sdk(server: Server) -> None:
    server.then(CHAT_BODY, CHAT_BODY)
    client = openai.AzureOpenAI(api_key="k", azure_endpoint=root(server), api_version="2024-10-21", max_retries=0)
    with client:
        _, _, own = same(
            server,
            lambda: client.chat.completions.create(model="my dep", messages=list(CONVERSATION), top_p=0.5),
            lambda: ours(
                server,
                "azure",
                f"{root(server)}/openai?api-version=2024-10-21",
                Prompt(messages=CONVERSATION, params={"top_p": 0.5}),
                model="my dep",
            ),
        )
    assert own.path == "/openai/deployments/my%20dep/chat/completions?api-version=2024-10-21"
    assert [request.headers.get("api-key") for request in server.requests] == ["k", "k"]


def test_responses_of_the_openai_sdk(server: Server, openai_client: Any) -> None:
    server.then(RESPONSES_BODY, RESPONSES_BODY)
    theirs, mine, _ = same(
        server,
        lambda: openai_client.responses.create(
            model="m",
            instructions="Be brief.",
            input=[
                {"role": "user", "content": "Weather in Paris?"},
                {"role": "assistant", "content": "Let me see."},
                {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city": "Paris"}'},
                {"type": "function_call_output", "call_id": "call_1", "output": '{"celsius": 21}'},
                {
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": "And in Rome?"},
                        {"type": "input_image", "image_url": "https://example.com/a.png"},
                    ],
                },
            ],
            tools=[{"type": "function", **TOOL}],
            text={"format": {"type": "json_schema", "name": "Weather", "schema": SCHEMA}, "verbosity": "low"},
            max_output_tokens=9,
        ),
        lambda: ours(
            server,
            "openai-responses",
            server.base_url,
            Prompt(
                messages=CONVERSATION,
                tools=(TOOL,),
                schema=SCHEMA,
                images=("https://example.com/a.png",),
                params={"text": {"verbosity": "low"}, "max_output_tokens": 9},
            ),
        ),
    )
    calls = [item for item in theirs.output if item.type == "function_call"]
    assert (mine.answer.text, mine.answer.response_id) == (theirs.output_text, theirs.id)
    assert [(call.id, call.name, call.raw_arguments) for call in mine.answer.tool_calls] == [
        (call.call_id, call.name, call.arguments) for call in calls
    ]
    assert (mine.answer.usage.input_tokens, mine.answer.usage.reasoning_tokens) == (
        theirs.usage.input_tokens,
        theirs.usage.output_tokens_details.reasoning_tokens,
    )


def test_a_response_streamed_to_the_openai_sdk(server: Server, openai_client: Any) -> None:
    stream = Reply(chunks=named_events(RESPONSES_EVENTS))
    server.then(stream, stream)

    def theirs() -> Any:
        with openai_client.responses.stream(model="m", input=[{"role": "user", "content": "Hi"}]) as events:
            return events.get_final_response()

    got, mine, _ = same(
        server,
        theirs,
        lambda: ours(
            server,
            "openai-responses",
            server.base_url,
            Prompt(messages=({"role": "user", "content": "Hi"},), stream=True),
        ),
    )
    assert (mine.answer.text, mine.answer.response_id) == (got.output_text, got.id)
    assert mine.body["output"] == without([item.to_dict() for item in got.output], {"parsed", "parsed_arguments"})


def test_messages_of_the_anthropic_sdk(server: Server, anthropic_client: Any) -> None:
    server.then(ANTHROPIC_BODY, ANTHROPIC_BODY)
    theirs, mine, own = same(
        server,
        lambda: anthropic_client.messages.create(
            model="m",
            max_tokens=99,
            system="Be brief.",
            messages=[
                {"role": "user", "content": "Weather in Paris?"},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "text", "text": "Let me see."},
                        {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Paris"}},
                    ],
                },
                {
                    "role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": '{"celsius": 21}'}],
                },
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "And in Rome?"},
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
                    ],
                },
            ],
            tools=[{"name": "weather", "description": "The weather now", "input_schema": PARAMETERS}],
            output_config={"format": {"type": "json_schema", "schema": SCHEMA}, "effort": "low"},
        ),
        lambda: ours(
            server,
            "anthropic",
            root(server),
            Prompt(
                messages=CONVERSATION,
                tools=(TOOL,),
                schema=SCHEMA,
                images=(f"data:image/png;base64,{PIXEL}",),
                params={"max_tokens": 99, "output_config": {"effort": "low"}},
            ),
        ),
    )
    assert (own.path, server.requests[0].headers["anthropic-version"]) == (
        "/v1/messages",
        own.headers["anthropic-version"],
    )
    texts = [block.text for block in theirs.content if block.type == "text"]
    assert (mine.answer.text, mine.answer.response_id) == ("".join(texts), theirs.id)
    assert [(call.id, call.name, call.arguments) for call in mine.answer.tool_calls] == [
        (block.id, block.name, block.input) for block in theirs.content if block.type == "tool_use"
    ]
    assert mine.answer.usage.input_tokens == (
        theirs.usage.input_tokens + theirs.usage.cache_read_input_tokens + theirs.usage.cache_creation_input_tokens
    )


def test_a_message_streamed_to_the_anthropic_sdk(server: Server, anthropic_client: Any) -> None:
    stream = Reply(chunks=named_events(ANTHROPIC_EVENTS))
    server.then(stream, stream)

    def theirs() -> Any:
        messages = [{"role": "user", "content": "Hi"}]
        with anthropic_client.messages.stream(model="m", max_tokens=9, messages=messages) as events:
            return events.get_final_message()

    got, mine, _ = same(
        server,
        theirs,
        lambda: ours(
            server,
            "anthropic",
            server.base_url,
            Prompt(messages=({"role": "user", "content": "Hi"},), params={"max_tokens": 9}, stream=True),
        ),
    )
    assert [block.to_dict() for block in got.content] == mine.body["content"]
    assert (mine.answer.usage.output_tokens, mine.body["stop_reason"]) == (got.usage.output_tokens, got.stop_reason)


def test_contents_of_the_google_sdk(server: Server, gemini_client: Any) -> None:
    server.then(GEMINI_BODY, GEMINI_BODY)
    types = genai.types
    theirs, mine, own = same(
        server,
        lambda: gemini_client.models.generate_content(
            model="gemini-x",
            contents=[
                types.Content(role="user", parts=[types.Part(text="Weather in Paris?")]),
                types.Content(
                    role="model",
                    parts=[
                        types.Part(text="Let me see."),
                        types.Part(
                            function_call=types.FunctionCall(id="call_1", name="weather", args={"city": "Paris"})
                        ),
                    ],
                ),
                types.Content(
                    role="user",
                    parts=[
                        types.Part(
                            function_response=types.FunctionResponse(
                                id="call_1", name="weather", response={"celsius": 21}
                            )
                        )
                    ],
                ),
                types.Content(
                    role="user",
                    parts=[
                        types.Part(text="And in Rome?"),
                        types.Part.from_uri(file_uri="https://example.com/a.png", mime_type="image/png"),
                    ],
                ),
            ],
            config=types.GenerateContentConfig(
                system_instruction="Be brief.",
                temperature=0,
                max_output_tokens=9,
                response_mime_type="application/json",
                response_json_schema=SCHEMA,
                automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
                tools=[
                    types.Tool(
                        function_declarations=[
                            types.FunctionDeclaration(
                                name="weather", description="The weather now", parameters_json_schema=PARAMETERS
                            )
                        ]
                    )
                ],
            ),
        ),
        lambda: ours(
            server,
            "gemini",
            root(server),
            Prompt(
                messages=CONVERSATION,
                tools=(TOOL,),
                schema=SCHEMA,
                images=("https://example.com/a.png",),
                params={"temperature": 0, "maxOutputTokens": 9},
            ),
            model="gemini-x",
        ),
    )
    assert (own.path, own.headers["x-goog-api-key"]) == ("/v1beta/models/gemini-x:generateContent", "k")
    (call,) = theirs.function_calls
    texts = [part.text for part in theirs.candidates[0].content.parts if part.text and not part.thought]
    assert (mine.answer.text, mine.answer.response_model) == ("".join(texts), theirs.model_version)
    assert [(one.name, one.arguments) for one in mine.answer.tool_calls] == [(call.name, call.args)]
    usage = theirs.usage_metadata
    assert (mine.answer.usage.output_tokens, mine.answer.usage.cache_read_tokens) == (
        usage.candidates_token_count + usage.thoughts_token_count,
        usage.cached_content_token_count,
    )


def test_contents_streamed_to_the_google_sdk(server: Server, gemini_client: Any) -> None:
    stream = Reply(chunks=plain_events(GEMINI_CHUNKS))
    server.then(stream, stream)
    got, mine, own = same(
        server,
        lambda: list(gemini_client.models.generate_content_stream(model="gemini-x", contents="Hi")),
        lambda: ours(
            server,
            "gemini",
            root(server),
            Prompt(messages=({"role": "user", "content": "Hi"},), stream=True),
            model="gemini-x",
        ),
    )
    assert own.path == "/v1beta/models/gemini-x:streamGenerateContent?alt=sse"
    parts = [part for chunk in got for part in chunk.candidates[0].content.parts]
    assert mine.answer.text == "".join(part.text for part in parts if part.text and not part.thought)
    assert mine.body["usageMetadata"]["totalTokenCount"] == got[-1].usage_metadata.total_token_count


@pytest.mark.parametrize(
    ("name", "body", "flavor"),
    [
        ("openai", CHAT_BODY, "chat"),
        ("openai-responses", RESPONSES_BODY, "responses"),
        ("anthropic", ANTHROPIC_BODY, "default"),
        ("gemini", GEMINI_BODY, "default"),
    ],
)
def test_tokens_are_counted_as_genai_prices_counts_them(name: str, body: dict[str, Any], flavor: str) -> None:
    prices: Any = pytest.importorskip("genai_prices", reason="genai-prices is not installed")
    provider_id = {"gemini": "google", "openai-responses": "openai"}.get(name, name)
    known = {**body, "model": "gpt-5.6"} if provider_id == "openai" else body
    theirs = prices.extract_usage(known, provider_id=provider_id, api_flavor=flavor).usage
    mine = find_provider(name).answer(body).usage
    assert (mine.input_tokens, mine.output_tokens, mine.cache_read_tokens) == (
        theirs.input_tokens,
        theirs.output_tokens,
        theirs.cache_read_tokens,
    )


def test_the_errors_of_the_anthropic_sdk_have_a_body_we_understand(server: Server, anthropic_client: Any) -> None:
    page = {"type": "error", "error": {"type": "rate_limit_error", "message": "slow", "details": None}}
    server.then(Reply(status=429, body=page, headers={"retry-after": "3"}))
    with pytest.raises(anthropic.RateLimitError) as caught:
        anthropic_client.messages.create(model="m", max_tokens=1, messages=[{"role": "user", "content": "x"}])
    failure = find_provider("anthropic").error(429, {"retry-after": "3"}, json.dumps(caught.value.body).encode())
    assert (failure.kind, failure.retry_after) == ("rate_limit", 3.0)
