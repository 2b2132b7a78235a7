"""A reply's way: provider builds the request, store looks it up, engine sends it, provider reads it, store keeps it."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from pytest_llmeval.config import ModelSettings
from pytest_llmeval.errors import MissingReply, ProviderError, ReplyError
from pytest_llmeval.providers import find_provider
from pytest_llmeval.providers.base import ModelRequest, Prompt, Provider
from pytest_llmeval.reply import Answer, Measures, Source, Usage
from pytest_llmeval.stats.cost import call_cost
from pytest_llmeval.store.entry import Entry
from pytest_llmeval.store.key import request_key

if TYPE_CHECKING:
    from pytest_llmeval.engine.client import Engine
    from pytest_llmeval.engine.response import Response
    from pytest_llmeval.store import Store

__all__ = ["Draw", "Fulfilled", "Pipeline", "prompt_digest"]

Mode = Literal["auto", "replay", "refresh", "live"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Which of the many answers a model could give to a request is meant.

    Attributes:
        case: the test's id, for people who read recordings.
        module: the test's file relative to the root, which decides the recordings file.
        sample: index of the sample within the case, from 0.
        occurrence: how often this sample has asked the same before, from 0.
    """

    case: str
    module: str
    sample: int = 0
    occurrence: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fulfilled:
    """A request with its answer.

    Attributes:
        spent: USD spent now, None when no price is known.
        entry: as the store keeps it.
    """

    answer: Answer
    measures: Measures
    spent: float | None
    entry: Entry


class Pipeline:
    """Turns prompts into answers.

    Args:
        mode: as ``--llm-mode`` says.
        store: where replies are looked up and kept; never asked in mode ``live``.
        concurrency: the most calls in flight, over all worker processes.
        workers: processes that share it.
    """

    def __init__(self, *, mode: Mode, store: Store, concurrency: int = 32, workers: int = 1) -> None:
        self.mode = mode
        self.store = store
        self._concurrency = concurrency
        self._workers = workers
        self._engine: Engine | None = None
        self._keeper: ThreadPoolExecutor | None = None
        self._pid = os.getpid()
        self._starting = threading.Lock()

    def submit(self, model: ModelSettings, prompt: Prompt, draw: Draw) -> Future[Fulfilled]:
        """Start one call, or find its reply.

        Returns:
            A future whose exception, if any, is a `ReplyError`.

        Raises:
            ConfigError: the model's provider is unknown.
        """
        provider = find_provider(model.provider, model.base_url)
        request = provider.request(model.model, prompt)
        key = request_key(
            provider=_wire_name(request),
            path=request.path,
            model=request.model,
            body=request.body,
            sample=draw.sample,
            occurrence=draw.occurrence,
        )
        future: Future[Fulfilled] = Future()
        try:
            found = self.store.lookup(draw.module, key) if self.mode in ("auto", "replay") else None
            if found is not None:
                entry, source = found
                future.set_result(_replayed(entry, source, provider, model))
            elif self.mode == "replay":
                raise self._missing(model, request, draw)
            else:
                self._send(future, model, provider, request, draw, key)
        except ReplyError as error:
            future.set_exception(error)
        return future

    def close(self) -> None:
        """Cancel what is in flight and close every connection and file."""
        if self._pid == os.getpid():
            if self._engine is not None:
                self._engine.close()
            if self._keeper is not None:
                self._keeper.shutdown(wait=True, cancel_futures=True)
            self.store.close()
        self._engine = self._keeper = None

    def _send(
        self,
        future: Future[Fulfilled],
        model: ModelSettings,
        provider: Provider,
        request: ModelRequest,
        draw: Draw,
        key: str,
    ) -> None:
        from pytest_llmeval.engine.response import Endpoint

        endpoint = Endpoint(
            base_url=str(model.base_url or provider.base_url),
            api_key=_api_key(model, provider),
            api_key_env=model.api_key_env or provider.api_key_env,
            provider=provider,
        )
        engine, keeper = self._started()
        response = engine.submit(request, endpoint, key=key)

        def keep(done: Future[Response]) -> None:
            def settle() -> Fulfilled:
                fulfilled = _answered(done.result(), model, request, draw, key)
                if self.mode != "live":
                    self.store.keep(fulfilled.entry)
                return fulfilled

            try:
                # Away from the event loop: a write to the store must not hold up other calls.
                keeper.submit(_settle, future, settle)
            except RuntimeError:  # the session is being closed
                future.cancel()

        response.add_done_callback(keep)

    def _started(self) -> tuple[Engine, ThreadPoolExecutor]:
        with self._starting:
            if self._pid != os.getpid():
                self._engine = self._keeper = None
                self._pid = os.getpid()
            if self._engine is None or self._keeper is None:
                from pytest_llmeval.engine.client import Engine

                self._engine = Engine(concurrency=self._concurrency, workers=self._workers, start=16)
                self._keeper = ThreadPoolExecutor(max_workers=1, thread_name_prefix="llmeval-keeper")
            return self._engine, self._keeper

    def _missing(self, model: ModelSettings, request: ModelRequest, draw: Draw) -> MissingReply:
        first = (
            f"no recorded reply of {model.name} ({request.provider}/{request.model}) for {draw.case}, "
            f"sample {draw.sample}; record it with --llm-record --llm-mode=auto"
        )
        recordings = self.store.recordings
        nearest = recordings.nearest(draw.module, request.body, request.model) if recordings is not None else None
        if nearest is None:
            return MissingReply(f"{first}\nnothing was recorded for {draw.module}")
        from pytest_llmeval.store.difference import explain_difference

        differs = explain_difference(request.body, nearest.request)
        if not differs:
            recorded = f"sample {nearest.sample}, occurrence {nearest.occurrence}"
            asked = f"sample {draw.sample}, occurrence {draw.occurrence}"
            differs = [f"the same request was recorded as {recorded}; asked for was {asked}"]
        return MissingReply("\n".join([first, f"nearest recorded request ({nearest.case}):", *differs]))


