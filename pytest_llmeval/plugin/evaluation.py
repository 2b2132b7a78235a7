"""What a session evaluates: settings, the models on trial, the baseline, and the pipeline they share."""

from __future__ import annotations

import os
from collections import ChainMap
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmeval.config.settings import ModelSettings, Settings
from pytest_llmeval.engine.pipeline import Pipeline
from pytest_llmeval.engine.requests import NO_KEY
from pytest_llmeval.errors import ConfigError
from pytest_llmeval.formats.registry import every_key_variable, find_provider
from pytest_llmeval.plugin.baseline import Baseline, NoBaseline, SavedBaseline
from pytest_llmeval.plugin.hookspecs import normalizer
from pytest_llmeval.plugin.options import Mode
from pytest_llmeval.runs.billed import Billed
from pytest_llmeval.runs.shards import Shard
from pytest_llmeval.store.recordings import Recordings
from pytest_llmeval.store.staleness import Staleness
from pytest_llmeval.store.store import Store

if TYPE_CHECKING:
    from pytest_llmeval.plugin.base_branch import Base
    from pytest_llmeval.review.decisions import Decisions
    from pytest_llmeval.store.cache import Cache


@dataclass(kw_only=True, eq=False, repr=False)
class Evaluation:
    """One session's evaluation; every process of it has an equal one.

    Attributes:
        models: all models that are run: those on trial first, then the baseline if it is a model.
        candidates: the names of the models on trial.
        baseline: what the session is compared with, or becomes.
        anchor: a run that a session with a baseline is compared with too, without a verdict; None without one.
        unmeasurable: what makes a comparison worthless, a sentence each.
        staleness: how old a stored reply may be, None for any age.
        hook: where to call the hooks of `hookspecs`, which a folder's ``conftest.py`` may add late.
        notes: what is odd but harmless, such as a cache that cannot be used; shown in the summary. No warnings: under
            ``-W error`` they would fail a test that has nothing to do with it.
        samples: samples per case over the markers', None to leave those.
        most_samples: samples per case once a category is undecided, None when their number is fixed.
        wordings: what cases are asked in besides their own words, over the markers'; None to leave those.
        budget: USD, None for no limit.
        reports: files the run is saved in as it goes.
        summaries: files the summary is written into at the end.
        environment: of now, and where a test has emptied it, as it was at the start.
        addresses: the environment as it was at the start, whose variables may lead the SDKs of providers elsewhere.
        shard: the part of the cases that is run, None for all.
        decisions: of people on answers; None without any.
        decided_here: what this change decides of answers, "" for nothing.
        base: the branch this change is merged into, None when it is unknown.
        shadows: whether shadow tests are compared with what production answered; set when one is collected.
    """

    settings: Settings
    models: tuple[ModelSettings, ...]
    candidates: tuple[str, ...]
    baseline: Baseline
    unmeasurable: tuple[str, ...]
    mode: Mode
    record: bool
    samples: int | None
    most_samples: int | None
    wordings: tuple[str, ...] | None
    strict: bool
    concurrency: int
    budget: float | None
    show: tuple[str, ...]
    reports: tuple[Path, ...]
    summaries: tuple[Path, ...] = ()
    notes: list[str]
    staleness: Staleness | None
    hook: Any
    environment: Mapping[str, str] = field(default_factory=lambda: ChainMap(os.environ, dict(os.environ)))
    addresses: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    shard: Shard | None = None
    anchor: SavedBaseline | None = None
    decisions: Decisions | None = None
    decided_here: str = ""
    base: Base | None = None
    shadows: bool = False
    _pipeline: Pipeline | None = None

    @property
    def root(self) -> Path:
        """The folder test files are relative to."""
        return self.settings.root

    @property
    def compares(self) -> bool:
        """Whether a gate decides instead of each failing case; what becomes the baseline may have misses."""
        return not isinstance(self.baseline, NoBaseline)

    def model(self, name: str) -> ModelSettings:
        """The model of that name among those that are run."""
        models = {model.name: model for model in self.models}
        if name not in models:
            raise ConfigError(f"{name} is not among the models of this session: {', '.join(models)}")
        return models[name]

    def pipeline(self) -> Pipeline:
        """What turns prompts into answers; made at the first call."""
        if self._pipeline is None:
            store = Store(
                self._made_cache,
                Recordings(self.settings.recordings, self.notes.append, repair=self.record, root=self.root),
            )
            self._pipeline = Pipeline(
                mode=self.mode,
                store=store,
                concurrency=self.concurrency,
                workers=int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")),
                budget=self.budget,
                ignore=self.settings.ignore,
                normalize=normalizer(self.hook),
                staleness=self.staleness,
                environment=self.environment,
                addresses=self.addresses,
                tell=self.notes.append,
                salts=_salts((*self.settings.models.values(), *self.models)),
            )
        return self._pipeline

    def _made_cache(self) -> Cache:
        from pytest_llmeval.store.cache import Cache

        return Cache(self.settings.cache, self.notes.append)

    def prepare(self, modules: Collection[str]) -> None:
        """Read and make what tests of these modules need, before one replaces clocks, sockets, files or modules."""
        pipeline = self.pipeline()
        recordings = pipeline.store.recordings
        if recordings is not None and self.mode in ("auto", "replay"):
            recordings.prepare(modules)
        if self.mode != "replay":
            recorded = self.mode == "auto" and recordings is not None and all(map(recordings.has, modules))
            pipeline.prepare(self.models, new_cache=self.mode != "live" and not recorded)

    @property
    def in_flight(self) -> int:
        """Calls of this process that are on the wire now."""
        return self._pipeline.in_flight if self._pipeline is not None else 0

    @property
    def billed(self) -> Billed:
        """The calls of this process that were answered."""
        return self._pipeline.billed if self._pipeline is not None else Billed()

    @property
    def longest_wait(self) -> float:
        """Seconds since the first of these calls was sent."""
        return self._pipeline.longest_wait if self._pipeline is not None else 0.0

    def secrets(self) -> dict[str, str]:
        """The API keys that models and applications of this session may use, by their environment variables."""
        own = {model.api_key_env or find_provider(model.provider, model.base_url).api_key_env for model in self.models}
        own |= {model.api_key_env for model in self.settings.models.values()}  # judges among them
        names = [name for name in (*sorted(filter(None, own)), *every_key_variable()) if self.environment.get(name)]
        return {name: self.environment[name] for name in names if self.environment[name] != NO_KEY}

    def stop(self) -> None:
        """Send nothing more."""
        if self._pipeline is not None:
            self._pipeline.stop()

    def close(self) -> None:
        """Close the pipeline."""
        if self._pipeline is not None:
            self._pipeline.close()
            self._pipeline = None


CONCURRENCY = 32  # calls in flight, unless --llm-concurrency says otherwise

evaluation_key = pytest.StashKey[Evaluation]()


def existing_evaluation(config: pytest.Config) -> Evaluation | None:
    """The session's evaluation, None while nothing has needed it."""
    return config.stash.get(evaluation_key, None)


def header_of(model: ModelSettings) -> dict[str, object]:
    """What a run's header says a model's name stands for."""
    return {"provider": model.provider, "model": model.model, "params": dict(model.params)}


def _salts(models: Iterable[ModelSettings]) -> dict[str, str]:
    """A salt for each model whose name is served at several addresses."""
    places: dict[tuple[str, str], set[str | None]] = {}
    models = list(models)
    for model in models:
        places.setdefault((model.provider, model.model), set()).add(model.base_url)
    return {model.name: model.name for model in models if len(places[model.provider, model.model]) > 1}
