"""One candidate beside the baseline: the gate first, then the evidence, then what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pytest_llmeval.analysis.comparison import UNMEASURED, CategoryRow, Comparison
from pytest_llmeval.report.cases import (
    count_words,
    counts,
    error_lines,
    kinds_of_errors,
    miss_lines,
    not_compared_lines,
)
from pytest_llmeval.report.figures import MEASURED, figures_table, not_comparable
from pytest_llmeval.report.new_and_known import new_misses
from pytest_llmeval.report.next_step import AGAIN, after_errors
from pytest_llmeval.report.numbers import count, p_value, percent, plural, points
from pytest_llmeval.report.paper import Column, Line, Paper, table
from pytest_llmeval.report.sections import called_now, cases_words, facts, in_short, results_of, spent_words
from pytest_llmeval.report.sections import sections as more_sections

if TYPE_CHECKING:
    from pytest_llmeval.analysis.routing import Route

MOST_NAMED = 3  # categories in the gate's sentence


def one_candidate(paper: Paper, comparison: Comparison, routes: Sequence[Route] = ()) -> list[Line]:
    """The whole summary of one candidate; three lines when there is nothing to read."""
    if paper.verbosity <= 0 and nothing_new(comparison):
        return _green(paper, comparison)
    evidence = [
        category_table(paper, comparison),
        figures_table(paper, comparison.baseline, comparison.candidate, saved=comparison.saved),
        [] if paper.listed else miss_lines(paper, comparison),
        *more_sections(paper, results_of([comparison]), candidates=[comparison.candidate.model], routes=routes),
        counts(paper, comparison),
    ]
    sections = [
        title(paper, comparison) + sight(paper, comparison) + facts(paper, called_now([comparison])),
        gate_lines(paper, comparison) + improved_lines(paper, comparison),
        *(evidence if comparison.compared else []),
        error_lines(paper, comparison),
        not_compared_lines(paper, comparison),
        [] if paper.listed or paper.verbosity > 0 else next_line(paper, comparison),  # with -v it ends the session
    ]
    lines: list[Line] = []
    for section in sections:
        lines += [Line(""), *section] if lines and section else section
    return lines


def nothing_new(comparison: Comparison) -> bool:
    """Whether the gate passed and there is nothing that anyone should look at."""
    unsettled = any(mark_of(row) != " " for row in comparison.rows)
    changed = comparison.changed or comparison.unlike
    left_out = comparison.errors or changed or comparison.only_baseline or comparison.only_candidate
    said = comparison.reasons or comparison.notes
    return comparison.gate == "passed" and not (new_misses(comparison) or unsettled or left_out or said)


def title(paper: Paper, comparison: Comparison) -> list[Line]:
    """Who is compared with whom."""
    return paper.write(f"{_named('candidate', comparison)} vs {baseline_words(comparison)}", "bold", hang=2)


def sight(paper: Paper, comparison: Comparison) -> list[Line]:
    """How old a saved baseline is, or what a baseline that runs in the same checkout cannot see."""
    if comparison.saved_when:
        return paper.write(f"the baseline is {comparison.saved_when}", hang=2)
    if comparison.saved is not None:
        return []
    return paper.write("both ran in this checkout: what its prompts or code do to both alike is not seen", hang=2)


def _named(side: Literal["baseline", "candidate"], comparison: Comparison) -> str:
    """A side with its model, which is often called as the side is."""
    name = (comparison.baseline if side == "baseline" else comparison.candidate).model
    return name if name == side else f"{side} {name}"


def baseline_words(comparison: Comparison) -> str:
    """The baseline's name, and where it comes from unless it ran in this session."""
    saved = f" (saved run {comparison.saved})" if comparison.saved else ""
    return f"{_named('baseline', comparison)}{saved}"


def gate_lines(paper: Paper, comparison: Comparison, *, name: str = "") -> list[Line]:
    """The gate's verdict in one sentence, and what else it says about it.

    Args:
        paper: what it is written on.
        comparison: of which the gate is told.
        name: what to put in front when several gates are told.
    """
    first, *others = comparison.reasons or ("",)
    front = f"{name}: " if name else ""
    if comparison.gate == "failed":
        lines = paper.write(f"{front}GATE FAILED: {first or 'an error category regressed'}", "red", "bold", hang=2)
    elif comparison.gate == "passed":
        rows = {each.row if (each := comparison.candidate_results.get(key)) else key for key in comparison.compared}
        said = first or f"no error category regressed in {plural(len(rows), 'case')}"
        but = _but(paper, comparison)
        lines = paper.write(f"{front}gate ok{_part(comparison)}: {said}{but}", "yellow" if but else "green", hang=2)
    else:
        said = first or "the comparison is not complete"
        lines = paper.write(f"{front}GATE NOT EVALUATED: {said}", "yellow", "bold", hang=2)
    for other in [*others, *comparison.notes]:
        lines += paper.write(other, indent=2, hang=2)
    return lines


