"""Calls on the event loop: whose turn it is, attempts, waits."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

from pytest_llmeval.engine.attempts import AttemptFailed, explained, wait_before
from pytest_llmeval.engine.call import EngineCall, EngineRules, Response, not_asked
from pytest_llmeval.engine.connections import Connections
from pytest_llmeval.engine.exchange import called, exchange
from pytest_llmeval.engine.limits import AdaptiveLimit
from pytest_llmeval.errors import NotAsked
from pytest_llmeval.formats.base import is_called

Post = Literal["add", "abandon"]
"""What is asked for a call: to send it as soon as there is room, or to cancel it, since no test waits for it."""

_START = 64  # requests in flight to one model before anything is known about it; fewer where fewer are allowed
_FORBIDDEN = 403  # some providers say so of a single request, as all may of an application's own headers
_MOST_FORBIDDEN = 5  # requests, none of which was answered: then it is the key
_CLOSING = 1.5  # seconds that requests get to end when they are cancelled


@dataclass(slots=True, eq=False)
class _ModelLane:
    """The calls of one model at one place, with one key.

    Attributes:
        busy: calls that have their turn, those that wait for their next attempt included.
        on_wire: those of them that do not wait.
        again: the turns of those that have waited for long enough, oldest first.
        answered: whether any of them was.
        forbidden: how many of them were.
        stopped: the failure that says that no further call can succeed: the key is refused, or nothing is left to pay.
    """

    limit: AdaptiveLimit
    waiting: deque[EngineCall] = field(default_factory=deque)
    busy: int = 0
    on_wire: set[EngineCall] = field(default_factory=set)
    again: deque[tuple[EngineCall, asyncio.Future[None]]] = field(default_factory=deque)
    answered: bool = False
    forbidden: int = 0
    stopped: AttemptFailed | None = None


class Dispatcher:
    """Sends calls when their turn comes. Lives on the event loop's thread.

    A call keeps its place among those of its model while it waits for its next attempt, so that a provider which turns
    requests away is not sent others in their stead. A place that gets free goes to the model that has the fewest
    requests on the wire, so that one which hangs takes no more than its part from the others.

    Args:
        posted: what other threads ask for, in order; they append to it.
        finish: called with each call and its answer or error; None when it was cancelled.

    Attributes:
        stopped: whether nothing more is sent; set from any thread, and heeded before each request.
    """

    def __init__(
        self,
        rules: EngineRules,
        posted: deque[tuple[Post, EngineCall]],
        finish: Callable[[EngineCall, Response | BaseException | None], None],
    ) -> None:
        self.stopped = False
        self._posted = posted
        self._rules = rules
        self._room = rules.room
        self._finish = finish
        self._connections = Connections()
        self._lanes: dict[tuple[str, str, str, str | None], _ModelLane] = {}
        self._tasks: dict[EngineCall, asyncio.Task[Response]] = {}
        self._sleep: Callable[[float], Awaitable[None]] = asyncio.sleep if rules.sleep is None else rules.sleep

    @property
    def in_flight(self) -> int:
        """Requests on the wire now."""
        return sum(len(lane.on_wire) for lane in list(self._lanes.values()))

    @property
    def has_room(self) -> bool:
        """Whether another request may be on the wire. Whenever there is room again, what was posted is looked at."""
        return self.in_flight < self._room

    @property
    def waiting(self) -> int:
        """Calls whose first turn has not come."""
        return len(self._posted) + sum(len(lane.waiting) for lane in list(self._lanes.values()))

    async def close(self) -> None:
        """Cancel everything and close all connections."""
        self._posted.clear()
        for lane in self._lanes.values():
            lane.waiting.clear()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_CLOSING)
        await self._connections.close()

    def start_what_may(self) -> None:
        """Take what was posted and send what there is room for; once stopped, end what was not sent."""
        while self._posted:
            what, call = self._posted.popleft()
            if what == "add":
                self._add(call)
            else:
                self._abandon(call)
        if self.stopped:
            for lane in self._lanes.values():
                while lane.again:
                    _may_go(lane.again.popleft()[1])
                while lane.waiting:
                    self._finish(lane.waiting.popleft(), not_asked())
            return
        while self.has_room:
            lanes = [lane for lane in self._lanes.values() if _may_send(lane)]
            if not lanes:
                return
            lane = min(lanes, key=_on_wire)
            if lane.again:
                call, turn = lane.again.popleft()
                lane.on_wire.add(call)
                _may_go(turn)
            else:
                self._start(lane, lane.waiting.popleft())

    def _add(self, call: EngineCall) -> None:
        place = (call.request.provider, call.request.model, call.endpoint.base_url, call.endpoint.api_key)
        lane = self._lanes.get(place)
        if lane is None:
            lane = self._lanes[place] = _ModelLane(AdaptiveLimit(self._room, _START))
        lane.waiting.append(call)

    def _abandon(self, call: EngineCall) -> None:
        call.abandoned = True
        if task := self._tasks.get(call):
            task.cancel()

    def _start(self, lane: _ModelLane, call: EngineCall) -> None:
        lane.busy += 1
        lane.on_wire.add(call)
        if call.begins is not None:
            call.begins(asyncio.get_running_loop().time())
        task = asyncio.get_running_loop().create_task(self._answered(lane, call))
        self._tasks[call] = task
        task.add_done_callback(partial(self._ended, lane, call))

    def _ended(self, lane: _ModelLane, call: EngineCall, task: asyncio.Task[Response]) -> None:
        lane.busy -= 1
        lane.on_wire.discard(call)
        del self._tasks[call]
        self._finish(call, None if task.cancelled() else task.exception() or task.result())
        self.start_what_may()

    async def _answered(self, lane: _ModelLane, call: EngineCall) -> Response:
        now = asyncio.get_running_loop().time
        deadline = now() + (call.endpoint.timeouts or self._rules.timeouts).total
        attempts = 0
        waited = 0.0
        while True:
            if lane.stopped is not None:
                told = explained(lane.stopped, call.request, call.endpoint, attempts)
                raise NotAsked(str(told), kind=told.kind)  # whose response is that to another request
            attempts += 1
            sent_at = now()
            outcome = await self._attempt(call, deadline)
            if isinstance(outcome, Response):
                lane.answered = True
                lane.limit.succeeded(now(), lane.busy, len(lane.on_wire))
                return replace(outcome, attempts=attempts, retry_wait=waited)
            _note(lane, call, outcome, sent_at, now())
            lane.on_wire.discard(call)
            wait = wait_before(attempts + 1, outcome.error.retry_after, self._rules.random)
            if not outcome.again or attempts >= self._rules.attempts or now() + wait >= deadline:
                raise explained(outcome, call.request, call.endpoint, attempts)
            waited += wait
            self.start_what_may()
            await self._sleep(wait)
            ready = now()
            await self._turn(lane, call)
            if self.stopped:
                raise not_asked()
            deadline += now() - ready  # as a call loses no time that waits for its first turn

    async def _turn(self, lane: _ModelLane, call: EngineCall) -> None:
        turn = asyncio.get_running_loop().create_future()
        lane.again.append((call, turn))
        self.start_what_may()
        await turn

    async def _attempt(self, call: EngineCall, deadline: float) -> Response | AttemptFailed:
        provider = call.endpoint.provider
        try:
            if is_called(provider):
                return await called(call, provider, self._rules, deadline)
            return await exchange(self._connections, call, self._rules, deadline)
        except AttemptFailed as failure:
            return failure


def _may_send(lane: _ModelLane) -> bool:
    """Whether one of a model's calls may go now, those that come again first."""
    while lane.again and lane.again[0][1].done():  # cancelled
        lane.again.popleft()
    while lane.waiting and lane.waiting[0].abandoned:
        lane.waiting.popleft()
    if lane.again:
        return len(lane.on_wire) < lane.limit.limit
    return bool(lane.waiting) and lane.busy < lane.limit.limit


def _on_wire(lane: _ModelLane) -> int:
    return len(lane.on_wire)


def _may_go(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)


def _note(lane: _ModelLane, call: EngineCall, failure: AttemptFailed, sent_at: float, now: float) -> None:
    kind = failure.error.kind
    of_one_request = failure.error.status == _FORBIDDEN or call.endpoint.headers is not None
    if kind == "billing" or (kind == "authentication" and not of_one_request):
        lane.stopped = failure
    elif kind == "authentication":
        lane.forbidden += 1
        if not lane.answered and lane.forbidden == _MOST_FORBIDDEN:
            lane.stopped = failure
    elif kind == "rate_limit":
        lane.limit.rate_limited(now, failure.error.retry_after)
    elif kind == "timeout":
        lane.limit.timed_out(now, sent_at, len(lane.on_wire))
    elif kind in ("overloaded", "connection"):
        lane.limit.overloaded()
