"""Imports what a live call needs, on the thread that calls this, before the engine's own thread starts.

httpx and its parts make loggers while they are imported, and pytest goes through all loggers before and after each
phase of a test: on another thread an import can change the table under it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module

_MODULES = (
    "asyncio",
    "email.utils",
    "encodings.idna",
    "urllib.request",
    "certifi",
    "httpx",
    "pytest_llmeval.formats.failure",
    "pytest_llmeval.formats.openai_chat",
)
_STORE = ("pytest_llmeval.store.cache", "pytest_llmeval.store.disk")

_BEHIND_A_PROXY = ("anyio", "anyio._backends._asyncio", "httpcore", "httpcore._backends.anyio")
"""What httpx itself sends with; without anyio's pytest plugin it takes a tenth of a second."""


def import_what_stores() -> None:
    """Import what opens the store of replies."""
    _import(_STORE)


def import_all() -> None:
    """Import it all; what is not installed, or lies elsewhere in another version, is left out."""
    _import((*_MODULES, *_STORE))
    if "urllib.request" in sys.modules and sys.modules["urllib.request"].getproxies().keys() - {"no"}:
        _import(_BEHIND_A_PROXY)
    if "certifi" in sys.modules:
        sys.modules["certifi"].where()  # imports what reads files of packages


def _import(names: Iterable[str]) -> None:
    for name in names:
        with suppress(ImportError):
            import_module(name)
