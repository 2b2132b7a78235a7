"""What a wire format is: all that differs between providers, as one object without I/O."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Awaitable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, NamedTuple, Protocol, Self, TypeGuard
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

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
        files: the same of PDF and sounds.
        params: sampling parameters, passed on untranslated.
        stream: whether to stream the answer, which is how the time to first token is measured.
    """

    messages: tuple[Mapping[str, Any], ...]
    tools: tuple[Mapping[str, Any], ...] = ()
    schema: Mapping[str, Any] | None = None
    images: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
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
        content: the bytes that are sent in place of `body`, of a call whose answer is handed on as it is; else None.
    """

    provider: str
    model: str
    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: bool = False
    content: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """A request to a model, whoever made it.

    Attributes:
        format: the wire format, as its usual provider speaks it.
        model: the provider's name of the model that is asked.
        base_url: everything before `path`; the query is kept, except what belongs to the format.
        path: as in ``/chat/completions``.
        headers: those that change the answer; never one with a secret.
        content: as in `ModelRequest`.
    """

    format: WireFormat
    model: str
    base_url: str
    path: str
    body: Mapping[str, Any]
    stream: bool
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None

    def request(self, provider: str) -> ModelRequest:
        """The request as it is, sent to a provider of this name."""
        return ModelRequest(
            provider=provider,
            model=self.model,
            path=self.path,
            body=self.body,
            headers=self.headers,
            stream=self.stream,
            content=self.content,
        )


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event: its name and its data. One without a name is read as "message", and written as ""."""

    name: str
    data: str


class StreamReader(Protocol):
    """Puts the events of one streamed answer together.

    Attributes:
        done: whether the last event of the answer was seen; what follows needs no reading.

    Two more attributes are optional; `framing_of` and `has_answered` read them. ``framing = "lines"`` means that the
    stream is one JSON value a line instead of server-sent events, ``"frames"`` that it is one of Amazon's.
    ``answered`` says that the whole answer was seen, and that only the word for its end is missing.
    """

    done: bool

    def feed(self, event: Event) -> bool:
        """Take one event; True when it carries content, the first of which is the first token.

        Raises:
            ProviderError: the event is an error, or not what the API promises.
        """

    def body(self) -> dict[str, Any]:
        """The response as the non-streaming API would have given it.

        Raises:
            ProviderError: kind ``malformed``, when the stream ended before its last event.
        """


class Provider(Protocol):
    """What a provider must offer so that models can be asked; a `WireFormat` offers more.

    Attributes:
        name: as in ``provider/model``.
        base_url: where it is reached unless the configuration says otherwise.
        api_key_env: the environment variable that holds its key, None when it needs none.
    """

    name: str
    base_url: str | None
    api_key_env: str | None

    @abstractmethod
    def request(self, model: str, prompt: Prompt) -> ModelRequest:
        """The HTTP request for this prompt; only what the user asked for is in it.

        Raises:
            ProviderError: kind ``bad_request``: this format cannot carry the prompt, or wants something more.
        """

    @abstractmethod
    def authorization(self, api_key: str) -> Mapping[str, str]:
        """The headers that carry the key."""

    @abstractmethod
    def answer(self, body: Mapping[str, Any]) -> Answer:
        """The answer in a response body.

        Raises:
            ProviderError: kind ``malformed``, when it holds none.
        """

    @abstractmethod
    def stream(self) -> StreamReader:
        """A reader for one streamed response."""

    @abstractmethod
    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """What a response with an error status means; its text is harmless and short."""


class CallingProvider(Provider, Protocol):
    """A provider that gets its answers itself; nothing of its requests is sent by us."""

    def call(self, request: ModelRequest) -> Mapping[str, Any] | Awaitable[Mapping[str, Any]]:
        """The response body for a request.

        It runs on a thread of its own; an awaitable it returns is awaited on the engine's event loop.

        Raises:
            ProviderError: there is none.
        """


def is_called(provider: Provider) -> TypeGuard[CallingProvider]:
    """Whether a provider gets its answers itself. A test for the protocol would look for each of its attributes."""
    return hasattr(provider, "call")


class Address(NamedTuple):
    """Where a provider is reached, and which environment variables tell its SDKs and litellm so.

    Attributes:
        base_url: up to and including the API's version; None where the user has to say it.
        api_key_env: the environment variable with the key, None when none is needed.
        variables: by the name of a variable with a base URL, the path that is expected in it.
        other_keys: variables that may hold the key instead.
        version: what the provider's own SDK adds to the base URL it is given.
        hosts: others that serve its models, with all hosts below each.
    """

    base_url: str | None
    api_key_env: str | None
    variables: Mapping[str, str] = {}
    other_keys: tuple[str, ...] = ()
    version: str = ""
    hosts: tuple[str, ...] = ()


class Found(NamedTuple):
    """Where an environment leads a provider's SDK, and by which variable."""

    variable: str
    base_url: str


_VERSION = re.compile(r"/v\d\w*(/|$)")

DEPLOYMENT = re.compile(r"/deployments/[^/]+$")
"""Where the end of a base URL names a model, as at Azure."""


