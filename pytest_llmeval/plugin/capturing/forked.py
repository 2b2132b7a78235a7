"""Calls from a process that a test has forked: what it asks, and what comes of it, never reaches this process.

Such a process has a copy of the trial, but neither the engine nor anybody above it who knows what leaving a test for a
reply means. So it gets an ordinary exception, and the sample that forked it is told by memory that both share.
"""

from __future__ import annotations

import mmap
import os

from pytest_llmeval.errors import ForkedCall, ReplyError
from pytest_llmeval.plugin.running.replies import Unanswered

_asked = mmap.mmap(-1, 1)  # shared with children; whether one of them has asked since the last look


class OwnProcess:
    """The process that a trial runs in."""

    def __init__(self) -> None:
        self._process = os.getpid()

    def check(self) -> None:
        """See that a call is made here.

        Raises:
            ForkedCall: it is made in a process that was forked from this one.
        """
        if os.getpid() != self._process:
            _asked[0] = 1
            raise _error()

    def review(self, error: BaseException | None) -> BaseException | None:
        """What really came out of a sample, given what left its body; see `Trial.reviews`."""
        if not _asked[0]:
            return error
        _asked[0] = 0
        return error if isinstance(error, (ReplyError, Unanswered)) else _error()


def _error() -> ForkedCall:
    return ForkedCall(
        "a model was asked by a process that the test has forked, whose calls are not seen; use llm_gateway, which "
        "sees those of other processes, or ask in the test's own process"
    )
