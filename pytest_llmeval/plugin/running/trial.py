"""A trial: one execution of a test item under one model, what it asks and how far its samples have come."""

from __future__ import annotations

import itertools
import threading
from bisect import bisect
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import pytest

from pytest_llmeval.case import Case
from pytest_llmeval.config.settings import ModelSettings
from pytest_llmeval.engine.fulfilled import Draw, Fulfilled
from pytest_llmeval.engine.pipeline import Pipeline
from pytest_llmeval.engine.requests import Lookup
from pytest_llmeval.errors import ReplyError
from pytest_llmeval.formats.base import Prompt
from pytest_llmeval.plugin.capturing.forked import OwnProcess
from pytest_llmeval.plugin.identity import Identity
from pytest_llmeval.plugin.rejudging.saved_answers import SavedAnswers
from pytest_llmeval.plugin.running import own_limit
from pytest_llmeval.plugin.running.replies import Attempts, Question, Replies, Suspended
from pytest_llmeval.plugin.running.tasks import current_task, settled
from pytest_llmeval.reply import Answer, Reply
from pytest_llmeval.runs.results import Call, SampleResult
from pytest_llmeval.score import Score

if TYPE_CHECKING:
    from pytest_llmeval.plugin.asking.session_judges import Judges
    from pytest_llmeval.review.decisions import Decisions

DIFFERS = "its prompt differs each time the test runs, so it can be neither overlapped nor replayed"


class _Lane(NamedTuple):
    """A thread or task within a sample; with more than one, the order of calls is undefined."""

    place: tuple[int, int, int]  # sample, thread, task
    ordered: bool
    may_leave: bool


class TrialSettings(NamedTuple):
    """How a case is run.

    Attributes:
        first: number of the first sample: pytest-repeat's further runs of a case draw further samples.
        min_pass_rate: the share of judged samples that must pass.
        category: the error category of plain asserts, as the test's marker says.
        repeatable: whether the body may be run again at all.
        watched: whether a fixture records what the body prints or logs, so that within one execution of the test each
            sample's body runs only once.
        root: the folder the user's code lies in.
        decisions: of people on answers; None without any.
        case: the row, None without one.
        categorise: the hook that names the category of a failure; None when no plugin has it.
        judges: those that checks may ask; None where there are no settings to find them by.
    """

    samples: int = 1
    first: int = 0
    min_pass_rate: float = 1.0
    category: str | None = None
    repeatable: bool = True
    watched: bool = False
    root: Path = Path()
    decisions: Decisions | None = None
    case: Case | None = None
    categorise: Callable[..., Any] | None = None
    judges: Judges | None = None


class Sample:
    """One run of a test's body: what it has asked and what came of it.

    Args:
        setup: what fixtures asked before the body, which belongs to this sample.

    Attributes:
        calls: in the order they were asked.
        given: of these the replies that the test itself has got, and no application under test.
        judging: the calls by which its checks asked a judge.
        scores: what its checks found.
        examined: the error categories it was examined for, beside those of its scores.
        soft_failures: what failed in parts of the sample that the body does not come to know of, as in subtests.
        left: whether the body was left because a reply is missing.
        accepted: whether people have accepted its answer, so that it passes whatever its test says.
        looked: whether the test has looked at the calls it made, so that it says itself how many there should be.
        lanes: the threads and tasks that were left.
        given_back: questions without an answer, whose numbers the next identical calls get.
        place: how many questions were asked in order.
    """

    def __init__(self, index: int, setup: Sample | None = None) -> None:
        self.index = index
        self.calls: list[Call] = [*setup.calls] if setup is not None else []
        self.given: list[Reply] = [*setup.given] if setup is not None else []
        self.place: int = setup.place if setup is not None else 0
        self.judging: list[Call] = []
        self.scores: list[Score] = []
        self.examined: set[str] = set()
        self.failures: list[ReplyError] = []
        self.soft_failures: list[BaseException] = []
        self.left = False
        self.accepted = False
        self.looked = False
        self.lanes: set[tuple[int, int, int]] = set()
        self._asked: dict[Question, int] = dict(setup._asked) if setup is not None else {}
        self.given_back: set[Question] = set()
        self._places = [-1] * len(self.calls)

    def question(self, lookup: Lookup) -> Question:
        """Which question it is to ask this, this time."""
        first = Question(self.index, lookup.words_digest, lookup.digest, 0)
        again = [question for question in self.given_back if question._replace(occurrence=0) == first]
        if again:
            question = min(again)
            self.given_back.discard(question)
            return question
        occurrence = self._asked.get(first, 0)
        self._asked[first] = occurrence + 1
        return first._replace(occurrence=occurrence) if occurrence else first

    def add(self, call: Call, place: int) -> None:
        """Put a call that has its answer where it was asked, whichever was answered first."""
        index = bisect(self._places, place)
        self._places.insert(index, place)
        self.calls.insert(index, call)


