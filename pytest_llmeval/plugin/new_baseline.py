"""``--llm-update-baseline``: when a session may become the baseline, and what it then changes."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pytest_llmeval.config import ModelSettings, Settings
from pytest_llmeval.errors import ConfigError, RunFileError
from pytest_llmeval.plugin.saved_baseline import model_in

if TYPE_CHECKING:
    from pytest_llmeval.plugin.base import Base
    from pytest_llmeval.plugin.evaluation import Evaluation
    from pytest_llmeval.plugin.saved_baseline import SavedBaseline
    from pytest_llmeval.run import CaseResult, Run

__all__ = ["Update", "changes_of_baseline", "header_of", "save_baseline", "update_wanted"]

Update = Literal["all", "merge"]


def update_wanted(
    words: Collection[str], settings: Settings, baseline: str | None, file: Path | None, models: list[ModelSettings]
) -> Update | None:
    """Whether this session is to become the baseline, told before anything is paid for.

    Args:
        words: what was given: ``all`` for the bare option, ``merge``, ``force``.
        settings: for what to name in an error.
        baseline: what the session would be compared with.
        file: the same if it is a saved run, else None.
        models: the models on trial.

    Raises:
        ConfigError: it cannot, or it must not.
    """
    if not words:
        return None
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
    if "force" not in words and any(os.environ.get(name) for name in ("CI", "BUILD_NUMBER")):
        raise ConfigError(
            f"{option} is not done in CI, where nobody reads what got worse; run it where you can review {file.name} "
            f"and commit it, or insist with {option}=force"
        )
    merge = "merge" in words
    if merge and not file.exists():
        raise ConfigError(f"{option}=merge: there is no {file} to merge into; run all cases once with {option}")
    return "merge" if merge else "all"


def same_model(run: Run, model: ModelSettings, file: Path) -> None:
    """Refuse to put one model's cases among another's.

    Raises:
        ConfigError: the baseline is a run of another model, or of several.
    """
    from pytest_llmeval.comparable import model_words

    new = header_of(model)
    if model_in(run) != [model.name] or run.models[model.name] != new:
        old = ", ".join(f"{name}: {model_words(each)}" for name, each in run.models.items()) or "none"
        raise ConfigError(
            f"--llm-update-baseline=merge: {file.name} is a run of {old}; on trial is {model.name}: "
            f"{model_words(new)}. A baseline is a run of one model: run all cases with --llm-update-baseline"
        )


def header_of(model: ModelSettings) -> dict[str, object]:
    """What a run's header says a model's name stands for."""
    return {"provider": model.provider, "model": model.model, "params": dict(model.params)}


def save_baseline(evaluation: Evaluation, run: Run, partial: str | None) -> list[str]:
    """Save a session's run as the baseline.

    Args:
        evaluation: the session's.
        run: its results.
        partial: why not all cases were run, None when they were.

    Returns:
        What changed, a line each; those about what got worse start with ``WORSE``.

    Raises:
        RunFileError: the run must not become the baseline, or the file cannot be written; the old one stays.
    """
    file, old = evaluation.baseline_file, evaluation.saved.run if evaluation.saved is not None else None
    if file is None:
        return []
    run = run._replace(baseline=None, results=run.in_order())
    broken = [result for result in run.results if any(sample.outcome == "error" for sample in result.samples)]
    if evaluation.update == "merge" and old is not None:
        from pytest_llmeval.merge import with_cases_replaced

        new = with_cases_replaced(old, run)
        if len(broken) == len(run.results):
            raise RunFileError(f"{file.name} stays as it was: no case that ran could be judged")
    else:
        new = run._replace(complete=True)
        if partial is not None:
            raise RunFileError(
                f"{file.name} stays as it was: {partial}, and a baseline holds every case; "
                "--llm-update-baseline=merge replaces the cases that ran and keeps the others"
            )
        if broken:
            errors = "1 case has" if len(broken) == 1 else f"{len(broken)} cases have"
            raise RunFileError(
                f"{file.name} stays as it was: {errors} an answer that could not be judged ({broken[0].key}); "
                "run again, answers that came are not paid twice"
            )
    _refuse_secrets(new, evaluation.secrets(), file)
    from pytest_llmeval.report.new_baseline import change_lines
    from pytest_llmeval.run_file import save_run

    save_run(file, new)
    kept = f"; {len(broken)} with an answer that could not be judged left as they were" if broken else ""
    first, *worse = change_lines(old, new)
    return [f"{file.name} saved: {first}{kept}", *worse]


def changes_of_baseline(saved: SavedBaseline, base: Base | None) -> list[str]:
    """What this checkout changes in the baseline of the branch it is compared with, in a sentence.

    Args:
        saved: the baseline as it is there.
        base: that branch; None where the baseline is this checkout's own.
    """
    if base is None or not saved.where.endswith(f" of {base.ref}"):
        return []
    if not saved.file.exists():
        return [f"this change removes the baseline {saved.file.name}; that of {base.ref} counts"]
    from pytest_llmeval.run_file import load_run

    try:
        new = load_run(saved.file)
    except RunFileError as error:
        return [f"this change breaks the baseline: {error}"]
    old = saved.results
    after = new.of_model(saved.name) or {result.key: result for result in new.results}
    edited = [key for key in {**old, **after} if _said(old.get(key)) != _said(after.get(key))]
    if not edited:
        return []
    worse = sum(
        key in old and old[key].outcome == "pass" and (key not in after or after[key].outcome != "pass")
        for key in edited
    )
    cases = "1 case" if len(edited) == 1 else f"{len(edited)} cases"
    return [f"this change edits the baseline: {cases}, {worse} worse; that of {base.ref} counts"]


def _said(result: CaseResult | None) -> object:
    """What a reader would call an edit: another row, verdict or answer, or that the case is not there."""
    if result is None:
        return None
    samples = [(s.outcome, s.category, [c.answer for c in s.calls]) for s in result.samples]
    return result.content, result.min_pass_rate, samples


def _refuse_secrets(run: Run, secrets: dict[str, str], file: Path) -> None:
    """A baseline is committed: no key goes into it that a model or an application repeated."""
    from pytest_llmeval.run_file import result_to_json
    from pytest_llmeval.store.redaction import find_secrets
    from pytest_llmeval.store.text import canonical_json

    for result in run.results:
        found = find_secrets(canonical_json(result_to_json(result)), secrets)
        if found:
            raise RunFileError(
                f"{file.name} stays as it was: {result.key} holds {found[0]}, which must not be committed"
            )
