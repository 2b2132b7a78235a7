"""How long a provider asks us to wait, in the four places where providers say so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from typing import Any

__all__ = ["retry_hint"]

_IN_WORDS = re.compile(
    r"(?:try again|retry) (?:in|after) (?:(\d{1,6})m)?(\d{1,9}(?:\.\d{1,9})?) ?(ms|s)", re.IGNORECASE
)
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")


def retry_hint(headers: Mapping[str, str], message: str = "", details: Any = None) -> float | None:
    """Seconds the server asks us to wait; None when it does not, or says something that is no time.

    Args:
        headers: of the response, their names in lower case.
        message: the text of the error, for "try again in 5.289s".
        details: ``error.details`` as Google sends it, for ``retryDelay``.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    after = headers.get("retry-after")
    seconds = _number(after)
    if seconds is None and after is not None:
        seconds = _until(after, headers.get("date"))
    if seconds is None:
        seconds = _delay_in(details)
    if seconds is None and (match := _IN_WORDS.search(message)):
        minutes, value, unit = match.groups()
        seconds = 60 * int(minutes or 0) + float(value) / (1000 if unit.lower() == "ms" else 1)
    return seconds


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None


def _until(text: str, date: str | None) -> float | None:
    from datetime import datetime
    from email.utils import parsedate_to_datetime

    def moment(value: str) -> datetime:
        parsed = parsedate_to_datetime(value)
        return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)

    try:
        # The server's own clock, when it tells it: ours may be wrong.
        now = moment(date) if date else datetime.now(UTC)
        seconds = (moment(text) - now).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return seconds if seconds >= 0 else None


def _delay_in(details: Any) -> float | None:
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        if isinstance(delay, str) and (match := _DURATION.fullmatch(delay)):
            return float(match[1])
    return None
