"""Watches a response go by on its way to the application: what it says and when."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from pytest_llmeval.engine.response import Response
from pytest_llmeval.engine.told_as_error import answer_told_as_error
from pytest_llmeval.errors import ProviderError
from pytest_llmeval.providers.base import Provider
from pytest_llmeval.providers.framing import parser_for

__all__ = ["Watch"]

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
        # Some libraries never read an event that says no more than that the one before it was the last.
        done = self._reader.done or getattr(self._reader, "answered", False)
        return self._streams and (done or self._error is not None)

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
