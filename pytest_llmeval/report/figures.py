"""What answers cost and how long they took, and every measure with its interval, in tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from pytest_llmeval.analysis.measure import Figures
from pytest_llmeval.report.numbers import change, difference, dollars, percentage, seconds
from pytest_llmeval.report.paper import Column, Line, Paper, table
from pytest_llmeval.stats.cost import Estimate
from pytest_llmeval.stats.means import Mean, Share
from pytest_llmeval.stats.quantiles import Percentile, fewest_values
from pytest_llmeval.text import plural


class Measured(NamedTuple):
    """A column of the summary's figures.

    Attributes:
        head: the heading; also names the figure in the short report.
        label: the same as the name of a row.
        value: the figure, None when it is unknown.
        show: the figure as text.
        compare: the change from the baseline's to the candidate's as text.
        unknown: why it may be unknown, "" when there is nothing to explain.
        timed: whether it depends on when the model was called.
        in_short: whether the report of a gate that passed shows it too.
    """

    head: str
    label: str
    value: Callable[[Figures], float | None]
    show: Callable[[float | None], str]
    compare: Callable[[float | None, float | None], str] = change
    unknown: str = ""
    timed: bool = True
    in_short: bool = False


def _latency(share: float) -> Callable[[Figures], float | None]:
    return lambda figures: _at(figures.latency, share)


def _at(percentiles: Sequence[Percentile], share: float) -> float | None:
    """One of the percentiles, None when there are too few cases for it."""
    return next((each.value for each in percentiles if each.share == share), None)


def two_decimals(number: float | None) -> str:
    """A number with two decimals, "-" for None."""
    return "-" if number is None else f"{number:.2f}"


def _needs(share: float) -> str:
    return f"p{100 * share:.0f} needs {fewest_values(share)} cases"


RESOLVED = "$/resolved"
MEASURED = (
    Measured(
        "agree",
        "agreement",
        lambda f: f.verdict_agreement and f.verdict_agreement.value,
        two_decimals,
        difference,
        timed=False,
    ),
    Measured("p50", "latency p50", _latency(0.5), seconds, unknown=_needs(0.5), in_short=True),
    Measured("p95", "latency p95", _latency(0.95), seconds, unknown=_needs(0.95), in_short=True),
    Measured("p99", "latency p99", _latency(0.99), seconds, unknown=_needs(0.99)),
    Measured("TTFT p50", "TTFT p50", lambda f: _at(f.ttft, 0.5), seconds, unknown="TTFT needs 6 streamed cases"),
    Measured(
        RESOLVED,
        "$ per resolved answer",
        lambda f: f.cost_per_resolved and f.cost_per_resolved.value,
        dollars,
        unknown=f"{RESOLVED} needs a price and an answer that passed",
        timed=False,
        in_short=True,
    ),
)
"""The columns, in order. A new column is a new row here."""


def shown_of(models: Sequence[Figures]) -> list[Measured]:
    """The figures that are known of any of the models."""
    return [each for each in MEASURED if any(each.value(figures) is not None for figures in models)]


def figures_table(paper: Paper, baseline: Figures, candidate: Figures, *, saved: str | None) -> list[Line]:
    """The figures of both models, one row each, and a row with the change where they can be compared."""
    both = (baseline, candidate)
    shown = shown_of(both)
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
    lines += why_unknown(paper, both)
    lines += paper.write(reason, indent=2, hang=2) if reason else []
    return lines


def not_comparable(baseline: Figures, candidate: Figures, *, saved: str | None) -> str:
    """Which figures of the two models cannot be compared, and why; "" when all can."""
    if saved:
        return "latency and cost not compared: the baseline is from another session"
    if baseline.live_figures != candidate.live_figures:
        live, recorded = (baseline, candidate) if baseline.live_figures else (candidate, baseline)
        return f"latency not compared: {live.model} was called live, {recorded.model} is recorded"
    return ""


def why_unknown(paper: Paper, models: Sequence[Figures]) -> list[Line]:
    """What "-" means in a table of these models' figures; empty when no figure is missing."""
    lacking = [(m, each) for m in shown_of(models) if m.unknown for each in models if m.value(each) is None]
    if not lacking:
        return []
    # A model may have many cases and still too few of them.
    mixed = any(m.timed and each.live_figures and each.replayed for m, each in lacking)
    reasons = ", ".join(dict.fromkeys(_why_unknown(m, each) for m, each in lacking))
    return paper.write(f"-: {reasons}{'; of times, only those of live calls count' if mixed else ''}", indent=2)


def _why_unknown(measured: Measured, figures: Figures) -> str:
    if measured.head == RESOLVED and figures.cost is not None and figures.unverified:
        return f"{RESOLVED} is unknown while answers are unverified"
    return measured.unknown


def _recorded(figures: Figures) -> str:
    return "" if figures.live_figures or not figures.latency else " (recorded)"


Show = Callable[[float], str]

REPEATED = "needs 2 samples of a case"


class Measure(NamedTuple):
    """One measure of a model as text.

    Attributes:
        value: "-" when it is unknown.
        interval: of 95 %.
        rests_on: as in ``89 cases``, or why it is unknown.
    """

    name: str
    value: str = "-"
    interval: str = ""
    rests_on: str = ""


