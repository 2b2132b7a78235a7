"""The texts of a page: harmless, without secrets, each kept once."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_llmeval.credentials import hide_secrets
from pytest_llmeval.text import printable, shortened


class Texts:
    """Collects the texts of a page.

    Args:
        secrets: API keys that must not be in it, by the names of their environment variables.
        longest: characters of a text; a longer one loses its middle.
    """

    def __init__(self, secrets: Mapping[str, str], longest: int) -> None:
        self.unique: list[str] = []
        self._secrets = secrets
        self._longest = longest
        self._clean: dict[str, str] = {}
        self._places: dict[str, int] = {}

    def clean(self, text: str) -> str:
        """The text as the page shows it."""
        found = self._clean.get(text)
        if found is None:
            short = shortened(text, self._longest, " [...] ")
            found = self._clean[text] = printable(str(hide_secrets(short, self._secrets)))
        return found

    def add(self, text: str) -> int:
        """The place in `unique` of the text as the page shows it."""
        shown = self.clean(text)
        place = self._places.get(shown)
        if place is None:
            place = self._places[shown] = len(self.unique)
            self.unique.append(shown)
        return place
