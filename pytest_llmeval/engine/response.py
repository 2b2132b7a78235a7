"""What goes into the engine beside the request, and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_llmeval.providers.base import Provider
from pytest_llmeval.reply import Answer

__all__ = ["Endpoint", "Response", "Timeouts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a request goes and who pays.

    Attributes:
        base_url: up to and including the API's version; a query in it is kept.
        api_key: None for a server that wants none.
        provider: the wire format.
        api_key_env: the environment variable the key came from, or would have, for messages only.
        entry: the model's name in [tool.llmeval.models], None where it has none, for messages only.
    """

    base_url: str
    provider: Provider
    api_key: str | None = field(default=None, repr=False)
    api_key_env: str | None = None
    entry: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Limits in seconds.

    Attributes:
        connect: for TCP, and again for TLS.
        first_byte: from sending the request to the first byte of the response.
        idle: between two pieces of a response.
        total: for the whole call, further attempts and the waits between them included.
    """

    connect: float = 10.0
    first_byte: float = 120.0
    idle: float = 60.0
    total: float = 600.0


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
        headers: those of the response that identify and measure it; never one with a secret.
        status: of HTTP; 400 and more where the provider tells a failure of the model as an error.
    """

    body: Mapping[str, Any]
    answer: Answer
    latency: float
    ttft: float | None = None
    chunk_offsets: tuple[float, ...] = ()
    attempts: int = 1
    retry_wait: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
