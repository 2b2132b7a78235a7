"""What a reader must see case by case: new misses in detail, and cases that were not compared."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_llmeval.comparison import Comparison
from pytest_llmeval.report.lines import Line, Paper, clip, columns
from pytest_llmeval.report.new_and_known import known_misses, new_misses
from pytest_llmeval.report.numbers import count, plural
from pytest_llmeval.report.quotes import (
    failing_sample,
    passing_sample,
    quote_beside,
    reply_text,
    steps_text,
    takes_steps,
)
from pytest_llmeval.report.steps import json_words
from pytest_llmeval.report.text import first_line
from pytest_llmeval.run import CaseKey, CaseResult

__all__ = [
    "MOST_CASES",
    "case_lines",
    "count_words",
    "counts",
    "miss_lines",
    "named",
    "not_compared_lines",
    "passes",
]

MOST_CASES = 5
MOST_LINES = 3
MOST_LINES_VERBOSE = 20


def miss_lines(paper: Paper, comparison: Comparison, *, most: int = MOST_CASES) -> list[Line]:
    """The new misses with reason and changed words, the first few or, with -v, all."""
    misses = new_misses(comparison)
    if not misses:
        return []
    shown = misses if paper.verbosity > 0 else misses[:most]
    rest = f", {len(shown)} shown (-v shows all)" if len(shown) < len(misses) else ""
    before = sum(key in comparison.known for _, key in misses)
    otherwise = f" ({before} failed before too, in another category)" if before else ""
    lines = paper.write(plural(len(misses), "new miss") + otherwise + rest, "bold")
    for name, key in shown:
        head = f"{paper.clean(name)}: "
        lines.append(named(paper, head, str(key), indent=2))
        lines += case_lines(paper, comparison, name, key, indent=4)
    return lines


def case_lines(paper: Paper, comparison: Comparison, category: str, key: CaseKey, *, indent: int) -> list[Line]:
    """Why a case fails, and its reply beside the baseline's."""
    before, after = comparison.baseline_results.get(key), comparison.candidate_results.get(key)
    failing = failing_sample(after, category)
    lines = _input_line(paper, after or before, indent)
    facts = []
    if before and after and max(len(before.judged), len(after.judged)) > 1:
        facts.append(f"passed {passes(before)} {paper.arrow} {passes(after)}")
    if before and before.outcome == "fail":
        facts.append(f"failed before too, as {before.category or 'failed'}")
    if failing and failing.reason:
        facts.append(failing.reason if paper.verbosity > 0 else first_line(failing.reason))
    lines += paper.write(", ".join(facts), indent=indent) if facts else []
    most = MOST_LINES_VERBOSE if paper.verbosity > 0 else MOST_LINES
    passing = passing_sample(before)
    if takes_steps(passing) or takes_steps(failing):
        lines += quote_beside(paper, steps_text(passing), steps_text(failing), indent=indent, most=most)
    in_lines = paper.verbosity > 0 or (failing is not None and failing.category == "format")
    old, new = reply_text(passing), reply_text(failing)
    return lines + quote_beside(paper, old, new, indent=indent, most=most, in_lines=in_lines)


def _input_line(paper: Paper, result: CaseResult | None, indent: int) -> list[Line]:
    """What a case asks, on one line."""
    if result is None or not result.input:
        return []
    text = result.input if isinstance(result.input, str) else json_words(result.input, width=4 * paper.width)
    return [named(paper, "input: ", text[: 40 * paper.width], indent=indent)]


def passes(result: CaseResult) -> str:
    """How many of a case's judged samples passed: ``4/5``."""
    return count(sum(sample.outcome == "pass" for sample in result.judged), len(result.judged))


def counts(paper: Paper, comparison: Comparison) -> list[Line]:
    """How many cases are known to fail, were fixed, are flaky; with -v names of the latter, with -vv of all."""
    groups = [
        ("known", known_misses(comparison), "fail with both"),
        ("fixed", comparison.fixed, "failed with the baseline, pass now"),
        ("flaky", comparison.flaky, "pass though some samples fail"),
    ]
    groups = [group for group in groups if group[1]]
    if not groups:
        return []
    if paper.verbosity <= 0:
        return paper.write(count_words(comparison))
    lines = []
    for word, keys, meaning in groups:
        lines += paper.write(f"{len(keys)} {word} ({meaning})", "bold")
        if word != "known" or paper.verbosity > 1:
            lines += _names(paper, keys)
    return lines


def count_words(comparison: Comparison) -> str:
    """The same in a line, "" when there are none: ``12 known misses, 2 fixed, 1 flaky``."""
    known, fixed, flaky = len(known_misses(comparison)), len(comparison.fixed), len(comparison.flaky)
    words = [plural(known, "known miss") if known else "", f"{fixed} fixed" if fixed else ""]
    return ", ".join(word for word in [*words, f"{flaky} flaky" if flaky else ""] if word)


def not_compared_lines(paper: Paper, comparison: Comparison) -> list[Line]:
    """The cases that only one side has, or that changed since the baseline ran, by name."""
    groups = [
        (comparison.changed, "changed since the baseline ran"),
        (comparison.unlike, "whose saved replies, to other prompts, fail today's tests"),
        (comparison.only_baseline, "ran with the baseline only"),
        (comparison.only_candidate, "ran with the candidate only"),
    ]
    lines = []
    for keys, why in groups:
        if keys:
            lines += paper.write(f"not compared: {plural(len(keys), 'case')} {why}", "yellow")
            lines += _names(paper, keys)
    return lines


def _names(paper: Paper, keys: Sequence[CaseKey]) -> list[Line]:
    shown = keys if paper.verbosity > 0 else keys[:MOST_CASES]
    return [named(paper, "", str(key), indent=2) for key in shown] + more(paper, len(keys))


def more(paper: Paper, total: int) -> list[Line]:
    hidden = total - MOST_CASES
    return [Line(f"  {hidden} more (-v names all)")] if hidden > 0 and paper.verbosity <= 0 else []


def named(paper: Paper, head: str, name: str, *, indent: int) -> Line:
    """The name of a case on one line, cut where it is too long."""
    room = paper.width - indent
    head = clip(head, room // 2)
    return Line(" " * indent + head + clip(paper.clean(name), room - columns(head)))
