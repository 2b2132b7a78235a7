"""One attempt: a request goes out, or a function of the user is called; an answer comes back, or the reason why not."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Future
from functools import lru_cache
from inspect import isawaitable
from typing import Any

import httpx

from pytest_llmeval.config.base_url import is_loopback
from pytest_llmeval.engine.answer_reader import AnswerReader
from pytest_llmeval.engine.attempts import AttemptFailed, more_time
from pytest_llmeval.engine.aws_signature import signed
from pytest_llmeval.engine.call import Endpoint, EngineCall, EngineRules, Response, Timeouts
from pytest_llmeval.engine.connections import Connections, ProxiedConnection
from pytest_llmeval.engine.fulfilled import settle
from pytest_llmeval.engine.transport import Connection
from pytest_llmeval.errors import ProviderError, ProviderErrorKind
from pytest_llmeval.formats.base import CallingProvider
from pytest_llmeval.text import first_line

_DRAIN = 0.2  # seconds a finished stream gets to end properly, so that its connection can be used again

_ENCODINGS = {"", "identity", "gzip", "deflate"}


async def exchange(connections: Connections, call: EngineCall, rules: EngineRules, deadline: float) -> Response:
    """Send a request once.

    Args:
        connections: where to get a connection.
        call: what to send, and where to.
        rules: the timeouts and the size of a response; `deadline` is the end of `Timeouts.total`.
        deadline: on the loop's clock.

    Raises:
        AttemptFailed: there is no answer.
    """
    try:
        url = _address(call.endpoint.base_url, call.request.path)
    except (httpx.InvalidURL, ValueError):
        raise _failed("bad_request", "base_url or path is no valid address", again=False) from None
    headers = _headers(call, url)
    if call.endpoint.signs:
        headers = await _signed(call, url, headers)
    try:
        connection = connections.take(url)
    except (ValueError, httpx.InvalidURL, ImportError, OSError) as error:
        advice = None if isinstance(error, OSError) else "check HTTP_PROXY and HTTPS_PROXY"
        raise _failed("connection", f"no connection: {_words(error)}", again=False, advice=advice) from None
    attempt = _Attempt(call, rules, deadline, connection)
    try:
        return await attempt.run(url, headers)
    finally:
        if attempt.reusable:
            connections.give_back(url, connection)
        else:
            await connection.aclose()


class _Attempt:
    """The clock and the state of one attempt."""

    def __init__(
        self, call: EngineCall, rules: EngineRules, deadline: float, connection: Connection | ProxiedConnection
    ) -> None:
        self.reusable = False
        self._connection = connection
        self._call = call
        self._timeouts = call.endpoint.timeouts or rules.timeouts
        self._largest = rules.largest_response
        self._deadline = deadline
        self._now = asyncio.get_running_loop().time
        self._sent_at = self._now()
        self._phase = "no connection"
        self._allowed = self._timeouts.connect
        self._alarm = asyncio.timeout_at(deadline)

    async def trace(self, step: str, _: Mapping[str, Any]) -> None:
        """Called by the connection: the clocks start when the request is sent, not when the connection is opened."""
        if step == "http11.send_request_headers.started":
            self._sent_at = self._now()
            self._expect("no first byte", self._timeouts.first_byte)

    async def run(self, url: httpx.URL, headers: dict[str, str]) -> Response:
        request = httpx.Request(
            "POST",
            url,
            headers=headers,
            stream=httpx.ByteStream(self._call.content),  # takes a quarter of the time that `content` does
            extensions={"timeout": {"connect": self._timeouts.connect}, "trace": self.trace},
        )
        try:
            async with self._alarm:
                response = await self._connection.handle_async_request(request)
                try:
                    return await self._read(response)
                finally:
                    await response.aclose()
        except (TimeoutError, httpx.TimeoutException):  # only connecting has a timeout of httpx's
            raise self._timed_out() from None
        except (httpx.TransportError, OSError) as error:
            raise _broken(error, self._call.endpoint, self._phase) from None

    async def _read(self, response: httpx.Response) -> Response:
        headers = dict(response.headers.multi_items())
        self._expect("no further byte", self._timeouts.idle)
        reader = AnswerReader(self._call.endpoint.provider, stream=self._call.request.stream, largest=self._largest)
        reader.begins(response.status_code, headers)
        try:
            return await self._answer(response, reader)
        except BaseException:  # a timeout cancels
            if reader.generated and self._call.wasted is not None:
                self._call.wasted()
            raise

    async def _answer(self, response: httpx.Response, reader: AnswerReader) -> Response:
        chunks = self._decoded(response, response.headers.get("content-encoding", ""))  # of all lines of that name
        async for chunk in chunks:
            reader.take(chunk, self._latency)
            if reader.done:
                break
        try:
            answer = reader.response(self._latency)
        except ProviderError as error:
            # Nothing of a broken answer was handed on, so it may be asked for again.
            again = True if reader.broken and error.kind == "malformed" else None
            self.reusable = not (reader.streams or reader.done)
            raise AttemptFailed(error, again=again) from None
        self.reusable = await self._drained(chunks) if reader.streams else not reader.done
        return answer

    @property
    def _latency(self) -> float:
        """Seconds from sending the request to the arrival of the last piece that was read."""
        return self._connection.received_at - self._sent_at

    async def _drained(self, chunks: AsyncIterator[bytes]) -> bool:
        try:
            async with asyncio.timeout(_DRAIN):
                async for _ in chunks:
                    pass
        except (TimeoutError, AttemptFailed, httpx.TransportError, OSError):
            return False
        return True

    async def _decoded(self, response: httpx.Response, encoding: str) -> AsyncIterator[bytes]:
        """The body's bytes without their compression, each piece restarting the clock, their number limited."""
        if encoding.strip().lower() not in _ENCODINGS:  # of several, one within another, a few bytes hold terabytes
            words = f"the response is compressed as {first_line(encoding, 30)!r}, which was not asked for"
            raise _failed("malformed", words)
        left = self._largest
        # To decode httpx runs three generators, one within another, even where there is nothing to decode.
        pieces: Any = response.aiter_bytes() if encoding.strip() else response.stream
        try:
            async for chunk in pieces:
                self._expect("no further byte", self._timeouts.idle)
                left -= len(chunk)
                if left < 0:
                    size = f"{self._largest / 2**20:g} MB" if self._largest >= 2**20 else f"{self._largest} bytes"
                    raise _failed("malformed", f"the response is larger than {size}", again=False)
                yield chunk
        except httpx.DecodingError:
            raise _failed("malformed", "the response's compression is broken", again=True) from None

    def _expect(self, phase: str, seconds: float) -> None:
        self._phase = phase
        self._allowed = seconds
        self._alarm.reschedule(min(self._deadline, self._sent_at + self._timeouts.answer, self._now() + seconds))

    def _timed_out(self) -> AttemptFailed:
        now, timeouts = self._now(), self._timeouts
        if now >= self._deadline:
            return _out_of_time(self._call.endpoint, timeouts)
        if self._phase == "no connection":
            return _failed("timeout", f"{self._phase} within {self._allowed:g} s")
        words = f"{self._phase} within {self._allowed:g} s"
        if self._phase == "no further byte" and now >= self._sent_at + timeouts.answer:
            words = f"no whole answer within {timeouts.answer:g} s"
        return _failed("timeout", words, advice=more_time(self._call.endpoint, timeouts))


