"""How often the replies of two models differ after normalising: in one line, by task, and case by case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_llmeval.checks.production.same_answer import same_answer
from pytest_llmeval.report.cases import named, passes, quote_beside, reply_text, steps_text, takes_steps
from pytest_llmeval.report.numbers import count, percentage
from pytest_llmeval.report.paper import Line, Paper
from pytest_llmeval.report.verdict import title
from pytest_llmeval.text import plural

if TYPE_CHECKING:
    from pytest_llmeval.analysis.comparison import Comparison, Differing
    from pytest_llmeval.analysis.sides.reply_pairs import ReplyPairs
    from pytest_llmeval.runs.results import SampleResult
    from pytest_llmeval.stats.means import Share

MOST_TASKS = 10
_MOST_LINES, _MOST_LINES_VERBOSE = 3, 20
_HOW = "white space, case, Unicode, Markdown, typography aside; JSON by value"


def differing_words(comparison: Comparison, *, most_tasks: int = MOST_TASKS) -> str:
    """As in ``replies differ: 34.5% (28.1 to 41.3%) in 48 cases; billing 50.0% (30.1 to 69.9%), ...``.

    Args:
        comparison: of a candidate with the baseline.
        most_tasks: how many tasks are told, those with the largest shares; where it is 1, without an interval.

    Returns:
        "" where no case has replies on both sides.
    """
    found = comparison.differing
    if found is None:
        return ""
    words = f"replies differ: {with_interval(found.share)} in {plural(found.cases, 'case')}"
    tasks = sorted(found.tasks.items(), key=lambda each: (-each[1].value, each[0]))
    if len(tasks) < 2:
        return words
    if most_tasks == 1:
        return f"{words}, most in {tasks[0][0]} ({percentage(tasks[0][1].value)})"
    told = [f"{name} {with_interval(share)}" for name, share in tasks[:most_tasks]]
    more = f", and {plural(len(tasks) - most_tasks, 'more task')}" if len(tasks) > most_tasks else ""
    return f"{words}; {', '.join(told)}{more}"


def with_interval(share: Share) -> str:
    """As in ``34.5% (28.1 to 41.3%)``."""
    return f"{percentage(share.value)} ({100 * share.low:.1f} to {percentage(share.high)})"


def differing_line(paper: Paper, comparison: Comparison) -> list[Line]:
    """The same for the terminal, where without -v one task is named."""
    words = differing_words(comparison, most_tasks=MOST_TASKS if paper.verbosity > 0 else 1)
    return paper.write(words, hang=2) if words else []


def differing_json(found: Differing) -> dict[str, Any]:
    """The same for programs."""
    return {
        "cases": found.cases,
        **_json(found.share),
        "tasks": {name: _json(share) for name, share in found.tasks.items()},
    }


def _json(share: Share) -> dict[str, float]:
    return {"share": share.value, "low": share.low, "high": share.high}


def differing_cases(paper: Paper, comparison: Comparison, *, titled: bool = True) -> list[Line]:
    """The cases whose replies differ, the largest difference first, and how many are equal.

    Args:
        paper: verbosity 1 shows long replies in full.
        comparison: of a candidate with the baseline.
        titled: whether to say first who is compared with whom.
    """
    from pytest_llmeval.analysis.sides.reply_pairs import reply_pairs, widest

    left_out = {*comparison.changed, *comparison.unlike}
    cases = reply_pairs(comparison.baseline_results, comparison.candidate_results, left_out)
    lines = [*title(paper, comparison), Line("")] if titled else []
    if not cases:
        return [*lines, *paper.write("no case has a reply on both sides", "yellow")]
    unlike = [(case, widest(case)) for case in cases if case.differ]
    equal = len(cases) - len(unlike)
    told = f"{equal} of {plural(len(cases), 'case')} {'is' if equal == 1 else 'are'} equal after normalising ({_HOW})"
    lines += differing_line(paper, comparison)
    for case, pair in sorted(unlike, key=lambda each: (-each[1].size, each[0].key)):
        lines += _case(paper, comparison, case)
        lines += _beside(paper, pair.before, pair.after)
    return [*lines, *paper.write(told, hang=2)]


def _beside(paper: Paper, before: SampleResult, after: SampleResult) -> list[Line]:
    most = _MOST_LINES_VERBOSE if paper.verbosity > 0 else _MOST_LINES
    old, new = reply_text(before), reply_text(after)
    lines = quote_beside(paper, old, new, indent=4, most=most)
    if takes_steps(before) or takes_steps(after) or same_answer(old, new):  # then it is the functions that differ
        lines = quote_beside(paper, steps_text(before), steps_text(after), indent=4, most=most) + lines
    return lines


def _case(paper: Paper, comparison: Comparison, case: ReplyPairs) -> list[Line]:
    before, after = comparison.baseline_results[case.key], comparison.candidate_results[case.key]
    facts = [f"task {case.task}"] if case.task else []
    if case.pairs > 1:
        facts.append(f"{count(case.differ, case.pairs)} pairs of replies differ")
    facts.append(f"passed {passes(before)} {paper.arrow} {passes(after)}")
    head = named(paper, "", str(case.key), indent=2)
    return [head._replace(style=("bold",)), *paper.write("; ".join(facts), indent=4, hang=2)]
