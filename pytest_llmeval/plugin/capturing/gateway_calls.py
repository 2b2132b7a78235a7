"""The calls of an application that come by the loopback gateway: what the fixture ``llm_gateway`` does and gives."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import pytest

from pytest_llmeval.capture.addresses import Addresses, without_proxy
from pytest_llmeval.capture.instead import instead_of
from pytest_llmeval.capture.route import Models, usual_provider
from pytest_llmeval.formats.registry import address_of, find_provider, known_providers
from pytest_llmeval.plugin.capturing.captured import LlmCapture
from pytest_llmeval.plugin.capturing.captured_calls import CapturedCalls, FixtureScopes
from pytest_llmeval.plugin.capturing.fixture import keys_or_stand_ins, models_of, variables_set
from pytest_llmeval.plugin.capturing.loopback import GatewayCalls, gateway_of
from pytest_llmeval.plugin.capturing.saved_calls import SavedCalls
from pytest_llmeval.plugin.evaluation import Evaluation
from pytest_llmeval.plugin.running.trial import Trial


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
    gateway = gateway_of(config)
    models = replace(models_of(trial.model, evaluation), own_addresses=False)
    addresses = _addresses(models, replays=evaluation.mode == "replay" or trial.saved is not None)
    listener = GatewayCalls(trial, evaluation, gateway)
    with gateway.serving(listener, addresses) as root:
        environment = _environment(addresses, root, evaluation)
        capture = LlmGateway(trial, addresses.urls(root), environment)
        if trial.saved is not None:
            listener.calls = SavedCalls(trial, trial.saved, capture, models)
        else:
            listener.calls = CapturedCalls(
                trial,
                capture,
                models,
                FixtureScopes(),
                fixture="llm_gateway",
                compares=evaluation.compares,
            )
        trial.reviews.append(listener.review)
        with variables_set(environment):
            yield capture


def outliving(evaluation: Evaluation, config: pytest.Config) -> Environment:
    """The environment of a process that outlives tests: its calls belong to whichever test is running then."""
    models = models_of(evaluation.models[0], evaluation) if evaluation.models else None
    addresses = _addresses(models, replays=evaluation.mode == "replay")
    return _environment(addresses, gateway_of(config).open(addresses, None), evaluation)


def _addresses(models: Models | None, *, replays: bool) -> Addresses:
    found = instead_of(os.environ, models) if models is not None else {}
    led = {name: value for instead in found.values() for name, value in instead.variables.items()}
    # In replay nothing goes out: what is recorded is found, wherever it went then.
    unknown = () if replays else [provider for provider, instead in found.items() if not instead.variables]
    headers = {provider: instead.headers for provider, instead in found.items() if instead.variables}
    return Addresses.of({**os.environ, **led}, headers, unknown)


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
    if evaluation.mode == "replay":
        names += [address_of(name).api_key_env for name in known_providers()]
    return keys_or_stand_ins(names, replays=evaluation.mode == "replay")
