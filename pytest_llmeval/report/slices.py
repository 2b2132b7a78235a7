"""How often each model fails by task, by tag, and by the length of the input: only where that tells anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from pytest_llmeval.report.lines import Line, Paper, clip
from pytest_llmeval.report.numbers import count, percent
from pytest_llmeval.report.table import Column, table
from pytest_llmeval.run import CaseResult
from pytest_llmeval.slices import EDGES, Slice, bucket_of, count_by, input_tokens

__all__ = ["length_lines", "tag_lines", "task_lines"]

Results = Mapping[str, Sequence[CaseResult]]

L = TypeVar("L")

_MOST_ROWS = 12
_UNKNOWN = len(EDGES) + 1


def task_lines(paper: Paper, models: Results) -> list[Line]:
    """The share of failing answers per task, the worst first; nothing where there is one task."""
    return _lines(
        paper, "failing by task", models, lambda result: [result.task or ""], lambda name: name or "(no task)"
    )


def tag_lines(paper: Paper, models: Results) -> list[Line]:
    """The same per tag; a case with several tags counts in each."""
    return _lines(paper, "failing by tag", models, lambda result: dict.fromkeys(result.tags), str)


def length_lines(paper: Paper, models: Results) -> list[Line]:
    """The same per bucket of input tokens, shortest first; nothing where all inputs are about as long."""
    known = {bucket for each in models.values() for result in each for bucket in _buckets(result)} - {_UNKNOWN}
    if len(known) < 2:
        return []
    return _lines(paper, "failing by input tokens", models, _buckets, _bucket_name, order=lambda bucket: bucket)


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
    if order is not None:
        rows.sort(key=order)
    else:
        # What fails most stands first; Python's sort keeps the order of appearance among equals.
        rows.sort(key=lambda row: -max(_share(slices.get(row)) for slices in counted.values()))
    hidden = max(0, len(rows) - _MOST_ROWS) if paper.verbosity <= 0 and order is None else 0
    rows = rows[: len(rows) - hidden] if hidden else rows
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
    lines = table(paper, head, [paper.clean(show(row)) for row in rows], body)
    return lines + ([Line(f"  {hidden} more (-v names all)")] if hidden else [])


def _share(found: Slice | None) -> float:
    return found.failed / found.judged if found is not None and found.judged else -1.0


def _cases(found: Slice | None) -> int:
    return found.cases if found is not None else 0
