"""A reply's way: provider builds the request, store looks it up, engine sends it, provider reads it, store keeps it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Literal

from pytest_llmeval.config import ModelSettings
from pytest_llmeval.engine.asked import Asked, asked_of, meant
from pytest_llmeval.engine.budget import Budget
from pytest_llmeval.engine.fulfilled import Draw, Fulfilled, answered, replayed, settle, share
from pytest_llmeval.errors import MissingReply, ProviderError, ReplyError, StaleReply
from pytest_llmeval.prices import cost_of_call
from pytest_llmeval.providers import find_provider, has_own_address
from pytest_llmeval.providers.base import ModelRequest, Prompt, Provider
from pytest_llmeval.reply import Source
from pytest_llmeval.store.entry import Entry

if TYPE_CHECKING:
    from pytest_llmeval.engine.client import Engine
    from pytest_llmeval.engine.response import Response
    from pytest_llmeval.store import Store
    from pytest_llmeval.store.staleness import Staleness

__all__ = ["Draw", "Fulfilled", "Pipeline"]

Mode = Literal["auto", "replay", "refresh", "live"]


class Pipeline:
    """Turns prompts into answers.

    Args:
        mode: as ``--llm-mode`` says.
        store: where replies are looked up and kept; never asked in mode ``live``.
        concurrency: the most calls in flight, over all worker processes.
        workers: processes that share it.
        ignore: JSON paths within requests that do not count when a reply is looked up.
        normalize: changes each text of a request for looking it up only; what is sent stays as it is.
        staleness: how old a stored reply may be, None for any age.
        budget: USD that may be spent, over all worker processes; None for any sum.
        salts: by the name of a model, what its replies are told apart by, where another of the same name is served
            elsewhere.
    """

    def __init__(
        self,
        *,
        mode: Mode,
        store: Store,
        concurrency: int = 32,
        workers: int = 1,
        ignore: tuple[str, ...] = (),
        normalize: Callable[[str], str] | None = None,
        staleness: Staleness | None = None,
        budget: float | None = None,
        salts: Mapping[str, str] | None = None,
    ) -> None:
        self.mode = mode
        self.store = store
        self._salts = salts or {}
        self._ignore = ignore
        self._normalize = normalize
        self._staleness = staleness
        self._concurrency = concurrency
        self._workers = workers
        self._engine: Engine | None = None
        self._keeper: ThreadPoolExecutor | None = None
        self._budget = Budget(budget, workers=workers) if budget is not None else None
        self._in_flight: dict[str, Future[Fulfilled]] = {}
        self._fresh: dict[str, Entry] = {}  # of a refresh: it asks each question once
        self._pid = os.getpid()
        self._starting = threading.Lock()

    @property
    def in_flight(self) -> int:
        """Requests on the wire now."""
        return self._engine.in_flight if self._engine is not None else 0

    def asked(self, model: ModelSettings, prompt: Prompt) -> Asked:
        """A prompt as the request a model gets.

        Raises:
            ConfigError: the model's provider is unknown.
        """
        salt = self._salts.get(model.name, "")
        return asked_of(model, prompt, ignore=self._ignore, normalize=self._normalize, salt=salt)

    def submit(self, asked: Asked, draw: Draw) -> Future[Fulfilled]:
        """Start one call, or find its reply.

        Returns:
            A future whose exception, if any, is a `ReplyError`.
        """
        if self._pid != os.getpid():  # what the parent has in flight never arrives here
            self._in_flight.clear()
        future: Future[Fulfilled] = Future()
        try:
            if asked.request is None or asked.identity is None:
                raise asked.error or ReplyError("there is no request")
            key = asked.identity.key(sample=draw.sample, occurrence=draw.occurrence)
            found: tuple[Entry, Source] | None = None
            if self.mode in ("auto", "replay"):
                found = self._found(asked.model, draw, key)
            elif key in self._fresh:
                found = self._fresh[key], "cache"
            if found is not None:
                entry, source = found
                future.set_result(replayed(entry, source, asked.provider, asked.model))
            elif self.mode == "replay":
                raise self._missing(asked.model, asked.request, draw)
            elif (shared := self._in_flight.get(key)) is not None:
                shared.add_done_callback(partial(share, future))
            else:
                self._send(future, asked.model, asked.provider, asked.request, draw, key)
        except ReplyError as error:
            future.set_exception(error)
        return future

    def ask_again(self, model: ModelSettings, entry: Entry) -> Future[Fulfilled]:
        """Send a stored request once more, whatever the mode.

        Args:
            model: where it goes and who pays.
            entry: holds the request.

        Raises:
            ReplyError: it cannot be sent, as without a key.
        """
        provider = find_provider(model.provider, model.base_url)
        blank = provider.request(model.model, Prompt(messages=({"role": "user", "content": "?"},)))
        request = ModelRequest(
            provider=entry.provider,
            model=entry.model,
            path=entry.path,
            body=entry.request,
            headers=blank.headers,
            stream=bool(entry.request.get("stream") or entry.chunk_offsets),
        )
        draw = Draw(case=entry.case, module="", sample=entry.sample, occurrence=entry.occurrence)
        future: Future[Fulfilled] = Future()
        self._send(future, model, provider, request, draw, entry.key)
        return future

    def close(self) -> None:
        """Cancel what is in flight and close every connection and file."""
        if self._pid == os.getpid():
            if self._engine is not None:
                self._engine.close()
            if self._keeper is not None:
                self._keeper.shutdown(wait=True)
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
            base_url=provider.base_url or "",
            api_key=_api_key(model, provider),
            api_key_env=model.api_key_env or provider.api_key_env,
            provider=provider,
        )
        budget = self._budget
        held = budget.hold(model.name, request.body, partial(cost_of_call, model)) if budget is not None else 0.0
        engine, keeper = self._started()
        self._in_flight[key] = future
        response = engine.submit(request, endpoint)

        def keep(done: Future[Response]) -> None:
            def fulfilled_now() -> Fulfilled:
                try:
                    fulfilled = answered(done.result(), model, request, draw, key)
                    if self.mode != "live":
                        self.store.keep(fulfilled.entry)
                    if self.mode == "refresh":
                        self._fresh[key] = fulfilled.entry
                except BaseException:
                    if budget is not None:
                        budget.settle(model.name, held, None, None)
                    raise
                finally:
                    self._in_flight.pop(key, None)
                if budget is not None:
                    budget.settle(model.name, held, fulfilled.spent, fulfilled.answer.usage)
                return fulfilled

            try:
                # Away from the event loop: a write to the store must not hold up other calls.
                keeper.submit(settle, future, fulfilled_now)
            except RuntimeError:  # the session is being closed
                future.cancel()

        response.add_done_callback(keep)

    def _found(self, model: ModelSettings, draw: Draw, key: str) -> tuple[Entry, Source] | None:
        """The stored reply to use, None to ask the model.

        Raises:
            StaleReply: it is too old.
        """
        limit = self._staleness
        refreshes = limit is not None and limit.action == "refresh"
        found = self.store.lookup(draw.module, key, since=limit.since if limit and refreshes else None)
        if found is None or limit is None or limit.action == "warn" or not limit.is_stale(found[0]):
            return found
        if refreshes and self.mode == "auto":
            return None
        from pytest_llmeval.store.staleness import age_words

        raise StaleReply(
            f"the {found[1]} of {model.name} for {draw.case}, sample {draw.sample}, is {limit.age(found[0])} old "
            f"({found[0].recorded_at[:10]}), more than max_age allows ({age_words(limit.max_age)}); "
            "record it anew with --llm-record --llm-mode=refresh"
        )

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
            f"no recorded reply of {model.full_name} for {draw.case}, "
            f"sample {draw.sample}; record it with --llm-record --llm-mode=auto"
        )
        recordings = self.store.recordings
        nearest = recordings.nearest(draw.module, request.body, request.model) if recordings is not None else None
        if nearest is None:
            return MissingReply(f"{first}\nnothing was recorded for {draw.module}")
        from pytest_llmeval.store.difference import explain_difference

        differs = explain_difference(
            meant(request.body, self._normalize), meant(nearest.request, self._normalize), self._ignore
        )
        if not differs:
            recorded = f"sample {nearest.sample}, occurrence {nearest.occurrence}"
            asked = f"sample {draw.sample}, occurrence {draw.occurrence}"
            differs = [f"the same request was recorded as {recorded}; asked for was {asked}"]
        return MissingReply("\n".join([first, f"nearest recorded request ({nearest.case}):", *differs]))


def _api_key(model: ModelSettings, provider: Provider) -> str | None:
    variable = model.api_key_env or provider.api_key_env
    elsewhere = model.base_url is not None and has_own_address(model.provider)
    if variable is None or (elsewhere and model.api_key_env is None):
        # A server of the user's own gets a key only when the configuration names one for it.
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise ProviderError(
            f"no API key for {model.full_name}: set the environment variable {variable}, "
            "or replay recorded replies with --llm-mode=replay",
            kind="authentication",
        )
    return key
