"""A daemon thread with an event loop and the dispatcher on it."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context

from pytest_llmeval.engine.call import EngineCall, EngineRules, Response
from pytest_llmeval.engine.dispatch import Dispatcher, Post
from pytest_llmeval.engine.loop import EngineLoop
from pytest_llmeval.engine.preload import import_all

_PATIENCE = 2.0  # seconds


class LoopThread:
    """Hands calls to a dispatcher, in order; starts at once.

    Args:
        rules: handed to the `Dispatcher`, as `finish` is.
        failed: called with an error that ends the thread.

    Attributes:
        dispatcher: None until the thread has made it.
    """

    def __init__(
        self,
        rules: EngineRules,
        finish: Callable[[EngineCall, Response | BaseException | None], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self.dispatcher: Dispatcher | None = None
        self._rules = rules
        self._finish = finish
        self._failed = failed
        self._posted: deque[tuple[Post, EngineCall]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Future[None]  # until it is to close
        self._woken = False
        self._closing = False
        self._stopped = False
        # Not on the thread: what is imported there makes loggers, while pytest goes through all there are.
        import_all()
        # Where threads inherit the context (pytest-check makes them, and so may Python 3.14), that of a test says which
        # event loop the test runs on, which is not ours.
        self._thread = threading.Thread(target=Context().run, args=(self._main,), name="llmeval", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Calls whose first turn has not come."""
        return self.dispatcher.waiting if self.dispatcher is not None else len(self._posted)

    def post(self, what: Post, call: EngineCall) -> None:
        """Tell the dispatcher to add or abandon a call: soon, or, if there is no room for it, once there is."""
        self._posted.append((what, call))
        # Looked at behind the append: who makes room from now on sees the call. To wake the loop for nothing would
        # take a quarter of the time that a call takes.
        dispatcher = self.dispatcher
        if not self._woken and (what == "abandon" or dispatcher is None or dispatcher.stopped or dispatcher.has_room):
            self._wake()

    def stop(self) -> None:
        """Send nothing more, from this moment on; what is on the wire goes on."""
        self._stopped = True
        if self.dispatcher is not None:
            self.dispatcher.stopped = True
        self._wake()

    def close(self) -> None:
        """Cancel everything and wait for the thread, 2 seconds at most."""
        self._closing = True
        self._wake()
        if threading.current_thread() is not self._thread:
            self._thread.join(_PATIENCE)

    def _wake(self) -> None:
        if self._loop is not None:  # else the loop looks at what was posted once it runs
            self._woken = True
            with suppress(RuntimeError):  # closed meanwhile
                self._loop.call_soon_threadsafe(self._look)

    def _look(self) -> None:
        """Send what was posted; on the loop's thread."""
        self._woken = False
        try:
            if self.dispatcher is not None and not self._closing:
                self.dispatcher.start_what_may()
        except BaseException as error:  # a bug of ours, which ends the thread, as no test may wait for ever
            if not self._over.done():
                self._over.set_exception(error)
        if self._closing and not self._over.done():
            self._over.set_result(None)

    def _main(self) -> None:
        try:
            loop = EngineLoop()
            try:
                self.dispatcher = Dispatcher(self._rules, self._posted, self._finish)
                self.dispatcher.stopped = self._stopped
                loop.run_until_complete(self._serve(self.dispatcher))
                loop.run_until_complete(loop.shutdown_asyncgens())
            finally:
                loop.close()
        except BaseException as error:
            self._failed(error)

    async def _serve(self, dispatcher: Dispatcher) -> None:
        self._over = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._look()  # at what was posted before
        try:
            await self._over
        finally:
            await self._end(dispatcher)

    async def _end(self, dispatcher: Dispatcher) -> None:
        await dispatcher.close()
        # As asyncio.run() does: what a cancelled call has started itself, such as a connection, ends too.
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=_PATIENCE)
        for _ in range(3):  # and lets go of its socket in the rounds behind
            await asyncio.sleep(0)
