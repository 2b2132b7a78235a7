"""The failures of plain asserts that nothing gave a category, from which a project's own categories can grow."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_llmeval.analysis.alike_reasons import alike_reasons
from pytest_llmeval.report.paper import Line, Paper, clip
from pytest_llmeval.runs.results import CaseResult
from pytest_llmeval.text import plural

_MOST_CASES = 3
_HINT = 'give them one: with category("..."), @pytest.mark.llm_category("..."), or the hook pytest_llmeval_category'


def uncategorised_lines(paper: Paper, results: Sequence[CaseResult]) -> list[Line]:
    """The groups of such failures, the largest first, each with cases and reasons; -v lists every case."""
    answers = sum(bool(sample.uncategorised) for result in results for sample in result.samples)
    failing = sum(sample.outcome == "fail" for result in results for sample in result.samples)
    if not answers:
        none = "no answer failed" if not failing else f"every failing answer has a category ({failing} failed)"
        return paper.write(none, "green")
    asserts = f"{answers} of {plural(failing, 'failing answer')} failed in plain asserts that nothing gives a category"
    lines = paper.write(f"{asserts}; they count as wrong_answer", "bold", hang=2)
    several = len({result.model for result in results}) > 1
    for group in alike_reasons(results):
        lines += [Line(""), *paper.write(f"{group.answers} x {group.reason}", "bold", indent=2, hang=2)]
        shown = group.results if paper.verbosity > 0 else group.results[:_MOST_CASES]
        for result in shown:
            name = f"{result.model}: {result.key}" if several else str(result.key)
            reason = next(reason for sample in result.samples for reason in sample.uncategorised)
            lines.append(Line("    " + clip(paper.clean(name), paper.width - 4)))
            lines += paper.write(reason, indent=6, hang=2) if len(group.examples) > 1 else []
        if len(shown) < len(group.results):
            lines += paper.write(f"and {len(group.results) - len(shown)} more (-v lists all)", indent=4)
    return [*lines, Line(""), *paper.write(_HINT, hang=2)]
