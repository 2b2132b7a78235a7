"""How often each field of JSON replies was right, by model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pytest_llmeval.runs.results import CaseResult


class FieldRow(NamedTuple):
    """A field of the replies to one test.

    Attributes:
        test: which test looked at it.
        path: as in ``lines[].sku``.
        counts: how often it was right and how often it was looked at, for each model.
    """

    test: str
    path: str
    counts: Sequence[tuple[int, int]]


def field_rows(models: Mapping[str, Sequence[CaseResult]]) -> list[FieldRow]:
    """The fields that checks looked at, in the order in which they came; of answers that were judged."""
    found: dict[tuple[str, str], list[list[int]]] = {}
    for place, results in enumerate(models.values()):
        for result in results:
            fields = (field for sample in result.judged for score in sample.scores for field in score.fields)
            for path, right, of in fields:
                counts = found.setdefault((result.key.test, path), [[0, 0] for _ in models])
                counts[place][0] += right
                counts[place][1] += of
    return [FieldRow(test, path, [(right, of) for right, of in counts]) for (test, path), counts in found.items()]


def field_names(rows: Sequence[FieldRow]) -> list[str]:
    """The name of each row: its path, behind the test where there are several."""
    several = len({row.test for row in rows}) > 1
    return [f"{row.test.rpartition('::')[2]} {row.path}" if several else row.path for row in rows]
