"""The calls of an application that come by the loopback gateway: what the fixture ``llm_gateway`` does and gives."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from pytest_llmeval.capture.addresses import Addresses, without_proxy
from pytest_llmeval.capture.clients import Asked, OwnCall, Wait
from pytest_llmeval.capture.gateway import Gateway, refusal
from pytest_llmeval.capture.route import usual_provider
from pytest_llmeval.engine.requests import NO_KEY
from pytest_llmeval.errors import MissingReply, ProviderError, ReplyError
from pytest_llmeval.formats.registry import find_provider
from pytest_llmeval.formats.replay import Delivery
from pytest_llmeval.plugin.capturing.captured import LlmCapture
from pytest_llmeval.plugin.capturing.captured_calls import CapturedCalls, FixtureScopes
from pytest_llmeval.plugin.capturing.fixture import keys_or_stand_ins, models_of, variables_set
from pytest_llmeval.plugin.capturing.saved_calls import SavedCalls
from pytest_llmeval.plugin.evaluation import Evaluation
from pytest_llmeval.plugin.running.replies import Unanswered
from pytest_llmeval.plugin.running.trial import Trial
from pytest_llmeval.text import first_line, were

PATIENCE = 10.0  # seconds that calls under way at the end of a test get to end


class Environment(dict[str, str]):
    """Environment variables; what they hold is not shown, since there are keys among it."""

    def __repr__(self) -> str:
        return f"<environment: {', '.join(self)}>"


class LlmGateway(LlmCapture):
    """What reaches models by the loopback server, from whichever process.

    Attributes:
        model: the provider's name of the model on trial, as its SDK wants it.
        base_url: the gateway's address for the SDK of the model on trial; the environment has it already.
        urls: the same by provider, as in ``urls["anthropic"]``.
        environment: the variables a process needs that does not inherit this one's environment.
    """

    def __init__(self, trial: Trial, urls: Mapping[str, str], environment: Mapping[str, str]) -> None:
        super().__init__(trial)
        self.urls = urls
        self.environment = environment
        provider = trial.model.provider
        self.base_url = urls.get(provider) or urls[usual_provider(trial.model) or "openai"]

    def __repr__(self) -> str:
        return f"<llm_gateway: {self._trial.model.name}, {len(self._trial.sample.calls)} calls>"


@contextmanager
def serving(trial: Trial, evaluation: Evaluation, config: pytest.Config) -> Iterator[LlmGateway]:
    """Serve a test's calls while inside, by addresses that the environment names.

    Args:
        trial: what the calls belong to.
        evaluation: the session's.
        config: keeps the server until the session ends.
    """
    gateway = _gateway_of(config)
    addresses = Addresses.of(os.environ)
    listener = _Listener(trial, evaluation, gateway)
    with gateway.serving(listener, addresses) as root:
        environment = _environment(addresses, root, evaluation)
        capture = LlmGateway(trial, addresses.urls(root), environment)
        if trial.saved is not None:
            listener.calls = SavedCalls(trial, trial.saved, capture)
        else:
            listener.calls = CapturedCalls(
                trial,
                capture,
                models_of(trial.model, evaluation),
                FixtureScopes(),
                fixture="llm_gateway",
                compares=evaluation.compares,
            )
        trial.reviews.append(listener.review)
        with variables_set(environment):
            yield capture


def outliving(evaluation: Evaluation, config: pytest.Config) -> Environment:
    """The environment of a process that outlives tests: its calls belong to whichever test is running then."""
    addresses = Addresses.of(os.environ)
    return _environment(addresses, _gateway_of(config).open(addresses, None), evaluation)


class _Listener:
    """Answers for one execution of a test."""

    calls: CapturedCalls | SavedCalls

    def __init__(self, trial: Trial, evaluation: Evaluation, gateway: Gateway) -> None:
        self._trial = trial
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
                f"the application asked {method} {path} through llm_gateway, which is no call of a model that can be "
                "recorded, and --llm-mode=replay uses no network; keep it out of the test, or run it in another mode"
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

    def broken(self, words: str) -> None:
        """The gateway itself could not go on: there is nothing to judge."""
        self._failures.append(ReplyError(f"llm_gateway broke: {words}; please report it"))

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


_gateway = pytest.StashKey[Gateway]()


def _gateway_of(config: pytest.Config) -> Gateway:
    if _gateway not in config.stash:
        config.stash[_gateway] = Gateway()
        config.add_cleanup(config.stash[_gateway].close)
    return config.stash[_gateway]


def _environment(addresses: Addresses, root: str, evaluation: Evaluation) -> Environment:
    return Environment(**addresses.environment(root), **without_proxy(os.environ), **_keys(evaluation))


def _keys(evaluation: Evaluation) -> dict[str, str]:
    """The keys that SDKs of the session's models look for."""
    models = list(evaluation.models)
    names: list[str | None] = []
    for model in (*models, *(models_of(models[0], evaluation).production if models else ())):
        usual = usual_provider(model)
        own = find_provider(model.provider, model.base_url).api_key_env
        names += [model.api_key_env, own, find_provider(usual).api_key_env if usual else None]
    return keys_or_stand_ins(names, replays=evaluation.mode == "replay")
