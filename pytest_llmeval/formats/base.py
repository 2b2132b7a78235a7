"""What a wire format must offer: request in, answer out, no I/O."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from pytest_llmeval.errors import ProviderError
from pytest_llmeval.reply import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a test asks a model, in no provider's words.

    Attributes:
        messages: chat messages, each ``{"role": ..., "content": ...}``; a system message comes first.
        tools: JSON-schema function definitions, each ``{"name", "description", "parameters"}``.
        schema: JSON schema the answer must obey (structured output).
        images: data: or https: URLs that belong to the last user message.
        params: sampling parameters, passed on untranslated.
        stream: whether to stream the answer, which is how the time to first token is measured.
    """

    messages: tuple[Mapping[str, Any], ...]
    tools: tuple[Mapping[str, Any], ...] = ()
    schema: Mapping[str, Any] | None = None
    images: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    stream: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """One HTTP request to a model, without host, key or any other secret.

    Attributes:
        provider: the wire format and its version, as in ``openai``.
        model: the provider's name of the model.
        path: below the base URL, as in ``/chat/completions``.
        body: the JSON body.
        headers: headers that carry no secret.
    """

    provider: str
    model: str
    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event: its name ("message" when unnamed) and its data."""

    name: str
    data: str


class StreamReader(Protocol):
    """Puts the events of one streamed answer together.

    Attributes:
        done: whether the last event of the answer was seen; what follows needs no reading.

    A reader whose stream is one JSON value a line, and no server-sent events, has ``framing = "lines"``.
    """

    done: bool

    def feed(self, event: Event) -> bool:
        """Take one event; True when it carries content, the first of which is the first token.

        Raises:
            ProviderError: the event is an error the provider sent within the stream.
        """

    def body(self) -> dict[str, Any]:
        """The response as the non-streaming API would have given it.

        Raises:
            ProviderError: kind ``malformed``, when the stream ended before its last event.
        """


class Provider(Protocol):
    """One wire format.

    Attributes:
        name: as in ``provider/model``.
        base_url: where it is reached unless the configuration says otherwise.
        api_key_env: the environment variable that holds its key, None when it needs none.
    """

    name: str
    base_url: str | None
    api_key_env: str | None

    def request(self, model: str, prompt: Prompt) -> ModelRequest:
        """The HTTP request for this prompt; only what the user asked for is in it.

        Raises:
            ProviderError: kind ``bad_request``: this format cannot carry the prompt, or wants something more.
        """

    def authorization(self, api_key: str) -> Mapping[str, str]:
        """The headers that carry the key."""

    def answer(self, body: Mapping[str, Any]) -> Answer:
        """The answer in a response body.

        Raises:
            ProviderError: kind ``malformed``, when it holds none.
        """

    def stream(self) -> StreamReader:
        """A reader for one streamed response."""

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """What a response with an error status means; its text is harmless and short."""


@runtime_checkable
class CallingProvider(Provider, Protocol):
    """A provider that gets its answers itself; nothing of its requests is sent by us."""

    def call(self, request: ModelRequest) -> Mapping[str, Any] | Awaitable[Mapping[str, Any]]:
        """The response body for a request.

        It runs on a thread of its own; an awaitable it returns is awaited on the engine's event loop.

        Raises:
            ProviderError: there is none.
        """


class HttpFormat:
    """A wire format over HTTP whose key is a bearer token, unless it says otherwise.

    Args:
        name: the provider's name.
        base_url: where it is reached, None for nowhere.
        api_key_env: the environment variable with the key, None when it needs none.
    """

    def __init__(self, name: str, base_url: str | None, api_key_env: str | None) -> None:
        self.name = name
        self.base_url = base_url
        self.api_key_env = api_key_env

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def authorization(self, api_key: str) -> Mapping[str, str]:
        """The header that carries the key."""
        return {"Authorization": f"Bearer {api_key}"}

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """What a response with an error status means; its text is harmless and short."""
        from pytest_llmeval.formats.failure import failure_of_response

        return failure_of_response(status, headers, body)
