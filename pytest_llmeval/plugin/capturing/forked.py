"""Calls from a process that a test has forked: what it asks, and what comes of it, never reaches this process.

Such a process has a copy of the trial, but neither the engine nor anybody above it who knows what leaving a test for a
reply means. So it gets an ordinary exception, and the sample that forked it is told by memory that both share.
"""

from __future__ import annotations

import itertools
import mmap
import os

from pytest_llmeval.errors import ForkedCall, ReplyError
from pytest_llmeval.plugin.running.replies import Unanswered

_TRIALS = 2**16  # that are told apart
_asked = mmap.mmap(-1, _TRIALS)  # shared with children; whether one of a trial's has asked since the last look
_count = itertools.count()


class OwnProcess:
    """The process that a trial runs in."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._place = next(_count) % _TRIALS  # a child has the trial that ran when it was forked, whatever runs now
        _asked[self._place] = 0

    def check(self) -> None:
        """See that a call is made here.

        Raises:
            ForkedCall: it is made in a process that was forked from this one.
        """
        if os.getpid() != self._process:
            _asked[self._place] = 1
            raise _error()

    def review(self, error: BaseException | None) -> BaseException | None:
        """What really came out of a sample, given what left its body; see `Trial.reviews`."""
        if not _asked[self._place]:
            return error
        _asked[self._place] = 0
        return error if isinstance(error, (ReplyError, Unanswered)) else _error()


def _error() -> ForkedCall:
    return ForkedCall(
        "a model was asked by a process that the test has forked, whose calls are not seen; use llm_gateway, which "
        "sees those of other processes, or ask in the test's own process"
    )
