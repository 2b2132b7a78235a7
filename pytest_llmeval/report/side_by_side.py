"""A table with a column for each model, in as many pieces as the width needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pytest_llmeval.measure import Figures
from pytest_llmeval.report.figures import MEASURED, why_unknown
from pytest_llmeval.report.lines import Line, Paper, clip, columns
from pytest_llmeval.report.table import Column, table, table_width

__all__ = ["Row", "blocks", "explained", "figure_rows", "ruled"]

_SHORTEST_HEAD = 12


class Row(NamedTuple):
    """A row of the table: its name, and a cell for each model by the model's position."""

    name: str
    cells: Sequence[str]
    rule: bool = False


def ruled(rows: Sequence[Row]) -> list[Row]:
    """The rows with a rule above the first."""
    return [row._replace(rule=not index) for index, row in enumerate(rows)]


def figure_rows(models: Sequence[Figures], *, saved: str | None = None) -> list[Row]:
    """The measured figures that are known of any model.

    Args:
        models: the baseline first, if there is one.
        saved: name of the saved run the baseline comes from.
    """
    rows = [
        Row(measured.label, [measured.show(measured.value(figures)) for figures in models])
        for measured in MEASURED
        if any(measured.value(figures) is not None for figures in models)
    ]
    sources = ["live" if figures.live_figures else "recorded" for figures in models]
    if saved:
        sources[0] = "saved run"
    if rows and set(sources) != {"live"}:
        rows.append(Row("measured", sources))
    return ruled(rows)


def explained(paper: Paper, models: Sequence[Figures]) -> list[Line]:
    """Why some of the figures are not known."""
    shown = [measured for measured in MEASURED if any(measured.value(figures) is not None for figures in models)]
    text = why_unknown(shown, models)
    return paper.write(text, indent=2) if text else []


def blocks(paper: Paper, names: Sequence[str], rows: Sequence[Row], *, always: int) -> list[Line]:
    """The table, in as many pieces as the width needs, each with the first columns in it again.

    Args:
        paper: what it is written on.
        names: of the models, one column each.
        rows: the rows.
        always: how many columns stand in every piece.
    """
    labels = [row.name for row in rows]
    rules = {index for index, row in enumerate(rows) if row.rule}
    lines: list[Line] = []
    rest = list(range(always, len(names)))
    while rest:
        take = len(rest)
        while take > 1 and _body(paper, names, rows, [*range(always), *rest[:take]]) is None:
            take -= 1
        chosen = [*range(always), *rest[:take]]
        body = _body(paper, names, rows, chosen) or _columns(names, rows, chosen, _SHORTEST_HEAD)
        lines += [Line("")] if lines else []
        lines += table(paper, "", labels, body, rules=rules)
        rest = rest[take:]
    return lines


def _body(paper: Paper, names: Sequence[str], rows: Sequence[Row], chosen: Sequence[int]) -> list[Column] | None:
    """The columns with their headings as long as the width allows, None when that is too short to tell them apart."""
    labels = [row.name for row in rows]
    widest = max(_SHORTEST_HEAD, *(min(columns(names[index]), paper.width) for index in chosen))
    for longest in range(widest, _SHORTEST_HEAD - 1, -1):
        body = _columns(names, rows, chosen, longest)
        if table_width(labels, body) <= paper.width:
            apart = len({column.head for column in body}) == len({names[index] for index in chosen})
            return body if apart else None
    return None


def _columns(names: Sequence[str], rows: Sequence[Row], chosen: Sequence[int], longest: int) -> list[Column]:
    return [Column(head=clip(names[index], longest), cells=[row.cells[index] for row in rows]) for index in chosen]