def _headers(call: EngineCall, url: httpx.URL) -> dict[str, str]:
    """The headers of a request.

    Raises:
        AttemptFailed: one of them cannot be sent.
    """
    request, endpoint = call.request, call.endpoint
    headers = {
        "host": url.netloc.decode("ascii"),
        "accept": "application/json, text/event-stream" if request.stream else "application/json",
        # A compressed stream arrives in lumps, which would distort the time to the first token.
        "accept-encoding": "identity" if request.stream else "gzip",
        "content-type": "application/json",
        "content-length": str(len(call.content)),
        "user-agent": "pytest-llmeval",
    }
    headers.update((name.lower(), value) for name, value in request.headers.items())
    own = endpoint.headers
    if own is None and endpoint.api_key is not None:
        own = endpoint.provider.authorization(endpoint.api_key)
    headers.update((name.lower(), value) for name, value in (own or {}).items())
    headers.update((name.lower(), value) for name, value in endpoint.extra.items())
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable() and value == value.strip()):
            raise _unfit_header(name, endpoint)
    return headers


async def _signed(call: EngineCall, url: httpx.URL, headers: dict[str, str]) -> dict[str, str]:
    """The headers with AWS's signature; on a thread, since credentials may have to be fetched.

    Raises:
        AttemptFailed: there are none.
    """
    try:
        return dict(await _on_thread(lambda: signed(str(url), headers, call.content)))
    except ProviderError as error:
        raise AttemptFailed(error, again=False) from None


