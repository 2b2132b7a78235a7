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
        self._request = request
        self._since = Clock.monotonic()

    @property
    def began(self) -> float | None:
        """When the wait for the model began, in seconds of `Clock.monotonic`; None before the request's turn."""
        began = self._request.began
        return None if began is None else max(began, self._since)


class OnTheWay(Future[Fulfilled]):
    """The reply to a request that is sent when its turn comes; cancelled when nobody waits for it any more.

    Attributes:
        began: when its turn came, on the clock of the engine's loop; None before.
        first: the reply as who had it sent gets it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.began: float | None = None
        self._lock = threading.Lock()
        self._waiting = 0
        self._given_up = False
        self._paid_for = False
        self.first = self._joined()

    def begins(self, now: float) -> None:
        """Its turn has come."""
        self.began = now

    def shared(self) -> Asked | None:
        """The reply as one more who asks the same gets it; None when the request has been given up."""
        with self._lock:
            if self._given_up:
                return None
            return self._joined()

    def _joined(self) -> Asked:
        self._waiting += 1
        asked = Asked(self)
        asked.add_done_callback(self._left)
        self.add_done_callback(partial(self._settle, asked))
        return asked

    def _left(self, asked: Future[Fulfilled]) -> None:
        if not asked.cancelled():
            return
        with self._lock:
            self._waiting -= 1
            self._given_up = self._waiting == 0
        if self._given_up:
            self.cancel()

    def _settle(self, asked: Asked, _: Future[Fulfilled]) -> None:
        if self.cancelled():
            asked.cancel()
        settle(asked, self._one_share)

    def _one_share(self) -> Fulfilled:
        """The reply; it is paid for once."""
        fulfilled = self.result()
        with self._lock:
            first, self._paid_for = not self._paid_for, True
        if first:
            return fulfilled
        return fulfilled._replace(spent=0.0, measures=fulfilled.measures._replace(source="cache"))
