"""Fixtures of class, module, package and session scope that ask a model.

Such a fixture asks once for all tests that share it, and its calls belong to each of them. In a session that has one,
the fixture ``llm`` lives as long as the session, and what it asks belongs to the fixture that is being set up, else to
the test that runs. Each model has its fixtures: `FixtureDef.cache_key` of ``llm`` is the model, and pytest sets up anew
what depends on a fixture whose key has changed. While the baseline's answers are judged again, they are set up with
those answers, beside those of the model on trial.

Private to pytest: the scope, the value and the finalizers of a ``FixtureDef``, and the fixtures that a test takes.
Without them such a fixture is an error of its tests, as is any that takes one of a narrower scope.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pytest_llmeval.engine.fulfilled import Draw, Fulfilled
from pytest_llmeval.engine.requests import Lookup
from pytest_llmeval.errors import ReplyError
from pytest_llmeval.formats.base import Prompt
from pytest_llmeval.plugin.collect import asking_fixtures, shared_trial
from pytest_llmeval.plugin.identity import identity_of
from pytest_llmeval.plugin.rejudging.again import again_key
from pytest_llmeval.plugin.running.llm import Llm
from pytest_llmeval.plugin.running.replies import Question
from pytest_llmeval.plugin.running.tasks import settled
from pytest_llmeval.plugin.running.trial import Trial, call_of
from pytest_llmeval.reply import Reply
from pytest_llmeval.runs.results import Call

_Definition = pytest.FixtureDef[Any]


class _Given(NamedTuple):
    """A call of a fixture with its answer."""

    call: Call
    reply: Reply
    fulfilled: Fulfilled | None  # None for one of the baseline's


@dataclass(slots=True, kw_only=True)
class _Asked:
    """What a fixture has asked while it was set up, for the first test that uses it.

    Attributes:
        name: of the fixture, with the file it stands in.
        setup: the same with what it was set up for, where it may be set up for several: a parameter, a class, a module.
        module: that file, whose recordings hold the answers.
        trial: of the test it was set up for.
        place: in the order of setups.
        failures: what it got in place of answers.
        given: its calls, in order.
    """

    name: str
    setup: str
    module: str
    trial: Trial
    place: int
    given: list[_Given] = field(default_factory=list)
    failures: list[ReplyError] = field(default_factory=list)
    _counts: Counter[str] = field(default_factory=Counter)

    def ask(self, prompt: Prompt) -> Reply:
        """The reply to a prompt; pytest keeps what leaves such a fixture, so that it waits."""
        __tracebackhide__ = True
        return self.ask_many([prompt])[0]

    def ask_many(self, prompts: list[Prompt]) -> list[Reply]:
        """The replies to several prompts, all sent before the first is waited for."""
        __tracebackhide__ = True
        replies = []
        for lookup, future in list(map(self._start, prompts)):  # no comprehension: before 3.12 it is a frame of its own
            replies.append(self._received(lookup, future))
        return replies

    async def ask_async(self, prompt: Prompt) -> Reply:
        """The reply to a prompt, in an async fixture."""
        __tracebackhide__ = True
        lookup, future = self._start(prompt)
        await settled(future)
        return self._received(lookup, future)

    def _start(self, prompt: Prompt) -> tuple[Lookup, Future[Any]]:
        trial = self.trial
        trial.process.check()
        lookup = trial.pipeline.lookups.of_prompt(trial.model, prompt)
        draw = Draw(case=self.name, module=self.module, occurrence=self._counts[lookup.digest])
        self._counts[lookup.digest] += 1
        return lookup, (trial.saved or trial.pipeline).submit(lookup, draw)

    def _received(self, lookup: Lookup, future: Future[Any]) -> Reply:
        __tracebackhide__ = True
        trial = self.trial
        fulfilled: Any
        try:
            fulfilled = future.result() if trial.saved is not None else trial.pipeline.received(future)
        except ReplyError as error:
            self.failures.append(error)
            raise error.with_traceback(None) from None
        if trial.saved is not None:
            call, fulfilled = fulfilled, None
        else:
            question = Question(0, lookup.words_digest, lookup.digest, 0)
            call = call_of(fulfilled, trial.model.provider, trial.model.model, question.words_digest)
        reply = Reply(call.answer, call.measures, trial.model.name)
        self.given.append(_Given(call._replace(words_digest=lookup.words_digest), reply, fulfilled))
        return reply


class SharedTrial:
    """Takes a `Trial`'s place in the ``llm`` that lives as long as the session."""

    def __init__(self, wide: WideFixtures, trial: Trial) -> None:
        self.model = trial.model
        self._wide = wide

    def ask(self, prompt: Prompt) -> Reply:
        """As `Trial.ask`."""
        __tracebackhide__ = True
        return self._wide.asking().ask(prompt)

    def ask_many(self, prompts: list[Prompt]) -> list[Reply]:
        """As `Trial.ask_many`."""
        __tracebackhide__ = True
        return self._wide.asking().ask_many(prompts)

    async def ask_async(self, prompt: Prompt) -> Reply:
        """As `Trial.ask_async`."""
        __tracebackhide__ = True
        return await self._wide.asking().ask_async(prompt)


