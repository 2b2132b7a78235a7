"""The gate's verdict on one candidate: in a sentence, and by error category."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_llmeval.analysis.comparison import CategoryRow, Comparison, OneSided, fail_now_words
from pytest_llmeval.report.cases import count_words, new_failures, new_misses, side_name
from pytest_llmeval.report.figures import MEASURED, not_comparable
from pytest_llmeval.report.numbers import count, p_value, percent, percentage, points
from pytest_llmeval.report.paper import Column, Line, Paper, table
from pytest_llmeval.report.replies.unverified import unverified_words
from pytest_llmeval.report.sections import called_now, cases_words, in_short, spent_words
from pytest_llmeval.runs.billed import Billed
from pytest_llmeval.text import plural

MOST_ONE_SIDED = 0.2  # of a category's cases, those not compared that are told without -v
MOST_NAMED = 3  # categories in the gate's sentence


def nothing_new(comparison: Comparison) -> bool:
    """Whether the gate passed and nothing needs a look."""
    unsettled = any(mark_of(row) != " " for row in [*comparison.rows, *rising_together(comparison)])
    changed = comparison.changed or comparison.unlike or comparison.unjudged
    unclear = comparison.errors or comparison.unverified or comparison.fail_now
    left_out = unclear or changed or comparison.only_baseline or comparison.only_candidate
    said = comparison.reasons or comparison.notes
    return comparison.gate == "passed" and not (new_misses(comparison) or unsettled or left_out or said)


def title(paper: Paper, comparison: Comparison) -> list[Line]:
    """Who is compared with whom."""
    return paper.write(
        f"{side_name('candidate', comparison.candidate.model)} vs {baseline_words(comparison)}", "bold", hang=2
    )


def sight(paper: Paper, comparison: Comparison) -> list[Line]:
    """How old a saved baseline is, or what a baseline from the same checkout cannot show."""
    if comparison.saved_when:
        return paper.write(f"the baseline was {comparison.saved_when}", hang=2)
    if comparison.saved is not None:
        return []
    return paper.write("both ran in this checkout, so a change that hurts both alike does not show", hang=2)


def baseline_words(comparison: Comparison) -> str:
    """The baseline's name, with its file unless it ran in this session."""
    saved = f" (saved run {comparison.saved})" if comparison.saved else ""
    return f"{side_name('baseline', comparison.baseline.model)}{saved}"


def gate_lines(paper: Paper, comparison: Comparison, *, several: bool = False) -> list[Line]:
    """The gate's verdict in one sentence, after the candidate's name where there are several; its reasons and notes."""
    first, *others = comparison.reasons or ("",)
    front = f"{comparison.candidate.model}: " if several else ""
    if comparison.gate == "failed":
        lines = paper.write(f"{front}GATE FAILED: {first or 'an error category regressed'}", "red", "bold", hang=2)
    elif comparison.gate == "passed":
        rows = {each.row if (each := comparison.candidate_results.get(key)) else key for key in comparison.compared}
        counted = "" if comparison.part[:1].isdigit() else f" in {plural(len(rows), 'case')}"  # which has a number
        said = first or f"no error category regressed{counted}"
        part = f" in {comparison.part}" if comparison.part else ""
        but = _but(paper, comparison)
        lines = paper.write(f"{front}gate ok{part}: {said}{but}", "yellow" if but else "green", hang=2)
    else:
        said = first or "the comparison is not complete"
        lines = paper.write(f"{front}GATE NOT EVALUATED: {said}", "yellow", "bold", hang=2)
    for other in [*others, *comparison.notes]:
        lines += paper.write(other, indent=2, hang=2)
    return lines


def _but(paper: Paper, comparison: Comparison) -> str:
    """What is not OK although the gate passed, to end its sentence: no "ok" hides a category or a new failing case."""
    rows = [*comparison.rows, *rising_together(comparison)]
    told = [f"{row.name} {why}" for row in rows if (why := _unseen_words(row) or _why(paper, row))]
    if unverified := unverified_words(len(comparison.unverified), len(comparison.compared)):
        told.insert(0, unverified)
    if comparison.fail_now:
        told.insert(0, fail_now_words(len(comparison.fail_now)))
    if new := len(new_failures(comparison)):
        told.insert(0, f"{plural(new, 'new case')} {'fails' if new == 1 else 'fail'}")
    more = f", and {len(told) - MOST_NAMED} more" if len(told) > MOST_NAMED else ""
    return f", but {', '.join(told[:MOST_NAMED])}{more}" if told else ""


def rising_together(comparison: Comparison) -> list[CategoryRow]:
    """The row of all gated categories together, where it rose or may have and no category says so by itself."""
    row = comparison.together
    rose = row is not None and row.word in ("REGRESSED", "INCONCLUSIVE", "SMALL")
    alone = any(each.gated and each.word == "REGRESSED" for each in comparison.rows)
    return [row] if row is not None and rose and not alone else []


