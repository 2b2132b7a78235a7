"""``--llm-update-baseline``: when a session may become the baseline, and what it then changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_llmeval.errors import RunFileError
from pytest_llmeval.json_text import canonical_json
from pytest_llmeval.plugin.baseline import NewBaseline, SavedBaseline
from pytest_llmeval.runs.codec import result_to_json
from pytest_llmeval.runs.file import load_run, save_run
from pytest_llmeval.runs.results import CaseKey, CaseResult, Run
from pytest_llmeval.text import plural


def save_baseline(
    baseline: NewBaseline,
    run: Run,
    partial: str | None,
    secrets: Mapping[str, str],
    *,
    again: Mapping[CaseKey, CaseResult],
    renamed: Mapping[str, str],
) -> list[str]:
    """Save a session's run as the baseline.

    Args:
        partial: why not all cases were run, None when they were.
        secrets: API keys that must not be in it, by the names of their environment variables.
        again: the cases of the file as it is, as today's tests judge them.
        renamed: by the name of a test the name it has in the file.

    Returns:
        What changed, a line each; those about what got worse start with ``WORSE``.

    Raises:
        RunFileError: the run must not become the baseline, or the file cannot be written; the old one stays.
    """
    file, old = baseline.file, baseline.old.run if baseline.old is not None else None
    run = run._replace(baseline=None, complete=True, results=run.in_order(), rules=None)
    broken = [result for result in run.results if any(sample.outcome == "error" for sample in result.samples)]
    if why := _refused(baseline, run, broken, partial):
        raise RunFileError(f"{file.name} stays as it was: {why}")
    new, added = run, ""
    if baseline.append and old is not None:
        from pytest_llmeval.runs.append import appended

        left = {result.key for result in broken}
        found = appended(old, run, again, renamed, left=left, keep_others=baseline.merge)
        if found.nothing:
            draws = "pytest --llm-mode=live --llm-update-baseline=append draws fresh ones"
            return [f"NOT APPENDED: every answer of this session is already in {file.name}; {draws}"]
        new, added = found.run, f"; {found.words}"
    elif baseline.merge and old is not None:
        from pytest_llmeval.runs.merge import with_cases_replaced

        new = with_cases_replaced(old, run)
    _refuse_secrets(new, secrets, file)
    from pytest_llmeval.report.baseline_changes import change_lines

    save_run(file, new)
    kept = f"; {len(broken)} with an answer that could not be judged left as they were" if broken else ""
    first, *worse = change_lines(old, new)
    return [f"{file.name} saved: {first}{added}{kept}", *worse]


def _refused(baseline: NewBaseline, run: Run, broken: Sequence[CaseResult], partial: str | None) -> str:
    """Why a run must not become the baseline, "" when it may.

    Args:
        broken: its cases with an answer that could not be judged.
        partial: why not all cases were run, None when they were.
    """
    appends = baseline.append and baseline.old is not None
    if partial is not None and not baseline.merge:
        does = "too keeps the others" if appends else "replaces the cases that ran and keeps the others"
        return f"{partial}, and a baseline holds every case; --llm-update-baseline=merge {does}"
    others = appends and _of_one_model(baseline, run)
    if broken and not (baseline.merge or others):
        errors = "1 case has" if len(broken) == 1 else f"{len(broken)} cases have"
        return f"{errors} an answer that could not be judged ({broken[0].key}); run again"
    return "no case that ran could be judged" if len(broken) == len(run.results) else ""


def _of_one_model(baseline: NewBaseline, run: Run) -> bool:
    from pytest_llmeval.runs.pooled import stands_for

    old = baseline.old
    return old is not None and stands_for(old.run, old.name) == stands_for(run, next(iter(run.models)))


def changes_of_baseline(saved: SavedBaseline) -> list[str]:
    """What this checkout changes in the baseline of the branch it is compared with, in a sentence."""
    if saved.branch is None:
        return []
    if not saved.file.exists():
        return [f"this change removes the baseline {saved.file.name}; that of {saved.branch} counts"]
    try:
        new = load_run(saved.file)
    except RunFileError as error:
        return [f"this change breaks the baseline: {error}"]
    old = saved.run.of_model(saved.name)
    after = new.of_model(saved.name) or {result.key: result for result in new.results}
    edited = [key for key in {**old, **after} if _said(old.get(key)) != _said(after.get(key))]
    if not edited:
        return []
    worse = sum(
        key in old and old[key].outcome == "pass" and (key not in after or after[key].outcome != "pass")
        for key in edited
    )
    cases = plural(len(edited), "case")
    return [f"this change edits the baseline: {cases}, {worse} worse; that of {saved.branch} counts"]


def _said(result: CaseResult | None) -> object:
    """What a reader would call an edit: another row, verdict or answer, or that the case is not there."""
    if result is None:
        return None
    samples = [(s.outcome, s.category, s.further, [c.answer for c in s.calls]) for s in result.samples]
    return result.content, result.min_pass_rate, samples


def _refuse_secrets(run: Run, secrets: Mapping[str, str], file: Path) -> None:
    """A baseline is committed: no key goes into it that a model or an application repeated."""
    from pytest_llmeval.credentials import find_secrets

    for result in run.results:
        found = find_secrets(canonical_json(result_to_json(result)), secrets)
        if found:
            raise RunFileError(
                f"{file.name} stays as it was: {result.key} holds {found[0]}, which must not be committed"
            )
