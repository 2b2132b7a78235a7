"""Which model answers a captured request, and where it is sent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlsplit, urlunsplit

from pytest_llmeval.capture.addresses import server_of
from pytest_llmeval.config.settings import ModelSettings
from pytest_llmeval.engine.adjusted import adjusted
from pytest_llmeval.errors import NotRerouted
from pytest_llmeval.formats.base import ModelRequest, Recognised, WireFormat
from pytest_llmeval.formats.model_hosts import is_model_host
from pytest_llmeval.formats.registry import find_provider, wire_formats
from pytest_llmeval.text import first_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The models that a captured request may name.

    Attributes:
        trial: the one on trial.
        production: those that the application asks for, and whose calls go to the one on trial.
        configured: all of the configuration.
        own_addresses: whether the application may name addresses of its own; by the gateway it names the gateway alone.
    """

    trial: ModelSettings
    production: tuple[ModelSettings, ...] = ()
    configured: tuple[ModelSettings, ...] = ()
    own_addresses: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a captured request goes.

    Attributes:
        model: who answers.
        provider: the wire format, as requests of this model are looked up by.
        request: as it is sent.
        base_url: everything before the path.
        moved: whether that is not the address the application meant; then none of its headers may go there.
        rewritten: whether it names another model than the application did.
        adjusted: whether the settings of the model change its parameters or headers.
        on_trial: whether the model on trial answers.
    """

    model: ModelSettings
    provider: WireFormat
    request: ModelRequest
    base_url: str
    moved: bool = False
    rewritten: bool = False
    adjusted: bool = False
    on_trial: bool = False

    @property
    def differs(self) -> bool:
        """Whether something else is sent than the application has made."""
        return self.moved or self.rewritten or self.adjusted

    @property
    def url(self) -> str:
        """The whole address."""
        base = urlsplit(self.base_url)
        path, _, query = self.request.path.partition("?")
        query = "&".join(part for part in (query, base.query) if part)
        return urlunsplit(base._replace(path=base.path.rstrip("/") + path, query=query))


def routed(asked: Recognised, models: Models) -> Route:
    """Where a captured request goes: to the model on trial when it names that one or the one in production.

    A request for any other model stays with that model. The ``base_url`` that the configuration has for a model decides
    where its calls go; without one they go to the application's own address.

    Raises:
        NotRerouted: the model on trial speaks another wire format.
    """
    trial = models.trial
    if asked.model not in {trial.model, *(model.model for model in models.production)}:
        return _as_it_is(asked, models)
    if not _can_answer(trial, asked):
        raise NotRerouted(_cannot(asked, models))
    provider = _provider_of(trial, asked)
    base_url, request = provider.rerouted(asked, trial.model)
    route = Route(
        model=trial,
        provider=provider,
        request=request,
        base_url=base_url,
        rewritten=asked.model != trial.model,
        on_trial=True,
    )
    return _as_configured(route)


def _as_configured(route: Route) -> Route:
    """The route with the parameters and the ``base_url`` that the configuration has for the model."""
    request = adjusted(route.request, route.model, route.provider, sets=True)
    route = replace(route, request=request, adjusted=request != route.request or bool(route.model.headers))
    there = replace(route, base_url=route.provider.base_url or "")
    if route.model.base_url is None or _place(there.url) == _place(route.url):
        return route
    return replace(there, request=route.provider.placed(route.request), moved=True)


def _as_it_is(asked: Recognised, models: Models) -> Route:
    for model in (*models.production, *models.configured):
        if model.model == asked.model and _can_answer(model, asked):
            provider = _provider_of(model, asked)
            break
    else:
        provider = asked.format
        name = f"{provider.name}/{asked.model}"
        model = ModelSettings(name=name, provider=provider.name, model=asked.model)
    request = asked.request(provider.name)
    return _as_configured(Route(model=model, provider=provider, request=request, base_url=asked.base_url))


def own_server(base_url: str, models: Models) -> str:
    """Host and port of an application's own address; "" where the configuration or the list of vendors has them."""
    server = server_of(base_url) if models.own_addresses else None
    addresses = (find_provider(each.provider, each.base_url).base_url for each in (*models.configured, models.trial))
    configured = {server_of(address or "") for address in addresses}
    if server is None or is_model_host(server[0]) or server in configured:
        return ""
    host, port = server
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _place(url: str) -> tuple[str, str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2].lower(), parts.path


def usual_provider(model: ModelSettings) -> str | None:
    """The provider whose wire format a model speaks, and whose SDK is used for it; None when it speaks none."""
    format_ = find_provider(model.provider, model.base_url).wire_format
    return next((name for name, usual in wire_formats().items() if usual.wire_format == format_), None)


def _family_of(model: ModelSettings) -> str | None:
    return find_provider(model.provider, model.base_url).family


def _can_answer(model: ModelSettings, asked: Recognised) -> bool:
    return asked.format.is_spoken_by(find_provider(model.provider, model.base_url))


def _provider_of(model: ModelSettings, asked: Recognised) -> WireFormat:
    """The provider of a model, as it speaks the format in which the application asks."""
    provider = find_provider(model.provider, model.base_url)
    return provider if provider.wire_format == asked.format.wire_format else asked.format.spoken_at(provider)


def _cannot(asked: Recognised, models: Models) -> str:
    trial = models.trial
    theirs = _family_of(trial)
    speaks = f"speaks {theirs}" if theirs else "is no model with a wire format of its own"
    fitting = [model.name for model in models.configured if _can_answer(model, asked) and model.name != trial.name]
    there_are = f"models that can be: {', '.join(fitting)}" if fitting else "no other model is configured that can be"
    return (
        f"the application asks {first_line(asked.model, 80)} in {asked.format.family} wire format and cannot be "
        f"rerouted to {trial.full_name}, which {speaks} ({there_are}); put one of that format on trial with "
        f"--llm-model, or reach {trial.name} by litellm's proxy as its base_url (docs/how-to/capture.md, "
        '"A candidate of another format"), or test with the fixture llm'
    )
