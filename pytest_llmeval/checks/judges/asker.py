"""Who asks a judge: checks know no pytest, no network and no settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol

from pytest_llmeval.errors import ReplyError
from pytest_llmeval.reply import Answer
from pytest_llmeval.score import Labels

Messages = tuple[Mapping[str, Any], ...]
Usable = Callable[[Answer], bool]


class JudgeModel(NamedTuple):
    """A model that judges.

    Attributes:
        name: as ``provider/model``.
        params: sampling parameters that are sent to it; with others it is another judge.
    """

    name: str
    params: Mapping[str, Any]


class Asker(Protocol):
    """Asks judges. The plugin sets one for each sample, and ``llmeval judge-agreement`` has its own."""

    def model(self, judge: str) -> JudgeModel:
        """The model behind the name that a test gives.

        Raises:
            ConfigError: there is none.
        """

    def ask(
        self, judge: str, prompts: Sequence[Messages], schema: Mapping[str, Any], votes: int, usable: Usable
    ) -> Sequence[Sequence[Answer | ReplyError]]:
        """What a judge says to each prompt, as often as there are votes; an error for each that it does not say.

        Args:
            judge: as for `model`.
            prompts: chat messages, the system's first; all are sent before the first answer is waited for.
            schema: of the answers.
            votes: from 1.
            usable: whether an answer holds a verdict; one that holds none is not recorded, and asked for again.
        """

    def labels(self, model: str, prompt: str) -> Labels | None:
        """The labels by which a judge was found to agree with people, so that it may gate.

        Args:
            model: as ``provider/model``.
            prompt: digest of what it is asked.

        Raises:
            ConfigError: a file of the project's calibrations is wrong.
        """

    def uncalibrated(self, model: str, rubric: str, prompts: Callable[[], Mapping[str, str]]) -> None:
        """Tell of a calibration of the judge by the same rubric that is for something else than it was asked.

        Args:
            model: as ``provider/model``.
            rubric: its name.
            prompts: makes what it might have been asked: by digest, how that differs.
        """

    def failed(self, error: ReplyError) -> None:
        """Take note that there is no verdict, whatever the test makes of the error that is raised next."""


asker: ContextVar[Asker | None] = ContextVar("llmeval_asker", default=None)
"""Asks for the current sample."""
