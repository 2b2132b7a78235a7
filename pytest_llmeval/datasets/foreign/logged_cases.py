"""The cases of a log of production, each with what production answered."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pytest_llmeval.case import Case
from pytest_llmeval.checks.production.recorded import recorded_of
from pytest_llmeval.datasets.foreign.files.source import read_source
from pytest_llmeval.datasets.foreign.imported import Imported
from pytest_llmeval.datasets.foreign.logs import is_log, read_log
from pytest_llmeval.datasets.load import load_cases
from pytest_llmeval.datasets.rows import Problems, Row, case_of
from pytest_llmeval.errors import DatasetError


class LoggedCases(NamedTuple):
    """What was read of a log.

    Attributes:
        cases: those that production answered.
        left_out: how many entries are no call of a model, or have no answer.
    """

    cases: tuple[Case, ...]
    left_out: int


def logged_cases(path: Path, name: str) -> LoggedCases:
    """The cases of a log, or of a dataset that ``llmeval import`` has made of one.

    Args:
        path: the file.
        name: the same as the user wrote it.

    Raises:
        DatasetError: the file cannot be read, or holds no answer of production.
    """
    left_out = 0
    imported = Imported("log")
    if not path.is_file():
        load_cases(path, name)  # which says what is wrong with it
    source = read_source(path, name, imported)
    if is_log(source):
        read_log(source, imported)
        problems = Problems(name)
        made = (case_of(Row(line=0, fields=row), name, problems, {}) for row in imported.rows)
        cases = [case for case in made if case is not None]
        left_out = sum(sum(places.values()) for places in imported.not_mapped.values())
    else:
        cases = load_cases(path, name)
    answered = tuple(case for case in cases if recorded_of(case) is not None)
    if not answered:
        problem = (
            f"{name}: no answer of production is in it; a log of Helicone, LangSmith, Langfuse, litellm or "
            "OpenTelemetry has them, and so has a dataset that llmeval import has made of one"
        )
        raise DatasetError(name, [problem])
    return LoggedCases(answered, left_out + len(cases) - len(answered))
