"""The history of saved runs for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

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
    spark,
    strip,
    title,
    trend,
    verdict,
    when,
)
from pytest_llmeval.report.numbers import percentage
from pytest_llmeval.report.paper import Column, Line, Paper, clip, joined, table
from pytest_llmeval.text import plural

MOST_ROWS = 8
"""Runs of a table; of more the first and the last ones."""
MOST_CASES = 10

_LONGEST_NAME = 40  # columns of a file's name


def history_lines(
    paper: Paper, history: History, folder: str, runs: Sequence[Light], not_counted: Sequence[str]
) -> list[Line]:
    """The history of a folder's runs.

    Args:
        paper: the terminal.
        history: of the runs.
        folder: as the user wrote it.
        runs: the oldest first.
        not_counted: the files that are no runs, a sentence each.
    """
    head = paper.write(title(folder, runs), "bold")
    for said in verdict(history):
        head += paper.write(said, hang=2)
    for said in not_counted:
        head += paper.write(said, hang=2)
    sections = [head]
    for line in history.timelines:
        sections.append(_runs(paper, line))
        sections += [_category(paper, series, line, history) for series in line.series]
        sections += _cases(paper, line)
    return joined([*sections, paper.write(method(history), hang=2)])


def _shown(number: int) -> list[int | None]:
    """The places of the runs that a table shows, None for those between."""
    if number <= MOST_ROWS:
        return [*range(number)]
    return [0, None, *range(number - MOST_ROWS + 2, number)]


def _table(
    paper: Paper, line: Timeline, cells: Sequence[tuple[str, ...]], heads: Sequence[str], words: int
) -> list[Line]:
    """A row per run, with a line where the timeline breaks.

    Args:
        paper: the terminal.
        line: of the model.
        cells: per run what its row says.
        heads: of the columns.
        words: how many of the columns, the first ones, are words.
    """
    shown = _shown(len(line.points))
    names = ["..." if place is None else str(place + 1) for place in shown]
    rows = [("",) * len(heads) if place is None else cells[place] for place in shown]
    body = [Column(head, [row[at] for row in rows], right=at >= words, gap=2) for at, head in enumerate(heads)]
    rules = {at for at, place in enumerate(shown) if place is not None and line.points[place].broken}
    return table(paper, "run", names, body, rules=rules)


def _runs(paper: Paper, line: Timeline) -> list[Line]:
    numbers = counted(line)
    cells = [
        (when(point.run), clip(paper.clean(point.run.file), _LONGEST_NAME), *each)
        for point, each in zip(line.points, zip(*numbers.values(), strict=True), strict=True)
    ]
    lines = paper.write(f"{model_of(line)}: {plural(len(line.points), 'run')}", "bold")
    lines += _table(paper, line, cells, ("saved (UTC)", "file", *numbers), 2)
    for said in remarks(line):
        lines += paper.write(said, indent=2, hang=2)
    return lines


def _category(paper: Paper, series: Series, line: Timeline, history: History) -> list[Line]:
    highest = max((rate.value for rate in series.rates if rate is not None), default=0.0)
    drawn = spark(series, line, ascii_only=paper.ascii)
    name = clip(paper.clean(series.category or ANY), _LONGEST_NAME)
    head = f"{clip(paper.clean(line.model), _LONGEST_NAME)}: {name}"
    lines = [Line(clip(head, paper.width), ("bold",))]
    lines.append(Line(clip(f"  {drawn}  highest {percentage(highest)}", paper.width)))
    cells = [failing_words(rate) for rate in series.rates]
    lines += _table(paper, line, cells, ("failing", "share", "95 % interval"), 0)
    return lines + paper.write(trend(series, history), indent=2, hang=2)


def _cases(paper: Paper, line: Timeline) -> list[list[Line]]:
    lines = case_lines(line.points)
    sections = []
    since = failing_since(lines)
    if since:
        told = paper.write(f"{line.model}: {plural(len(since), 'case')} began to fail", "bold")
        for each in since[:MOST_CASES]:
            told += paper.write(f"{each.key}: {began(each, line)}", indent=2, hang=2)
        sections.append([*told, *_more(paper, len(since))])
    flips = flipping(lines)
    if flips:
        told = paper.write(f"{line.model}: {plural(len(flips), 'case')} with a verdict that comes and goes", "bold")
        told += paper.write(f"({LEGEND})", indent=2, hang=2)
        for each in flips[:MOST_CASES]:
            told += paper.write(f"{strip(each.states)} {each.key}", indent=2, hang=2)
        sections.append([*told, *_more(paper, len(flips))])
    return sections


def _more(paper: Paper, number: int) -> list[Line]:
    if number <= MOST_CASES:
        return []
    return paper.write(f"and {number - MOST_CASES} more; -o history.html names all", indent=2)
