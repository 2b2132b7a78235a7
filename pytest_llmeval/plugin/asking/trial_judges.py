"""Ask judges in the middle of a trial: their calls go the way of its own, and count apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pytest_llmeval.checks.judges.asker import JudgeModel, Messages, Usable
from pytest_llmeval.engine.fulfilled import Draw, Fulfilled
from pytest_llmeval.errors import ReplyError
from pytest_llmeval.formats.base import Prompt
from pytest_llmeval.plugin.asking.session_judges import Judges
from pytest_llmeval.plugin.running.trial import Trial, call_of
from pytest_llmeval.reply import Answer
from pytest_llmeval.score import Labels


class TrialJudges:
    """The `Asker` of a sample.

    A vote is looked up by what is asked and its number: the same answer gets the same votes in each sample.
    """

    def __init__(self, trial: Trial, judges: Judges) -> None:
        self._trial = trial
        self._judges = judges

    def model(self, judge: str) -> JudgeModel:
        """The model behind a name."""
        found = self._judges.find(judge)
        return JudgeModel(f"{found.provider}/{found.model}", found.params)

    def ask(
        self, judge: str, prompts: Sequence[Messages], schema: Mapping[str, Any], votes: int, usable: Usable
    ) -> Sequence[Sequence[Answer | ReplyError]]:
        """What a judge says; the test may be left until it has said it."""
        __tracebackhide__ = True
        trial, model = self._trial, self._judges.find(judge)
        params = {name: value for name, value in model.params.items() if name != "stream"}
        asked = [
            (trial.pipeline.lookups.of_prompt(model, Prompt(messages=messages, schema=schema, params=params)), vote)
            for messages in prompts
            for vote in range(votes)
        ]
        key, module = str(trial.key), trial.module
        said = trial.ask_judges([(lookup, Draw(key, module, sample=vote)) for lookup, vote in asked], usable)
        trial.sample.judging += [
            call_of(each, model.provider, model.model, lookup.words_digest)._replace(judge=True)
            for (lookup, _), each in zip(asked, said, strict=True)
            if isinstance(each, Fulfilled)
        ]
        answers = [each.answer if isinstance(each, Fulfilled) else each for each in said]
        return [answers[start : start + votes] for start in range(0, len(answers), votes)]

    def labels(self, model: str, prompt: str) -> Labels | None:
        """The labels of the judge's calibration, where it lets it gate."""
        return self._judges.labels(model, prompt)

    def uncalibrated(self, model: str, rubric: str, prompts: Callable[[], Mapping[str, str]]) -> None:
        """Tell of a calibration that is for something else."""
        self._judges.uncalibrated(model, rubric, prompts)

    def failed(self, error: ReplyError) -> None:
        """Make an error of the sample."""
        self._trial.sample.failures.append(error)
