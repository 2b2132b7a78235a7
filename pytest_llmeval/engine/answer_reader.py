"""The one reader of responses: of those to the engine's requests, and of those that go by to an application."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pytest_llmeval.engine.call import Response
from pytest_llmeval.errors import ProviderError, RawResponse
from pytest_llmeval.formats.base import Event, Provider, StreamReader
from pytest_llmeval.formats.clouds.frames import FrameParser
from pytest_llmeval.formats.framing import EventParser, LineParser, has_answered, parser_for
from pytest_llmeval.formats.other_calls.kept import AS_IT_IS
from pytest_llmeval.json_text import sent_json
from pytest_llmeval.reply import TOLD_AS_ERRORS, Answer

_USAGES = ("usage", "usageMetadata", "eval_count")  # where a body tells the tokens it took
_LARGEST_ERROR = 65_536  # bytes of an error, or of a stream before one, that are kept


class AnswerReader:
    """Reads one response as it comes, and never ahead.

    Args:
        provider: the wire format.
        stream: whether a stream was asked for.
        largest: bytes of a whole answer that are kept; a longer one is not read.

    Attributes:
        streams: whether the response is a stream; known once it has begun.
        broken: whether a stream ended before its answer did, or in an error, or what came is no JSON object, such as a
            proxy's page or nothing at all.
    """

    def __init__(self, provider: Provider, *, stream: bool, largest: int = 16 * 2**20) -> None:
        self.streams = self.broken = False
        self._provider = provider
        self._stream_wanted = stream
        self._largest = largest
        self._status = 0
        self._headers: Mapping[str, str] = {}
        self._stream: StreamReader
        self._parser: EventParser | LineParser | FrameParser
        self._pieces: list[bytes] = []
        self._size = 0
        self._offsets: list[float] = []
        self._error: ProviderError | None = None

    def begins(self, status: int, headers: Mapping[str, str]) -> None:
        """Take the head of the response; the names of its headers are in lower case."""
        self._status, self._headers = status, headers
        kind = headers.get("content-type", "").lower()
        whole = "html" in kind or ("json" in kind and "ndjson" not in kind)
        streams = "event-stream" in kind or (self._stream_wanted and not whole)
        self.streams = 200 <= status < 300 and streams and self._provider is not AS_IT_IS
        if self.streams:
            self._stream = self._provider.stream()
            self._parser = parser_for(self._stream)

    @property
    def done(self) -> bool:
        """Whether what follows needs no reading."""
        if self.streams:
            return self._stream.done or self._error is not None
        return self._size > (self._largest if 200 <= self._status < 300 else _LARGEST_ERROR)

    @property
    def complete(self) -> bool:
        """Whether a stream has said all there is, though its connection may still be open."""
        return self.streams and (self._error is not None or has_answered(self._stream))

    @property
    def finished(self) -> bool:
        """Whether the answer came to its end, though the stream, which may go on with its usage, did not."""
        if not self.streams or self._error is not None:
            return False
        try:
            self._stream.body()
        except ProviderError:
            return False
        return True

    @property
    def told_something(self) -> bool:
        """Whether anything has been seen that an application could use: a piece of a stream, or that it was refused."""
        return bool(self._offsets) or (self._status != 0 and not 200 <= self._status < 300)

    @property
    def generated(self) -> bool:
        """Whether the model wrote something, which providers bill even where it is no whole answer."""
        if not 200 <= self._status < 300 or self._provider is AS_IT_IS:
            return False
        if self.streams:
            return bool(self._offsets)
        body = _json_value(b"".join(self._pieces))
        return isinstance(body, dict) and any(body.get(name) for name in _USAGES)

    def take(self, chunk: bytes, moment: float) -> None:
        """Take a piece of the body, decoded, that came so many seconds after the request was sent."""
        if not self.done:
            self._size += len(chunk)
            if not self.streams or self._size <= _LARGEST_ERROR:
                self._pieces.append(chunk)
            if self.streams:
                try:
                    self._feed(self._parser.feed(chunk), moment)
                except ProviderError as error:
                    self._error = self._with_response(error, b"".join(self._pieces))

    def response(self, latency: float) -> Response:
        """The answer, which took so many seconds.

        Raises:
            ProviderError: there is none; with the raw response where the provider said so.
        """
        if self.streams:
            body = self._streamed_body(latency)
            ttft, offsets = (self._offsets[0] if self._offsets else None), tuple(self._offsets)
            answer = self._answer_in(body, b"".join(self._pieces) if self._size <= _LARGEST_ERROR else None)
            return Response(body=body, answer=answer, latency=latency, ttft=ttft, chunk_offsets=offsets)
        content, ok = b"".join(self._pieces), 200 <= self._status < 300
        if ok and not self.done and self._provider is AS_IT_IS:
            kept = AS_IT_IS.kept(self._headers, content)
            return Response(body=kept, answer=AS_IT_IS.answer(kept), latency=latency, status=self._status)
        if ok and not self.done:
            whole = _json_value(content)
            if self._stream_wanted and isinstance(whole, list) and whole:
                whole = self._joined(whole)
            if isinstance(whole, dict):
                return Response(body=whole, answer=self._answer_in(whole, content), latency=latency)
            self.broken = True
        content = content if ok else content[:_LARGEST_ERROR]
        error = self._provider.error(self._status, self._headers, content)
        told = None if ok else answer_told_as_error(self._provider, error, content)
        if told is None:
            raise self._with_response(error, content)
        return Response(body=told[0], answer=told[1], latency=latency, status=self._status)

    def _answer_in(self, body: Mapping[str, Any], content: bytes | None) -> Answer:
        """The answer in a body; an application whose answer cannot be read gets it as it came."""
        try:
            return self._provider.answer(body)
        except ProviderError as error:
            raise error if content is None else self._with_response(error, content) from None

    def _joined(self, chunks: list[Any]) -> Mapping[str, Any]:
        """The body that the chunks of a stream make together, where they came as one JSON array, as at Google."""
        stream = self._provider.stream()
        for chunk in chunks:
            stream.feed(Event("", json.dumps(chunk)))
        return stream.body()

    def _streamed_body(self, moment: float) -> Mapping[str, Any]:
        self._feed(self._parser.close(), moment)
        try:
            if self._error is not None:
                raise self._error
            return self._stream.body()
        except ProviderError:
            self.broken = True
            raise

    def _feed(self, events: list[Event], moment: float) -> None:
        for event in events:
            if self.done:
                return
            try:
                if self._stream.feed(event):
                    self._offsets.append(moment)
            except ProviderError as error:
                self._error = self._with_response(error, b"".join(self._pieces))

    def _with_response(self, error: ProviderError, body: bytes) -> ProviderError:
        error.response = RawResponse(status=self._status, headers=self._headers, body=body)
        return error


def answer_told_as_error(
    provider: Provider, error: ProviderError, content: bytes
) -> tuple[Mapping[str, Any], Answer] | None:
    """The body and the answer of a response with an error status, None when it holds none.

    Some providers tell a failure of the model, as a blocked prompt, as an error.

    Args:
        provider: the wire format.
        error: what it makes of the response.
        content: the response's body.
    """
    if error.kind not in TOLD_AS_ERRORS:
        return None
    body = _json_value(content)
    if isinstance(body, list) and body:  # Google wraps it
        body = body[0]
    try:
        return (body, provider.answer(body)) if isinstance(body, dict) else None
    except (ValueError, RecursionError, ProviderError):
        return None


def _json_value(content: bytes) -> Any:
    """The value of a JSON text, None when it is not JSON."""
    try:
        return sent_json(content)
    except ValueError:
        return None
