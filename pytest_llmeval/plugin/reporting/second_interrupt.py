"""Ctrl-C once more: what has finished is saved first, and the session ends with pytest's own message."""

from __future__ import annotations

import signal
import threading
from types import FrameType

import pytest


class SecondInterrupt:
    """What SIGINT does from the first on.

    pytest would end with a traceback of its own insides, and what was about to be written would be lost.

    Attributes:
        held: whether it waits, because something is being saved; twice in that time, and it does not wait any more.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.held = True
        self._came = False
        mine = threading.current_thread() is threading.main_thread()
        if mine and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._again)
            config.add_cleanup(_as_before)

    def _again(self, _: int, __: FrameType | None) -> None:
        if not self.held:
            raise pytest.exit.Exception("interrupted again", returncode=int(pytest.ExitCode.INTERRUPTED))
        if self._came:
            raise KeyboardInterrupt
        self._came = True


def _as_before() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
