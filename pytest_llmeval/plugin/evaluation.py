"""What a session evaluates: settings, the models on trial, the baseline, and the pipeline they share."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_llmeval.config import ModelSettings, Settings, load_settings
from pytest_llmeval.errors import ConfigError
from pytest_llmeval.plugin.options import MODES, Mode, given
from pytest_llmeval.providers import find_provider

if TYPE_CHECKING:
    from pytest_llmeval.engine.pipeline import Pipeline
    from pytest_llmeval.run import Run

__all__ = ["Evaluation", "evaluation_of"]


@dataclass(kw_only=True)
class Evaluation:
    """One session's evaluation; every process of it has an equal one.

    Attributes:
        models: all models that are run: those on trial first, then the baseline if it is a model.
        candidates: the names of the models on trial.
        baseline: name of the model compared with, None when there is no comparison.
        baseline_file: the saved run compared with, None when the baseline is run in this session.
        notes: what is odd but harmless, such as a cache that cannot be used; told in the summary. No warnings: under
            ``-W error`` they would fail a test that has nothing to do with it.
        samples: samples per case over the markers', None to leave those.
    """

    settings: Settings
    models: tuple[ModelSettings, ...]
    candidates: tuple[str, ...]
    baseline: str | None
    baseline_file: Path | None
    baseline_run: Run | None
    mode: Mode
    record: bool
    samples: int | None
    strict: bool
    reports: tuple[Path, ...] = ()
    notes: list[str] = field(default_factory=list)
    _pipeline: Pipeline | None = field(default=None, repr=False)

    @property
    def compares(self) -> bool:
        """Whether a gate decides instead of each failing case."""
        return self.baseline is not None

    def model(self, name: str) -> ModelSettings:
        """The model of that name among those that are run."""
        return next(model for model in self.models if model.name == name)

    def pipeline(self) -> Pipeline:
        """What turns prompts into answers; made at the first call."""
        if self._pipeline is None:
            from pytest_llmeval.engine.pipeline import Pipeline
            from pytest_llmeval.store import Recordings, Store
            from pytest_llmeval.store.cache import Cache

            store = Store(
                Cache(self.settings.cache, self.notes.append),
                Recordings(self.settings.recordings, self.notes.append, repair=self.record),
            )
            workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
            self._pipeline = Pipeline(mode=self.mode, store=store, workers=workers)
        return self._pipeline

    def secrets(self) -> dict[str, str]:
        """The API keys this session may use, by the names of their environment variables."""
        names = {
            model.api_key_env or find_provider(model.provider, model.base_url).api_key_env for model in self.models
        }
        return {name: os.environ[name] for name in names if name and os.environ.get(name)}

    def close(self) -> None:
        """Close the pipeline."""
        if self._pipeline is not None:
            self._pipeline.close()
            self._pipeline = None


_key = pytest.StashKey[Evaluation]()


def evaluation_of(config: pytest.Config) -> Evaluation:
    """The session's evaluation, made when it is first needed.

    Raises:
        ConfigError: the configuration or an option is wrong.
    """
    if _key not in config.stash:
        config.stash[_key] = _evaluation(config)
    return config.stash[_key]


def existing_evaluation(config: pytest.Config) -> Evaluation | None:
    """The session's evaluation, None while nothing has needed it."""
    return config.stash.get(_key, None)


def _evaluation(config: pytest.Config) -> Evaluation:
    settings = load_settings(config.rootpath)
    named: list[str] = given(config, "llm_model") or ([settings.model] if settings.model else [])
    candidates = [settings.find_model(name) for name in dict.fromkeys(named)]
    option: str | None = given(config, "llm_baseline")
    wanted = option or settings.baseline
    file = _run_file(config, settings, wanted, from_option=option is not None)
    baseline: ModelSettings | None = None
    run: Run | None = None
    name: str | None = None
    if file is not None:
        from pytest_llmeval.run_file import load_run

        run = load_run(file)
        name = _model_of_run(run, file, settings)
    elif wanted is not None:
        baseline = settings.find_model(wanted)
        candidates = [model for model in candidates if model.name != baseline.name]
        if not candidates:
            if option is not None and given(config, "llm_model"):
                raise ConfigError(
                    f"--llm-baseline={wanted} is the model on trial itself; name another with --llm-model=NAME "
                    f"(models: {', '.join(settings.models) or 'none configured'})"
                )
            candidates, baseline = [baseline], None
        else:
            name = baseline.name
    models = (*candidates, baseline) if baseline is not None else tuple(candidates)
    for model in models:
        find_provider(model.provider, model.base_url)
    mode = given(config, "llm_mode") or "auto"
    if mode not in MODES:
        raise ConfigError(f"--llm-mode={mode}: unknown mode (allowed: {', '.join(MODES)})")
    record = bool(given(config, "llm_record"))
    if record and mode in ("replay", "live"):
        raise ConfigError(f"--llm-record has nothing to write with --llm-mode={mode}; use auto or refresh")
    return Evaluation(
        settings=settings,
        models=tuple(models),
        candidates=tuple(model.name for model in candidates),
        baseline=name,
        baseline_file=file,
        baseline_run=run,
        mode=mode,
        record=record,
        samples=_samples(given(config, "llm_samples")),
        strict=bool(given(config, "llm_strict")),
        reports=tuple(_report(config, report) for report in given(config, "llm_report") or ()),
    )


def _run_file(config: pytest.Config, settings: Settings, wanted: str | None, *, from_option: bool) -> Path | None:
    """The saved run a baseline names: what ends in .jsonl is a file, from the command line or beside the table."""
    if wanted is None or wanted in settings.models or not wanted.endswith(".jsonl"):
        return None
    return (config.invocation_params.dir if from_option else settings.root) / wanted


def _model_of_run(run: Run, file: Path, settings: Settings) -> str:
    names = list(run.models)
    if len(names) == 1:
        return names[0]
    if settings.model in names:
        return str(settings.model)
    raise ConfigError(
        f"{file.name} holds several models ({', '.join(names) or 'none'}) and none of them is the configured one; "
        "save a run with one model: pytest --llm-model=NAME --llm-report=FILE.jsonl"
    )


def _samples(given_samples: str | None) -> int | None:
    if given_samples is None:
        return None
    try:
        samples = int(given_samples)
    except ValueError:
        samples = 0
    if samples < 1:
        raise ConfigError(f"--llm-samples={given_samples}: a whole number from 1 was expected")
    return samples


def _report(config: pytest.Config, name: str) -> Path:
    if not name.endswith(".jsonl"):
        raise ConfigError(f"--llm-report={name}: unknown kind of report (allowed: FILE.jsonl)")
    return config.invocation_params.dir / os.path.expanduser(name)  # noqa: PTH111 - a shell expands only --x ~/y
