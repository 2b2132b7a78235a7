"""Whether a failed attempt is repeated, after how long, and the one line a user reads when it is not."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from pytest_llmeval.credentials import hide_value
from pytest_llmeval.engine.aws_signature import is_signed
from pytest_llmeval.engine.call import Endpoint, Timeouts
from pytest_llmeval.errors import ProviderError, ProviderErrorKind
from pytest_llmeval.formats.base import ModelRequest
from pytest_llmeval.text import first_line, in_table

_ADVICE = {
    "billing": "no call will succeed until the account is paid or its limit is raised",
    "rate_limit": "lower --llm-concurrency, or ask for a higher limit",
    "not_found": "check the model's name and base_url",
    "timeout": "is the server overloaded?",
    "overloaded": "try again later",
}


def explained(failure: AttemptFailed, request: ModelRequest, endpoint: Endpoint, attempts: int) -> ProviderError:
    """The error for the user, made of the last of so many attempts."""
    error = failure.error
    words = hide_value(str(error), endpoint.api_key or "")
    model = f"{first_line(request.provider, 40)}/{first_line(request.model, 80)}"
    place = first_line(urlsplit(endpoint.base_url).netloc.rpartition("@")[2], 80)
    place = f" at {place}" if place else ""
    tried = f", {attempts} attempts" if attempts > 1 else ""
    told = f"{words} ({model}{place}{tried})"  # what happened first: a summary of 80 columns cuts the end
    unsigned = endpoint.signs and error.status is None  # which says by itself what helps
    if error.kind == "authentication" and not unsigned:  # before it what helps: what providers say of keys is long
        told = f"{_about_the_key(request.provider, endpoint)}; {told}"
    elif advice := failure.advice or _ADVICE.get(error.kind) or _about_a_parameter(error, request, endpoint):
        told = f"{told}; {advice}"
    return ProviderError(
        told, kind=error.kind, status=error.status, retry_after=error.retry_after, response=error.response
    )


def more_time(endpoint: Endpoint, timeouts: Timeouts) -> str:
    """How a model gets more time than these limits."""
    seconds = 300 if timeouts.answer == math.inf else 2 * timeouts.answer
    return f"a slower model gets more time by timeout = {seconds:g} in {_its_table(endpoint)}"


def _its_table(endpoint: Endpoint) -> str:
    return in_table("models", endpoint.entry) if endpoint.entry is not None else "its table of [tool.llmeval.models]"


def _about_a_parameter(error: ProviderError, request: ModelRequest, endpoint: Endpoint) -> str | None:
    """How a parameter is left out that the provider quotes where it refuses a request."""
    if error.kind != "bad_request":
        return None
    parameters = [name for name in request.body if name not in ("model", "messages", "input", "contents", "stream")]
    quoted = next((name for name in parameters if re.search(rf"['\"`]{re.escape(name)}['\"`]", str(error))), None)
    return quoted and f'drop_params = ["{first_line(quoted, 40)}"] in {_its_table(endpoint)} leaves it out'


def _about_the_key(provider: str, endpoint: Endpoint) -> str:
    variable = endpoint.api_key_env or endpoint.provider.api_key_env
    if endpoint.signs:
        return f"it is signed with the AWS credentials that boto3 finds, since {variable} is not set"
    if is_signed(endpoint.headers or {}):
        return "check the AWS credentials that the application signs with"
    if endpoint.api_key is not None:
        return f"check the key in {variable}" if variable else "check the key"
    wanted = variable or f"{re.sub(r'[^A-Za-z0-9]+', '_', provider).upper()}_API_KEY"
    if endpoint.entry is None:
        return f"no key was sent: set {variable}" if variable else "no key was sent: set api_key_env"
    return (
        "a key goes to your base_url only if api_key_env names it: "
        f'add api_key_env = "{first_line(wanted, 60)}" to {in_table("models", endpoint.entry)}'
    )


longest_wait = 120.0
"""Seconds; a server that asks for more gets this."""

retried_kinds: frozenset[ProviderErrorKind] = frozenset({"rate_limit", "overloaded", "timeout", "connection"})
"""What may pass. Never billing: each attempt would fail, and some would be billed."""

_FIRST_WAIT = 0.5
_LARGEST_BACKOFF = 30.0
_JITTER = 0.1


class AttemptFailed(Exception):
    """One attempt failed.

    Args:
        error: what happened, told without naming the request.
        again: whether another attempt may help; None to go by the error's kind.
        advice: what the user can do about it, None for the usual advice for that kind.
    """

    def __init__(self, error: ProviderError, *, again: bool | None = None, advice: str | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.again = error.kind in retried_kinds if again is None else again
        self.advice = advice


def wait_before(attempt: int, hint: float | None, random: Callable[[], float]) -> float:
    """Seconds to wait before an attempt.

    The server's hint is a minimum: up to 10 % are added so that clients that were turned away together do not come
    back together. Without a hint it is "full jitter": uniform between 0 and an exponentially growing bound
    (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).

    Args:
        attempt: the attempt to come; the first repetition is 2.
        hint: what the server asked for in seconds; None, zero and less than zero are no hint.
        random: gives numbers from 0 to 1.
    """
    if hint is not None and hint > 0:
        return min(longest_wait, hint * (1 + _JITTER * random()))
    return random() * min(_LARGEST_BACKOFF, _FIRST_WAIT * 2.0 ** min(attempt - 2, 10))
