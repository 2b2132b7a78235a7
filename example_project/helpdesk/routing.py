"""Which queue a sorted ticket goes to and by when it is answered: rules of the company, no model."""

from __future__ import annotations

from dataclasses import dataclass

from helpdesk.triage import Triage

__all__ = ["Route", "route"]

_HOURS = {"high": 2, "normal": 24, "low": 72}
_SPOKEN = {"en", "nl", "de", "fr"}


@dataclass(frozen=True, slots=True)
class Route:
    """Where a ticket waits.

    Attributes:
        queue: the queue's name.
        hours: it is answered within so many hours.
        phone: whether the customer is called rather than written to.
    """

    queue: str
    hours: int
    phone: bool = False


def route(triage: Triage) -> Route:
    """The queue of a sorted ticket.

    Safety always comes first and is phoned. A language no agent speaks goes to the translation queue, which costs
    another day.
    """
    if triage.team == "safety":
        return Route(queue="safety-officer", hours=1, phone=True)
    hours = _HOURS[triage.urgency]
    if triage.language not in _SPOKEN:
        return Route(queue=f"{triage.team}-translation", hours=hours + 24)
    return Route(queue=triage.team, hours=hours)
