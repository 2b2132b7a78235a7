"""The calls of the application under test in a trial: what the fixture ``llm_capture`` does and gives.

A call whose reply is not stored goes out in one of two ways. Where the test may be left, the engine sends it in the
application's place, with the application's own address and headers: nobody of the application is there to receive the
answer, and its client may be closed by then. Where the test must wait, as in a thread, and where the application has
a proxy or a transport of its own, the application's transport sends it, and the answer is watched on its way, so that
a stream stays a stream. Only the first way counts against ``--llm-concurrency``; both count against the budget.
"""

from __future__ import annotations

import json
import os
import sysconfig
from collections import Counter, defaultdict
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from pytest_llmeval.capture.application import InPlaceOf, Refused, headers_to_send, kept_refusal, key_and_headers
from pytest_llmeval.capture.frames import Delivery, delivered
from pytest_llmeval.capture.intercept import Asked, Broken, OwnCall, Pending, Replacement, listen
from pytest_llmeval.capture.route import Models, Route, routed
from pytest_llmeval.config import ModelSettings
from pytest_llmeval.engine.api_key import NO_KEY
from pytest_llmeval.engine.pipeline import Draw, Fulfilled
from pytest_llmeval.errors import ConfigError, NotRerouted, ReplyError
from pytest_llmeval.plugin.evaluation import Evaluation
from pytest_llmeval.plugin.replies import Question, Unanswered
from pytest_llmeval.plugin.sending import Sending
from pytest_llmeval.plugin.trial import Trial, settled
from pytest_llmeval.providers import find_provider
from pytest_llmeval.reply import Reply, ToolCall, Usage
from pytest_llmeval.run import Call

__all__ = ["OTHER_KEYS", "CapturedCall", "CapturedCalls", "FixtureScopes", "LlmCapture", "capturing", "models_of"]