def prompt_digest(prompt: Prompt) -> str:
    """Digest of what is asked, whichever model is asked."""
    asked = {"messages": prompt.messages, "tools": prompt.tools, "schema": prompt.schema, "images": prompt.images}
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode("utf-8", "replace")).hexdigest()[:32]


def _wire_name(request: ModelRequest) -> str:
    """The provider with what its headers add to the meaning of a request, such as an API version."""
    return "|".join([request.provider, *(f"{name}={value}" for name, value in sorted(request.headers.items()))])


def _api_key(model: ModelSettings, provider: Provider) -> str | None:
    variable = model.api_key_env or provider.api_key_env
    if variable is None or (model.base_url is not None and model.api_key_env is None):
        # A server of the user's own gets a key only when the configuration names one for it.
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise ProviderError(
            f"no API key for {model.name} ({model.provider}/{model.model}): set the environment variable {variable}, "
            "or replay recorded replies with --llm-mode=replay",
            kind="authentication",
        )
    return key


def _settle(future: Future[Fulfilled], produce: Any) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(produce())
    except BaseException as error:  # handed on to whoever waits
        future.set_exception(error)


def _price(model: ModelSettings, usage: Usage) -> float | None:
    prices = model.prices
    if prices is None:
        return None
    return call_cost(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        input_price=prices.input,
        output_price=prices.output,
        cache_read_price=prices.cache_read,
        cache_write_price=prices.cache_write,
    )


def _answered(response: Response, model: ModelSettings, request: ModelRequest, draw: Draw, key: str) -> Fulfilled:
    answer = response.answer
    cost = _price(model, answer.usage)
    measures = Measures(latency=response.latency, ttft=response.ttft, cost=cost, attempts=response.attempts)
    entry = Entry(
        key=key,
        provider=request.provider,
        model=request.model,
        path=request.path,
        request=request.body,
        sample=draw.sample,
        occurrence=draw.occurrence,
        case=draw.case,
        response=response.body,
        latency=response.latency,
        ttft=response.ttft,
        chunk_offsets=response.chunk_offsets,
        attempts=response.attempts,
        cost=cost,
        recorded_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return Fulfilled(answer=answer, measures=measures, spent=cost, entry=entry)


def _replayed(entry: Entry, source: Source, provider: Provider, model: ModelSettings) -> Fulfilled:
    answer = provider.answer(entry.response)
    cost = entry.cost if entry.cost is not None else _price(model, answer.usage)
    measures = Measures(latency=entry.latency, ttft=entry.ttft, cost=cost, attempts=entry.attempts, source=source)
    return Fulfilled(answer=answer, measures=measures, spent=0.0, entry=replace(entry, cost=cost))
