"""The age limit of stored replies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from pytest_llmeval.clock import Clock
from pytest_llmeval.config.age import age_words
from pytest_llmeval.store.entry import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Staleness:
    """When a stored reply is too old, and what happens then.

    Attributes:
        action: ``warn`` uses it and says so, ``fail`` makes the case an error, ``refresh`` asks the model again where
            the mode allows it.
        now: the moment ages are counted from, the same for a whole session.
    """

    max_age: timedelta
    action: Literal["warn", "fail", "refresh"] = "warn"
    now: datetime = field(default_factory=Clock.now)

    @property
    def since(self) -> datetime:
        """Replies from before this moment are too old."""
        return self.now - self.max_age

    def is_stale(self, entry: Entry) -> bool:
        """Whether an entry was recorded before `since`."""
        return entry.moment < self.since

    def age(self, entry: Entry) -> str:
        """An entry's age in words, as in ``45 days``."""
        return age_words(self.now - entry.moment)


def stale_note(moments: Iterable[str], staleness: Staleness) -> str | None:
    """One line about a session's replies that are too old, None when there are none.

    Args:
        moments: when each replayed reply was recorded, ISO dates and times.
        staleness: the limit.
    """
    days = [datetime.fromisoformat(moment).astimezone(UTC) for moment in moments if moment]
    old = [day for day in days if day < staleness.since]
    if not old:
        return None
    count = "1 of the replayed replies is" if len(old) == 1 else f"{len(old)} of the replayed replies are"
    return (
        f"{count} older than max_age ({age_words(staleness.max_age)}), "
        f"the oldest {age_words(staleness.now - min(old))}; record again with --llm-record --llm-mode=refresh"
    )