def _why(paper: Paper, row: CategoryRow) -> str:
    """Why a category is not OK, to follow its name; "" for one that is, or that is not gated and did not rise."""
    if row.word == "NOT SHOWN" and not row.gated and row.change <= 0:
        return ""
    if not row.baseline_judged and not row.candidate_judged:
        return "was not examined"
    why = {
        "REGRESSED": "regressed, which is not gated",
        "SMALL": "rose, by less than fails",
        "INCONCLUSIVE": "could be noise or not",
        "NOT SHOWN": could_hide(row),
    }.get(row.word)
    return f"{before_and_after(paper, row)} {why}" if why else ""


def could_hide(row: CategoryRow) -> str:
    """How large a rise the data of a category could hide."""
    most = f"a rise of up to {100 * row.interval[1]:.1f} points" if row.interval is not None else "any rise"
    return f"could hide {most}"


def before_and_after(paper: Paper, row: CategoryRow) -> str:
    """As in ``2/250 → 9/250``."""
    before = count(row.baseline_failed, row.baseline_judged)
    return f"{before} {paper.arrow} {count(row.candidate_failed, row.candidate_judged)}"


def improved_lines(paper: Paper, comparison: Comparison, *, indent: int = 0) -> list[Line]:
    """A note that the total got better although the gate failed; none where most cases have no verdict."""
    total = comparison.total
    if comparison.gate != "failed" or total.change >= 0 or len(comparison.errors) > len(comparison.compared):
        return []
    return paper.write(
        f"The total got better: any failure {before_and_after(paper, total)}, {points(total.change)} points. "
        "The gate looks at each error category by itself.",
        indent=indent,
    )


def mark_of(row: CategoryRow) -> str:
    """``!`` for a gated regression, ``~`` for one that is not gated or not proven, else a space."""
    if row.word == "REGRESSED":
        return "!" if row.gated else "~"
    worse = row.word in ("INCONCLUSIVE", "SMALL") or (row.word == "NOT SHOWN" and row.change > 0)
    return "~" if worse or _unseen_words(row) else " "


def _unseen_words(row: CategoryRow) -> str:
    """How often the candidate fails where the baseline tells nothing of it, "" where something else is worse."""
    failed = row.one_sided.candidate_failed
    if not failed or row.word in ("REGRESSED", "INCONCLUSIVE"):
        return ""
    return f"{count(failed, row.one_sided.candidate_judged)} where the baseline was not examined for it"


def style_of(mark: str) -> tuple[str, ...]:
    """The colour that goes with a mark."""
    return {"!": ("red",), "~": ("yellow",)}.get(mark, ())


def category_table(paper: Paper, comparison: Comparison) -> list[Line]:
    """A table with the counts and the verdict of each error category, with remarks and a legend."""
    rows, rising = [*comparison.rows, comparison.total], rising_together(comparison)
    marks = [*map(mark_of, comparison.rows), mark_of(rising[0]) if rising else " "]
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
        judged = [*comparison.rows, rising[0] if rising else comparison.total]
        body.append(Column(head="verdict", cells=[row.word for row in judged], right=False))
        body.append(Column(head="p", cells=[evidence(row) for row in judged], right=False, gap=1))
    names = [*(paper.clean(row.name) for row in comparison.rows), "any failure"]
    rules = {len(rows) - 1} if comparison.rows else set()
    lines = table(paper, "category", names, body, marks=marks, styles=[*map(style_of, marks)], rules=rules)
    for remark in remarks(paper, comparison):
        lines += paper.write(remark, indent=2, hang=2)
    return lines + legend(paper, marks)


def remarks(paper: Paper, comparison: Comparison) -> list[str]:
    """What explains the verdicts, a sentence for each category that needs one."""
    rows = [*comparison.rows, *rising_together(comparison)]
    told = [(row, text) for row in rows if (text := remark(paper, row))]
    alike = [row for row, text in told if text == could_hide(row) and row.interval is not None]
    if len(alike) < 3:
        return [f"{row.name}: {text}" for row, text in told]
    rises = [f"{row.name} (up to {100 * row.interval[1]:.1f} points)" for row in alike if row.interval is not None]
    last = f"a rise may hide in {', '.join(rises)}"
    return [*(f"{row.name}: {text}" for row, text in told if row not in alike), last]


def evidence(row: CategoryRow) -> str:
    """The p-value, "" where the verdict does not depend on one."""
    return p_value(row.p) if row.word in ("REGRESSED", "SMALL", "INCONCLUSIVE", "IMPROVED") else ""


def legend(paper: Paper, marks: Sequence[str]) -> list[Line]:
    """What the marks mean that occur."""
    words = {"!": "! regressed, gated", "~": "~ worse, but not gated or not proven"}
    used = [text for mark, text in words.items() if mark in marks]
    return paper.write(f" {paper.dot} ".join(used), indent=2) if used else []


def _shares(pairs: list[tuple[int, int]]) -> list[str]:
    shares = [percent(*pair) for pair in pairs]
    width = max(map(len, shares))
    return [f"{count(*pair)} {share:>{width}}" for pair, share in zip(pairs, shares, strict=True)]


