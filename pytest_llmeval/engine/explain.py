"""The one line a user reads when there is no answer: what was asked, what came, what helps."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from pytest_llmeval.engine.response import Endpoint
from pytest_llmeval.engine.retry import AttemptFailed
from pytest_llmeval.errors import ProviderError
from pytest_llmeval.providers.base import ModelRequest
from pytest_llmeval.report.text import first_line
from pytest_llmeval.store.redaction import SHORTEST_SECRET
from pytest_llmeval.wording import in_table

__all__ = ["explained"]

_ADVICE = {
    "billing": "no call will succeed until the account is paid or its limit is raised",
    "rate_limit": "lower --llm-concurrency, or ask for a higher limit",
    "not_found": "check the model's name and base_url",
    "timeout": "is the server overloaded?",
    "overloaded": "try again later",
}


def explained(failure: AttemptFailed, request: ModelRequest, endpoint: Endpoint, attempts: int) -> ProviderError:
    """The error for the user.

    Args:
        failure: the last attempt's.
        request: what was asked.
        endpoint: of whom.
        attempts: how many there were.
    """
    error = failure.error
    words = str(error)
    if len(endpoint.api_key or "") >= SHORTEST_SECRET:  # "local" stands in many words
        words = words.replace(str(endpoint.api_key), "[hidden]")
    model = f"{first_line(request.provider, 40)}/{first_line(request.model, 80)}"
    place = first_line(urlsplit(endpoint.base_url).netloc.rpartition("@")[2], 80)
    place = f" at {place}" if place else ""
    tried = f", {attempts} attempts" if attempts > 1 else ""
    told = f"{words} ({model}{place}{tried})"  # what happened first: a summary of 80 columns cuts the end
    if error.kind == "authentication":  # and before it what helps: what providers say of keys is long
        told = f"{_about_the_key(request.provider, endpoint)}; {told}"
    elif advice := failure.advice or _ADVICE.get(error.kind):
        told = f"{told}; {advice}"
    return ProviderError(
        told,
        kind=error.kind,
        status=error.status,
        retry_after=error.retry_after,
    )


def _about_the_key(provider: str, endpoint: Endpoint) -> str:
    variable = endpoint.api_key_env or endpoint.provider.api_key_env
    if endpoint.api_key is not None:
        return f"check the key in {variable}" if variable else "check the key"
    wanted = variable or f"{re.sub(r'[^A-Za-z0-9]+', '_', provider).upper()}_API_KEY"
    if endpoint.entry is None:
        return f"no key was sent: set {variable}" if variable else "no key was sent: set api_key_env"
    return (
        "a key goes to your base_url only if api_key_env names it: "
        f'add api_key_env = "{first_line(wanted, 60)}" to {in_table("models", endpoint.entry)}'
    )
