"""How often each model fails by task, by tag, and by the length of the input: only where that tells anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from pytest_llmeval.report.lines import Line, Paper, clip
from pytest_llmeval.report.numbers import count, percent
from pytest_llmeval.report.table import Column, table
from pytest_llmeval.run import CaseResult, number_place
from pytest_llmeval.slices import EDGES, Slice, bucket_of, count_by, input_tokens

__all__ = ["NO_TASK", "length_lines", "tag_lines", "task_lines"]

Results = Mapping[str, Sequence[CaseResult]]

L = TypeVar("L")

NO_TASK = "(no task)"
_MOST_ROWS = 12
_UNKNOWN = len(EDGES) + 1


def task_lines(paper: Paper, models: Results) -> list[Line]:
    """The share of failing answers per task, of many tasks the worst; nothing where there is one task."""
    return _lines(paper, "task", models, lambda result: [result.task or ""], lambda name: name or NO_TASK)


def tag_lines(paper: Paper, models: Results) -> list[Line]:
    """The same per tag; a case with several tags counts in each."""
    return _lines(paper, "tag", models, lambda result: dict.fromkeys(result.tags), str)


def length_lines(paper: Paper, models: Results) -> list[Line]:
    """The same per bucket of input tokens, shortest first; nothing where all inputs are about as long."""
    known = {bucket for each in models.values() for result in each for bucket in _buckets(result)} - {_UNKNOWN}
    if len(known) < 2:
        return []
    return _lines(paper, "input tokens", models, _buckets, _bucket_name, order=lambda bucket: bucket)


def _buckets(result: CaseResult) -> list[int]:
    tokens = input_tokens(result)
    return [_UNKNOWN if tokens is None else bucket_of(tokens)]


def _bucket_name(bucket: int) -> str:
    if bucket == _UNKNOWN:
        return "unknown"
    if bucket == 0:
        return f"under {EDGES[0]:,}"
    return f"{EDGES[bucket - 1]:,} and more" if bucket == len(EDGES) else f"{EDGES[bucket - 1]:,} to {EDGES[bucket]:,}"


def _lines(
    paper: Paper,
    head: str,
    models: Results,
    names: Callable[[CaseResult], Iterable[L]],
    show: Callable[[L], str],
    *,
    order: Callable[[L], int] | None = None,
) -> list[Line]:
    counted = {model: count_by(results, names) for model, results in models.items()}
    rows = list(dict.fromkeys(row for slices in counted.values() for row in slices))
    if len(rows) < 2:
        return []
    hidden = max(0, len(rows) - _MOST_ROWS) if paper.verbosity <= 0 and order is None else 0
    if hidden:  # what fails most stays
        rows.sort(key=lambda row: -max(_share(slices.get(row)) for slices in counted.values()))
        del rows[_MOST_ROWS:]
    rows.sort(key=order if order is not None else lambda row: _place(show(row)))
    body = [
        Column(head="cases", cells=[str(max(_cases(slices.get(row)) for slices in counted.values())) for row in rows])
    ]
    for model, slices in counted.items():
        found = [slices.get(row, Slice()) for row in rows]
        shares = [percent(each.failed, each.judged) for each in found]
        width = max(map(len, shares))
        body.append(
            Column(
                head=clip(paper.clean(model), 24),
                cells=[
                    f"{count(each.failed, each.judged)} {share:>{width}}" if each.judged else "-"
                    for each, share in zip(found, shares, strict=True)
                ],
                short=[count(each.failed, each.judged) if each.judged else "-" for each in found],
            )
        )
    lines = paper.write(f"failing answers by {head}", "bold")
    lines += table(paper, head, [paper.clean(show(row)) for row in rows], body)
    return lines + ([Line(f"  {hidden} more that fail no more often (-v names all)")] if hidden else [])


def _place(name: str) -> tuple[bool, list[tuple[int, str]]]:
    """Where a name stands among others; the numbers in it count as numbers, and what has no name is last."""
    parts = re.findall(r"\d+|\D+", name)
    return name == NO_TASK, [number_place(part) if part.isdecimal() else (-1, part) for part in parts]


def _share(found: Slice | None) -> float:
    return found.failed / found.judged if found is not None and found.judged else -1.0


def _cases(found: Slice | None) -> int:
    return found.cases if found is not None else 0
