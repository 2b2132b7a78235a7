"""In the process that reports: the cases that are shown closely, and the reply below a failing test's traceback."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pytest_llmeval.analysis.comparison import Comparison
from pytest_llmeval.plugin.payload import Payload
from pytest_llmeval.plugin.shown import BY_HAND, seen_on, shown
from pytest_llmeval.report.closely import Seen, look_lines, looks
from pytest_llmeval.report.paper import Line, Paper, joined
from pytest_llmeval.report.summary import no_commands
from pytest_llmeval.runs.results import CaseKey, CaseResult
from pytest_llmeval.text import harmless, plural, shortened

REPLY_LINES, LINE_WIDTH = 20, 500  # shown below a traceback


class CloseLook:
    """What a session shows of single cases; made when the first result arrives.

    Attributes:
        shown: whether any case was shown closely.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.shown = False
        self._shown = shown(config)
        self._verbosity = config.get_verbosity()
        self._seen = Seen({}, {})
        self._failing: set[CaseKey] = set()

    def take(self, report: pytest.TestReport, payload: Payload) -> None:
        """Take in what is on a report, and show the reply where pytest shows the test's failure."""
        seen_on(report, self._seen)
        result = payload.result
        if result is None or result.outcome != "fail":
            return
        self._failing.add(result.key)
        most = self._shown.most
        looked_at = self._shown.failing and (most is None or len(self._failing) <= most)
        if report.failed and not looked_at:
            self._show_reply(report, result)

    def lines(self, paper: Paper, comparisons: Sequence[Comparison], results: tuple[CaseResult, ...]) -> list[Line]:
        """The cases that are shown closely, a blank line between them."""
        if not (self._shown.failing or self._shown.passing):
            return []
        by_hand = len({result.key for result in results}) <= BY_HAND
        found = looks(comparisons, results, passing=self._shown.passing and by_hand)
        lines = joined(look_lines(paper, look, self._seen) for look in found[: self._shown.most])
        if self._shown.most is not None and len(found) > self._shown.most:
            rest = plural(len(found) - self._shown.most, "more case")
            lines += [Line(""), *paper.write(f"{rest} failed: -rm shows all, -k one of them", "yellow", hang=2)]
        self.shown = bool(lines)
        return no_commands(lines)

    def _show_reply(self, report: pytest.TestReport, result: CaseResult) -> None:
        """Show the reply that a check has judged; pytest itself shows what a plain assert compares."""
        for sample in result.samples:
            if sample.outcome != "fail" or not sample.calls:
                continue
            if not any(not score.passed and harmless(score.reason) == sample.detail for score in sample.scores):
                continue
            text = harmless(sample.calls[-1].answer.text).strip("\n")
            if not text.strip() or _is_quoted(text, report.longreprtext):
                return
            lines = text.split("\n")
            if self._verbosity < 2:
                more = [f"... {plural(len(lines) - REPLY_LINES, 'more line')}, -vv shows all"]
                kept = [shortened(line, LINE_WIDTH) for line in lines[:REPLY_LINES]]
                lines = kept + more if len(lines) > REPLY_LINES else kept
            which = f", sample {sample.index + 1}" if len(result.samples) > 1 else ""
            report.sections.append((f"reply of {harmless(result.model)}{which}", "\n".join(lines)))
            return


def _is_quoted(reply: str, shown: str) -> bool:
    """Whether a traceback shows a reply already; a short one, such as "no", is part of many words."""
    return any(text in shown for text in (repr(reply), f'"{reply}"', *([reply] if len(reply) > 40 else [])))
