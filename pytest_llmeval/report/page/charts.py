"""Charts as SVG, drawn without a script: a strip of quantiles, cost against quality, a rate over runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

from pytest_llmeval.report.numbers import dollars, percentage, seconds
from pytest_llmeval.text import printable

_WIDTH, _LEFT, _RIGHT = 720, 180, 40
_ROW, _AXIS = 34, 28
_HEIGHT, _BOTTOM, _TOP = 320, 44, 16
_LINE, _MOST_LABELS = 180, 6  # height of a line, and how many of its runs have a label
_LOGARITHMIC = 8  # how many times the smallest value the largest is, from which the scale is logarithmic
_MOST_LABEL = 24  # characters


class Scale:
    """Maps values to places along an axis.

    Args:
        values: that must have a place; logarithmic where they differ by far.
        start: where the axis begins, in the chart's units.
        end: where it ends.
    """

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        low, high = min(values), max(values)
        self.logarithmic = low > 0 and high > _LOGARITHMIC * low
        if not self.logarithmic:
            low = 0.0 if 0 <= low <= high / 2 else low - 0.1 * (high - low)
            high += 0.05 * (high - low)
        self._low, self._high = (math.log(low), math.log(high)) if self.logarithmic else (low, high)
        if self._high <= self._low:
            self._low, self._high = self._low - 1, self._high + 1
        self._start, self._end = start, end

    def at(self, value: float) -> float:
        """The place of a value, rounded to a tenth."""
        number = math.log(value) if self.logarithmic else value
        share = (number - self._low) / (self._high - self._low)
        return round(self._start + share * (self._end - self._start), 1)

    def ticks(self) -> list[float]:
        """Round values within the axis, at most eight."""
        if self.logarithmic:
            low, high = math.exp(self._low), math.exp(self._high)
            found = [
                digit * 10.0**power
                for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
                for digit in (1, 2, 5)
            ]
            inside = [value for value in found if low <= value <= high]
            return inside if len(inside) <= 8 else [value for value in inside if f"{value:e}".startswith("1")]
        raw = (self._high - self._low) / 5
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(digit * power for digit in (1, 2, 5, 10) if digit * power >= raw)
        first = math.ceil(self._low / step - 1e-9)
        return [number * step for number in range(first, math.floor(self._high / step + 1e-9) + 1)]


def quantile_strip(rows: Sequence[tuple[str, Sequence[float]]], show: Callable[[float], str] = seconds) -> str:
    """Where the values of each model lie: a line from p5 to p99, a bar from p25 to p75, marks at p50 and p95.

    Args:
        rows: the name of each model and its values.
        show: a value as text.

    Returns:
        SVG; "" without any value.
    """
    known = [(name, sorted(values)) for name, values in rows if values]
    if not known:
        return ""
    cuts = [{share: at_share(values, share) for share in (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)} for _, values in known]
    scale = Scale([value for cut in cuts for value in cut.values()], _LEFT, _WIDTH - _RIGHT)
    height = _ROW * len(known) + _AXIS
    said = "; ".join(
        f"{name}: p50 {show(cut[0.5])}, p95 {show(cut[0.95])}, p99 {show(cut[0.99])}"
        for (name, _), cut in zip(known, cuts, strict=True)
    )
    parts = [*_axis(scale, show, height - _AXIS, height)]
    for place, ((name, _), cut) in enumerate(zip(known, cuts, strict=True)):
        middle = _ROW * place + _ROW // 2
        x = {share: scale.at(value) for share, value in cut.items()}
        width = max(1.0, round(x[0.75] - x[0.25], 1))
        parts += [
            _text(_LEFT - 12, middle + 4, _short(name), "end"),
            f'<line class="whisker" x1="{x[0.05]}" x2="{x[0.99]}" y1="{middle}" y2="{middle}"/>',
            f'<rect class="box" x="{x[0.25]}" y="{middle - 6}" width="{width}" height="12"/>',
            f'<line class="median" x1="{x[0.5]}" x2="{x[0.5]}" y1="{middle - 9}" y2="{middle + 9}"/>',
            f'<line class="mark" x1="{x[0.95]}" x2="{x[0.95]}" y1="{middle - 6}" y2="{middle + 6}"/>',
            f'<line class="mark" x1="{x[0.99]}" x2="{x[0.99]}" y1="{middle - 4}" y2="{middle + 4}"/>',
        ]
    return _svg(height, said, parts)


def at_share(values: Sequence[float], share: float) -> float:
    """The smallest of some sorted values that at least a share of them does not exceed."""
    return values[max(0, math.ceil(share * len(values) - 1e-9) - 1)]


class Point(NamedTuple):
    """A model's cost of a resolved answer in USD, and the share of its answers that pass with its interval."""

    name: str
    cost: float
    share: float
    low: float
    high: float


