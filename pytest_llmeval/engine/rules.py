"""What the engine's two threads share: its rules, its counters, and the calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass

from pytest_llmeval.engine.response import Endpoint, Response, Timeouts
from pytest_llmeval.providers.base import ModelRequest

__all__ = ["Call", "Counters", "Rules"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How calls are made; see `Engine` for what each field means."""

    concurrency: int
    start: int
    timeouts: Timeouts
    attempts: int
    largest_response: int
    sleep: Callable[[float], Awaitable[None]] | None
    random: Callable[[], float]


@dataclass(slots=True)
class Counters:
    """Requests on the wire, each attempt counted.

    Attributes:
        in_flight: now.
        sent: since the start.
        most_in_flight: at any moment since the start.
    """

    in_flight: int = 0
    sent: int = 0
    most_in_flight: int = 0

    def sending(self) -> None:
        """One more is on its way."""
        self.sent += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)


@dataclass(slots=True, eq=False)
class Call:
    """One request and who waits for its answer.

    Attributes:
        content: the body as JSON, made when the call was submitted.
        abandoned: whether nobody waits any more.
    """

    request: ModelRequest
    endpoint: Endpoint
    content: bytes
    future: Future[Response]
    abandoned: bool = False
