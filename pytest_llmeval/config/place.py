"""The folders that may hold the table [tool.llmeval]: a folder and those above it, up to the repository's root."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

PYPROJECT, TABLE_FILE = "pyproject.toml", "llmeval.toml"
_MOST_NAMED = 3


def folders_searched(start: Path, otherwise: Path | None = None) -> Iterator[Path]:
    """The folders that may hold the table, the nearest first.

    Args:
        start: an absolute path; its parents follow up to the one that holds ``.git``.
        otherwise: one more folder, such as pytest's rootdir.
    """
    seen = False
    for folder in (start, *start.parents):
        seen = seen or folder == otherwise
        yield folder
        if (folder / ".git").exists():
            break
    if otherwise is not None and not seen:
        yield otherwise


def shown_path(path: Path, base: Path) -> str:
    """A path relative to a folder, with forward slashes, for a message."""
    try:
        return Path(os.path.relpath(path, base)).as_posix()
    except ValueError:  # on another drive
        return str(path)


def no_table(looked: Sequence[Path], base: Path) -> str:
    """The message that the folders searched hold no table, with a table that may be meant as one.

    Args:
        base: the folder that paths are shown relative to.
    """
    there = [folder / PYPROJECT for folder in looked if (folder / PYPROJECT).is_file()]
    if not there:
        return f"no {PYPROJECT} or {TABLE_FILE} in {shown_path(looked[0], base)} or above it"
    named = ", ".join(shown_path(file, base) for file in there[:_MOST_NAMED])
    more = f" and {len(there) - _MOST_NAMED} more" if len(there) > _MOST_NAMED else ""
    for file in there:
        if meant := _meant(file):
            return f"no [tool.llmeval] in {named}{more}; {shown_path(file, base)} has {meant}: did you mean that?"
    return f"no [tool.llmeval] in {named}{more}"


def _meant(file: Path) -> str | None:
    """The head of a table that looks like a misspelled [tool.llmeval]."""
    import tomllib

    from pytest_llmeval.text import first_line, nearest

    try:
        content = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return None
    tools = content.get("tool")
    tables = {name: f"[tool.{name}]" for name in tools} if isinstance(tools, dict) else {}
    tables |= {name: f"[{name}]" for name, value in content.items() if isinstance(value, dict) and name != "tool"}
    for name, head in tables.items():
        if nearest(re.sub("[-_]|^pytest", "", name.lower()), ["llmeval"]):
            return first_line(head, 60)
    return None
