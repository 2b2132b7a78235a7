"""How much the wording of a question matters, per model, and which wording is worst."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pytest_llmeval.cases.variants import question_of
from pytest_llmeval.report.lines import Line, Paper, clip
from pytest_llmeval.report.numbers import count, plural, points
from pytest_llmeval.report.table import Column, table
from pytest_llmeval.report.text import first_line
from pytest_llmeval.sensitivity import PARAPHRASES, Reworded, Sensitivity, Worst

__all__ = ["wording_lines", "wording_words"]

_FEWEST_FOR_INTERVAL = 5
_MOST_WORST = 3


def wording_lines(paper: Paper, models: Mapping[str, Sensitivity], *, worst_of: Sequence[str]) -> list[Line]:
    """The change that each way of rewording makes to the pass rate of each model, and the worst wordings.

    Args:
        paper: what it is written on.
        models: those whose results hold several wordings.
        worst_of: the models whose worst wordings are named.
    """
    if not models:
        return []
    most = max(models.values(), key=lambda each: each.wordings)
    title = f"wordings: {plural(most.cases, 'case')} in {most.wordings} wordings"
    if paper.verbosity <= 0 and not any(model.worst for model in models.values()):
        return paper.write(f"{title}, of which none made a difference", hang=2)
    lines = paper.write(title, "bold")
    ways = list(dict.fromkeys(each.name for model in models.values() for each in model.reworded))
    ways.sort(key=lambda way: way != PARAPHRASES)
    spread = any(model.spread is not None for model in models.values())
    body = []
    for name, model in models.items():
        by_way = {each.name: each for each in model.reworded}
        found = [by_way.get(way) for way in ways]
        last = [_spread(paper, model)] if spread else []
        body.append(
            Column(
                head=clip(paper.clean(name), 24),
                cells=[*_cells(paper, found), *last],
                short=[*(points(each.change.value) if each else "-" for each in found), *last],
            )
        )
    rows = [*ways, *(["spread"] if spread else [])]
    lines += table(paper, "passing so worded", rows, body, rules={len(ways)} if spread else ())
    told = "points against the same cases in their own words"
    if spread:
        told += "; spread: standard deviation of the pass rate over the wordings of a case"
    if any(model.spread is not None and model.spread.noise for model in models.values()):
        told += ", chance included where each was answered once (--llm-samples=3 takes it out)"
    lines += paper.write(told, indent=2)
    for name in worst_of:
        if name in models:
            lines += _worst_lines(paper, name if len(models) > 1 else "", models[name].worst)
    return lines


def wording_words(models: Mapping[str, Sensitivity], name: str) -> str:
    """The same of one model in a few words, "" when there is nothing."""
    model = models.get(name)
    if model is None:
        return ""
    changes = [f"{each.name} {points(each.change.value)}" for each in model.reworded]
    return f"wordings: {', '.join(changes)} points against the cases' own words"


def _cells(paper: Paper, found: Sequence[Reworded | None]) -> list[str]:
    """Passing samples, the change and half its interval, each below its like."""
    parts = [
        (count(each.passed, each.samples), points(each.change.value), _half(paper, each)) if each else ("-", "", "")
        for each in found
    ]
    widths = [max(len(part[place]) for part in parts) for place in range(3)]
    return [f"{part[0]:>{widths[0]}} {part[1]:>{widths[1]}}{part[2]:<{widths[2]}}" for part in parts]


def _half(paper: Paper, found: Reworded) -> str:
    """Half of the interval, where there are enough cases for one."""
    half = found.change.high - found.change.value
    if found.change.cases < _FEWEST_FOR_INTERVAL or not 0 < half < math.inf:
        return ""
    return f" {_plus_minus(paper)}{100 * half:.1f}"


def _spread(paper: Paper, model: Sensitivity) -> str:
    return "-" if model.spread is None else f"{_plus_minus(paper)}{100 * model.spread.value:.1f}"


def _plus_minus(paper: Paper) -> str:
    return "+/-" if paper.ascii else "±"


def _worst_lines(paper: Paper, name: str, worst: Sequence[Worst]) -> list[Line]:
    shown = worst if paper.verbosity > 0 else worst[:_MOST_WORST]
    front = f"{name}: " if name else ""
    if not worst:
        return paper.write(f"{front}no case depends on its wording", indent=2, hang=2)
    verb = "depends on its wording" if len(worst) == 1 else "depend on their wording, the worst first"
    rest = f", {len(shown)} shown (-v shows all)" if len(shown) < len(worst) else ""
    lines = paper.write(f"{front}{plural(len(worst), 'case')} {verb}{rest}", indent=2, hang=2)
    for each in shown:
        passed, best = count(each.passed, each.samples), count(each.best_passed, each.best_samples)
        own = "own words" if not each.best.wording else f"+{each.best.wording}"
        tail = f"  {passed}, {own} {best}"
        room = paper.width - 4 - len(tail)
        if room < 20:
            lines += paper.write(str(each.case.key) + tail, indent=4, hang=2)
        else:
            lines.append(Line("    " + clip(paper.clean(str(each.case.key)), room) + tail))
        text = question_of(each.case.input)
        if text:
            lines.append(Line("      " + clip(paper.clean(first_line(text)), paper.width - 6)))
    return lines
