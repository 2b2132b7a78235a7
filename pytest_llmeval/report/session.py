"""What a session did: how many cases and samples, how many calls, what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pytest_llmeval.report.lines import Line, Paper
from pytest_llmeval.report.numbers import dollars, plural

if TYPE_CHECKING:
    from pytest_llmeval.comparison import Comparison
    from pytest_llmeval.measure import Figures

__all__ = ["called_now", "cases_words", "facts", "spent_words"]


def called_now(comparisons: Sequence[Comparison]) -> list[Figures]:
    """The models that ran in this session: the candidates, and the baseline unless it is a saved run."""
    first = comparisons[0]
    baseline = [] if first.saved else [first.baseline]
    return [*baseline, *(comparison.candidate for comparison in comparisons)]


def facts(paper: Paper, models: Sequence[Figures]) -> list[Line]:
    """Cases and samples, calls replayed and live, money spent now."""
    most = max(models, key=lambda figures: (figures.cases, figures.samples))
    live, replayed = sum(figures.live for figures in models), sum(figures.replayed for figures in models)
    calls = f"{plural(replayed, 'call')} replayed" + (f", {live} live" if live else "")
    if not replayed:
        calls = plural(live, "live call")
    return paper.write(f" {paper.dot} ".join([cases_words(paper, most), calls, *spent_words(models)]), hang=2)


def cases_words(paper: Paper, figures: Figures) -> str:
    """How many cases with how many samples: ``48 cases x 5 samples``."""
    cases = plural(figures.cases - figures.reworded, "case")
    if figures.reworded:
        cases += f" in {plural(figures.cases, 'wording')}"
    if figures.samples == figures.most_samples * (figures.cases - figures.errors):
        return f"{cases} {paper.times} {plural(figures.most_samples, 'sample')}"
    each = "" if figures.reworded else " each"  # for a line of 80 columns
    return f"{cases}, up to {plural(figures.most_samples, 'sample')}{each}"


def spent_words(models: Sequence[Figures]) -> list[str]:
    """What was spent in this session; nothing to say when no call was sent."""
    spent = [figures.spent for figures in models]
    known = [amount for amount in spent if amount is not None]
    if not any(figures.live for figures in models):
        return ["nothing spent"]
    if len(known) < len(spent):
        return [f"${dollars(sum(known))} spent, and calls without a price"] if sum(known) else ["cost unknown"]
    return [f"${dollars(sum(known))} spent"]
