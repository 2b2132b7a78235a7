"""What the fixture ``llm_capture`` gives."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest

from pytest_llmeval.capture.intercept import listen
from pytest_llmeval.capture.route import Models
from pytest_llmeval.config import ModelSettings
from pytest_llmeval.engine.api_key import NO_KEY
from pytest_llmeval.errors import ConfigError
from pytest_llmeval.plugin.captured_calls import CapturedCalls
from pytest_llmeval.plugin.evaluation import Evaluation
from pytest_llmeval.plugin.fixture_scopes import FixtureScopes
from pytest_llmeval.plugin.guard import register
from pytest_llmeval.plugin.replies import Question
from pytest_llmeval.plugin.saved_calls import SavedCalls
from pytest_llmeval.plugin.trial import Trial
from pytest_llmeval.providers import find_provider
from pytest_llmeval.reply import Reply, ToolCall, Usage
from pytest_llmeval.run import Call

__all__ = ["OTHER_KEYS", "CapturedCall", "LlmCapture", "capturing", "models_of"]

_SCOPES = "llmeval-fixture-scopes"
# Either variable holds the key.
OTHER_KEYS = {"ANTHROPIC_API_KEY": ("ANTHROPIC_AUTH_TOKEN",), "GEMINI_API_KEY": ("GOOGLE_API_KEY",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedCall:
    """One call of the application under test.

    Attributes:
        request: the JSON body, as it was sent to the model.
        reply: a ``str`` with ``.json()``, ``.finish_reason``, ``.refusal``, ``.cached`` and more, as ``llm()`` returns.
    """

    request: Mapping[str, Any]
    reply: Reply

    @property
    def model(self) -> str:
        """Name of the model that was asked: the alias, or ``provider/model``."""
        return self.reply.model

    @property
    def usage(self) -> Usage:
        """Tokens in and out."""
        return self.reply.usage

    @property
    def latency(self) -> float:
        """Seconds to the end of the answer; of a replayed one, those recorded."""
        return self.reply.latency

    @property
    def ttft(self) -> float | None:
        """Seconds to the first token, None unless the answer was streamed."""
        return self.reply.ttft

    @property
    def cost(self) -> float | None:
        """USD, None when no price is known."""
        return self.reply.cost

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The functions the model wants called."""
        return self.reply.tool_calls


class LlmCapture:
    """What the application under test asks of models.

    Attributes:
        model: the provider's name of the model on trial, as its SDK wants it.
    """

    def __init__(self, trial: Trial) -> None:
        self.model = trial.model.model
        self._trial = trial
        self._captured: dict[int, CapturedCall] = {}  # by identity of the trial's own record

    def __repr__(self) -> str:
        return f"<llm_capture: {self._trial.model.name}, {len(self._trial.calls)} calls>"

    @property
    def calls(self) -> list[CapturedCall]:
        """The calls so far, in the order they were made; of several samples, those of the one that runs."""
        self._trial.looked = True
        return [self._captured[id(call)] for call in self._trial.calls if id(call) in self._captured]

    def add(self, body: Mapping[str, Any], model: str, call: Call, asked: Question | int) -> None:
        """One more has its answer.

        Args:
            body: of the request, as it was sent.
            model: name of the model that was asked.
            call: the call.
            asked: as for `Trial.add`.
        """
        self._captured[id(call)] = CapturedCall(request=body, reply=Reply(call.answer, call.measures, model))
        self._trial.add(call, asked)


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
        calls = SavedCalls(trial, trial.saved, capture)
    else:
        calls = CapturedCalls(trial, capture, models, scopes, compares=evaluation.compares)
    trial.reviews.append(calls.review)
    with _keys_for(models):
        before = listen(calls)
        try:
            yield capture
        finally:
            listen(before)


def models_of(trial: ModelSettings, evaluation: Evaluation) -> Models:
    """The models that calls of an application may name."""
    settings = evaluation.settings
    named: list[ModelSettings] = []
    for name in (settings.model, settings.baseline, evaluation.baseline):
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


@contextmanager
def _keys_for(models: Models) -> Iterator[None]:
    """Let SDKs make their clients where there is no key, since replaying needs none."""
    missing = []
    for model in (models.trial, *models.production):
        name = model.api_key_env or find_provider(model.provider, model.base_url).api_key_env
        if name and not any(os.environ.get(other) for other in (name, *OTHER_KEYS.get(name, ()))):
            os.environ[name] = NO_KEY
            missing.append(name)
    try:
        yield
    finally:
        for name in missing:
            if os.environ.get(name) == NO_KEY:
                del os.environ[name]
