"""Writes the summary of a session where people look: files that were asked for, and the page of the CI step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_llmeval.text import plural

if TYPE_CHECKING:
    from pytest_llmeval.analysis.comparison import Comparison
    from pytest_llmeval.plugin.evaluation import Evaluation
    from pytest_llmeval.plugin.reporting.gathering import Gathered

MARKDOWN = ".md"


def publishes(evaluation: Evaluation) -> bool:
    """Whether the session leaves more than what is on the terminal; one of a shard has no verdict to tell."""
    if evaluation.shard is not None:
        return False
    return bool(evaluation.summaries) or any(
        evaluation.environment.get(name) for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")
    )


def publish(
    gathered: Gathered,
    comparisons: Sequence[Comparison],
    notes: Sequence[str],
    *,
    failed: int = 0,
    stopped: str | None = None,
) -> tuple[list[str], int]:
    """Write the summary.

    Args:
        gathered: what there is to tell.
        comparisons: one per candidate.
        notes: of the session, for the summary.
        failed: how many tests failed, whether they ask a model or not; a reader of the summary does not see pytest's.
        stopped: why the session did not come to its end; then only Markdown is written, which says so first. Other
            files would look whole.

    Returns:
        Further notes on what could not be written, and how many files that were asked for are among it.
    """
    evaluation = gathered.evaluation
    if not publishes(evaluation) or not evaluation.models:
        return [], 0
    # Most sessions have nothing to publish, and do not pay for these.
    from pytest_llmeval.analysis.compare import Rules
    from pytest_llmeval.analysis.measure import measure_each
    from pytest_llmeval.analysis.routing import routes_of
    from pytest_llmeval.report.exports import Session, not_green
    from pytest_llmeval.report.files import FILES
    from pytest_llmeval.report.github import OUTPUT, PAGE, append, output_line
    from pytest_llmeval.report.markdown import markdown

    page, output = (evaluation.environment.get(name, "") for name in (PAGE, OUTPUT))
    red = [not_green(f"{stopped}, so it could not be measured")] if stopped is not None else []
    red += [not_green(f"{plural(failed, 'test')} failed, see pytest's output")] if failed else []
    run = gathered.run()
    session = Session(
        run=run,
        comparisons=comparisons,
        figures=measure_each(run),
        secrets=evaluation.secrets(),
        notes=list(dict.fromkeys([*red, *notes, *evaluation.notes])),
        besides=gathered.billed_besides,
    )
    if any(path.suffix == ".html" for path in evaluation.summaries):
        rules = Rules(evaluation.settings.categories, evaluation.settings.gate)
        session = session._replace(routes=routes_of(comparisons, rules))
    told = []
    for path, ending in _files(evaluation):
        if stopped is not None and ending != MARKDOWN:
            continue
        why = _write(path, FILES[ending].write(session))
        told += [f"NOT SAVED: {why}"] if why else []
        gathered.written += [] if why else [path]
    unwritten = len(told)
    if page:
        told.append(append(PAGE, page, markdown(session)))
    told.append(append(OUTPUT, output, output_line(comparisons)))
    return [note for note in told if note], unwritten


def publish_nothing(evaluation: Evaluation) -> list[str]:
    """Write the summary of a session that was stopped before any case had a result.

    Returns:
        Notes on what could not be written.
    """
    from pytest_llmeval.report.exports import not_green
    from pytest_llmeval.report.github import OUTPUT, PAGE, append, output_line

    if evaluation.shard is not None:
        return []
    page, output = (evaluation.environment.get(name, "") for name in (PAGE, OUTPUT))
    why = not_green("the session was stopped before any case had a result, so it could not be measured")
    text = f"### ❌ {why}\n"
    told = [append(PAGE, page, text), append(OUTPUT, output, output_line([]))]
    for path, ending in _files(evaluation):
        if ending == MARKDOWN and (unwritten := _write(path, text)):
            told.append(f"NOT SAVED: {unwritten}")
    return [note for note in told if note]


def _files(evaluation: Evaluation) -> list[tuple[Path, str]]:
    """The files that were asked for, each with its ending."""
    from pytest_llmeval.report.files import ending_of

    return [(path, ending_of(path.name) or MARKDOWN) for path in evaluation.summaries]


def _write(path: Path, text: str) -> str:
    """Why the file could not be written, "" where it was."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        return f"{path.name} cannot be written: {error.strerror or error}"
    return ""
