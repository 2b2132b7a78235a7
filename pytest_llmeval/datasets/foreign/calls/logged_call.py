"""`LoggedCall`: one call of a model, as a log tells of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from pytest_llmeval.datasets.foreign.calls.logged_messages import asked_messages, text_in, tool_calls_in
from pytest_llmeval.reply import ToolCall


class LoggedCall(NamedTuple):
    """One call of a model in a log.

    Attributes:
        id: as the log has it, None where it has none.
        asked: the prompt or the messages in the log's own form; None where the entry holds no request.
        answered: what production answered, in the log's own form.
        model: the name of the model that answered, None where the log does not tell.
        tags: labels of the log, in its own form.
        failed: whether the call failed, so that nothing was answered.
        tools: definitions of the tools that the model was given.
        parameters: further parameters of the request, such as ``temperature``.
        latency: of the whole answer, in seconds; None where the log does not tell.
        input_tokens: None where the log does not tell.
        output_tokens: None where the log does not tell.
        cost: in USD; None where the log does not tell.
    """

    id: Any
    asked: Any
    answered: Any
    model: Any
    tags: Any = None
    failed: bool = False
    tools: tuple[Any, ...] = ()
    parameters: Mapping[str, Any] = MappingProxyType({})
    latency: float | None = None
    input_tokens: float | None = None
    output_tokens: float | None = None
    cost: float | None = None

    @property
    def messages(self) -> Any:
        """What was asked: a text, messages in OpenAI's form, or what else the application passed on."""
        return asked_messages(self.asked)

    @property
    def text(self) -> str | None:
        """The text that production answered, None when it answered none."""
        return text_in(self.answered)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tools that production's answer wants called."""
        return tool_calls_in(self.answered)


def number(value: Any) -> float | None:
    """A number of a log, which may be written as text; None when it is none or below 0."""
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float, str))
        or (isinstance(value, str) and len(value) > 40)
    ):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(found) or found < 0:
        return None
    return int(found) if found.is_integer() else found


def seconds(start: Any, end: Any) -> float | None:
    """The time between two times, in seconds; each is seconds since 1970, or a text as in ISO 8601."""
    times = [moment(start), moment(end)]
    if None in times:
        return None
    took = times[1] - times[0]  # type: ignore[operator]
    return round(took, 6) if took >= 0 else None


def moment(value: Any) -> float | None:
    """A time of a log in seconds since 1970: ISO 8601 (UTC where it names no zone), seconds, or nanoseconds."""
    if isinstance(value, str) and not value.strip().isdecimal():
        try:
            told = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
        return (told if told.tzinfo is not None else told.replace(tzinfo=UTC)).timestamp()
    found = number(value)
    if found is None:
        return None
    for unit in (1e9, 1e6, 1e3):  # of 1990 and later
        if found > 6e8 * unit:
            return found / unit
    return found
