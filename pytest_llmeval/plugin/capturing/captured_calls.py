"""The calls of the application under test in a trial: found, sent, put into the results.

A call whose reply is not stored goes out in one of two ways. Where the test may be left, the engine sends it in the
application's place, with the application's own address and headers: the application is no longer running when the
answer arrives, and its client may be closed. Where the test must wait, as in a thread, and where the application has
a proxy or a transport of its own, the application's transport sends it, and the answer is watched on its way, so that
a stream stays a stream. Only the first way counts against ``--llm-concurrency``; both count against the budget.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Generator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest

from pytest_llmeval.capture.clients import Asked, Replacement, Wait
from pytest_llmeval.capture.outgoing import endpoint_of, headers_to_send
from pytest_llmeval.capture.own_timeouts import Timed
from pytest_llmeval.capture.route import Models, Route, own_server, routed
from pytest_llmeval.engine.fulfilled import Draw, Fulfilled
from pytest_llmeval.engine.requests import Lookup
from pytest_llmeval.errors import MissingReply, NotAsked, NotRerouted, OutOfTime, ProviderError, ReplyError
from pytest_llmeval.formats.other_calls.kept import AS_IT_IS
from pytest_llmeval.formats.replay import Delivery, delivered
from pytest_llmeval.plugin.capturing.captured import LlmCapture
from pytest_llmeval.plugin.capturing.found_or_sent import found_or_sent, gave_up, unanswered
from pytest_llmeval.plugin.capturing.no_answer import no_answer
from pytest_llmeval.plugin.capturing.other_calls import OtherCalls
from pytest_llmeval.plugin.capturing.sending import Sending
from pytest_llmeval.plugin.running.own_frames import own_frames
from pytest_llmeval.plugin.running.replies import Question, Unanswered
from pytest_llmeval.plugin.running.tasks import settled
from pytest_llmeval.plugin.running.trial import Trial, call_of
from pytest_llmeval.text import first_line


@dataclass(frozen=True, slots=True)
class _Captured:
    """A call of the application."""

    asked: Asked
    route: Route
    lookup: Lookup
    draw: Draw
    question: Question | None  # None for a call of a fixture that outlives the test


class CapturedCalls:
    """The `Listener` of one execution of a test.

    Args:
        trial: what the calls belong to.
        capture: gets each answer.
        models: those a call may name.
        scopes: tells calls of fixtures that outlive the test.
        fixture: its name in messages.
        compares: whether models are compared: then a sample that the model on trial never answered is an error, though
            the application coped and the test passes. Without, that coping is what a test may be about.
    """

    def __init__(
        self,
        trial: Trial,
        capture: LlmCapture,
        models: Models,
        scopes: FixtureScopes,
        fixture: str = "llm_capture",
        *,
        compares: bool = False,
    ) -> None:
        self.trial = trial
        self._fixture = fixture
        self._compares = compares
        self._capture = capture
        self._models = models
        self._scopes = scopes
        self._troubles: dict[Question, tuple[Route, ReplyError]] = {}
        self._others = OtherCalls(trial, models)
        self._on_trial: set[int] = set()  # samples that asked the model on trial
        self._answered: set[Question] = set()  # what it has answered in time
        self._elsewhere: defaultdict[int, set[str]] = defaultdict(set)

    def begin(self, asked: Asked) -> Delivery | Wait | Sending:
        """Start a call, or find its answer.

        Raises:
            Broken: the provider gave none.
            ForkedCall: it is made in a process that the test has forked.
            Unanswered: there can be none.
            Suspended: it is on its way, and the body will be run again.
        """
        __tracebackhide__ = True
        trial = self.trial
        server = own_server(asked.what.base_url, self._models)
        if server and trial.pipeline.mode == "replay":
            _refuse_from_now_on(server)
        if asked.what.format is AS_IT_IS:
            return self._others.begin(asked, may_leave=self._scopes.current is None)
        trial.process.check()
        try:
            route = routed(asked.what, self._models)
        except NotRerouted as error:
            raise unanswered(self.trial, error) from None
        if route.on_trial:
            self._on_trial.add(trial.sample.index)
        else:
            self._elsewhere[trial.sample.index].add(route.model.full_name)
        lookup = trial.pipeline.lookups.of_request(route.model, route.provider, route.request, asked.what.body)
        lookup = replace(lookup, server=server)
        start = partial(self._start, asked, route, lookup)
        try:
            if (fixture := self._scopes.current) is not None:
                question, draw = None, fixture.draw(trial.module, lookup)
                future = start(draw, may_leave=False)
            else:
                question, future = trial.start_call(lookup, start)
                draw = trial.draw(question)
        except ReplyError as error:
            raise unanswered(self.trial, error) from None
        call = _Captured(asked, route, lookup, draw, question)
        if future is None:
            return self._own(call)
        return self._end(call, future) if future.done() else Wait(future, settled, partial(self._end, call, future))

    def passes_by(self, method: str, url: str) -> None:
        """Let a call of a model go that cannot be captured, unless nothing is to reach a model.

        Raises:
            Unanswered: nothing is.
        """
        __tracebackhide__ = True
        if self.trial.pipeline.mode == "replay":
            parts = urlsplit(url)
            asked = first_line(f"{method} {parts.hostname}{parts.path}", 100)
            raise unanswered(
                self.trial,
                MissingReply(
                    f"the application asked {asked}, which {self._fixture} cannot record, and --llm-mode=replay lets "
                    "nothing reach a model; keep it out of this run, or run in another mode (formats that are "
                    "recorded: OpenAI's, Anthropic's Messages, Gemini's, Ollama's, Bedrock's Converse)"
                ),
            )

    def received(self, route: Route, question: Question | None, fulfilled: Fulfilled) -> None:
        """Put an answer into the trial's results."""
        trial = self.trial
        trial.used[fulfilled.entry.key] = fulfilled
        if question is None:
            return
        self._troubles.pop(question, None)
        if route.on_trial:
            self._answered.add(question)
        if question.sample != trial.sample.index:
            return  # of a thread that has outlived its sample: it is no answer of the one that runs now
        call = call_of(fulfilled, route.request.provider, route.request.model, question.words_digest)
        judge = route.model.judge and not route.on_trial
        call = call._replace(response=fulfilled.entry.response, judge=judge)
        self._capture.add(route.request.body, route.model.name, call, question)

    def failed(self, route: Route, question: Question | None, error: ReplyError) -> None:
        """A provider gave no answer; whether the test is judged depends on what the application makes of it."""
        if question is not None:
            self._troubles.setdefault(question, (route, error))
            self.trial.give_back(question)

    def review(self, error: BaseException | None) -> BaseException | None:
        """What really came out of a sample, given what left its body."""
        sample = self.trial.sample.index
        if isinstance(error, Unanswered):
            return error.error.with_traceback(own_frames(error.__traceback__))
        if isinstance(error, ReplyError):
            return error
        troubles = [trouble for question, trouble in self._troubles.items() if question.sample == sample]
        every = [*(trouble for _, trouble in troubles), *self._others.troubles(sample)]
        if every and error is not None:
            # A wrong answer of an application whose provider was down says nothing of the model.
            return every[0].with_traceback(own_frames(error.__traceback__))
        by_itself = bool(self.trial.sample.given)  # by llm()
        on_trial = [trouble for route, trouble in troubles if route.on_trial]
        answered = any(question.sample == sample for question in self._answered)
        if self._compares and on_trial and not answered and not by_itself:
            # Nor does a right one: a model that never answers must not pass by what the application says without it.
            return on_trial[0]
        if self._elsewhere[sample] and sample not in self._on_trial and not by_itself:
            return NotRerouted(self._never_asked(sorted(self._elsewhere[sample])))
        return error

    def _start(
        self, asked: Asked, route: Route, lookup: Lookup, draw: Draw, may_leave: bool
    ) -> Future[Fulfilled] | None:
        """The answer, stored or to come; None when the application is to send the call.

        Raises:
            ReplyError: it is neither stored nor asked for.
        """
        by_engine = may_leave and (asked.plain or route.moved)
        return found_or_sent(self.trial.pipeline, asked, route, lookup, draw, by_engine=by_engine)

    def _end(self, call: _Captured, future: Future[Fulfilled]) -> Delivery | Sending:
        """The answer that is there now, or leave to send the call after all.

        Raises:
            Broken: the provider gave none.
            Unanswered: it was not asked, or the test has no time left.
        """
        __tracebackhide__ = True
        try:
            fulfilled = self.trial.pipeline.received(future)
        except (NotAsked, OutOfTime) as error:
            raise unanswered(self.trial, error) from None
        except ProviderError as error:
            self.failed(call.route, call.question, error)
            if error.response is None and error.kind == "connection":
                # What the engine cannot reach the application's transport may: it may know other certificates.
                return self._own(call)
            return no_answer(error)
        self.received(call.route, call.question, fulfilled)
        what, entry = call.asked.what, fulfilled.entry
        pieces = len(entry.chunk_offsets)
        delivery = delivered(what.format, entry.response, stream=what.stream, pieces=pieces, status=entry.status)
        gave_up = partial(self._too_late, call.route, call.question, entry.latency)
        return Timed.of(delivery, entry.latency, entry.chunk_offsets, gave_up)

    def _too_late(self, route: Route, question: Question | None, seconds: float) -> None:
        """The application did not wait for an answer."""
        if question is not None:
            self._answered.discard(question)
        self.failed(route, question, gave_up(route.model, seconds))

    def _own(self, call: _Captured) -> Sending:
        __tracebackhide__ = True
        route, headers = call.route, call.asked.headers
        instead = None
        try:
            endpoint = endpoint_of(route, headers, self.trial.pipeline.environment)
            if route.differs:
                content = json.dumps(route.request.body).encode()
                sent_headers = headers_to_send(route, endpoint, headers, content)
                instead = Replacement(url=route.url, headers=sent_headers, content=content)
            sent = self.trial.pipeline.hold(call.lookup, call.draw)
        except ReplyError as error:
            raise unanswered(self.trial, error) from None
        question = call.question
        return Sending(
            trial=self.trial,
            question=question,
            sent=sent,
            endpoint=endpoint,
            instead=instead,
            received=partial(self.received, route, question),
            failed=partial(self.failed, route, question),
        )

    def _never_asked(self, asked: list[str]) -> str:
        trial, production = self._models.trial, [model.full_name for model in self._models.production]
        named = f"production uses {', '.join(production)}" if production else "no model is configured as production"
        if production == [trial.full_name]:
            named = "the one in production"
        return (
            f"the application asked {', '.join(asked)} and never the model on trial, {trial.full_name} ({named}); "
            f'name the model it asks in [tool.llmeval]: model = "provider/model", or have it ask {self._fixture}.model'
        )


def _refuse_from_now_on(server: str) -> None:
    from pytest_llmeval.capture.addresses import server_of
    from pytest_llmeval.capture.no_network import in_use

    guard, place = in_use(), server_of(f"http://{server}")
    if guard is not None and place is not None:
        guard.learn(*place)


@dataclass(slots=True)
class OfFixture:
    """The calls of a fixture that outlives the test: made once, though the test may be executed again."""

    name: str
    asked: Counter[str]

    def draw(self, module: str, lookup: Lookup) -> Draw:
        """Which answer the next call means."""
        self.asked[lookup.digest] += 1
        return Draw(case=f"{module}::{self.name}", module=module, occurrence=self.asked[lookup.digest] - 1)


class FixtureScopes:
    """Knows which fixture is being set up, if it outlives the test: pytest keeps what leaves one."""

    def __init__(self) -> None:
        self.current: OfFixture | None = None

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
        """Note it while it is set up."""
        if fixturedef.scope == "function":
            return (yield)
        before, self.current = self.current, OfFixture(fixturedef.argname, Counter())
        try:
            return (yield)
        finally:
            self.current = before