class Trial:
    """One execution of a test item under one model.

    Args:
        saved: what answers in place of the pipeline where saved replies are judged again, else None.

    Attributes:
        phase: of pytest's protocol; replies are waited for in ``teardown``.
        suspended: whether the body was left because a reply is missing; then this execution counts for nothing.
        ended: the phases of a suspended one that an exception has ended.
        reviews: each says what really came out of a sample, given what left its body.
        sample: the one that runs; what fixtures ask before the body belongs to the first.
        shared: the fixture of wider scope whose answers the test shares with others, and what it was set up for; None
            without one.
        shared_calls: how many of its calls are such a fixture's.
    """

    def __init__(
        self,
        identity: Identity,
        model: ModelSettings,
        settings: TrialSettings,
        pipeline: Pipeline,
        attempts: Attempts,
        saved: SavedAnswers | None = None,
    ) -> None:
        self.key = identity.key
        self.content = identity.content
        self.module = self.key.test.split("::")[0]
        self.model = model
        self.settings = settings
        self.pipeline = pipeline
        self.attempts = attempts
        self.saved = saved
        self.phase: Literal["setup", "call", "teardown"] = "setup"
        self.suspended = False
        self.ended: list[pytest.CallInfo[None]] = []
        self.results: dict[int, SampleResult] = {}
        self.errors: dict[int, BaseException] = {}
        self.skips: dict[int, BaseException] = {}
        self.used: dict[str, Fulfilled] = {}
        self.waiting: list[Future[Fulfilled]] = []
        self.seen: set[Question] = set()
        self.seen_in_setup: set[Question] = set()
        self.process = OwnProcess()
        self.reviews: list[Callable[[BaseException | None], BaseException | None]] = [
            self.process.review,
            own_limit.review,
        ]
        self.sample = Sample(0)
        self.shared: str | None = None
        self.shared_calls = 0
        self._setup: Sample | None = None
        self._order: dict[Question, int] = {}
        self._count = itertools.count()
        self._lock = threading.Lock()

    @property
    def replies(self) -> Replies:
        """What the executions share."""
        return self.attempts.replies

    def end_setup(self) -> None:
        """Keep apart what fixtures have asked."""
        if self._setup is None:
            self._setup = self.sample
            self.seen_in_setup = set(self.seen)

    def begin_sample(self, index: int) -> Sample:
        """Make ready for running the body for one sample."""
        self.end_setup()
        self.sample = Sample(index, self._setup if index == 0 else None)
        return self.sample

    def ask(self, prompt: Prompt) -> Reply:
        """The reply to a prompt, in synchronous code.

        Raises:
            ReplyError: there is none.
            Suspended: there is none yet, and the body will be run again.
        """
        __tracebackhide__ = True
        return self.ask_many([prompt])[0]

    def ask_many(self, prompts: list[Prompt]) -> list[Reply]:
        """The replies to several prompts, all sent before the first is waited for.

        Raises:
            ReplyError: one of them has none.
            Suspended: some are not there yet, and the body will be run again.
        """
        __tracebackhide__ = True
        replies = []
        for question, future in self._start(prompts):  # no comprehension: before 3.12 it is a frame of its own
            replies.append(self._received(question, future))
        return replies

    async def ask_async(self, prompt: Prompt) -> Reply:
        """The reply to a prompt, in an async test, whichever event loop runs it.

        Raises:
            ReplyError: there is none.
            Suspended: there is none yet, and the body will be run again.
        """
        __tracebackhide__ = True
        [(question, future)] = self._start([prompt])
        await settled(future)
        return self._received(question, future)

    def _start(self, prompts: list[Prompt]) -> list[tuple[Question, Future[Fulfilled]]]:
        """Send prompts, or find what earlier executions sent.

        Raises:
            Suspended: some replies are not there yet, and the body may be left.
        """
        __tracebackhide__ = True
        lane = self._entered_lane()
        asked = [self.pipeline.lookups.of_prompt(self.model, prompt) for prompt in prompts]
        questions = [self._numbered(each, ordered=lane.ordered) for each in asked]
        found = [(question, self._future(question, each)) for question, each in zip(questions, asked, strict=True)]
        if lane.may_leave and not self.replies.blocking:
            self._leave_unless_done(lane, [future for _, future in found])
        return found

    def start_call(
        self, lookup: Lookup, begin: Callable[[Draw, bool], Future[Fulfilled] | None]
    ) -> tuple[Question, Future[Fulfilled] | None]:
        """Start a call that an application makes, or find what came of it in an earlier execution.

        Args:
            lookup: what is asked.
            begin: makes the call, given which answer is meant and whether the test may be left for it; returns
                None when the application is to make it itself.

        Raises:
            Suspended: the reply is not there yet, and the body may be left.
        """
        __tracebackhide__ = True
        lane = self._entered_lane()
        question = self._numbered(lookup, ordered=lane.ordered)
        may_leave = lane.may_leave and not self.replies.blocking
        with self._lock:
            future = self.replies.futures.get(question)
            if future is None:
                future = begin(self.draw(question), may_leave)
                if future is not None:
                    self.replies.futures[question] = future
        if future is not None and may_leave:
            self._leave_unless_done(lane, [future])
        return question, future

    def start_aside(
        self, key: str, begin: Callable[[bool], Future[Fulfilled] | None], *, may_leave: bool
    ) -> Future[Fulfilled] | None:
        """Start a call that is no question, or find what came of it; it is the same for all samples.

        An application may keep what comes of it in its process, and so not ask it again when the test is run again.

        Args:
            key: of its answer in the store.
            begin: as for `start_call`, given whether the test may be left.
            may_leave: whether it may.

        Raises:
            Suspended: the answer is not there yet, and the body may be left.
        """
        __tracebackhide__ = True
        lane = self._entered_lane()
        may_leave = may_leave and lane.may_leave and not self.replies.blocking
        with self._lock:
            future = self.replies.aside.get(key)
            if future is None:
                future = begin(may_leave)
                if future is not None:
                    self.replies.aside[key] = future
        if future is not None and may_leave:
            self._leave_unless_done(lane, [future])
        return future

    def ask_judges(
        self, asked: Sequence[tuple[Lookup, Draw]], usable: Callable[[Answer], bool]
    ) -> list[Fulfilled | ReplyError]:
        """Ask for verdicts, all before the first is waited for; the same for all samples that have the same answer.

        Also where saved replies are judged again: a run holds replies, and no verdict on them counts for another judge.

        Args:
            asked: what is asked, and which vote.
            usable: whether an answer is a verdict; else it is asked for again, and not recorded.

        Raises:
            Suspended: some are not there yet, and the body may be left.
        """
        __tracebackhide__ = True
        lane = self._entered_lane()
        keys = [(lookup.digest, draw.sample) for lookup, draw in asked]
        with self._lock:
            for key, (lookup, draw) in zip(keys, asked, strict=True):
                if key not in self.replies.verdicts:
                    self.replies.verdicts[key] = self.pipeline.submit(lookup, draw, usable)
                    self.replies.usable[key] = usable
                    self.replies.paid_by[key] = self.sample.index
        if lane.may_leave and not self.replies.blocking:
            self._leave_unless_done(lane, [self.replies.verdicts[key] for key in keys])
        return [self._verdict(key) for key in keys]

    def _verdict(self, key: tuple[str, int]) -> Fulfilled | ReplyError:
        try:
            found = self.pipeline.received(self.replies.verdicts[key])
        except ReplyError as error:
            return error
        if self.replies.paid_by[key] == self.sample.index:
            return found
        return found._replace(spent=0.0, measures=found.measures._replace(source="cache"))

    @property
    def to_record(self) -> list[Fulfilled]:
        """The replies of this execution, and what calls aside got in this one or an earlier one."""
        return [*self.used.values(), *_answered(self.replies.aside.values()), *self.verdicts]

    @property
    def verdicts(self) -> list[Fulfilled]:
        """What judges said in this execution or an earlier one, where it is a verdict."""
        found = [
            (self.replies.usable[key], each)
            for key, future in self.replies.verdicts.items()
            for each in _answered([future])
        ]
        return [each for usable, each in found if usable(each.answer)]

    def has_asked(self, sample: int) -> bool:
        """Whether a sample asked a model, answered or not."""
        return (self.shared is not None and sample == 0) or any(each.sample == sample for each in self._order)

    def next_place(self) -> int:
        """The place of the next call among those of its sample."""
        return next(self._count)

    def add(self, call: Call, asked: Question | int) -> None:
        """Put a call that has its answer where it was asked, whichever was answered first.

        Args:
            asked: what was asked, or its place from `next_place`.
        """
        place = asked if isinstance(asked, int) else self._order.get(asked, 0)
        with self._lock:
            self.sample.add(call, place)

    def add_shared(self, call: Call, reply: Reply, fixture: str) -> None:
        """Put a call of a fixture of wider scope in front of those of the first sample."""
        self.shared = self.shared or fixture
        self.shared_calls += 1
        self.sample.add(call, -1)
        self.sample.given.append(reply)

    def give_back(self, question: Question) -> None:
        """Release a question that got no answer, so that the next identical call reuses its number."""
        with self._lock:
            self.sample.given_back.add(question)

    def draw(self, question: Question) -> Draw:
        """Which answer a question means."""
        sample = self.settings.first + question.sample
        return Draw(str(self.key), self.module, sample, question.occurrence)

    def _entered_lane(self) -> _Lane:
        """Who asks, and whether the test may be left for the reply.

        Raises:
            ForkedCall: it is another process.
            Suspended: it was left here already.
        """
        __tracebackhide__ = True
        self.process.check()
        thread, task = threading.get_ident(), current_task()
        main = thread == threading.main_thread().ident
        # In a thread of the application nothing would catch a Suspended.
        lane = _Lane((self.sample.index, thread, task), main and not task, main and self._may_leave())
        if lane.place in self.sample.lanes and lane.may_leave:
            # The test swallowed the exception and goes on with nothing: no money for a made-up continuation.
            raise Suspended("still waiting for a reply")
        return lane

    def _leave_unless_done(self, lane: _Lane, futures: list[Future[Fulfilled]]) -> None:
        """Leave the test for the replies that are not there yet.

        Raises:
            Suspended: there are some.
        """
        __tracebackhide__ = True
        missing = [future for future in futures if not future.done()]
        if missing:
            self.sample.left = self.suspended = True
            self.waiting += missing
            self.sample.lanes.add(lane.place)
            raise Suspended("waiting for a reply")

    def _may_leave(self) -> bool:
        return (
            self.settings.repeatable
            and (self.attempts.may_leave or self._may_run_in_rounds())
            and self.phase != "teardown"
            and not self.replies.blocking
        )

    def _may_run_in_rounds(self) -> bool:
        """Whether the bodies of samples may run again beside each other, where the test itself is not left."""
        return self.settings.samples > 1 and self.phase == "call" and not self.settings.watched

    def _numbered(self, lookup: Lookup, *, ordered: bool) -> Question:
        with self._lock:
            sample = self.sample
            # By what replies are looked up by: requests that differ only in a trace id are one question asked twice.
            question = sample.question(lookup)
            self.seen.add(question)
            self._order[question] = self.next_place()
            if ordered:  # with several tasks or threads the order says nothing
                if not self.replies.in_order(sample.place, question):
                    self.replies.block(DIFFERS)
                sample.place += 1
        return question

    def _future(self, question: Question, lookup: Lookup) -> Future[Fulfilled]:
        with self._lock:
            future = self.replies.futures.get(question)
            if future is None:
                pipeline: Any = self.saved or self.pipeline
                future = self.replies.futures[question] = pipeline.submit(lookup, self.draw(question))
        return future

    def _received(self, question: Question, future: Future[Fulfilled]) -> Reply:
        """Wait for a reply and put it into the trial's results.

        Raises:
            ReplyError: there is none.
        """
        __tracebackhide__ = True
        try:
            fulfilled: Any = future.result() if self.saved is not None else self.pipeline.received(future)
        except ReplyError as error:
            self.sample.failures.append(error)
            # The traceback of the thread that made it means nothing to a user.
            raise error.with_traceback(None) from None
        if self.saved is not None:
            self.add(fulfilled, question)
        else:
            self.used[fulfilled.entry.key] = fulfilled
            self.add(call_of(fulfilled, self.model.provider, self.model.model, question.words_digest), question)
        reply = Reply(fulfilled.answer, fulfilled.measures, self.model.name)
        self.sample.given.append(reply)
        return reply


def _answered(futures: Iterable[Future[Fulfilled]]) -> list[Fulfilled]:
    done = [future for future in list(futures) if future.done() and not future.cancelled()]
    return [future.result() for future in done if future.exception() is None]


def call_of(fulfilled: Fulfilled, provider: str, model: str, words_digest: str) -> Call:
    """The record of a call that has its answer.

    Args:
        provider: the wire format it was asked in.
        model: the model that was asked, as the provider names it.
        words_digest: of what was asked.
    """
    return Call(
        provider=provider,
        request_model=model,
        words_digest=words_digest,
        answer=fulfilled.answer,
        measures=fulfilled.measures,
        spent=fulfilled.spent,
        key=fulfilled.entry.key,
        recorded_at=fulfilled.entry.recorded_at,
    )


trial_key = pytest.StashKey[Trial]()


def forget_trial(item: pytest.Item) -> None:
    """Let the next execution of a test begin with a trial of its own."""
    if trial_key in item.stash:
        del item.stash[trial_key]
