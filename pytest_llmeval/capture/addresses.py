"""The addresses of models in the environment: where they lead, and what the gateway puts in their place."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple
from urllib.parse import urlsplit

from pytest_llmeval.formats.base import WireFormat
from pytest_llmeval.formats.registry import (
    address_of,
    find_provider,
    found_in,
    has_own_address,
    known_providers,
    own_formats,
)

# More variables that lead an SDK elsewhere, in addition to those of our addresses.
_LEADS_ELSEWHERE = re.compile(
    r"(?:OPENAI|AZURE|AZURE_OPENAI|ANTHROPIC(?:_[A-Z]+)*|AWS_BEDROCK|GEMINI|GOOGLE_GEMINI|GOOGLE_VERTEX|VERTEX(?:AI)?"
    r"|GROQ|MISTRAL|OPENROUTER|DEEPSEEK|XAI|COHERE|CO|TOGETHER(?:_?AI)?|FIREWORKS(?:_AI)?|PERPLEXITY(?:AI)?|CEREBRAS"
    r"|SAMBANOVA|NVIDIA(?:_NIM)?|REPLICATE|VOYAGE|JINA|MOONSHOT|DASHSCOPE|ZHIPUAI|ZAI|OLLAMA|(?:HOSTED_)?VLLM"
    r"|LM_?STUDIO|LLAMA_?CPP|LITELLM(?:_PROXY)?)_(?:BASE_URL|API_BASE|API_URL)"
    r"|AZURE_INFERENCE_ENDPOINT|AWS_ENDPOINT_URL_BEDROCK_RUNTIME"
)

_VERSION = re.compile(r"/v\d")

_OF_THE_CONTENT = ("host", "content-type", "content-length", "accept", "accept-encoding", "anthropic-version")
_NO_PROXY = ("NO_PROXY", "no_proxy")


class _Place(NamedTuple):
    """Scheme and host, and the path in an address as a provider's SDK wants it."""

    origin: str
    path: str


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the gateway passes requests on: those below ``/openai`` go to OpenAI's host, and so on.

    A variable that is already set decides the host of its provider, as it does for the application.
    """

    moves: ClassVar = True
    """Whether a request was made for another address than the one it is passed on to."""
    _places: Mapping[str, _Place] = field(repr=False)  # an address may hold a password
    _paths: Mapping[str, str] = field(repr=False)
    _headers: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    _unknown: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        environment: Mapping[str, str],
        headers: Mapping[str, Mapping[str, str]] | None = None,
        unknown: Collection[str] = (),
    ) -> Addresses:
        """The addresses an environment leads to.

        Args:
            environment: the variables.
            headers: by provider whose requests go to another server than they were made for, those that they carry
                in place of all that say who asks.
            unknown: the providers of which nobody knows where their requests should go.
        """
        places: dict[str, _Place] = {}
        paths: dict[str, str] = {}
        for provider in known_providers():
            address = address_of(provider)
            said = {name: _said(name, environment.get(name, "")) for name in address.variables}
            place = next(filter(None, said.values()), None)
            own = find_provider(provider).base_url if has_own_address(provider) else None
            if place is None and own is not None:
                place = _Place(_origin(own), "" if address.version else urlsplit(own).path)
            elif place is None and (found := found_in(provider, environment)) is not None:
                place = _Place(_origin(found.base_url), next(iter(address.variables.values()), ""))
            if place is not None:
                places[provider] = place
                for name, expected in address.variables.items():
                    if there := said[name]:
                        paths[name] = f"/{provider}{there.path}"
                    elif not environment.get(name):
                        paths[name] = f"/{provider}{expected}"
        return cls(places, paths, headers or {}, frozenset(unknown))

    @property
    def providers(self) -> tuple[str, ...]:
        """The providers that can be reached."""
        return tuple(self._places)

    def environment(self, root: str) -> dict[str, str]:
        """The variables that lead SDKs to the gateway.

        Args:
            root: its address, with the token and without a slash at the end.
        """
        return {name: f"{root}{path}" for name, path in self._paths.items()}

    def urls(self, root: str) -> dict[str, str]:
        """By provider, the address below which its own SDK finds it at the gateway.

        Args:
            root: as for `environment`.
        """
        return {provider: f"{root}/{provider}{place.path}" for provider, place in self._places.items()}

    def upstream(self, target: str) -> str | None:
        """Where a request goes; None when it names no provider.

        Args:
            target: what follows the token, as in ``/openai/v1/chat/completions?a=b``.
        """
        path, mark, query = target.partition("?")
        provider, slash, rest = path.removeprefix("/").partition("/")
        if provider not in self._places or not slash:
            return None
        place, below = self._places[provider], f"/{rest}"
        version = address_of(provider).version
        if version and not _VERSION.search(below):  # there are SDKs that expect it in the address
            below = f"{place.path}{version}{below.removeprefix(place.path)}"
        return f"{place.origin}{below}{mark}{query}"

    def headers(self, target: str, headers: Mapping[str, str]) -> Mapping[str, str]:
        """The headers a request goes on with: none that say who asks, where it goes to another server.

        Args:
            target: as for `upstream`.
            headers: the application's, names in lower case.
        """
        instead = self._headers.get(_provider_in(target))
        if instead is None:
            return headers
        return {**{name: headers[name] for name in _OF_THE_CONTENT if name in headers}, **instead}

    def nowhere(self, target: str) -> str:
        """Why a request must not go on; "" when it may."""
        provider = _provider_in(target)
        if provider not in self._unknown:
            return ""
        variable = next(iter(address_of(provider).variables), "")
        return (
            f"no setting says where a request to {provider} should go: the model in production has a base_url, so it "
            f"is not sent to the vendor; set {variable}, or name a model of {provider} in [tool.llmeval]"
        )


class Anywhere:
    """Passes each request on to the address that it names itself, as requests of this process do."""

    moves = False
    providers = ("http", "https")

    @staticmethod
    def address_of(root: str, url: str) -> str:
        """The address at the gateway that stands for another.

        Args:
            root: the gateway's, with the token and without a slash at the end.
            url: whole.
        """
        scheme, _, rest = url.partition("://")
        return f"{root}/{scheme}/{rest}"

    def upstream(self, target: str) -> str | None:
        """Where a request goes; None when it names no address."""
        scheme, _, rest = target.removeprefix("/").partition("/")
        return f"{scheme}://{rest}" if scheme in self.providers and rest else None

    def headers(self, _: str, headers: Mapping[str, str]) -> Mapping[str, str]:
        """The application's own."""
        return headers

    def nowhere(self, _: str) -> str:
        """Every request may go on."""
        return ""


