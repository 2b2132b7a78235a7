"""The history of saved runs as one HTML file, without a script and without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pytest_llmeval.analysis.history.case_lines import case_lines, failing_since, flipping
from pytest_llmeval.analysis.history.timeline import History, Light, Series, Timeline
from pytest_llmeval.report.history.history_words import (
    ANY,
    LEGEND,
    began,
    counted,
    failing_words,
    method,
    model_of,
    remarks,
    strip,
    title,
    trend,
    verdict,
    when,
)
from pytest_llmeval.report.page.charts import Measured, rate_over_runs
from pytest_llmeval.report.page.html import csp_hash
from pytest_llmeval.report.page.tabs import Row, Table
from pytest_llmeval.report.page.texts import Texts
from pytest_llmeval.text import plural

_MOST_CASES = 200
_LONGEST = 4_000  # characters of a text
_HERE = Path(__file__).parent
_PAGE = _HERE.parent / "page"


class Chart(NamedTuple):
    """A category's line.

    Attributes:
        trend: what is to be said of it.
        svg: the line, "" where there are too few rates for one.
    """

    name: str
    trend: str
    svg: str


class Model(NamedTuple):
    """What the page shows of a model.

    Attributes:
        flips: the cases whose verdict comes and goes, each with a letter per run.
        flips_title: of their table.
    """

    title: str
    remarks: Sequence[str]
    charts: Sequence[Chart]
    rates: Table
    began: Table
    flips: Sequence[tuple[str, str]]
    flips_title: str


def history_page(
    history: History, folder: str, runs: Sequence[Light], not_counted: Sequence[str], secrets: Mapping[str, str]
) -> str:
    """The page of a folder's runs.

    Args:
        history: of the runs.
        folder: as the user wrote it.
        runs: the oldest first.
        not_counted: the files that are no runs, a sentence each.
        secrets: API keys that must not be in it, by the names of their environment variables.
    """
    style = (_PAGE / "page.css").read_text(encoding="utf-8")
    clean = Texts(secrets, _LONGEST).clean
    environment = Environment(
        loader=FileSystemLoader([_HERE, _PAGE]),
        autoescape=True,
        finalize=lambda value: value if hasattr(value, "__html__") or not isinstance(value, str) else clean(value),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    changes = [series.change for line in history.timelines for series in line.series if series.change is not None]
    return environment.get_template("history.html.jinja").render(
        title=title(folder, runs),
        verdict=verdict(history),
        rising=any(change.word == "rose" for change in changes),
        not_counted=not_counted,
        method=method(history),
        lines=[_model(line, history, Texts(secrets, _LONGEST)) for line in history.timelines],
        style=style,
        style_hash=csp_hash(style),
    )


def _model(line: Timeline, history: History, texts: Texts) -> Model:
    cases = case_lines(line.points)
    flips = flipping(cases)
    since = failing_since(cases)
    return Model(
        title=f"{model_of(line)}: {plural(len(line.points), 'run')}",
        remarks=remarks(line),
        charts=[_chart(series, line, history, texts) for series in line.series],
        rates=_rates(line),
        began=Table(
            f"{plural(len(since), 'case')} began to fail",
            ("case", "since"),
            [Row((str(each.key), began(each, line))) for each in since[:_MOST_CASES]],
            frozenset({1}),
            _more(len(since)),
        ),
        flips=[(str(each.key), strip(each.states)) for each in flips[:_MOST_CASES]],
        flips_title="; ".join(
            [f"{plural(len(flips), 'case')} with a verdict that comes and goes ({LEGEND})", *_more(len(flips))]
        ),
    )


def _more(number: int) -> list[str]:
    return [f"and {number - _MOST_CASES} more"] if number > _MOST_CASES else []


def _chart(series: Series, line: Timeline, history: History, texts: Texts) -> Chart:
    drawn: list[Measured | None] = []
    broken = False
    for number, (point, rate) in enumerate(zip(line.points, series.rates, strict=True), start=1):
        broken = broken or bool(point.broken)
        if rate is None:
            drawn.append(None)
            continue
        counts, share, interval = failing_words(rate)
        said = f"run {number}, {when(point.run)}, {point.run.file}: {counts}, {share} ({interval})"
        drawn.append(Measured(when(point.run)[:10], texts.clean(said), rate.value, rate.low, rate.high, broken))
        broken = False
    return Chart(series.category or ANY, trend(series, history), rate_over_runs(drawn))


def _rates(line: Timeline) -> Table:
    names, numbers = (each.category or ANY for each in line.series), counted(line)
    heads = ("run", "saved (UTC)", "file", *numbers, *names)
    rows = []
    for place, point in enumerate(line.points):
        told = (failing_words(series.rates[place]) for series in line.series)
        cells = (
            str(place + 1),
            when(point.run),
            point.run.file,
            *(each[place] for each in numbers.values()),
            *(f"{counts} {share} ({interval})" if interval else "-" for counts, share, interval in told),
        )
        rows.append(Row(cells, "~" if point.broken else ""))
    notes = ["~ the line breaks before this run · failing answers of those examined, with the 95 % interval"]
    return Table("Run by run", heads, rows, frozenset({1, 2}), notes)