_NOT_HANDED_ON = ("connection", "content-encoding", "content-length", "transfer-encoding")


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedCall:
    """One call of the application under test.

    Attributes:
        request: the JSON body, as it was sent to the model.
        reply: a ``str`` with ``.json()``, ``.finish_reason``, ``.refusal``, ``.cached`` and more, as ``llm()`` returns.
    """

    request: Mapping[str, Any]
    reply: Reply

    @property
    def model(self) -> str:
        """Name of the model that was asked: the alias, or ``provider/model``."""
        return self.reply.model

    @property
    def usage(self) -> Usage:
        """Tokens in and out."""
        return self.reply.usage

    @property
    def latency(self) -> float:
        """Seconds to the end of the answer; of a replayed one, those recorded."""
        return self.reply.latency

    @property
    def ttft(self) -> float | None:
        """Seconds to the first token, None unless the answer was streamed."""
        return self.reply.ttft

    @property
    def cost(self) -> float | None:
        """USD, None when no price is known."""
        return self.reply.cost

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The functions the model wants called."""
        return self.reply.tool_calls


class LlmCapture:
    """What the application under test asks of models.

    Attributes:
        model: the provider's name of the model on trial, as its SDK wants it.
    """

    def __init__(self, trial: Trial) -> None:
        self.model = trial.model.model
        self._trial = trial
        self._captured: dict[int, CapturedCall] = {}  # by identity of the trial's own record

    def __repr__(self) -> str:
        return f"<llm_capture: {self._trial.model.name}, {len(self.calls)} calls>"

    @property
    def calls(self) -> list[CapturedCall]:
        """The calls so far, in the order of their answers; of several samples, those of the one that runs."""
        return [self._captured[id(call)] for call in self._trial.calls if id(call) in self._captured]

    def add(self, route: Route, call: Call) -> None:
        """One more has its answer."""
        reply = Reply(call.answer, call.measures, route.model.name)
        self._captured[id(call)] = CapturedCall(request=route.request.body, reply=reply)
        self._trial.calls.append(call)


@contextmanager
def capturing(trial: Trial, evaluation: Evaluation, config: pytest.Config) -> Iterator[LlmCapture]:
    """Capture calls while inside.

    Args:
        trial: what they belong to.
        evaluation: the session's.
        config: where the hooks are registered that this needs.
    """
    scopes = config.pluginmanager.get_plugin(_SCOPES)
    if scopes is None:
        scopes = FixtureScopes()
        config.pluginmanager.register(scopes, _SCOPES)
    models = models_of(trial.model, evaluation)
    capture = LlmCapture(trial)
    calls = CapturedCalls(trial, capture, models, scopes)
    trial.reviews.append(calls.review)
    with _keys_for(models):
        before = listen(calls)
        try:
            yield capture
        finally:
            listen(before)


@dataclass(slots=True)
class Waiting:
    """A call whose answer is stored, or on its way by the engine; a `Pending`."""

    asked: Asked
    route: Route
    draw: Draw
    question: Question | None  # None for a call of a fixture that outlives the test
    future: Future[Fulfilled]


class CapturedCalls:
    """The `Listener` of one execution of a test."""

    def __init__(
        self,
        trial: Trial,
        capture: LlmCapture,
        models: Models,
        scopes: FixtureScopes,
        fixture: str = "llm_capture",
    ) -> None:
        self.trial = trial
        self._fixture = fixture
        self._capture = capture
        self._models = models
        self._scopes = scopes
        self._troubles: dict[Question, ReplyError] = {}
        self._on_trial: set[int] = set()  # samples that asked the model on trial
        self._elsewhere: defaultdict[int, set[str]] = defaultdict(set)

    def begin(self, asked: Asked) -> Pending | OwnCall:
        """Start a call, or find its answer.

        Raises:
            Unanswered: there can be none.
            Suspended: it is on its way, and the body will be run again.
        """
        __tracebackhide__ = True
        trial = self.trial
        try:
            route = routed(asked.what, self._models)
        except NotRerouted as error:
            raise self._unanswered(error) from None
        if route.on_trial:
            self._on_trial.add(trial.sample)
        else:
            self._elsewhere[trial.sample].add(route.model.full_name)
        digests = trial.pipeline.digests(route.model, route.request)
        if (fixture := self._scopes.current) is not None:
            draw = fixture.draw(trial.module, digests)
            question, future = None, self._start(asked, route, draw, may_leave=False)
        else:
            begin = partial(self._start_unless_left, asked, route)
            question, future = trial.start_call(digests, begin)
            draw = trial.draw(question)
        if future is None:
            return self._own(asked, route, draw, question)
        return Waiting(asked, route, draw, question, future)

    async def settled(self, future: Future[Any]) -> None:
        """Wait for an answer in asynchronous code."""
        await settled(future)

    def end(self, pending: Any) -> Delivery | OwnCall:
        """The answer that is there now, or leave to send the call after all.

        Raises:
            Broken: the provider gave none.
            Unanswered: it was not asked.
        """
        __tracebackhide__ = True
        waiting: Waiting = pending
        try:
            fulfilled = waiting.future.result()
        except Refused as error:
            self.failed(waiting.question, error.error)
            if error.said is None and error.kind == "connection":
                # What the engine cannot reach the application's transport may: it may know other certificates.
                return self._own(waiting.asked, waiting.route, waiting.draw, waiting.question)
            return _refusal(error)
        except ReplyError as error:
            raise self._unanswered(error) from None
        self.received(waiting.route, waiting.question, fulfilled)
        what, entry = waiting.asked.what, fulfilled.entry
        return delivered(what.format, entry.response, stream=what.stream, pieces=len(entry.chunk_offsets))

    def received(self, route: Route, question: Question | None, fulfilled: Fulfilled) -> None:
        """Put an answer into the trial's results."""
        trial = self.trial
        trial.used[fulfilled.entry.key] = fulfilled
        if question is None:
            return
        self._troubles.pop(question, None)
        self._capture.add(
            route,
            Call(
                provider=route.request.provider,
                request_model=route.request.model,
                prompt=question.prompt,
                answer=fulfilled.answer,
                measures=fulfilled.measures,
                spent=fulfilled.spent,
                key=fulfilled.entry.key,
                recorded_at=fulfilled.entry.recorded_at,
            ),
        )

    def failed(self, question: Question | None, error: ReplyError) -> None:
        """A provider gave no answer; whether the test is judged depends on what the application makes of it."""
        if question is not None:
            self._troubles.setdefault(question, error)
            self.trial.give_back(question)

    def review(self, error: BaseException | None) -> BaseException | None:
        """What really came out of a sample, given what left its body."""
        sample = self.trial.sample
        if isinstance(error, Unanswered):
            return error.error.with_traceback(_own_frames(error.__traceback__))
        if isinstance(error, ReplyError):
            return error
        troubles = [trouble for question, trouble in self._troubles.items() if question.sample == sample]
        if troubles and error is not None:
            # A wrong answer of an application whose provider was down says nothing of the model.
            return troubles[0].with_traceback(_own_frames(error.__traceback__))
        if self._elsewhere[sample] and sample not in self._on_trial:
            return NotRerouted(self._never_asked(sorted(self._elsewhere[sample])))
        return error

    def _start_unless_left(self, asked: Asked, route: Route, draw: Draw, may_leave: bool) -> Future[Fulfilled] | None:
        return self._start(asked, route, draw, may_leave=may_leave)

    def _start(self, asked: Asked, route: Route, draw: Draw, *, may_leave: bool) -> Future[Fulfilled] | None:
        """The answer, stored or to come; None when the application is to send the call."""
        pipeline = self.trial.pipeline
        future: Future[Fulfilled] = Future()
        try:
            key, fulfilled = pipeline.find(route.model, route.provider, route.request, draw)
            if fulfilled is not None:
                future.set_result(fulfilled)
            elif may_leave and (asked.plain or route.moved):
                secret, headers = key_and_headers(route, asked.headers)
                provider = InPlaceOf(route.provider, headers)
                endpoint = provider.endpoint(route, secret)
                return kept_refusal(pipeline.send(route.model, route.request, draw, key, endpoint), provider)
            else:
                return None
        except ReplyError as error:
            future.set_exception(error)
        return future

    def _own(self, asked: Asked, route: Route, draw: Draw, question: Question | None) -> OwnCall:
        __tracebackhide__ = True
        pipeline = self.trial.pipeline
        try:
            key, _ = pipeline.find(route.model, route.provider, route.request, draw)
            secret, headers = headers_to_send(route, asked.headers)
            held = pipeline.hold(route.model, route.request)
        except ReplyError as error:
            raise self._unanswered(error) from None
        instead = None
        if route.moved or route.rewritten:
            content = json.dumps(route.request.body).encode()
            instead = Replacement(url=route.url, headers=headers, content=content)
        return Sending(
            calls=self,
            route=route,
            draw=draw,
            question=question,
            key=key,
            held=held,
            secret=secret or "",
            instead=instead,
        )

    def _unanswered(self, error: ReplyError) -> Unanswered:
        self.trial.failures.append(error)
        return Unanswered(error)

    def _never_asked(self, asked: list[str]) -> str:
        trial, production = self._models.trial, [model.full_name for model in self._models.production]
        named = f"in production is {', '.join(production)}" if production else "no model is configured as production"
        return (
            f"the application asked {', '.join(asked)} and never the model on trial, {trial.full_name} ({named}); "
            f'name the model it asks in [tool.llmeval]: model = "provider/model", or have it ask {self._fixture}.model'
        )


