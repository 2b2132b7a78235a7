"""A captured call that the application's own transport sends: its answer is watched, measured and kept."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from pytest_llmeval.capture.clients import Replacement
from pytest_llmeval.capture.outgoing import Watch
from pytest_llmeval.capture.route import Route
from pytest_llmeval.engine.attempts import AttemptFailed, explained
from pytest_llmeval.engine.call import Endpoint
from pytest_llmeval.engine.fulfilled import Draw, Fulfilled
from pytest_llmeval.errors import ProviderError
from pytest_llmeval.plugin.running.replies import Question
from pytest_llmeval.reply import Usage
from pytest_llmeval.text import first_line

if TYPE_CHECKING:
    from pytest_llmeval.errors import ReplyError
    from pytest_llmeval.plugin.running.trial import Trial


class Receiver(Protocol):
    """Who made such a call, and learns what came of it."""

    trial: Trial

    def received(self, route: Route, question: Question | None, fulfilled: Fulfilled) -> None:
        """The answer is whole."""

    def failed(self, route: Route, question: Question | None, error: ReplyError) -> None:
        """There is no answer."""


@dataclass(kw_only=True)
class Sending:
    """One such call; an `OwnCall`.

    Attributes:
        calls: who is told what came of it.
        question: None for a call of a fixture that outlives the test.
        key: under which the store keeps the answer.
        held: USD set aside.
        secret: the key it is sent with, which must not stand in a message; "" for none.
        instead: what is sent in place of the application's request, None for that itself.
    """

    calls: Receiver
    route: Route
    draw: Draw
    question: Question | None
    key: str
    held: float
    secret: str
    instead: Replacement | None
    _watch: Watch = field(init=False)
    _over: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._watch = Watch(self.route.provider, stream=self.route.request.stream)

    @property
    def complete(self) -> bool:
        """Whether all of the answer has been seen."""
        return self._watch.complete

    def begins(self, status: int, headers: Mapping[str, str]) -> None:
        """The head of its response is there."""
        self._watch.begins(status, headers)

    def take(self, chunk: bytes) -> None:
        """A piece of its body is there, and will be handed on next."""
        self._watch.take(chunk)

    def ends(self, *, whole: bool) -> None:
        """Keep the answer; not one that is left before it ends, which is no whole answer."""
        if not self._first():
            return
        pipeline, route = self.calls.trial.pipeline, self.route
        if not whole and not self._watch.finished:
            pipeline.let_go(route.model, self.held, Usage())
            self._give_back()
            return
        try:
            response = self._watch.response()
        except ProviderError as error:
            pipeline.let_go(route.model, self.held)
            self.calls.failed(route, self.question, self._explained(error))
            return
        fulfilled = pipeline.keep(response, route.model, route.request, self.draw, self.key, self.held)
        if self.question is not None:
            # When the test is left later and executed again, it finds the answer.
            done: Future[Fulfilled] = Future()
            done.set_result(fulfilled)
            self.calls.trial.replies.futures[self.question] = done
        self.calls.received(route, self.question, fulfilled)

    def breaks(self, error: BaseException) -> None:
        """There is no response, or no more of it."""
        if not self._first():
            return
        self.calls.trial.pipeline.let_go(self.route.model, self.held)
        if not isinstance(error, Exception):  # cancelled, and nobody's fault
            self._give_back()
            return
        timed_out = "Timeout" in type(error).__name__
        words = f"no answer: {first_line(str(error), 200) or type(error).__name__}"
        failure = ProviderError(words, kind="timeout" if timed_out else "connection")
        self.calls.failed(self.route, self.question, self._explained(failure))

    def _explained(self, error: ProviderError) -> ProviderError:
        route = self.route
        endpoint = Endpoint(base_url=route.base_url, provider=route.provider, api_key=self.secret or None)
        return explained(AttemptFailed(error), route.request, endpoint, 1)

    def _give_back(self) -> None:
        if self.question is not None:
            self.calls.trial.give_back(self.question)

    def _first(self) -> bool:
        with self._lock:
            first, self._over = not self._over, True
        return first
