"""What is left for GitHub Actions: the page of the step, its outputs, and annotations. Nothing is posted."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_llmeval.analysis.comparison import UNMEASURED, CategoryRow, Comparison
from pytest_llmeval.report.verdict import rising_together
from pytest_llmeval.runs.answered import Drift
from pytest_llmeval.text import one_line

PAGE, OUTPUT = "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"
"""The variables that name files which GitHub reads when the step is done."""

MOST_ANNOTATIONS = 10
"""GitHub shows no more of a kind from one step."""


def append(name: str, file: str, text: str) -> str:
    """Add to a file that GitHub reads when the step is done.

    Args:
        name: of the environment variable that names the file.
        file: "" where there is none.
        text: whole lines.

    Returns:
        A note on why that was not possible, "" where it was.
    """
    if not file:
        return ""
    try:
        with Path(file).open("a", encoding="utf-8", errors="backslashreplace") as page:
            page.write(text)
    except OSError as error:
        return f"warning: {name} cannot be written: {error.strerror or error}"
    return ""


def output_line(comparisons: Sequence[Comparison]) -> str:
    """The step's outputs ``llmeval-verdict`` and ``llmeval-drift``, for later steps."""
    return f"llmeval-verdict={verdict_word(comparisons)}\nllmeval-drift={drift_word(comparisons)}\n"


def drift_word(comparisons: Sequence[Comparison]) -> Drift:
    """Whether another model answers under a name of the baseline; what is worst of any comparison."""
    words = {comparison.drift for comparison in comparisons} or {"unknown"}
    order: tuple[Drift, ...] = ("another-model", "unknown", "none")
    return next(word for word in order if word in words)


def verdict_word(comparisons: Sequence[Comparison]) -> str:
    """``regressed``, ``not-compared``, ``inconclusive`` or ``ok``: the first of these that any comparison is."""
    words = {_word(comparison) for comparison in comparisons} or {"not-compared"}
    return next(word for word in ("regressed", "not-compared", "inconclusive", "ok") if word in words)


def commands(comparisons: Sequence[Comparison], root: Path, folder: str) -> list[str]:
    """A workflow command for each category that regressed, and a warning for each that may have.

    Args:
        root: to which the files of results are relative.
        folder: the checkout, to which the names of files in a command are; "" where it is unknown.
    """
    found: dict[str, list[str]] = {"error": [], "warning": []}
    for comparison in comparisons:
        told = list(_told(comparison))
        if comparison.gate == "failed" and not any(kind == "error" for kind, _, _ in told):
            told.append(("error", "gate", comparison.reasons[0] if comparison.reasons else "the gate failed"))
        for kind, title, text in told:
            place = _place(comparison, title, root, folder)
            found[kind].append(f"::{kind} {place}title={_property(title)}::{_data(text)}")
    return [line for lines in found.values() for line in lines[:MOST_ANNOTATIONS]]


def _told(comparison: Comparison) -> Iterator[tuple[str, str, str]]:
    for row in [*comparison.rows, *rising_together(comparison)]:
        if row.gated and row.word == "REGRESSED":
            yield "error", row.name, _sentence(row, "regressed")
        elif row.gated and row.word == "INCONCLUSIVE":
            yield "warning", row.name, _sentence(row, "may have risen")


def _sentence(row: CategoryRow, rose: str) -> str:
    return f"{row.name} {rose} from {row.counts}"


def _word(comparison: Comparison) -> str:
    if comparison.gate == "failed":
        first = comparison.reasons[0] if comparison.reasons else ""
        return "not-compared" if first.startswith(UNMEASURED) else "regressed"
    if comparison.gate != "passed":
        return "not-compared"
    rows = [*comparison.rows, *rising_together(comparison)]
    return "inconclusive" if any(row.gated and row.word == "INCONCLUSIVE" for row in rows) else "ok"


def _place(comparison: Comparison, category: str, root: Path, folder: str) -> str:
    """Where the first case is that fails newly, as properties of a command; "" without one."""
    row = next((row for row in comparison.rows if row.name == category), None)
    key = next(iter(row.new if row is not None else comparison.new), None)
    result = comparison.candidate_results.get(key) if key is not None else None
    if result is None or not result.file:
        return ""
    path = Path(os.path.normpath(root / result.file))
    shown = path.relative_to(folder) if folder and path.is_relative_to(folder) else Path(result.file)
    return f"file={_property(shown.as_posix())},line={result.line},"


def error_command(text: str) -> str:
    """The command that shows an error of the whole step."""
    return f"::error title=llmeval::{_data(text)}"


def _data(text: str) -> str:
    return one_line(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
