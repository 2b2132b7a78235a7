"""Clocks that no test stops.

Tests freeze time in the very process that sends requests and dates recordings. The tools for it look through the names
of all modules, this one's too, for functions to replace; what a class holds they leave alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """Time as it really passes, whatever a test has put in the place of ``time`` and ``datetime``."""

    monotonic: Callable[[], float] = staticmethod(time.perf_counter)
    """Seconds since some moment; never goes back."""

    sleep: Callable[[float], None] = staticmethod(time.sleep)
    """Wait for so many seconds."""

    _from_timestamp = datetime.fromtimestamp
    # time-machine changes `time.time` itself, wherever it is kept; it leaves `perf_counter` alone.
    _offset = time.time() - time.perf_counter()

    @classmethod
    def now(cls) -> datetime:
        """The date and time in UTC; late by the time the machine slept since pytest started."""
        return cls._from_timestamp(cls._offset + cls.monotonic(), UTC)
