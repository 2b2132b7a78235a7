"""What a session evaluates: settings, the models on trial, the baseline, and the pipeline they share."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmeval.config import ModelSettings, Settings
from pytest_llmeval.errors import ConfigError
from pytest_llmeval.plugin.base import Base, as_base_says, find_base, named_base
from pytest_llmeval.plugin.hooks import normalizer
from pytest_llmeval.plugin.new_baseline import Update, same_model, update_wanted
from pytest_llmeval.plugin.options import MODES, Mode, given
from pytest_llmeval.plugin.saved_baseline import SavedBaseline, model_in
from pytest_llmeval.plugin.table import settings_of
from pytest_llmeval.providers import find_provider, register

if TYPE_CHECKING:
    from pytest_llmeval.engine.pipeline import Pipeline
    from pytest_llmeval.run import Run
    from pytest_llmeval.stats.dependence import Dispersion
    from pytest_llmeval.store.cache import Cache
    from pytest_llmeval.store.staleness import Staleness

__all__ = ["Evaluation", "evaluation_of"]


@dataclass(kw_only=True, eq=False, repr=False)
class Evaluation:
    """One session's evaluation; every process of it has an equal one.

    Attributes:
        models: all models that are run: those on trial first, then the baseline if it is a model.
        candidates: the names of the models on trial.
        baseline: name of the model compared with, None when there is no comparison.
        baseline_file: the file of the saved run, None when the baseline is run in this session.
        saved: the saved run compared with, None as well when it is to be saved for the first time.
        base: the branch that the gate's settings and the baseline were read from, None for this checkout.
        unmeasurable: what keeps the comparison from being one, a sentence each.
        dispersion: how far this run and another of the same model lie apart, None when there is no other.
        alone: the model on trial when it is the baseline itself, so that there is nothing to compare it with.
        update: whether this session is to become the saved run.
        root: the folder test files are relative to.
        staleness: how old a stored reply may be, None for any age.
        hook: where to call the hooks of `pytest_llmeval.plugin.hooks`, which a folder's ``conftest.py`` may add late.
        notes: what is odd but harmless, such as a cache that cannot be used; told in the summary. No warnings: under
            ``-W error`` they would fail a test that has nothing to do with it.
        samples: samples per case over the markers', None to leave those.
        wordings: what cases are asked in beside their own words, over the markers'; None to leave those.
        most_samples: samples per case once a category is undecided, None when their number is fixed.
    """

    settings: Settings
    models: tuple[ModelSettings, ...]
    candidates: tuple[str, ...]
    baseline: str | None
    baseline_file: Path | None
    saved: SavedBaseline | None
    mode: Mode
    record: bool
    samples: int | None
    wordings: tuple[str, ...] | None
    strict: bool
    base: Base | None = None
    unmeasurable: tuple[str, ...] = ()
    dispersion: Dispersion | None = None
    alone: str | None = None
    update: Update | None = None
    most_samples: int | None = None
    concurrency: int = 32
    budget: float | None = None
    show: str | None = None
    reports: tuple[Path, ...] = ()
    notes: list[str] = field(default_factory=list)
    root: Path = field(default_factory=Path.cwd)
    staleness: Staleness | None = None
    hook: Any = None
    _pipeline: Pipeline | None = None

    @property
    def compares(self) -> bool:
        """Whether a gate decides instead of each failing case; what becomes the baseline may have misses."""
        return self.baseline is not None or self.update is not None

    def model(self, name: str) -> ModelSettings:
        """The model of that name among those that are run."""
        for model in self.models:
            if model.name == name:
                return model
        raise ConfigError(f"{name} is not among the models of this session: {', '.join(m.name for m in self.models)}")

    def is_another(self, run: Run, name: str) -> bool:
        """Whether a candidate of this session's run is another model than the saved baseline's, though named alike."""
        from pytest_llmeval.comparable import was_another

        saved = self.saved
        return saved is not None and was_another(saved.run, run, saved.name, name)

    def pipeline(self) -> Pipeline:
        """What turns prompts into answers; made at the first call."""
        if self._pipeline is None:
            from pytest_llmeval.engine.pipeline import Pipeline
            from pytest_llmeval.store import Recordings, Store

            store = Store(
                self._made_cache,
                Recordings(self.settings.recordings, self.notes.append, repair=self.record, root=self.root),
            )
            workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
            self._pipeline = Pipeline(
                mode=self.mode,
                store=store,
                concurrency=self.concurrency,
                workers=workers,
                budget=self.budget,
                ignore=self.settings.ignore,
                normalize=normalizer(self.hook),
                staleness=self.staleness,
                salts=_salts((*self.settings.models.values(), *self.models)),
            )
        return self._pipeline

    def _made_cache(self) -> Cache:
        from pytest_llmeval.store.cache import Cache

        return Cache(self.settings.cache, self.notes.append)

    @property
    def in_flight(self) -> int:
        """Calls of this process that are on the wire now."""
        return self._pipeline.in_flight if self._pipeline is not None else 0

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


CONCURRENCY = 32  # calls in flight, unless --llm-concurrency says otherwise

_key = pytest.StashKey[Evaluation]()


def evaluation_of(config: pytest.Config) -> Evaluation:
    """The session's evaluation, made when it is first needed.

    Raises:
        ConfigError: the configuration or an option is wrong.
    """
    if _key not in config.stash:
        config.stash[_key] = _evaluation(config)
    return config.stash[_key]


def _salts(models: Iterable[ModelSettings]) -> dict[str, str]:
    """What tells apart the models of one name that are served at several addresses."""
    places: dict[tuple[str, str], set[str | None]] = {}
    models = list(models)
    for model in models:
        places.setdefault((model.provider, model.model), set()).add(model.base_url)
    return {model.name: model.name for model in models if len(places[model.provider, model.model]) > 1}


def existing_evaluation(config: pytest.Config) -> Evaluation | None:
    """The session's evaluation, None while nothing has needed it."""
    return config.stash.get(_key, None)


def _evaluation(config: pytest.Config) -> Evaluation:
    settings = settings_of(config)
    base, settings, notes, unmeasurable = _as_base_says(config, settings)
    named: list[str] = given(config, "llm_model") or ([settings.model] if settings.model else [])
    candidates = [settings.find_model(name) for name in dict.fromkeys(named)]
    option: str | None = given(config, "llm_baseline")
    wanted = option if option is not None else settings.baseline
    if wanted in ("none", ""):
        wanted = None
    file = _run_file(config, settings, wanted, from_option=option is not None)
    update = update_wanted(given(config, "llm_update_baseline") or (), settings, wanted, file, candidates)
    reports = tuple(_report(config, report, file) for report in given(config, "llm_report") or ())
    baseline: ModelSettings | None = None
    saved: SavedBaseline | None = None
    again: Dispersion | None = None
    name: str | None = None
    alone: str | None = None
    if file is not None:
        saved = _saved(file, settings, base, notes)
        if saved is None and update is None and not config.option.collectonly:
            named_so = f" --llm-baseline={wanted}" if option is not None else ""
            raise ConfigError(
                f"there is no baseline run {file}; save one with "
                f"pytest --llm-model={settings.model or 'NAME'}{named_so} --llm-update-baseline"
            )
        if update is not None:
            alone = candidates[0].name  # it becomes the baseline: what gets worse is told, and not gated
        if saved is not None:
            name = saved.name if update is None else None
            if update == "merge":
                same_model(saved.run, candidates[0], file)
            if settings.baseline_again is not None and option is None:
                from pytest_llmeval.baseline_again import disagreement

                second, _ = _run_at(settings.baseline_again, base)
                again = disagreement(saved.run, second, saved.name) if second is not None else None
    elif wanted is not None:
        baseline = settings.find_model(wanted)
        candidates = [model for model in candidates if model.name != baseline.name]
        if not candidates:
            if option is not None and given(config, "llm_model"):
                raise ConfigError(
                    f"--llm-baseline={wanted} is the model on trial itself; name another with --llm-model=NAME "
                    f"(models: {', '.join(settings.models) or 'none configured'})"
                )
            alone = baseline.name
            candidates, baseline = [baseline], None
        else:
            name = baseline.name
    models = (*candidates, baseline) if baseline is not None else tuple(candidates)
    for found in config.hook.pytest_llmeval_providers():
        for provider, format_ in found.items():
            register(provider, format_)
    for model in models:
        find_provider(model.provider, model.base_url)
    mode = given(config, "llm_mode") or "auto"
    if mode not in MODES:
        raise ConfigError(f"--llm-mode={mode}: unknown mode (allowed: {', '.join(MODES)})")
    record = bool(given(config, "llm_record"))
    if record and mode in ("replay", "live"):
        raise ConfigError(f"--llm-record has nothing to write with --llm-mode={mode}; use auto or refresh")
    samples, most_samples, told = _samples(given(config, "llm_samples"), compares=name is not None)
    return Evaluation(
        settings=settings,
        models=tuple(models),
        candidates=tuple(model.name for model in candidates),
        baseline=name,
        baseline_file=file,
        saved=saved,
        base=base,
        unmeasurable=unmeasurable if name is not None else (),
        mode=mode,
        record=record,
        samples=samples,
        most_samples=most_samples,
        notes=[*(notes if name is not None else ()), *told],
        wordings=_wordings(given(config, "llm_wordings")),
        strict=bool(given(config, "llm_strict")),
        dispersion=again,
        alone=alone,
        update=update,
        concurrency=_whole_number(given(config, "llm_concurrency"), "--llm-concurrency") or CONCURRENCY,
        budget=_budget(given(config, "llm_budget"), models),
        show=given(config, "llm_show"),
        root=settings.root,
        staleness=_staleness(settings),
        hook=config.hook,
        reports=reports,
    )


def _as_base_says(
    config: pytest.Config, settings: Settings
) -> tuple[Base | None, Settings, list[str], tuple[str, ...]]:
    """The settings that count, what else is told of them, and what makes the gate worth nothing."""
    name = named_base(config)
    if name is None or given(config, "llm_update_baseline"):
        return None, settings, [], ()
    base = find_base(name, settings.root)
    if base is None:
        told = (
            f"git has neither origin/{name} nor {name}, so this change is judged by its own baseline and gate settings"
        )
        if os.environ.get("GITHUB_ACTIONS"):
            return None, settings, [], (f"{told}; let the job fetch it: git fetch --depth=1 origin {name}:{name}",)
        return None, settings, [told], ()
    settings, notes = as_base_says(settings, base)
    return base, settings, notes, ()


def _saved(file: Path, settings: Settings, base: Base | None, notes: list[str]) -> SavedBaseline | None:
    """The saved run to compare with, None when there is none yet."""
    run, ref = _run_at(file, base)
    if run is None:
        return None
    if base is not None and ref is None:
        notes.append(f"{base.ref} has no {file.name} yet: this change is compared with the one it brings")
    where = f"{file.name} of {ref}" if ref is not None else file.name
    return SavedBaseline(run, _model_of_run(run, file, settings), file, where)


def _run_at(file: Path, base: Base | None) -> tuple[Run | None, str | None]:
    """A saved run, and the branch it was read from: the base where that has it, else this checkout."""
    from pytest_llmeval.run_file import load_run, read_run

    content = base.read(file) if base is not None else None
    if base is not None and content is not None:
        return read_run(content.decode("utf-8-sig", "replace"), f"{file.name} of {base.ref}"), base.ref
    return (load_run(file), None) if file.exists() else (None, None)


def _run_file(config: pytest.Config, settings: Settings, wanted: str | None, *, from_option: bool) -> Path | None:
    """The saved run a baseline names: what ends in .jsonl is a file, from the command line or beside the table."""
    if wanted is None or wanted in settings.models or not wanted.endswith(".jsonl"):
        return None
    return (config.invocation_params.dir if from_option else settings.root) / wanted


def _model_of_run(run: Run, file: Path, settings: Settings) -> str:
    names = model_in(run)
    if len(names) == 1:
        return names[0]
    if settings.model in names:
        return str(settings.model)
    raise ConfigError(
        f"{file.name} holds several models ({', '.join(names) or 'none'}) and none of them is the configured one; "
        "save a run with one model: pytest --llm-model=NAME --llm-report=FILE.jsonl"
    )


def _staleness(settings: Settings) -> Staleness | None:
    if settings.max_age is None:
        return None
    from pytest_llmeval.store.staleness import Staleness

    return Staleness(max_age=settings.max_age, action=settings.stale)


def _samples(text: str | None, *, compares: bool) -> tuple[int | None, int | None, list[str]]:
    """Samples per case at first and at most, and what is to be told of them."""
    if text is None or text.strip().lower() != "auto":
        return _whole_number(text, "--llm-samples", "a whole number from 1 was expected, or auto"), None, []
    from pytest_llmeval.adaptive import AT_FIRST, AT_MOST

    if compares:
        return AT_FIRST, AT_MOST, []
    told = f"--llm-samples=auto: {AT_FIRST} samples per case; without a baseline there is no category to decide"
    return AT_FIRST, None, [told]


def _whole_number(text: str | None, option: str, expected: str = "a whole number from 1 was expected") -> int | None:
    if text is None:
        return None
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise ConfigError(f"{option}={text}: {expected}")
    return number


def _wordings(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    from pytest_llmeval.plugin.wordings import wordings_option

    return wordings_option(text)


def _budget(text: str | None, models: Iterable[ModelSettings]) -> float | None:
    if text is None:
        return None
    try:
        budget = float(text.removeprefix("$"))
    except ValueError:
        budget = -1.0
    if not 0 <= budget < math.inf:
        raise ConfigError(f"--llm-budget={text}: a sum in USD was expected, such as 2.50")
    from pytest_llmeval.prices import cost_of_call
    from pytest_llmeval.reply import Usage

    for model in models:
        if cost_of_call(model, Usage(input_tokens=1000, output_tokens=1000)) is None:
            raise ConfigError(
                f"--llm-budget={text} cannot be kept: the price of {model.name} is unknown; set prices = "
                f"{{ input = ..., output = ... }} in [tool.llmeval.models.{model.name}], USD per million tokens"
            )
    return budget


def _report(config: pytest.Config, name: str, baseline: Path | None) -> Path:
    if not name.endswith(".jsonl"):
        raise ConfigError(f"--llm-report={name}: unknown kind of report (allowed: FILE.jsonl)")
    path = config.invocation_params.dir / os.path.expanduser(name)  # noqa: PTH111 - a shell expands only --x ~/y
    # Told before anything is paid for.
    if baseline is not None and (
        os.path.realpath(path) == os.path.realpath(baseline)
        or (path.exists() and baseline.exists() and path.samefile(baseline))
    ):
        raise ConfigError(
            f"--llm-report={name} would replace the baseline, whatever got worse; --llm-update-baseline saves a new one"
        )
    if path.is_dir():
        raise ConfigError(f"--llm-report={name}: is a folder; name a file in it, as in {name}/run.jsonl")
    folder = next(parent for parent in path.parents if os.path.lexists(parent))
    if not folder.is_dir():
        raise ConfigError(f"--llm-report={name}: cannot be written: {folder} is no folder")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise ConfigError(f"--llm-report={name}: cannot be written: no permission")
    return path