class _Up(NamedTuple):
    """What a definition holds for one of the two sides."""

    value: Any = None
    finalizers: Sequence[Any] = ()
    asked: _Asked | None = None


class WideFixtures:
    """Registered in each process of a session in which a fixture of wider scope asks a model.

    Args:
        asking: these fixtures, and those of wider scope that use them.
        ours: the definitions of ``llm`` and ``llm_model``.
    """

    def __init__(self, asking: Iterable[_Definition], ours: Iterable[_Definition]) -> None:
        self.item: pytest.Item | None = None
        self.asking_fixtures = set(asking)
        self._ours = set(ours)
        self._asked: dict[_Definition, _Asked] = {}
        self._set_up: list[_Asked] = []
        self._aside: dict[_Definition, _Up] = {}  # of the side that is not executed now
        self._answers = object()  # stands for the answers of the baseline that its side was set up with
        self._tears_down = False
        self._count = itertools.count()
        for definition in self._ours:
            private: Any = definition
            private._scope = type(private._scope).Session
            private.cache_key = self._key

    def shared(self, trial: Trial) -> Any:
        """What the ``llm`` of the session asks through, of the model of a trial."""
        return SharedTrial(self, trial)

    def asking(self) -> _Asked | Trial:
        """Who asks now: the fixture that is being set up, else the test."""
        return self._set_up[-1] if self._set_up else shared_trial(self.item, "llm")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, None, None]:
        """Give a test the calls of the fixtures it shares with others, and an ``llm`` of its own."""
        self.item = item
        try:
            yield
        finally:  # a fixture that has asked and then skips has an answer that nobody judges
            self._share_first(item)

    def _share_first(self, item: pytest.Item) -> None:
        if self._has_ours(item):
            trial = shared_trial(item, "llm")
            shared: set[int] = set()
            self._share(item, trial, shared)
            trial.reviews.insert(0, partial(self._share_late, item, trial, shared))
            arguments = getattr(item, "funcargs", {})
            if isinstance(arguments.get("llm"), Llm):
                arguments["llm"] = Llm(trial)  # bound to this test, also in a thread that outlives it

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: _Definition, request: pytest.FixtureRequest
    ) -> Generator[None, Any, Any]:
        """Note what a fixture asks."""
        if fixturedef.scope != "function" and "llm" in fixturedef.argnames:
            self.asking_fixtures.add(fixturedef)  # one that the tests name only while they run
        if fixturedef not in self.asking_fixtures or self.item is None or not self._has_ours(self.item):
            return (yield)
        request.node.addfinalizer(partial(self._finish_aside, fixturedef, request))
        module = _module_of(fixturedef, self.item)
        name = f"{module}::{fixturedef.argname}"
        self._asked[fixturedef] = asked = _Asked(
            name=name,
            setup=_setup_of(name, module, request),
            module=module,
            trial=shared_trial(self.item, "llm"),
            place=next(self._count),
        )
        self._set_up.append(asked)
        try:
            return (yield)
        finally:
            self._set_up.pop()

    def pytest_fixture_post_finalizer(self, fixturedef: _Definition, request: pytest.FixtureRequest) -> None:
        """Forget what a fixture has asked that is torn down, and tear it down for the other side too."""
        if self._asked.pop(fixturedef, None) is not None:
            self._finish_aside(fixturedef, request)

    @contextmanager
    def of_baseline(self) -> Iterator[None]:
        """Put the fixtures aside while a test is judged again with the baseline's answers."""
        self._change_sides()
        try:
            yield
        finally:
            self._change_sides()

    def _change_sides(self) -> None:
        for definition in [*self._ours, *self.asking_fixtures]:
            self._change_side(definition)

    def _change_side(self, definition: _Definition) -> None:
        known: Any = definition
        now = _Up(known.cached_result, list(known._finalizers), self._asked.pop(definition, None))
        other = self._aside.pop(definition, _Up())
        known.cached_result, known._finalizers[:] = other.value, other.finalizers
        if other.asked is not None:
            self._asked[definition] = other.asked
        self._aside[definition] = now

    def _finish_aside(self, definition: _Definition, request: Any) -> None:
        """Tear down what was put aside, with what it stands on."""
        if self._tears_down or self._aside.get(definition, _Up()).value is None:
            return
        self._tears_down = True
        self._change_side(definition)
        try:
            definition.finish(request)
        finally:
            self._change_side(definition)
            self._tears_down = False

    def _key(self, request: pytest.FixtureRequest) -> object:
        """For which answers the fixtures are set up: those of a model, or those of a baseline."""
        if self.item is None:
            return None
        again = self.item.stash.get(again_key, None)
        if again is None:
            return identity_of(self.item).model
        saved = again.saved.samples[0].calls if again.saved.samples else ()
        answers = [call.answer for call in saved]
        given = [each.call.answer for asked in self._used(self.item) for each in asked.given]
        if any(answer not in answers for answer in given):
            self._answers = object()
        return self._answers

    def _used(self, item: pytest.Item) -> list[_Asked]:
        """What the fixtures have asked that a test uses, in the order of their setup."""
        got: Any = getattr(getattr(item, "_request", None), "_fixture_defs", {})
        used = (
            asked
            for definition, asked in self._asked.items()
            if got.get(definition.argname) is definition or definition in _definitions(item, definition.argname)[-1:]
        )
        return sorted(used, key=lambda asked: asked.place)

    def _has_ours(self, item: pytest.Item) -> bool:
        """Whether the ``llm`` of a test is ours, or one of the project's own that uses ours."""
        for definition in reversed(_definitions(item, "llm")):
            if definition in self._ours or "llm" not in definition.argnames:
                return definition in self._ours
        return False

    def _share(self, item: pytest.Item, trial: Trial, shared: set[int]) -> None:
        for asked in self._used(item):
            if id(asked) not in shared:
                shared.add(id(asked))
                for given in asked.given:
                    self._share_call(trial, asked, given)

    def _share_late(
        self, item: pytest.Item, trial: Trial, shared: set[int], error: BaseException | None
    ) -> BaseException | None:
        """Share what a test has named only in its body, as a review of what came out of a sample.

        Where a fixture went on without an answer there was nothing to judge.
        """
        if trial.sample.index == 0:
            self._share(item, trial, shared)
        failures = [failure for asked in self._used(item) for failure in asked.failures]
        return failures[0] if failures and not isinstance(error, ReplyError) else error

    def _share_call(self, trial: Trial, asked: _Asked, given: _Given) -> None:
        call = given.call
        if trial.saved is not None and asked.trial is not trial:
            taken = trial.saved.reply(call.words_digest, 0)
            if taken.exception() is not None:
                return
        elif trial.key != asked.trial.key:
            call = call._replace(spent=0.0, measures=call.measures._replace(source="cache"))
        trial.add_shared(call, given.reply, asked.setup)
        if given.fulfilled is not None:
            trial.used[given.fulfilled.entry.key] = given.fulfilled