def _part(comparison: Comparison) -> str:
    return f" in {comparison.part}" if comparison.part else ""


def _but(paper: Paper, comparison: Comparison) -> str:
    """What a gate that passed does not vouch for, as the end of its sentence: no "ok" hides a category that is not."""
    why = {
        "TOO SMALL": "is too few to tell",
        "INCONCLUSIVE": "could be noise or not",
        "REGRESSED": "regressed, which is not gated",
    }
    told = [
        f"{row.name} {count(row.baseline_failed, row.baseline_judged)} {paper.arrow} "
        f"{count(row.candidate_failed, row.candidate_judged)} {why.get(row.word, 'is worse')}"
        for row in comparison.rows
        if mark_of(row) == "~"
    ]
    more = f", and {len(told) - MOST_NAMED} more" if len(told) > MOST_NAMED else ""
    return f", but {', '.join(told[:MOST_NAMED])}{more}" if told else ""


def improved_lines(paper: Paper, comparison: Comparison, *, indent: int = 0) -> list[Line]:
    """That the total got better although the gate failed, which a single rate would have hidden."""
    total = comparison.total
    if comparison.gate != "failed" or total.change >= 0:
        return []
    before = count(total.baseline_failed, total.baseline_judged)
    after = count(total.candidate_failed, total.candidate_judged)
    return paper.write(
        f"The total got better: any failure {before} {paper.arrow} {after}, {points(total.change)} points. "
        "The gate looks at each error category by itself.",
        indent=indent,
    )


def mark_of(row: CategoryRow) -> str:
    """``!`` for a gated regression, ``~`` for worse but not gated or not proven, else a space."""
    if row.word == "REGRESSED":
        return "!" if row.gated else "~"
    return "~" if row.word == "INCONCLUSIVE" or (row.word == "TOO SMALL" and row.change > 0) else " "


def style_of(mark: str) -> tuple[str, ...]:
    """The colour that goes with a mark."""
    return {"!": ("red",), "~": ("yellow",)}.get(mark, ())


def category_table(paper: Paper, comparison: Comparison) -> list[Line]:
    """Counts by error category on both sides, with the verdict, and what its words need explained."""
    rows = [*comparison.rows, comparison.total]
    marks = [*map(mark_of, comparison.rows), " "]
    before = [(row.baseline_failed, row.baseline_judged) for row in rows]
    after = [(row.candidate_failed, row.candidate_judged) for row in rows]
    new = [*(len(row.new) for row in comparison.rows), len(comparison.new)]
    fixed = [*(len(row.fixed) for row in comparison.rows), len(comparison.fixed)]
    body = [
        Column(head="baseline", cells=_shares(before), short=[count(*pair) for pair in before]),
        Column(head="candidate", cells=_shares(after), short=[count(*pair) for pair in after]),
        Column(head="pts", cells=[points(row.change) for row in rows]),
        Column(head="new", cells=[str(number) for number in new]),
        Column(head="fixed", cells=[str(number) for number in fixed], gap=1),
    ]
    if comparison.rows:
        body.append(Column(head="verdict", cells=[row.word for row in rows], right=False))
        body.append(Column(head="p", cells=[evidence(row) for row in rows], right=False, gap=1))
    names = [*(paper.clean(row.name) for row in comparison.rows), "any failure"]
    styles = [*map(style_of, marks)]
    lines = table(
        paper, "category", names, body, marks=marks, styles=styles, rules={len(rows) - 1} if comparison.rows else ()
    )
    for remark in remarks(paper, comparison):
        lines += paper.write(remark, indent=2, hang=2)
    return lines + legend(paper, marks)


def remarks(paper: Paper, comparison: Comparison) -> list[str]:
    """What the words of the verdicts need explained, a sentence for each category that has something."""
    told = ((row.name, _remark(paper, row)) for row in comparison.rows)
    return [f"{name}: {text}" for name, text in told if text]


def evidence(row: CategoryRow) -> str:
    """The p-value where the verdict rests on one."""
    return p_value(row.p) if row.word in ("REGRESSED", "INCONCLUSIVE", "IMPROVED") else ""


