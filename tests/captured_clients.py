"""Applications that ask models, one function for each way; copied into the projects of the tests of capturing.

Each takes the server's address without version and a prompt, asks the model ``prod-1`` and returns the text it got.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

CLIENTS: dict[str, Callable[[str, str], str]] = {}
FAMILIES: dict[str, str] = {}  # the provider whose wire format each speaks


def ask(prompt: str) -> dict[str, Any]:
    return {"model": "prod-1", "messages": [{"role": "user", "content": prompt}]}


def client(name: str, family: str = "openai") -> Callable[[Any], Any]:
    def keep(function: Any) -> Any:
        FAMILIES[name] = family
        CLIENTS[name] = (
            (lambda url, prompt: asyncio.run(function(url, prompt)))
            if asyncio.iscoroutinefunction(function)
            else function
        )
        return function

    return keep


@client("openai chat")
def openai_chat(url: str, prompt: str) -> str:
    from openai import OpenAI

    with OpenAI(base_url=f"{url}/v1") as openai:
        return str(openai.chat.completions.create(**ask(prompt)).choices[0].message.content)


@client("openai chat, streamed")
def openai_chat_streamed(url: str, prompt: str) -> str:
    from openai import OpenAI

    with OpenAI(base_url=f"{url}/v1") as openai, openai.chat.completions.create(stream=True, **ask(prompt)) as chunks:
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


@client("openai chat, async")
async def openai_chat_async(url: str, prompt: str) -> str:
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=f"{url}/v1") as openai:
        return str((await openai.chat.completions.create(**ask(prompt))).choices[0].message.content)


@client("openai chat, async, streamed")
async def openai_chat_async_streamed(url: str, prompt: str) -> str:
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=f"{url}/v1") as openai:
        chunks = await openai.chat.completions.create(stream=True, **ask(prompt))
        return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices])


@client("openai chat, parsed")
def openai_chat_parsed(url: str, prompt: str) -> str:
    from openai import OpenAI
    from pydantic import BaseModel

    class Weather(BaseModel):
        celsius: int

    with OpenAI(base_url=f"{url}/v1") as openai:
        message = openai.chat.completions.parse(response_format=Weather, **ask(prompt)).choices[0].message
        return f"{message.parsed and message.parsed.celsius}"


@client("openai chat, stream helper")
def openai_chat_stream_helper(url: str, prompt: str) -> str:
    from openai import OpenAI

    with OpenAI(base_url=f"{url}/v1") as openai, openai.chat.completions.stream(**ask(prompt)) as stream:
        for _ in stream:
            pass
        return str(stream.get_final_completion().choices[0].message.content)


@client("openai responses")
def openai_responses(url: str, prompt: str) -> str:
    from openai import OpenAI

    with OpenAI(base_url=f"{url}/v1") as openai:
        return openai.responses.create(model="prod-1", input=prompt).output_text


@client("openai responses, streamed")
def openai_responses_streamed(url: str, prompt: str) -> str:
    from openai import OpenAI

    with OpenAI(base_url=f"{url}/v1") as openai:
        events = openai.responses.create(model="prod-1", input=prompt, stream=True)
        return "".join(event.delta for event in events if event.type == "response.output_text.delta")


@client("openai responses, async")
async def openai_responses_async(url: str, prompt: str) -> str:
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=f"{url}/v1") as openai:
        return (await openai.responses.create(model="prod-1", input=prompt)).output_text


@client("openai responses, async, streamed")
async def openai_responses_async_streamed(url: str, prompt: str) -> str:
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=f"{url}/v1") as openai:
        events = await openai.responses.create(model="prod-1", input=prompt, stream=True)
        return "".join([event.delta async for event in events if event.type == "response.output_text.delta"])


@client("openai responses, stream helper")
def openai_responses_stream_helper(url: str, prompt: str) -> str:
    from openai import OpenAI

    with OpenAI(base_url=f"{url}/v1") as openai, openai.responses.stream(model="prod-1", input=prompt) as stream:
        for _ in stream:
            pass
        return stream.get_final_response().output_text


@client("openai responses, parsed")
def openai_responses_parsed(url: str, prompt: str) -> str:
    from openai import OpenAI
    from pydantic import BaseModel

    class Weather(BaseModel):
        celsius: int

    with OpenAI(base_url=f"{url}/v1") as openai:
        parsed = openai.responses.parse(model="prod-1", input=prompt, text_format=Weather).output_parsed
        return f"{parsed and parsed.celsius}"


@client("openai at azure")
def openai_azure(url: str, prompt: str) -> str:
    from openai import AzureOpenAI

    with AzureOpenAI(azure_endpoint=url, api_version="2024-10-21", api_key="k") as openai:
        return str(openai.chat.completions.create(**ask(prompt)).choices[0].message.content)


def _raw(module: str, name: str) -> None:
    """The ways of one of the two HTTP clients."""

    def imported() -> Any:
        return __import__(module)

    @client(name)
    def post(url: str, prompt: str) -> str:
        response = imported().post(f"{url}/v1/chat/completions", json=ask(prompt)).raise_for_status()
        return str(response.json()["choices"][0]["message"]["content"])

    @client(f"{name}, streamed")
    def stream(url: str, prompt: str) -> str:
        asked = {**ask(prompt), "stream": True}
        with imported().Client() as http, http.stream("POST", f"{url}/v1/chat/completions", json=asked) as response:
            return _text_of(response.iter_lines())

    @client(f"{name}, async")
    async def post_async(url: str, prompt: str) -> str:
        async with imported().AsyncClient() as http:
            response = await http.post(f"{url}/v1/chat/completions", json=ask(prompt))
        return str(response.raise_for_status().json()["choices"][0]["message"]["content"])

    @client(f"{name}, async, streamed")
    async def stream_async(url: str, prompt: str) -> str:
        asked = {**ask(prompt), "stream": True}
        async with (
            imported().AsyncClient() as http,
            http.stream("POST", f"{url}/v1/chat/completions", json=asked) as response,
        ):
            return _text_of([line async for line in response.aiter_lines()])


def _text_of(lines: Any) -> str:
    events = [line.removeprefix("data: ") for line in lines if line and "[DONE]" not in line]
    choices = [choice for event in events for choice in json.loads(event)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


_raw("httpx", "httpx")
_raw("httpx2", "httpx2")


@client("openai embeddings")
def openai_embeddings(url: str, prompt: str) -> str:
    from openai import OpenAI

    with OpenAI(base_url=f"{url}/v1") as openai:
        assert openai.embeddings.create(model="small-3", input=prompt).data[0].embedding == [0.25, 0.5]
        return str(openai.chat.completions.create(**ask(f"After {prompt}")).choices[0].message.content)


@client("openai embeddings, async")
async def openai_embeddings_async(url: str, prompt: str) -> str:
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=f"{url}/v1") as openai:
        assert (await openai.embeddings.create(model="small-3", input=prompt)).data[0].embedding == [0.25, 0.5]
        return str((await openai.chat.completions.create(**ask(f"After {prompt}"))).choices[0].message.content)


@client("anthropic token count", "anthropic")
def anthropic_count_tokens(url: str, prompt: str) -> str:
    from anthropic import Anthropic

    with Anthropic(base_url=url) as anthropic:
        assert anthropic.messages.count_tokens(**ask(prompt)).input_tokens == 2
        return _said(anthropic.messages.create(max_tokens=9, **ask(f"After {prompt}")))


@client("anthropic", "anthropic")
def anthropic_messages(url: str, prompt: str) -> str:
    from anthropic import Anthropic

    with Anthropic(base_url=url) as anthropic:
        return _said(anthropic.messages.create(max_tokens=9, **ask(prompt)))


@client("anthropic, streamed", "anthropic")
def anthropic_streamed(url: str, prompt: str) -> str:
    from anthropic import Anthropic

    with Anthropic(base_url=url) as anthropic:
        events = anthropic.messages.create(max_tokens=9, stream=True, **ask(prompt))
        return "".join(getattr(event.delta, "text", "") for event in events if event.type == "content_block_delta")


@client("anthropic, stream helper", "anthropic")
def anthropic_stream_helper(url: str, prompt: str) -> str:
    from anthropic import Anthropic

    with Anthropic(base_url=url) as anthropic, anthropic.messages.stream(max_tokens=9, **ask(prompt)) as stream:
        return _said(stream.get_final_message())


@client("anthropic, async", "anthropic")
async def anthropic_async(url: str, prompt: str) -> str:
    from anthropic import AsyncAnthropic

    async with AsyncAnthropic(base_url=url) as anthropic:
        return _said(await anthropic.messages.create(max_tokens=9, **ask(prompt)))


@client("anthropic, async, streamed", "anthropic")
async def anthropic_async_streamed(url: str, prompt: str) -> str:
    from anthropic import AsyncAnthropic

    async with (
        AsyncAnthropic(base_url=url) as anthropic,
        anthropic.messages.stream(max_tokens=9, **ask(prompt)) as stream,
    ):
        return "".join([text async for text in stream.text_stream])


@client("anthropic, parsed", "anthropic")
def anthropic_parsed(url: str, prompt: str) -> str:
    from anthropic import Anthropic
    from pydantic import BaseModel

    class Weather(BaseModel):
        celsius: int

    with Anthropic(base_url=url) as anthropic:
        parsed = anthropic.messages.parse(max_tokens=9, output_format=Weather, **ask(prompt)).parsed_output
        return f"{parsed and parsed.celsius}"


def _said(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def _genai(url: str) -> Any:
    from google import genai

    return genai.Client(http_options={"base_url": url, "api_version": "v1beta"})


@client("google-genai embeddings", "gemini")
def google_genai_embeddings(url: str, prompt: str) -> str:
    with _genai(url) as google:
        found = google.models.embed_content(model="small-3", contents=prompt).embeddings
    assert found is not None
    assert found[0].values == [0.25, 0.5]
    return str(CLIENTS["google-genai"](url, f"After {prompt}"))


def google_clients(name: str, family: str, made: Callable[[str], Any]) -> None:
    """The four ways in which google-genai asks: whole and streamed, each also from a coroutine.

    Args:
        made: the client for an address.
    """

    @client(name, family)
    def whole(url: str, prompt: str) -> str:
        with made(url) as google:
            return _without_thoughts(google.models.generate_content(model="prod-1", contents=prompt))

    @client(f"{name}, streamed", family)
    def streamed(url: str, prompt: str) -> str:
        with made(url) as google:
            chunks = google.models.generate_content_stream(model="prod-1", contents=prompt)
            return "".join(map(_without_thoughts, chunks))

    @client(f"{name}, async", family)
    async def asynchronous(url: str, prompt: str) -> str:
        async with made(url).aio as google:
            return _without_thoughts(await google.models.generate_content(model="prod-1", contents=prompt))

    @client(f"{name}, async, streamed", family)
    async def asynchronous_streamed(url: str, prompt: str) -> str:
        async with made(url).aio as google:
            chunks = await google.models.generate_content_stream(model="prod-1", contents=prompt)
            return "".join([_without_thoughts(chunk) async for chunk in chunks])


google_clients("google-genai", "gemini", _genai)


@client("google-genai, parsed", "gemini")
def google_genai_parsed(url: str, prompt: str) -> str:
    from pydantic import BaseModel

    class Weather(BaseModel):
        celsius: int

    with _genai(url) as google:
        config = {"response_mime_type": "application/json", "response_schema": Weather}
        parsed = google.models.generate_content(model="prod-1", contents=prompt, config=config).parsed
        return f"{parsed.celsius}"


def _without_thoughts(response: Any) -> str:
    parts = [part for candidate in response.candidates for part in candidate.content.parts or ()]
    return "".join(part.text for part in parts if part.text and not part.thought)


@client("httpx to Ollama", "ollama")
def ollama(url: str, prompt: str) -> str:
    import httpx

    return str(httpx.post(f"{url}/api/chat", json={**ask(prompt), "stream": False}).json()["message"]["content"])


@client("httpx to Ollama, streamed", "ollama")
def ollama_streamed(url: str, prompt: str) -> str:
    import httpx

    with httpx.stream("POST", f"{url}/api/chat", json=ask(prompt)) as response:
        return "".join(json.loads(line)["message"].get("content", "") for line in response.iter_lines())
