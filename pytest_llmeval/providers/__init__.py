"""Wire formats by the provider's name."""

from __future__ import annotations

from typing import NamedTuple

from pytest_llmeval.errors import ConfigError
from pytest_llmeval.providers.base import Provider
from pytest_llmeval.report.text import first_line

__all__ = ["find_provider", "known_providers"]


class _Place(NamedTuple):
    """Where a server that speaks OpenAI's chat completions is reached; without a key variable it needs no key."""

    base_url: str | None
    api_key_env: str | None


_PLACES = {
    "azure": _Place(None, "AZURE_OPENAI_API_KEY"),  # its URL holds the name of the user's resource
    "cerebras": _Place("https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    "deepseek": _Place("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    "fireworks": _Place("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
    "groq": _Place("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "llamacpp": _Place("http://127.0.0.1:8080/v1", None),
    "lmstudio": _Place("http://127.0.0.1:1234/v1", None),
    "mistral": _Place("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "ollama": _Place("http://127.0.0.1:11434/v1", None),
    "openai": _Place("https://api.openai.com/v1", "OPENAI_API_KEY"),
    "openrouter": _Place("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "together": _Place("https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    "vllm": _Place("http://127.0.0.1:8000/v1", None),
    "xai": _Place("https://api.x.ai/v1", "XAI_API_KEY"),
}


def known_providers() -> tuple[str, ...]:
    """The names that need no ``base_url``, and ``azure``, which does."""
    return tuple(_PLACES)


def find_provider(name: str, base_url: str | None = None) -> Provider:
    """The wire format of a provider.

    Args:
        name: as in ``provider/model``; one we do not know, with a ``base_url``, speaks OpenAI's chat completions.
        base_url: where it is reached, None for its own address.

    Raises:
        ConfigError: no such provider and no ``base_url``, or one that must not be used.
    """
    from pytest_llmeval.providers.base_url import check_base_url
    from pytest_llmeval.providers.openai import OpenAIChat

    place = _PLACES.get(name)
    if base_url is not None:
        base_url = check_base_url(base_url)
        return OpenAIChat(name, base_url, place.api_key_env if place else None)
    if place is None:
        raise ConfigError(_unknown(name))
    if place.base_url is None:
        raise ConfigError(
            f"the provider {name!r} needs a base_url, as in https://my-resource.openai.azure.com/openai/v1"
        )
    return OpenAIChat(name, place.base_url, place.api_key_env)


def _unknown(name: str) -> str:
    from difflib import get_close_matches

    shown = first_line(name, 60)
    nearest = get_close_matches(name, _PLACES, n=1)
    guess = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return (
        f"there is no provider {shown!r}.{guess} Known are {', '.join(_PLACES)};"
        " any other server that speaks OpenAI's chat completions needs a base_url"
    )
