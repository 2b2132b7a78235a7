"""The table of what the models' answers cost and how they came, with the change where both may be compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pytest_llmeval.measure import Figures
from pytest_llmeval.report.lines import Line, Paper
from pytest_llmeval.report.numbers import change, difference, dollars, seconds
from pytest_llmeval.report.table import Column, table
from pytest_llmeval.stats.quantiles import Percentile, fewest_values

__all__ = ["MEASURED", "Measured", "figures_table", "not_comparable", "why_unknown"]


class Measured(NamedTuple):
    """One measured figure of a model.

    Attributes:
        head: heading of a column.
        label: the same as the name of a row.
        value: the figure, None when it is unknown.
        show: the figure as text.
        compare: the change from the baseline's to the candidate's as text.
        unknown: why there may be none; "" for nothing to explain.
        timed: whether it depends on when the model was called.
    """

    head: str
    label: str
    value: Callable[[Figures], float | None]
    show: Callable[[float | None], str]
    compare: Callable[[float | None, float | None], str]
    unknown: str
    timed: bool = True


def _latency(share: float) -> Callable[[Figures], float | None]:
    return lambda figures: _at(figures.latency, share)


def _at(percentiles: Sequence[Percentile], share: float) -> float | None:
    """One of the percentiles, None when there are too few cases to tell."""
    return next((each.value for each in percentiles if each.share == share), None)


def _agreement(agreement: float | None) -> str:
    return "-" if agreement is None else f"{agreement:.2f}"


def _needs(share: float) -> str:
    return f"p{100 * share:.0f} needs {fewest_values(share)} cases"


MEASURED = (
    Measured("agree", "agreement", lambda f: f.agreement, _agreement, difference, "", timed=False),
    Measured("p50", "latency p50", _latency(0.5), seconds, change, _needs(0.5)),
    Measured("p95", "latency p95", _latency(0.95), seconds, change, _needs(0.95)),
    Measured("p99", "latency p99", _latency(0.99), seconds, change, _needs(0.99)),
    Measured("TTFT p50", "TTFT p50", lambda f: _at(f.ttft, 0.5), seconds, change, "TTFT needs 6 streamed cases"),
    Measured(
        "$/resolved",
        "$ per resolved case",
        lambda f: f.cost_per_resolved,
        dollars,
        change,
        "$/resolved needs a price and a passed case",
        timed=False,
    ),
)


def figures_table(paper: Paper, baseline: Figures, candidate: Figures, *, saved: str | None) -> list[Line]:
    """The two models' figures, one row each, and a row with the change where they may be compared."""
    both = (baseline, candidate)
    shown = [measured for measured in MEASURED if any(measured.value(figures) is not None for figures in both)]
    if not shown:
        return []
    reason = not_comparable(baseline, candidate, saved=saved)
    names = [
        paper.clean(baseline.model) + (" (saved run)" if saved else _recorded(baseline)),
        paper.clean(candidate.model) + _recorded(candidate),
    ]
    cells = [[measured.show(measured.value(figures)) for measured in shown] for figures in both]
    changes = ["" if reason and measured.timed else measured.compare(*map(measured.value, both)) for measured in shown]
    if not saved and any(change not in ("", "-") for change in changes):
        names.append("change")
        cells.append(changes)
    body = [Column(head=measured.head, cells=column) for measured, *column in zip(shown, *cells, strict=True)]
    lines = table(paper, "model", names, body)
    legend = why_unknown(shown, both)
    lines += paper.write(legend, indent=2) if legend else []
    lines += paper.write(reason, indent=2, hang=2) if reason else []
    return lines


def not_comparable(baseline: Figures, candidate: Figures, *, saved: str | None) -> str:
    """Which figures of the two models say nothing beside each other, and why; "" when all may be compared."""
    if saved:
        return "latency and cost not compared: the baseline is from another session"
    if baseline.live_figures != candidate.live_figures:
        live, recorded = (baseline, candidate) if baseline.live_figures else (candidate, baseline)
        return f"latency not compared: {live.model} was called live, {recorded.model} is recorded"
    return ""


def why_unknown(shown: Sequence[Measured], models: Sequence[Figures]) -> str:
    """What "-" in a table of these figures means, "" when there is none."""
    reasons = [m.unknown for m in shown if m.unknown and any(m.value(figures) is None for figures in models)]
    return f"-: {', '.join(reasons)}" if reasons else ""


def _recorded(figures: Figures) -> str:
    return "" if figures.live_figures or not figures.latencies else " (recorded)"