def refuse_wide_capture(item: pytest.Item) -> None:
    """Say what helps where a test uses a fixture of wider scope which captures an application's calls."""
    names = getattr(item, "fixturenames", ())
    for taken in ("llm_capture", "llm_gateway"):
        for each in (each for name in names if taken in names for each in _definitions(item, name)[-1:]):
            if each.scope != "function" and taken in each.argnames:
                pytest.fail(
                    f"the fixture {each.argname} of scope {each.scope} takes {taken}, which captures the calls of one "
                    f'test: give {each.argname} the scope "function", or let it ask by llm, which any scope may take',
                    pytrace=False,
                )


def wide_fixtures(session: pytest.Session, notes: list[str]) -> WideFixtures | None:
    """What a session needs in which fixtures of wider scope ask a model, None where there are none.

    Args:
        notes: where it is said that this pytest lacks what they need.
    """
    infos = {id(info): info for item in session.items if (info := getattr(item, "_fixtureinfo", None)) is not None}
    known: dict[str, list[_Definition]] = {}
    for info in infos.values():
        for name, definitions in info.name2fixturedefs.items():
            several = known.setdefault(name, [])
            several += [each for each in definitions if each not in several]
    asking = asking_fixtures(known)
    ours = [each for name in ("llm", "llm_model") for each in known.get(name, ()) if _is_ours(each)]
    if not asking or not ours:
        return None
    lacks = [name for name in ("_scope", "_finalizers", "cached_result") if not hasattr(ours[0], name)]
    if lacks:
        notes.append(f"no fixture of wider scope than function can ask a model: pytest's FixtureDef has no {lacks[0]}")
        return None
    return WideFixtures(asking, ours)


def _is_ours(definition: _Definition) -> bool:
    return str(getattr(definition.func, "__module__", "")).startswith("pytest_llmeval.")


def _definitions(item: pytest.Item, name: str) -> Sequence[_Definition]:
    """The definitions of a fixture that a test takes, the closest last."""
    info: Any = getattr(item, "_fixtureinfo", None)
    found: Sequence[_Definition] = info.name2fixturedefs.get(name, ()) if info is not None else ()
    return found


def _module_of(definition: _Definition, item: pytest.Item) -> str:
    """The file a fixture stands in, relative to the root; that of the test where it stands elsewhere."""
    module = identity_of(item).key.test.split("::")[0]
    code = getattr(getattr(definition.func, "__func__", definition.func), "__code__", None)
    root = item.config.rootpath
    file = Path(code.co_filename) if code is not None else root
    return file.relative_to(root).as_posix() if file.name == "conftest.py" and file.is_relative_to(root) else module


def _setup_of(name: str, module: str, request: pytest.FixtureRequest) -> str:
    """The name of a fixture, with its parameter and with what it lives as long as, unless that is its file."""
    parameter = f"[{request.param_index}]" if hasattr(request, "param_index") and hasattr(request, "param") else ""
    place = request.node.nodeid
    return f"{name}{parameter}" + (f" of {place}" if place not in ("", ".", module) else "")
