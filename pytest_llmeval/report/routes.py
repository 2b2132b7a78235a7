"""Which model for which task, with what that rests on."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_llmeval.report.lines import Line, Paper
from pytest_llmeval.report.numbers import change, count, dollars
from pytest_llmeval.report.slices import NO_TASK
from pytest_llmeval.report.table import Column, table
from pytest_llmeval.routing import Choice, Route

__all__ = ["route_lines"]


def route_lines(paper: Paper, routes: Sequence[Route]) -> list[Line]:
    """The routing table: per task the cheapest model that fits, and why the others do not.

    Args:
        paper: what it is written on.
        routes: one per task; none where nothing could be compared.
    """
    if not routes:
        return []
    lines = paper.write("routing by task: the cheapest model without a gated regression on it", "bold")
    chosen = [next((each for each in route.choices if each.model == route.model), None) for route in routes]
    body = [
        Column(head="cases", cells=[str(max(each.cases for each in route.choices)) for route in routes]),
        Column(
            head="model",
            cells=[paper.clean(route.model or "-") for route in routes],
            right=False,
        ),
        Column(head="failing", cells=[_failing(each) for each in chosen]),
        Column(head="$/passed", cells=[dollars(each.cost.value) if each and each.cost else "-" for each in chosen]),
        Column(head="cost", cells=[_cheaper(route, each) for route, each in zip(routes, chosen, strict=True)]),
    ]
    lines += table(paper, "task", [paper.clean(route.task or NO_TASK) for route in routes], body)
    baseline = next((each.model for each in routes[0].choices if each.baseline), "the baseline")
    lines += paper.write(f"cost: of a passed answer, against {baseline}", indent=2)
    for route in routes:
        lines += _why(paper, route)
    return lines


def _failing(choice: Choice | None) -> str:
    return count(choice.samples - choice.passed, choice.samples) if choice else ""


def _cheaper(route: Route, choice: Choice | None) -> str:
    baseline = next((each for each in route.choices if each.baseline), None)
    if choice is None or baseline is None or not choice.cost or not baseline.cost:
        return ""
    return "stays" if choice.baseline else change(baseline.cost.value, choice.cost.value)


def _why(paper: Paper, route: Route) -> list[Line]:
    """What kept the models out that were not chosen, those with the same reason together, and why there may be none."""
    kept_out: dict[str, list[str]] = {}
    for choice in route.choices:
        if choice.fitness != "fits":
            kept_out.setdefault(f"{choice.fitness}: {choice.reason}", []).append(choice.model)
    told = [f"{', '.join(models)}: {why}" for why, models in kept_out.items()]
    if route.model is None:
        told.insert(0, route.reason)
    elif route.reason.startswith("the cheapest that fits of"):
        told.append(route.reason)
    return paper.write(f"{route.task or NO_TASK}: {'; '.join(told)}", indent=2, hang=2) if told else []
