"""A captured call that the application's own transport sends: its answer is watched, measured and kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field

from pytest_llmeval.capture.clients import Replacement
from pytest_llmeval.clock import Clock
from pytest_llmeval.engine.answer_reader import AnswerReader
from pytest_llmeval.engine.attempts import AttemptFailed, explained
from pytest_llmeval.engine.call import Endpoint
from pytest_llmeval.engine.fulfilled import Fulfilled
from pytest_llmeval.engine.pipeline import Sent
from pytest_llmeval.errors import ProviderError
from pytest_llmeval.plugin.running.replies import Question
from pytest_llmeval.plugin.running.trial import Trial
from pytest_llmeval.reply import Usage
from pytest_llmeval.text import first_line


@dataclass(kw_only=True)
class Sending:
    """One such call; an `OwnCall`.

    Attributes:
        question: None for a call of a fixture that outlives the test.
        sent: as the pipeline keeps it.
        endpoint: where it goes.
        instead: what is sent in place of the application's request, None for that itself.
        received: takes its answer.
        failed: takes the error when there is no answer.
    """

    trial: Trial
    question: Question | None
    sent: Sent
    endpoint: Endpoint
    instead: Replacement | None
    received: Callable[[Fulfilled], None]
    failed: Callable[[ProviderError], None]
    _reader: AnswerReader = field(init=False)
    _sent_at: float = field(default_factory=Clock.monotonic)
    _over: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._reader = AnswerReader(self.endpoint.provider, stream=self.sent.request.stream)

    @property
    def complete(self) -> bool:
        """Whether all of the answer has been seen."""
        return self._reader.complete

    def begins(self, status: int, headers: Mapping[str, str]) -> None:
        """The head of its response is there."""
        self._reader.begins(status, headers)

    def take(self, chunk: bytes) -> None:
        """A piece of its body is there, and will be handed on next."""
        self._reader.take(chunk, self._seconds())

    def ends(self, *, whole: bool) -> None:
        """Keep the answer; not one that is left before it ends, which is no whole answer."""
        if not self._first():
            return
        pipeline = self.trial.pipeline
        if not whole and not self._reader.finished:
            pipeline.let_go(self.sent, Usage())
            self._left()
            return
        try:
            fulfilled = pipeline.keep(self.sent, lambda: self._reader.response(self._seconds()))
        except ProviderError as error:
            if self._reader.generated:
                pipeline.wasted()
            self._failed(error)
            return
        if self.question is not None:
            # When the test is left later and executed again, it finds the answer.
            done: Future[Fulfilled] = Future()
            done.set_result(fulfilled)
            self.trial.replies.futures[self.question] = done
        self.received(fulfilled)

    def breaks(self, error: BaseException) -> None:
        """There is no response, or no more of it."""
        if not self._first():
            return
        self.trial.pipeline.let_go(self.sent, Usage() if self._reader.generated else None)
        if not isinstance(error, Exception):  # cancelled
            self._left()
            return
        timed_out = "Timeout" in type(error).__name__
        words = f"no answer: {first_line(str(error), 200) or type(error).__name__}"
        self._failed(ProviderError(words, kind="timeout" if timed_out else "connection"))

    def _failed(self, error: ProviderError) -> None:
        self.failed(explained(AttemptFailed(error), self.sent.request, self.endpoint, 1))

    def _left(self) -> None:
        """The application goes on without the rest: it has what it wants, or has given up."""
        if not self._reader.told_something:
            asked = self.sent.model.full_name
            words = f"the application gave up after {self._seconds():.3g} s, before the answer of {asked}"
            self.failed(ProviderError(words, kind="timeout"))
        elif self.question is not None:
            self.trial.give_back(self.question)

    def _seconds(self) -> float:
        return Clock.monotonic() - self._sent_at

    def _first(self) -> bool:
        with self._lock:
            first, self._over = not self._over, True
        return first
