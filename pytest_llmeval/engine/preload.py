"""Imports what a live call needs, on the thread that calls this, before the engine's own thread starts.

httpx and its parts make loggers while they are imported, and pytest goes through all loggers before and after each
phase of a test: on another thread an import can change the table under it.
"""

from __future__ import annotations

import sys
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
    "pytest_llmeval.store.cache",
    "pytest_llmeval.store.disk",
)


_BEHIND_A_PROXY = ("anyio", "anyio._backends._asyncio", "httpcore", "httpcore._backends.anyio")
"""What httpx itself sends with; without anyio's pytest plugin it takes a tenth of a second."""


def import_all() -> None:
    """Import it all; what is not installed, or lies elsewhere in another version, is left out."""
    from urllib.request import getproxies

    for name in (*_MODULES, *(_BEHIND_A_PROXY if getproxies().keys() - {"no"} else ())):
        with suppress(ImportError):
            import_module(name)
    if "certifi" in sys.modules:
        sys.modules["certifi"].where()  # imports what reads files of packages
