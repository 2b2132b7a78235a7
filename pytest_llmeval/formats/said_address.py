"""Where the environment leads a provider's own SDK, which then also counts for models without a ``base_url``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from pytest_llmeval.errors import ConfigError
from pytest_llmeval.formats.base import WireFormat
from pytest_llmeval.formats.registry import address_of, find_provider, found_in, has_own_address

_BY_THE_SDK_OF = {
    "openai-responses": "openai",
    "ollama-generate": "ollama",
    "bedrock-messages": "bedrock",
    "vertex-messages": "vertex",
}


class SaidAddress(NamedTuple):
    """An address of the environment.

    Attributes:
        variable: the environment variable that says it.
        provider: as it is reached there.
    """

    variable: str
    provider: WireFormat


def said_address(name: str, environment: Mapping[str, str]) -> SaidAddress | None:
    """Where the environment leads the SDK of a provider, None when it leads nowhere else.

    Args:
        name: the provider's, as in ``openai``.

    Raises:
        ConfigError: it is an address that must not be used; the message names the variable.
    """
    sdk = _BY_THE_SDK_OF.get(name, name)
    if not has_own_address(sdk):
        found = found_in(sdk, environment)
        return None if found is None else _as_said(found.variable, name, found.base_url)
    address = address_of(sdk)
    for variable, expected in address.variables.items():
        value = environment.get(variable, "").strip().rstrip("/")
        if not value or not variable.endswith(("_BASE_URL", "_HOST")):  # others are litellm's
            continue
        said = find_provider(sdk).address_in(value)
        above = "" if address.version else urlsplit(address.base_url or "").path.removeprefix(expected)
        if not urlsplit(said).path.endswith(above):
            said += above  # what the SDK adds
        return _as_said(variable, name, said)
    return None


def _as_said(variable: str, name: str, base_url: str) -> SaidAddress:
    try:
        return SaidAddress(variable, find_provider(name, base_url))
    except ConfigError as error:
        raise ConfigError(f"{variable}: {str(error).removeprefix('base_url ')}") from None
