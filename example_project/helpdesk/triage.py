"""What a model says about a ticket, and how it is read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from helpdesk.prompts import triage_prompt
from helpdesk.teams import TEAMS, URGENCIES

__all__ = ["TRIAGE_SCHEMA", "Triage", "TriageError", "parse_triage", "triage"]

TRIAGE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "team": {"enum": list(TEAMS)},
        "urgency": {"enum": list(URGENCIES)},
        "language": {"type": "string", "pattern": "^[a-z]{2}$"},
        "order": {"type": ["string", "null"]},
        "reason": {"type": "string", "maxLength": 200},
    },
    "required": ["team", "urgency", "language", "order", "reason"],
    "additionalProperties": False,
}

_FENCE = re.compile(r"\A```\w*\n(.*)\n```\Z", re.DOTALL)


class TriageError(ValueError):
    """The model's answer is not a triage."""


@dataclass(frozen=True, slots=True)
class Triage:
    """Where a ticket goes.

    Attributes:
        team: one of `helpdesk.teams.TEAMS`.
        urgency: one of `helpdesk.teams.URGENCIES`.
        language: two-letter code of the language the customer writes in.
        order: the order number as in ``LK-48213``, None when the ticket has none.
        reason: one sentence for the agent.
    """

    team: str
    urgency: str
    language: str
    order: str | None
    reason: str = ""


def parse_triage(answer: str) -> Triage:
    """Read a model's answer, with or without a Markdown fence around the JSON.

    Raises:
        TriageError: it is no JSON object, or a value is missing or not allowed.
    """
    text = answer.strip()
    if fenced := _FENCE.match(text):
        text = fenced.group(1)
    try:
        data = json.loads(text)
    except ValueError as error:
        raise TriageError(f"the answer is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise TriageError("the answer is not a JSON object")
    try:
        result = Triage(**{name: data[name] for name in TRIAGE_SCHEMA["required"]})
    except KeyError as error:
        raise TriageError(f"the answer has no {error}") from None
    if result.team not in TEAMS or result.urgency not in URGENCIES:
        raise TriageError(f"no such team or urgency: {result.team!r}, {result.urgency!r}")
    return result


def triage(ask: Callable[[str], str], ticket: str) -> Triage:
    """Have a model sort a ticket.

    Args:
        ask: sends a prompt to a model and gives its answer.
        ticket: the customer's words.

    Raises:
        TriageError: the model's answer is not a triage.
    """
    return parse_triage(ask(triage_prompt(ticket)))
