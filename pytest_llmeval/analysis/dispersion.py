"""Measure how much two runs of one model differ, and so whether the samples of a run repeat each other."""

from __future__ import annotations

from pytest_llmeval.analysis.answers.copies import without_copies
from pytest_llmeval.analysis.comparable import differences
from pytest_llmeval.analysis.compare import outcomes_of
from pytest_llmeval.analysis.examined import both_with_untraced
from pytest_llmeval.errors import RunFileError
from pytest_llmeval.runs.pooled import Pool, pooled, reply_ids, stands_for
from pytest_llmeval.runs.results import Run, model_words
from pytest_llmeval.stats.dependence import Dispersion, dispersion
from pytest_llmeval.stats.outcomes import tabulate


def disagreement(first: Run, second: Run, model: str) -> Dispersion | None:
    """Measure how much two runs of a model differ, over all error categories, in cases with the same row and prompt.

    Args:
        first: the baseline.
        second: another run of the same model.
        model: its name in the first run.

    Returns:
        None when no answer failed in either run.

    Raises:
        RunFileError: they are not two runs of one model, or hold the same replies, as a replay does.
    """
    one, two = first.of_model(model), second.of_model(_same_model(first, second, model))
    differ = differences(one, two)
    other = {*differ.not_comparable, *differ.prompts}
    same = [key for key in two if key in one and key not in other]
    asked = [key for key in same if not reply_ids(one[key].calls) & reply_ids(two[key].calls)]
    if not asked:
        why = f"they hold the same replies to all {len(same)} cases" if same else "no case is the same in both"
        raise RunFileError(
            f"two runs of the baseline tell nothing about each other: {why}; save the second one with "
            f"pytest --llm-model={model} --llm-mode=live --llm-report=FILE.jsonl"
        )
    before, after = both_with_untraced(without_copies(one), without_copies(two))
    table = tabulate({key: outcomes_of(before[key]) for key in asked}, {key: outcomes_of(after[key]) for key in asked})
    return dispersion(stratum for rows in table.categories.values() for stratum in rows)


def pool_of(first: Run, second: Run, model: str) -> Pool:
    """Two runs of a model as one.

    Args:
        first: the baseline.
        second: another run of the same model.
        model: its name in the first run.

    Raises:
        RunFileError: they are not two runs of one model.
    """
    return pooled(first.of_model(model), second.of_model(_same_model(first, second, model)))


def _same_model(first: Run, second: Run, model: str) -> str:
    """The name of a model of the first run in the second one.

    Raises:
        RunFileError: that is no run of it.
    """
    names = [name for name in second.models if name != second.baseline] if model not in second.models else [model]
    if len(names) == 1 and stands_for(first, model) == stands_for(second, names[0]):
        return names[0]
    others = ", ".join(f"{name}: {model_words(each)}" for name, each in second.models.items()) or "none"
    raise RunFileError(
        f"the second baseline is not a run of {model} ({model_words(first.models.get(model, {}))}); it holds {others}"
    )


def dispersion_words(found: Dispersion | None) -> str:
    """What two runs of the baseline say about its samples, in a sentence."""
    if found is None:
        return "two runs of the baseline: nothing failed in either, so they tell nothing about each other"
    independent = not found.repeats
    said = "its samples count as independent" if independent else "its samples repeat each other"
    return f"two runs of the baseline: phi {found.phi:.2f} over {found.strata} cases and categories; {said}"
