"""Find the recorded request most like one that has no recording."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from pytest_llmeval.json_text import canonical_json
from pytest_llmeval.store.entry import Entry
from pytest_llmeval.store.key import significant

# Scripts without spaces count by the character.
_WORD = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af]|\w+")
_LONGEST = 20_000
_MOST_REQUESTS = 2000
_TELLING_WORDS = 40
_FINALISTS = 5


class RequestIndex:
    """Finds similar requests by the rare words they share. Of the samples of a request only the first counts."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries: list[Entry] = []
        self._words: list[frozenset[str]] = []
        self._where: dict[str, list[int]] = {}
        seen = set()
        for entry in entries:
            text = _text(entry.request)
            if (entry.model, text) in seen or len(self._entries) == _MOST_REQUESTS:
                continue
            seen.add((entry.model, text))
            words = _words_of(text)
            for word in words:
                self._where.setdefault(word, []).append(len(self._entries))
            self._entries.append(entry)
            self._words.append(words)
        self._models = {entry.model for entry in self._entries}

    def nearest(self, body: Mapping[str, Any], model: str) -> Entry | None:
        """The entry whose request is most like a body; one of the same model where there is any."""
        if not self._entries:
            return None
        words = _words_of(_text(body))
        telling = sorted(words & self._where.keys(), key=lambda word: (len(self._where[word]), word))[:_TELLING_WORDS]
        counts = Counter(index for word in telling for index in self._where[word])
        of_any = model not in self._models
        eligible = [index for index, entry in enumerate(self._entries) if of_any or entry.model == model]
        finalists = sorted(eligible, key=lambda index: -counts[index])[:_FINALISTS]

        def likeness(index: int) -> tuple[float, int]:
            """Jaccard's index, the share of all words that both have; of equals the first."""
            other = self._words[index]
            return len(words & other) / max(1, len(words | other)), -index

        return self._entries[max(finalists, key=likeness)]


def _text(body: Mapping[str, Any]) -> str:
    try:
        return canonical_json(significant(body))
    except (TypeError, ValueError, RecursionError):
        return repr(sorted(body))


def _words_of(text: str) -> frozenset[str]:
    if "\\u" in text:
        text = re.sub(r"\\u([0-9a-f]{4})", lambda match: chr(int(match[1], 16)), text)
    if len(text) > 2 * _LONGEST:
        text = f"{text[:_LONGEST]} {text[-_LONGEST:]}"
    return frozenset(_WORD.findall(text))
