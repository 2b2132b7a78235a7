"""Writes the summary of a session where people look: files that were asked for, and the page of the CI step."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pytest_llmeval.analysis.comparison import Comparison
from pytest_llmeval.plugin.publishing.github import OUTPUT, PAGE, append, output_line
from pytest_llmeval.plugin.reporting.gathering import Gathered


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
    text = _markdown(gathered, comparisons, notes)
    told = [f"NOT SAVED: {why}" for path in evaluation.summaries if (why := _write(path, text))]
    unwritten = len(told)
    told += [append(PAGE, page, text), append(OUTPUT, output, output_line(comparisons))]
    return [note for note in told if note], unwritten


def _markdown(gathered: Gathered, comparisons: Sequence[Comparison], notes: Sequence[str]) -> str:
    from pytest_llmeval.analysis.measure import measure_each
    from pytest_llmeval.report.markdown import markdown

    run, evaluation = gathered.run(), gathered.evaluation
    return markdown(
        comparisons,
        measure_each(run),
        run.results,
        notes=list(dict.fromkeys([*notes, *evaluation.notes])),
        besides=gathered.billed_besides,
        secrets=evaluation.secrets(),
    )


def _write(path: Path, text: str) -> str:
    """Why the file could not be written, "" where it was."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        return f"{path.name} cannot be written: {error.strerror or error}"
    return ""
