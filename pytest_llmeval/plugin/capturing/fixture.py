"""What the fixture ``llm_capture`` gives."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress

import pytest

from pytest_llmeval.capture.clients import listen
from pytest_llmeval.capture.other_clients import stand_before_others
from pytest_llmeval.capture.over_aiohttp import lead
from pytest_llmeval.capture.route import Models
from pytest_llmeval.config.settings import ModelSettings
from pytest_llmeval.engine.requests import NO_KEY
from pytest_llmeval.errors import ConfigError
from pytest_llmeval.formats.clouds import aws
from pytest_llmeval.formats.registry import address_of, find_provider, key_variables, known_providers
from pytest_llmeval.plugin.capturing.captured import LlmCapture
from pytest_llmeval.plugin.capturing.captured_calls import CapturedCalls, FixtureScopes
from pytest_llmeval.plugin.capturing.loopback import ByLoopback
from pytest_llmeval.plugin.capturing.saved_calls import SavedCalls
from pytest_llmeval.plugin.evaluation import Evaluation
from pytest_llmeval.plugin.guard import register
from pytest_llmeval.plugin.running.trial import Trial

_SCOPES = "llmeval-fixture-scopes"


@contextmanager
def capturing(trial: Trial, evaluation: Evaluation, config: pytest.Config) -> Iterator[LlmCapture]:
    """Capture calls while inside.

    Args:
        trial: what they belong to.
        evaluation: the session's.
        config: where the hooks are registered that this needs.
    """
    scopes = config.pluginmanager.get_plugin(_SCOPES)
    if scopes is None:
        scopes = FixtureScopes()
        register(config, scopes, _SCOPES)
    models = models_of(trial.model, evaluation)
    capture = LlmCapture(trial)
    calls: CapturedCalls | SavedCalls
    if trial.saved is not None:
        calls = SavedCalls(trial, trial.saved, capture, models)
    else:
        calls = CapturedCalls(trial, capture, models, scopes, compares=evaluation.compares)
    loopback = ByLoopback(trial, evaluation, config, calls)
    trial.reviews.append(loopback.review)
    asked = (models.trial, *models.production)
    names = [model.api_key_env or find_provider(model.provider, model.base_url).api_key_env for model in asked]
    if evaluation.mode == "replay":  # which needs no key, also not of a provider that is asked for embeddings alone
        names += [address_of(name).api_key_env for name in known_providers()]
    keys = keys_or_stand_ins(names, replays=evaluation.mode == "replay")
    with variables_set({name: key for name, key in keys.items() if key == NO_KEY}):
        stand_before_others()
        before, led = listen(calls), lead(loopback.address_of)
        try:
            yield capture
        finally:
            listen(before)
            lead(led)
            loopback.close()


def models_of(trial: ModelSettings, evaluation: Evaluation) -> Models:
    """The models that calls of an application may name."""
    settings = evaluation.settings
    named: list[ModelSettings] = []
    for name in (settings.model, settings.baseline, evaluation.baseline.name):
        if name is not None and not name.endswith(".jsonl"):
            with suppress(ConfigError):
                named.append(settings.find_model(name))
    return Models(
        trial=trial,
        production=_usable(named),
        configured=_usable([*settings.models.values(), *evaluation.models]),
    )


def _usable(models: list[ModelSettings]) -> tuple[ModelSettings, ...]:
    """Each once, without those that nothing but their own use would show to be wrong."""
    found: dict[str, ModelSettings] = {}
    for model in models:
        with suppress(ConfigError):
            find_provider(model.provider, model.base_url)
            found[model.name] = model
    return tuple(found.values())


def keys_or_stand_ins(names: Iterable[str | None], *, replays: bool) -> dict[str, str]:
    """What SDKs find in these variables, with a stand-in for a missing key: they make no client without one.

    Replaying needs no key, so that they must be made all the same. SDKs look for AWS's credentials in many places, so
    stand-ins for those would hide them from a call that goes out.
    """
    keys: dict[str, str] = {}
    for name in filter(None, names):
        found = {other: os.environ.get(other, "") for other in key_variables(name)}
        stand_ins = (name,) if name != aws.KEY else aws.STAND_INS if replays else ()
        keys.update({other: key for other, key in found.items() if key} or dict.fromkeys(stand_ins, NO_KEY))
    return keys


@contextmanager
def variables_set(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables while inside."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield
