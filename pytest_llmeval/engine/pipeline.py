"""A reply's way: provider builds the request, store looks it up, engine sends it, provider reads it, store keeps it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from pytest_llmeval.config.prices import cost_of_call
from pytest_llmeval.config.settings import ModelSettings
from pytest_llmeval.engine.budget import Budget
from pytest_llmeval.engine.fulfilled import Draw, Fulfilled, answered, replayed, settle, share
from pytest_llmeval.engine.requests import Asked, api_key_of, asked_of, identity_of, meant, words_digest
from pytest_llmeval.errors import MissingReply, ProviderError, ReplyError, StaleReply
from pytest_llmeval.formats.base import ModelRequest, Prompt, Provider
from pytest_llmeval.formats.registry import find_provider
from pytest_llmeval.reply import Source, Usage
from pytest_llmeval.store.entry import Entry
from pytest_llmeval.store.key import RequestIdentity

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from pytest_llmeval.engine.call import Endpoint, Response
    from pytest_llmeval.engine.client import Engine
    from pytest_llmeval.store.staleness import Staleness
    from pytest_llmeval.store.store import Store

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
            key, fulfilled = self._find(asked.model, asked.provider, asked.request, asked.identity, draw)
            if fulfilled is not None:
                future.set_result(fulfilled)
            elif (shared := self._in_flight.get(key)) is not None:
                shared.add_done_callback(partial(share, future))
            else:
                self._send(future, asked.model, asked.provider, asked.request, draw, key)
        except ReplyError as error:
            future.set_exception(error)
        return future

    def find(
        self, model: ModelSettings, provider: Provider, request: ModelRequest, draw: Draw
    ) -> tuple[str, Fulfilled | None]:
        """The key of a request, and the stored reply to use; None when the model is to be asked.

        Raises:
            MissingReply: there is none, and the network is not to be used.
            ReplyError: what is stored cannot be used.
        """
        return self._find(model, provider, request, self._identity(model, request), draw)

    def send(
        self, model: ModelSettings, request: ModelRequest, draw: Draw, key: str, endpoint: Endpoint
    ) -> Future[Fulfilled]:
        """Send a request that is not stored to where the caller says.

        Args:
            model: who is asked and paid.
            request: what is asked.
            draw: which answer is meant.
            key: from `find`.
            endpoint: where it goes.

        Returns:
            A future whose exception, if any, is a `ReplyError`.

        Raises:
            BudgetExceeded: it is not sent.
        """
        future: Future[Fulfilled] = Future()
        if (asked := self._in_flight.get(key)) is not None:
            asked.add_done_callback(partial(share, future))
        else:
            self._send(future, model, endpoint.provider, request, draw, key, endpoint)
        return future

    def hold(self, model: ModelSettings, request: ModelRequest) -> float:
        """Set money aside for a request that is sent by somebody else; returns it for `keep` or `let_go`.

        Raises:
            BudgetExceeded: it must not be sent.
        """
        if self._budget is None:
            return 0.0
        return self._budget.hold(model.name, request.body, partial(cost_of_call, model))

    def let_go(self, model: ModelSettings, held: float, usage: Usage | None = None) -> None:
        """Give back the money of a request that got no answer; with a usage, what is known of its cost is spent."""
        if self._budget is not None:
            self._budget.settle(model.name, held, None, usage)

    def keep(
        self, response: Response, model: ModelSettings, request: ModelRequest, draw: Draw, key: str, held: float
    ) -> Fulfilled:
        """Keep the answer to a request that was sent by somebody else."""
        fulfilled = answered(response, model, request, draw, key)
        if self._budget is not None:
            self._budget.settle(model.name, held, fulfilled.spent, fulfilled.answer.usage)
        if self.mode == "refresh":
            self._fresh[key] = fulfilled.entry
        if self.mode != "live":
            _, keeper = self._started()
            keeper.submit(self.store.keep, fulfilled.entry)
        return fulfilled

    def words(self, body: Mapping[str, Any]) -> str:
        """Digest of what a request asks, whichever model is asked, made of its body."""
        return words_digest(meant(body, self._normalize), self._ignore)

    def digests(self, model: ModelSettings, request: ModelRequest) -> tuple[str, str]:
        """The digests of `Asked`, for a request that is made already."""
        return self.words(request.body), self._identity(model, request).digest

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
        endpoint: Endpoint | None = None,
    ) -> None:
        from pytest_llmeval.engine.call import Endpoint

        endpoint = endpoint or Endpoint(
            base_url=provider.base_url or "",
            api_key=api_key_of(model, provider),
            api_key_env=model.api_key_env or provider.api_key_env,
            provider=provider,
            entry=model.entry,
        )
        budget = self._budget
        held = budget.hold(model.name, request.body, partial(cost_of_call, model)) if budget is not None else 0.0
        cost_of_call(model, Usage(input_tokens=0, output_tokens=0))  # may import a price list: here, not on the keeper
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

    def _identity(self, model: ModelSettings, request: ModelRequest) -> RequestIdentity:
        salt = self._salts.get(model.name, "")
        return identity_of(request, ignore=self._ignore, normalize=self._normalize, salt=salt)

    def _find(
        self, model: ModelSettings, provider: Provider, request: ModelRequest, identity: RequestIdentity, draw: Draw
    ) -> tuple[str, Fulfilled | None]:
        key = identity.key(sample=draw.sample, occurrence=draw.occurrence)
        found: tuple[Entry, Source] | None = None
        if self.mode in ("auto", "replay"):
            found = self._found(model, draw, key)
        elif key in self._fresh:
            found = self._fresh[key], "cache"
        if found is not None:
            entry, source = found
            if entry.case.partition("::")[0] != draw.module:  # of another module: recorded anew it belongs to this one
                entry = replace(entry, case=draw.case)
            try:
                return key, replayed(entry, source, provider, model)
            except ProviderError:  # half an answer, which an earlier version kept
                if self.mode == "replay":
                    raise
        if self.mode == "replay":
            raise self._missing(model, request, draw, key)
        return key, None

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
        from pytest_llmeval.config.age import age_words

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
                from concurrent.futures import ThreadPoolExecutor

                from pytest_llmeval.engine.client import Engine

                self._engine = Engine(concurrency=self._concurrency, workers=self._workers, start=16)
                self._keeper = ThreadPoolExecutor(max_workers=1, thread_name_prefix="llmeval-keeper")
            return self._engine, self._keeper

    def _missing(self, model: ModelSettings, request: ModelRequest, draw: Draw, key: str) -> MissingReply:
        first = (
            f"no recorded reply of {model.full_name} for {draw.case}, "
            f"sample {draw.sample}; record it with --llm-record --llm-mode=auto"
        )
        recordings = self.store.recordings
        if recordings is not None and (others := recordings.holding(key)):
            named = ", ".join(path.name for path in others[:5])
            return MissingReply(f"{first}\nthe same request is recorded for another test file, in {named}")
        nearest = recordings.nearest(draw.module, request.body, request.model) if recordings is not None else None
        if nearest is None:
            return MissingReply(f"{first}\nnothing was recorded for {draw.module}")
        from pytest_llmeval.store.request_difference import explain_difference

        differs = explain_difference(
            meant(request.body, self._normalize), meant(nearest.request, self._normalize), self._ignore
        )
        if not differs:
            recorded = f"sample {nearest.sample}, occurrence {nearest.occurrence}"
            asked = f"sample {draw.sample}, occurrence {draw.occurrence}"
            differs = [f"the same request was recorded as {recorded}; asked for was {asked}"]
        return MissingReply("\n".join([first, f"nearest recorded request ({nearest.case}):", *differs]))
