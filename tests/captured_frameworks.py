"""More applications that ask models: SDKs that do not resolve beside the others, and clients that are not captured.

They are run by ``python tests/sdks``, each in an environment of its own; see `tests/captured_clients.py`.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from tests.captured_clients import CLIENTS, FAMILIES, ask, client, google_clients

__all__ = ["CLIENTS", "FAMILIES"]


def weather() -> Any:
    """What the ways that are parsed ask for."""
    from pydantic import BaseModel

    class Weather(BaseModel):
        celsius: int

    return Weather


def _mistral(url: str) -> Any:
    try:
        from mistralai.client import Mistral
    except ImportError:  # before 2.0
        from mistralai import Mistral

    return Mistral(api_key="k", server_url=url)


@client("mistralai")
def mistralai(url: str, prompt: str) -> str:
    with _mistral(url) as mistral:
        return str(mistral.chat.complete(**ask(prompt)).choices[0].message.content)


@client("mistralai, streamed")
def mistralai_streamed(url: str, prompt: str) -> str:
    with _mistral(url) as mistral, mistral.chat.stream(**ask(prompt)) as events:
        return "".join(choice.delta.content or "" for event in events for choice in event.data.choices)


@client("mistralai, async")
async def mistralai_async(url: str, prompt: str) -> str:
    async with _mistral(url) as mistral:
        return str((await mistral.chat.complete_async(**ask(prompt))).choices[0].message.content)


@client("mistralai, async, streamed")
async def mistralai_async_streamed(url: str, prompt: str) -> str:
    async with _mistral(url) as mistral:
        events = await mistral.chat.stream_async(**ask(prompt))
        return "".join([choice.delta.content or "" async for event in events for choice in event.data.choices])


@client("mistralai, parsed")
def mistralai_parsed(url: str, prompt: str) -> str:
    with _mistral(url) as mistral:
        message = mistral.chat.parse(response_format=weather(), **ask(prompt)).choices[0].message
        return str(message.parsed.celsius)


def _litellm(family: str) -> None:
    """The ways of litellm to a provider."""
    name = f"litellm to {family}"

    def asked(url: str, prompt: str) -> dict[str, Any]:
        base_url = f"{url}/v1" if family == "openai" else url
        return {**ask(prompt), "model": f"{family}/prod-1", "api_base": base_url, "api_key": "k", "max_tokens": 9}

    @client(name, family)
    def whole(url: str, prompt: str) -> str:
        import litellm

        return str(litellm.completion(**asked(url, prompt)).choices[0].message.content)

    @client(f"{name}, streamed", family)
    def streamed(url: str, prompt: str) -> str:
        import litellm

        chunks = litellm.completion(stream=True, **asked(url, prompt))
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

    @client(f"{name}, async", family)
    async def whole_async(url: str, prompt: str) -> str:
        import litellm

        async with _without_background():
            return str((await litellm.acompletion(**asked(url, prompt))).choices[0].message.content)

    @client(f"{name}, async, streamed", family)
    async def streamed_async(url: str, prompt: str) -> str:
        import litellm

        async with _without_background():
            chunks = await litellm.acompletion(stream=True, **asked(url, prompt))
            return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])

    @client(f"{name}, parsed", family)
    def parsed(url: str, prompt: str) -> str:
        import litellm

        answer = litellm.completion(response_format=weather(), **asked(url, prompt)).choices[0].message.content
        return str(weather().model_validate_json(answer).celsius)


@asynccontextmanager
async def _without_background() -> AsyncIterator[None]:
    """Litellm leaves its clients open, and a task for its logs; neither outlives the loop that they are of."""
    import litellm

    try:
        yield
    finally:
        await litellm.close_litellm_async_clients()
        litellm.in_memory_llm_clients_cache.flush_cache()


_litellm("openai")
_litellm("anthropic")


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """LangChain keeps its asynchronous clients for the whole process: they are good for one event loop alone."""
    return asyncio.new_event_loop()


def _langchain(name: str, family: str) -> None:
    """The ways of one of LangChain's chat models."""

    def model(url: str) -> Any:
        if family == "anthropic":
            from langchain_anthropic import ChatAnthropic

            return ChatAnthropic(model="prod-1", base_url=url, api_key="k", max_tokens=9)
        from langchain_openai import ChatOpenAI

        responses = "responses" in name
        return ChatOpenAI(
            model="prod-1", base_url=f"{url}/v1", api_key="k", use_responses_api=responses, stream_usage=True
        )

    @client(name, family)
    def whole(url: str, prompt: str) -> str:
        return _text(model(url).invoke(prompt))

    @client(f"{name}, streamed", family)
    def streamed(url: str, prompt: str) -> str:
        return "".join(map(_text, model(url).stream(prompt)))

    @client(f"{name}, async", family)
    def whole_async(url: str, prompt: str) -> str:
        return _text(_loop().run_until_complete(model(url).ainvoke(prompt)))

    @client(f"{name}, async, streamed", family)
    def streamed_async(url: str, prompt: str) -> str:
        async def pieces() -> list[str]:
            return [_text(chunk) async for chunk in model(url).astream(prompt)]

        return "".join(_loop().run_until_complete(pieces()))

    @client(f"{name}, parsed", family)
    def parsed(url: str, prompt: str) -> str:
        return str(model(url).with_structured_output(weather()).invoke(prompt).celsius)


