"""How old a saved run is, and how old its answers are: a run may hold answers that were given long before."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from pytest_llmeval.clock import Clock
from pytest_llmeval.runs.results import CaseResult
from pytest_llmeval.text import first_line, plural

_ALIKE = timedelta(days=1)


def when_words(created: str, commit: str | None, results: Iterable[CaseResult] = ()) -> str:
    """When a run was saved, at which commit, and how old its answers are where that differs by more than a day.

    Args:
        created: ISO date and time.
        commit: None when unknown.
        results: of the run.

    Returns:
        As in ``saved 3 days ago, at commit 3f2c1ab; its oldest answers are 40 days old, its newest 3 days``; "" when
        the date is none.
    """
    saved = moment_of(created)
    if saved is None:
        return ""
    now = Clock.now()
    days = _days(now - saved)
    said = f"saved {plural(days, 'day')} ago" if days else "saved today"
    if commit:
        said += f", at commit {first_line(commit[:7], 7)}"
    return f"{said}{_answers(now, saved, results)}"


def _answers(now: datetime, saved: datetime, results: Iterable[CaseResult]) -> str:
    recorded = {call.recorded_at for result in results for call in result.calls}
    moments = [moment for text in recorded if isinstance(text, str) and (moment := moment_of(text)) is not None]
    if not moments:
        return ""
    oldest, newest = min(moments), max(moments)
    age, youth = (plural(_days(now - moment), "day") for moment in (oldest, newest))
    if newest - oldest > _ALIKE:
        return f"; its oldest answers are {age} old" + (f", its newest {youth}" if saved - newest > _ALIKE else "")
    return f"; its answers are {age} old" if saved - oldest > _ALIKE else ""


def moment_of(text: str) -> datetime | None:
    """The moment of an ISO date and time, UTC where it names no zone; None of any other text."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _days(age: timedelta) -> int:
    return max(0, age.days)
