"""The timeouts of the application under test, which an answer that took longer must meet.

An answer that is stored, or that has arrived while the test was left, is there at once. It is handed on as it came on
the day it was asked for: a client that would have given up by then gets its timeout, in replay too. A timeout around
the call, as of `asyncio.wait_for`, is a timer of the event loop: where one is due before the answer would have been
there, that time passes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, Self

from pytest_llmeval.formats.replay import Delivery

# Of the event loop: a timer that is due has left its list before it runs, and who it wakes may have to cancel us.
_ROUNDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed(Delivery):
    """An answer that is there at once, and took its time when it was asked for.

    Attributes:
        seconds: from the request to the end of the answer.
        offsets: seconds from the request to each piece of a stream; () when it was none.
        gave_up: called when the application does not wait that long.
    """

    seconds: float
    offsets: tuple[float, ...]
    gave_up: Callable[[], None]

    @classmethod
    def of(cls, delivery: Delivery, seconds: float, offsets: tuple[float, ...], gave_up: Callable[[], None]) -> Self:
        """A delivery with its times."""
        same = {each.name: getattr(delivery, each.name) for each in fields(delivery)}
        return cls(**same, seconds=seconds, offsets=offsets, gave_up=gave_up)

    def in_time(self, extensions: Mapping[str, Any]) -> int | None:
        """How many of its chunks come before a client gives up; None for all.

        Args:
            extensions: of the request, with the client's timeouts.
        """
        silence = (extensions.get("timeout") or {}).get("read")
        if silence is None:
            return None
        moments = (0.0, *(self.offsets or (self.seconds,)))
        for place, (before, after) in enumerate(pairwise(moments)):
            if after - before > silence:
                return place * len(self.chunks) // (len(moments) - 1)
        return None

    async def passes(self) -> None:
        """Let the time pass that the answer took, as long as something may end the wait before."""
        try:
            await _pass(self.seconds)
        except BaseException:  # cancelled
            self.gave_up()
            raise


async def _pass(seconds: float) -> None:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        import trio

        if trio.current_effective_deadline() < trio.current_time() + seconds:
            await trio.sleep(seconds)
        return
    until = loop.time() + seconds
    while True:
        for _ in range(_ROUNDS):
            await asyncio.sleep(0)
        # Private to asyncio; another loop that has no such list does not let its timers be seen.
        timers = [timer.when() for timer in getattr(loop, "_scheduled", ()) if not timer.cancelled()]
        due = min(timers, default=until)
        if due >= until:
            return
        await asyncio.sleep(max(0.0, due - loop.time()))
