"""What the fixture ``llm_capture`` gives a test: the calls that were captured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_llmeval.plugin.running.replies import Question
from pytest_llmeval.plugin.running.trial import Trial
from pytest_llmeval.reply import Reply, ToolCall, Usage
from pytest_llmeval.runs.results import Call


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedCall:
    """One call of the application under test.

    Attributes:
        request: the JSON body, as it was sent to the model.
        reply: a ``str`` with ``.json()``, ``.finish_reason``, ``.refusal``, ``.cached`` and more, as ``llm()`` returns.
    """

    request: Mapping[str, Any]
    reply: Reply

    @property
    def model(self) -> str:
        """Name of the model that was asked: the alias, or ``provider/model``."""
        return self.reply.model

    @property
    def usage(self) -> Usage:
        """Tokens in and out."""
        return self.reply.usage

    @property
    def latency(self) -> float:
        """Seconds to the end of the answer; of a replayed one, those recorded."""
        return self.reply.latency

    @property
    def ttft(self) -> float | None:
        """Seconds to the first token, None unless the answer was streamed."""
        return self.reply.ttft

    @property
    def cost(self) -> float | None:
        """USD, None when no price is known."""
        return self.reply.cost

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The functions the model wants called."""
        return self.reply.tool_calls

    @property
    def provider_tool_calls(self) -> tuple[ToolCall, ...]:
        """The tools that the provider ran by itself."""
        return self.reply.provider_tool_calls


class LlmCapture:
    """What the application under test asks of models.

    Attributes:
        model: the provider's name of the model on trial, as its SDK wants it.
    """

    def __init__(self, trial: Trial) -> None:
        self.model = trial.model.model
        self._trial = trial
        self._captured: dict[int, CapturedCall] = {}  # by identity of the trial's own record

    def __repr__(self) -> str:
        return f"<llm_capture: {self._trial.model.name}, {len(self._trial.sample.calls)} calls>"

    @property
    def calls(self) -> list[CapturedCall]:
        """The calls so far, in the order they were made; of several samples, those of the one that runs."""
        self._trial.sample.looked = True
        return [self._captured[id(call)] for call in self._trial.sample.calls if id(call) in self._captured]

    def add(self, body: Mapping[str, Any], model: str, call: Call, asked: Question | int) -> None:
        """One more has its answer.

        Args:
            body: of the request, as it was sent.
            model: name of the model that was asked.
            call: the call.
            asked: as for `Trial.add`.
        """
        self._captured[id(call)] = CapturedCall(request=body, reply=Reply(call.answer, call.measures, model))
        self._trial.add(call, asked)
