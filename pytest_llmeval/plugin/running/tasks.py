"""Waiting in an async test for what another thread makes, under asyncio or trio."""

from __future__ import annotations

import contextlib
import sys
from concurrent.futures import Future
from typing import Any


def current_task() -> int:
    """Identity of the asyncio or trio task that runs, 0 when none does."""
    # Another thread may be importing either right now, so that it is there but has no contents yet.
    running = getattr(sys.modules.get("asyncio"), "_get_running_loop", None)
    if running is None:  # private to asyncio
        return _identity_by("asyncio") or _identity_by("trio.lowlevel")
    if running() is not None:  # to have it raised takes five times as long
        return _identity_by("asyncio")
    return _identity_by("trio.lowlevel")


def _identity_by(module: str) -> int:
    current = getattr(sys.modules.get(module), "current_task", None)
    if current is not None:
        with contextlib.suppress(RuntimeError):
            return id(current())
    return 0


async def settled(future: Future[Any]) -> None:
    """Wait for a future of another thread under asyncio or trio; its exception is left in it."""
    if future.done():
        return
    import asyncio

    call_soon: Any
    arrived: Any
    try:
        call_soon, arrived = asyncio.get_running_loop().call_soon_threadsafe, asyncio.Event()
    except RuntimeError:
        import trio

        call_soon, arrived = trio.lowlevel.current_trio_token().run_sync_soon, trio.Event()

    def wake(_: Future[Any]) -> None:
        with contextlib.suppress(RuntimeError):  # the test was cancelled and its loop is closed
            call_soon(arrived.set)

    future.add_done_callback(wake)
    await arrived.wait()
