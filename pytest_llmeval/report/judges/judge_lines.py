"""What judges said of the answers, and what people's labels of their verdicts make of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pytest_llmeval.report.paper import Line, Paper
from pytest_llmeval.runs.results import CaseResult
from pytest_llmeval.score import Judge
from pytest_llmeval.text import plural

if TYPE_CHECKING:
    from pytest_llmeval.analysis.comparison import Comparison
    from pytest_llmeval.stats.labels import Estimate


def judge_lines(paper: Paper, models: Mapping[str, Iterable[CaseResult]]) -> list[Line]:
    """A line for each judge and each model that it judged; none where no judge was asked.

    Args:
        models: the results by model.
    """
    lines: list[Line] = []
    for model, results in models.items():
        asked, flagged = Counter[Judge](), Counter[Judge]()
        for score in (score for result in results for sample in result.samples for score in sample.scores):
            if score.judge is not None:
                asked[score.judge] += 1
                flagged[score.judge] += not score.passed
        for judge, count in asked.items():
            known = judge.labels is not None
            style = () if known else ("yellow",)
            lines += paper.write(_sentence(judge, flagged[judge], count, model), *style, hang=2)
    return lines


def judge_lines_compared(paper: Paper, comparison: Comparison) -> list[Line]:
    """The same of both sides of a comparison."""
    sides = (
        (comparison.baseline.model, comparison.baseline_results),
        (
            comparison.candidate.model,
            comparison.candidate_results,
        ),
    )
    return [line for name, results in sides for line in judge_lines(paper, {name: results.values()})]


def _sentence(judge: Judge, flagged: int, count: int, model: str) -> str:
    said = f"{flagged} of {plural(count, 'answer')} of {model} {'fails' if count == 1 else 'fail'}"
    if judge.labels is None:
        return f"{judge.rubric} by {judge.model}, not calibrated: {said}, which does not count"
    from pytest_llmeval.stats.judged_rate import corrected_rate

    rate = corrected_rate(flagged, count, **judge.labels._asdict())
    corrected = f"; {_percent(rate)} by its {sum(judge.labels)} labels" if rate is not None else ""
    return f"{judge.rubric} by {judge.model}: {said}{corrected}"


def _percent(rate: Estimate) -> str:
    """As in ``9.3 % [5, 16]``; the ends of the interval are rounded outwards."""
    return f"{100 * rate.value:.1f} % [{math.floor(100 * rate.low + 1e-9)}, {math.ceil(100 * rate.high - 1e-9)}]"
