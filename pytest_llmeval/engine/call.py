"""A call as the engine's two threads share it: what goes in, what comes out, and the rules."""

from __future__ import annotations

import math
import random
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from pytest_llmeval.errors import ReplyError
from pytest_llmeval.formats.base import ModelRequest, Provider
from pytest_llmeval.reply import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a request goes and who pays.

    Attributes:
        base_url: up to and including the API's version; a query in it is kept.
        api_key: None for a server that wants none.
        provider: the wire format.
        api_key_env: the environment variable the key came from, or would have, for messages only.
        entry: the model's name in [tool.llmeval.models], None where it has none, for messages only.
        headers: an application's own, its key among them, sent in place of those that would carry `api_key`.
        extra: headers of the configuration, sent besides; they win over an application's.
        timeouts: for this model, None for those of the `EngineRules`.
        signs: whether AWS credentials sign a request in place of a key.
    """

    base_url: str
    provider: Provider
    api_key: str | None = field(default=None, repr=False)
    api_key_env: str | None = None
    entry: str | None = None
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    extra: Mapping[str, str] = field(default_factory=dict)
    timeouts: Timeouts | None = None
    signs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Limits in seconds.

    Attributes:
        connect: for TCP, and again for TLS.
        first_byte: from sending the request to the first byte of the response.
        idle: between two pieces of a response.
        answer: from sending the request to the end of the response.
        total: for the whole call, further attempts and the waits between them included.
    """

    connect: float = 10.0
    first_byte: float = 120.0
    idle: float = 60.0
    answer: float = math.inf
    total: float = 600.0

    @classmethod
    def of(cls, timeout: float | None) -> Timeouts | None:
        """What the key ``timeout`` of a model says, in seconds: one limit for all of an answer, and for any silence.

        There is always time for a second attempt.
        """
        if timeout is None:
            return None
        return cls(first_byte=timeout, idle=timeout, answer=timeout, total=max(cls().total, 2 * timeout))


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A complete answer.

    Attributes:
        body: the JSON body; of a streamed answer, what the same request gives unstreamed.
        answer: the body in normal form.
        latency: seconds from sending the successful attempt to the end of its answer.
        ttft: seconds from sending it to the first token, None for an answer that was not streamed.
        chunk_offsets: seconds from sending it to each event that carried content.
        attempts: how many times the request was sent, failures included.
        retry_wait: seconds spent waiting between attempts.
        status: of HTTP; 400 and more where the provider tells a failure of the model as an error.
    """

    body: Mapping[str, Any]
    answer: Answer
    latency: float
    ttft: float | None = None
    chunk_offsets: tuple[float, ...] = ()
    attempts: int = 1
    retry_wait: float = 0.0
    status: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRules:
    """How calls are made.

    Attributes:
        concurrency: requests in flight at once, over all models and workers.
        workers: processes that share `concurrency`, as with pytest-xdist.
        timeouts: in seconds.
        attempts: how often one request is sent at most.
        largest_response: bytes, decompressed; a response that is longer is an error.
        sleep: waits between attempts, in seconds; None for ``asyncio.sleep``.
        random: gives numbers from 0 to 1, for jitter.
    """

    concurrency: int = 32
    workers: int = 1
    timeouts: Timeouts = Timeouts()
    attempts: int = 5
    largest_response: int = 16 * 2**20
    sleep: Callable[[float], Awaitable[None]] | None = None
    random: Callable[[], float] = random.random

    @property
    def room(self) -> int:
        """Requests in flight at once in this process."""
        return max(1, self.concurrency // max(1, self.workers))


@dataclass(slots=True, eq=False)
class EngineCall:
    """One request and who waits for its answer.

    Attributes:
        content: the body as JSON, made when the call was submitted.
        begins: called on the loop's thread, with the time on its clock, when the call's turn has come.
        wasted: called there for each attempt in which the model wrote something that is no answer.
        abandoned: whether no test waits for it any more.
    """

    request: ModelRequest
    endpoint: Endpoint
    content: bytes
    future: Future[Response]
    begins: Callable[[float], None] | None = None
    wasted: Callable[[], None] | None = None
    abandoned: bool = False


def not_asked() -> ReplyError:
    """The error of a call that was not sent any more."""
    return ReplyError("not asked: the session was stopped")
