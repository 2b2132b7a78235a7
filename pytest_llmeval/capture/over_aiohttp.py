"""Intercepts calls of models by aiohttp: they go by our own loopback server, which answers them or sends them on.

Its middlewares and connectors belong to one session each, and an answer of its own making is made of what is private
to it. So each request takes another address, and the client reads the response as it reads any other.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from types import ModuleType
from typing import Any

from pytest_llmeval.capture.clients import MARK, is_captured
from pytest_llmeval.formats.recognise import may_ask_a_model

_leads: Callable[[str], str] | None = None


def lead(new: Callable[[str], str] | None) -> Callable[[str], str] | None:
    """Say from now on which address stands for another, or that none does; returns what said so before."""
    global _leads
    before, _leads = _leads, new
    return before


def stand_before_aiohttp(client: ModuleType) -> None:
    """Intercept what goes through sessions of aiohttp, wherever they were made.

    Args:
        client: the module ``aiohttp.client``.
    """
    original = getattr(client.ClientSession, "_request", None)
    if original is None:  # its calls pass by, and a test whose application asks by them alone is an error that says so
        return
    original = getattr(original, MARK, original)

    @wraps(original)
    async def request(self: Any, method: str, str_or_url: Any, **options: Any) -> Any:
        url = None
        if _leads is not None and method.upper() == "POST" and not is_captured.get():
            url = _address(getattr(self, "_build_url", client.URL), str_or_url)
        if _leads is None or url is None:
            return await original(self, method, str_or_url, **options)
        there = client.URL(_leads(str(url)), encoded=True)
        response = await original(self, method, there, **{**options, "proxy": None})
        with suppress(AttributeError):
            response._url = response._real_url = url  # which an application may show
        return response

    setattr(request, MARK, original)
    client.ClientSession._request = request


def _address(build: Callable[[Any], Any], str_or_url: Any) -> Any:
    """The whole address of a request that may ask a model, None for others."""
    try:
        url = build(str_or_url)
    except (TypeError, ValueError):  # aiohttp says what is wrong with it
        return None
    plain = url.scheme in ("http", "https") and url.host and url.raw_user is None
    return url if plain and may_ask_a_model(url.path) else None
