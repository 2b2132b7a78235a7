"""How many requests to one model may be in flight: as many as its provider takes, found by trying."""

from __future__ import annotations

_COOLDOWN = 15.0  # seconds; less when the provider asks for less
_SHORTEST_COOLDOWN = 0.25
_PAUSE = 0.25  # of a round that does not count after a 5xx: with one in five, nothing grows
_CUT = 0.8
_SLOWEST_GROWTH = 0.05  # of the limit per round of answers
_FASTEST_GROWTH = 0.25  # after a 429; before the first the limit doubles
_IN_USE = 0.8
_FLOOR = 0.25  # of what was in flight while most requests were answered
_CUT_BY_SILENCE = 0.5  # of what was in flight
_HANGS_AFTER = 30  # times what the last request waited in vain, without any answer: then it is not our load
_HANGS_AFTER_SECONDS = 600.0  # at the latest


class AdaptiveLimit:
    """A limit that doubles per round until the first 429, is cut by each burst of them, and recovers ever faster.

    Additive increase, multiplicative decrease, as TCP does it (RFC 5681), with the cut and cooldown of inspect_ai's
    adaptive concurrency; but a single stray 429 must not slow down a whole short session, so each round without
    one doubles the growth, from 5 to 25 % per round. A provider may say 429 for what others send on the same quota,
    whatever we do: the limit never falls below a quarter of what was in flight while most requests were answered.

    A request that got no answer in time is a sign of our load too: the limit is half of what was in flight. But a
    provider that then answers nothing for long hangs, whatever we do, and its calls fail sooner when more are sent.

    It reads no clock and keeps no requests: the sender tells it what happened.

    Args:
        ceiling: the limit never exceeds it.
        start: the limit before anything is known.
    """

    def __init__(self, ceiling: int, start: int = 4) -> None:
        self.ceiling = max(1, ceiling)
        self._start = float(max(1, min(start, self.ceiling)))
        self._value = self._start
        self._doubling = True
        self._growth = 1.0
        self._answers = 0
        self._resting_until = float("-inf")
        self._not_counted = 0
        self._floor = 1.0
        self._cut_at = float("-inf")
        self._heard_at: float | None = None
        # How many were in flight when each request of this round was answered; 0 for one that was turned away.
        self._told: list[int] = []

    @property
    def limit(self) -> int:
        """How many requests may be in flight, from 1 to the ceiling."""
        return int(self._value + 1e-9)  # twenty growths of 0.05 are one

    def succeeded(self, now: float, in_use: int, on_wire: int | None = None) -> None:
        """A request was answered.

        Args:
            now: seconds on any clock that never goes back.
            in_use: requests in flight, this one included; an idle limit proves nothing and does not grow.
            on_wire: those of them that do not wait for their next attempt, None for all.
        """
        self._tell(in_use if on_wire is None else on_wire)
        self._heard_at = now
        if now < self._resting_until or in_use < _IN_USE * self.limit:
            return
        if self._not_counted:
            self._not_counted -= 1
            return
        if not self._doubling:
            self._answers += 1
            if self._answers >= self.limit:  # a clean round: go faster
                self._answers = 0
                self._growth = min(_FASTEST_GROWTH, 2 * self._growth)
        # A round has as many answers as the limit; a small limit grows by one per round at least.
        growth = max(self._growth, 1 / self.limit)
        self._value = min(float(self.ceiling), self._value + growth)

    def rate_limited(self, now: float, retry_after: float | None = None) -> None:
        """The provider said 429. The limit is cut, once for all the requests that were in flight together.

        Args:
            now: seconds on the same clock.
            retry_after: seconds the provider asked the request to wait, None when it did not.
        """
        self._tell(0)
        self._heard_at = now
        self._grow_slowly()
        if now >= self._resting_until:
            rest = _COOLDOWN if retry_after is None else min(_COOLDOWN, max(_SHORTEST_COOLDOWN, retry_after))
            self._cut(now, self._value * _CUT, rest)

    def timed_out(self, now: float, sent_at: float, on_wire: int) -> None:
        """A request got no answer in time. The limit is halved, once for all the requests that were in flight together.

        Args:
            now: seconds on the same clock.
            sent_at: when it was sent.
            on_wire: requests that were in flight with it, itself included; a request that was alone proves nothing.
        """
        self._tell(0)
        if self._heard_at is None:
            self._heard_at = sent_at
        took = now - sent_at
        if now - self._heard_at > min(_HANGS_AFTER_SECONDS, _HANGS_AFTER * took):
            self._value = max(self._value, self._start)
        elif sent_at >= self._cut_at and on_wire > 1:
            self._grow_slowly()
            self._cut(now, min(self._value, on_wire) * _CUT_BY_SILENCE, _COOLDOWN)

    def overloaded(self) -> None:
        """The provider has trouble of its own: the limit stays, and grows no more for a while."""
        self._not_counted += 1 + int(_PAUSE * self.limit)

    def _grow_slowly(self) -> None:
        self._doubling = False
        self._growth = _SLOWEST_GROWTH
        self._answers = 0

    def _cut(self, now: float, value: float, rest: float) -> None:
        self._value = max(min(self._floor, self._value), value)
        self._cut_at = now
        self._resting_until = now + rest

    def _tell(self, on_wire: int) -> None:
        self._told.append(on_wire)
        if len(self._told) < self.limit:
            return
        answered = [each for each in self._told if each]
        if 2 * len(answered) > len(self._told):
            self._floor = max(self._floor, _FLOOR * sum(answered) / len(answered))
        self._told.clear()
