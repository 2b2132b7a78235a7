"""What is worse than in the anchor, a run that is never updated: many small steps add up that no gate sees."""

from __future__ import annotations

from pytest_llmeval.analysis.compare import Rules, Side, compare
from pytest_llmeval.analysis.comparison import CategoryRow
from pytest_llmeval.report.numbers import points
from pytest_llmeval.text import first_line, harmless


def drift_lines(anchor: Side, candidate: Side, rules: Rules) -> list[str]:
    """A heading, a line for each error category that fails more often than in the anchor, and one for any failure.

    Args:
        anchor: its results, as they were judged when it was saved.
        candidate: a model on trial.
        rules: the gate's, for the words; nothing fails here.
    """
    known = {key: result for key, result in anchor.results.items() if key in candidate.results}
    found = compare(anchor._replace(results=known), candidate, rules)
    when = f" ({anchor.saved_when})" if anchor.saved_when else ""
    head = f"against the anchor {anchor.saved}{when}: {candidate.name} in {len(found.compared)} of "
    head += f"{len(candidate.results)} cases; drift since the anchor is shown, not gated, and its saved verdicts count"
    if not found.compared:
        return [harmless(f"{head}; no case is the same in both")]
    worse = [_line(row) for row in found.rows if row.change > 0] or ["- no error category is worse"]
    return [harmless(line) for line in (head, *worse, _line(found.total))]


def _line(row: CategoryRow) -> str:
    word = f", {row.word}" if row.word else ""
    return f"- {first_line(row.name) or 'any failure'}: {row.counts}, {points(row.change)} points{word}"