def legend(paper: Paper, marks: list[str]) -> list[Line]:
    """What the marks in use mean."""
    words = {"!": "! regressed, gated", "~": "~ worse, but not gated or not proven"}
    used = [text for mark, text in words.items() if mark in marks]
    return paper.write(f" {paper.dot} ".join(used), indent=2) if used else []


def _shares(pairs: list[tuple[int, int]]) -> list[str]:
    shares = [percent(*pair) for pair in pairs]
    width = max(map(len, shares))
    return [f"{count(*pair)} {share:>{width}}" for pair, share in zip(pairs, shares, strict=True)]


def _remark(paper: Paper, row: CategoryRow) -> str:
    remarks = []
    why = {"INCONCLUSIVE": "could be noise", "TOO SMALL": "too few to tell"}.get(row.word, "")
    if why and mark_of(row) == "~":
        more = row.samples_needed
        remarks.append(f"{why}; about {more} samples per case would settle it" if more else why)
    if row.note:
        remarks.append(row.note)
    before = row.baseline_failed * row.candidate_judged
    after = row.candidate_failed * row.baseline_judged
    if (after - before) * row.change < 0:
        remarks.append("points are the mean over the cases, whose numbers of answers differ")
    if paper.verbosity > 0 and row.interval:
        low, high = map(points, row.interval)
        remarks.append(f"95 % interval of the change {low} to {high} points")
    return "; ".join(remarks)


def next_line(paper: Paper, comparison: Comparison) -> list[Line]:
    """What to do now."""
    undecided = [row.samples_needed for row in comparison.rows if row.word == "INCONCLUSIVE" and row.samples_needed]
    regressed = [row.name for row in comparison.rows if mark_of(row) == "!"]
    misses = new_misses(comparison)
    unmeasured = any(reason.startswith(UNMEASURED) for reason in comparison.reasons)
    if unmeasured and comparison.errors:
        text = _after_errors(comparison)
    elif comparison.gate == "failed" and regressed:
        text = f"{paper.show}={regressed[0]} lists its cases with what changed"
    elif (comparison.gate == "failed" and comparison.errors) or _trouble(comparison):
        text = _after_errors(comparison)
    elif comparison.gate == "not evaluated":
        text = "run all cases with both models, then the gate is evaluated"
    elif undecided:
        text = f"--llm-samples={max(undecided)} would settle what is inconclusive"
    elif misses and paper.verbosity > 0:
        text = "pytest -vv -k CASE shows one of the misses closely, with its prompt"
    elif misses:
        text = "-v lists every miss with both replies"
    elif comparison.saved and (comparison.changed or comparison.unlike or comparison.only_candidate):
        text = "save the baseline anew with --llm-update-baseline, so that it has every case as it is now"
    else:
        return []
    return paper.write(f"next: {text}", hang=6)


def _trouble(comparison: Comparison) -> bool:
    """Whether the rest of the cases would have the same errors, so that running them first tells nothing."""
    return comparison.gate == "not evaluated" and bool(comparison.errors) and _after_errors(comparison) != AGAIN


def _after_errors(comparison: Comparison) -> str:
    return after_errors(next(iter(kinds_of_errors(comparison))))


def _green(paper: Paper, comparison: Comparison) -> list[Line]:
    candidate = comparison.candidate
    said = f"gate ok{_part(comparison)}: {cases_words(paper, candidate)}, 0 regressed"
    rest = count_words(comparison)
    lines = title(paper, comparison) + sight(paper, comparison)
    lines += paper.write(f"{said}, {rest}" if rest else said, "green", hang=2)
    lines += paper.write(f" {paper.dot} ".join(_in_short(paper, comparison)), hang=2)
    reworded = in_short(comparison)
    return lines + (paper.write(reworded, hang=2) if reworded else [])


def _in_short(paper: Paper, comparison: Comparison) -> list[str]:
    before, after = comparison.baseline, comparison.candidate
    reason = not_comparable(before, after, saved=comparison.saved)
    words = []
    for head in ("p50", "p95", "$/resolved"):
        measured = next(measured for measured in MEASURED if measured.head == head)
        comparable = not reason or not (comparison.saved or measured.timed)
        old, new = measured.value(before) if comparable else None, measured.value(after)
        if new is not None:
            shown = measured.show(new) if old is None else f"{measured.show(old)} {paper.arrow} {measured.show(new)}"
            recorded = " recorded" if measured.timed and not after.live_figures else ""
            words.append(f"{head} {shown}{recorded}")
    return (
        [", ".join(words), *spent_words(called_now([comparison]))] if words else spent_words(called_now([comparison]))
    )
