"""One attempt: a request goes out, an answer comes back, or the reason why there is none."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpcore

from pytest_llmeval.engine.connections import Connections, is_loopback
from pytest_llmeval.engine.response import Endpoint, Response, Timeouts
from pytest_llmeval.engine.retry import AttemptFailed
from pytest_llmeval.errors import ProviderError, ProviderErrorKind
from pytest_llmeval.providers.base import Event, ModelRequest
from pytest_llmeval.providers.sse import EventParser
from pytest_llmeval.report.text import first_line

__all__ = ["exchange"]

_LARGEST_ERROR = 65_536  # bytes of an error's body that are read
_DRAIN = 0.2  # seconds a finished stream gets to end properly, so that its connection can be used again
_KEPT_HEADERS = {"request-id", "x-request-id", "x-generation-id", "openai-processing-ms", "date", "retry-after"}
_KEPT_PREFIXES = ("x-ratelimit-", "anthropic-ratelimit-")


async def exchange(
    connections: Connections,
    request: ModelRequest,
    content: bytes,
    endpoint: Endpoint,
    timeouts: Timeouts,
    deadline: float,
    largest: int,
) -> Response:
    """Send a request once.

    Args:
        connections: where to get a connection.
        request: what to send.
        content: its body as JSON.
        endpoint: where to.
        timeouts: all but `Timeouts.total`, of which `deadline` is the end.
        deadline: on the loop's clock.
        largest: decoded bytes of a response that are read before it is given up.

    Raises:
        AttemptFailed: there is no answer.
    """
    url = urlsplit(endpoint.base_url)
    try:
        connection = connections.take(url)
    except (ValueError, ImportError, ssl.SSLError, OSError) as error:
        raise _failed("connection", f"no connection: {_words(error)}", again=False) from None
    attempt = _Attempt(request, endpoint, timeouts, deadline, largest)
    try:
        return await attempt.run(connection, _outgoing(request, content, endpoint, url, timeouts, attempt))
    except UnicodeError:
        raise _failed("bad_request", "base_url or path is no valid address", again=False) from None
    finally:
        if attempt.reusable:
            connections.give_back(url, connection)
        else:
            await connection.aclose()


class _Attempt:
    """The clock and the state of one attempt."""

    def __init__(
        self, request: ModelRequest, endpoint: Endpoint, timeouts: Timeouts, deadline: float, largest: int
    ) -> None:
        self.reusable = False
        self._request = request
        self._endpoint = endpoint
        self._timeouts = timeouts
        self._deadline = deadline
        self._largest = largest
        self._now = asyncio.get_running_loop().time
        self._sent_at = self._now()
        self._phase = "no connection"
        self._allowed = timeouts.connect
        self._alarm = asyncio.timeout_at(deadline)

    async def trace(self, step: str, _: Mapping[str, Any]) -> None:
        """Called by httpcore: the clocks start when the request is sent, not when the connection is opened."""
        if step == "http11.send_request_headers.started":
            self._sent_at = self._now()
            self._expect("no first byte", self._timeouts.first_byte)

    async def run(self, connection: httpcore.AsyncConnectionPool, request: httpcore.Request) -> Response:
        try:
            async with self._alarm:
                response = await connection.handle_async_request(request)
                try:
                    return await self._read(response)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise self._timed_out() from None
        except httpcore.TimeoutException:  # only connecting has a timeout of httpcore's
            raise self._timed_out() from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError, OSError) as error:
            raise _broken(error, self._endpoint, self._phase) from None

    async def _read(self, response: httpcore.Response) -> Response:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        self._expect("no further byte", self._timeouts.idle)
        chunks = self._decoded(response, headers.get("content-encoding", ""))
        if not 200 <= response.status < 300:
            page = await self._read_error(chunks)
            self.reusable = len(page) < _LARGEST_ERROR
            raise AttemptFailed(self._endpoint.provider.error(response.status, headers, page))
        kind = headers.get("content-type", "").lower()
        if "event-stream" in kind or (self._request.stream and "json" not in kind and "html" not in kind):
            return await self._read_stream(chunks, headers)
        content = b"".join([chunk async for chunk in chunks])
        latency = self._now() - self._sent_at
        self.reusable = True
        body = _json_object(content)
        if body is None:
            raise AttemptFailed(self._endpoint.provider.error(response.status, headers, content))
        return self._response(body, headers, latency, None, ())

    async def _read_stream(self, chunks: AsyncIterator[bytes], headers: Mapping[str, str]) -> Response:
        parser = EventParser()
        reader = self._endpoint.provider.stream()
        offsets: list[float] = []

        def take(events: list[Event], moment: float) -> None:
            for event in events:
                if reader.done:
                    return
                if reader.feed(event):
                    offsets.append(moment)

        try:
            async for chunk in chunks:
                take(parser.feed(chunk), self._now() - self._sent_at)
                if reader.done:
                    break
            take(parser.close(), self._now() - self._sent_at)
            latency = self._now() - self._sent_at
            body = reader.body()
        except ProviderError as error:
            # Nothing of a broken stream was handed on, so it may be asked for again.
            raise AttemptFailed(error, again=True if error.kind == "malformed" else None) from None
        self.reusable = await self._drained(chunks)
        return self._response(body, headers, latency, offsets[0] if offsets else None, tuple(offsets))

    def _response(
        self,
        body: dict[str, Any],
        headers: Mapping[str, str],
        latency: float,
        ttft: float | None,
        offsets: tuple[float, ...],
    ) -> Response:
        try:
            answer = self._endpoint.provider.answer(body)
        except ProviderError as error:
            raise AttemptFailed(error) from None
        kept = {
            name: first_line(value, 200)
            for name, value in headers.items()
            if name in _KEPT_HEADERS or name.startswith(_KEPT_PREFIXES)
        }
        return Response(body=body, answer=answer, latency=latency, ttft=ttft, chunk_offsets=offsets, headers=kept)

    async def _read_error(self, chunks: AsyncIterator[bytes]) -> bytes:
        content = b""
        async for chunk in chunks:
            content += chunk
            if len(content) > _LARGEST_ERROR:
                break
        return content[:_LARGEST_ERROR]

    async def _drained(self, chunks: AsyncIterator[bytes]) -> bool:
        try:
            async with asyncio.timeout(_DRAIN):
                async for _ in chunks:
                    pass
        except (TimeoutError, AttemptFailed, httpcore.NetworkError, httpcore.ProtocolError):
            return False
        return True

    async def _decoded(self, response: httpcore.Response, encoding: str) -> AsyncIterator[bytes]:
        """The body's bytes without their compression, each piece restarting the clock, their number limited."""
        decoder = _decoder(encoding)
        left = self._largest
        async for chunk in response.aiter_stream():
            self._expect("no further byte", self._timeouts.idle)
            if decoder is not None:
                try:
                    chunk = decoder.decompress(chunk, left + 1)
                except zlib.error:
                    raise _failed("malformed", "the response's compression is broken", again=True) from None
            left -= len(chunk)
            if left < 0:
                size = f"{self._largest / 2**20:g} MB" if self._largest >= 2**20 else f"{self._largest} bytes"
                raise _failed("malformed", f"the response is larger than {size}", again=False)
            if chunk:
                yield chunk
        if decoder is not None and not decoder.eof:
            raise _failed("malformed", "the compressed response was cut", again=True)

    def _expect(self, phase: str, seconds: float) -> None:
        self._phase = phase
        self._allowed = seconds
        self._alarm.reschedule(min(self._deadline, self._now() + seconds))

    def _timed_out(self) -> AttemptFailed:
        if self._now() >= self._deadline:
            return _failed(
                "timeout", f"no answer within {self._timeouts.total:g} s, all attempts together", again=False
            )
        return _failed("timeout", f"{self._phase} within {self._allowed:g} s")


