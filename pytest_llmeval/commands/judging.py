"""What a saved run is judged by, and what the gate makes of one that holds its baseline."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_llmeval.analysis.answers.unseen import nothing_seen
from pytest_llmeval.analysis.compare import Extent, Rules, Side, compare
from pytest_llmeval.analysis.comparison import Comparison, part_of
from pytest_llmeval.config.settings import Settings
from pytest_llmeval.runs.results import CaseResult, Run, was_another
from pytest_llmeval.runs.saved_when import when_words
from pytest_llmeval.stats.dependence import Dispersion


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
        compare(
            Side(alias, results, saved, when),
            Side(name, after := run.of_model(name), another=was_another(before, run, alias, name)),
            rules_of(run, settings, strict=strict),
            extent_of(run, len(after)),
        )
        for name in names
        if name != run.baseline
    ]


def rules_of(run: Run, settings: Settings, *, strict: bool, dispersion: Dispersion | None = None) -> Rules:
    """What a run is judged by: shards of one session by what that session would have been."""
    if run.shards is None:
        return Rules(settings.categories, settings.gate, strict, dispersion)
    shards = run.shards
    return Rules(shards.categories, shards.budgets, strict or shards.strict, dispersion or shards.dispersion)


def extent_of(run: Run, ran: int) -> Extent:
    """How much of what there is a run has.

    Args:
        ran: how many cases of its model.
    """
    if run.shards is None:
        cases = len({result.key for result in run.results} | {key for key, _ in run.left_out})
        return Extent(stopped_words(run), part_of(ran, cases))
    unmeasurable = [*run.shards.unmeasurable, *nothing_seen(result for result in run.results if _on_trial(run, result))]
    return Extent(stopped_words(run), part_of(ran, run.shards.cases), unmeasurable)


def _on_trial(run: Run, result: CaseResult) -> bool:
    """Whether a result is of this run, and not of a saved baseline."""
    return not run.models.get(result.model, {}).get("saved")


def stopped_words(run: Run) -> str | None:
    """Why there is no verdict on a run, None when there is one."""
    if run.complete is None:
        return "the run was stopped before its end"
    return (run.shards.missing_words or None) if run.shards is not None else None