def measures_lines(paper: Paper, models: Sequence[Figures]) -> list[Line]:
    """A table of every measure for each model with results."""
    lines: list[Line] = []
    for figures in models:
        if not figures.cases:
            continue
        rows = [
            *time_measures(figures),
            *money_measures(figures),
            *reliability_measures(figures),
            *rate_measures(figures),
        ]
        body = [
            Column(head="value", cells=[row.value for row in rows]),
            Column(head="95 % interval", cells=[row.interval for row in rows]),
            Column(head="of", cells=[row.rests_on for row in rows], right=False),
        ]
        lines += [
            Line(""),
            *paper.write(f"every measure of {figures.model}, {source_of_times(figures)}", "bold", hang=2),
        ]
        lines += table(paper, "measure", [paper.clean(row.name) for row in rows], body)
    return lines


def source_of_times(figures: Figures) -> str:
    """Which calls the times of a model are of."""
    if not figures.latency:
        return "which made no call"
    if not figures.live_figures:
        return "times as recorded with the replies"
    left_out = f"; the {plural(figures.replayed, 'replayed one')} left out" if figures.replayed else ""
    return f"times of live calls{left_out}"


def time_measures(figures: Figures) -> Iterable[Measure]:
    """How long its calls took."""
    for each in figures.latency:
        yield _percentile(f"latency p{100 * each.share:.0f}", each, seconds)
    for each in figures.answer_latency:
        yield _percentile(f"latency per answer p{100 * each.share:.0f}", each, seconds, "answer")
    for each in figures.ttft:
        yield _percentile(f"TTFT p{100 * each.share:.0f}", each, seconds)
    if not figures.ttft:
        yield Measure("TTFT", rests_on="no call was streamed")
    if figures.tokens_per_second is None:
        yield Measure("output tokens per s", rests_on="tokens are unknown")
    else:
        yield _percentile("output tokens per s", figures.tokens_per_second, _plain)


def money_measures(figures: Figures) -> Iterable[Measure]:
    """What its answers cost."""
    # Of all calls: failed cases, errors and every sample are paid for too.
    cases = plural(figures.cases, "case")
    why = "nothing passed" if figures.cost is not None else "a price is unknown"
    yield _row("$ per case", figures.cost_per_case, dollars, cases, why)
    why = "answers are unverified" if figures.cost is not None and figures.unverified else why
    yield _row("$ per resolved answer", figures.cost_per_resolved, dollars, cases, why)
    if figures.judge_calls:
        yield Measure("$ of judges", dollars(figures.judge_cost), rests_on=plural(figures.judge_calls, "call"))


def reliability_measures(figures: Figures) -> Iterable[Measure]:
    """How much its answers to the same case agree."""
    yield _share("pass@1", figures.pass_at_1, "no answer was judged")
    last = len(figures.pass_hat) + 1
    for k, mean in enumerate(figures.pass_hat, start=2):
        if k in (2, 3, 5, last):
            yield _mean(f"pass^{k}", mean, percentage)
    if not figures.pass_hat:
        yield Measure("pass^k", rests_on="needs 2 samples per case")
    yield _mean("agreement", figures.verdict_agreement, two_decimals)
    yield _mean("length variation", figures.length_variation, two_decimals)
    yield _share("format agreement", figures.format_agreement, REPEATED)


def rate_measures(figures: Figures) -> Iterable[Measure]:
    """How often answers are of some kind, and the mean scores of checks."""
    yield _share("hallucination rate", figures.hallucination_rate, "no answer was examined")
    yield _share("refusal rate", figures.refusal_rate, "no answer was judged")
    yield _share("error rate", figures.error_rate, "no sample")
    for name, mean in figures.scores:
        yield _mean(f"score of {name}", mean, two_decimals)


MEASURES: tuple[Callable[[Figures], Iterable[Measure]], ...] = (
    time_measures,
    money_measures,
    reliability_measures,
    rate_measures,
)
"""Every measure of a model, in order."""


def _percentile(name: str, figure: Percentile, show: Show, of: str = "call") -> Measure:
    if figure.value is None:
        return Measure(name, rests_on=f"{plural(figure.cases, 'case')}, needs {figure.needed}")
    rests_on = f"{plural(figure.values, of)}, {plural(figure.cases, 'case')}"
    return Measure(name, show(figure.value), _interval(figure.low, figure.high, show), rests_on)


def _mean(name: str, figure: Mean | None, show: Show) -> Measure:
    return _row(name, figure, show, plural(figure.cases, "case") if figure else "", REPEATED)


def _share(name: str, figure: Share | None, why: str) -> Measure:
    rests_on = f"{figure.number} of {figure.samples}" if figure else ""
    if figure and figure.samples != figure.cases:
        rests_on += f", {plural(figure.cases, 'case')}"
    return _row(name, figure, percentage, rests_on, why)


def _row(name: str, figure: Estimate | Mean | Share | None, show: Show, rests_on: str, why: str) -> Measure:
    """The row of a figure; ``why`` says why it is unknown."""
    if figure is None:
        return Measure(name, rests_on=why)
    too_few = isinstance(figure, Estimate) and figure.low is None
    interval = "too few cases" if too_few else _interval(figure.low, figure.high, show)
    return Measure(name, show(figure.value), interval, rests_on)


def _interval(low: float | None, high: float | None, show: Show) -> str:
    bounds = [None if bound is None or math.isinf(bound) else bound for bound in (low, high)]
    if bounds == [None, None] or bounds[1] is None:
        return "unknown" if bounds[0] is None else f"from {show(bounds[0])}"
    return f"up to {show(bounds[1])}" if bounds[0] is None else f"{show(bounds[0])} to {show(bounds[1])}"


def _plain(number: float) -> str:
    return f"{number:.0f}" if number >= 9.95 else f"{number:.1f}"
