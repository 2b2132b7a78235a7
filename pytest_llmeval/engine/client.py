"""The engine: HTTP calls on one background thread, as futures."""

from __future__ import annotations

import atexit
import json
import os
import threading
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pytest_llmeval.engine.attempts import AttemptFailed, explained
from pytest_llmeval.engine.call import Endpoint, EngineCall, EngineRules, Response
from pytest_llmeval.errors import ProviderError
from pytest_llmeval.formats.base import ModelRequest

if TYPE_CHECKING:
    from pytest_llmeval.engine.loop_thread import LoopThread


class Engine:
    """Sends requests to models on a thread of its own, which starts with the first unless it is started before.

    Args:
        rules: how calls are made, None for the usual way.
    """

    def __init__(self, rules: EngineRules | None = None) -> None:
        self._rules = rules or EngineRules()
        self._lock = threading.Lock()
        self._thread: LoopThread | None = None
        self._calls: dict[Future[Response], EngineCall] = {}
        _engines.add(self)

    @property
    def in_flight(self) -> int:
        """Requests on the wire now."""
        thread = self._thread
        return thread.dispatcher.in_flight if thread is not None and thread.dispatcher is not None else 0

    @property
    def runs_dry(self) -> bool:
        """Whether places on the wire would stay free if all that are taken got free now."""
        thread = self._thread
        return thread is None or thread.waiting < self._rules.room

    def submit(
        self,
        request: ModelRequest,
        endpoint: Endpoint,
        begins: Callable[[float], None] | None = None,
        wasted: Callable[[], None] | None = None,
    ) -> Future[Response]:
        """Send a request.

        Args:
            request: what to send; later changes of its body have no effect.
            endpoint: where to.
            begins: as in `EngineCall`, and so is `wasted`.

        Returns:
            The answer to come. Its exception is a `ProviderError`. Cancelling it cancels the request. Its
            callbacks run on the engine's thread.
        """
        future: Future[Response] = Future()
        try:
            content = _encoded(request.body) if request.content is None else request.content
        except (TypeError, ValueError, RecursionError) as error:
            problem = ProviderError(f"the request cannot be written as JSON: {error}", kind="bad_request")
            future.set_exception(explained(AttemptFailed(problem), request, endpoint, 0))
            return future
        with self._lock:
            call = EngineCall(request, endpoint, content, future, begins, wasted)
            self._calls[future] = call
            self._running_thread().post("add", call)
        future.add_done_callback(self._released)
        return future

    def start(self) -> None:
        """Start the thread now rather than with the first request."""
        with self._lock:
            self._running_thread()

    def stop(self) -> None:
        """Send nothing more; what is on the wire goes on until `close`, and what was not sent ends with an error."""
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.stop()

    def close(self) -> None:
        """Cancel what is in flight and end the thread, within 2 seconds; a later `submit` starts it again."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is None:
            return
        atexit.unregister(self.close)
        thread.close()
        with self._lock:
            calls = list(self._calls.values())
        for call in calls:
            self._finish(call, None)

    def _forget(self) -> None:
        """Start from nothing: in a forked process the thread does not exist, and the lock may be held forever."""
        self._lock = threading.Lock()
        self._thread = None
        self._calls = {}

    def _running_thread(self) -> LoopThread:
        if self._thread is None:
            from pytest_llmeval.engine.loop_thread import LoopThread

            self._thread = LoopThread(self._rules, self._finish, self._failed)
            atexit.register(self.close)
        return self._thread

    def _released(self, future: Future[Response]) -> None:
        if not future.cancelled():
            return
        future.set_running_or_notify_cancel()  # wakes those who wait for several futures at once
        with self._lock:
            call = self._calls.pop(future, None)
            thread = self._thread
        if call is not None and thread is not None:
            thread.post("abandon", call)

    def _finish(self, call: EngineCall, outcome: Response | BaseException | None) -> None:
        with self._lock:
            self._calls.pop(call.future, None)
        if isinstance(outcome, BaseException):
            outcome = outcome.with_traceback(None)  # its frames hold the key
        with suppress(InvalidStateError):  # cancelled meanwhile
            if outcome is None:
                call.future.cancel()
            elif isinstance(outcome, Response):
                call.future.set_result(outcome)
            else:
                call.future.set_exception(outcome)

    def _failed(self, error: BaseException) -> None:
        """End every call: a bug of ours has ended the thread, and no test may wait forever."""
        with self._lock:
            self._thread = None
            calls = list(self._calls.values())
        for call in calls:
            self._finish(call, error)


def _encoded(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":"), allow_nan=False, default=_as_dict).encode()


def _as_dict(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON serializable")


_engines: weakref.WeakSet[Engine] = weakref.WeakSet()
_left_to_the_parent: list[object] = []  # closing a loop inherited by fork would disturb the parent's connections


def _after_fork() -> None:
    for engine in list(_engines):
        _left_to_the_parent.append((engine._thread, engine._calls))
        engine._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
