"""Requests sent in an application's place, with its own headers, and responses watched on their way to it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from pytest_llmeval.capture.route import Route
from pytest_llmeval.engine.call import Endpoint, Response
from pytest_llmeval.engine.fulfilled import Fulfilled
from pytest_llmeval.engine.requests import NO_KEY, api_key_of, no_key
from pytest_llmeval.engine.told_as_error import answer_told_as_error
from pytest_llmeval.errors import ProviderError
from pytest_llmeval.formats.base import Event, ModelRequest, Prompt, Provider, StreamReader
from pytest_llmeval.formats.framing import framing_of, has_answered, parser_for
from pytest_llmeval.formats.recognise import keys_in
from pytest_llmeval.reply import Answer

_OF_THE_CONNECTION = frozenset(
    {"accept-encoding", "connection", "content-length", "content-type", "expect", "host", "transfer-encoding"}
)

# Of errors that several have who asked the same at once; one of them has sent the request.
_said: WeakKeyDictionary[ProviderError, Said] = WeakKeyDictionary()

_LIMIT = 65_536  # bytes of events that are kept in case an error follows them


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A response that is no answer, as the provider gave it."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Refused(ProviderError):
    """A provider gave no usable answer to a captured request.

    Attributes:
        error: as a user reads it.
        said: its response, None when there was none.
    """

    def __init__(self, error: ProviderError, said: Said | None) -> None:
        super().__init__(str(error), kind=error.kind, status=error.status, retry_after=error.retry_after)
        self.error = error
        self.said = said


class InPlaceOf:
    """A provider whose requests carry an application's headers; a `Provider`.

    Args:
        provider: the wire format.
        headers: the application's; None for the provider's own, with the key of the endpoint.
    """

    def __init__(self, provider: Provider, headers: Mapping[str, str] | None) -> None:
        self.name = provider.name
        self.base_url = provider.base_url
        self.api_key_env = provider.api_key_env
        self.said: Said | None = None
        self._provider = provider
        self._headers = headers

    def request(self, model: str, prompt: Prompt) -> ModelRequest:
        """As the wire format makes it."""
        return self._provider.request(model, prompt)

    def authorization(self, api_key: str) -> Mapping[str, str]:
        """All headers of the application, among them whichever carries its key."""
        if self._headers is None:
            return self._provider.authorization(api_key)
        return {name: value for name, value in self._headers.items() if name not in _OF_THE_CONNECTION}

    def answer(self, body: Mapping[str, Any]) -> Answer:
        """As the wire format reads it."""
        return self._provider.answer(body)

    def stream(self) -> StreamReader:
        """A reader that keeps the events up to an error among them."""
        return _Reader(self._provider.stream(), self)

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """As the wire format reads it; the response is kept."""
        self.said = Said(status=status, headers=headers, content=body)
        return self._provider.error(status, headers, body)

    def endpoint(self, route: Route, key: str | None) -> Endpoint:
        """Where the engine sends its requests.

        Args:
            route: of the request.
            key: which must not stand in a message.
        """
        entry = route.model.entry if route.moved else None  # else the key is the application's own business
        variable = (route.model.api_key_env if route.moved else None) or self.api_key_env
        return Endpoint(base_url=route.base_url, api_key=key, api_key_env=variable, provider=self, entry=entry)


class _Reader:
    def __init__(self, reader: StreamReader, keeper: InPlaceOf) -> None:
        self._reader = reader
        self._keeper = keeper
        self._size = 0
        self._events: list[Event] = []
        self.framing = framing_of(reader)

    @property
    def done(self) -> bool:
        return self._reader.done

    @done.setter
    def done(self, value: bool) -> None:
        self._reader.done = value

    def feed(self, event: Event) -> bool:
        if self._size < _LIMIT:
            self._events.append(event)
            self._size += len(event.data)
        try:
            return self._reader.feed(event)
        except ProviderError:
            self._keeper.said = self._so_far()
            raise

    def body(self) -> dict[str, Any]:
        return self._reader.body()

    def _so_far(self) -> Said:
        if self.framing == "lines":
            content = "".join(f"{event.data}\n" for event in self._events)
            return Said(status=200, headers={"content-type": "application/x-ndjson"}, content=content.encode())
        lines = []
        for event in self._events:
            lines += [f"event: {event.name}"] if event.name != "message" else []
            lines += [f"data: {line}" for line in event.data.split("\n")]
            lines += [""]
        content = "\n".join([*lines, ""])
        return Said(status=200, headers={"content-type": "text/event-stream"}, content=content.encode())


def key_and_headers(route: Route, headers: Mapping[str, str]) -> tuple[str | None, Mapping[str, str] | None]:
    """The key a captured request is sent with, and the application's headers; None where they must not go.

    The application's own headers go to the address it meant. To another, and to another model for which the
    configuration names a key, goes the key of the configuration; but that only to the host of the model's provider,
    since the application may have meant anybody's.

    Args:
        route: where it goes.
        headers: the application's, names in lower case.

    Raises:
        ProviderError: the environment does not have the key.
    """
    if route.moved or (route.rewritten and route.model.api_key_env is not None and _at_its_provider(route)):
        return api_key_of(route.model, route.provider), None
    values = keys_in(headers, route.base_url)
    if any(NO_KEY in value for value in values):
        raise no_key(route.model, route.model.api_key_env or route.provider.api_key_env or "of its provider")
    return (values[0].rpartition(" ")[2] if values else ""), headers  # whatever the scheme, in whichever case


def _at_its_provider(route: Route) -> bool:
    return urlsplit(route.base_url)[:2] == urlsplit(route.provider.base_url or "")[:2]


def headers_to_send(route: Route, headers: Mapping[str, str]) -> tuple[str | None, dict[str, str]]:
    """The key, and all headers but those of the connection, of a request that the application's own transport sends.

    Args:
        route: where it goes.
        headers: the application's, names in lower case.

    Raises:
        ProviderError: the environment does not have the key.
    """
    key, own = key_and_headers(route, headers)
    if own is not None:
        return key, {name: value for name, value in own.items() if name not in ("content-length", "host")}
    carried = {"content-type": "application/json", "accept": headers.get("accept", "*/*"), **route.request.headers}
    return key, carried if key is None else {**carried, **route.provider.authorization(key)}


def kept_refusal(sent: Future[Fulfilled], provider: InPlaceOf) -> Future[Fulfilled]:
    """The same future, but its errors are `Refused`, with what the provider said.

    Args:
        sent: the answer to come.
        provider: by which the request is sent.
    """
    future: Future[Fulfilled] = Future()
    sent.add_done_callback(partial(_hand_on, future, provider))
    return future


def _hand_on(future: Future[Fulfilled], provider: InPlaceOf, sent: Future[Fulfilled]) -> None:
    if sent.cancelled():
        future.cancel()
        future.set_running_or_notify_cancel()
        return
    error = sent.exception()
    if error is None:
        future.set_result(sent.result())
    elif isinstance(error, ProviderError):
        if provider.said is not None:
            _said[error] = provider.said
        future.set_exception(Refused(error, _said.get(error)))
    else:
        future.set_exception(error)


_LARGEST = 16 * 2**20  # bytes; of a longer response no copy is held


class Watch:
    """Reads along, and never reads ahead: each piece is handed on when it comes.

    Args:
        provider: the wire format.
        stream: whether a stream was asked for.
    """

    def __init__(self, provider: Provider, *, stream: bool) -> None:
        self._provider = provider
        self._asked_for_stream = stream
        self._sent_at = time.perf_counter()
        self._status = 0
        self._headers: Mapping[str, str] = {}
        self._reader = provider.stream()
        self._parser = parser_for(self._reader)
        self._streams = False
        self._pieces: list[bytes] = []
        self._size = 0
        self._offsets: list[float] = []
        self._error: ProviderError | None = None

    def begins(self, status: int, headers: Mapping[str, str]) -> None:
        """The response's head is there.

        Args:
            status: of the response.
            headers: names in lower case.
        """
        self._status, self._headers = status, headers
        kind = headers.get("content-type", "").lower()
        whole = "html" in kind or ("json" in kind and "ndjson" not in kind)
        self._streams = 200 <= status < 300 and ("event-stream" in kind or (self._asked_for_stream and not whole))

    @property
    def complete(self) -> bool:
        """Whether the stream has said all there is, though its connection may still be open."""
        return self._streams and (has_answered(self._reader) or self._error is not None)

    @property
    def finished(self) -> bool:
        """Whether the answer came to its end, though the stream, which may go on with its usage, did not."""
        if not self._streams or self._error is not None:
            return False
        try:
            self._reader.body()
        except ProviderError:
            return False
        return True

    def take(self, chunk: bytes) -> None:
        """One more piece of the body, decoded."""
        self._size += len(chunk)
        if not self._streams:
            if self._size <= _LARGEST:
                self._pieces.append(chunk)
        elif not self.complete:
            self._read(self._parser.feed(chunk))

    def response(self) -> Response:
        """The answer that went by.

        Raises:
            ProviderError: it was none.
        """
        latency = time.perf_counter() - self._sent_at
        if self._streams:
            if not self.complete:
                self._read(self._parser.close())
            if self._error is not None:
                raise self._error
            body = self._reader.body()
            ttft = self._offsets[0] if self._offsets else None
            answer = self._provider.answer(body)
            return Response(body=body, answer=answer, latency=latency, ttft=ttft, chunk_offsets=tuple(self._offsets))
        content = b"".join(self._pieces)
        whole = _json_object(content) if self._size <= _LARGEST else None
        if whole is None or not 200 <= self._status < 300:
            error = self._provider.error(self._status, self._headers, content)
            told = answer_told_as_error(self._provider, error, content)
            if told is None:
                raise error
            return Response(body=told[0], answer=told[1], latency=latency, status=self._status)
        return Response(body=whole, answer=self._provider.answer(whole), latency=latency)

    def _read(self, events: list[Any]) -> None:
        moment = time.perf_counter() - self._sent_at
        for event in events:
            if self._reader.done:
                return
            try:
                if self._reader.feed(event):
                    self._offsets.append(moment)
            except ProviderError as error:
                self._error = error
                return


def _json_object(content: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(content, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None
