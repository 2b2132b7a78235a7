"""Intercepts calls of models by requests and by botocore, whose responses are made of those of urllib3.

Of requests the method is replaced that says which adapter sends a request, and of botocore the one by which all its
clients send, whenever they were made: its events are those of one client each.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Generator, Iterator, Mapping
from copy import copy
from functools import wraps
from importlib import import_module
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool

from pytest_llmeval.capture.clients import (
    MARK,
    Broken,
    OwnCall,
    Wait,
    begun,
    listener,
    seen,
    watching,
)
from pytest_llmeval.capture.own_timeouts import Timed
from pytest_llmeval.formats.recognise import may_ask_a_model
from pytest_llmeval.formats.replay import Delivery

_ENCODED = ("content-encoding", "content-length")  # it is handed on decoded


class _Pieces(io.RawIOBase):
    """A file that reads pieces, of whatever size each is."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._left:
            self._left = next(self._pieces, b"")
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size


class _Body(HTTPResponse):
    """A response whose body comes in these pieces, each handed on as it comes."""

    def __init__(
        self, status: int, headers: Mapping[str, str], pieces: Iterator[bytes], closes: Callable[[], object]
    ) -> None:
        super().__init__(_Pieces(pieces), headers, status, preload_content=False, decode_content=False)
        self._parts = pieces
        self._closes = closes

    def stream(self, amt: int | None = 2**16, decode_content: bool | None = None) -> Generator[bytes]:
        yield from self._parts
        self.close()

    def close(self) -> None:
        super().close()
        self._closes()


def _delivered(step: Delivery, patience: float | None, timed_out: Callable[[str], Exception]) -> _Body:
    """The response with an answer; a client that would have given up by then gets its timeout."""
    in_time = step.in_time({"timeout": {"read": patience}}) if isinstance(step, Timed) else None

    def pieces() -> Iterator[bytes]:
        yield from step.chunks[:in_time]
        if in_time is not None and isinstance(step, Timed):
            step.gave_up()
            raise timed_out(f"the answer took {step.seconds:.3g} s")

    if in_time == 0:
        next(pieces())
    return _Body(step.status, step.headers, pieces(), lambda: None)


def _watched(raw: Any, status: int, headers: Mapping[str, str], call: OwnCall) -> _Body:
    kept = {name: value for name, value in headers.items() if name.lower() not in _ENCODED}
    call.begins(status, {name.lower(): value for name, value in kept.items()})

    def pieces() -> Iterator[bytes]:
        with watching(call):
            for piece in raw.stream(2**16, decode_content=True):
                yield seen(call, piece)

    def close() -> None:
        call.ends(whole=False)
        raw.close()

    return _Body(status, kept, pieces(), close)


def _content(body: Any) -> bytes | None:
    """The bytes of a request's body, None when they can be read only once."""
    if isinstance(body, str):
        return body.encode()
    return bytes(body) if isinstance(body, bytes | bytearray) else b"" if body is None else None


def _asks(url: str) -> bool:
    return listener() is not None and may_ask_a_model(urlsplit(url).path)


def _ended(step: Delivery | Wait | OwnCall | None) -> Delivery | OwnCall | None:
    if not isinstance(step, Wait):
        return step
    step.future.exception()  # waits
    return step.end()


