"""Connections to providers, one request at a time on each.

One pool per connection rather than one pool for all: httpcore's pool looks through all its connections for each
request, which costs 14 ms of CPU per request at 64 connections against 0.4 ms this way. httpcore instead of the httpx
client on top of it, so that what intercepts httpx calls in tests does not intercept ours.
"""

from __future__ import annotations

import ssl
from collections import defaultdict
from urllib.parse import SplitResult, unquote, urlsplit

import httpcore

__all__ = ["Connection", "Connections", "is_loopback"]

_KEEP_ALIVE = 15.0  # seconds; longer, and servers close the connection just when it is used again

Connection = httpcore.AsyncConnectionPool


class Connections:
    """Connections that are open and idle, by where they lead."""

    def __init__(self) -> None:
        self._idle: defaultdict[tuple[str, str], list[Connection]] = defaultdict(list)
        self._ssl: ssl.SSLContext | None = None

    def take(self, url: SplitResult) -> Connection:
        """A connection for one request: the one used last, which is the likeliest to be open still, or a new one.

        Raises:
            ValueError: the proxy of the environment has a URL that is none, or of a kind that is not supported.
        """
        idle = self._idle[url.scheme, url.netloc]
        return idle.pop() if idle else self._new(url)

    def give_back(self, url: SplitResult, connection: Connection) -> None:
        """Keep a connection for the next request; only one that brought a whole answer."""
        self._idle[url.scheme, url.netloc].append(connection)

    async def close(self) -> None:
        """Close all idle connections."""
        for connections in self._idle.values():
            for connection in connections:
                await connection.aclose()
        self._idle.clear()

    def _new(self, url: SplitResult) -> Connection:
        proxy = _proxy_for(url)
        context = self._ssl_context() if url.scheme == "https" or proxy else None
        if proxy is None:
            return httpcore.AsyncConnectionPool(
                ssl_context=context, max_connections=1, max_keepalive_connections=1, keepalive_expiry=_KEEP_ALIVE
            )
        parts = urlsplit(proxy)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the proxy that the environment names is no http or https URL")
        login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        return httpcore.AsyncHTTPProxy(
            proxy_url=proxy,
            proxy_auth=login,
            ssl_context=context,
            max_connections=1,
            max_keepalive_connections=1,
            keepalive_expiry=_KEEP_ALIVE,
        )

    def _ssl_context(self) -> ssl.SSLContext:
        if self._ssl is None:  # one for all: building it takes tens of milliseconds
            import certifi

            self._ssl = ssl.create_default_context()  # what the system trusts, SSL_CERT_FILE and SSL_CERT_DIR
            self._ssl.load_verify_locations(certifi.where())
        return self._ssl


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    return host in ("localhost", "::1") or host.startswith("127.")


def _proxy_for(url: SplitResult) -> str | None:
    from urllib.request import getproxies, proxy_bypass

    if is_loopback(url.hostname or ""):  # a proxy cannot reach this machine's servers, whatever NO_PROXY says
        return None
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(url.netloc.rpartition("@")[2]):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"
