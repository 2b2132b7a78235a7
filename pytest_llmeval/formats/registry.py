"""Wire formats by the provider's name."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from pytest_llmeval.errors import ConfigError
from pytest_llmeval.formats.base import Provider
from pytest_llmeval.text import first_line


class _Place(NamedTuple):
    """Where a server is reached; without a key variable it needs no key."""

    base_url: str | None
    api_key_env: str | None


# All speak OpenAI's chat completions but those that `_made` knows.
_PLACES = {
    "anthropic": _Place("https://api.anthropic.com/v1", "ANTHROPIC_API_KEY"),
    "azure": _Place(None, "AZURE_OPENAI_API_KEY"),  # its URL holds the name of the user's resource
    "cerebras": _Place("https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    "deepseek": _Place("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    "fireworks": _Place("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
    "gemini": _Place("https://generativelanguage.googleapis.com/v1beta", "GEMINI_API_KEY"),
    "groq": _Place("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "llamacpp": _Place("http://127.0.0.1:8080/v1", None),
    "lmstudio": _Place("http://127.0.0.1:1234/v1", None),
    "mistral": _Place("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "ollama": _Place("http://127.0.0.1:11434", None),
    "openai": _Place("https://api.openai.com/v1", "OPENAI_API_KEY"),
    "openai-responses": _Place("https://api.openai.com/v1", "OPENAI_API_KEY"),
    "openrouter": _Place("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "together": _Place("https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    "vllm": _Place("http://127.0.0.1:8000/v1", None),
    "xai": _Place("https://api.x.ai/v1", "XAI_API_KEY"),
}

_VERSION = re.compile(r"/v\d\w*(/|$)")

_OFFERS = ("name", "base_url", "api_key_env", "request", "authorization", "answer", "stream", "error")

_registered: dict[str, Provider] = {}


def known_providers() -> tuple[str, ...]:
    """The names that need no ``base_url``, and ``azure``, which does; those that were registered come last."""
    return (*_PLACES, *_registered)


def register_provider(name: str, provider: Provider) -> None:
    """Make a provider known.

    Args:
        name: for ``name/model``; registering it again replaces the provider.
        provider: a wire format, or a `CallingProvider`.

    Raises:
        ConfigError: the name is one of ours or unfit, or the provider does not offer what `Provider` says.
    """
    if name in _PLACES:
        raise ConfigError(f"the provider {name!r} is built in; register yours under another name")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise ConfigError(
            f"{first_line(name, 60)!r} is no name for a provider; it takes letters, digits, '.', '_', '-'"
        )
    missing = [offer for offer in _OFFERS if not hasattr(provider, offer)]
    if missing:
        raise ConfigError(f"the provider {name!r} ({type(provider).__name__}) lacks {', '.join(missing)}")
    _registered[name] = provider
    find_provider.cache_clear()


def has_own_address(name: str) -> bool:
    """Whether a provider is reached at an address of its own unless the configuration names another."""
    return name not in _PLACES or _PLACES[name].base_url is not None


@cache
def find_provider(name: str, base_url: str | None = None) -> Provider:
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
    place = _PLACES.get(name)
    if place is None and base_url is None:
        raise ConfigError(_unknown(name))
    place = place or _Place(None, None)
    return _made(name, base_url or place.base_url, place.api_key_env)


def _made(name: str, base_url: str | None, api_key_env: str | None) -> Provider:
    match name:
        case "anthropic":
            from pytest_llmeval.formats.anthropic import AnthropicMessages

            return AnthropicMessages(name, _versioned(base_url, "/v1"), api_key_env)
        case "azure":
            from pytest_llmeval.formats.azure import AzureChat

            return AzureChat(name, base_url, api_key_env)
        case "gemini":
            from pytest_llmeval.formats.gemini import GeminiContent

            return GeminiContent(name, _versioned(base_url, "/v1beta"), api_key_env)
        case "ollama" if not (base_url or "").endswith("/v1"):  # which is where it speaks OpenAI's chat completions
            from pytest_llmeval.formats.ollama import OllamaChat

            return OllamaChat(name, base_url, api_key_env)
        case "openai-responses":
            from pytest_llmeval.formats.openai_responses import OpenAIResponses

            return OpenAIResponses(name, base_url, api_key_env)
        case _:
            from pytest_llmeval.formats.openai_chat import OpenAIChat

            return OpenAIChat(name, base_url, api_key_env)


def _versioned(base_url: str | None, version: str) -> str | None:
    """The URL with the API's version, which the base URL of the provider's own SDK lacks."""
    from urllib.parse import urlsplit, urlunsplit

    parts = urlsplit(base_url or "")
    if base_url is None or _VERSION.search(parts.path):
        return base_url
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + version))


def _function(name: str, base_url: str | None) -> Provider:
    from pytest_llmeval.formats.python_function import PythonFunction

    if not all(part.isidentifier() for part in name.removeprefix("python:").split(".")) or "." not in name:
        raise ConfigError(
            f"{first_line(name, 100)!r} names no function; it should look like python:package.module.function"
        )
    if base_url is not None:
        raise ConfigError(f"{name} is called, not sent to: it takes no base_url")
    return PythonFunction(name)


def _moved(provider: Provider, base_url: str | None) -> Provider:
    if base_url is None:
        return provider
    from copy import copy

    moved = copy(provider)
    moved.base_url = base_url
    return moved


def _unknown(name: str) -> str:
    from difflib import get_close_matches

    shown = first_line(name, 60)
    nearest = get_close_matches(name, known_providers(), n=1)
    guess = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return (
        f"there is no provider {shown!r}.{guess} Known are {', '.join(known_providers())};"
        " any other server that speaks OpenAI's chat completions needs a base_url"
    )
