"""Intercepts calls of models between the clients of httpx and httpx2 and their transports, for a listener.

A client asks its method ``_transport_for_url`` for the transport of each request: replaced there, the transports of
clients made earlier, mounts, proxies and transports of an application's own are all seen. The method is private, so a
request through a client that answers without a network shows whether it is still asked. Where it is not, the modules'
own transports are replaced, which misses those of an application's own.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from types import ModuleType
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from pytest_llmeval.capture.own_timeouts import Timed
from pytest_llmeval.engine.aws_signature import is_signed
from pytest_llmeval.formats.base import Recognised
from pytest_llmeval.formats.recognise import in_another_format, may_ask_a_model, recognised
from pytest_llmeval.formats.replay import Delivery

MODULES = ("httpx", "httpx2")
MARK = "__llmeval_stands_before__"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A call of an application.

    Attributes:
        headers: all it would send, secrets included; names in lower case.
        plain: whether it would be sent as plain httpx sends: no proxy, no transport of the application's own, and no
            signature, which is of its very bytes.
    """

    what: Recognised
    headers: Mapping[str, str]
    plain: bool


class Broken(Exception):
    """There is no response; the application is told as its HTTP client would tell it.

    Args:
        timed_out: whether none came in time.
    """

    def __init__(self, message: str, *, timed_out: bool) -> None:
        super().__init__(message)
        self.timed_out = timed_out


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """A request."""

    url: str
    headers: Mapping[str, str]
    content: bytes


class OwnCall(Protocol):
    """A call that the application sends itself.

    Attributes:
        instead: what is sent in place of the application's request; None for that itself.
    """

    instead: Replacement | None

    @property
    def complete(self) -> bool:
        """Whether all of the answer has been seen."""

    def begins(self, status: int, headers: Mapping[str, str]) -> None:
        """The head of its response is there."""

    def take(self, chunk: bytes) -> None:
        """A piece of its body is there, and will be handed on next."""

    def ends(self, *, whole: bool) -> None:
        """Its body has ended, or is not read on."""

    def breaks(self, error: BaseException) -> None:
        """There is no response, or no more of it."""


@dataclass(frozen=True, slots=True)
class Wait:
    """The answer is on its way without the application.

    Attributes:
        future: done once it is there.
        settled: waits for that in asynchronous code.
        end: gives what comes next, once it is there; raises as `Listener.begin` does.
    """

    future: Future[Any]
    settled: Callable[[Future[Any]], Awaitable[None]]
    end: Callable[[], Delivery | OwnCall]


class Listener(Protocol):
    """What captures calls."""

    def begin(self, asked: Asked) -> Delivery | Wait | OwnCall:
        """Start a call, or give its answer at once, or have the application's own transport send it.

        What is raised goes to the application.

        Raises:
            Broken: there is no answer.
        """

    def passes_by(self, method: str, url: str) -> None:
        """A model is asked in a format that is not read. What is raised goes to the application."""


_listener: Listener | None = None
_installed: dict[str, ModuleType] = {}
is_captured: ContextVar[bool] = ContextVar("is_captured", default=False)
"""Whether a request is sent for a call that is captured already."""


def listener() -> Listener | None:
    """Who listens now.

    For the whole process, not for a context: a process runs one test at a time, and a thread of a pool that the
    application keeps would not have the context of the test that it works for, so that its calls would go out unseen.
    """
    return _listener


def listen(new: Listener | None) -> Listener | None:
    """Hand every call from now on to a listener, or to none; returns the one before."""
    global _listener
    if new is not None:
        _install()
    before, _listener = _listener, new
    return before


@contextmanager
def _captured() -> Iterator[None]:
    """What a transport asks of another library within is the call that is captured already."""
    token = is_captured.set(True)
    try:
        yield
    finally:
        is_captured.reset(token)


def _install() -> None:
    """Stand between; both modules are imported, since an application may import them only when it makes a call."""
    for name in MODULES:
        if name in sys.modules or importlib.util.find_spec(name) is not None:
            module = importlib.import_module(name)
            if _installed.get(name) is not module:  # the module may have been imported again
                _stand_between(module) if _asks(module) else _stand_in_transports(module)
                _installed[name] = module


def _asks(module: ModuleType) -> bool:
    """Whether this version's clients ask the method for their transport."""
    seen = []
    answering = module.MockTransport(lambda _: module.Response(204))

    class Client(module.Client):  # type: ignore[name-defined, misc]
        def _transport_for_url(self, url: Any) -> Any:
            seen.append(url)
            return answering

    client = Client(transport=module.MockTransport(lambda _: module.Response(204)), trust_env=False)
    with client:
        client.get("http://127.0.0.1/")
    return bool(seen) and hasattr(module.AsyncClient, "_transport_for_url")


