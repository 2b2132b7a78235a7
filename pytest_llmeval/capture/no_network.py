"""Refuses connections of this process to models, in sessions that replay.

An audit hook of the interpreter sees each look-up of a name and each connection before it is made, whichever
library makes it. A proxy hides where a connection leads: there the name is taken from the request to the proxy where
`http.client` sends it, and from what TLS asks for. A hook cannot be taken out again, so a process gets one, which does
nothing unless the innermost session replays.

Most sessions that replay connect to nothing: what tells models from other servers is imported when one does.
"""

from __future__ import annotations

import errno
import mmap
import os
import re
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from functools import wraps
from ipaddress import ip_address
from typing import Any, NamedTuple
from weakref import WeakSet

from pytest_llmeval.errors import RefusedInReplay
from pytest_llmeval.text import first_line

_ANCHOR = "_llmeval_no_network"  # on sys: a copy of this module that is imported later must find the hook
_CURRENT_TEST = "PYTEST_CURRENT_TEST"  # set by pytest
_LONGEST = 256  # bytes
_THIS_MACHINE = "127.0.0.1"
_THROUGH_PROXY = re.compile(rb"(?:CONNECT ([^\s/]+)|[A-Z]+ (https?://\S+)) HTTP/1\.[01]\r\n")


TOLD_LATER = (
    "only a later captured call showed that a model is served there; name it as base_url of the model in "
    "[tool.llmeval], or record again with --llm-record"
)
"""Of a connection that was made in replay."""


class Refusal(NamedTuple):
    """A connection that was not made.

    Attributes:
        server: host and port.
        during: the test and its phase as pytest names them, "" outside of tests.
        made: whether it was made after all: nothing said before that a model is served there.
    """

    server: str
    during: str
    made: bool = False

    @property
    def message(self) -> str:
        """What the application is told."""
        if self.made:
            return f"--llm-mode=replay connected to {self.server}, and {TOLD_LATER}"
        return (
            f"--llm-mode=replay refused a connection to {self.server}, where a model is served; record the "
            "call with --llm-record in a test with llm_capture (httpx, requests, aiohttp, boto3) or llm_gateway (other "
            "clients and processes, by its address), or run in another mode"
        )


class NoNetwork:
    """What one session refuses.

    Args:
        configured: host and port of each model of the configuration; asked at each connection.
        recorded: host and port of each server that recorded calls of applications went to; asked at each connection.

    Attributes:
        refusals: what was refused and belongs to no case yet.
    """

    def __init__(
        self,
        configured: Callable[[], Iterable[tuple[str, int]]],
        recorded: Callable[[], Iterable[tuple[str, int]]] = tuple,
    ) -> None:
        self.refusals: list[Refusal] = []
        self._configured = configured
        self._recorded = recorded
        self._captured: set[tuple[str, int]] = set()  # what captured calls of this session were meant for
        self._made: dict[tuple[str, int], str] = {}  # connections that were let through, and during which test
        self._names: dict[str, set[str]] = {}  # of configured hosts, by address
        self._listening: WeakSet[socket.socket] = WeakSet()
        self._wrapped: dict[str, Callable[..., Any]] = {}
        self._process = os.getpid()
        self._around = os.environ.get(_CURRENT_TEST, "")  # a test that runs the whole session
        self._of_a_child = mmap.mmap(-1, _LONGEST)  # which children share; holds the server that was refused last
        self._looks_up: int | None = None  # the thread that does so for us
        self.watched: dict[str, Callable[..., None]] = {
            "socket.getaddrinfo": self._on_lookup,
            "socket.gethostbyname": self._on_lookup,
            "socket.gethostbyaddr": self._on_lookup,
            "socket.connect": self._on_connect,
            "socket.bind": self._on_bind,
            "http.client.send": self._on_send,
        }

    def gather(self) -> None:
        """Add to the refusals what a process that was forked from this one was refused last."""
        if server := self._of_a_child[:].rstrip(b"\0").decode("utf-8", "replace"):
            self._of_a_child[:] = bytes(_LONGEST)
            self.refusals.append(Refusal(server, self._during()))

    def learn(self, host: str, port: int) -> None:
        """Refuse a server from now on, which a captured call was meant for.

        A connection to it that was made before is among the refusals, since it asked a model.
        """
        self._captured.add((host, port))
        place = _place(host), port
        during = self._made.pop(place, None)
        if during is not None and place in self._places():
            self.refusals.append(Refusal(f"{host}:{port}", during, made=True))

    def close(self) -> None:
        """Leave TLS as it was."""
        if self._wrapped:
            import ssl

            for name, original in self._wrapped.items():
                if getattr(getattr(ssl.SSLContext, name), "__wrapped__", None) is original:
                    setattr(ssl.SSLContext, name, original)

    def _on_lookup(self, host: Any, port: Any = None, *_: Any) -> None:
        if self._looks_up == threading.get_ident():
            return
        name = _text(host)
        # A server may be started on a port of this machine, which is looked up too: wait for who connects.
        if name is None or not name or _place(name) == _THIS_MACHINE:
            return
        number = _number(port)
        self._check(name, number)
        if _place(name) in {_place(host) for host, _ in self._servers()}:
            self._learn(name)

    def _on_connect(self, connecting: Any, address: Any) -> None:
        if getattr(connecting, "family", None) not in (socket.AF_INET, socket.AF_INET6):
            return
        host, port = _text(address[0]), _number(address[1])
        if host is None:
            return
        self._stand_before_tls()
        for name in (host, *self._names.get(_place(host), ())):
            self._check(name, port)

    def _on_bind(self, binding: Any, _: Any) -> None:
        if isinstance(binding, socket.socket):
            self._listening.add(binding)

    def _on_send(self, _: Any, data: Any) -> None:
        found = _THROUGH_PROXY.match(data) if isinstance(data, (bytes, bytearray)) else None
        if found is not None:
            from pytest_llmeval.capture.addresses import server_of

            url = b"https://" + found[1] if found[1] else found[2]
            if server := server_of(url.decode("latin-1")):
                self._check(*server)

    def _on_tls(self, host: Any) -> None:
        name = _text(host)
        if name and _place(name) != _THIS_MACHINE:
            named = {_place(other): port for other, port in self._servers()}
            self._check(name, named.get(_place(name)))

    def _check(self, host: str, port: int | None) -> None:
        """Refuse a connection to a model.

        Raises:
            RefusedInReplay: it is one.
        """
        from pytest_llmeval.formats.model_hosts import is_model_host

        if is_model_host(host) or (port is not None and (_place(host), port) in self._places()):
            server = first_line(host, 100) if port is None else f"{first_line(host, 100)}:{port}"
            refusal = Refusal(server, self._during())
            if os.getpid() == self._process:
                self.refusals.append(refusal)
            else:
                self._of_a_child[:] = server.encode()[:_LONGEST].ljust(_LONGEST, b"\0")
            raise RefusedInReplay(errno.ECONNREFUSED, refusal.message)
        if port is not None:
            self._made.setdefault((_place(host), port), self._during())

    def _during(self) -> str:
        test = os.environ.get(_CURRENT_TEST, "")
        return "" if test == self._around else test

    def _places(self) -> set[tuple[str, int]]:
        return {(_place(host), port) for host, port in self._servers()}

    def _servers(self) -> set[tuple[str, int]]:
        """What models are served by, as the configuration, the environment, recordings and captured calls say now.

        All but the configuration may name a server of this very process, which is a test's own, or our gateway.
        """
        from pytest_llmeval.capture.addresses import servers_named

        own = {_port_of(one) for one in list(self._listening)}
        named = {
            (host, port)
            for host, port in {*servers_named(os.environ), *self._recorded(), *self._captured}
            if not (port in own and _place(host) == _THIS_MACHINE)
        }
        return named.union(self._configured())

    def _learn(self, name: str) -> None:
        """Note the addresses of a configured host that is looked up without its port, or for another one."""
        self._looks_up = threading.get_ident()
        try:
            found = socket.getaddrinfo(name, None)
        except OSError:
            return
        finally:
            self._looks_up = None
        for *_, address in found:
            self._names.setdefault(_place(str(address[0])), set()).add(name)

    def _stand_before_tls(self) -> None:
        """See which host TLS is asked for; late, since most sessions that replay connect to nothing."""
        if self._wrapped:
            return
        import ssl

        for name, place in (("wrap_socket", 4), ("wrap_bio", 3)):
            original = getattr(ssl.SSLContext, name)
            self._wrapped[name] = original
            setattr(ssl.SSLContext, name, _asking(self._on_tls, original, place))


