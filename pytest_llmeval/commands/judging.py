"""What a saved run is judged by, and what the gate makes of one that holds its baseline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pytest_llmeval.analysis.compare import Extent, Rules, Side, compare
from pytest_llmeval.analysis.comparison import Comparison, part_of
from pytest_llmeval.analysis.sides.unseen import nothing_seen
from pytest_llmeval.config.settings import Settings
from pytest_llmeval.runs.results import CaseResult, Run, was_another
from pytest_llmeval.runs.rules import unlike_rules
from pytest_llmeval.runs.saved_when import when_words
from pytest_llmeval.stats.dependence import Dispersion

MOST_NAMED = 5


def within(run: Run, settings: Settings, names: Sequence[str], *, strict: bool = False) -> list[Comparison]:
    """The comparisons of a run that holds its baseline too."""
    if run.baseline is None:
        return []
    header = run.models.get(run.baseline, {})
    alias = str(header.get("name", run.baseline))  # what a saved baseline is called in its own file
    before = run._replace(models={alias: header})
    results = run.of_model(run.baseline)
    saved = header.get("saved")
    when = when_words(str(header.get("created", "")), None, results.values()) if saved else ""
    return [
        decided_in(
            run,
            compare(
                Side(alias, results, saved, when),
                Side(name, after := run.of_model(name), another=was_another(before, run, alias, name)),
                rules_of(run, settings, strict=strict),
                extent_of(run, len(after)),
            ),
        )
        for name in names
        if name != run.baseline
    ]


def rules_of(run: Run, settings: Settings, *, strict: bool, dispersion: Dispersion | None = None) -> Rules:
    """What a run is judged by: the rules of its session, or else the settings here."""
    kept = run.shards or run.rules
    if kept is None:
        return Rules(settings.categories, settings.gate, strict, dispersion)
    return Rules(kept.categories, kept.budgets, strict or kept.strict, dispersion or kept.dispersion)


def as_told(run: Run, settings: Settings, folder: Path | None) -> Run:
    """The run as it is to be judged: gated by the settings of a folder, not by its own, where one is named.

    What its session could not measure stays, and shards are judged by what their session would have been.
    """
    if folder is None or run.rules is None:
        return run
    return run._replace(rules=run.rules._replace(categories=settings.categories, budgets=settings.gate))


def rules_notes(run: Run, settings: Settings, folder: Path | None = None) -> list[str]:
    """A line on whose rules count, where that is not plain: those of the run, or the settings here.

    Args:
        run: as it was saved.
        settings: those here, or of the folder.
        folder: which is named by ``--config``; then its settings count.
    """
    kept = run.shards or run.rules
    if kept is None:
        return ["rules: this run does not say which rules judged its session, so the settings here count"]
    unlike = list(unlike_rules((kept.categories, kept.budgets), (settings.categories, settings.gate)))
    if not unlike or settings.file is None:
        return []
    named = ", ".join(unlike[:MOST_NAMED]) + (f" and {len(unlike) - MOST_NAMED} more" if unlike[MOST_NAMED:] else "")
    if folder is not None and run.shards is None:
        return [f"rules: judged by the settings that --config names; those of the run's session differ: {named}"]
    by = "" if run.shards is not None else "; --config=FOLDER judges by that folder's"
    return [f"rules: judged by the rules of the run's session; the settings here differ: {named}{by}"]


def extent_of(run: Run, ran: int) -> Extent:
    """How much of what there is a run has.

    Args:
        ran: how many cases of its model.
    """
    cases = len({result.key for result in run.results} | {key for key, _ in run.left_out})
    kept = run.shards or run.rules
    skipped = len(run.skip_themselves), run.skip_themselves
    if kept is None:
        return Extent(stopped_words(run), part_of(ran, cases), (), *skipped)
    unmeasurable = [*kept.unmeasurable, *nothing_seen(result for result in run.results if _on_trial(run, result))]
    part = part_of(ran, run.shards.cases if run.shards is not None else cases)
    return Extent(stopped_words(run), part, unmeasurable, *skipped)


def decided_in(run: Run, comparison: Comparison) -> Comparison:
    """The comparison with what the run's change decides of answers, as its session says it."""
    kept = run.shards or run.rules
    decided = kept.decided if kept is not None else ""
    return comparison._replace(notes=(decided, *comparison.notes)) if decided else comparison


def _on_trial(run: Run, result: CaseResult) -> bool:
    """Whether a result is of this run, and not of a saved baseline."""
    return not run.models.get(result.model, {}).get("saved")


def stopped_words(run: Run) -> str | None:
    """Why there is no verdict on a run, None when there is one."""
    if run.complete is None:
        return "the run was stopped before its end"
    return (run.shards.missing_words or None) if run.shards is not None else None
