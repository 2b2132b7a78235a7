"""How old a stored reply may be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from pytest_llmeval.config.age import age_words
from pytest_llmeval.store.entry import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Staleness:
    """When a stored reply is too old, and what happens then.

    Attributes:
        max_age: a reply is too old when it was recorded longer ago than this.
        action: ``warn`` uses it and tells so, ``fail`` makes an error of the case, ``refresh`` asks the model again
            where the model may be asked.
        now: the moment ages are counted from, the same for a whole session.
    """

    max_age: timedelta
    action: Literal["warn", "fail", "refresh"] = "warn"
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def since(self) -> datetime:
        """Replies from before this moment are too old."""
        return self.now - self.max_age

    def is_stale(self, entry: Entry) -> bool:
        """Whether an entry is too old."""
        return entry.moment < self.since

    def age(self, entry: Entry) -> str:
        """An entry's age in words, as in ``45 days``."""
        return age_words(self.now - entry.moment)


def stale_note(moments: Iterable[str], staleness: Staleness) -> str | None:
    """One line about the replies of a session that are too old, None when none is.

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
        f"the oldest {age_words(staleness.now - min(old))}; record anew with --llm-record --llm-mode=refresh"
    )
