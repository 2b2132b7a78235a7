"""Say what a new baseline changes, so that a worse one is never accepted silently."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_llmeval.analysis.compare import Side, compare
from pytest_llmeval.report.numbers import count
from pytest_llmeval.runs.results import CaseKey, CaseResult, Run
from pytest_llmeval.text import harmless, plural

MOST_NAMES = 5


def change_lines(old: Run | None, new: Run) -> list[str]:
    """How a new baseline, a run of one model, differs from the one it replaces.

    Returns:
        A line of counts, then one starting with ``WORSE`` per error category that became more frequent, with its cases.
    """
    name = next(iter(new.models))
    after = new.of_model(name)
    head = f"{plural(len(after), 'case')} of {name}"
    if old is None or not old.models:
        return [f"{head}, {sum(result.outcome == 'fail' for result in after.values())} of them known misses"]
    before_name = name if name in old.models else next(iter(old.models))
    before = old.of_model(before_name)
    gone, added = [key for key in before if key not in after], [key for key in after if key not in before]
    changed = [key for key in after if key in before and _verdict(before[key]) != _verdict(after[key])]
    failing = sum(before[key].outcome == "fail" for key in gone)
    removed = f"{len(gone)} removed" + (f", {failing} of them failing" if failing else "")
    comparison = compare(Side(before_name, before), Side(name, after))
    others = len(comparison.changed)
    words = [f"{len(changed)} changed", f"{len(added)} added", removed]
    words += [f"{others} not comparable, as their row changed"] if others else []
    lines = [f"{head} ({', '.join(words)})"]
    for row in comparison.rows:
        if row.candidate_failed * row.baseline_judged > row.baseline_failed * row.candidate_judged:
            old_count = count(row.baseline_failed, row.baseline_judged)
            new_count = count(row.candidate_failed, row.candidate_judged)
            lines.append(harmless(f"WORSE {row.name}: {old_count} before, {new_count} now{_names(row.new)}"))
    return lines


def _verdict(result: CaseResult) -> tuple[object, ...]:
    failed = [sample.categories for sample in result.judged if sample.outcome == "fail"]
    return len(result.judged), sorted(map(str, failed))


def _names(keys: Sequence[CaseKey]) -> str:
    shown = ", ".join(map(str, keys[:MOST_NAMES]))
    more = f" and {len(keys) - MOST_NAMES} more" if len(keys) > MOST_NAMES else ""
    return f": {shown}{more}" if keys else ""