def _asking(on_tls: Callable[[Any], None], original: Callable[..., Any], place: int) -> Callable[..., Any]:
    @wraps(original)
    def wrap(context: Any, *args: Any, **kwargs: Any) -> Any:
        if in_use() is not None:
            on_tls(kwargs.get("server_hostname", args[place] if len(args) > place else None))
        return original(context, *args, **kwargs)

    return wrap


def begin(session: NoNetwork | None) -> None:
    """Start a session within those there are.

    Args:
        session: what it refuses; None when it refuses nothing.
    """
    sessions: list[NoNetwork | None] | None = getattr(sys, _ANCHOR, None)
    if sessions is None:
        sessions = []
        setattr(sys, _ANCHOR, sessions)
        sys.addaudithook(_hook(sessions))
    sessions.append(session)


def end() -> None:
    """End the innermost session."""
    sessions: list[NoNetwork | None] = getattr(sys, _ANCHOR, [])
    session = sessions.pop() if sessions else None
    if session is not None:
        session.close()


def in_use() -> NoNetwork | None:
    """What the innermost session refuses, None when that is nothing."""
    sessions: list[NoNetwork | None] = getattr(sys, _ANCHOR, [])
    return sessions[-1] if sessions else None


def _hook(sessions: list[NoNetwork | None]) -> Callable[[str, tuple[Any, ...]], None]:
    def hook(event: str, args: tuple[Any, ...]) -> None:
        # Called for each import, each file that is opened and much else: look at as little as possible.
        if event[:7] in ("socket.", "http.cl") and sessions and sessions[-1] is not None:
            watch = sessions[-1].watched.get(event)
            if watch is not None:
                watch(*args)

    return hook


def _text(host: Any) -> str | None:
    if isinstance(host, (bytes, bytearray)):
        return bytes(host).decode("utf-8", "replace")
    return host if isinstance(host, str) else None


def _number(port: Any) -> int | None:
    text = _text(port)
    if text is None:
        return port if isinstance(port, int) and port > 0 else None
    if text.isdigit():
        return int(text) or None
    return {"http": 80, "https": 443}.get(text)


def _place(host: str) -> str:
    """A host in one spelling; all that mean this machine are one."""
    from pytest_llmeval.config.base_url import is_loopback, plain_host

    name = plain_host(host)
    if is_loopback(name):
        return _THIS_MACHINE
    try:
        address = ip_address(name)
    except ValueError:
        return name
    return _THIS_MACHINE if address.is_unspecified else str(getattr(address, "ipv4_mapped", None) or address)


def _port_of(listening: socket.socket) -> int:
    try:
        return int(listening.getsockname()[1])
    except (OSError, IndexError, TypeError, ValueError):
        return 0  # closed, or of no network
