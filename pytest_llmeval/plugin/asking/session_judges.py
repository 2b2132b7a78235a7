"""The judges of a session: the models that checks may ask for verdicts, and which of them may gate."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import pytest

from pytest_llmeval.checks.judges.calibration import Calibration, calibrations_in
from pytest_llmeval.config.settings import ModelSettings, Settings
from pytest_llmeval.errors import ConfigError
from pytest_llmeval.score import Labels
from pytest_llmeval.text import shown


class Judges:
    """Those of a session.

    Args:
        settings: name the models, and the folder with calibrations.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

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

    @cached_property
    def _calibrations(self) -> Mapping[tuple[str, str], Calibration]:
        return calibrations_in(self._settings.root)


_judges_key = pytest.StashKey[Judges]()


def judges_of(config: pytest.Config, settings: Settings) -> Judges:
    """The judges of a session."""
    if _judges_key not in config.stash:
        config.stash[_judges_key] = Judges(settings)
    return config.stash[_judges_key]
