"""Wire formats by the provider's name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

from pytest_llmeval.errors import ConfigError, ProviderError
from pytest_llmeval.formats.base import (
    Address,
    Found,
    ModelRequest,
    Prompt,
    Provider,
    StreamReader,
    WireFormat,
    is_called,
)
from pytest_llmeval.reply import Answer
from pytest_llmeval.text import first_line

# Each by the name of its usual provider; the class has all else. Of two with one `wire_format` the first is the usual.
_FORMATS = {
    "openai": "openai_chat.OpenAIChat",
    "openai-responses": "openai_responses.OpenAIResponses",
    "anthropic": "anthropic.AnthropicMessages",
    "gemini": "gemini.GeminiContent",
    "ollama": "ollama.OllamaChat",
    "ollama-generate": "ollama_generate.OllamaGenerate",
    "azure": "clouds.azure.AzureChat",
    "bedrock": "clouds.bedrock.BedrockConverse",
    "bedrock-messages": "clouds.bedrock_messages.BedrockMessages",
    "vertex": "clouds.vertex.VertexContent",
    "vertex-messages": "clouds.vertex_messages.VertexMessages",
}

# Of other providers that speak OpenAI's chat completions.
_ADDRESSES = {
    "cerebras": Address("https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    "deepseek": Address("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY", {"DEEPSEEK_API_BASE": "/v1"}),
    "fireworks": Address("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
    "groq": Address(
        "https://api.groq.com/openai/v1", "GROQ_API_KEY", {"GROQ_BASE_URL": "", "GROQ_API_BASE": "/openai/v1"}
    ),
    "llamacpp": Address("http://127.0.0.1:8080/v1", None),
    "lmstudio": Address("http://127.0.0.1:1234/v1", None),
    "mistral": Address("https://api.mistral.ai/v1", "MISTRAL_API_KEY", {"MISTRAL_API_BASE": "/v1"}),
    "openrouter": Address("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", {"OPENROUTER_API_BASE": "/api/v1"}),
    "together": Address("https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    "vllm": Address("http://127.0.0.1:8000/v1", None),
    "xai": Address("https://api.x.ai/v1", "XAI_API_KEY", {"XAI_API_BASE": "/v1"}),
}

_BUILT_IN = (*sorted((*_FORMATS, *_ADDRESSES)),)

_OFFERS = ("name", "base_url", "api_key_env", "request", "authorization", "answer", "stream", "error")

_registered: dict[str, Provider] = {}


def known_providers() -> tuple[str, ...]:
    """The names of the providers that are built in; those that were registered come last."""
    return (*_BUILT_IN, *_registered)


def register_provider(name: str, provider: Provider) -> None:
    """Make a provider known.

    Args:
        name: for ``name/model``; registering it again replaces the provider.
        provider: a `WireFormat`, another object that offers what `Provider` says, or a `CallingProvider`.

    Raises:
        ConfigError: the name is one of ours or unfit, or the provider does not offer what `Provider` says.
    """
    if name in _BUILT_IN:
        raise ConfigError(f"the provider {name!r} is built in; register yours under another name")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise ConfigError(
            f"{first_line(name, 60)!r} is not a name for a provider; it takes letters, digits, '.', '_', '-'"
        )
    missing = [offer for offer in _OFFERS if not hasattr(provider, offer)]
    if missing:
        raise ConfigError(f"the provider {name!r} ({type(provider).__name__}) lacks {', '.join(missing)}")
    _registered[name] = provider
    find_provider.cache_clear()


@cache
def own_formats() -> tuple[type[WireFormat], ...]:
    """The classes of the formats that this package speaks, the usual ones first."""
    return tuple(_class_of(name) for name in _FORMATS)


def wire_formats() -> dict[str, WireFormat]:
    """The formats in which captured requests are recognised, by the name of a provider that speaks each."""
    registered = ((name, find_provider(name)) for name in _registered)
    return {**_usual(), **{name: format_ for name, format_ in registered if format_.wire_format is not None}}


@cache
def _usual() -> dict[str, WireFormat]:
    usual: dict[str | None, str] = {}
    for name, format_ in zip(_FORMATS, own_formats(), strict=True):
        usual.setdefault(format_.wire_format, name)
    return {name: find_provider(name) for name in usual.values()}


@cache
def _class_of(name: str) -> type[WireFormat]:
    module, _, kind = _FORMATS.get(name, _FORMATS["openai"]).rpartition(".")
    found: type[WireFormat] = vars(import_module(f"pytest_llmeval.formats.{module}"))[kind]
    return found


def address_of(name: str) -> Address:
    """Where a provider is reached by its name alone; nowhere, when it is not built in."""
    if name in _FORMATS:
        return _class_of(name).address
    return _ADDRESSES.get(name, Address(None, None))


def found_in(name: str, environment: Mapping[str, str]) -> Found | None:
    """Where an environment leads the SDKs of a provider that has no address of its own."""
    return _class_of(name).found_in(environment) if name in _FORMATS else None


def has_own_address(name: str) -> bool:
    """Whether a provider is reached at an address of its own unless the configuration names another."""
    return name not in _BUILT_IN or address_of(name).base_url is not None


def key_variables(name: str) -> tuple[str, ...]:
    """This environment variable, and the others that may hold the same key instead."""
    addresses = (address_of(provider) for provider in _BUILT_IN)
    return (name, *next((each.other_keys for each in addresses if each.api_key_env == name), ()))


@cache
def every_key_variable() -> tuple[str, ...]:
    """The environment variables in which SDKs look for the keys of the built-in providers."""
    names = [address_of(provider).api_key_env for provider in _BUILT_IN]
    return tuple(dict.fromkeys(one for name in names if name for one in key_variables(name)))


@cache
def find_provider(name: str, base_url: str | None = None) -> WireFormat:
    """The wire format of a provider.

    Args:
        name: as in ``provider/model``, or ``python:package.module.function``; one we do not know, with a ``base_url``,
            speaks OpenAI's chat completions.
        base_url: where it is reached, None for its own address.

    Raises:
        ConfigError: no such provider and no ``base_url``, or one that must not be used.
    """
    if name.startswith("python:"):
        return _function(name, base_url)
    if base_url is not None:
        from pytest_llmeval.config.base_url import check_base_url

        base_url = check_base_url(base_url)
    if name in _registered:
        return _moved(_registered[name], base_url)
    if name not in _BUILT_IN and base_url is None:
        raise ConfigError(_unknown(name))
    address = address_of(name)
    return _class_of(name).at(name, base_url or address.base_url, address.api_key_env)


def _function(name: str, base_url: str | None) -> WireFormat:
    from pytest_llmeval.formats.python_function import PythonFunction

    if not all(part.isidentifier() for part in name.removeprefix("python:").split(".")) or "." not in name:
        raise ConfigError(
            f"{first_line(name, 100)!r} does not name a function; it should look like python:package.module.function"
        )
    if base_url is not None:
        raise ConfigError(f"{name} is called, not sent to: it takes no base_url")
    return PythonFunction(name)


def _moved(provider: Provider, base_url: str | None) -> WireFormat:
    if base_url is not None:
        from copy import copy

        provider = copy(provider)
        provider.base_url = base_url
    return provider if isinstance(provider, WireFormat) else _Offered(provider)


class _Offered(WireFormat):
    """A registered object that is not a `WireFormat`: its models are asked, but no application is captured."""

    def __init__(self, provider: Provider) -> None:
        super().__init__(provider.name, provider.base_url, provider.api_key_env)
        self._provider = provider
        if is_called(provider):
            self.call = provider.call

    def request(self, model: str, prompt: Prompt) -> ModelRequest:
        return self._provider.request(model, prompt)

    def authorization(self, api_key: str) -> Mapping[str, str]:
        return self._provider.authorization(api_key)

    def answer(self, body: Mapping[str, Any]) -> Answer:
        return self._provider.answer(body)

    def stream(self) -> StreamReader:
        return self._provider.stream()

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        return self._provider.error(status, headers, body)


def _unknown(name: str) -> str:
    from difflib import get_close_matches

    shown = first_line(name, 60)
    nearest = get_close_matches(name, known_providers(), n=1)
    guess = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return (
        f"there is no provider {shown!r}.{guess} Known are {', '.join(known_providers())};"
        " any other server that speaks OpenAI's chat completions needs a base_url"
    )
