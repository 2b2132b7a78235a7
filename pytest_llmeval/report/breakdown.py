"""Failures by task, tag, length and wording, right fields, and which model suits which task; only where they differ."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from pytest_llmeval.analysis.routing import Choice, TaskRoute
from pytest_llmeval.analysis.sensitivity import PARAPHRASES, Reworded, Sensitivity, Worst
from pytest_llmeval.analysis.sides.field_accuracy import field_names, field_rows
from pytest_llmeval.analysis.slices import EDGES, Slice, bucket_of, count_by, input_tokens
from pytest_llmeval.datasets.rewording import question_of
from pytest_llmeval.report.cases import passes
from pytest_llmeval.report.numbers import change, count, dollars, percent, points
from pytest_llmeval.report.paper import Column, Line, Paper, clip, table
from pytest_llmeval.runs.results import CaseResult, number_place
from pytest_llmeval.text import first_line, plural

Results = Mapping[str, Sequence[CaseResult]]

L = TypeVar("L")
NO_TASK = "(no task)"
_MOST_ROWS = 12
_UNKNOWN = len(EDGES) + 1


class SliceRow(NamedTuple):
    """Some cases by their name.

    Attributes:
        slices: of these cases, one per model.
    """

    name: str
    slices: Sequence[Slice]


def rows_by_task(models: Results) -> list[SliceRow]:
    """The cases of each task; empty for a single task."""
    return _rows(models, lambda result: [result.task or ""], lambda name: name or NO_TASK)


def rows_by_tag(models: Results) -> list[SliceRow]:
    """The cases of each tag; a case with several tags counts in each."""
    return _rows(models, lambda result: dict.fromkeys(result.tags), str)


def rows_by_length(models: Results) -> list[SliceRow]:
    """The cases of each bucket of input tokens, shortest first; empty where all are in one."""
    known = {bucket for each in models.values() for result in each for bucket in _buckets(result)} - {_UNKNOWN}
    return _rows(models, _buckets, _bucket_name, order=lambda bucket: bucket) if len(known) > 1 else []


def task_lines(paper: Paper, models: Results) -> list[Line]:
    """The share of failing answers per task, of many tasks the worst; empty for a single task."""
    return _lines(paper, "task", models, rows_by_task(models))


def tag_lines(paper: Paper, models: Results) -> list[Line]:
    """The share of failing answers per tag, of many tags the worst."""
    return _lines(paper, "tag", models, rows_by_tag(models))


def length_lines(paper: Paper, models: Results) -> list[Line]:
    """The share of failing answers per bucket of input tokens."""
    return _lines(paper, "input tokens", models, rows_by_length(models), whole=True)


def field_lines(paper: Paper, models: Results) -> list[Line]:
    """How often each field of JSON replies was right; empty where no check counted fields."""
    rows = field_rows(models)
    if not rows:
        return []
    body = []
    for model, counts in zip(models, zip(*(row.counts for row in rows), strict=True), strict=True):
        cells = [field_cell(right, of) for right, of in counts]
        short = [count(right, of) if of else "-" for right, of in counts]
        body.append(Column(head=clip(paper.clean(model), 24), cells=cells, short=short))
    names = [paper.clean(name) for name in field_names(rows)]
    return paper.write("right fields", "bold") + table(paper, "field", names, body)


def field_cell(right: int, of: int) -> str:
    """As in ``11/12 92%``."""
    return f"{count(right, of)} {percent(right, of)}" if of else "-"


def _buckets(result: CaseResult) -> list[int]:
    tokens = input_tokens(result)
    return [_UNKNOWN if tokens is None else bucket_of(tokens)]


def _bucket_name(bucket: int) -> str:
    if bucket == _UNKNOWN:
        return "unknown"
    if bucket == 0:
        return f"under {EDGES[0]:,}"
    return f"{EDGES[bucket - 1]:,} and more" if bucket == len(EDGES) else f"{EDGES[bucket - 1]:,} to {EDGES[bucket]:,}"


def _rows(
    models: Results,
    names: Callable[[CaseResult], Iterable[L]],
    show: Callable[[L], str],
    *,
    order: Callable[[L], int] | None = None,
) -> list[SliceRow]:
    counted = [count_by(results, names) for results in models.values()]
    found = list(dict.fromkeys(row for slices in counted for row in slices))
    # Numbers in a name count as numbers, and `NO_TASK` comes last.
    found.sort(key=order if order is not None else lambda row: (show(row) == NO_TASK, number_place(show(row))))
    return [SliceRow(show(row), [slices.get(row, Slice()) for slices in counted]) for row in found]


def _lines(paper: Paper, head: str, models: Results, rows: list[SliceRow], *, whole: bool = False) -> list[Line]:
    """A table of slices; only of a few, where not the whole is asked for, those that fail most."""
    if len(rows) < 2:
        return []
    hidden = max(0, len(rows) - _MOST_ROWS) if paper.verbosity <= 0 and not whole else 0
    if hidden:
        worst = sorted(rows, key=lambda row: -max(_share(each) for each in row.slices))[:_MOST_ROWS]
        rows = [row for row in rows if row in worst]
    body = [Column(head="cases", cells=[str(max(each.cases for each in row.slices)) for row in rows])]
    for model, slices in zip(models, zip(*(row.slices for row in rows), strict=True), strict=True):
        counts = [count(each.failed, each.judged) if each.judged else "-" for each in slices]
        shares = [percent(each.failed, each.judged) for each in slices]
        width = max(map(len, shares))
        cells = [
            cell if cell == "-" else f"{cell} {share:>{width}}" for cell, share in zip(counts, shares, strict=True)
        ]
        body.append(Column(head=clip(paper.clean(model), 24), cells=cells, short=counts))
    lines = paper.write(f"failing answers by {head}", "bold")
    lines += table(paper, head, [paper.clean(row.name) for row in rows], body)
    return lines + ([Line(f"  {hidden} more that fail no more often (-v names all)")] if hidden else [])


def _share(found: Slice) -> float:
    return found.failed / found.judged if found.judged else -1.0


def route_lines(paper: Paper, routes: Sequence[TaskRoute]) -> list[Line]:
    """The routing table: per task the cheapest model that fits, and why the others do not; a line where none moves."""
    if not routes:
        return []
    routes = sorted(routes, key=lambda route: (not route.task, number_place(route.task)))  # as in the table by task
    chosen = [next((each for each in route.choices if each.model == route.model), None) for route in routes]
    if paper.verbosity <= 0 and all(each is not None and each.baseline for each in chosen):
        stays = f"every task stays with {routes[0].model}: no other model was shown to be as good (-v says why)"
        return paper.write(f"routing by task: {stays}", hang=2)
    lines = paper.write("routing by task: the cheapest model that was shown to be as good", "bold")
    before = [next((each for each in route.choices if each.baseline), None) for route in routes]
    body = [
        Column(head="cases", cells=[str(max(each.cases for each in route.choices)) for route in routes]),
        Column(head="model", cells=[paper.clean(route.model or "-") for route in routes], right=False),
        _failing("failing", chosen),
        _failing("baseline", before),
        Column(head="$/resolved", cells=[dollars(each.cost.value) if each and each.cost else "-" for each in chosen]),
        Column(head="cost", cells=[_cheaper(route, each) for route, each in zip(routes, chosen, strict=True)]),
    ]
    lines += table(paper, "task", [paper.clean(route.task or NO_TASK) for route in routes], body)
    baseline = next((each.model for each in routes[0].choices if each.baseline), "the baseline")
    lines += paper.write(f"baseline: how often {baseline} fails; cost: change per resolved answer", indent=2, hang=2)
    most = f"{100 * routes[0].max_loss:g} points"
    lines += paper.write(f"as good: it fails no more often here, and at worst {most} more often", indent=2, hang=2)
    for route in routes:
        lines += _why(paper, route)
    return lines + _cost_lines(paper, routes)


def _cost_lines(paper: Paper, routes: Sequence[TaskRoute]) -> list[Line]:
    """What a resolved answer costs per task and model; empty where no price is known."""
    costs = [{each.model: each.cost.value for each in route.choices if each.cost} for route in routes]
    choices = [each for route in routes for each in route.choices]
    models = dict.fromkeys(each.model for each in sorted(choices, key=lambda each: not each.baseline))
    if not any(costs):
        return []
    body = [
        Column(head=clip(paper.clean(model), 24), cells=[dollars(of_task.get(model)) for of_task in costs])
        for model in models
    ]
    names = [paper.clean(route.task or NO_TASK) for route in routes]
    return [Line(""), *paper.write("$ per resolved answer by task", "bold"), *table(paper, "task", names, body)]


def _failing(head: str, choices: Sequence[Choice | None]) -> Column:
    counts = [count(each.samples - each.passed, each.samples) if each else "" for each in choices]
    shares = [percent(each.samples - each.passed, each.samples) if each else "" for each in choices]
    width = max(map(len, shares))
    return Column(head, [f"{n} {share:>{width}}" for n, share in zip(counts, shares, strict=True)], counts)


def _cheaper(route: TaskRoute, choice: Choice | None) -> str:
    baseline = next((each for each in route.choices if each.baseline), None)
    if choice is None or baseline is None or not choice.cost or not baseline.cost:
        return ""
    return "stays" if choice.baseline else change(baseline.cost.value, choice.cost.value)


def route_reasons(route: TaskRoute) -> list[str]:
    """Why models were not chosen, grouped by reason, and why no model was."""
    kept_out: dict[str, list[str]] = {}
    for choice in route.choices:
        if choice.fitness != "fits":
            kept_out.setdefault(f"{choice.fitness}: {choice.reason}", []).append(choice.model)
    why = [f"{', '.join(models)}: {reason}" for reason, models in kept_out.items()]
    if route.model is None:
        why.insert(0, route.reason)
    elif route.reason.startswith("the cheapest that fits of"):
        why.append(route.reason)
    return why


def _why(paper: Paper, route: TaskRoute) -> list[Line]:
    why = route_reasons(route)
    return paper.write(f"{route.task or NO_TASK}: {'; '.join(why)}", indent=2, hang=2) if why else []


_FEWEST_FOR_INTERVAL = 5
_MOST_WORST = 3


def wording_lines(paper: Paper, models: Mapping[str, Sensitivity], *, worst_of: Sequence[str]) -> list[Line]:
    """The change that each way of rewording makes to the pass rate of each model, and the worst wordings.

    Args:
        paper: the terminal.
        models: those with results in several wordings.
        worst_of: the models whose worst wordings are named.
    """
    most = max(models.values(), key=lambda each: each.wordings)
    title = f"wordings: {plural(most.cases, 'case')} in {most.wordings} wordings"
    if paper.verbosity <= 0 and not any(model.worst for model in models.values()):
        return paper.write(f"{title}; none made a difference", hang=2)
    lines = paper.write(title, "bold")
    ways = list(dict.fromkeys(each.name for model in models.values() for each in model.reworded))
    ways.sort(key=lambda way: way != PARAPHRASES)
    body = []
    for name, model in models.items():
        by_way = {each.name: each for each in model.reworded}
        found = [by_way.get(way) for way in ways]
        spread = f"{paper.plus_minus}{100 * model.spread.value:.1f}"
        short = [points(each.change.value) if each else "-" for each in found]
        body.append(
            Column(head=clip(paper.clean(name), 24), cells=[*_cells(paper, found), spread], short=[*short, spread])
        )
    lines += table(paper, "wording", [*ways, "spread"], body, rules={len(ways)})
    legend = "passing answers, and points against the same cases in their own words"
    legend += "; spread: standard deviation of a case's pass rate over its wordings"
    if any(model.spread.noise for model in models.values()):
        legend += ", which includes chance where each was answered once (--llm-samples=3 removes it)"
    lines += paper.write(legend, indent=2)
    for name in worst_of:
        if name in models:
            lines += _worst_lines(paper, name if len(models) > 1 else "", models[name].worst)
    return lines


def wording_words(model: Sensitivity) -> str:
    """The change that each way of rewording makes to the pass rate, on one line."""
    changes = [f"{each.name} {points(each.change.value)}" for each in model.reworded]
    return f"wordings: {', '.join(changes)} points against the cases' own words"


def _cells(paper: Paper, found: Sequence[Reworded | None]) -> list[str]:
    """Passing samples, the change and half its interval, aligned."""
    parts = [
        (count(each.passed, each.samples), points(each.change.value), _half(paper, each)) if each else ("-", "", "")
        for each in found
    ]
    widths = [max((len(part[place]) for part in parts), default=0) for place in range(3)]
    return [f"{part[0]:>{widths[0]}} {part[1]:>{widths[1]}}{part[2]:<{widths[2]}}" for part in parts]


def _half(paper: Paper, found: Reworded) -> str:
    """Half of the interval, where there are enough cases for one."""
    half = found.change.high - found.change.value
    if found.change.cases < _FEWEST_FOR_INTERVAL or not 0 < half < math.inf:
        return ""
    return f" {paper.plus_minus}{100 * half:.1f}"


def _worst_lines(paper: Paper, name: str, worst: Sequence[Worst]) -> list[Line]:
    shown = worst if paper.verbosity > 0 else worst[:_MOST_WORST]
    front = f"{name}: " if name else ""
    if not worst:
        return paper.write(f"{front}no case depends on its wording", indent=2, hang=2)
    verb = "depends on its wording" if len(worst) == 1 else "depend on their wording, the worst first"
    rest = f", {len(shown)} shown (-v shows all)" if len(shown) < len(worst) else ""
    lines = paper.write(f"{front}{plural(len(worst), 'case')} {verb}{rest}", indent=2, hang=2)
    for each in shown:
        own = "own words" if not each.best.wording else f"wording +{each.best.wording}"
        tail = f"  {passes(each.case)}, {own} {passes(each.best)}"
        room = paper.width - 4 - len(tail)
        if room < 20:
            lines += paper.write(str(each.case.key) + tail, indent=4, hang=2)
        else:
            lines.append(Line("    " + clip(paper.clean(str(each.case.key)), room) + tail))
        text = question_of(each.case.input)
        if text:
            lines.append(Line("      " + clip(paper.clean(first_line(text)), paper.width - 6)))
    return lines
