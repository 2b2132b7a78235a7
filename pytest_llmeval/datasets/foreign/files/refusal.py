"""The one way in which a file of another tool is refused."""

from __future__ import annotations

from pytest_llmeval.errors import DatasetError
from pytest_llmeval.text import first_line, visible


def refusal(name: str, line: int, text: str) -> DatasetError:
    """The error about a file, in one line.

    Args:
        name: the file, as the user wrote it.
        line: of the file, from 1; 0 for the file as a whole.
        text: what is wrong and what helps.
    """
    place = f"{visible(name)}:{line}" if line else visible(name)
    return DatasetError(visible(name), [f"{place}: {first_line(text, 500)}"])
