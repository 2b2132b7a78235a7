"""The answers that no check can tell right from wrong: how many, and in what they differ from the baseline's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pytest_llmeval.analysis.comparison import Comparison
from pytest_llmeval.analysis.measure import Figures
from pytest_llmeval.report.numbers import dollars, percent, percentage, seconds
from pytest_llmeval.report.paper import Column, Line, Paper, table
from pytest_llmeval.runs.results import CaseResult
from pytest_llmeval.text import plural

if TYPE_CHECKING:  # every session that compares imports this, and few have unverified answers
    from pytest_llmeval.analysis.sides.disagreements import Disagreements, KindRow

_MOST_NAMED = 3
HEAD = ("differs in", "answers", "failed", "words differ")
"""The columns of `kind_cells`."""


def unverified_words(number: int, of: int) -> str:
    """As in ``482 of 541 cases are unverified``, "" for none."""
    return f"{number} of {plural(of, 'case')} {'is' if number == 1 else 'are'} unverified" if number else ""


def unverified_lines(paper: Paper, comparison: Comparison) -> list[Line]:
    """How the answers differ, where some are unverified; empty otherwise."""
    if not comparison.unverified:
        return []
    from pytest_llmeval.analysis.sides.disagreements import disagreements

    found = disagreements(comparison)
    lines = paper.write(unverified_head(comparison, found), "yellow", "bold", hang=2)
    lines += paper.write(calls_words(paper, comparison), indent=2, hang=2)
    body = [
        Column(head=head, cells=[kind_cells(row, found)[place] for row in found.rows])
        for place, head in enumerate(HEAD[1:], start=1)
    ]
    largest = [", ".join(paper.clean(key.case or str(key)) for key in row.cases[:_MOST_NAMED]) for row in found.rows]
    body.append(Column(head="largest", cells=largest, right=False, short=[name[:24] for name in largest]))
    return lines + (table(paper, HEAD[0], [row.kind for row in found.rows], body) if found.rows else [])


def unverified_head(comparison: Comparison, found: Disagreements) -> str:
    """How many answers nobody has verified, in a sentence that says what that means."""
    number = unverified_words(len(comparison.unverified), len(comparison.compared))
    say = "says" if found.same == 1 else "say"
    if any(map(_is_doubted, (*comparison.baseline_results.values(), *comparison.candidate_results.values()))):
        return (
            f"{number}: no check can tell whether they are right; {found.same} of all {say} the same as the baseline's"
        )
    return f"{number}: they differ from the baseline's and fail no check; {found.same} {say} the same"


def _is_doubted(result: CaseResult) -> bool:
    """Whether a judge that is not calibrated finds an answer bad."""
    return any(not (score.passed or score.gated) for sample in result.samples for score in sample.scores)


def kind_cells(row: KindRow, found: Disagreements) -> Sequence[str]:
    """A row of a table, under `HEAD`."""
    number = len(row.cases)
    failed = str(row.failed) if row.failed else ""
    return row.kind, f"{number} {percent(number, found.of)}", failed, percentage(row.size)


def calls_words(paper: Paper, comparison: Comparison) -> str:
    """What a case took and cost on both sides; times of a log and of this session were measured differently."""
    sides = (comparison.baseline, comparison.candidate)
    told = [f"{side.model}: {', '.join(_figures(side))}" for side in sides if _figures(side)]
    return paper.clean(f" {paper.dot} ".join(told))


def _figures(side: Figures) -> list[str]:
    half = next((each.value for each in side.latency if each.share == 0.5), None)
    return [
        *([f"p50 {seconds(half)}"] if half else []),
        *([f"${dollars(side.cost_per_case.value)} a case"] if side.cost_per_case is not None else []),
    ]


def unverified_alone(paper: Paper, results: Sequence[CaseResult]) -> list[Line]:
    """The same where nothing is compared."""
    number = sum(result.outcome == "unverified" for result in results)
    said = unverified_words(number, len(results))
    return paper.write(f"{said}: no check can tell whether they are right", "yellow", "bold", hang=2) if said else []
