"""Applications that find their model by the environment alone, one function for each way to ask.

Each takes a prompt, asks the model ``prod-1`` and returns the text it got.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterable
from typing import Any

CLIENTS: dict[str, Callable[[str], str]] = {}


def client(name: str, *, needs: str = "") -> Callable[[Any], Any]:
    """Keep a client, unless a module or program it needs is not there."""

    def keep(function: Any) -> Any:
        if not needs or shutil.which(needs) or importlib.util.find_spec(needs):
            is_async = asyncio.iscoroutinefunction(function)
            CLIENTS[name] = (lambda prompt: asyncio.run(function(prompt))) if is_async else function
        return function

    return keep


def asked(prompt: str, **more: Any) -> dict[str, Any]:
    return {"model": "prod-1", "messages": [{"role": "user", "content": prompt}], **more}


def chat_url() -> str:
    return os.environ["OPENAI_BASE_URL"] + "/chat/completions"


def headers() -> dict[str, str]:
    return {"Content-Type": "application/json", "Authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"}


def text_of(answer: Any) -> str:
    return str(answer["choices"][0]["message"]["content"])


def text_of_lines(lines: Iterable[str]) -> str:
    events = [line.removeprefix("data: ") for line in lines if line.startswith("data: ") and "[DONE]" not in line]
    choices = [choice for event in events for choice in json.loads(event)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def printed_by(*command: str, stdin: str = "") -> str:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@client("openai")
def openai(prompt: str) -> str:
    from openai import OpenAI

    with OpenAI() as openai:
        return str(openai.chat.completions.create(**asked(prompt)).choices[0].message.content)


@client("openai, streamed")
def openai_streamed(prompt: str) -> str:
    from openai import OpenAI

    with OpenAI() as openai, openai.chat.completions.create(stream=True, **asked(prompt)) as chunks:
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


@client("openai, async")
async def openai_async(prompt: str) -> str:
    from openai import AsyncOpenAI

    async with AsyncOpenAI() as openai:
        return str((await openai.chat.completions.create(**asked(prompt))).choices[0].message.content)


@client("openai in a subprocess")
def openai_in_a_subprocess(prompt: str) -> str:
    code = "import sys, clients; print(clients.openai(sys.argv[1]), end='')"
    return printed_by(sys.executable, "-c", code, prompt)


@client("openai by urllib")
def urllib_(prompt: str) -> str:
    request = urllib.request.Request(chat_url(), json.dumps(asked(prompt)).encode(), headers())
    with urllib.request.urlopen(request) as response:
        return text_of(json.load(response))


@client("openai by requests", needs="requests")
def requests_(prompt: str) -> str:
    import requests

    response = requests.post(chat_url(), json=asked(prompt), headers=headers(), timeout=60)
    response.raise_for_status()
    return text_of(response.json())


@client("openai by requests, streamed", needs="requests")
def requests_streamed(prompt: str) -> str:
    import requests

    with requests.post(
        chat_url(), json=asked(prompt, stream=True), headers=headers(), stream=True, timeout=60
    ) as response:
        return text_of_lines(line.decode() for line in response.iter_lines())


@client("openai by aiohttp", needs="aiohttp")
async def aiohttp_(prompt: str) -> str:
    aiohttp = importlib.import_module("aiohttp")
    async with aiohttp.ClientSession() as http, http.post(chat_url(), json=asked(prompt), headers=headers()) as answer:
        return text_of(await answer.json())


@client("openai by curl", needs="curl")
def curl(prompt: str) -> str:
    options = [part for name, value in headers().items() for part in ("-H", f"{name}: {value}")]
    content = json.dumps(asked(prompt))
    # Curl waits for a "100 Continue" before it sends this.
    return text_of(
        json.loads(printed_by("curl", "-sSf", *options, "-H", "Expect: 100-continue", "-d", content, chat_url()))
    )


@client("openai by curl, streamed", needs="curl")
def curl_streamed(prompt: str) -> str:
    options = [part for name, value in headers().items() for part in ("-H", f"{name}: {value}")]
    content = json.dumps(asked(prompt, stream=True))
    # Without a length: in chunks.
    options += ["-H", "Transfer-Encoding: chunked"]
    return text_of_lines(printed_by("curl", "-sSfN", *options, "-d", "@-", chat_url(), stdin=content).splitlines())


NODE = """
const [url, key, body] = process.argv.slice(1);
const headers = {'content-type': 'application/json', 'authorization': 'Bearer ' + key};
fetch(url, {method: 'POST', headers, body}).then(response => response.text()).then(text => process.stdout.write(text));
"""


@client("openai by node", needs="node")
def node(prompt: str) -> str:
    key, content = os.environ["OPENAI_API_KEY"], json.dumps(asked(prompt))
    return text_of(json.loads(printed_by("node", "-e", NODE, chat_url(), key, content)))


@client("openai by node, streamed", needs="node")
def node_streamed(prompt: str) -> str:
    key, content = os.environ["OPENAI_API_KEY"], json.dumps(asked(prompt, stream=True))
    return text_of_lines(printed_by("node", "-e", NODE, chat_url(), key, content).splitlines())


@client("anthropic")
def anthropic(prompt: str) -> str:
    from anthropic import Anthropic

    with Anthropic() as anthropic:
        return said(anthropic.messages.create(**asked(prompt, max_tokens=9)))


@client("anthropic, async, streamed")
async def anthropic_async_streamed(prompt: str) -> str:
    from anthropic import AsyncAnthropic

    async with AsyncAnthropic() as anthropic, anthropic.messages.stream(**asked(prompt, max_tokens=9)) as stream:
        return "".join([text async for text in stream.text_stream])


def said(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


@client("anthropic by urllib, the version left to the address")
def anthropic_without_version(prompt: str) -> str:
    url = os.environ["ANTHROPIC_BASE_URL"] + "/messages"
    key = {"x-api-key": os.environ["ANTHROPIC_API_KEY"], "anthropic-version": "2023-06-01"}
    request = urllib.request.Request(url, json.dumps(asked(prompt, max_tokens=9)).encode(), key)
    with urllib.request.urlopen(request) as response:
        return "".join(block["text"] for block in json.load(response)["content"] if block["type"] == "text")


@client("google-genai")
def google(prompt: str) -> str:
    from google import genai

    with genai.Client() as google:
        return without_thoughts(google.models.generate_content(model="prod-1", contents=prompt))


@client("google-genai, async")
async def google_async(prompt: str) -> str:
    from google import genai

    async with genai.Client().aio as google:
        return without_thoughts(await google.models.generate_content(model="prod-1", contents=prompt))


@client("google-genai, async, streamed")
async def google_async_streamed(prompt: str) -> str:
    from google import genai

    async with genai.Client().aio as google:
        chunks = await google.models.generate_content_stream(model="prod-1", contents=prompt)
        return "".join([without_thoughts(chunk) async for chunk in chunks])


def without_thoughts(response: Any) -> str:
    parts = [part for candidate in response.candidates for part in candidate.content.parts or ()]
    return "".join(part.text for part in parts if part.text and not part.thought)


@client("ollama by urllib")
def ollama(prompt: str) -> str:
    url = os.environ["OLLAMA_HOST"] + "/api/chat"
    with urllib.request.urlopen(url, json.dumps(asked(prompt, stream=False)).encode()) as response:
        return str(json.load(response)["message"]["content"])


@client("ollama by urllib, streamed")
def ollama_streamed(prompt: str) -> str:
    url = os.environ["OLLAMA_HOST"] + "/api/chat"
    with urllib.request.urlopen(url, json.dumps(asked(prompt)).encode()) as response:
        return "".join(json.loads(line)["message"].get("content", "") for line in response)