def _text(message: Any) -> str:
    text = message.text
    return str(text() if callable(text) and not isinstance(text, str) else text)


_langchain("langchain-openai chat", "openai")
_langchain("langchain-openai responses", "openai")
_langchain("langchain-anthropic", "anthropic")


def _pydantic_ai(name: str, family: str) -> None:
    """The ways of pydantic-ai's agents with one of its models."""

    def agent(url: str, **options: Any) -> Any:
        from pydantic_ai import Agent

        if family == "anthropic":
            from pydantic_ai.models.anthropic import AnthropicModel
            from pydantic_ai.providers.anthropic import AnthropicProvider

            return Agent(AnthropicModel("prod-1", provider=AnthropicProvider(api_key="k", base_url=url)), **options)
        from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
        from pydantic_ai.providers.openai import OpenAIProvider

        made = OpenAIResponsesModel if "responses" in name else OpenAIChatModel
        return Agent(made("prod-1", provider=OpenAIProvider(api_key="k", base_url=f"{url}/v1")), **options)

    @client(name, family)
    def whole(url: str, prompt: str) -> str:
        return str(agent(url).run_sync(prompt).output)

    @client(f"{name}, async", family)
    async def whole_async(url: str, prompt: str) -> str:
        return str((await agent(url).run(prompt)).output)

    @client(f"{name}, async, streamed", family)
    async def streamed_async(url: str, prompt: str) -> str:
        async with agent(url).run_stream(prompt) as stream:
            return "".join([text async for text in stream.stream_text(delta=True)])

    @client(f"{name}, parsed", family)
    def parsed(url: str, prompt: str) -> str:
        return str(agent(url, output_type=weather()).run_sync(prompt).output.celsius)


_pydantic_ai("pydantic-ai with openai chat", "openai")
_pydantic_ai("pydantic-ai with openai responses", "openai")
_pydantic_ai("pydantic-ai with anthropic", "anthropic")


AWS = {"aws_access_key_id": "AKIAOFTHETEST", "aws_secret_access_key": "secret-of-the-test", "region_name": "eu-north-1"}


def _bedrock(url: str) -> Any:
    """Signs, as most applications do."""
    import boto3

    return boto3.client("bedrock-runtime", endpoint_url=url, **AWS)


def _said(content: list[dict[str, Any]]) -> str:
    return "".join(block.get("text", "") for block in content)


@client("boto3 converse", "bedrock")
def boto3_converse(url: str, prompt: str) -> str:
    messages = [{"role": "user", "content": [{"text": prompt}]}]
    answer = _bedrock(url).converse(modelId="prod-1", messages=messages)
    return _said(answer["output"]["message"]["content"])


@client("boto3 converse, streamed", "bedrock")
def boto3_converse_streamed(url: str, prompt: str) -> str:
    messages = [{"role": "user", "content": [{"text": prompt}]}]
    stream = _bedrock(url).converse_stream(modelId="prod-1", messages=messages)["stream"]
    return _said([event["contentBlockDelta"]["delta"] for event in stream if "contentBlockDelta" in event])


def _invoked(prompt: str) -> dict[str, Any]:
    asked = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": ask(prompt)["messages"]}
    return {"modelId": "prod-1", "body": json.dumps(asked)}


@client("boto3 invoke_model", "bedrock-messages")
def boto3_invoke(url: str, prompt: str) -> str:
    return _said(json.load(_bedrock(url).invoke_model(**_invoked(prompt))["body"])["content"])


@client("boto3 invoke_model, streamed", "bedrock-messages")
def boto3_invoke_streamed(url: str, prompt: str) -> str:
    chunks = _bedrock(url).invoke_model_with_response_stream(**_invoked(prompt))["body"]
    events = [json.loads(chunk["chunk"]["bytes"]) for chunk in chunks]
    return "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta")


