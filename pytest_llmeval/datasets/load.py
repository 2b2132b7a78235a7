"""Load the cases of a dataset: JSON Lines, a table or YAML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmeval.case import Case

if TYPE_CHECKING:
    from pytest_llmeval.datasets.rows import Problems, Row

_LARGEST_FILE = 200_000_000  # bytes


def load_cases(
    path: Path, name: str, fields: Mapping[str, str | None] | None = None, *, by_option: bool = False
) -> list[Case]:
    """The cases of a dataset, in the order of the file.

    Args:
        path: a ``.jsonl``, ``.csv``, ``.tsv``, ``.yaml`` or ``.yml`` file; with fields also ``.json`` or ``.xlsx``.
        name: the dataset as the user wrote it, for messages and for `Case.dataset`.
        fields: our names to those of the file's columns; None when the file has ours.
        by_option: whether a command line can name them, and not a marker.

    Raises:
        DatasetError: all problems of the file at once, at most 50, each with its ``file:line``.
    """
    from pytest_llmeval.datasets.rows import Problems, case_of

    if fields is not None:
        from pytest_llmeval.datasets.foreign.by_fields import cases_by_fields

        return cases_by_fields(path, name, fields, by_option=by_option)
    problems = Problems(name)
    cases: list[Case] = []
    line_of_id: dict[str, int] = {}
    try:
        for row in _rows(path, problems):
            case = case_of(row, name, problems, line_of_id)
            if case is not None:
                cases.append(case)
    except OSError as error:
        problems.add(0, f"cannot be read: {error.strerror or type(error).__name__}")
    if not cases and not problems.count:
        problems.add(1, "the file has no rows; a dataset needs at least one case")
    if problems.count:
        problems.tell_about_names(by_option=by_option)
        raise problems.error()
    return cases


def _rows(path: Path, problems: Problems) -> Iterator[Row]:
    """Read the rows of a file of any kind, and report what cannot be read."""
    try:
        exists, is_file = path.exists(), path.is_file()
    except ValueError:  # NUL in the name
        exists = is_file = False
    if not is_file:
        problems.add(0, "is not a file" if exists else "there is no such file" + _neighbour(path))
        return
    size = path.stat().st_size
    if size > _LARGEST_FILE:
        problems.add(0, f"the file has {size:,} bytes; at most {_LARGEST_FILE:,} are allowed")
        return
    match path.suffix.lower():
        case ".jsonl":
            from pytest_llmeval.datasets.jsonl import read_jsonl

            yield from read_jsonl(path, problems)
        case ".csv" | ".tsv":
            from pytest_llmeval.datasets.csv_rows import read_csv

            yield from read_csv(path, problems)
        case ".yaml" | ".yml":
            from pytest_llmeval.datasets.yaml_rows import read_yaml

            yield from read_yaml(path, problems)
        case other:
            kind = f"files of type {other}" if other else "files without a suffix"
            allowed = "allowed: .jsonl, .csv, .tsv, .yaml and .yml, and with fields= also .json and .xlsx"
            problems.add(0, f"{kind} are not datasets; {allowed}")


def _neighbour(path: Path) -> str:
    """The nearest name in the file's folder, or that the folder does not exist either."""
    from pytest_llmeval.text import did_you_mean

    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except (OSError, ValueError):
        return "; its folder does not exist either"
    return did_you_mean(path.name, names)
