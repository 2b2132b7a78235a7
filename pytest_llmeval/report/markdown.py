"""The summary as Markdown, for the page of a pull request.

Whatever models, datasets and people have written is in a code span, in a fence, or escaped: it mentions nobody, links
nowhere and makes no table, image or HTML.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from pytest_llmeval.analysis.comparison import Comparison
from pytest_llmeval.analysis.measure import Figures
from pytest_llmeval.analysis.sides.field_accuracy import field_names, field_rows
from pytest_llmeval.report.cases import (
    case_lines,
    count_words,
    error_lines,
    error_lines_alone,
    new_failures,
    new_misses,
    not_compared_lines,
)
from pytest_llmeval.report.exports import Session
from pytest_llmeval.report.figures import not_comparable, shown_of
from pytest_llmeval.report.judges.judge_lines import judge_lines, judge_lines_compared
from pytest_llmeval.report.numbers import count, percent, points
from pytest_llmeval.report.paper import Line, Paper
from pytest_llmeval.report.replies.differing import differing_words
from pytest_llmeval.report.replies.unverified import unverified_alone, unverified_lines
from pytest_llmeval.report.sections import Results, called_now, facts, results_of
from pytest_llmeval.report.summary import NO_BASELINE
from pytest_llmeval.report.verdict import (
    baseline_words,
    evidence,
    gate_lines,
    green_lines,
    improved_lines,
    mark_of,
    nothing_new,
    remarks,
    rising_together,
    sight,
)
from pytest_llmeval.runs.results import CaseKey, CaseResult
from pytest_llmeval.text import plural

MOST_MISSES = 10
MOST_BYTES = 900_000
"""GitHub refuses a step's summary of more than 1 MiB."""

_LONG, _QUOTED = 1_000_000, 100  # columns; a browser wraps
_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+!|~&$^=-])")
_MENTION = re.compile(r"@(?=\w)|#(?=\d)|(?<=GH)-(?=\d)|(?<=:)//|(?<=www)\.", re.IGNORECASE)
_JOINER = "\u2060"  # of no width


def markdown(session: Session) -> str:
    """The summary of a session; of a gate that passed without anything new three lines."""
    comparisons = session.comparisons
    page = _Page(session.secrets)
    if not comparisons:
        blocks = page.not_compared(session.figures, session.run.results)
    elif len(comparisons) == 1 and nothing_new(comparisons[0]):
        head, *rest = green_lines(page.long, comparisons[0], session.besides)
        rest += judge_lines_compared(page.long, comparisons[0])
        told = [*(line.text for line in rest), *(note for note in session.notes if note not in session.red)]
        green = "<br>\n".join([f"**{page.escaped(head.text)}**", *map(page.escaped, told)]) + "\n"
        return "\n\n".join([*page.alerts(session), green])
    else:
        blocks = [block for each in comparisons for block in page.compared(each)]
        blocks.append(page.bullets(line.text for line in facts(page.long, called_now(comparisons), session.besides)))
    blocks.append(page.bullets(note for note in session.notes if note not in session.red))
    return _cut("\n\n".join(filter(None, [*page.alerts(session), *blocks])) + "\n")