class WireFormat(Provider):
    """All that is known of a wire format; base class of ours and of those that are registered.

    A subclass must have `request`, `answer` and `stream`. That is enough for the fixture ``llm``. Requests that an
    application makes in this format are captured when there is a `wire_format` too; then a stored answer becomes a
    response again by `events` and `body_of`.

    Args:
        name: the provider's name, as in ``groq``.
        base_url: where it is reached, None for nowhere.
        api_key_env: the environment variable with the key, None when it needs none.

    Attributes:
        address: of the provider that has made the format.
        wire_format: the name of the format, None when requests in it are not captured.
        path: how the path of a request ends, below the base URL.
        fields: a captured request has one of these in its body; other services have such paths too.
        meant: headers, in lower case, that change the answer.
        streams_unless_told: whether an answer is streamed when the request does not say.
        key_header: carries the key, with `key_scheme` before it.
        key_parameter: of the URL's query, may carry the key of an application instead.
        signs: whether AWS credentials sign a request that has no key.
        key_help: follows the name of the variable where a message asks for a key.
        needs: what a message asks for where there is no base URL.
        line_end: within the events of a stream.
        in_array: whether a stream is one JSON array, in place of events.
    """

    address: ClassVar[Address] = Address(None, None)
    wire_format: str | None = None
    path = ""
    fields: tuple[str, ...] = ("messages",)
    meant: tuple[str, ...] = ()
    streams_unless_told = False
    key_header = "Authorization"
    key_scheme = "Bearer "
    key_parameter: str | None = None
    signs = False
    key_help = ""
    needs = "set its base_url"
    line_end = "\n"
    in_array = False

    def __init__(self, name: str, base_url: str | None = None, api_key_env: str | None = None) -> None:
        self.name = name
        self.base_url = base_url
        self.api_key_env = api_key_env

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @classmethod
    def at(cls, name: str, base_url: str | None, api_key_env: str | None) -> WireFormat:
        """The format at an address, which may lack the API's version as the base URL of the provider's SDK does."""
        parts = urlsplit(base_url or "")
        if base_url is not None and cls.address.version and not _VERSION.search(parts.path):
            base_url = urlunsplit(parts._replace(path=parts.path.rstrip("/") + cls.address.version))
        return cls(name, base_url, api_key_env)

    @staticmethod
    def address_in(value: str) -> str:
        """The address that an environment variable of the SDK holds."""
        return value

    @property
    def family(self) -> str | None:
        """Whose format it is, in words; who speaks one of a family at an address mostly speaks the others there too."""
        return self.wire_format and f"{self.wire_format}'s"

    @staticmethod
    def found_in(environment: Mapping[str, str]) -> Found | None:  # noqa: ARG004 - those that override it read it
        """Where the environment leads the provider's SDKs, when that takes more than reading one variable."""
        return None

    def is_spoken_by(self, provider: WireFormat) -> bool:
        """Whether a model of this provider can be asked in this format."""
        return provider.family == self.family

    def authorization(self, api_key: str) -> Mapping[str, str]:
        """The headers that carry the key."""
        return {self.key_header: f"{self.key_scheme}{api_key}"}

    def place_of(self, parameter: str) -> tuple[str, ...]:
        """The keys that lead to a sampling parameter in the body of a request."""
        return (parameter,)

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """What a response with an error status means; its text is harmless and short."""
        from pytest_llmeval.formats.failure import failure_of_response

        return failure_of_response(status, headers, body)

    def may_ask(self, path: str) -> bool:
        """Whether a request with this path is worth a closer look."""
        return self.wire_format is not None and bool(self.path) and path.rstrip("/").endswith(self.path)

    def recognise(self, url: SplitResult, headers: Mapping[str, str], body: Mapping[str, Any]) -> Recognised | None:
        """What a request asks of a model, None when it asks none in this format.

        Args:
            url: with a path that `may_ask`.
            headers: names in lower case.
            body: as JSON.
        """
        model = body.get("model")
        if not isinstance(model, str) or not model or not any(name in body for name in self.fields):
            return None
        return Recognised(
            format=self,
            model=model,
            base_url=urlunsplit(url._replace(path=url.path.rstrip("/").removesuffix(self.path), fragment="")),
            path=self.path,
            body=body,
            stream=body.get("stream", self.streams_unless_told) is True,
            headers={name: headers[name] for name in self.meant if name in headers},
        )

    def rerouted(self, asked: Recognised, model: str) -> tuple[str, ModelRequest]:
        """The base URL and the request when another model of this provider is asked, at the same address.

        Args:
            asked: what the application asks, in this format.
            model: the provider's name of the other model.
        """
        parts = urlsplit(asked.base_url)  # which names the model where it is one of Azure's
        path = DEPLOYMENT.sub(lambda _: f"/deployments/{quote(model, safe='')}", parts.path)
        named = self.path_to(asked, model)
        request = replace(asked.request(self.name), model=model, body={**asked.body, "model": model})
        if named is not None:
            request = replace(request, path=named, body=asked.body)
        return urlunsplit(parts._replace(path=path)), request

    def path_to(self, asked: Recognised, model: str) -> str | None:
        """The path that names another model for a request, in a format whose bodies name none; None in others."""
        return None

    def placed(self, request: ModelRequest) -> ModelRequest:
        """A captured request as it is sent below the base URL of this provider."""
        return request

    def spoken_at(self, provider: WireFormat) -> Self:
        """This format as it is spoken at the address of another provider of its family."""
        from copy import copy

        there = copy(self)
        there.base_url, there.api_key_env = provider.base_url, provider.api_key_env
        return there

    def events(self, body: Mapping[str, Any], pieces: int) -> Iterator[Event]:
        """The events of a stream that says what a response body says.

        Args:
            body: of the unstreamed response.
            pieces: into how many a text is cut.
        """
        raise self._lacking("events")

    def body_of(self, answer: Answer, model: str) -> dict[str, Any]:
        """The body of an unstreamed response that holds an answer: `answer` the other way round.

        A saved run holds answers in normal form. An application that gets one again expects the format of its own SDK.

        Args:
            answer: what the model said.
            model: the provider's name of the model, where the answer names none.
        """
        raise self._lacking("body_of")

    def _lacking(self, method: str) -> ProviderError:
        words = f"the wire format of the provider {self.name} ({type(self).__name__}) has no method {method}"
        return ProviderError(words, kind="bad_request")
