"""Which tool a file is of, and its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from pytest_llmeval.datasets.foreign.imported import Imported
from pytest_llmeval.datasets.foreign.promptfoo import is_promptfoo, read_promptfoo
from pytest_llmeval.datasets.foreign.refusal import refusal
from pytest_llmeval.datasets.foreign.source import Source, read_source


class Tool(NamedTuple):
    """Another tool.

    Attributes:
        recognise: whether a file looks like one of its files.
        read: adds the rows of a file.
        words_of_1_1: whether ``yes`` and ``no`` of its YAML are true and false.
    """

    recognise: Callable[[Source], bool]
    read: Callable[[Source, Imported], None]
    words_of_1_1: bool = False


TOOLS: Mapping[str, Tool] = {
    "promptfoo": Tool(is_promptfoo, read_promptfoo),
}


def read_foreign(path: Path, name: str, tool: str | None = None) -> Imported:
    """The rows of a file of another tool.

    Args:
        path: the file.
        name: the same as the user wrote it.
        tool: one of `TOOLS`; by default the first that recognises the file.

    Raises:
        DatasetError: the file cannot be read, is of no tool that is known, or has no case; in one line.
    """
    imported = Imported("")
    source = read_source(path, name, imported)
    found = tool or next((known for known, one in TOOLS.items() if one.recognise(source)), None)
    if found is None:
        raise refusal(name, 0, f"no tool is known whose file this is; name it: --from {' or '.join(TOOLS)}")
    imported.tool = found
    if TOOLS[found].words_of_1_1:
        source = read_source(path, name, Imported(""), words_of_1_1=True)
    TOOLS[found].read(source, imported)
    if not imported.rows:
        first = next(iter(imported.not_mapped), None)
        why = f": {first[0]}: {first[1]}" if first else ""
        raise refusal(name, 0, f"no case was found in it, read as a file of {found}{why}")
    return imported
