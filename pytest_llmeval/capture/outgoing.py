"""Where a captured request goes, with which key and headers."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from pytest_llmeval.capture.route import Route
from pytest_llmeval.engine.aws_signature import is_signed, signed
from pytest_llmeval.engine.call import Endpoint, Timeouts
from pytest_llmeval.engine.requests import NO_KEY, api_key_of, no_key
from pytest_llmeval.formats.recognise import keys_in

_OF_THE_CONNECTION = frozenset(
    {"accept-encoding", "connection", "content-length", "content-type", "expect", "host", "transfer-encoding"}
)


def endpoint_of(route: Route, headers: Mapping[str, str], environment: Mapping[str, str]) -> Endpoint:
    """Where a captured request goes, and with which key or headers.

    The application's own headers go to the address it meant. To another, and to another model for which the
    configuration names a key, goes the key of the configuration; but that only to the host of the model's provider,
    since the application may have meant anybody's.

    Args:
        route: where it goes.
        headers: the application's, names in lower case.
        environment: holds the keys.

    Raises:
        ProviderError: the environment does not have the key.
    """
    model, provider = route.model, route.provider
    own: dict[str, str] | None = None
    if route.moved or (route.rewritten and model.api_key_env is not None and _at_its_provider(route)):
        key = api_key_of(model, provider, environment)
    else:
        values = keys_in(headers, route.base_url)
        if any(NO_KEY in value for value in values):
            raise no_key(model, provider, model.api_key_env or provider.api_key_env or "of its provider")
        key = values[0].rpartition(" ")[2] if values else None  # whatever the scheme, in whichever case
        kept = {"content-type"} if route.request.content is not None else set()  # as of a form, with its boundary
        own = {name: value for name, value in headers.items() if name not in _OF_THE_CONNECTION - kept}
    # Of the configuration, too, where the gateway stands for an address of the application that it does not know.
    configured = route.moved or (
        model.base_url is not None and (key or "") == environment.get(model.api_key_env or "", "").strip()
    )
    signs = route.differs and (is_signed(headers) if own is not None else provider.signs and key is None)
    return Endpoint(
        base_url=route.base_url,
        api_key=key or None,
        api_key_env=(model.api_key_env if configured else None) or provider.api_key_env,
        provider=provider,
        entry=model.entry if configured else None,  # else the key is the application's own business
        headers=own,
        extra=model.headers,
        timeouts=Timeouts.of(model.timeout),
        signs=signs,
    )


def _at_its_provider(route: Route) -> bool:
    return urlsplit(route.base_url)[:2] == urlsplit(route.provider.base_url or "")[:2]


def headers_to_send(route: Route, endpoint: Endpoint, headers: Mapping[str, str], content: bytes) -> dict[str, str]:
    """All headers but those of the connection, of a request that the application's own transport sends.

    Args:
        route: where it goes.
        endpoint: from `endpoint_of`.
        headers: the application's, names in lower case.
        content: the body.

    Raises:
        ProviderError: the request needs a signature of AWS, and there are no credentials.
    """
    sent = _headers_to_send(route, endpoint, headers)
    return signed(route.url, sent, content) if endpoint.signs else sent


def _headers_to_send(route: Route, endpoint: Endpoint, headers: Mapping[str, str]) -> dict[str, str]:
    extra = {name.lower(): value for name, value in endpoint.extra.items()}
    if endpoint.headers is not None:
        return {name: value for name, value in headers.items() if name not in ("content-length", "host")} | extra
    carried = {"content-type": "application/json", "accept": headers.get("accept", "*/*"), **route.request.headers}
    key = endpoint.api_key
    return carried | extra if key is None else {**carried, **route.provider.authorization(key), **extra}
