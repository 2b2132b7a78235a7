"""A request on its way, and those who wait for its reply: it is hung up when the last of them has left."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from functools import partial

from pytest_llmeval.clock import Clock
from pytest_llmeval.engine.fulfilled import Fulfilled, settle


class Asked(Future[Fulfilled]):
    """The reply as one of those who wait for it gets it. Cancelling it leaves the others theirs."""

    def __init__(self, request: OnTheWay) -> None:
        super().__init__()
        self._request: OnTheWay | None = request
        self._since = Clock.monotonic()
        self._began: float | None = None

    @property
    def began(self) -> float | None:
        """When the wait for the model began, in seconds of `Clock.monotonic`; None before the request's turn."""
        request = self._request
        began = self._began if request is None else request.began
        return None if began is None else max(began, self._since)

    def answered(self) -> None:
        """Let go of the request: each would keep the other in memory until the garbage is collected."""
        if (request := self._request) is not None:
            self._began = request.began
            self._request = None

    def left(self) -> None:
        """Tell the request when this was cancelled."""
        request = self._request
        if self.cancelled() and request is not None:
            request.left_by_one()


class OnTheWay(Future[Fulfilled]):
    """The reply to a request that is sent when its turn comes; cancelled when nobody waits for it any more.

    Attributes:
        began: when its turn came, on the clock of the engine's loop; None before.
    """

    def __init__(self) -> None:
        super().__init__()
        self.began: float | None = None
        self._lock = threading.Lock()
        self._waiting = 0
        self._given_up = False
        self._paid_for = False

    def begins(self, now: float) -> None:
        """Its turn has come."""
        self.began = now

    def shared(self) -> Asked | None:
        """The reply as one more who asks the same gets it; None when the request has been given up."""
        with self._lock:
            return None if self._given_up else self.joined()

    def joined(self) -> Asked:
        """The reply as who has it sent gets it."""
        self._waiting += 1
        asked = Asked(self)
        asked.add_done_callback(Asked.left)  # type: ignore[arg-type]
        self.add_done_callback(partial(_settle, asked))
        return asked

    def left_by_one(self) -> None:
        """One of those who wait does so no more."""
        with self._lock:
            self._waiting -= 1
            self._given_up = self._waiting == 0
        if self._given_up:
            self.cancel()

    def one_share(self) -> Fulfilled:
        """The reply; it is paid for once."""
        fulfilled = self.result()
        with self._lock:
            first, self._paid_for = not self._paid_for, True
        if first:
            return fulfilled
        return fulfilled._replace(spent=0.0, measures=fulfilled.measures._replace(source="cache"))


def _settle(asked: Asked, request: OnTheWay) -> None:
    if request.cancelled():
        asked.cancel()
    settle(asked, request.one_share)
    asked.answered()
