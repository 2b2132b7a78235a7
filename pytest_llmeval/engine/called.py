"""One attempt at a provider that gets its answers itself, on a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from inspect import isawaitable
from typing import Any

from pytest_llmeval.engine.response import Response, Timeouts
from pytest_llmeval.engine.retry import AttemptFailed
from pytest_llmeval.errors import ProviderError
from pytest_llmeval.providers.base import CallingProvider, ModelRequest
from pytest_llmeval.report.text import first_line

__all__ = ["called"]


async def called(provider: CallingProvider, request: ModelRequest, timeouts: Timeouts, deadline: float) -> Response:
    """Get an answer by a call instead of HTTP.

    Args:
        provider: what to call.
        request: with what.
        timeouts: of which only the total counts.
        deadline: its end on the loop's clock. The thread of a call that takes longer is left to itself.

    Raises:
        AttemptFailed: there is no answer.
    """
    now = asyncio.get_running_loop().time
    started = now()
    try:
        async with asyncio.timeout_at(deadline):
            body = await _on_thread(lambda: provider.call(request))
            if isawaitable(body):
                body = await body
        latency = now() - started
        return Response(body=body, answer=provider.answer(body), latency=latency)
    except TimeoutError:
        words = f"no answer within {timeouts.total:g} s, all attempts together"
        raise AttemptFailed(ProviderError(words, kind="timeout"), again=False) from None
    except ProviderError as error:
        raise AttemptFailed(error) from None
    except Exception as error:
        raise AttemptFailed(ProviderError(first_line(str(error), 200), kind="bad_request")) from None


async def _on_thread(function: Callable[[], Any]) -> Any:
    """The function's result; not by the loop's executor, whose few threads Python waits for when it exits."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def settle(result: Any, error: Exception | None) -> None:
        if future.done():  # cancelled meanwhile
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def run() -> None:
        result: Any = None
        problem: Exception | None = None
        try:
            result = function()
        except ProviderError as error:
            problem = error
        except BaseException as error:  # of what kind soever: one that ends a program must not end the engine
            problem = RuntimeError(f"{type(error).__name__}: {error}")
        with suppress(RuntimeError):  # the loop was closed, and nobody waits any more
            loop.call_soon_threadsafe(settle, result, problem)

    threading.Thread(target=run, name="llmeval-call", daemon=True).start()
    return await future
