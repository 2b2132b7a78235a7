"""The loopback server of a session: who answers for a test what comes by it, also from this very process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from pytest_llmeval.capture.addresses import Anywhere, without_proxy
from pytest_llmeval.capture.clients import Asked, OwnCall, Wait
from pytest_llmeval.capture.gateway import Gateway, refusal
from pytest_llmeval.engine.requests import NO_KEY
from pytest_llmeval.errors import MissingReply, ProviderError, ReplyError
from pytest_llmeval.formats.replay import Delivery
from pytest_llmeval.plugin.capturing.captured_calls import CapturedCalls
from pytest_llmeval.plugin.capturing.saved_calls import SavedCalls
from pytest_llmeval.plugin.evaluation import Evaluation
from pytest_llmeval.plugin.running.replies import Unanswered
from pytest_llmeval.plugin.running.trial import Trial
from pytest_llmeval.text import first_line, were

PATIENCE = 10.0  # seconds that calls under way at the end of a test get to end


class GatewayCalls:
    """Answers for one execution of a test."""

    calls: CapturedCalls | SavedCalls

    def __init__(self, trial: Trial, evaluation: Evaluation, gateway: Gateway, fixture: str = "llm_gateway") -> None:
        self._trial = trial
        self._fixture = fixture
        self._notes = evaluation.notes
        self._gateway = gateway
        self._replays = evaluation.mode == "replay"
        self._failures: list[ReplyError] = []  # that no sample knows of
        self._untold: dict[int, ReplyError] = {}  # by sample: a request that was not passed on

    def answer(self, asked: Asked) -> Delivery | OwnCall:
        """The answer to a call of a model, or leave to send it."""
        before = self._trial.phase == "setup"
        try:
            step = self.calls.begin(asked)
            return step.end() if isinstance(step, Wait) else step
        except Unanswered as unanswered:
            if before:
                self._failures.append(unanswered.error)
            return _told(unanswered.error)

    def other(self, method: str, target: str, headers: Mapping[str, str]) -> Delivery | None:
        """The answer to a request that asks no model; None to pass it on."""
        path = first_line(f"/{urlsplit(target).path.split('/', 2)[-1]}", 100)
        if self._replays:
            error: ReplyError = MissingReply(
                f"the application asked {method} {path} through {self._fixture}, which is not a model call that can "
                "be recorded, and --llm-mode=replay uses no network; keep it out of the test, or run it in another mode"
            )
        elif any(NO_KEY in value for value in headers.values()) or NO_KEY in target:
            error = ProviderError(
                f"no API key for {method} {path}: set the environment variable of the application's SDK",
                kind="authentication",
            )
        else:
            return None
        self._untold.setdefault(self._trial.sample.index, error)
        return _told(error)

    def nowhere(self, words: str) -> Delivery:
        """The answer to a request that must not go on, for want of an address."""
        error = ReplyError(words)
        self._failures.append(error)
        return _told(error)

    def broken(self, words: str) -> None:
        """The gateway itself could not go on: there is nothing to judge."""
        self._failures.append(ReplyError(f"{self._fixture} broke: {words}; please report it"))

    def review(self, error: BaseException | None) -> BaseException | None:
        """What really came out of a sample, once all its calls have ended."""
        if left := self._gateway.wait(self, seconds=PATIENCE):
            self._notes.append(
                f"warning: {were(left, 'call')} still under way {PATIENCE:g} s after {self._trial.key} had ended, "
                "and hung up on"
            )
        error = self.calls.review(error)
        if isinstance(error, ReplyError):
            return error
        if self._failures:
            return self._failures[0]
        untold = self._untold.get(self._trial.sample.index)
        return untold if error is not None and untold is not None else error


def _told(error: ReplyError) -> Delivery:
    # 424 Failed Dependency: no SDK tries it again.
    return refusal(424, type(error).__name__, str(error))


class ByLoopback:
    """Leads requests of this process by the loopback server, from the first on that has no other way.

    Args:
        trial: what they belong to.
        evaluation: the session's.
        config: keeps the server until the session ends.
        calls: answers them.
    """

    def __init__(
        self, trial: Trial, evaluation: Evaluation, config: pytest.Config, calls: CapturedCalls | SavedCalls
    ) -> None:
        self._of = trial, evaluation
        self._config = config
        self._calls = calls
        self._listener: GatewayCalls | None = None
        self._serving = ExitStack()
        self._root = ""

    def address_of(self, url: str) -> str:
        """The address at the server that stands for another."""
        if self._listener is None:
            gateway = gateway_of(self._config)
            self._listener = GatewayCalls(*self._of, gateway, "llm_capture")
            self._listener.calls = self._calls
            patch = self._serving.enter_context(pytest.MonkeyPatch.context())
            for name, value in without_proxy(os.environ).items():
                patch.setenv(name, value)
            self._root = self._serving.enter_context(gateway.serving(self._listener, Anywhere()))
        return Anywhere.address_of(self._root, url)

    def review(self, error: BaseException | None) -> BaseException | None:
        """What really came out of a sample, once all its calls have ended."""
        return (self._calls if self._listener is None else self._listener).review(error)

    def close(self) -> None:
        """Serve no more."""
        self._serving.close()


_gateway = pytest.StashKey[Gateway]()


def gateway_of(config: pytest.Config) -> Gateway:
    """The loopback server of a session, made when it is first needed."""
    if _gateway not in config.stash:
        config.stash[_gateway] = Gateway()
        config.add_cleanup(config.stash[_gateway].close)
    return config.stash[_gateway]
