"""Connections to providers, one request at a time on each.

One transport per connection rather than one pool for all: a pool looks through all its connections for each request,
which costs 14 ms of CPU per request at 64 connections against 0.4 ms this way. Transports rather than clients, because
a client adds cookies, redirects and log lines, none of which a model's answer needs.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections import defaultdict
from functools import cached_property
from urllib import request as system

import certifi  # httpx brings it
import httpx

from pytest_llmeval.config.base_url import is_loopback
from pytest_llmeval.engine.transport import KEEP_ALIVE, Connection

_ONE = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEEP_ALIVE)


class ProxiedConnection(httpx.AsyncHTTPTransport):
    """An httpx transport; what replaces httpx's method while a user's test runs does not reach it."""

    handle_async_request = httpx.AsyncHTTPTransport.handle_async_request

    @property
    def received_at(self) -> float:
        """When the last piece came: now, since httpx does not say."""
        return asyncio.get_running_loop().time()


class Connections:
    """Connections that are open and idle, by where they lead.

    The proxies and certificates are those that the environment names when this is made.
    """

    def __init__(self) -> None:
        self._idle: defaultdict[tuple[str, bytes], list[Connection | ProxiedConnection]] = defaultdict(list)
        self._proxies = system.getproxies()
        self._environment = {name: os.environ[name] for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if name in os.environ}
        self._certificates = certifi.where()

    def take(self, url: httpx.URL) -> Connection | ProxiedConnection:
        """A connection for one request: the one used last, which is the most likely to be still open, or a new one.

        Raises:
            ValueError: the proxy of the environment has an unsupported scheme.
            httpx.InvalidURL: its URL is invalid.
            ImportError: it needs a package that is not installed, as SOCKS proxies do.
            OSError: the certificates cannot be read.
        """
        idle = self._idle[url.scheme, url.netloc]
        return idle.pop() if idle else self._new(url)

    def give_back(self, url: httpx.URL, connection: Connection | ProxiedConnection) -> None:
        """Keep a connection for the next request; only one that brought a whole answer."""
        self._idle[url.scheme, url.netloc].append(connection)

    async def close(self) -> None:
        """Close all idle connections, those too that are given back meanwhile."""
        while self._idle:
            _, connections = self._idle.popitem()
            for connection in connections:
                await connection.aclose()
        await asyncio.sleep(0)  # a closed connection lets go of its socket in the loop's next round

    def _new(self, url: httpx.URL) -> Connection | ProxiedConnection:
        trusting = self._trusting if url.scheme == "https" else None
        if (address := self.proxy_for(url)) is None:
            return Connection(trusting)
        proxy = httpx.Proxy(address)
        if proxy.url.scheme == "https":
            proxy.ssl_context = self._trusting
        # For plain http, which asks for no certificates, httpx would read all of them for each connection.
        return ProxiedConnection(verify=trusting or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), limits=_ONE, proxy=proxy)

    @cached_property
    def _trusting(self) -> ssl.SSLContext:  # one for all: building it takes tens of milliseconds
        file, folder = (self._environment.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"))
        context = ssl.create_default_context(cafile=file or (None if folder else self._certificates), capath=folder)
        context.set_alpn_protocols(["http/1.1"])
        return context

    def proxy_for(self, url: httpx.URL) -> str | None:
        """The proxy that httpx's clients would choose; its transports, which are used here, choose none."""
        if is_loopback(url.host):  # a proxy cannot reach this machine's servers, whatever NO_PROXY says
            return None
        proxy = self._proxies.get(url.scheme) or self._proxies.get("all")
        if not proxy or self._is_exempt(url.host) or self._is_exempt(url.netloc.decode("ascii")):
            return None
        return proxy if "://" in proxy else f"http://{proxy}"

    def _is_exempt(self, host: str) -> bool:
        if "no" in self._proxies:
            return bool(system.proxy_bypass_environment(host, self._proxies))  # type: ignore[attr-defined]
        return bool(system.proxy_bypass(host))
