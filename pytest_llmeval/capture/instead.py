"""Where the gateway passes on what was meant for an address that it cannot know.

An application that sets its address itself, and is given the gateway's for a test, does not say where its calls went
before. What it asks may be internal: it goes to the server of the model in production, and never to a vendor for want
of an address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pytest_llmeval.capture.route import Models, usual_provider
from pytest_llmeval.config.base_url import is_loopback
from pytest_llmeval.engine.requests import NO_KEY, api_key_of
from pytest_llmeval.errors import ProviderError
from pytest_llmeval.formats.registry import address_of, find_provider, has_own_address, known_providers


@dataclass(frozen=True, slots=True)
class Instead:
    """A server that stands for the one an application meant.

    Attributes:
        variables: what the environment would say to lead the provider's SDK there; empty when nothing may be asked.
        headers: those that carry the key which the configuration names for it, in place of all of the application's.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def instead_of(environment: Mapping[str, str], models: Models) -> dict[str, Instead]:
    """By provider, the server that is asked instead of what the environment names, or of the vendor.

    Args:
        environment: the addresses and the keys.
        models: of the configuration.
    """
    private = [model for model in models.production if model.base_url]
    found: dict[str, Instead] = {}
    for model in private:
        own = find_provider(model.provider, model.base_url)
        try:
            key = api_key_of(model, own, environment)
        except ProviderError:
            key = NO_KEY  # told when it is asked
        carried = own.authorization(key) if key is not None else {}
        headers = {name.lower(): value for name, value in carried.items()}
        for provider in {model.provider, usual_provider(model)} - {None}:
            if provider in known_providers() and provider not in found:
                found[provider] = Instead(_leading_to(str(model.base_url), str(provider)), headers)
    if private:
        at_vendors = {model.provider for model in models.configured if not model.base_url}
        for provider in known_providers():
            named = any(environment.get(name) for name in address_of(provider).variables)
            if not named and provider not in at_vendors and _is_a_vendors(provider):
                found.setdefault(provider, Instead())
    return {name: instead for name, instead in found.items() if not _leads_there(environment, instead)}


def _leading_to(base_url: str, provider: str) -> dict[str, str]:
    address, base = address_of(provider), base_url.rstrip("/")
    usual = urlsplit(find_provider(provider).base_url or "").path if has_own_address(provider) else ""
    root = base.removesuffix(usual) if usual and base.endswith(usual) else None
    return {name: base if root is None else root + expected for name, expected in address.variables.items()}


def _is_a_vendors(provider: str) -> bool:
    url = find_provider(provider).base_url if has_own_address(provider) else None
    return url is not None and not is_loopback(urlsplit(url).hostname or "")


def _leads_there(environment: Mapping[str, str], instead: Instead) -> bool:
    """Whether the environment names that server itself: then the application's own key goes there, as it always did."""
    named = [(environment[name], url) for name, url in instead.variables.items() if environment.get(name)]
    return bool(named) and all(urlsplit(said)[:2] == urlsplit(url)[:2] for said, url in named)
