"""Suspended tests: hundreds of calls in flight from plain synchronous tests, in one thread.

A test whose reply is not there yet is left by `Suspended`, reported as nothing, and executed again from its start
when the reply has arrived; other tests run meanwhile. An execution that was left counts for nothing whatever came out
of it, since an application may swallow any exception.

Private to pytest, each with its feature test in `missing`: ``_pytest.runner.runtestprotocol`` (as
pytest-rerunfailures uses it), ``session._setupstate``, and in xdist's workers ``WorkerInteractor.item_index``. Without
them every call simply waits, and the summary says so.
"""

from __future__ import annotations

import math
import threading
import unittest
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Protocol

import pytest

from pytest_llmeval.clock import Clock
from pytest_llmeval.engine.fulfilled import Fulfilled
from pytest_llmeval.plugin.collect import runs_once
from pytest_llmeval.plugin.guard import ReportWrapper, register, xdist_worker
from pytest_llmeval.plugin.items import uses_llm
from pytest_llmeval.plugin.markers import closest_markers
from pytest_llmeval.plugin.running.beside import Beside
from pytest_llmeval.plugin.running.live import LiveFixtures
from pytest_llmeval.plugin.running.looks import Place
from pytest_llmeval.plugin.running.own_limit import limit_of, on_the_wire, out_of_time, starts_anew
from pytest_llmeval.plugin.running.replies import Attempts, Suspended, attempts_key
from pytest_llmeval.plugin.running.trial import DIFFERS, forget_trial, trial_key

MOST_EXECUTIONS = 50
_WAITED = "llmeval-waited"
_REPORT_AT_ONCE = frozenset({"subtests", "benchmark", "benchmark_weave"})


def cannot_execute(session: pytest.Session) -> str:
    """What this pytest lacks that an execution of a test by us needs, "" when nothing."""
    try:
        from _pytest.runner import runtestprotocol  # noqa: F401
    except ImportError:
        return "pytest's runtestprotocol"
    state = getattr(session, "_setupstate", None)
    return "" if hasattr(state, "teardown_exact") and hasattr(state, "stack") else "pytest's _setupstate"


def missing(session: pytest.Session) -> str:
    """What this pytest or xdist lacks that tests need to overlap, "" when nothing."""
    worker = xdist_worker(session.config)
    if hasattr(session.config, "workerinput") and not (hasattr(worker, "torun") and _reports_by_index(worker)):
        return "pytest-xdist's WorkerInteractor.item_index"
    return cannot_execute(session)


def _reports_by_index(worker: object) -> bool:
    """Whether a worker takes the item of a report from where we put it; it has no such attribute before it runs one."""
    codes = (getattr(method, "__code__", None) for method in vars(type(worker)).values())
    return any("item_index" in code.co_names for code in codes if code is not None)


def can_schedule(session: pytest.Session) -> bool:
    """Whether this pytest has what the scheduler needs, and nothing was asked for that needs tests in their order."""
    wants_order = any(
        session.config.getoption(name, default=None)
        for name in ("usepdb", "trace", "stepwise", "setupshow", "setuponly", "setupplan")
    )
    return not wants_order and not missing(session)


class _SavedJudge(Protocol):
    """Executes tests for a baseline's saved replies: `JudgedAgain`, which needs what is below."""

    def judge_first(self, item: pytest.Item) -> None: ...

    def is_due(self, item: pytest.Item) -> bool: ...

    def judge_behind(
        self,
        item: pytest.Item,
        nextitem: pytest.Item | None,
        execution: Callable[[], list[pytest.TestReport] | None],
    ) -> list[pytest.TestReport] | None: ...


