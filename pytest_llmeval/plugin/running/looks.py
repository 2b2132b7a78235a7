"""The looks of ``--llm-samples=auto``: once all tests have run, those of undecided categories get more samples.

They are executed again in the process that ran them before, through pytest's own protocol, so that calls overlap and
fixtures, reports and crashes are what they always are. Fixtures of modules and of the session are set up again, since
pytest has torn them down by then. A test keeps the samples it has; its body runs for the further ones alone. Reports
are not held back until the decision: dots would stand still, and a crash would lose everything. Instead the later
report of a test replaces the earlier one, see `replaced`.

With xdist only the controller knows all results. There xdist's scheduler is asked within one of ours, which ends no
worker before the last look. What a worker is told are the places of tests, so there are a few more of them behind its
last test, one for each number of samples. A worker executes a test once it knows the next: a place stands for that
too, where nothing more is to be executed for now.

Private to pytest and xdist: nothing here. `replaced` names what the reports need.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import pytest

from pytest_llmeval.plugin.guard import faults_of
from pytest_llmeval.plugin.running.replies import drawn_key, more_samples_key


class LooksHere:
    """Looks in the process that runs the tests and reports them.

    Args:
        decide: gives the ids of the tests that get more samples, each with their number; asked once all have run,
            and again whenever these have.
    """

    def __init__(self, decide: Callable[[], Mapping[str, int]]) -> None:
        self._decide = decide

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Look behind the last test."""
        result = yield
        if not session.config.option.collectonly:
            while not (session.shouldstop or session.shouldfail) and (chosen := self._decide()):
                _execute(session, chosen)
        return result


def _execute(session: pytest.Session, chosen: Mapping[str, int]) -> None:
    items = [item for item in session.items if item.nodeid in chosen and wants_more(item, chosen[item.nodeid])]
    for item, nextitem in zip(items, [*items, None][1:], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=nextitem)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)


def wants_more(item: pytest.Item, samples: int) -> bool:
    """Have the next execution of a test draw up to so many samples, where it can go on from those it has.

    What ran in a process that another plugin forked for it left nothing here to go on from.
    """
    if drawn_key not in item.stash:
        return False
    item.stash[more_samples_key] = samples
    return True


class Place(pytest.Function):
    """A place that is no test: behind it tests get so many samples, and 0 ends what has been sent so far.

    A function, as nearly every test is: what other plugins ask of each test they may ask of it too.
    """

    samples: int = 0


class Places:
    """Adds the places behind the last test; registered in each worker, whatever its tests are.

    Attributes:
        samples: how many the tests get that are executed now, 0 before the first look.
    """

    def __init__(self) -> None:
        self.samples = 0

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> Generator[None, object, object]:
        """Add them once all others, and the controller, have seen which tests there are."""
        result = yield
        self._add(session)
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Add them at the latest before the first test: a worker that is sent to where nothing is ends its session."""
        self._add(session)
        return (yield)

    def _add(self, session: pytest.Session) -> None:
        from pytest_llmeval.analysis.adaptive import AT_MOST

        if session.items and isinstance(session.items[-1], Place):
            return
        for samples in range(AT_MOST + 1):
            place = Place.from_parent(session, name=f"llmeval-{samples}-samples", callobj=_no_test)
            place.samples = samples
            session.items.append(place)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Execute no place."""
        return self.reach(item) if isinstance(item, Place) else None

    def reach(self, place: Place) -> bool:
        """Note what the tests behind a place get; True, since nothing of it is to be executed."""
        self.samples = place.samples
        return True


class LooksInWorker:
    """Has the tests behind a look draw more samples; registered in a worker, behind all that executes tests.

    Args:
        places: what says how many, None where there is no look.
    """

    def __init__(self, places: Places | None) -> None:
        self._places = places

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Say how many samples a test draws; one that cannot go on from those it has is not executed."""
        if self._places is None:
            return None
        if isinstance(item, Place):  # here too: pytest would take it for a test were the other hook to break
            return self._places.reach(item)
        return True if self._places.samples and not wants_more(item, self._places.samples) else None


def _no_test() -> None: ...


class LooksOfWorkers:
    """Looks at what the workers of xdist have run; registered in its controller.

    Args:
        decide: gives by the id of a worker the places of its tests that get more samples, each with their number;
            asked once all workers are through, and again whenever these are.
    """

    def __init__(self, decide: Callable[[], Mapping[str, Mapping[int, int]]]) -> None:
        self._decide = decide

    @pytest.hookimpl(wrapper=True, optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config) -> Generator[None, Any, Any]:
        """Put a scheduler around xdist's own."""
        scheduler = yield
        return _SchedulesLooks(config, scheduler, self._decide)


