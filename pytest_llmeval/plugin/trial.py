"""A trial: one test item under one model, what it asks and how far its samples have come."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import sys
import threading
from collections import Counter
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from pytest_llmeval.cases import Case
from pytest_llmeval.config import ModelSettings
from pytest_llmeval.errors import ReplyError
from pytest_llmeval.run import Call, CaseKey, SampleResult

if TYPE_CHECKING:
    from pytest_llmeval.checks.score import Score
    from pytest_llmeval.engine.pipeline import Fulfilled, Pipeline
    from pytest_llmeval.providers.base import Prompt
    from pytest_llmeval.reply import Reply

__all__ = ["Suspended", "Trial", "case_key", "content_digest", "trial_key"]


class Suspended(pytest.skip.Exception):  # type: ignore[misc, name-defined]
    """Leaves a test's body until the replies it waits for are there.

    A subclass of pytest's skip, which is a BaseException: an application's ``except Exception`` does not see it,
    pytest reports it cheaply, and ``--pdb`` does not stop on it.
    """


class Question(NamedTuple):
    """A call within a case: the n-th time this sample asks this, with these parameters."""

    sample: int
    prompt: str
    params: str
    occurrence: int


@dataclass(kw_only=True)
class Trial:
    """One test item under one model.

    Attributes:
        key: identity of the case.
        case_id: the item as people know it, for recordings and messages.
        model: the model on trial.
        samples: how many answers are wanted.
        category: the error category of plain asserts.
        blocking: whether every call must wait, since the body must not be run again.
        can_suspend: whether the body may be left and run again now; else each call waits.
    """

    key: CaseKey
    module: str
    model: ModelSettings
    pipeline: Pipeline
    case: Case | None = None
    samples: int = 1
    min_pass_rate: float = 1.0
    category: str | None = None
    blocking: bool = False
    can_suspend: bool = False
    results: dict[int, SampleResult] = field(default_factory=dict)
    errors: dict[int, BaseException] = field(default_factory=dict)
    # Of all attempts.
    futures: dict[Question, Future[Fulfilled]] = field(default_factory=dict)
    # Of the sample that runs now.
    sample: int = 0
    calls: list[Call] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)
    used: dict[str, Fulfilled] = field(default_factory=dict)
    failures: list[ReplyError] = field(default_factory=list)
    # Of the attempt that runs now.
    asked: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    waiting: list[Future[Fulfilled]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin_sample(self, index: int) -> None:
        """Make ready for running the body for one sample."""
        self.sample = index
        self.calls, self.scores, self.failures = [], [], []
        for question in [question for question in self.asked if question[0] == index]:
            del self.asked[question]

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
        started = [self.start(prompt) for prompt in prompts]
        missing = [future for _, future in started if not future.done()]
        if missing and self._may_suspend():
            self.waiting += missing
            raise Suspended("waiting for replies")
        return [self.received(question, future) for question, future in started]

    async def ask_async(self, prompt: Prompt) -> Reply:
        """The reply to a prompt, in an async test, whichever event loop runs it.

        Raises:
            ReplyError: there is none.
        """
        __tracebackhide__ = True
        question, future = self.start(prompt)
        if not future.done() and self._may_suspend():
            self.waiting.append(future)
            raise Suspended("waiting for a reply")
        await settled(future)
        return self.received(question, future)

    def start(self, prompt: Prompt) -> tuple[Question, Future[Fulfilled]]:
        """Send a prompt, or find the future of the attempt that sent it."""
        from pytest_llmeval.engine.pipeline import Draw, prompt_digest

        digest = prompt_digest(prompt)
        params = json.dumps([prompt.params, prompt.stream], sort_keys=True, default=str)
        with self._lock:
            occurrence = self.asked[self.sample, digest, params]
            self.asked[self.sample, digest, params] += 1
            question = Question(self.sample, digest, params, occurrence)
            future = self.futures.get(question)
            if future is None:
                draw = Draw(case=str(self.key), module=self.module, sample=self.sample, occurrence=occurrence)
                future = self.futures[question] = self.pipeline.submit(self.model, prompt, draw)
        return question, future

    def received(self, question: Question, future: Future[Fulfilled]) -> Reply:
        """Wait for a reply and put it into the trial's results.

        Raises:
            ReplyError: there is none.
        """
        __tracebackhide__ = True
        from pytest_llmeval.reply import Reply

        try:
            fulfilled = future.result()
        except ReplyError as error:
            self.failures.append(error)
            # The traceback of the thread that made it tells a user nothing.
            raise error.with_traceback(None) from None
        self.used[fulfilled.entry.key] = fulfilled
        self.calls.append(
            Call(
                provider=self.model.provider,
                request_model=self.model.model,
                prompt=question.prompt,
                answer=fulfilled.answer,
                measures=fulfilled.measures,
                spent=fulfilled.spent,
            )
        )
        return Reply(fulfilled.answer, fulfilled.measures, self.model.name)

    def _may_suspend(self) -> bool:
        return self.can_suspend and threading.current_thread() is threading.main_thread()


def _in_event_loop() -> bool:
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def settled(future: Future[Any]) -> None:
    """Wait for a future of another thread under asyncio or trio; its exception is left in it."""
    if future.done():
        return
    if _in_event_loop():
        import asyncio

        loop, arrived = asyncio.get_running_loop(), asyncio.Event()

        def wake(_: Future[Any]) -> None:
            with contextlib.suppress(RuntimeError):  # the test was cancelled and its loop is closed
                loop.call_soon_threadsafe(arrived.set)

        future.add_done_callback(wake)
        await arrived.wait()
    else:
        import trio

        token, here = trio.lowlevel.current_trio_token(), trio.Event()

        def wake_trio(_: Future[Any]) -> None:
            with contextlib.suppress(trio.RunFinishedError):
                token.run_sync_soon(here.set)

        future.add_done_callback(wake_trio)
        await here.wait()


def case_key(item: pytest.Item, model: str) -> CaseKey:
    """Identity of an item's case: its test function and its parameters, less the model and pytest-repeat's count."""
    root = item.config.rootpath
    path = item.path.relative_to(root).as_posix() if item.path.is_relative_to(root) else item.path.name
    names = [node.name for node in item.listchain() if isinstance(node, pytest.Class)]
    test = "::".join([path, *names, getattr(item, "originalname", None) or item.name])
    callspec = getattr(item, "callspec", None)
    if callspec is None:
        return CaseKey(test, "")
    case = callspec.params.get("case")
    if isinstance(case, Case) and set(callspec.params) <= {"case", "llm_model", "__pytest_repeat_step_number"}:
        return CaseKey(test, case.id)
    parts = str(callspec.id)
    if "__pytest_repeat_step_number" in callspec.params:
        parts = re.sub(r"(^|-)\d+-\d+$", "", parts)
    if "llm_model" in callspec.params:
        parts = parts.removesuffix(model).removesuffix("-") if parts.endswith(model) else parts
    return CaseKey(test, parts)


def content_digest(case: Case | None) -> str:
    """Digest of what a case asks and expects, "" without a case."""
    if case is None:
        return ""
    content = [case.input, case.expected, case.context, case.checks, case.paraphrases]
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]


trial_key = pytest.StashKey[Trial]()
