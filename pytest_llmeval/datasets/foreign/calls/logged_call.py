"""`LoggedCall`: one call of a model, as a log tells of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
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
    times = [_time(start), _time(end)]
    if None in times:
        return None
    took = times[1] - times[0]  # type: ignore[operator]
    return round(took, 6) if took >= 0 else None


def _time(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            when = datetime.fromisoformat(value)
            return (when.replace(tzinfo=None) - datetime(1970, 1, 1)).total_seconds()  # noqa: DTZ001 - of two of one zone
        except ValueError:
            return number(value)
    return number(value)