def _stand_between(module: ModuleType) -> None:
    synchronous, asynchronous = _transports(module)
    for client, transport in ((module.Client, synchronous), (module.AsyncClient, asynchronous)):
        client._transport_for_url = _between(client._transport_for_url, transport)


def _between(original: Callable[..., Any], transport: type) -> Callable[..., Any]:
    original = getattr(original, MARK, original)  # where another copy of this module stood between before

    @wraps(original)
    def transport_for_url(self: Any, url: Any) -> Any:
        if _listener is None or not may_ask_a_model(url.path):
            return original(self, url)
        return transport(lambda other: original(self, other), url)

    setattr(transport_for_url, MARK, original)
    return transport_for_url


def _stand_in_transports(module: ModuleType) -> None:
    import pytest_llmeval.engine.connections  # noqa: F401 - keeps the method that is replaced here

    synchronous, asynchronous = _transports(module)
    send: Any = module.HTTPTransport.handle_request
    send_async: Any = module.AsyncHTTPTransport.handle_async_request
    send, send_async = getattr(send, MARK, send), getattr(send_async, MARK, send_async)

    class Original(module.BaseTransport):  # type: ignore[name-defined, misc]
        def __init__(self, own: Any) -> None:
            self.own = own

        def handle_request(self, request: Any) -> Any:
            return send(self.own, request)

    class AsyncOriginal(module.AsyncBaseTransport):  # type: ignore[name-defined, misc]
        def __init__(self, own: Any) -> None:
            self.own = own

        async def handle_async_request(self, request: Any) -> Any:
            return await send_async(self.own, request)

    @wraps(send)
    def handle_request(self: Any, request: Any) -> Any:
        if _listener is None or not may_ask_a_model(request.url.path):
            return send(self, request)
        return synchronous(lambda _: Original(self), request.url).handle_request(request)

    @wraps(send_async)
    async def handle_async_request(self: Any, request: Any) -> Any:
        if _listener is None or not may_ask_a_model(request.url.path):
            return await send_async(self, request)
        return await asynchronous(lambda _: AsyncOriginal(self), request.url).handle_async_request(request)

    setattr(handle_request, MARK, send)
    setattr(handle_async_request, MARK, send_async)
    module.HTTPTransport.handle_request = handle_request
    module.AsyncHTTPTransport.handle_async_request = handle_async_request


@contextmanager
def watching(call: OwnCall) -> Iterator[None]:
    """Tell a call how the reading of its body ends."""
    try:
        yield
    except GeneratorExit:  # left, perhaps by an application that never closes what it reads
        call.ends(whole=False)
        raise
    except BaseException as error:
        call.breaks(error)
        raise
    call.ends(whole=True)


def seen(call: OwnCall, chunk: bytes) -> bytes:
    """A piece of a body, once its call has seen it."""
    call.take(chunk)
    if call.complete:
        call.ends(whole=True)
    return chunk


