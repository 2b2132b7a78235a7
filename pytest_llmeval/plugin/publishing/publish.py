"""Writes the summary of a session where people look: files that were asked for, and the page of the CI step."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pytest_llmeval.analysis.comparison import Comparison
from pytest_llmeval.analysis.measure import measure_each
from pytest_llmeval.plugin.publishing.github import OUTPUT, PAGE, append, output_line
from pytest_llmeval.plugin.reporting.gathering import Gathered
from pytest_llmeval.report.exports import EXPORTS, Session
from pytest_llmeval.report.markdown import markdown


def publish(gathered: Gathered, comparisons: Sequence[Comparison], notes: Sequence[str]) -> tuple[list[str], int]:
    """Write the summary.

    Args:
        notes: of the session, for the summary.

    Returns:
        Further notes on what could not be written, and how many files that were asked for are among it.
    """
    evaluation = gathered.evaluation
    page, output = (os.environ.get(name, "") for name in (PAGE, OUTPUT))
    if not (evaluation.summaries or page or output) or evaluation.shard is not None or not evaluation.models:
        return [], 0
    session = Session(
        run=gathered.run(), comparisons=comparisons, figures=measure_each(gathered.run()), secrets=evaluation.secrets()
    )
    notes = list(dict.fromkeys([*notes, *evaluation.notes]))

    def summary(session: Session) -> str:
        return markdown(session, notes=notes, besides=gathered.billed_besides)

    told = []
    for path in evaluation.summaries:
        write = next((write for ending, write in EXPORTS.items() if path.name.endswith(ending)), summary)
        why = _write(path, write(session))
        told += [f"NOT SAVED: {why}"] if why else []
    unwritten = len(told)
    if page:
        told.append(append(PAGE, page, summary(session)))
    told.append(append(OUTPUT, output, output_line(comparisons)))
    return [note for note in told if note], unwritten


def _write(path: Path, text: str) -> str:
    """Why the file could not be written, "" where it was."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        return f"{path.name} cannot be written: {error.strerror or error}"
    return ""
