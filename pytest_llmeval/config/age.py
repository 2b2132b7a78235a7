"""Ages of stored replies as people write them: ``12h``, ``30d``, ``4w``."""

from __future__ import annotations

import re
from datetime import timedelta

from pytest_llmeval.text import plural

AGE = r"^[1-9][0-9]{0,4}[hdw](?![\s\S])"
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def parsed_age(text: str) -> timedelta:
    """The time in a text like ``12h``, ``30d`` or ``4w``.

    Raises:
        ValueError: it is something else.
    """
    if not re.search(AGE, text):
        raise ValueError("expected a whole number of hours, days or weeks, as in 12h, 30d or 4w")
    return int(text[:-1]) * _UNITS[text[-1]]


def age_words(age: timedelta) -> str:
    """A time in days, or in hours when it is shorter than two days."""
    hours = int(age.total_seconds() // 3600)
    return plural(hours // 24, "day") if hours >= 48 else plural(hours, "hour")
