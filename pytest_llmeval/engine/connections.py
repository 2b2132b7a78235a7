"""Connections to providers, one request at a time on each.

One httpx transport per connection rather than one pool for all: a pool looks through all its connections for each
request, which costs 14 ms of CPU per request at 64 connections against 0.4 ms this way. Transports rather than clients,
because a client adds cookies, redirects and log lines, none of which a model's answer needs.
"""

from __future__ import annotations

import ssl
from collections import defaultdict
from functools import cached_property

import httpx

from pytest_llmeval.config.base_url import is_loopback

_ONE = httpx.Limits(
    max_connections=1,
    max_keepalive_connections=1,
    keepalive_expiry=15.0,  # seconds; longer, and servers close the connection just when it is used again
)


class Connection(httpx.AsyncHTTPTransport):
    """An httpx transport; what replaces httpx's method while a user's test runs does not reach it."""

    handle_async_request = httpx.AsyncHTTPTransport.handle_async_request


class Connections:
    """Connections that are open and idle, by where they lead."""

    def __init__(self) -> None:
        self._idle: defaultdict[tuple[str, bytes], list[Connection]] = defaultdict(list)
        # For plain http, which never asks for one; httpx would read all certificates for each connection.
        self._trusting_nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # The first transport makes httpx import its other half: here, where no event loop is held up by that.
        Connection(verify=self._trusting_nobody)

    def take(self, url: httpx.URL) -> Connection:
        """A connection for one request: the one used last, which is the most likely to be still open, or a new one.

        Raises:
            ValueError: the proxy of the environment has an unsupported scheme.
            httpx.InvalidURL: its URL is invalid.
            ImportError: it needs a package that is not installed, as SOCKS proxies do.
            OSError: the certificates cannot be read.
        """
        idle = self._idle[url.scheme, url.netloc]
        return idle.pop() if idle else self._new(url)

    def give_back(self, url: httpx.URL, connection: Connection) -> None:
        """Keep a connection for the next request; only one that brought a whole answer."""
        self._idle[url.scheme, url.netloc].append(connection)

    async def close(self) -> None:
        """Close all idle connections, those too that are given back meanwhile."""
        while self._idle:
            _, connections = self._idle.popitem()
            for connection in connections:
                await connection.aclose()

    def _new(self, url: httpx.URL) -> Connection:
        address = _proxy_for(url)
        proxy = httpx.Proxy(address) if address else None
        if proxy is not None and proxy.url.scheme == "https":
            proxy.ssl_context = self._trusting
        return Connection(
            verify=self._trusting if url.scheme == "https" else self._trusting_nobody, limits=_ONE, proxy=proxy
        )

    @cached_property
    def _trusting(self) -> ssl.SSLContext:
        return httpx.create_ssl_context()  # one for all: building it takes tens of milliseconds


def _proxy_for(url: httpx.URL) -> str | None:
    """The proxy that httpx's clients would choose; its transports, which are used here, choose none."""
    from urllib.request import getproxies, proxy_bypass

    if is_loopback(url.host):  # a proxy cannot reach this machine's servers, whatever NO_PROXY says
        return None
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(url.host) or proxy_bypass(url.netloc.decode("ascii")):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"
