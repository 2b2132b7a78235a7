"""The tool calls of an agent, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from pytest_llmeval.errors import LlmevalError
from pytest_llmeval.reply import ToolCall, call_words
from pytest_llmeval.text import quoted, shown

_MOST_LINES = 30
_WIDTH = 110  # characters of a line
__tracebackhide__ = True


class CallsTools(Protocol):
    """A `Reply`, or a call of ``llm_capture.calls``."""

    @property
    def tool_calls(self) -> Sequence[ToolCall]:
        """The functions that the model wants called."""
        ...


Calls: TypeAlias = CallsTools | Sequence[CallsTools] | Sequence[ToolCall]
"""What checks of tools take: a reply, a list of replies, ``llm_capture.calls``, or tool calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """What the model was asked, in order.

    Attributes:
        steps: the tool calls of each call of the model, and the text that came with them.
        whole: whether the steps are known; they are not when only tool calls were given.
    """

    steps: tuple[tuple[tuple[ToolCall, ...], str], ...]
    whole: bool

    def calls(self) -> list[tuple[int, ToolCall]]:
        """All tool calls with the number of their step, from 1."""
        return [(number, call) for number, (calls, _) in enumerate(self.steps, start=1) for call in calls]

    def named(self, number: int) -> str:
        """The step in words, "" when there is only one."""
        return f" (step {number})" if len(self.steps) > 1 else ""

    def lines(self) -> list[str]:
        """The tool calls of every step, a line each."""
        lines = []
        for number, (calls, text) in enumerate(self.steps, start=1):
            head = f"step {number}: " if self.whole else ""
            texts = [call_words(call, _WIDTH) for call in calls] or [quoted(text, 80) if text else "no tool, no text"]
            lines += [head + texts[0], *(" " * len(head) + one for one in texts[1:])]
        if len(lines) > _MOST_LINES:
            half = _MOST_LINES // 2
            lines = [*lines[:half], f"... {len(lines) - 2 * half} more lines", *lines[-half:]]
        return lines


def trajectory_of(name: str, given: object, *, by_provider: bool = True) -> Trajectory:
    """What a check of tools was given, as steps.

    Args:
        name: of the check, as in ``tool_called``.
        given: anything; `Calls` says what is right.
        by_provider: whether the tools count that the provider ran by itself.

    Raises:
        LlmevalError: it is something else.
    """
    several: list[object] = list(given) if isinstance(given, (list, tuple)) else [given]
    alone = tuple(one for one in several if isinstance(one, ToolCall))
    if alone and len(alone) == len(several):
        return Trajectory(steps=((alone, ""),), whole=False)
    steps = []
    for one in several:
        calls = _calls(one, by_provider=by_provider)
        if calls is None:
            what = "a text without tool calls" if isinstance(one, str) else shown(one)
            raise LlmevalError(
                f"assert_{name} takes what llm(...) returned, a list of such replies, or llm_capture.calls, not {what}"
            )
        steps.append((calls, _text(one)))
    return Trajectory(steps=tuple(steps), whole=True)


def _calls(one: object, *, by_provider: bool) -> tuple[ToolCall, ...] | None:
    calls = getattr(one, "tool_calls", None)
    if not isinstance(calls, (list, tuple)):
        return None
    ran = getattr(one, "provider_tool_calls", ()) if by_provider else ()
    every = (*ran, *calls)  # as in `Answer.every_tool_call`
    return every if all(isinstance(call, ToolCall) for call in every) else None


def _text(one: object) -> str:
    if isinstance(one, str):
        return str.__str__(one)
    reply = getattr(one, "reply", "")  # of a captured call
    return str.__str__(reply) if isinstance(reply, str) else ""
