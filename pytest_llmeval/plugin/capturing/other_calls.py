"""The other calls of an application, such as embeddings: found, sent, handed on as they are, and never judged.

One is looked up by what it asks alone, whichever test and sample asks it: it is sent once, and found in whichever file
of recordings holds it.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import urlsplit

from pytest_llmeval.capture.clients import Asked, Wait
from pytest_llmeval.capture.outgoing import endpoint_of
from pytest_llmeval.capture.own_timeouts import Timed
from pytest_llmeval.capture.route import Models, Route, own_server
from pytest_llmeval.config.settings import ModelSettings
from pytest_llmeval.engine.fulfilled import Draw, Fulfilled
from pytest_llmeval.engine.requests import Lookup
from pytest_llmeval.errors import NotAsked, OutOfTime, ProviderError, ReplyError
from pytest_llmeval.formats.base import Recognised
from pytest_llmeval.formats.model_hosts import provider_at
from pytest_llmeval.formats.other_calls.kept import AS_IT_IS
from pytest_llmeval.formats.replay import Delivery
from pytest_llmeval.plugin.capturing.found_or_sent import done, found_or_sent, gave_up, unanswered
from pytest_llmeval.plugin.capturing.no_answer import no_answer
from pytest_llmeval.plugin.capturing.sending import Sending
from pytest_llmeval.plugin.running.tasks import settled
from pytest_llmeval.plugin.running.trial import Trial


@dataclass(frozen=True, slots=True)
class _Other:
    """A call."""

    sample: int
    asked: Asked
    route: Route
    lookup: Lookup
    draw: Draw

    @property
    def key(self) -> str:
        return self.lookup.key(self.draw.sample, self.draw.occurrence)


class OtherCalls:
    """Answers such calls in one execution of a test.

    Args:
        trial: what the calls belong to.
        models: the configuration may know what they cost.
    """

    def __init__(self, trial: Trial, models: Models) -> None:
        self._trial = trial
        self._models = models
        self._troubles: dict[tuple[int, str], ReplyError] = {}

    def troubles(self, sample: int) -> list[ReplyError]:
        """Why a sample has no answer to a call, for each that it has none to."""
        return [error for (place, _), error in self._troubles.items() if place == sample]

    def begin(self, asked: Asked, *, may_leave: bool) -> Delivery | Wait | Sending:
        """Start a call, or find its answer.

        Args:
            asked: the call.
            may_leave: whether the test may be left until the answer is there.

        Raises:
            Broken: the provider gave none.
            ForkedCall: it is made in a process that the test has forked.
            Unanswered: there can be none.
            Suspended: it is on its way, and the body will be run again.
        """
        __tracebackhide__ = True
        trial, route = self._trial, _as_it_is(asked.what, self._models)
        trial.process.check()
        lookup = trial.pipeline.lookups.of_request(route.model, AS_IT_IS, route.request)
        lookup = replace(lookup, server=own_server(asked.what.base_url, self._models))
        draw = Draw(str(trial.key), trial.module)
        call = _Other(trial.sample.index, asked, route, lookup, draw)
        try:
            future = trial.start_aside(call.key, partial(self._start, call), may_leave=may_leave)
        except ReplyError as error:
            raise unanswered(self._trial, error) from None
        if future is None:
            return self._own(call)
        return self._end(call, future) if future.done() else Wait(future, settled, partial(self._end, call, future))

    def _start(self, call: _Other, may_leave: bool) -> Future[Fulfilled] | None:
        """The answer, stored or to come; None when the application is to send the call.

        Raises:
            ReplyError: it is neither stored nor asked for.
        """
        pipeline, by_engine = self._trial.pipeline, may_leave and call.asked.plain
        return found_or_sent(pipeline, call.asked, call.route, call.lookup, call.draw, by_engine=by_engine)

    def _end(self, call: _Other, future: Future[Fulfilled]) -> Delivery | Sending:
        """The answer that is there now, or leave to send the call after all.

        Raises:
            Broken: the provider gave none.
            Unanswered: it was not asked, or the test has no time left.
        """
        __tracebackhide__ = True
        try:
            fulfilled = self._trial.pipeline.received(future)
        except (NotAsked, OutOfTime) as error:
            raise unanswered(self._trial, error) from None
        except ProviderError as error:
            self._failed(call, error)
            if error.response is None and error.kind == "connection":
                return self._own(call)  # the application's transport may know other certificates
            return no_answer(error)
        self._received(call, fulfilled)
        entry = fulfilled.entry
        delivery = AS_IT_IS.delivery(entry.response, entry.status)
        return Timed.of(delivery, entry.latency, (), partial(self._too_late, call, entry.latency))

    def _own(self, call: _Other) -> Sending:
        __tracebackhide__ = True
        trial = self._trial
        try:
            endpoint = endpoint_of(call.route, call.asked.headers, trial.pipeline.environment)
            sent = trial.pipeline.hold(call.lookup, call.draw)
        except ReplyError as error:
            raise unanswered(self._trial, error) from None
        received, failed = partial(self._received, call), partial(self._failed, call)
        return Sending(
            trial=trial,
            question=None,
            sent=sent,
            endpoint=endpoint,
            instead=None,
            received=received,
            failed=failed,
        )

    def _received(self, call: _Other, fulfilled: Fulfilled) -> None:
        self._trial.replies.aside[call.key] = done(fulfilled)
        self._troubles.pop((call.sample, call.key), None)

    def _failed(self, call: _Other, error: ProviderError) -> None:
        self._troubles[call.sample, call.key] = error

    def _too_late(self, call: _Other, seconds: float) -> None:
        self._failed(call, gave_up(call.route.model, seconds))


def _as_it_is(asked: Recognised, models: Models) -> Route:
    """The way the application meant; of a model that the configuration knows by this name, its price and its time."""
    host = urlsplit(asked.base_url).hostname or ""
    provider = provider_at(host) or host
    known = next((model for model in models.configured if model.model == asked.model), None)
    model = ModelSettings(name=f"{provider}/{asked.model}", provider=provider, model=asked.model)
    if known is not None:
        model = model._replace(prices=known.prices, timeout=known.timeout)
    return Route(model=model, provider=AS_IT_IS, request=asked.request(AS_IT_IS.name), base_url=asked.base_url)