_OF_ANOTHER_TIME = {9, 10}  # OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED


@lru_cache(maxsize=64)
def _address(base_url: str, path: str) -> httpx.URL:
    """The path below the base URL, whose query is kept."""
    base = httpx.URL(base_url)
    above, _, query = base.raw_path.partition(b"?")
    joint = b"&" if "?" in path else b"?"
    return base.copy_with(raw_path=above.rstrip(b"/") + path.encode() + (joint + query if query else b""))


def _unfit_header(name: str, endpoint: Endpoint) -> AttemptFailed:
    secret = {header.lower() for header in endpoint.provider.authorization("")}
    if name in secret:
        words = "the API key holds a space, a line break or another character that no header may carry"
        return _failed("authentication", words)
    return _failed("bad_request", f"the header {first_line(name, 40)} holds characters that no header may carry")


def _broken(error: Exception, endpoint: Endpoint, phase: str) -> AttemptFailed:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            words = f"the server's certificate is not trusted: {first_line(cause.verify_message, 100)}"
            advice = "set SSL_CERT_FILE to the certificates your network uses"
            if cause.verify_code in _OF_ANOTHER_TIME:
                advice = "is this machine's clock right?"
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
            local = is_loopback(httpx.URL(endpoint.base_url).host)
            return _failed("connection", "connection refused", again=not local, advice="is the server running?")
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.ProxyError):
        return _failed("connection", f"the proxy said {_words(error)}", again=False, advice="check HTTPS_PROXY")
    when = {"no connection": "while connecting", "no first byte": "before the answer"}.get(phase, "within the answer")
    return _failed("connection", f"the connection broke {when}: {_words(error)}")


def _words(error: BaseException) -> str:
    return first_line(str(error), 120) or type(error).__name__


def _failed(
    kind: ProviderErrorKind, words: str, *, again: bool | None = None, advice: str | None = None
) -> AttemptFailed:
    return AttemptFailed(ProviderError(words, kind=kind), again=again, advice=advice)


def _out_of_time(endpoint: Endpoint, timeouts: Timeouts) -> AttemptFailed:
    words = f"no answer within {timeouts.total:g} s, all attempts together"
    return _failed("timeout", words, again=False, advice=more_time(endpoint, timeouts))


async def called(call: EngineCall, provider: CallingProvider, rules: EngineRules, deadline: float) -> Response:
    """Get an answer by a call instead of HTTP.

    Args:
        call: with what.
        provider: what to call.
        rules: of the timeouts only those for an answer and for all attempts count.
        deadline: on the loop's clock. The thread of a call that takes longer is left to itself.

    Raises:
        AttemptFailed: there is no answer.
    """
    now = asyncio.get_running_loop().time
    started = now()
    timeouts = call.endpoint.timeouts or rules.timeouts
    try:
        async with asyncio.timeout_at(min(deadline, started + timeouts.answer)):
            body = await _on_thread(lambda: provider.call(call.request))
            if isawaitable(body):
                body = await body
        latency = now() - started
        return Response(body=body, answer=provider.answer(body), latency=latency)
    except TimeoutError:
        if now() >= deadline:
            raise _out_of_time(call.endpoint, timeouts) from None
        advice = more_time(call.endpoint, timeouts)
        raise _failed("timeout", f"no answer within {timeouts.answer:g} s", advice=advice) from None
    except ProviderError as error:
        raise AttemptFailed(error) from None
    except Exception as error:
        raise _failed("bad_request", first_line(str(error), 200)) from None


async def _on_thread(function: Callable[[], Any]) -> Any:
    """The function's result; not by the loop's executor, whose few threads Python waits for when it exits."""
    future: Future[Any] = Future()

    def run() -> Any:
        try:
            return function()
        except ProviderError:
            raise
        except BaseException as error:  # any: even SystemExit must not stop the engine
            raise RuntimeError(f"{type(error).__name__}: {error}") from None

    threading.Thread(target=settle, args=(future, run), name="llmeval-call", daemon=True).start()
    return await asyncio.wrap_future(future)
