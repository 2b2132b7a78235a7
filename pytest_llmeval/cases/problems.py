"""The problems of a dataset, gathered to be shown at once."""

from __future__ import annotations

from pytest_llmeval.errors import DatasetError
from pytest_llmeval.report.text import harmless

__all__ = ["Problems"]

_MOST_SHOWN = 50


class Problems:
    """What is wrong with a dataset.

    Args:
        name: the dataset, as the user wrote it.

    Attributes:
        count: how many problems were added; only the first 50 are kept.
    """

    def __init__(self, name: str) -> None:
        self.count = 0
        self._name = name
        self._kept: list[tuple[int, str]] = []

    def add(self, line: int, text: str) -> None:
        """Report a problem.

        Args:
            line: where it stands, from 1; 0 for the file as a whole.
            text: one line: what was given, what is allowed, the nearest right name.
        """
        self.count += 1
        if len(self._kept) < _MOST_SHOWN:
            self._kept.append((line, harmless(text).replace("\n", "\\n")))

    def error(self) -> DatasetError:
        """All of them, in the order of the file."""
        kept = sorted(self._kept, key=lambda problem: problem[0])
        name = harmless(self._name).replace("\n", "\\n")
        lines = [f"{name}:{line}: {text}" if line else f"{name}: {text}" for line, text in kept]
        error = DatasetError(name, lines)
        if self.count > len(lines):
            rest = f"and {self.count - len(lines)} more, shown when these are mended"
            error.args = ("\n".join([f"{name}: {self.count} problems in the dataset", *lines, rest]),)
        return error
