"""The judges of a session: the models that checks may ask for verdicts, and which of them may gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property

import pytest

from pytest_llmeval.checks.judges.calibration import Calibration, calibrations_in, named_calibrations
from pytest_llmeval.config.settings import ModelSettings
from pytest_llmeval.errors import ConfigError
from pytest_llmeval.plugin.evaluation import Evaluation
from pytest_llmeval.score import Labels
from pytest_llmeval.text import first_line, shown


class Judges:
    """Those of a session.

    Args:
        evaluation: its settings name the models, and the folder with calibrations.
    """

    def __init__(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation
        self._settings = evaluation.settings

    def find(self, judge: object) -> ModelSettings:
        """The model behind a name.

        Raises:
            ConfigError: there is none.
        """
        if not isinstance(judge, str):
            raise ConfigError(
                f"judge={shown(judge)}: it is the name of a model of [tool.llmeval.models], or provider/model"
            )
        return self._settings.find_model(judge)

    def labels(self, model: str, prompt: str) -> Labels | None:
        """The labels of a judge's calibration, where it lets it gate.

        Args:
            model: as ``provider/model``.
            prompt: digest of what it is asked.

        Raises:
            ConfigError: a file of the project's calibrations is wrong.
        """
        found = self._calibrations.get((model, prompt))
        return found.labels if found is not None and not found.lacks() else None

    def uncalibrated(self, model: str, rubric: str, prompts: Callable[[], Mapping[str, str]]) -> None:
        """Note which calibration of a judge does not count for what it was asked, and why.

        Args:
            model: as ``provider/model``.
            rubric: its name.
            prompts: makes what it might have been asked: by digest, how that differs.
        """
        for name, each in self._named.items():
            if (each.judge, each.rubric) != (model, rubric):
                continue
            differs = prompts().get(each.prompt, "with another wording, or other parameters of the judge")
            note = f"{name} is for the same rubric {differs}; llmeval judge-agreement makes one for this"
            if differs and note not in self._evaluation.notes:
                self._evaluation.notes.append(note)

    @cached_property
    def _named(self) -> Mapping[str, Calibration]:
        """Those of this checkout by their files."""
        return named_calibrations(self._settings.root)

    @cached_property
    def _calibrations(self) -> Mapping[tuple[str, str], Calibration]:
        """Those of this checkout, with those of the branch it goes to: no change frees itself of a judge."""
        ours, base = calibrations_in(self._settings.root), self._evaluation.base
        if base is None:
            return ours
        from pytest_llmeval.plugin.base_branch import calibrations_of

        theirs = {key: each for key, each in calibrations_of(self._settings, base).items() if not each.lacks()}
        freed = [each for key, each in theirs.items() if key not in ours or ours[key].lacks()]
        if freed:
            named = ", ".join(sorted(f"{each.rubric} by {each.judge}" for each in freed))
            self._evaluation.notes.append(
                f"this change takes away the calibration of {first_line(named, 200)}; that of {base.ref} counts"
            )
        return {**ours, **theirs}


_judges_key = pytest.StashKey[Judges]()


def judges_of(config: pytest.Config, evaluation: Evaluation) -> Judges:
    """The judges of a session."""
    if _judges_key not in config.stash:
        config.stash[_judges_key] = Judges(evaluation)
    return config.stash[_judges_key]