def stand_before_requests(sessions: ModuleType) -> None:
    """Intercept what goes through sessions of requests, wherever they were made.

    Args:
        sessions: the module ``requests.sessions``.
    """
    adapters, exceptions = import_module("requests.adapters"), import_module("requests.exceptions")

    class Capturing(adapters.HTTPAdapter):  # type: ignore[name-defined, misc]
        def __init__(self, choose: Callable[[str], Any]) -> None:  # without a pool of its own
            self._choose = choose

        def send(self, request: Any, **options: Any) -> Any:
            content = _content(request.body)
            inner = self._choose(request.url)
            if content is None:
                return inner.send(request, **options)
            try:
                plain = _is_plain(inner, request.url, options)
                step = _ended(begun(request.method, request.url, request.headers, content, plain=plain))
            except Broken as broken:
                error = exceptions.ReadTimeout if broken.timed_out else exceptions.ConnectionError
                raise error(str(broken), request=request) from None
            if step is None:
                return inner.send(request, **options)
            if isinstance(step, Delivery):
                patience = _patience(options.get("timeout"))
                raw = _delivered(step, patience, lambda words: exceptions.ReadTimeout(words, request=request))
                return self.build_response(request, raw)
            return self._sent(request, options, step)

        def _sent(self, request: Any, options: Any, call: OwnCall) -> Any:
            outgoing = request
            if call.instead is not None:
                outgoing = request.copy()
                outgoing.url, outgoing.body = call.instead.url, call.instead.content
                outgoing.headers.clear()
                outgoing.headers.update(call.instead.headers)
                outgoing.prepare_content_length(outgoing.body)
            try:
                response = self._choose(outgoing.url).send(outgoing, **options)
            except BaseException as error:
                call.breaks(error)
                raise
            response.raw = _watched(response.raw, response.status_code, response.headers, call)
            for name in _ENCODED:
                response.headers.pop(name, None)
            return response

    def _is_plain(adapter: Any, url: str, options: Mapping[str, Any]) -> bool:
        """Whether an adapter does no more than ours would; one with certificates, or that a mock replaced, does."""
        send = adapters.HTTPAdapter.send
        own = type(adapter) is adapters.HTTPAdapter and getattr(send, "__module__", "") == adapters.__name__
        trusts = options.get("verify") is True and not options.get("cert")
        return own and _connects() and (trusts or not url.startswith("https:")) and not options.get("proxies")

    original = sessions.Session.get_adapter
    original = getattr(original, MARK, original)

    @wraps(original)
    def get_adapter(self: Any, url: str) -> Any:
        return Capturing(lambda other: original(self, other)) if _asks(url) else original(self, url)

    setattr(get_adapter, MARK, original)
    sessions.Session.get_adapter = get_adapter


def stand_before_botocore(httpsession: ModuleType) -> None:
    """Intercept what clients of botocore and boto3 send.

    Args:
        httpsession: the module ``botocore.httpsession``.
    """
    from botocore.awsrequest import AWSResponse
    from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

    original = httpsession.URLLib3Session.send
    original = getattr(original, MARK, original)

    @wraps(original)
    def send(self: Any, request: Any) -> Any:
        content = _content(request.body) if _asks(request.url) else None
        if content is None:
            return original(self, request)
        headers = {name: _text(value) for name, value in request.headers.items()}
        try:
            trusts = getattr(self, "_verify", None) is True or not request.url.startswith("https:")
            plain = type(self) is httpsession.URLLib3Session and trusts and _connects() and not _proxies(self)
            step = _ended(begun(request.method, request.url, headers, content, plain=plain))
        except Broken as broken:
            error = ReadTimeoutError if broken.timed_out else EndpointConnectionError
            raise error(endpoint_url=request.url, error=broken) from None
        if step is None:
            return original(self, request)
        if isinstance(step, Delivery):
            patience = _patience(getattr(self, "_timeout", None))
            raw = _delivered(step, patience, lambda words: ReadTimeoutError(endpoint_url=request.url, error=words))
            return _whole(AWSResponse(request.url, step.status, step.headers, raw), request)
        outgoing = copy(request)
        outgoing.stream_output = True
        if (new := step.instead) is not None:
            outgoing.url, outgoing.body = new.url, new.content
            outgoing.headers = type(request.headers)(new.headers)
            outgoing.headers["content-length"] = str(len(new.content))
        try:
            response = original(self, outgoing)
        except BaseException as error:
            step.breaks(error)
            raise
        raw = _watched(response.raw, response.status_code, response.headers, step)
        return _whole(AWSResponse(request.url, response.status_code, dict(raw.headers), raw), request)

    def _whole(response: Any, request: Any) -> Any:
        if not request.stream_output:
            _ = response.content  # which reads it, as botocore wants it
        return response

    setattr(send, MARK, original)
    httpsession.URLLib3Session.send = send


def _connects() -> bool:
    """Whether urllib3's connections are its own, and not those of a tool that records or mocks."""
    pools = (HTTPConnectionPool, HTTPSConnectionPool)
    return all(pool.ConnectionCls.__module__.startswith("urllib3.") for pool in pools)


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _proxies(session: Any) -> bool:
    return bool(getattr(getattr(session, "_proxy_config", None), "_proxies", True))


def _patience(timeout: Any) -> float | None:
    """Seconds of silence after which a client gives up; None when it waits."""
    seconds = getattr(timeout, "read_timeout", timeout[1] if isinstance(timeout, tuple) else timeout)
    return seconds if isinstance(seconds, int | float) else None