class _Page:
    """Makes the blocks of a page.

    Args:
        secrets: as in `Session`.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self.long = Paper(width=_LONG, secrets=secrets)
        self._quoted = Paper(width=_QUOTED, secrets=secrets)

    def escaped(self, text: str) -> str:
        """Untrusted text on one line, in which nothing is markup."""
        text = _MENTION.sub(lambda found: found.group()[0] + _JOINER + found.group()[1:], self.long.clean(text))
        return _SPECIAL.sub(r"\\\1", text)

    def code(self, text: str) -> str:
        """Untrusted text on one line, as a code span that may stand in a table."""
        text = self.long.clean(text).replace("|", "\\|") or " "
        ticks = _longer_than(text, 0)
        pad = " " if text.startswith("`") or text.endswith("`") else ""
        return f"{ticks}{pad}{text}{pad}{ticks}"

    def fenced(self, lines_on: Callable[[Paper], Sequence[Line]]) -> str:
        """Lines of a report as they are, in a fence that none of them can close; "" without any."""
        text = "\n".join(line.text for line in lines_on(self._quoted))
        fence = _longer_than(text, 2)
        return f"{fence}text\n{text}\n{fence}" if text else ""

    def alerts(self, session: Session) -> list[str]:
        """That the session is red whatever its gates say, above all else."""
        return [f"### ❌ {self.escaped(why)}" for why in session.red]

    def bullets(self, texts: Iterable[str]) -> str:
        """A list of untrusted texts."""
        return "\n".join(f"- {self.escaped(text)}" for text in texts)

    def compared(self, comparison: Comparison) -> list[str]:
        """A candidate beside the baseline."""
        verdict, *more = gate_lines(self.long, comparison)
        mark = {"failed": "❌", "passed": "✅"}.get(comparison.gate, "⚠️")
        known = [*more, *improved_lines(self.long, comparison), *sight(self.long, comparison)]
        blocks = [
            f"### {mark} {self.escaped(verdict.text)}",
            f"{self.code(comparison.candidate.model)} vs {self.escaped(baseline_words(comparison))}",
            self.bullets(line.text for line in known),
        ]
        if comparison.compared:
            blocks += [
                self._categories(comparison),
                self.bullets(remarks(self.long, comparison)),
                *self._models(comparison),
                self.escaped(differing_words(comparison)),
            ]
        return [
            *blocks,
            self.fenced(lambda paper: judge_lines_compared(paper, comparison)),
            self.fenced(lambda paper: unverified_lines(paper, comparison)),
            self._fields(results_of([comparison])),
            *self._misses(comparison, new_misses(comparison), "new miss"),
            *self._misses(
                comparison, _failing_additions(comparison), "failing case", " that the baseline does not have"
            ),
            self.escaped(count_words(comparison)),
            self.fenced(lambda paper: error_lines(paper, comparison)),
            self.fenced(lambda paper: not_compared_lines(paper, comparison)),
        ]

    def not_compared(self, figures: Sequence[Figures], results: Sequence[CaseResult]) -> list[str]:
        """The models of a session without a baseline; this never looks like a gate that passed."""
        shown = shown_of(figures)
        body = [
            (self.code(each.model), str(each.passed), str(each.failed), *(m.show(m.value(each)) for m in shown))
            for each in figures
        ]
        return [
            f"### ⚠️ {self.escaped(NO_BASELINE)}",
            _table(("model", "passed", "failed", *(measured.head for measured in shown)), body),
            self.fenced(
                lambda paper: [
                    *judge_lines(
                        paper, {each.model: [r for r in results if r.model == each.model] for each in figures}
                    ),
                    *unverified_alone(paper, results),
                    *error_lines_alone(paper, results),
                ]
            ),
            self._fields({each.model: [one for one in results if one.model == each.model] for each in figures}),
        ]

    def _fields(self, models: Results) -> str:
        rows = field_rows(models)
        body = [
            (self.code(name), *(_share(*counts) if counts[1] else "-" for counts in row.counts))
            for name, row in zip(field_names(rows), rows, strict=True)
        ]
        return _table(("right fields", *map(self.code, models)), body) if body else ""

    def _misses(
        self, comparison: Comparison, misses: Sequence[tuple[str, CaseKey]], one: str, which: str = ""
    ) -> Iterator[str]:
        if not misses:
            return
        shown = misses[:MOST_MISSES]
        rest = f", {len(shown)} shown" if len(shown) < len(misses) else ""
        yield f"<details open><summary>{plural(len(misses), one)}{which}{rest}</summary>"
        for name, key in shown:
            yield f"{self.code(name)} {self.code(str(key))}"
            yield self.fenced(partial(_miss, comparison, name, key))
        yield "</details>"

    def _categories(self, comparison: Comparison) -> str:
        rising = rising_together(comparison)
        rows = [(self.code(row.name), row, row) for row in comparison.rows]
        rows.append(("any failure", comparison.total, rising[0] if rising else comparison.total))
        body = [
            (
                f"**{name}**" if mark_of(judged) != " " else name,
                _share(row.baseline_failed, row.baseline_judged),
                _share(row.candidate_failed, row.candidate_judged),
                points(row.change),
                judged.word,
                evidence(judged),
            )
            for name, row, judged in rows
        ]
        return _table(("category", "baseline", "candidate", "points", "verdict", "p"), body)

    def _models(self, comparison: Comparison) -> list[str]:
        both = (comparison.baseline, comparison.candidate)
        shown = shown_of(both)
        if not shown:
            return []
        names = (f"{self.code(comparison.baseline.model)} (baseline)", self.code(comparison.candidate.model))
        body = [
            (name, *(measured.show(measured.value(each)) for measured in shown))
            for name, each in zip(names, both, strict=True)
        ]
        reason = not_comparable(*both, saved=comparison.saved)
        return [_table(("model", *(measured.head for measured in shown)), body), self.escaped(reason)]


def _failing_additions(comparison: Comparison) -> list[tuple[str, CaseKey]]:
    """The failing cases that the baseline does not have, with their categories."""
    found = ((key, comparison.candidate_results[key].category) for key in new_failures(comparison))
    return [(category or "failed", key) for key, category in found]


def _miss(comparison: Comparison, name: str, key: CaseKey, paper: Paper) -> list[Line]:
    return case_lines(paper, comparison, name, key, indent=0)


def _longer_than(text: str, least: int) -> str:
    """A run of backticks longer than any in a text."""
    return "`" * (1 + max([least, *map(len, re.findall("`+", text))]))


def _share(part: int, whole: int) -> str:
    return f"{count(part, whole)} ({percent(part, whole)})"


def _table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    rows = [[cell.replace("$", "\\$") for cell in head], ["---"] + ["---:"] * (len(head) - 1), *body]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cut(text: str) -> str:
    """The text, or as many of its lines as a page takes; a fence that is open is closed."""
    if len(text.encode()) <= MOST_BYTES:
        return text
    kept = text.encode()[:MOST_BYTES].decode(errors="ignore").rpartition("\n")[0]
    fence = ""
    for line in kept.split("\n"):
        ticks = re.match("`{3,}", line)
        if ticks and not fence:
            fence = ticks.group()
        elif fence and line == fence:
            fence = ""
    return f"{kept}\n{fence}\n\nThe rest was cut: a page takes 900 kB.\n"