class _Held:
    """A worker as xdist's scheduler sees it, which cannot end it before the last look.

    Attributes:
        node: the worker.
        tests: how many it has collected.
        pending: the places of the tests that it was sent and has not executed.
        waits: whether it was sent its last test, so that it waits for a look.
    """

    def __init__(self, node: Any) -> None:
        self.node = node
        self.tests = 0
        self.pending: list[int] = []
        self.waits = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.node, name)

    @property
    def shutting_down(self) -> bool:
        return bool(self.waits or self.node.shutting_down)

    def send_runtest_some(self, places: Sequence[int]) -> None:
        self.pending += places
        self.node.send_runtest_some(list(places))

    def send_runtest_all(self) -> None:
        self.send_runtest_some(range(self.tests))

    def shutdown(self) -> None:
        """Have it execute its last test, and wait; one that has no tests ends."""
        if self.shutting_down:
            return
        if not self.pending:
            self.node.shutdown()
            return
        self.waits = True
        with suppress(OSError):  # it is gone
            self.node.send_runtest_some([self.tests])

    def draw_more(self, chosen: Mapping[int, int]) -> None:
        """Have it execute tests again, given how many samples each gets."""
        sent: list[int] = []
        for samples in sorted(set(chosen.values())):
            sent += [self.tests + samples, *sorted(place for place, wanted in chosen.items() if wanted == samples)]
        self.pending += chosen
        with suppress(OSError):
            self.node.send_runtest_some([*sent, self.tests])


class _SchedulesLooks:
    """xdist's scheduler, and looks once that has nothing more to schedule."""

    def __init__(
        self, config: pytest.Config, scheduler: Any, decide: Callable[[], Mapping[str, Mapping[int, int]]]
    ) -> None:
        self._config = config
        self._scheduler = scheduler
        self._decide = decide
        self._held: dict[Any, _Held] = {}
        self._looking = False
        self._over = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scheduler, name)

    @property
    def nodes(self) -> list[Any]:
        return [held.node for held in self._scheduler.nodes]

    @property
    def tests_finished(self) -> bool:
        """Whether the workers may end; xdist asks after each event."""
        if self._over or not self._scheduler.tests_finished:
            return bool(self._scheduler.tests_finished)
        for held in self._scheduler.nodes:
            held.shutdown()  # as xdist would do now, for workers that wait with their last test
        if any(held.pending for held in self._held.values()):
            return False
        self._over = not self._look()
        return self._over

    def _look(self) -> bool:
        """Have tests draw more samples; False if there are none."""
        waiting = [held for held in self._held.values() if held.waits]
        if any(held.node.shutting_down for held in waiting):
            return False  # the session is stopped
        self._looking = True
        try:
            chosen = self._decide()
        except Exception as error:
            faults_of(self._config).note("a look", error, {})
            return False
        drawing = [held for held in waiting if chosen.get(held.gateway.id)]
        for held in drawing:
            held.draw_more(chosen[held.gateway.id])
        return bool(drawing)

    def add_node(self, node: Any) -> None:
        held = self._held[node] = _Held(node)
        self._scheduler.add_node(held)

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:
        self._held[node].tests = len(collection)
        self._scheduler.add_node_collection(self._held[node], collection)

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        held = self._held[node]
        if item_index not in held.pending:
            return  # it is the place of no test
        held.pending.remove(item_index)
        if not self._looking:
            self._scheduler.mark_test_complete(held, item_index, duration)

    def remove_pending_tests_from_node(self, node: Any, indices: Sequence[int]) -> None:
        held = self._held[node]
        held.pending = [place for place in held.pending if place not in indices]
        self._scheduler.remove_pending_tests_from_node(held, indices)

    def remove_node(self, node: Any) -> str | None:
        """Forget a worker that is gone; what it was to draw is lost, and what another runs for it has no further."""
        held = self._held.pop(node)
        crashed: str | None = self._scheduler.remove_node(held)
        return crashed