def _anthropic_at(name: str, family: str, bare: Callable[[str, bool], Any]) -> None:
    """The ways of Anthropic's clients for the clouds."""

    def asked(prompt: str) -> dict[str, Any]:
        return {**ask(prompt), "max_tokens": 9}

    @client(name, family)
    def whole(url: str, prompt: str) -> str:
        with bare(url, False) as anthropic:
            return _text_of(anthropic.messages.create(**asked(prompt)))

    @client(f"{name}, streamed", family)
    def streamed(url: str, prompt: str) -> str:
        with bare(url, False) as anthropic, anthropic.messages.stream(**asked(prompt)) as stream:
            return _text_of(stream.get_final_message())

    @client(f"{name}, async", family)
    async def whole_async(url: str, prompt: str) -> str:
        async with bare(url, True) as anthropic:
            return _text_of(await anthropic.messages.create(**asked(prompt)))

    @client(f"{name}, async, streamed", family)
    async def streamed_async(url: str, prompt: str) -> str:
        async with bare(url, True) as anthropic, anthropic.messages.stream(**asked(prompt)) as stream:
            return "".join([text async for text in stream.text_stream])


def _text_of(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def _at_bedrock(url: str, asynchronous: bool) -> Any:
    import anthropic

    made = anthropic.AsyncAnthropicBedrock if asynchronous else anthropic.AnthropicBedrock
    keys: dict[str, Any] = {"aws_access_key": AWS["aws_access_key_id"], "aws_secret_key": AWS["aws_secret_access_key"]}
    return made(base_url=url, aws_region=AWS["region_name"], **keys)


def _at_vertex(url: str, asynchronous: bool) -> Any:
    import anthropic

    made = anthropic.AsyncAnthropicVertex if asynchronous else anthropic.AnthropicVertex
    return made(base_url=f"{url}/v1", region="us-east5", project_id="p", access_token="token-of-the-test")


_anthropic_at("anthropic at bedrock", "bedrock-messages", _at_bedrock)
_anthropic_at("anthropic at vertex", "vertex-messages", _at_vertex)


def _genai_at_vertex(url: str) -> Any:
    from google import genai
    from google.oauth2.credentials import Credentials

    credentials = Credentials(token="token-of-the-test")  # type: ignore[no-untyped-call]
    options: Any = {"base_url": url}
    return genai.Client(vertexai=True, project="p", location="us-east5", credentials=credentials, http_options=options)


google_clients("google-genai at vertex", "vertex", _genai_at_vertex)


@client("requests")
def requests(url: str, prompt: str) -> str:
    import requests

    with requests.post(f"{url}/v1/chat/completions", json=ask(prompt), timeout=60) as response:
        return str(response.json()["choices"][0]["message"]["content"])


@client("requests, streamed")
def requests_streamed(url: str, prompt: str) -> str:
    import requests

    with requests.post(f"{url}/v1/chat/completions", json=ask(prompt) | STREAMED, stream=True, timeout=60) as response:
        return _text_of_lines(response.iter_lines())


STREAMED = {"stream": True, "stream_options": {"include_usage": True}}


def _text_of_lines(lines: Iterable[bytes]) -> str:
    told = [line.removeprefix(b"data: ") for line in lines if line.startswith(b"data: ") and b"[DONE]" not in line]
    choices = [choice for chunk in told for choice in json.loads(chunk)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


@client("urllib3")
def urllib3(url: str, prompt: str) -> str:
    import urllib3

    answer = urllib3.request("POST", f"{url}/v1/chat/completions", json=ask(prompt))
    return str(answer.json()["choices"][0]["message"]["content"])


@client("aiohttp, async, streamed")
async def aiohttp_streamed(url: str, prompt: str) -> str:
    import aiohttp

    async with (
        aiohttp.ClientSession(f"{url}/") as session,
        session.post("v1/chat/completions", json=ask(prompt) | STREAMED) as response,
    ):
        return _text_of_lines([line.rstrip() async for line in response.content])


@client("aiohttp, async")
async def aiohttp(url: str, prompt: str) -> str:
    import aiohttp

    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/v1/chat/completions", json=ask(prompt)) as response,
    ):
        return str((await response.json())["choices"][0]["message"]["content"])


@client("urllib of Python")
def urllib(url: str, prompt: str) -> str:
    from urllib.request import ProxyHandler, Request, build_opener

    headers = {"content-type": "application/json"}
    request = Request(f"{url}/v1/chat/completions", json.dumps(ask(prompt)).encode(), headers)
    with build_opener(ProxyHandler({})).open(request, timeout=60) as response:
        return str(json.load(response)["choices"][0]["message"]["content"])


@client("curl in a process of its own")
def curl(url: str, prompt: str) -> str:
    command = ["curl", "-sS", f"{url}/v1/chat/completions", "-H", "content-type: application/json", "-d", "@-"]
    asked = json.dumps(ask(prompt))
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=True)
    return str(json.loads(done.stdout)["choices"][0]["message"]["content"])