def _bodies(module: ModuleType) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The bodies of responses that are watched while the application reads them."""

    class Body(module.SyncByteStream):  # type: ignore[name-defined, misc]
        def __init__(self, response: Any, call: OwnCall) -> None:
            self._response = response
            self._call = call

        def __iter__(self) -> Iterator[bytes]:
            with watching(self._call):
                for chunk in self._response.iter_bytes():
                    yield seen(self._call, chunk)

        def close(self) -> None:
            self._call.ends(whole=False)
            self._response.close()

    class AsyncBody(module.AsyncByteStream):  # type: ignore[name-defined, misc]
        def __init__(self, response: Any, call: OwnCall) -> None:
            self._response = response
            self._call = call

        async def __aiter__(self) -> AsyncIterator[bytes]:
            with watching(self._call):
                async for chunk in self._response.aiter_bytes():
                    yield seen(self._call, chunk)

        async def aclose(self) -> None:
            self._call.ends(whole=False)
            await self._response.aclose()

    return Body, AsyncBody


def _transports(module: ModuleType) -> tuple[type, type]:
    """The transports that stand between, in the terms of one of the modules."""
    body, async_body = _bodies(module)

    class Capturing(module.BaseTransport):  # type: ignore[name-defined, misc]
        def __init__(self, choose: Callable[[Any], Any], url: Any) -> None:
            self._choose = choose
            self._inner = choose(url)

        def handle_request(self, request: Any) -> Any:
            step = _begun(module, self._inner, request, request.read())
            if isinstance(step, Wait):
                step.future.exception()  # waits
                step = _unless_broken(module, step.end)
            if step is None:
                return self._inner.handle_request(request)
            if isinstance(step, Delivery):
                return _response(module, step, request)
            outgoing = _outgoing(module, request, step)
            try:
                response = self._choose(outgoing.url).handle_request(outgoing)
            except BaseException as error:
                step.breaks(error)
                raise
            return _watched(module, response, body(response, step), step)

    class AsyncCapturing(module.AsyncBaseTransport):  # type: ignore[name-defined, misc]
        def __init__(self, choose: Callable[[Any], Any], url: Any) -> None:
            self._choose = choose
            self._inner = choose(url)

        async def handle_async_request(self, request: Any) -> Any:
            step = _begun(module, self._inner, request, await request.aread())
            if isinstance(step, Wait):
                await step.settled(step.future)
                step = _unless_broken(module, step.end)
            elif isinstance(step, Timed):
                await step.passes()
            if step is None:
                return await self._inner.handle_async_request(request)
            if isinstance(step, Delivery):
                return _response(module, step, request)
            outgoing = _outgoing(module, request, step)
            try:
                with _captured():
                    response = await self._choose(outgoing.url).handle_async_request(outgoing)
            except BaseException as error:
                step.breaks(error)
                raise
            return _watched(module, response, async_body(response, step), step)

    return Capturing, AsyncCapturing


def begun(
    method: str, url: str, headers: Mapping[str, str], content: bytes, *, plain: bool
) -> Delivery | Wait | OwnCall | None:
    """The first step of a request; None when it goes its way as it is.

    Args:
        method: as in ``POST``.
        url: whole.
        headers: all it would send.
        content: the body.
        plain: as in `Asked`, whether it is signed or not.

    Raises:
        Broken: there is no answer.
    """
    listening = _listener
    if listening is None:
        return None
    headers = {name.lower(): value for name, value in headers.items()}
    what = recognised(method, url, headers, content)
    if what is not None:
        return listening.begin(Asked(what=what, headers=headers, plain=plain and not is_signed(headers)))
    if in_another_format(urlsplit(url).path):
        listening.passes_by(method, url)
    return None


def _begun(module: ModuleType, inner: Any, request: Any, content: bytes) -> Delivery | Wait | OwnCall | None:
    plain = _is_plain(module, inner)
    return _unless_broken(
        module, lambda: begun(request.method, str(request.url), request.headers, content, plain=plain)
    )


_Step = TypeVar("_Step")


def _unless_broken(module: ModuleType, step: Callable[[], _Step]) -> _Step:
    try:
        return step()
    except Broken as broken:
        error = module.ReadTimeout if broken.timed_out else module.ConnectError
        raise error(str(broken)) from None


def _is_plain(module: ModuleType, transport: Any) -> bool:
    """Whether a transport does no more than ours would; a proxy, one that signs, or what a mock replaced does."""
    transport = getattr(transport, "own", transport)
    pool = getattr(transport, "_pool", None)
    ours = {
        module.HTTPTransport: ("handle_request", "ConnectionPool"),
        module.AsyncHTTPTransport: ("handle_async_request", "AsyncConnectionPool"),
    }
    method, plain = ours.get(type(transport), ("", ""))
    return type(pool).__name__ == plain and all(_is_its_own(type(one), method) for one in (transport, pool))


def _is_its_own(owner: type, method: str) -> bool:
    """Whether a method is the one its class was written with, and has not been replaced."""
    function: Any = getattr(owner, method)
    function = getattr(function, MARK, function)
    written_in: str = getattr(function, "__globals__", {}).get("__name__", "")
    return written_in.partition(".")[0] in (*MODULES, "httpcore", "httpcore2")


def _outgoing(module: ModuleType, request: Any, call: OwnCall) -> Any:
    new = call.instead
    if new is None:
        return request
    return module.Request(
        request.method, new.url, headers=dict(new.headers), content=new.content, extensions=request.extensions
    )


def _response(module: ModuleType, delivery: Delivery, request: Any) -> Any:
    in_time = delivery.in_time(request.extensions) if isinstance(delivery, Timed) else None

    def chunks() -> Iterator[bytes]:
        yield from delivery.chunks[:in_time]
        if in_time is not None and isinstance(delivery, Timed):
            delivery.gave_up()
            raise module.ReadTimeout(f"the answer took {delivery.seconds:.3g} s", request=request)

    if in_time == 0:
        next(chunks())

    class Chunks(module.SyncByteStream, module.AsyncByteStream):  # type: ignore[name-defined, misc]
        def __iter__(self) -> Iterator[bytes]:
            yield from chunks()

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for chunk in chunks():
                yield chunk

    return module.Response(delivery.status, headers=dict(delivery.headers), stream=Chunks())


def _watched(module: ModuleType, response: Any, body: Any, call: OwnCall) -> Any:
    headers = [
        (name, value)
        for name, value in response.headers.multi_items()
        if name.lower() not in ("content-encoding", "content-length")  # it is handed on decoded
    ]
    call.begins(response.status_code, {name.lower(): value for name, value in headers})
    return module.Response(response.status_code, headers=headers, stream=body, extensions=response.extensions)
