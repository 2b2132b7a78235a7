"""A reply's way: provider builds the request, store looks it up, engine sends it, provider reads it, store keeps it."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import urlsplit

from pytest_llmeval.clock import Clock
from pytest_llmeval.config.prices import cost_of_call
from pytest_llmeval.config.settings import ModelSettings
from pytest_llmeval.engine.budget import Budget
from pytest_llmeval.engine.call import Endpoint, EngineRules, Response, Timeouts, not_asked
from pytest_llmeval.engine.fulfilled import Draw, Fulfilled, answered, replayed, settle
from pytest_llmeval.engine.on_the_way import OnTheWay
from pytest_llmeval.engine.preload import import_all, import_what_stores
from pytest_llmeval.engine.requests import Lookup, Lookups, api_key_of
from pytest_llmeval.errors import ConfigError, MissingReply, ProviderError, ReplyError, StaleReply
from pytest_llmeval.formats.base import ModelRequest, Prompt
from pytest_llmeval.formats.registry import find_provider
from pytest_llmeval.formats.said_address import SaidAddress, said_address
from pytest_llmeval.reply import Answer, Source, Usage
from pytest_llmeval.runs.billed import Billed
from pytest_llmeval.store.entry import Entry
from pytest_llmeval.text import first_line

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from pytest_llmeval.engine.client import Engine
    from pytest_llmeval.store.staleness import Staleness
    from pytest_llmeval.store.store import Store

_TICK = 0.5  # seconds

Mode = Literal["auto", "replay", "refresh", "live"]


class Sent(NamedTuple):
    """A request on its way, sent by the engine or by the application.

    Attributes:
        model: who is asked and paid.
        key: under which the store keeps the answer.
        held: USD set aside.
        server: as an `Entry` keeps it.
    """

    model: ModelSettings
    request: ModelRequest
    draw: Draw
    key: str
    held: float
    server: str = ""


class Pipeline:
    """Turns prompts into answers.

    Args:
        mode: as ``--llm-mode`` says.
        store: where replies are looked up and kept; never asked in mode ``live``.
        concurrency: the most calls in flight, over all worker processes.
        workers: processes that share it.
        ignore: as in `Lookups`, and so are `normalize` and `salts`.
        staleness: how old a stored reply may be, None for any age.
        budget: USD that may be spent, over all worker processes; None for any sum.
        environment: holds the keys.
        addresses: holds the variables that lead the SDKs of providers elsewhere, None for the environment as it is now.
        tell: takes a note for the summary.

    Attributes:
        lookups: makes the lookups that it takes.
        waiting: called twice a second while the main thread waits for a reply in a test; None for nothing.
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
        environment: Mapping[str, str] = os.environ,
        addresses: Mapping[str, str] | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.mode = mode
        self.store = store
        self.waiting: Callable[[], None] | None = None
        self.lookups = Lookups(ignore=ignore, normalize=normalize, salts=salts or {})
        self.environment = environment
        # A test may change them, as llm_gateway does to be found by its application.
        self._addresses = dict(os.environ) if addresses is None else addresses
        self._tell = tell
        self._told: set[str] = set()
        self._staleness = staleness
        self._concurrency = concurrency
        self._workers = workers
        self._engine: Engine | None = None
        self._keeper: ThreadPoolExecutor | None = None
        self._budget = Budget(budget, workers=workers) if budget is not None else None
        self._in_flight: dict[str, OnTheWay] = {}
        self._sent: dict[Future[Response], tuple[Sent, OnTheWay]] = {}  # here, not in callbacks, which are kept
        self._arrived: deque[tuple[Sent, Future[Response], OnTheWay]] = deque()
        self._told_keeper = False  # of what has arrived; the next thing it does is to store it
        self._fresh: dict[str, Entry] = {}  # of a refresh: it asks each question once
        self._pid = os.getpid()
        self._billed = os.getpid(), Billed()  # a child that was forked counts its own
        self._counting = threading.Lock()
        self._starting = threading.Lock()
        self._stopped = False

    @property
    def in_flight(self) -> int:
        """Requests on the wire now."""
        return self._engine.in_flight if self._engine is not None else 0

    @property
    def runs_dry(self) -> bool:
        """Whether there may soon be nothing to send."""
        return self._engine is None or self._engine.runs_dry

    @property
    def billed(self) -> Billed:
        """The calls of this process that were answered, whatever has become of their answers."""
        process, billed = self._billed
        return billed if process == os.getpid() else Billed()

    @property
    def longest_wait(self) -> float:
        """Seconds since the first of the requests went out that have no answer yet."""
        now = Clock.monotonic()
        began = [request.began for request in list(self._in_flight.values()) if request.began is not None]
        return now - min(began) if began else 0.0

    def submit(self, lookup: Lookup, draw: Draw, usable: Callable[[Answer], bool] | None = None) -> Future[Fulfilled]:
        """Find a reply, or send the request.

        Args:
            lookup: what is asked.
            draw: which answer is meant.
            usable: whether a stored answer will do, unless nothing is to be asked; None for any.

        Returns:
            A future whose exception, if any, is a `ReplyError`. Cancelling it hangs up, unless others have asked the
            same and wait.
        """
        if (asked := self.on_its_way(lookup, draw)) is not None:
            return asked
        future: Future[Fulfilled] = Future()
        try:
            fulfilled = self.find(lookup, draw)
            spoilt = fulfilled is not None and usable is not None and not usable(fulfilled.answer)
            if fulfilled is None or (spoilt and self.mode == "auto"):
                return self.send(lookup, draw)
            future.set_result(fulfilled)
        except ReplyError as error:
            future.set_exception(error)
        return future

    def received(self, future: Future[Fulfilled]) -> Fulfilled:
        """Wait for a reply.

        Raises:
            ReplyError: there is none.
        """
        if self.waiting is not None and threading.current_thread() is threading.main_thread():
            while wait([future], _TICK).not_done:
                self.waiting()
        return future.result()

    def on_its_way(self, lookup: Lookup, draw: Draw) -> Future[Fulfilled] | None:
        """The reply to the same question, which was asked and is not answered yet; None where it is not on its way.

        Who asks looks here first and into the store then: an answer is stored before it is no longer on its way, so
        that it cannot arrive unseen between the two.
        """
        same = self._in_flight.get(lookup.key(draw.sample, draw.occurrence)) if self._pid == os.getpid() else None
        return same.shared() if same is not None else None

    def find(self, lookup: Lookup, draw: Draw) -> Fulfilled | None:
        """The stored reply to use; None when the model is to be asked.

        Raises:
            MissingReply: there is none, and the network is not to be used.
            ReplyError: there can be no request, or what is stored cannot be used.
        """
        request, key = lookup.asked(), lookup.key(draw.sample, draw.occurrence)
        found: tuple[Entry, Source] | None = None
        if self.mode in ("auto", "replay"):
            found = self._found(lookup.model, draw, key, anywhere=request.content is not None)
        elif key in self._fresh:
            found = self._fresh[key], "cache"
        if found is not None:
            entry, source = found
            if entry.case.partition("::")[0] != draw.module:  # of another module: recorded again it belongs to this one
                entry = replace(entry, case=draw.case)
            try:
                return replayed(entry, source, lookup.provider, lookup.model)
            except ProviderError:  # half an answer, which an earlier version kept
                if self.mode == "replay":
                    raise
        if self.mode == "replay":
            raise self._missing(lookup.model, request, draw, key)
        return None

    def send(self, lookup: Lookup, draw: Draw, endpoint: Endpoint | None = None) -> Future[Fulfilled]:
        """Send a request that is not stored; returns what `submit` does.

        Args:
            lookup: what is asked.
            draw: which answer is meant.
            endpoint: where it is sent, None for where the configuration says.

        Raises:
            ReplyError: it is not sent, for want of money or of a key.
        """
        if self._pid != os.getpid():  # what the parent has in flight never arrives here
            self._in_flight.clear()
            self._sent.clear()
        if (asked := self.on_its_way(lookup, draw)) is not None:  # another thread has asked meanwhile
            return asked
        where = endpoint or self._endpoint(lookup)
        return self._send(self.hold(lookup, draw), where)

    def hold(self, lookup: Lookup, draw: Draw) -> Sent:
        """Set money aside for a request, which is sent next; it ends with `keep` or `let_go`.

        Raises:
            ReplyError: it must not be sent: there is no money for it, or the session was stopped.
        """
        if self._stopped:
            raise not_asked()
        request, model = lookup.asked(), lookup.model
        cost_of_call(model, Usage(input_tokens=0, output_tokens=0))  # may import a price list: here, not on the keeper
        budget, price = self._budget, partial(cost_of_call, model)
        if request.content is not None and price(Usage(input_tokens=0, output_tokens=0)) is None:
            budget = None  # what is handed on as it is counts only where its price is known
        held = budget.hold(model.name, request.body, price) if budget is not None else 0.0
        return Sent(model, request, draw, lookup.key(draw.sample, draw.occurrence), held, lookup.server)

    def let_go(self, sent: Sent, usage: Usage | None = None) -> None:
        """Give back the money of a request that got no answer; with a usage, what is known of its cost is spent."""
        if usage is not None and sent.request.content is None:
            self._count(None)
        if self._budget is not None:
            self._budget.settle(sent.model.name, sent.held, None, usage)

    def keep(self, sent: Sent, answer: Callable[[], Response]) -> Fulfilled:
        """Settle what an answer has cost; another thread stores it, since nobody is to wait for a disk.

        Args:
            sent: the request.
            answer: gives its answer, or raises what came instead.

        Raises:
            ProviderError: there is no answer, or none that can be kept.
        """
        fulfilled = self._paid(sent, answer)
        if self.mode != "live":
            self._started()[1].submit(self.store.keep, fulfilled.entry)
        return fulfilled

    def _paid(self, sent: Sent, answer: Callable[[], Response]) -> Fulfilled:
        try:
            fulfilled = answered(answer(), sent.model, sent.request, sent.draw, sent.key, sent.server)
        except BaseException:
            self.let_go(sent)
            raise
        if sent.request.content is None or fulfilled.spent is not None:
            self._count(fulfilled.spent)
        if self._budget is not None:
            self._budget.settle(sent.model.name, sent.held, fulfilled.spent, fulfilled.answer.usage)
        if self.mode == "refresh":
            self._fresh[sent.key] = fulfilled.entry
        return fulfilled

    def wasted(self) -> None:
        """The model wrote something that is no answer: it is billed, and nobody says how much."""
        self._count(None)

    def _count(self, cost: float | None) -> None:
        with self._counting:
            self._billed = os.getpid(), self.billed.and_one(cost)

    def _keep_arrived(self) -> None:
        """Store the answers that have come by now, then hand them on.

        On the keeper's thread, and together: a transaction takes as long as the writing of an answer.
        """
        self._told_keeper = False  # before it looks: what arrives from now on may not be seen here
        arrived = [self._arrived.popleft() for _ in range(len(self._arrived))]
        outcomes = [self._outcome(sent, response) for sent, response, _ in arrived]
        try:
            if self.mode != "live":
                self.store.keep(*(outcome.entry for outcome in outcomes if isinstance(outcome, Fulfilled)))
        finally:  # whatever became of the store, tests are waiting
            for outcome, (sent, _, request) in zip(outcomes, arrived, strict=True):
                self._over(sent, request)
                settle(request, partial(_given, outcome))

    def _outcome(self, sent: Sent, response: Future[Response]) -> Fulfilled | BaseException:
        try:
            return self._paid(sent, response.result)
        except BaseException as error:  # handed on to whoever waits
            return error

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
        lookup = self.lookups.of_request(model, provider, request)
        where = self._endpoint(lookup)
        return self._send(self.hold(lookup, draw)._replace(key=entry.key), where)

    def prepare(self, models: Iterable[ModelSettings], *, new_cache: bool) -> None:
        """Make what live calls of these models need, before tests replace clocks, sockets, files or modules.

        Args:
            models: whose prices are looked up.
            new_cache: whether the cache is made if there is none.
        """
        import_what_stores()
        engine, keeper = self._started()
        opened = keeper.submit(self.store.prepare, create=new_cache)  # starts its thread, which waits for the disk
        import_all()
        for model in models:
            cost_of_call(model, Usage(input_tokens=0, output_tokens=0))  # may import a price list
        engine.start()
        opened.result()

    def stop(self) -> None:
        """Send nothing more; answers that are on their way are kept until `close`."""
        self._stopped = True
        if self._engine is not None and self._pid == os.getpid():
            self._engine.stop()

    def close(self) -> None:
        """Cancel what is in flight and close every connection and file."""
        if self._pid == os.getpid():
            if self._engine is not None:
                self._engine.close()
            if self._keeper is not None:
                with suppress(RuntimeError):  # no thread can be started: it has kept nothing
                    self._keeper.submit(self.store.leave)
                self._keeper.shutdown(wait=True)
            self.store.close()
        self._engine = self._keeper = None

    def _send(self, sent: Sent, endpoint: Endpoint) -> Future[Fulfilled]:
        request = OnTheWay()
        asked = request.joined()
        try:
            engine, keeper = self._started()
            response = engine.submit(sent.request, endpoint, request.begins, self.wasted)
        except BaseException:  # no thread can be started, or Ctrl-C
            self.let_go(sent)
            raise
        self._in_flight[sent.key] = request
        self._sent[response] = sent, request
        response.add_done_callback(partial(self._arrive, keeper))
        request.add_done_callback(partial(self._give_up, sent, response))
        return asked

    def _arrive(self, keeper: ThreadPoolExecutor, response: Future[Response]) -> None:
        """Have the keeper store an answer that has come, or what came instead."""
        sent, request = self._sent.pop(response, (None, None))
        if sent is None or request is None:
            return  # of the process that forked this one
        if response.cancelled() and request.cancelled():
            return  # it was given up, and its money is free again
        self._arrived.append((sent, response, request))
        if self._told_keeper:
            return
        self._told_keeper = True
        try:
            # Away from the event loop: a write to the store must not hold up other calls.
            keeper.submit(self._keep_arrived)
        except RuntimeError:  # the session is being closed
            self._told_keeper = False
            request.cancel()

    def _give_up(self, sent: Sent, response: Future[Response], request: Future[Fulfilled]) -> None:
        """Hang up when nobody waits for a request any more."""
        if request.cancelled() and response.cancel():
            self._over(sent, request)
            self.let_go(sent)

    def _over(self, sent: Sent, request: Future[Fulfilled]) -> None:
        """Who asks the same from now on is not given this reply."""
        if self._in_flight.get(sent.key) is request:  # the same may have been asked anew since it was given up
            del self._in_flight[sent.key]

    def _found(self, model: ModelSettings, draw: Draw, key: str, *, anywhere: bool) -> tuple[Entry, Source] | None:
        """The stored reply to use, None to ask the model.

        Args:
            anywhere: whether one that was recorded for another test file will do.

        Raises:
            StaleReply: it is too old.
        """
        limit = self._staleness
        refreshes = limit is not None and limit.action == "refresh"
        since = limit.since if limit and refreshes else None
        found = self.store.lookup(draw.module, key, since=since, anywhere=anywhere)
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
                self._arrived.clear()  # the parent stores them
                self._told_keeper = False
                self._pid = os.getpid()
            if self._engine is None or self._keeper is None:
                from concurrent.futures import ThreadPoolExecutor

                from pytest_llmeval.engine.client import Engine

                self._engine = Engine(EngineRules(concurrency=self._concurrency, workers=self._workers))
                self._keeper = ThreadPoolExecutor(max_workers=1, thread_name_prefix="llmeval-keeper")
            return self._engine, self._keeper

    def _missing(self, model: ModelSettings, request: ModelRequest, draw: Draw, key: str) -> MissingReply:
        sample = f"sample {draw.sample}" if request.content is None else f"POST {request.path}"
        first = (
            f"no recorded reply of {model.full_name} for {draw.case}, {sample}; "
            "record it with --llm-record --llm-mode=auto"
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
            self.lookups.meant(request.body), self.lookups.meant(nearest.request), self.lookups.ignore
        )
        if not differs:
            recorded = f"sample {nearest.sample}, occurrence {nearest.occurrence}"
            asked = f"sample {draw.sample}, occurrence {draw.occurrence}"
            differs = [f"the same request was recorded as {recorded}; asked for was {asked}"]
        return MissingReply("\n".join([first, f"nearest recorded request ({nearest.case}):", *differs]))

    def _endpoint(self, lookup: Lookup) -> Endpoint:
        """Where the configuration sends the requests of a model.

        Raises:
            ProviderError: the environment does not have its key.
        """
        model, provider = lookup.model, lookup.provider
        key = api_key_of(model, provider, self.environment)
        try:
            said = said_address(model.provider, self._addresses) if model.base_url is None else None
        except ConfigError as error:
            raise ProviderError(str(error), kind="bad_request") from None
        if said is not None:
            provider = said.provider
            self._tell_of(said, model, with_key=key is not None)
        if provider.base_url is None and not hasattr(provider, "call"):
            raise ProviderError(f"no address for {model.full_name}: {provider.needs}", kind="bad_request")
        return Endpoint(
            base_url=provider.base_url or "",
            api_key=key,
            api_key_env=model.api_key_env or provider.api_key_env,
            provider=provider,
            entry=model.entry,
            extra=model.headers,
            timeouts=Timeouts.of(model.timeout),
            signs=provider.signs and key is None,
        )

    def _tell_of(self, said: SaidAddress, model: ModelSettings, *, with_key: bool) -> None:
        """Tell once where the environment leads the calls of a model, and whether its key goes there."""
        where = first_line(urlsplit(said.provider.base_url or "").netloc, 80)
        key = f", with the key in {model.api_key_env or said.provider.api_key_env}" if with_key else ""
        note = f"{said.variable}: {model.full_name} is asked at {where}{key}"
        if note not in self._told:
            self._told.add(note)
            self._tell(note)


def _given(outcome: Fulfilled | BaseException) -> Fulfilled:
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome
