"""How options and settings become the evaluation of a session."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_llmeval.config.settings import ModelSettings, Settings
from pytest_llmeval.errors import ConfigError, RunFileError
from pytest_llmeval.formats.registry import find_provider, register_provider
from pytest_llmeval.plugin.base_branch import (
    Base,
    as_base_says,
    brought_by_addopts,
    find_base,
    named_base,
    refuse_to_save_always,
)
from pytest_llmeval.plugin.baseline import Baseline, ModelBaseline, NewBaseline, NoBaseline, SavedBaseline, model_in
from pytest_llmeval.plugin.config_table import settings_of
from pytest_llmeval.plugin.evaluation import CONCURRENCY, Evaluation, evaluation_key, header_of
from pytest_llmeval.plugin.options import MODES, REPORTS, given, refusal_of_taken, report_path
from pytest_llmeval.plugin.wordings import wordings_option
from pytest_llmeval.runs.file import load_run, read_run
from pytest_llmeval.runs.results import Run, model_words
from pytest_llmeval.runs.shards import MOST_SHARDS, Shard
from pytest_llmeval.store.staleness import Staleness

if TYPE_CHECKING:
    from pytest_llmeval.review.decisions import Decision, Decisions


def evaluation_of(config: pytest.Config) -> Evaluation:
    """The session's evaluation, made when it is first needed.

    Raises:
        ConfigError: the configuration or an option is wrong.
    """
    if evaluation_key not in config.stash:
        config.stash[evaluation_key] = _evaluation(config)
    return config.stash[evaluation_key]


def _evaluation(config: pytest.Config) -> Evaluation:
    if words := refusal_of_taken(config):
        raise ConfigError(words)
    settings = settings_of(config)
    base, settings, told, unmeasurable = _as_base_says(config, settings)
    named: list[str] = given(config, "llm_model") or ([settings.model] if settings.model else [])
    candidates = [settings.find_model(name) for name in dict.fromkeys(named)]
    option: str | None = given(config, "llm_baseline")
    wanted = option if option is not None else settings.baseline
    wanted = None if wanted in ("none", "") else wanted
    file = None
    if wanted is not None and wanted.endswith(".jsonl") and wanted not in settings.models:
        file = (config.invocation_params.dir if option is not None else settings.root) / wanted
    baseline: Baseline = NoBaseline()
    if words := given(config, "llm_update_baseline"):
        baseline = _new_baseline(words, settings, wanted, file, candidates)
    elif file is not None:
        baseline = _saved_baseline(config, settings, file, base, told)
    elif wanted is not None:
        candidates, baseline = _model_baseline(config, settings, wanted, candidates)
    anchor = _anchor(config, settings, base) if baseline.name is not None else None
    decisions, decided_here = _decisions(settings, base)
    reports = tuple(_report(config, report, file, settings.anchor) for report in given(config, "llm_report") or ())
    models = (*candidates, *([baseline.model] if isinstance(baseline, ModelBaseline) else []))
    for found in config.hook.pytest_llmeval_providers():
        for provider, format_ in found.items():
            register_provider(provider, format_)
    for model in models:
        find_provider(model.provider, model.base_url)
    record = bool(given(config, "llm_record"))
    mode = given(config, "llm_mode") or ("replay" if not record and _replays_by_itself(settings) else "auto")
    if mode not in MODES:
        raise ConfigError(f"--llm-mode={mode}: unknown mode (allowed: {', '.join(MODES)})")
    if record and mode in ("replay", "live"):
        raise ConfigError(f"--llm-record has nothing to write with --llm-mode={mode}; use auto or refresh")
    samples, most_samples, of_samples = _samples(given(config, "llm_samples"), compares=baseline.name is not None)
    return Evaluation(
        settings=settings,
        models=models,
        candidates=tuple(model.name for model in candidates),
        baseline=baseline,
        anchor=anchor,
        unmeasurable=unmeasurable,
        mode=mode,
        record=record,
        samples=samples,
        most_samples=most_samples,
        notes=[*(told if baseline.name is not None else ()), *of_samples],
        wordings=wordings_option(given(config, "llm_wordings")),
        strict=bool(given(config, "llm_strict")),
        concurrency=_whole_number(given(config, "llm_concurrency"), "--llm-concurrency") or CONCURRENCY,
        budget=_budget(given(config, "llm_budget"), models),
        show=tuple(given(config, "llm_show") or ()),
        staleness=Staleness(max_age=settings.max_age, action=settings.stale) if settings.max_age is not None else None,
        hook=config.hook,
        reports=tuple(path for path in reports if path.suffix == ".jsonl"),
        summaries=tuple(path for path in reports if path.suffix != ".jsonl"),
        shard=_shard(config, given(config, "llm_shard"), reports),
        decisions=decisions,
        decided_here=decided_here,
        base=base,
    )


def _decisions(settings: Settings, base: Base | None) -> tuple[Decisions | None, str]:
    """What people decided of answers, and what of that this change brings."""
    # Most projects have none, and do not pay for the module.
    theirs = base.names(settings.root / "reviews", ".jsonl") if base is not None else []
    if not (settings.root / "reviews").is_dir() and not theirs:
        return None, ""
    from pytest_llmeval.review.decisions import Decisions, added_words, decisions_in, named_by_file, read_decisions

    decisions = decisions_in(settings.root)
    if base is None:
        return decisions, ""
    before: list[Decision] = []
    for file in theirs:
        text = (base.read(file) or b"").decode("utf-8", "replace")
        before += named_by_file(file, read_decisions(f"{base.ref}:{file.name}", text.splitlines(keepends=True)))
    return decisions, added_words(Decisions(before), decisions)


def _replays_by_itself(settings: Settings) -> bool:
    """Whether it is a session of CI, which spends nothing unless it is told to, and there is something to replay."""
    return in_ci() and next(settings.recordings.rglob("*.jsonl"), None) is not None


def in_ci() -> bool:
    """Whether the session runs in CI, as pytest itself tells."""
    return any(os.environ.get(name) for name in ("CI", "BUILD_NUMBER"))


def _as_base_says(
    config: pytest.Config, settings: Settings
) -> tuple[Base | None, Settings, list[str], tuple[str, ...]]:
    """The settings that count, notes on them, and what makes the gate worthless."""
    refuse_to_save_always(config)
    name = named_base(config)
    if name is None or given(config, "llm_update_baseline"):
        return None, settings, [], ()
    base = find_base(name, settings.root)
    if base is not None:
        return base, *as_base_says(settings, base), tuple(filter(None, [brought_by_addopts(config, base)]))
    told = f"git has neither origin/{name} nor {name}, so this change is judged by its own baseline and gate settings"
    if os.environ.get("GITHUB_ACTIONS"):
        return None, settings, [], (f"{told}; let the job fetch it: git fetch --depth=1 origin {name}:{name}",)
    return None, settings, [told], ()


def _saved_baseline(
    config: pytest.Config, settings: Settings, file: Path, base: Base | None, notes: list[str]
) -> SavedBaseline | NoBaseline:
    saved = _saved(file, settings, base)
    option: str | None = given(config, "llm_baseline")
    if saved is None:
        if config.option.collectonly:
            return NoBaseline()
        named = f" --llm-baseline={option}" if option is not None else ""
        raise ConfigError(
            f"there is no baseline run {file}; save one with "
            f"pytest --llm-model={settings.model or 'NAME'}{named} --llm-update-baseline"
        )
    if base is not None and saved.branch is None:
        notes.append(f"{base.ref} has no {file.name} yet: this change is compared with the one it brings")
    if settings.baseline_again is None or option is not None:
        return saved
    from pytest_llmeval.analysis.dispersion import disagreement, pool_of

    second, _ = _run_at(settings.baseline_again, base)
    if second is None:
        notes.append(f"there is no {settings.baseline_again.name} yet, so the baseline is one run")
        return saved
    pool = pool_of(saved.run, second, saved.name)
    return replace(saved, dispersion=disagreement(saved.run, second, saved.name), pool=pool)


def _anchor(config: pytest.Config, settings: Settings, base: Base | None) -> SavedBaseline | None:
    """The run that shows the drift since it was saved, None without one.

    Raises:
        ConfigError: it is missing or broken.
    """
    file = settings.anchor
    if file is None or config.option.collectonly:
        return None
    saves_it = f"pytest --llm-baseline=none --llm-report={file.name} saves one"
    try:
        anchor = _saved(file, settings, base)
    except RunFileError as error:
        raise ConfigError(f"the anchor is no run that can be read ({saves_it}): {error}") from None
    if anchor is None:
        raise ConfigError(f"there is no anchor run {file}, which {settings.place} names; {saves_it}")
    return anchor


def _model_baseline(
    config: pytest.Config, settings: Settings, name: str, candidates: list[ModelSettings]
) -> tuple[list[ModelSettings], ModelBaseline | NoBaseline]:
    """The models on trial, and the one they are compared with unless it is alone."""
    model = settings.find_model(name)
    others = [each for each in candidates if each.name != model.name]
    if others:
        return others, ModelBaseline(model)
    if given(config, "llm_baseline") is not None and given(config, "llm_model"):
        raise ConfigError(
            f"--llm-baseline={name} is the model on trial itself; name another with --llm-model=NAME "
            f"(models: {', '.join(settings.models) or 'none configured'})"
        )
    return [model], NoBaseline(alone=True)


def _saved(file: Path, settings: Settings, base: Base | None) -> SavedBaseline | None:
    """The saved run, None when the file does not exist yet."""
    run, branch = _run_at(file, base)
    return SavedBaseline(run, _model_of_run(run, file, settings), file, branch) if run is not None else None


def _run_at(file: Path, base: Base | None) -> tuple[Run | None, str | None]:
    """A saved run, and the branch it was read from: the base where that has it, else this checkout."""
    content = base.read(file) if base is not None else None
    if base is not None and content is not None:
        return read_run(content.decode("utf-8-sig", "replace"), f"{file.name} of {base.ref}"), base.ref
    return (load_run(file), None) if file.exists() else (None, None)


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


def _samples(text: str | None, *, compares: bool) -> tuple[int | None, int | None, list[str]]:
    """Samples per case at first and at most, and notes on them."""
    if text is None or text.strip().lower() != "auto":
        return _whole_number(text, "--llm-samples", "expected a whole number from 1, or auto"), None, []
    from pytest_llmeval.analysis.adaptive import AT_FIRST, AT_MOST

    if compares:
        return AT_FIRST, AT_MOST, []
    told = f"--llm-samples=auto: {AT_FIRST} samples per case; without a baseline there is no category to decide"
    return AT_FIRST, None, [told]


def _whole_number(text: str | None, option: str, expected: str = "expected a whole number from 1") -> int | None:
    if text is None:
        return None
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise ConfigError(f"{option}={text}: {expected}")
    return number


def _shard(config: pytest.Config, text: str | None, reports: tuple[Path, ...]) -> Shard | None:
    """The part of the cases that is run, None for all.

    Raises:
        ConfigError: it is no part, or the session cannot be joined with those of the other parts.
    """
    if text is None:
        return None
    option = f"--llm-shard={text}"
    found = re.fullmatch(r"([0-9]{1,4})/([0-9]{1,4})", text.strip())
    shard = Shard(int(found[1]), int(found[2])) if found else Shard(0, 0)
    if not 1 <= shard.number <= shard.of <= MOST_SHARDS:
        raise ConfigError(
            f"{option}: expected I/N, shard I of N, with I from 1 to N and N at most {MOST_SHARDS}: "
            "1/4, 2/4, 3/4 and 4/4 are four parts"
        )
    if given(config, "llm_update_baseline"):
        raise ConfigError(
            f"{option} runs a part of the cases, and --llm-update-baseline saves all; leave one of them out"
        )
    if (given(config, "llm_samples") or "").strip().lower() == "auto":
        raise ConfigError(
            f"{option} evaluates no gate, by which --llm-samples=auto decides; give a number, as in --llm-samples=5"
        )
    if any(path.suffix != ".jsonl" for path in reports):
        raise ConfigError(f"{option} evaluates no gate to write a summary of; give --llm-report=FILE.jsonl alone")
    if not reports and not config.option.collectonly:
        raise ConfigError(
            f"{option} needs the file its run is saved in, which llmeval merge joins with those of the other shards: "
            f"--llm-report=shard-{shard.number}.jsonl"
        )
    return shard


def _budget(text: str | None, models: Iterable[ModelSettings]) -> float | None:
    if text is None:
        return None
    try:
        budget = float(text.removeprefix("$"))
    except ValueError:
        budget = -1.0
    if not 0 <= budget < math.inf:
        raise ConfigError(f"--llm-budget={text}: expected a sum in USD, such as 2.50")
    from pytest_llmeval.config.prices import cost_of_call
    from pytest_llmeval.reply import Usage

    for model in models:
        if cost_of_call(model, Usage(input_tokens=1000, output_tokens=1000)) is None:
            raise ConfigError(
                f"--llm-budget={text} cannot be kept: the price of {model.name} is unknown; set prices = "
                f"{{ input = ..., output = ... }} in [tool.llmeval.models.{model.name}], USD per million tokens"
            )
    return budget


def _report(config: pytest.Config, name: str, baseline: Path | None, anchor: Path | None) -> Path:
    if not name.endswith(REPORTS):
        kinds = ", ".join(f"FILE{ending}" for ending in REPORTS)
        raise ConfigError(f"--llm-report={name}: unknown kind of report (allowed: {kinds})")
    path = report_path(config, name)
    # Reported before anything is paid for.
    if baseline is not None and _is_same(path, baseline):
        raise ConfigError(
            f"--llm-report={name} would replace the baseline, whatever got worse; --llm-update-baseline saves a new one"
        )
    if anchor is not None and anchor.exists() and _is_same(path, anchor):
        raise ConfigError(
            f"--llm-report={name} would replace the anchor, which is never updated; save the run in another file, and "
            "name that in the configuration"
        )
    if path.is_dir():
        raise ConfigError(f"--llm-report={name}: is a folder; name a file in it, as in {name}/run.jsonl")
    folder = next(parent for parent in path.parents if os.path.lexists(parent))
    if not folder.is_dir():
        raise ConfigError(f"--llm-report={name}: cannot be written: {folder} is no folder")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise ConfigError(f"--llm-report={name}: cannot be written: no permission")
    return path


def _is_same(path: Path, other: Path) -> bool:
    return os.path.realpath(path) == os.path.realpath(other) or (
        path.exists() and other.exists() and path.samefile(other)
    )


def _new_baseline(
    words: Collection[str], settings: Settings, baseline: str | None, file: Path | None, models: list[ModelSettings]
) -> NewBaseline:
    """The file this session's run is saved as; what forbids that is reported before anything is paid for.

    Args:
        words: what was given: ``all`` for the bare option, ``merge``, ``append``, ``force``.
        file: the same if it is a saved run, else None.

    Raises:
        ConfigError: it cannot, or it must not.
    """
    option = "--llm-update-baseline"
    if file is None:
        table = settings.file.name if settings.file is not None else "pyproject.toml"
        is_model = f"baseline = {baseline!r} is a model" if baseline is not None else "no baseline is configured"
        raise ConfigError(
            f"{option} has no file to write: {is_model}; set baseline = 'baseline.jsonl' in [tool.llmeval] of {table}, "
            "or name the file with --llm-baseline=baseline.jsonl"
        )
    if len(models) != 1:
        names = ", ".join(model.name for model in models) or "none"
        raise ConfigError(f"{option} saves a run of one model (on trial: {names}); name it with --llm-model=NAME")
    if "force" not in words and in_ci():
        raise ConfigError(
            f"{option} is refused in CI, where a regression would go unreviewed; run it where you can review "
            f"{file.name} and commit it, or override with {option}=force"
        )
    for word, to_what in (("merge", "merge into"), ("append", "append to")):
        if word in words and not file.exists():
            raise ConfigError(f"{option}={word}: there is no {file} to {to_what}; run all cases once with {option}")
    merge = "merge" in words
    old = _saved(file, settings, None)
    if merge and old is not None:
        _refuse_another_model(old.run, models[0], file)
    return NewBaseline(file, old, merge, append="append" in words)


def _refuse_another_model(run: Run, model: ModelSettings, file: Path) -> None:
    """Refuse to put one model's cases among another's."""
    new = header_of(model)
    if model_in(run) != [model.name] or run.models[model.name] != new:
        old = ", ".join(f"{name}: {model_words(each)}" for name, each in run.models.items()) or "none"
        raise ConfigError(
            f"--llm-update-baseline=merge: {file.name} is a run of {old}; on trial is {model.name}: "
            f"{model_words(new)}. A baseline is a run of one model: run all cases with --llm-update-baseline"
        )