def without_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables by which clients reach this machine without the proxy they use otherwise."""
    hosts = [host.strip() for name in _NO_PROXY for host in environment.get(name, "").split(",")]
    return dict.fromkeys(_NO_PROXY, ",".join(dict.fromkeys(filter(None, [*hosts, "127.0.0.1"]))))


def servers_named(environment: Mapping[str, str]) -> set[tuple[str, int]]:
    """Host and port of each server of models that an environment names."""
    ours = {name for provider in known_providers() for name in address_of(provider).variables}
    leading = (name for name in list(environment) if name in ours or _LEADS_ELSEWHERE.fullmatch(name))
    said = (_said(name, environment[name]) for name in leading)
    return {server for place in said if place is not None and (server := server_of(place.origin)) is not None}


def server_of(url: str) -> tuple[str, int] | None:
    """Host and port of a URL; None when it names none."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (KeyError, ValueError):
        return None
    return (parts.hostname, port) if parts.hostname else None


def _said(variable: str, address: str) -> _Place | None:
    """Where a variable leads; None when it does not say."""
    whose = {name.partition("_")[0]: each for each in own_formats() for name in each.address.variables}
    try:
        address = whose.get(variable.partition("_")[0], WireFormat).address_in(address.strip().rstrip("/"))
        parts = urlsplit(address)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query
    except ValueError:
        return None
    return _Place(_origin(address), parts.path) if fits else None


def _provider_in(target: str) -> str:
    return target.partition("?")[0].removeprefix("/").partition("/")[0]


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