class Scheduler:
    """Executes the tests that ask models.

    Args:
        beside: says which tests run one after another.
        window: the most tests that wait for replies.
        runs_dry: whether there may soon be nothing to send.
        tick: called now and then while nothing but waiting is to be done.

    Attributes:
        saved: judges the replies of a baseline by the tests; None without one.
    """

    def __init__(
        self,
        session: pytest.Session,
        live: LiveFixtures,
        *,
        beside: Beside,
        window: int,
        runs_dry: Callable[[], bool],
        tick: Callable[[], None],
    ) -> None:
        # With --maxfail what may stop the session comes first: nothing is paid that is not wanted any more.
        self._runs_dry = runs_dry if not session.config.getoption("maxfail", default=0) else lambda: False
        self._tick = tick
        self.session = session
        self.saved: _SavedJudge | None = None
        self.live = live
        self.window = window
        self.pending: dict[pytest.Item, Attempts] = {}
        self._ready: deque[pytest.Item] = deque()
        self._arrived = threading.Event()
        self._depth = 0
        self._beside = beside
        self._runs_again = _runs_failing_tests_again(session.config)
        self._worker = xdist_worker(session.config)
        self._index: dict[pytest.Item, int] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Execute a test that asks a model; any other is left to pytest, with tests that must run first after it."""
        nextitem = None if isinstance(nextitem, Place) else nextitem
        others = (other for other in self.pending if other is not item)
        first = self.live.must_run_first(item, nextitem, others)
        following = first[0] if first else nextitem
        if not self._executes(item):
            if self.saved is not None:
                self.saved.judge_first(item)
            return self._pass_on(item, following, nextitem)
        attempts = item.stash.setdefault(attempts_key, Attempts())
        last = self.live.is_last(item, following)
        may_leave = not last and not runs_once(item, closest_markers(item))
        execution = partial(self._execute, item, attempts, following, may_leave=may_leave)
        if self.saved is None:
            reports = execution()
        else:
            if self.saved.is_due(item) and self.live.will_tear_down(item, following):
                self.saved.judge_first(item)
            reports = self.saved.judge_behind(item, following, execution)
        if reports is None:
            self.pending[item] = attempts
            if not self.session.config.pluginmanager.has_plugin(_WAITED):
                register(self.session.config, _Waited(), _WAITED)
            self._arm(item, attempts)
            return True
        self.pending.pop(item, None)
        if any(report.failed for report in reports) and self._runs_again(item):
            # Another plugin executes failing tests again and counts how often: it starts over with the same replies.
            attempts.may_leave = False
            attempts.passed_on = 0
            self.session._setupstate.teardown_exact(item)
            return self._pass_on(item, following, nextitem)
        del item.stash[attempts_key]
        hooks = item.ihook
        hooks.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in reports:
            hooks.pytest_runtest_logreport(report=report)
        hooks.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def _executes(self, item: pytest.Item) -> bool:
        """Whether a test is executed here, and not left to pytest.

        One that must run once needs it only for its saved replies, which are judged between its end and its reports.
        """
        if not uses_llm(item) or not _reports_at_its_end(item) or self._beside.concerning(item):
            return False
        if not runs_once(item, closest_markers(item)):
            return True
        return self.saved is not None and self.saved.is_due(item) and not self._runs_again(item)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Make ready for another plugin's execution of a test that has failed."""
        attempts = item.stash.get(attempts_key, None)
        if attempts is None or attempts.passed_on is None:
            return
        if attempts.passed_on:  # the first stands for the one that has failed here, with the same replies
            attempts.replies.forget_what_came_too_late()
        attempts.passed_on += 1
        starts_anew(item, waits=True)

    def _pass_on(self, item: pytest.Item, following: pytest.Item | None, nextitem: pytest.Item | None) -> bool | None:
        """Leave a test to pytest and its other plugins; what it shares with those that wait stays up behind it."""
        if following is nextitem:
            return None
        # Not by the hook: the wrappers of other plugins around this test have been entered, and must be so once.
        implementations = list(item.ihook.pytest_runtest_protocol.get_hookimpls())
        behind = implementations[: next(place for place, each in enumerate(implementations) if each.plugin is self)]
        for implementation in reversed(behind):
            if implementation.wrapper or implementation.hookwrapper:
                continue
            values = {"item": item, "nextitem": following}
            if implementation.function(*(values[name] for name in implementation.argnames)) is not None:
                return True
        return None

    def after(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """Go on with waiting tests, once every wrapper around a test's protocol has been left."""
        nextitem = None if isinstance(nextitem, Place) else nextitem  # which waits for the controller to look
        if self._depth or not self.pending:
            return
        in_order = nextitem is not None and bool(self._beside.concerning(nextitem))
        ends_before = None if in_order else nextitem
        while not self._stopped() and (group := self.live.must_run_first(item, ends_before, self.pending)):
            self._go_on(self._next_of(group), nextitem)
        held: list[pytest.Item] = []
        while self.pending and not self._stopped():
            self._arrived.clear()
            # Rather start another test than wait, or than leave the wire with nothing to send.
            if (not self._ready or self._runs_dry()) and len(self.pending) - len(held) < self.window:
                break
            if not self._ready:
                self._wait()
                continue
            ready = self._ready.popleft()
            if ready not in self.pending or self.pending[ready].waits_for:
                continue  # it has run meanwhile, and perhaps waits for other replies by now
            if self.live.would_tear_down(ready):
                held.append(ready)
            else:
                self._go_on(ready, nextitem)
        self._ready.extendleft(reversed(held))
        if not self._stopped():
            self._fit(nextitem)

    def _next_of(self, group: list[pytest.Item]) -> pytest.Item:
        """One of a group whose replies are there; waits for the first."""
        while True:
            self._arrived.clear()
            for item in group:
                if not self.pending[item].waits_for:
                    return item
            self._wait()

    def _wait(self) -> None:
        """Wait for replies, at most half a second so that the status line keeps moving."""
        left = [self._time_left(item, attempts) for item, attempts in self.pending.items()]
        self._arrived.wait(max(0.0, min([0.5, *left])))
        for item, attempts in list(self.pending.items()):
            if self._time_left(item, attempts) <= 0:
                self._end(attempts)
        self._tick()

    def _time_left(self, item: pytest.Item, attempts: Attempts) -> float:
        """Seconds until a waiting test must end."""
        if attempts.limit is None or not attempts.waits_for:
            return math.inf
        return attempts.limit - attempts.on_the_wire - on_the_wire(item.stash[trial_key].waiting, Clock.monotonic())

    def _end(self, attempts: Attempts) -> None:
        """Give a test that has waited for too long an error in place of each reply, and hang up."""
        replies = attempts.replies
        missing = {question: future for question, future in replies.futures.items() if not future.done()}
        for question in missing:
            failed: Future[Fulfilled] = Future()
            failed.set_exception(out_of_time(attempts.limit or 0.0))
            replies.futures[question] = failed
        for future in missing.values():
            future.cancel()

    def _go_on(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """Execute a waiting test again, in a protocol of its own: its neighbours' warning filters are not its own."""
        self.session._setupstate.teardown_exact(item)
        with self._within(), self._reported_by_xdist_as(item):
            item.ihook.pytest_runtest_protocol(item=item, nextitem=nextitem)

    @contextmanager
    def _within(self) -> Iterator[None]:
        """Execute a test within the protocol of another, behind which alone waiting tests go on."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    @contextmanager
    def _reported_by_xdist_as(self, item: pytest.Item) -> Iterator[None]:
        """Let xdist's worker report the item that runs, not the one it was given last."""
        if self._worker is None:
            yield
            return
        if not self._index:
            self._index = {each: place for place, each in enumerate(self.session.items)}
        given = self._worker.item_index
        self._worker.item_index = self._index[item]
        try:
            yield
        finally:
            self._worker.item_index = given

    def _fit(self, nextitem: pytest.Item | None) -> None:
        """Tear down what the next test does not use, as pytest expects before it."""
        chain = nextitem.listchain() if nextitem is not None else []
        stack = list(self.session._setupstate.stack)
        if stack != chain[: len(stack)]:
            self.session._setupstate.teardown_exact(nextitem)

    def _execute(
        self, item: pytest.Item, attempts: Attempts, nextitem: pytest.Item | None, *, may_leave: bool
    ) -> list[pytest.TestReport] | None:
        """Execute a test; None when it was left."""
        replies = attempts.replies
        before = set(replies.futures)
        _ = item.location  # cached on the item, where it is to stay: to find it takes a tenth of an execution
        properties, markers, attributes = len(item.user_properties), list(item.own_markers), set(vars(item))
        attempts.number += 1
        attempts.may_leave = may_leave and not replies.blocking
        forget_trial(item)
        self.live.executes = item, nextitem, attempts
        try:
            reports = execute(item, nextitem)
        finally:
            self.live.executes = None
        trial = item.stash.get(trial_key, None)
        if trial is None or not trial.suspended:
            return reports
        if before - trial.seen:
            replies.block(DIFFERS)
        elif attempts.number >= MOST_EXECUTIONS:
            replies.block(f"it has asked {MOST_EXECUTIONS} times one after the other")
        attempts.waits_for = 0
        del item.user_properties[properties:]
        item.own_markers[:] = markers
        for name in vars(item).keys() - attributes:  # what plugins and fixtures have put there begins anew
            delattr(item, name)
        attempts.stale += len(reports[-1].sections)
        while trial.ended:
            _let_go_of_frames(trial.ended.pop())
        return None

    def _arm(self, item: pytest.Item, attempts: Attempts) -> None:
        """Mark the item as ready when all its replies are there."""
        trial = item.stash[trial_key]
        missing = list(dict.fromkeys(trial.waiting))
        attempts.waits_for = len(missing)
        attempts.since = Clock.monotonic()
        attempts.limit = limit_of(item)
        lock = threading.Lock()
        if not missing:
            self._ready.append(item)
        for future in missing:
            future.add_done_callback(partial(self._arrive, item, lock))

    def _arrive(self, item: pytest.Item, lock: threading.Lock, _: Future[Any]) -> None:
        attempts = self.pending.get(item)  # not from the callback, which keeps what it is given
        if attempts is None:
            return
        with lock:
            attempts.waits_for -= 1
            complete = attempts.waits_for == 0
        if complete:
            attempts.replies.waited += Clock.monotonic() - attempts.since
            attempts.on_the_wire += on_the_wire(item.stash[trial_key].waiting, Clock.monotonic())
            self._ready.append(item)
            self._arrived.set()

    def _stopped(self) -> bool:
        return bool(self.session.shouldstop or self.session.shouldfail)


def execute(item: pytest.Item, nextitem: pytest.Item | pytest.Collector | None) -> list[pytest.TestReport]:
    """Set up, run and tear down a test once, and report nothing of it.

    Args:
        item: the test.
        nextitem: what is not to be torn down behind it: that of the next test, or a collector and those above it.
    """
    from _pytest.runner import runtestprotocol

    reports: list[pytest.TestReport] = runtestprotocol(item, log=False, nextitem=nextitem)  # type: ignore[arg-type]
    return reports


def _let_go_of_frames(phase: pytest.CallInfo[None]) -> None:
    """Free the frames that a `Suspended` went through: they hold it, and it them, until the garbage is collected.

    With hundreds of tests that would take a tenth of the session.
    """
    caught = phase.excinfo
    if caught is None or not isinstance(caught.value, Suspended) or caught.tb is None:
        return
    catching = caught.tb.tb_frame
    phase.excinfo = caught.value.__traceback__ = None
    with suppress(RuntimeError):  # it still runs
        catching.clear()


class _Waited:
    """Registered once a test has been left."""

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> ReportWrapper:
        """Leave out what executions that count for nothing have printed, and count the time spent waiting."""
        report = yield
        attempts = item.stash.get(attempts_key, None)
        if attempts is not None:
            del report.sections[: attempts.stale]
            if report.when == "call":
                report.duration += attempts.replies.waited
        return report


class Outermost:
    """The wrapper around all others of a test's protocol; registered after everything else."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, Any, Any]:
        """Go on with waiting tests behind each test."""
        result = yield
        self.scheduler.after(item, nextitem)
        return result


def _reports_at_its_end(item: pytest.Item) -> bool:
    """Whether all that is reported of a test can be told once it was torn down."""
    case = getattr(item, "cls", None)
    return (
        isinstance(item, pytest.Function)
        and not (isinstance(case, type) and issubclass(case, unittest.TestCase))
        # These report while the test runs, or run its body many times.
        and _REPORT_AT_ONCE.isdisjoint(item.fixturenames)
        and not getattr(item.obj, "is_hypothesis_test", False)
    )


def _runs_failing_tests_again(config: pytest.Config) -> Callable[[pytest.Item], bool]:
    """A test for whether another plugin executes an item again when it fails."""
    if not config.pluginmanager.has_plugin("rerunfailures"):
        return lambda item: False
    reruns = bool(config.getoption("reruns", default=None))
    return lambda item: reruns or item.get_closest_marker("flaky") is not None
