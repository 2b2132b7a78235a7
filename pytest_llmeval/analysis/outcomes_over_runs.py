"""Which cases of a dataset never failed over several runs, and which always did."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import NamedTuple

from pytest_llmeval.case import Case
from pytest_llmeval.runs.results import CaseResult, Run


class OverRuns(NamedTuple):
    """What became of cases over several runs.

    Attributes:
        never: judged at least twice, and passed each time.
        always: judged at least twice, and failed each time.
        judged: how many cases were judged at least twice.
        unjudged: cases without any result that was judged.
    """

    never: list[Case]
    always: list[Case]
    judged: int
    unjudged: list[Case]


def results_of(cases: Sequence[Case], runs: Sequence[Run]) -> dict[tuple[str, str], list[CaseResult]]:
    """The results of each case, in its row's own words and as the row is now.

    Returns:
        By dataset and id. A result counts whatever its test and model.
    """
    names: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
    for case in cases:
        names.setdefault((_file(case.dataset), case.id, case.digest), []).append((case.dataset, case.id))
    found: dict[tuple[str, str], list[CaseResult]] = {(case.dataset, case.id): [] for case in cases}
    for run in runs:
        saved = {name for name, header in run.models.items() if header.get("saved")}
        for result in run.results:
            if not result.wording and result.model not in saved:
                for name in names.get((_file(result.dataset or ""), result.key.case, result.content), ()):
                    found[name].append(result)
    return found


def _file(dataset: str) -> str:
    return PurePath(dataset.replace("\\", "/")).name


def over_runs(cases: Sequence[Case], found: dict[tuple[str, str], list[CaseResult]]) -> OverRuns:
    """Which cases never or always failed.

    Args:
        cases: of datasets.
        found: their results, as `results_of` gives them.
    """
    never, always, unjudged, judged = list[Case](), list[Case](), list[Case](), 0
    for case in cases:
        outcomes = [result.outcome for result in found[case.dataset, case.id] if result.outcome != "error"]
        judged += len(outcomes) > 1
        if not outcomes:
            unjudged.append(case)
        elif len(outcomes) > 1 and set(outcomes) == {"pass"}:
            never.append(case)
        elif len(outcomes) > 1 and set(outcomes) == {"fail"}:
            always.append(case)
    return OverRuns(never, always, judged, unjudged)
