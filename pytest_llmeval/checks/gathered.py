"""The failures of an answer that do not end its test at once."""

from __future__ import annotations

import sys
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType

from pytest_llmeval.errors import Unverified

_OURS = str(Path(__file__).parents[1])
_FAILURES = "llmeval_failures"


class Gathered:
    """The failures within one block, in their order.

    Attributes:
        unverified: what a check of the block could not tell, raised at its end where nothing fails.
        open: whether the block goes on. What runs longer, such as a task, fails as it would without the block.
    """

    def __init__(self) -> None:
        self.failures: list[BaseException] = []
        self.unverified: Unverified | None = None
        self.open = True

    def keeps(self, error: BaseException) -> bool:
        """Keep a failed assert; False for another exception, and after the end of the block."""
        if not self.open or not isinstance(error, AssertionError):
            return False
        if error.__traceback__ is None:
            error.__traceback__ = _here()
        self.failures += failures_of(error)
        return True


def leave_unverified(unverified: Unverified) -> None:
    """Raise what a check cannot tell: at the end of the block around it, whose other checks run as well."""
    __tracebackhide__ = True
    block = gathering.get()
    if block is None or not block.open:
        raise unverified
    block.unverified = block.unverified or unverified


gathering: ContextVar[Gathered | None] = ContextVar("llmeval_gathering", default=None)
"""What the outermost block around keeps."""


def set_failures(error: BaseException, failures: list[BaseException]) -> None:
    """Put on an exception all failures that it stands for."""
    with suppress(AttributeError):  # an exception class with __slots__
        setattr(error, _FAILURES, tuple(failures))


def failures_of(error: BaseException) -> tuple[BaseException, ...]:
    """All failures that an exception stands for; itself alone where there are no others."""
    failures: tuple[BaseException, ...] = getattr(error, _FAILURES, (error,))
    return failures


def _here() -> TracebackType | None:
    """A traceback of the user's line that runs a check."""
    frame = sys._getframe()
    while frame is not None and frame.f_code.co_filename.startswith(_OURS):
        if frame.f_back is None:
            return None
        frame = frame.f_back
    return TracebackType(None, frame, frame.f_lasti, frame.f_lineno)
