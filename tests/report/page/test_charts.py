"""Charts that a page shows without a script."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.report.page.charts import (
    Measured,
    Point,
    Scale,
    at_share,
    cost_against_quality,
    quantile_strip,
    rate_over_runs,
    unbeaten,
)


def parsed(drawn: str) -> ElementTree.Element:
    return ElementTree.fromstring(drawn)  # noqa: S314 - it is our own


VALUES = st.lists(st.floats(0.001, 1e6), min_size=1, max_size=8)


@given(VALUES)
def test_every_value_is_within_the_axis_in_order(values: list[float]) -> None:
    scale = Scale(values, 100, 500)
    places = [scale.at(value) for value in sorted(values)]
    assert all(99.9 <= place <= 500.1 for place in places)
    assert places == sorted(places)
    assert len(scale.ticks()) <= 12
    assert all(99.9 <= scale.at(tick) <= 500.1 for tick in scale.ticks())


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50), st.sampled_from([0.05, 0.5, 0.95, 0.99]))
def test_a_quantile_is_the_smallest_value_that_enough_do_not_exceed(values: list[float], share: float) -> None:
    found = at_share(sorted(values), share)
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert all(sum(value <= other for value in values) < share * len(values) for other in values if other < found)


def test_the_strip_says_its_figures_to_those_who_cannot_see_it() -> None:
    drawn = parsed(quantile_strip([("production", [0.5] * 90 + [2.0] * 10), ("new", [])]))
    assert drawn.get("aria-label") == "production: p50 0.50s, p95 2.00s, p99 2.00s"
    assert quantile_strip([("new", [])]) == ""


def test_no_model_beats_those_that_the_line_joins() -> None:
    cheap, dear, beaten = Point("a", 1, 0.8, 0.7, 0.9), Point("b", 3, 0.9, 0.8, 1), Point("c", 4, 0.85, 0.8, 0.9)
    assert unbeaten([beaten, dear, cheap]) == [cheap, dear]
    drawn = parsed(cost_against_quality([beaten, dear, cheap]))
    assert [circle.get("class") for circle in drawn.iter("circle")] == ["point", "best", "best"]
    assert cost_against_quality([cheap]) == ""


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", 'x" onload="alert(1)', "\x1b[31m\u202e]]>&amp;"])
def test_a_name_is_text(name: str) -> None:
    points = [Point(name, 1, 0.8, 0.7, 0.9), Point("b", 3, 0.9, 0.8, 1)]
    for drawn in (quantile_strip([(name, [1.0, 2.0])]), cost_against_quality(points)):
        elements = list(parsed(drawn).iter())
        assert {element.tag for element in elements} <= {"svg", "text", "line", "rect", "circle", "polyline"}
        assert not [key for element in elements for key in element.attrib if key.startswith("on")]


RUNS = st.lists(st.none() | st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=40)


@given(RUNS)
def test_a_line_of_rates_stays_on_its_paper_and_is_never_drawn_over_a_break(
    drawn: list[tuple[float, bool] | None],
) -> None:
    runs = [
        None if each is None else Measured("<day>", f"run & {n}", each[0], each[0] / 2, (1 + each[0]) / 2, each[1])
        for n, each in enumerate(drawn)
    ]
    known = [run for run in runs if run is not None]
    svg = rate_over_runs(runs)
    if len(known) < 2:
        assert svg == ""
        return
    root = parsed(svg)
    width, height = (float(number) for number in root.attrib["viewBox"].split()[2:])
    for circle in root.iter("circle"):
        assert 0 < float(circle.attrib["cx"]) < width
        assert 0 < float(circle.attrib["cy"]) < height
    assert len(list(root.iter("circle"))) == len(known)
    breaks = sum(run.broken for run in runs[1:] if run is not None)
    assert sum(line.attrib["class"] == "break" for line in root.iter("line")) == breaks
    lines = [line.attrib["points"].split() for line in root.iter("polyline")]
    assert sum(len(line) - 1 for line in lines) == len(known) - 1 - sum(run.broken for run in known[1:])