def cost_against_quality(points: Sequence[Point]) -> str:
    """Models by cost and quality; a line joins those that no other model beats in both.

    Returns:
        SVG; "" with fewer than two models.
    """
    if len(points) < 2:
        return ""
    x = Scale([point.cost for point in points], _LEFT / 2, _WIDTH - 2 * _LEFT / 3)
    y = Scale([number for point in points for number in (point.low, point.high)], _HEIGHT - _BOTTOM, _TOP)
    parts = [*_axis(x, lambda value: f"${dollars(value)}", _HEIGHT - _BOTTOM, _HEIGHT - 14)]
    for tick in y.ticks():
        place = y.at(tick)
        parts.append(f'<line class="grid" x1="{_LEFT / 2}" x2="{_WIDTH - _RIGHT}" y1="{place}" y2="{place}"/>')
        parts.append(_text(_LEFT / 2 - 8, place + 4, percentage(tick), "end"))
    best = unbeaten(points)
    if len(best) > 1:
        line = " ".join(f"{x.at(point.cost)},{y.at(point.share)}" for point in best)
        parts.append(f'<polyline class="front" points="{line}"/>')
    for point in points:
        across, up = x.at(point.cost), y.at(point.share)
        parts += [
            f'<line class="whisker" x1="{across}" x2="{across}" y1="{y.at(point.low)}" y2="{y.at(point.high)}"/>',
            f'<circle class="{"best" if point in best else "point"}" cx="{across}" cy="{up}" r="4.5"/>',
            _text(across + 9, up - 7, _short(point.name), "start"),
        ]
    parts.append(_text(_WIDTH - _RIGHT, _HEIGHT - 1, "USD per answer that passed", "end"))
    said = "; ".join(f"{p.name}: {percentage(p.share)} pass at ${dollars(p.cost)} each" for p in points)
    return _svg(_HEIGHT, said, parts)


def unbeaten(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats in both cost and quality, the cheapest first (Pareto's front)."""
    best: list[Point] = []
    for point in sorted(points, key=lambda point: (point.cost, -point.share)):
        if not best or point.share > best[-1].share:
            best.append(point)
    return best


class Measured(NamedTuple):
    """A run's rate with its interval, as fractions.

    Attributes:
        name: short, below the axis.
        said: all that is to be known of it.
        broken: whether it says nothing about the run before.
    """

    name: str
    said: str
    value: float
    low: float
    high: float
    broken: bool = False


def rate_over_runs(runs: Sequence[Measured | None]) -> str:
    """A rate over runs at equal distances, with intervals; the line breaks where runs say nothing about each other.

    Args:
        runs: in their order; None for one without the rate.

    Returns:
        SVG; "" with fewer than two rates.
    """
    known = [run for run in runs if run is not None]
    if len(known) < 2:
        return ""
    left, right, bottom = _LEFT / 2, _WIDTH - _RIGHT, _LINE - 28
    y = Scale([0.0, *(run.high for run in known)], bottom, _TOP)
    step = (right - left - 20) / (len(runs) - 1)
    x = [round(left + 10 + step * place, 1) for place in range(len(runs))]
    parts = []
    for tick in y.ticks():
        parts.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{y.at(tick)}" y2="{y.at(tick)}"/>')
        parts.append(_text(left - 8, y.at(tick) + 4, f"{100 * tick:.4g}%", "end"))
    lines: list[list[str]] = [[]]
    broken = False
    for place, run in enumerate(runs):
        broken = broken or (run is not None and run.broken and place > 0)
        if run is None:
            continue
        if broken:
            lines.append([])
            middle = round(x[place] - step / 2, 1)
            parts.append(f'<line class="break" x1="{middle}" x2="{middle}" y1="{_TOP}" y2="{bottom}"/>')
        broken = False
        lines[-1].append(f"{x[place]},{y.at(run.value)}")
    parts += [f'<polyline class="line" points="{" ".join(line)}"/>' for line in lines if len(line) > 1]
    every = max(1, math.ceil((len(runs) - 1) / (_MOST_LABELS - 1)))
    for place, run in enumerate(runs):
        if run is None:
            continue
        parts += [
            f'<line class="whisker" x1="{x[place]}" x2="{x[place]}" y1="{y.at(run.low)}" y2="{y.at(run.high)}"/>',
            f'<circle class="point" cx="{x[place]}" cy="{y.at(run.value)}" r="4">',
            f"<title>{escape(printable(run.said))}</title></circle>",
        ]
        if place % every == 0:
            parts.append(_text(x[place], _LINE - 10, _short(run.name), "middle"))
    ends = known if len(known) < _MOST_LABELS else [known[0], known[-1]]
    return _svg(_LINE, f"{len(known)} runs: {'; '.join(run.said for run in ends)}", parts)


def _axis(scale: Scale, show: Callable[[float], str], end: float, label: float) -> Iterator[str]:
    for tick in scale.ticks():
        place = scale.at(tick)
        yield f'<line class="grid" x1="{place}" x2="{place}" y1="0" y2="{end}"/>'
        yield _text(place, label - 8, show(tick), "middle")


def _short(name: str) -> str:
    name = printable(name)
    return name if len(name) <= _MOST_LABEL else name[: _MOST_LABEL - 1] + "…"


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(height: float, said: str, parts: Sequence[str]) -> str:
    label = quoteattr(printable(" ".join(said.split())))
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label={label}>{"".join(parts)}</svg>'
