"""What the executions of one test share: the replies it has asked for, and whether its body may be left."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import NamedTuple

import pytest

from pytest_llmeval.engine.fulfilled import Fulfilled
from pytest_llmeval.errors import OutOfTime, ReplyError
from pytest_llmeval.reply import Answer
from pytest_llmeval.runs.results import SampleResult


class Suspended(pytest.skip.Exception):  # type: ignore[misc, name-defined]
    """Leaves a test's body until the replies it waits for are there.

    A subclass of pytest's skip, which is a BaseException: an application's ``except Exception`` does not see it,
    pytest reports it cheaply, and ``--pdb`` does not stop on it.
    """


class Unanswered(pytest.fail.Exception):  # type: ignore[misc, name-defined]
    """Ends a test whose application asks something there is no reply to, and no provider has said so.

    A BaseException too: SDKs wrap an Exception in one of their own, or try again, and applications swallow it. Who
    judges the test takes the error within for what came out of it.
    """

    def __init__(self, error: ReplyError) -> None:
        super().__init__(str(error), pytrace=False)
        self.error = error


class Question(NamedTuple):
    """A call within a case: the n-th time this sample asks this, with these parameters."""

    sample: int
    words_digest: str
    digest: str
    occurrence: int


class Replies:
    """The replies of one test, kept from one execution of it to the next.

    Attributes:
        aside: what came of calls that are no questions, such as embeddings, by their keys.
        verdicts: of judges, by the digest of what is asked and the number of the vote.
        paid_by: the sample that has asked for each of these.
        usable: tells for each of these whether an answer is a verdict.
        sequence: the questions of each sample in the order they were asked.
        blocking: whether every call waits from now on, since the body cannot be left or run again.
        reason: why, when it is the test's own doing; "" otherwise.
        waited: seconds spent waiting between the executions.
    """

    def __init__(self) -> None:
        self.futures: dict[Question, Future[Fulfilled]] = {}
        self.aside: dict[str, Future[Fulfilled]] = {}
        self.verdicts: dict[tuple[str, int], Future[Fulfilled]] = {}
        self.paid_by: dict[tuple[str, int], int] = {}
        self.usable: dict[tuple[str, int], Callable[[Answer], bool]] = {}
        self.sequence: dict[int, list[Question]] = {}
        self.blocking = False
        self.reason = ""
        self.waited = 0.0

    def block(self, reason: str) -> None:
        """Let every call wait from now on."""
        self.blocking = True
        self.reason = self.reason or reason

    def forget_what_came_too_late(self) -> None:
        """Let the next execution ask anew what this one had no time left to wait for."""
        for question, future in list(self.futures.items()):
            if future.done() and not future.cancelled() and isinstance(future.exception(), OutOfTime):
                del self.futures[question]

    def in_order(self, place: int, question: Question) -> bool:
        """Whether an execution asks at this place what the ones before asked there."""
        asked = self.sequence.setdefault(question.sample, [])
        if place < len(asked):
            return asked[place] == question
        asked.append(question)
        return True


class Attempts:
    """The executions of one test item by the scheduler.

    Attributes:
        may_leave: whether the execution that runs now may leave the test.
        number: executions so far.
        waits_for: how many replies are still missing.
        limit: seconds that the test may wait for requests on their way, None for any time.
        on_the_wire: of these, those that have passed in former rounds.
        since: when the test was left last, in seconds of `Clock.monotonic`.
        stale: report sections of executions that count for nothing.
        passed_on: executions by another plugin, which executes failing tests again; None before.
    """

    def __init__(self) -> None:
        self.replies = Replies()
        self.may_leave = False
        self.number = 0
        self.waits_for = 0
        self.limit: float | None = None
        self.on_the_wire = 0.0
        self.since = 0.0
        self.stale = 0
        self.passed_on: int | None = None


class Drawn(NamedTuple):
    """What a test that gets more samples later keeps: the samples it has are not asked for, nor judged, again.

    Attributes:
        errors: what left the body, by sample.
        in_setup: the replies that fixtures asked for before the body.
    """

    results: dict[int, SampleResult]
    errors: dict[int, BaseException]
    in_setup: dict[Question, Future[Fulfilled]]


attempts_key = pytest.StashKey[Attempts]()
drawn_key = pytest.StashKey[Drawn]()
more_samples_key = pytest.StashKey[int]()
"""How many samples a test gets behind a look; absent before the first."""
