"""What a command leaves for GitHub Actions, as a session does: the page of the step, its outputs, and annotations."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_llmeval.report.exports import Session, not_green
from pytest_llmeval.report.github import OUTPUT, PAGE, append, commands, error_command, output_line
from pytest_llmeval.report.markdown import markdown
from pytest_llmeval.text import harmless


def on_github() -> bool:
    """Whether anybody reads it."""
    return bool(os.environ.get("GITHUB_ACTIONS") or os.environ.get(PAGE) or os.environ.get(OUTPUT))


def publish(session: Session, root: Path) -> None:
    """Leave the verdict on a run.

    Args:
        root: the project's folder, to which the files of results are relative.
    """
    lines = commands(session.comparisons, root, os.environ.get("GITHUB_WORKSPACE", ""))
    _leave(markdown(session), output_line(session.comparisons), [*lines, *map(error_command, session.red)])


def publish_failure(why: str) -> None:
    """Leave that a run could not be judged, where a verdict was expected."""
    if on_github():
        told = not_green(harmless(why))
        quoted = told.replace("`", "'")  # a code span, in which nothing is markup
        _leave(f"### ❌ `{quoted}`\n", output_line([]), [error_command(told)])


def _leave(page: str, output: str, lines: Sequence[str]) -> None:
    for name, text in ((PAGE, page), (OUTPUT, output)):
        if why := append(name, os.environ.get(name, ""), text):
            print(f"llmeval: {why}", file=sys.stderr)
    if os.environ.get("GITHUB_ACTIONS") and sys.stdout is not None:
        for line in lines:
            print(line)
