"""The key a model is asked with."""

from __future__ import annotations

import os

from pytest_llmeval.config import ModelSettings
from pytest_llmeval.errors import ProviderError
from pytest_llmeval.providers import has_own_address
from pytest_llmeval.providers.base import Provider

__all__ = ["NO_KEY", "api_key_of", "no_key"]

NO_KEY = "no-key-in-this-environment"
"""Stands in an environment variable where there is no key, since SDKs make no client without one; never sent."""


def api_key_of(model: ModelSettings, provider: Provider) -> str | None:
    """The key for a model, None when it needs none.

    Raises:
        ProviderError: the environment does not have it.
    """
    variable = model.api_key_env or provider.api_key_env
    elsewhere = model.base_url is not None and has_own_address(model.provider)
    if variable is None or (elsewhere and model.api_key_env is None):
        # A server of the user's own gets a key only when the configuration names one for it.
        return None
    key = os.environ.get(variable, "").strip()
    if not key or key == NO_KEY:
        raise no_key(model, variable)
    return key


def no_key(model: ModelSettings, variable: str) -> ProviderError:
    """The error for a model whose key is missing.

    Args:
        model: who would be asked.
        variable: the environment variable that should hold it.
    """
    return ProviderError(
        f"no API key for {model.full_name}: set the environment variable {variable}, "
        "or replay recorded replies with --llm-mode=replay",
        kind="authentication",
    )
