"""What the terminal and the page say of a history in the same words."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_llmeval.analysis.history.case_lines import CaseLine, State
from pytest_llmeval.analysis.history.timeline import Change, History, Light, Point, Series, Timeline
from pytest_llmeval.report.numbers import count, percent, percentage, points
from pytest_llmeval.runs.results import model_words
from pytest_llmeval.runs.saved_when import moment_of
from pytest_llmeval.stats.means import Share
from pytest_llmeval.text import plural

ANY = "any failure"
LETTERS: dict[State, str] = {"pass": ".", "fail": "x", "unverified": "u", "error": "?", "absent": "-", "another": "~"}
LEGEND = ". passed, x failed, u unverified, ? could not be judged, - not run, ~ another row"
_BLOCKS, _LETTERS = "▁▂▃▄▅▆▇█", "_.:-=+*#"
_MOST_LETTERS = 60  # runs that a line of letters shows, the last ones


def title(folder: str, runs: Sequence[Light]) -> str:
    """As in ``history of runs: 4 runs, 2026-10-01 to 2026-11-30``."""
    first, last = (when(run)[:10] for run in (runs[0], runs[-1]))
    return f"history of {folder}: {plural(len(runs), 'run')}, {first}" + (f" to {last}" if last != first else "")


def when(run: Light) -> str:
    """When a run was saved, in UTC to the minute."""
    moment = moment_of(run.created)
    return moment.strftime("%Y-%m-%d %H:%M") if moment is not None else run.created


def verdict(history: History) -> list[str]:
    """What rose and what fell, a sentence each; one that nothing is shown where that is so."""
    said = [
        f"{series.category or ANY} {series.change.word} under {line.model}, {change_words(series.change)}"
        for word in ("rose", "fell")
        for line in history.timelines
        for series in line.series
        if series.change is not None and series.change.word == word
    ]
    if said:
        return said
    told = any(series.change is not None for line in history.timelines for series in line.series)
    return ["no category is shown to rise or fall" if told else "no two runs can be compared"]


def method(history: History) -> str:
    """How it is found that something rose."""
    return (
        f'"rose" and "fell" are said where the interval of the change leaves out 0 after allowing for all '
        f"{plural(history.comparisons, 'line')} at once; an interval that is shown is of 95 % for its line alone"
    )


def change_words(change: Change) -> str:
    """As in ``run 1 to 4 on 85 cases: 2.3% to 6.8%, +4.5 points (-1.2 to +10.3)``."""
    interval = f"{points(change.interval.low)} to {points(change.interval.high)}"
    where = f"run {change.first} to {change.last} on {plural(change.cases, 'case')}"
    rates = f"{percentage(change.before)} to {percentage(change.after)}"
    return f"{where}: {rates}, {points(change.value)} points ({interval})"


def trend(series: Series, history: History) -> str:
    """What is to be said of a category's change."""
    change = series.change
    if change is None:
        return "no earlier run can be compared with the last"
    alone = change.interval.low > 0 or change.interval.high < 0
    none = f"not shown among {plural(history.comparisons, 'line')}" if alone else "no change shown"
    return f"{change_words(change)}, {change.word or none}"


def model_of(line: Timeline) -> str:
    """The model as its last run names it."""
    header = line.points[-1].run.models.get(line.model, {})
    return f"{line.model} ({model_words(header)})" if header.get("model") else line.model


def remarks(line: Timeline) -> list[str]:
    """Where the line breaks and why, and which runs are not whole or not new."""
    said = [
        f"the line breaks before run {number}: {point.broken}"
        for number, point in enumerate(line.points, start=1)
        if point.broken
    ]
    for number, point in enumerate(line.points, start=1):
        if point.run.part:
            said.append(f"run {number} is not whole: {point.run.part}")
        if point.replayed:
            said.append(f"run {number} holds no new answer: each is in an earlier run")
    return said


def counted(line: Timeline) -> dict[str, list[str]]:
    """By heading how many cases each run has, and how many of them say nothing of the model."""
    found = {
        "cases": [str(len(point.results)) for point in line.points],
        "in common": [common_words(point) for point in line.points],
        "errors": [str(point.count("error")) for point in line.points],
    }
    unverified = [point.count("unverified") for point in line.points]
    return found | ({"unverified": [*map(str, unverified)]} if any(unverified) else {})


def common_words(point: Point) -> str:
    """How many cases are the same as in the run before, "-" for the first run."""
    return "-" if point.common is None else str(point.common)


def failing_words(share: Share | None) -> tuple[str, str, str]:
    """The failing answers of those examined, their share, and its interval; empty where none was examined."""
    if share is None:
        return "-", "-", ""
    interval = f"{100 * share.low:.1f} to {100 * share.high:.1f}"
    return count(share.number, share.samples), percent(share.number, share.samples), interval


def spark(series: Series, line: Timeline, *, ascii_only: bool) -> str:
    """A letter per run by its share of the highest rate, with a bar where the line breaks; a space without a rate."""
    letters, bar = (_LETTERS, "|") if ascii_only else (_BLOCKS, "│")
    highest = max((rate.value for rate in series.rates if rate is not None), default=0.0)
    drawn = []
    for rate, point in zip(series.rates, line.points, strict=True):
        level = 0 if rate is None or not highest else -int(-rate.value / highest * (len(letters) - 1) // 1)
        drawn.append((bar if point.broken else "") + (" " if rate is None else letters[level]))
    return "".join(drawn[-_MOST_LETTERS:])


def strip(states: Sequence[State]) -> str:
    """A letter per run for what became of a case."""
    return "".join(LETTERS[state] for state in states)[-_MOST_LETTERS:]


def began(line: CaseLine, timeline: Timeline) -> str:
    """Since when a case fails."""
    run = timeline.points[(line.since or 1) - 1].run
    words = f"since run {line.since} ({when(run)[:10]}, {run.file})"
    words += f", {line.category}" if line.category else ""
    words += f"; passed in {plural(line.passed, 'run')} before"
    return words + (f"; but {line.broken}" if line.broken else "")
