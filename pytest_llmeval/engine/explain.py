"""The one line a user reads when there is no answer: what was asked, what came, what helps."""

from __future__ import annotations

from urllib.parse import urlsplit

from pytest_llmeval.engine.response import Endpoint
from pytest_llmeval.engine.retry import AttemptFailed
from pytest_llmeval.errors import ProviderError
from pytest_llmeval.providers.base import ModelRequest
from pytest_llmeval.report.text import first_line

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
    if endpoint.api_key:
        words = words.replace(endpoint.api_key, "[hidden]")
    tried = f" ({attempts} attempts)" if attempts > 1 else ""
    advice = failure.advice or _advice(error, endpoint)
    model = f"{first_line(request.provider, 40)}/{first_line(request.model, 80)}"
    place = first_line(urlsplit(endpoint.base_url).netloc.rpartition("@")[2], 80)
    return ProviderError(
        f"{model}{f' at {place}' if place else ''}: {words}{tried}{f'; {advice}' if advice else ''}",
        kind=error.kind,
        status=error.status,
        retry_after=error.retry_after,
    )


def _advice(error: ProviderError, endpoint: Endpoint) -> str | None:
    if error.kind != "authentication":
        return _ADVICE.get(error.kind)
    variable = endpoint.api_key_env or endpoint.provider.api_key_env
    if endpoint.api_key is None:
        return f"no key was sent: set {variable}" if variable else "no key was sent: set api_key_env"
    return f"check the key in {variable}" if variable else "check the key"