def _outgoing(
    request: ModelRequest, content: bytes, endpoint: Endpoint, url: SplitResult, timeouts: Timeouts, attempt: _Attempt
) -> httpcore.Request:
    headers = {
        "host": _host(url) + (f":{url.port}" if url.port else ""),
        "accept": "application/json, text/event-stream" if request.stream else "application/json",
        # A compressed stream arrives in lumps, which would distort the time to the first token.
        "accept-encoding": "identity" if request.stream else "gzip",
        "content-type": "application/json",
        "content-length": str(len(content)),
        "user-agent": "pytest-llmeval",
    }
    headers.update((name.lower(), value) for name, value in request.headers.items())
    if endpoint.api_key is not None:
        headers.update(
            (name.lower(), value) for name, value in endpoint.provider.authorization(endpoint.api_key).items()
        )
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable() and value == value.strip()):
            raise _unfit_header(name, endpoint)
    target = url.path.rstrip("/") + request.path + (f"?{url.query}" if url.query else "")
    return httpcore.Request(
        "POST",
        httpcore.URL(
            scheme=url.scheme, host=(url.hostname or "").encode("idna"), port=url.port, target=target.encode("ascii")
        ),
        headers=[(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()],
        content=content,
        extensions={"timeout": {"connect": timeouts.connect}, "trace": attempt.trace},
    )


def _host(url: SplitResult) -> str:
    host = (url.hostname or "").encode("idna").decode("ascii")
    return f"[{host}]" if ":" in host else host


def _unfit_header(name: str, endpoint: Endpoint) -> AttemptFailed:
    secret = {header.lower() for header in endpoint.provider.authorization("")}
    if name in secret:
        words = "the API key holds a space, a line break or another character that no header may carry"
        return _failed("authentication", words)
    return _failed("bad_request", f"the header {first_line(name, 40)} holds characters that no header may carry")


def _decoder(encoding: str) -> Any:
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding in ("gzip", "x-gzip", "deflate"):
        return zlib.decompressobj(zlib.MAX_WBITS | 32)
    raise _failed("malformed", f"the response is compressed as {first_line(encoding, 30)!r}, which was not asked for")


def _json_object(content: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(content, parse_constant=lambda _: None)  # some servers write NaN
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _broken(error: Exception, endpoint: Endpoint, phase: str) -> AttemptFailed:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            words = f"the server's certificate is not trusted: {first_line(cause.verify_message, 100)}"
            advice = "set SSL_CERT_FILE to the certificates your network uses"
            return _failed("connection", words, again=False, advice=advice)
        if isinstance(cause, ssl.SSLError):
            return _failed(
                "connection", f"no TLS connection: {_words(cause)}", again=False, advice="is it an http server?"
            )
        if isinstance(cause, socket.gaierror):
            unknown = cause.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
            words = "no such host" if unknown else f"the host's name could not be looked up: {_words(cause)}"
            return _failed("connection", words, again=not unknown, advice="check base_url and the network")
        if isinstance(cause, ConnectionRefusedError):
            local = is_loopback(urlsplit(endpoint.base_url).hostname or "")
            return _failed("connection", "connection refused", again=not local, advice="is the server running?")
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpcore.ProxyError):
        return _failed("connection", f"the proxy said {_words(error)}", again=False, advice="check HTTPS_PROXY")
    when = {"no connection": "while connecting", "no first byte": "before the answer"}.get(phase, "within the answer")
    return _failed("connection", f"the connection broke {when}: {_words(error)}")


def _words(error: BaseException) -> str:
    return first_line(str(error), 120) or type(error).__name__


def _failed(
    kind: ProviderErrorKind, words: str, *, again: bool | None = None, advice: str | None = None
) -> AttemptFailed:
    return AttemptFailed(ProviderError(words, kind=kind), again=again, advice=advice)
