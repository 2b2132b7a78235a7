"""List the cases of one error category: new, known or fixed, with the changed words; and those that have none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pytest_llmeval.analysis.alike_reasons import alike_reasons
from pytest_llmeval.analysis.comparison import CategoryRow, Comparison
from pytest_llmeval.analysis.groups import fails_in
from pytest_llmeval.checks.categories import GENERAL
from pytest_llmeval.report.cases import case_lines, failing_sample, named, passes, reason_in, reply_text
from pytest_llmeval.report.numbers import points
from pytest_llmeval.report.paper import Line, Paper, clip, wrap
from pytest_llmeval.report.verdict import before_and_after, evidence, mark_of, remark, style_of, title
from pytest_llmeval.runs.results import CaseKey, CaseResult
from pytest_llmeval.text import did_you_mean, first_line, plural

if TYPE_CHECKING:
    from pytest_llmeval.checks.meaning import Embedding

_MOST_LINES = 3
_MOST_CASES = 3  # of a group of like reasons
_HINT = 'give them one: with category("..."), @pytest.mark.llm_category("..."), or the hook pytest_llmeval_category'
_WORDS = {"NEW": ("red",), "KNOWN": (), "FIXED": ("green",)}


def category_cases(paper: Paper, comparison: Comparison, name: str, *, titled: bool = True) -> list[Line]:
    """The new, known and fixed cases of a category, the new ones with their changed words; `titled` with the models."""
    row = next((row for row in comparison.rows if row.name == name), None)
    if row is None:
        known = [row.name for row in comparison.rows]
        guess = did_you_mean(name, known)
        told = f"no case failed as {name}{guess} (error categories of this comparison: {', '.join(known) or 'none'})"
        return paper.write(told, "yellow")
    lines = [*title(paper, comparison), Line("")] if titled else []
    lines += _head(paper, row)
    explained = remark(paper, row)
    lines += paper.write(explained, indent=2) if explained else []
    lines += _without_category(paper, comparison.candidate_results.values(), name)
    groups = {"NEW": row.new, "KNOWN": _known(comparison, row), "FIXED": row.fixed}
    for word, keys in groups.items():
        for key in keys:
            lines += _case(paper, comparison, name, key, word)
    return lines


def category_cases_alone(paper: Paper, results: Sequence[CaseResult], name: str) -> list[Line]:
    """The cases that fail in a category where nothing is compared, with their reasons and replies."""
    several = len({result.model for result in results}) > 1
    failing = [result for result in results if name in result.categories]
    if not failing:
        known = list(dict.fromkeys(category for result in results for category in result.categories))
        told = f"no case failed as {name}{did_you_mean(name, known)} (error categories of this run: "
        return paper.write(f"{told}{', '.join(known) or 'none'})", "yellow", hang=2)
    lines = paper.write(f"{plural(len(failing), 'case')} failed as {name}", "bold")
    lines += _without_category(paper, failing, name)
    for result in failing:
        lines.append(named(paper, f"{result.model}: " if several else "", str(result.key), indent=2))
        sample = failing_sample(result, name)
        lines += paper.write(first_line(reason_in(sample, name)) if sample else "", indent=4, hang=2)
        reply = wrap(paper.clean(reply_text(sample)[: 4 * paper.width]), paper.width - 6)
        lines += [Line(f"    | {line}") for line in reply[: _MOST_LINES if paper.verbosity <= 0 else None] if line]
    return lines


def uncategorised_lines(
    paper: Paper, results: Sequence[CaseResult], by: Embedding | None = None, who: str = ""
) -> list[Line]:
    """The failures of plain asserts that nothing gave a category, grouped by reasons, the largest group first.

    Args:
        by: groups them by what they mean.
        who: names it in errors.

    Raises:
        LlmevalError: the embedding failed.
    """
    answers = sum(bool(sample.uncategorised) for result in results for sample in result.samples)
    failing = sum(sample.outcome == "fail" for result in results for sample in result.samples)
    if not answers:
        none = "no answer failed" if not failing else f"every failing answer has a category ({failing} failed)"
        return paper.write(none, "green")
    asserts = f"{answers} of {plural(failing, 'failing answer')} failed in plain asserts without a category"
    lines = paper.write(f"{asserts}; they count as wrong_answer", "bold", hang=2)
    several = len({result.model for result in results}) > 1
    for group in alike_reasons(results, by, who):
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


def _without_category(paper: Paper, results: Iterable[CaseResult], name: str) -> list[Line]:
    """A line on failures that count in the category only because nothing gives them another."""
    if name != GENERAL:
        return []
    number = sum(bool(sample.uncategorised) for result in results for sample in result.samples)
    told = f"{plural(number, 'answer')} failed in plain asserts without a category"
    return paper.write(f"{told} (llmeval show RUN --uncategorised groups them)", indent=2, hang=2) if number else []


def _head(paper: Paper, row: CategoryRow) -> list[Line]:
    words = f"{row.name}: {before_and_after(paper, row)} answers, {points(row.change)} points, {row.word}"
    told = f", {row.p_words}" if evidence(row) else ""
    gated = "" if row.gated else ", not gated"
    return paper.write(words + told + gated, "bold", *style_of(mark_of(row)), hang=2)


def _known(comparison: Comparison, row: CategoryRow) -> Sequence[CaseKey]:
    told = {*row.new, *row.fixed}
    return [
        key
        for key in comparison.compared
        if key not in told
        and (result := comparison.candidate_results.get(key)) is not None
        and (fails_in(result, row.name) or any(row.name in sample.categories for sample in result.judged))
    ]


def _case(paper: Paper, comparison: Comparison, name: str, key: CaseKey, word: str) -> list[Line]:
    before, after = comparison.baseline_results.get(key), comparison.candidate_results.get(key)
    head = f"  {word:<5} "
    tail = f"  {passes(before)} {paper.arrow} {passes(after)}" if word != "NEW" and before and after else ""
    line = Line(head + clip(paper.clean(str(key)), paper.width - len(head) - len(tail)) + tail, _WORDS[word])
    detailed = word == "NEW" or (word == "KNOWN" and paper.verbosity > 0)
    return [line, *case_lines(paper, comparison, name, key, indent=len(head))] if detailed else [line]
