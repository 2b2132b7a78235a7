"""Which model answers a captured request, and where it is sent."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import quote, urlsplit, urlunsplit

from pytest_llmeval.config.settings import ModelSettings
from pytest_llmeval.errors import NotRerouted
from pytest_llmeval.formats.base import ModelRequest, Prompt, Provider
from pytest_llmeval.formats.openai_chat import OpenAIChat
from pytest_llmeval.formats.openai_responses import OpenAIResponses
from pytest_llmeval.formats.recognise import Format, Recognised
from pytest_llmeval.formats.registry import find_provider
from pytest_llmeval.text import first_line

Family = Literal["openai", "anthropic", "gemini", "ollama"]

# Chat completions and Responses are one family: who speaks one at an address mostly speaks the other there too.
_FAMILIES: dict[Format | None, Family] = {
    "chat": "openai",
    "responses": "openai",
    "messages": "anthropic",
    "content": "gemini",
    "ollama": "ollama",
}

_FORMAT_NAMES: dict[Family, str] = {
    "openai": "OpenAI's",
    "anthropic": "Anthropic's",
    "gemini": "Google's",
    "ollama": "Ollama's own",
}

_USUAL: dict[Format, str] = {
    "chat": "openai",
    "responses": "openai-responses",
    "messages": "anthropic",
    "content": "gemini",
    "ollama": "ollama",
}

_NOTHING = Prompt(messages=())

_DEPLOYMENT = re.compile(r"/deployments/[^/]+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The models that a captured request may name.

    Attributes:
        trial: the one on trial.
        production: those the application asks by itself, whose calls go to the one on trial.
        configured: all of the configuration.
    """

    trial: ModelSettings
    production: tuple[ModelSettings, ...] = ()
    configured: tuple[ModelSettings, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a captured request goes.

    Attributes:
        model: who answers.
        provider: the wire format, as requests of this model are looked up by.
        request: as it is sent.
        base_url: what stands before its path.
        moved: whether that is another place than the application meant, where none of its headers may go.
        rewritten: whether it names another model than the application did.
        on_trial: whether the model on trial answers.
    """

    model: ModelSettings
    provider: Provider
    request: ModelRequest
    base_url: str
    moved: bool = False
    rewritten: bool = False
    on_trial: bool = False

    @property
    def url(self) -> str:
        """The whole address."""
        base = urlsplit(self.base_url)
        path, _, query = self.request.path.partition("?")
        query = "&".join(part for part in (query, base.query) if part)
        return urlunsplit(base._replace(path=base.path.rstrip("/") + path, query=query))


def routed(asked: Recognised, models: Models) -> Route:
    """Where a captured request goes: to the model on trial when it names that one or the one in production.

    A ``base_url`` in the configuration of a model decides where its calls go; without one the application's own
    address stays. A request that names any other model than these stays with that model.

    Args:
        asked: what the application asks.
        models: those it may name.

    Raises:
        NotRerouted: the model on trial speaks another wire format.
    """
    family, trial = _FAMILIES[asked.format], models.trial
    if asked.model not in {trial.model, *(model.model for model in models.production)}:
        return _as_it_is(asked, models)
    if _family_of(trial) != family:
        raise NotRerouted(_cannot(asked, models))
    provider = _speaking(asked.format, find_provider(trial.provider, trial.base_url))
    at_azure = getattr(provider, "needs_deployment", False)
    deployed = at_azure and "/deployments/" in urlsplit(asked.base_url).path
    base_url = _with_deployment(asked.base_url, None if deployed else trial.model)
    path = f"/deployments/{quote(trial.model, safe='')}{asked.path}" if deployed else _path(asked, trial.model)
    route = Route(
        model=trial,
        provider=provider,
        request=_request(asked, provider, trial.model, path),
        base_url=base_url,
        rewritten=asked.model != trial.model,
        on_trial=True,
    )
    return _where_configured(route, asked)


def _where_configured(route: Route, asked: Recognised) -> Route:
    """The route to the ``base_url`` that the configuration has for the model; the same where it has none."""
    model, provider = route.model, route.provider
    there = replace(route, base_url=provider.base_url or "")
    if model.base_url is None or _place(there.url) == _place(route.url):
        return route
    at_azure = getattr(provider, "needs_deployment", False)
    path = provider.request(model.model, _NOTHING).path if at_azure else route.request.path
    return replace(there, request=_request(asked, provider, model.model, path), moved=True)


def _as_it_is(asked: Recognised, models: Models) -> Route:
    family = _FAMILIES[asked.format]
    for model in (*models.production, *models.configured):
        if model.model == asked.model and _family_of(model) == family:
            provider = _speaking(asked.format, find_provider(model.provider, model.base_url))
            break
    else:
        provider = find_provider(_USUAL[asked.format])
        name = f"{provider.name}/{asked.model}"
        model = ModelSettings(name=name, provider=provider.name, model=asked.model)
    route = Route(
        model=model,
        provider=provider,
        request=_request(asked, provider, asked.model, asked.path),
        base_url=asked.base_url,
    )
    return _where_configured(route, asked)


def _request(asked: Recognised, provider: Provider, model: str, path: str) -> ModelRequest:
    body = asked.body if asked.format == "content" or asked.model == model else {**asked.body, "model": model}
    return ModelRequest(
        provider=provider.name, model=model, path=path, body=body, headers=asked.headers, stream=asked.stream
    )


def _path(asked: Recognised, model: str) -> str:
    if asked.format != "content" or asked.model == model:
        return asked.path
    method = asked.path.rpartition(":")[2]
    return f"/models/{quote(model, safe='')}:{method}"


def _with_deployment(base_url: str, model: str | None) -> str:
    """The base URL with Azure's deployment, where it has one, replaced or taken out."""
    parts = urlsplit(base_url)
    place = "" if model is None else f"/deployments/{quote(model, safe='')}"
    return urlunsplit(parts._replace(path=_DEPLOYMENT.sub(lambda _: place, parts.path)))


def _place(url: str) -> tuple[str, str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2].lower(), parts.path


def usual_provider(model: ModelSettings) -> str | None:
    """The provider whose wire format a model speaks, and whose SDK is used for it; None when it speaks none."""
    return _USUAL.get(getattr(find_provider(model.provider, model.base_url), "wire_format", None))  # type: ignore[arg-type]


def _family_of(model: ModelSettings) -> Family | None:
    provider = find_provider(model.provider, model.base_url)
    return _FAMILIES.get(getattr(provider, "wire_format", None))


def _speaking(format_: Format, provider: Provider) -> Provider:
    """The provider as it speaks this format of its family."""
    if format_ == "chat" and getattr(provider, "wire_format", None) != "chat":
        return OpenAIChat("openai", provider.base_url, provider.api_key_env)
    if format_ == "responses" and getattr(provider, "wire_format", None) != "responses":
        return OpenAIResponses("openai-responses", provider.base_url, provider.api_key_env)
    return provider


def _cannot(asked: Recognised, models: Models) -> str:
    family, trial = _FAMILIES[asked.format], models.trial
    theirs = _family_of(trial)
    speaks = f"speaks {_FORMAT_NAMES[theirs]}" if theirs else "is no model with a wire format of its own"
    fitting = [model.name for model in models.configured if _family_of(model) == family and model.name != trial.name]
    there_are = f"models that can be: {', '.join(fitting)}" if fitting else "no other model is configured that can be"
    return (
        f"the application asks {first_line(asked.model, 80)} in {_FORMAT_NAMES[family]} wire format and cannot be "
        f"rerouted to {trial.full_name}, which {speaks} ({there_are}); put one of that format on trial with "
        f"--llm-model, or reach {trial.name} by a gateway that speaks it (base_url), or test with the fixture llm"
    )