def remark(paper: Paper, row: CategoryRow) -> str:
    """What explains the verdict on a category, "" when it needs no explanation."""
    remarks = []
    why = {"INCONCLUSIVE": "could be noise", "NOT SHOWN": could_hide(row), "SMALL": "rose, by less than fails"}
    if row.word in why and row.baseline_judged + row.candidate_judged:
        on = " on both sides" if row.both_drawn else ""
        more = f"; about {row.samples_needed} samples per case{on} would settle it" if row.samples_needed else ""
        remarks.append(why[row.word] + more)
    if row.word == "REGRESSED":
        remarks.append(_extent(row))
    if row.word in ("REGRESSED", "SMALL", "INCONCLUSIVE"):
        remarks += _strongest(paper, row)
    if row.note:
        remarks.append(row.note)
    few = row.one_sided.cases > MOST_ONE_SIDED * row.one_sided.of
    if few or row.one_sided.candidate_failed or (row.one_sided.cases and paper.verbosity > 0):
        remarks.append(_one_sided_words(row.one_sided))
    elif not row.baseline_judged and not row.candidate_judged:
        remarks.append("no answer was examined for it")
    before = row.baseline_failed * row.candidate_judged
    after = row.candidate_failed * row.baseline_judged
    if (after - before) * row.change < 0:
        remarks.append("points are the mean over the cases, whose numbers of answers differ")
    if paper.verbosity > 0 and row.interval:
        low, high = map(points, row.interval)
        remarks.append(f"95 % interval of the change {low} to {high} points")
    return "; ".join(remarks)


def _extent(row: CategoryRow) -> str:
    """How large a regression is at least, and where it is."""
    by = f"at least {points(row.at_least)} points" if row.at_least else "rose"
    changed = f"{row.worse} worse, {row.better} better"
    return f"{by}, {row.spread} ({changed})" if row.spread else f"{by}, {changed}"


def _strongest(paper: Paper, row: CategoryRow) -> list[str]:
    """The cases that speak most for a rise; nothing where each has one answer, since these speak alike."""
    told = [
        f"{paper.clean(each.key.case or str(each.key).rpartition('::')[2])} {count(*each.before)} {paper.arrow} "
        f"{count(*each.after)}" + (f" ({each.bits:+.0f} bits)" if paper.verbosity > 0 else "")
        for each in row.worst[:MOST_NAMED]
        if each.before[1] > 1 or each.after[1] > 1
    ]
    return [f"worst: {', '.join(told)}"] if told else []


def _one_sided_words(of: OneSided) -> str:
    """Which cases are not compared, and what is known of them."""
    are = f"{of.cases} of {plural(of.of, 'case')} {'is' if of.cases == 1 else 'are'}"
    lacking = "one side" if of.baseline_judged and of.candidate_judged else "the baseline"
    told = f"{are} not compared, as {lacking if of.candidate_judged else 'the candidate'} was not examined for it there"
    if of.baseline_failed:
        told += f"; the baseline fails in {of.baseline_failed} of {of.baseline_judged} answers"
    if of.candidate_failed:
        told += f"; the candidate fails in {of.candidate_failed} of {of.candidate_judged} answers"
    return told


def green_lines(paper: Paper, comparison: Comparison, besides: Billed) -> list[Line]:
    """The whole report in a few lines, for when `nothing_new`; `besides` were billed and are in no result."""
    part = f" in {comparison.part}" if comparison.part else ""
    said = f"gate ok{part}: {cases_words(paper, comparison.candidate)}, 0 regressed"
    rest = count_words(comparison)
    figures = [*_figures_in_short(paper, comparison), *spent_words(called_now([comparison]), besides)]
    lines = title(paper, comparison) + sight(paper, comparison)
    but = _but(paper, comparison)
    lines += paper.write((f"{said}, {rest}" if rest else said) + but, "yellow" if but else "green", hang=2)
    lines += paper.write(f" {paper.dot} ".join(figures), hang=2)
    reworded = in_short(comparison)
    return lines + (paper.write(reworded, hang=2) if reworded else [])


def _figures_in_short(paper: Paper, comparison: Comparison) -> list[str]:
    before, after = comparison.baseline, comparison.candidate
    reason = not_comparable(before, after, saved=comparison.saved)
    words = []
    for measured in MEASURED:
        new = measured.value(after) if measured.in_short else None
        if new is not None:
            comparable = not reason or not (comparison.saved or measured.timed)
            old = measured.value(before) if comparable else None
            shown = measured.show(new) if old is None else f"{measured.show(old)} {paper.arrow} {measured.show(new)}"
            recorded = " recorded" if measured.timed and not after.live_figures else ""
            words.append(f"{measured.head} {shown}{recorded}")
    if comparison.differing is not None:
        words.append(f"replies differ {percentage(comparison.differing.share.value)}")
    return [", ".join(words)] if words else []
