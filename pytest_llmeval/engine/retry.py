"""Whether a failed attempt is repeated, and how long to wait before that."""

from __future__ import annotations

from collections.abc import Callable

from pytest_llmeval.errors import ProviderError, ProviderErrorKind

__all__ = ["AttemptFailed", "longest_wait", "retried_kinds", "wait_before"]

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
