"""The second pass of ``--llm-samples=auto``: once all tests have run, those of undecided categories get more samples.

Its tests are executed again in the process that ran them before, through pytest's own protocol, so that calls overlap
and fixtures, reports and crashes are what they always are. Fixtures of modules and of the session are set up again,
since pytest has torn them down by then. A test keeps the samples it has; its body runs for the further ones alone.
Reports are not held back until the decision: dots would stand still, and a crash would lose everything. Instead the
later report of a test replaces the earlier one, see `replaced`.

With xdist only the controller knows all results, so a worker that is through reports so and waits, and gets the
places of its tests in return. Where this xdist cannot do that, the gate judges the first samples.

Private to xdist: ``WorkerInteractor.sendevent`` and ``.torun`` in a worker, ``WorkerController.send_runtest_some``.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import pytest

from pytest_llmeval.plugin.guard import xdist_worker
from pytest_llmeval.plugin.running.replies import first_pass_key, more_samples_key

THROUGH = -1  # in place of a test's number: there are no more
READY = "llmeval_second_pass"


class SecondPass:
    """Executes the second pass in a process that runs tests.

    Args:
        samples: how many each of its tests has then.
        decide: gives the ids of the tests, once all have run; None in a worker of xdist, which is sent them.
    """

    def __init__(self, session: pytest.Session, samples: int, decide: Callable[[], Iterable[str]] | None) -> None:
        self._samples = samples
        self._worker = xdist_worker(session.config)
        self._decide = decide

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Run the second pass behind the first."""
        result = yield
        if not (session.shouldstop or session.shouldfail or session.config.option.collectonly):
            self._run(session, self._places(session))
        return result

    def _places(self, session: pytest.Session) -> Sequence[int]:
        if self._decide is not None:
            chosen = set(self._decide())
            return [place for place, item in enumerate(session.items) if item.nodeid in chosen]
        if self._worker is None or not getattr(session.config, "workerinput", {}).get(READY):
            return []
        try:
            self._worker.sendevent("runtest_protocol_complete", item_index=THROUGH, duration=0.0)
        except OSError:
            return []  # the controller has gone
        places: list[int] = []
        while (place := self._worker.torun.get()) != THROUGH:
            if isinstance(place, int):
                places.append(place)
            elif self._worker.channel.isclosed():  # else xdist only says once more that the first pass is over
                return []
        return places

    def _run(self, session: pytest.Session, places: Sequence[int]) -> None:
        # What ran in a process that another plugin forked for it left nothing here to go on from.
        places = [place for place in places if first_pass_key in session.items[place].stash]
        items = [session.items[place] for place in places]
        for item in items:
            item.stash[more_samples_key] = self._samples
        for place, item, nextitem in zip(places, items, [*items, None][1:], strict=True):
            if self._worker is not None:
                self._worker.item_index = place
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=nextitem)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)


class WaitingWorkers:
    """Answers the workers of xdist; registered in its controller.

    Args:
        decide: gives the numbers of the tests by worker, once all workers are through; asked once.
    """

    def __init__(self, decide: Callable[[], Mapping[str, Sequence[int]]]) -> None:
        self._decide = decide
        self._at_work: set[Any] = set()
        self._waiting: set[Any] = set()
        self._listens = False
        self._decided: Mapping[str, Sequence[int]] | None = None

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker that it is answered."""
        node.workerinput[READY] = True

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodeready(self, node: Any) -> None:
        """Note who works."""
        self._at_work.add(node)
        if not self._listens:  # a worker that is through waits for an answer: it must not depend on one hook alone
            self._listen(node.config.pluginmanager.get_plugin("dsession").sched)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Do not wait for a worker that is gone; what a new one runs in its place keeps its first samples."""
        self._at_work.discard(node)
        self._waiting.discard(node)
        self._answer()

    @pytest.hookimpl(wrapper=True, optionalhook=True)
    def pytest_xdist_make_scheduler(self) -> Generator[None, Any, Any]:
        """Listen to what is reported to xdist's scheduler."""
        scheduler = yield
        self._listen(scheduler)
        return scheduler

    def _listen(self, scheduler: Any) -> None:
        self._listens = True
        completed = scheduler.mark_test_complete

        def listen(node: Any, item_index: int, *others: Any, **named: Any) -> None:
            if item_index != THROUGH:
                completed(node, item_index, *others, **named)
                return
            self._at_work.discard(node)
            self._waiting.add(node)
            self._answer()

        scheduler.mark_test_complete = listen

    def _answer(self) -> None:
        if self._at_work or not self._waiting:
            return
        try:
            if self._decided is None:
                self._decided = {}
                self._decided = self._decide()
        finally:  # release the workers even if this fails
            while self._waiting:
                node = self._waiting.pop()
                places = self._decided.get(node.gateway.id, ()) if self._decided else ()
                with suppress(OSError):
                    node.send_runtest_some([*places, THROUGH])

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Release waiting workers when the session stops."""
        self._decided = self._decided or {}
        self._at_work.clear()
        self._answer()
