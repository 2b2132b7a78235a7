"""The engine's event loop: its time no test stops, and it knows when it was woken."""

from __future__ import annotations

import asyncio
import selectors

from pytest_llmeval.clock import Clock

_BUSY = 0.001  # seconds


class _Selector(selectors.DefaultSelector):
    """Notes when the system said that there is something to read.

    While the loop has something to do, the system is asked only now and then: each time gives the interpreter's lock
    away, for which the loop would have to wait once more.
    """

    woke_at = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout == 0 and Clock.monotonic() - self.woke_at < _BUSY:
            return []
        ready = super().select(timeout)
        self.woke_at = Clock.monotonic()
        return ready


class EngineLoop(asyncio.SelectorEventLoop):
    """An event loop that runs beside tests that compute.

    Each read gives the interpreter's lock away and may wait 5 ms for it. Of answers that came together the last would
    seem to have come long after the first; so all count as having come when the loop was woken.
    """

    def __init__(self) -> None:
        self._woken = _Selector()
        super().__init__(self._woken)

    def time(self) -> float:
        """Seconds on the clock that no test stops."""
        return Clock.monotonic()

    def woke_at(self) -> float:
        """When there was last something to read, on the same clock."""
        return self._woken.woke_at