@dataclass(slots=True)
class OfFixture:
    """The calls of a fixture that outlives the test: made once, though the test may be executed again."""

    name: str
    asked: Counter[tuple[str, str]]

    def draw(self, module: str, digests: tuple[str, str]) -> Draw:
        """Which answer the next call means."""
        self.asked[digests] += 1
        return Draw(case=f"{module}::{self.name}", module=module, occurrence=self.asked[digests] - 1)


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


_SCOPES = "llmeval-fixture-scopes"


def models_of(trial: ModelSettings, evaluation: Evaluation) -> Models:
    """The models that calls of an application may name."""
    settings = evaluation.settings
    production: dict[str, ModelSettings] = {}
    for name in (settings.model, settings.baseline, evaluation.baseline):
        if name is not None and not name.endswith(".jsonl"):
            with suppress(ConfigError):
                production.setdefault(name, settings.find_model(name))
    configured = {model.name: model for model in (*settings.models.values(), *evaluation.models)}
    return Models(trial=trial, production=tuple(production.values()), configured=tuple(configured.values()))


@contextmanager
def _keys_for(models: Models) -> Iterator[None]:
    """Let SDKs make their clients where there is no key, since replaying needs none."""
    missing = []
    for model in (models.trial, *models.production):
        name = model.api_key_env or find_provider(model.provider, model.base_url).api_key_env
        if name and not any(os.environ.get(other) for other in (name, *OTHER_KEYS.get(name, ()))):
            os.environ[name] = NO_KEY
            missing.append(name)
    try:
        yield
    finally:
        for name in missing:
            if os.environ.get(name) == NO_KEY:
                del os.environ[name]


OTHER_KEYS = {"ANTHROPIC_API_KEY": ("ANTHROPIC_AUTH_TOKEN",), "GEMINI_API_KEY": ("GOOGLE_API_KEY",)}


def _refusal(error: Refused) -> Delivery:
    """The response that says what the provider said.

    Raises:
        Broken: it said nothing.
    """
    said = error.said
    if said is None and error.kind == "timeout":
        raise Broken(str(error), timed_out=True)
    # The engine has asked again already, as often as it helps; SDKs heed this.
    retried = {"x-should-retry": "false"}
    if said is None:
        content = json.dumps({"error": {"message": str(error), "type": error.kind, "code": error.kind}}).encode()
        headers = {"content-type": "application/json", **retried}
        return Delivery(status=error.status or 502, headers=headers, chunks=(content,))
    headers = {name: value for name, value in said.headers.items() if name.lower() not in _NOT_HANDED_ON}
    return Delivery(
        status=said.status, headers={**headers, **(retried if said.status >= 400 else {})}, chunks=(said.content,)
    )


_OURS = str(Path(__file__).parents[1])
_INSTALLED = tuple({sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), sysconfig.get_path("stdlib")})


def _own_frames(traceback: TracebackType | None) -> TracebackType | None:
    """A traceback as far as the user's own code goes: the inside of an SDK tells nothing of a missing reply."""
    frames: list[TracebackType] = []
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_filename
        if not name.startswith(_OURS):
            if name.startswith(_INSTALLED) and frames:
                break
            frames.append(traceback)
        traceback = traceback.tb_next
    kept: TracebackType | None = None
    for frame in reversed(frames):
        kept = TracebackType(kept, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return kept
