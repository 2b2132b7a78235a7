"""Long texts that nobody reads, such as an image in base64: a file holds each once, and its digest where it is used."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from itertools import islice
from typing import Any

BLOB = "$blob"
"""The one field of the object that stands for a blob."""

_SHORTEST = 1024  # characters
_UNREAD = re.compile(r"(?:data:[\w.+-]+/[\w.+-]+(?:;[\w.=+-]+)*;base64,)?[A-Za-z0-9+/_-]+={0,2}")
_LINE = re.compile(r'\{"blob": ?"([0-9a-f]{16})", ?"text": ?"([^"\\]*)"\}\r?\n?')

_LONG_RUN = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{512}")


def may_change(text: str) -> bool:
    """Whether `without_blobs` may change the value of a JSON text; to look at the text takes a tenth of the time."""
    return BLOB in text or _LONG_RUN.search(text) is not None


def without_blobs(value: Any, found: dict[str, str]) -> Any:
    """A JSON value with an object in place of each blob; the value itself where there is none.

    Args:
        value: of JSON.
        found: gets the blobs, by their digests.
    """
    if isinstance(value, str):
        if len(value) < _SHORTEST or not _UNREAD.fullmatch(value):
            return value
        digest = hashlib.sha256(value.encode()).hexdigest()[:16]
        return {BLOB: digest} if found.setdefault(digest, value) == value else value
    if isinstance(value, dict):
        if value.keys() == {BLOB}:  # somebody's own, which is told apart by a list around its value
            return {BLOB: [without_blobs(value[BLOB], found)]}
        fields = {name: without_blobs(inner, found) for name, inner in value.items()}
        return fields if any(fields[name] is not inner for name, inner in value.items()) else value
    if isinstance(value, list | tuple):
        items = [without_blobs(inner, found) for inner in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


def with_blobs(value: Any, text_of: Callable[[str], str]) -> Any:
    """A JSON value with the blobs where `without_blobs` has put objects.

    Args:
        value: of JSON.
        text_of: the blob with a digest; raises ValueError where there is none.

    Raises:
        ValueError: a blob is missing.
    """
    if isinstance(value, dict):
        if value.keys() != {BLOB}:
            return {name: with_blobs(inner, text_of) for name, inner in value.items()}
        match value[BLOB]:
            case str() as digest:
                return text_of(digest)
            case [inner]:
                return {BLOB: with_blobs(inner, text_of)}
        raise ValueError("what stands for a blob is broken")
    return [with_blobs(inner, text_of) for inner in value] if isinstance(value, list) else value


def blob_line(digest: str, text: str) -> str:
    """The line of a file that holds a blob."""
    return f'{{"blob": "{digest}", "text": "{text}"}}'


def blob_in(line: str) -> tuple[str, str] | None:
    """The digest and the text of the blob that a line of a file holds, None for every other line."""
    match = _LINE.fullmatch(line) if line.startswith('{"blob"') else None
    return (match[1], match[2]) if match is not None else None


class NewBlobs:
    """Writes each blob of a file once, above the first line that uses it."""

    def __init__(self) -> None:
        self._written: dict[str, str] = {}

    def taken_from(self, value: Any) -> tuple[Any, list[str]]:
        """A JSON value without its blobs, and the lines that have to stand above it."""
        known = len(self._written)
        try:
            without = without_blobs(value, self._written)
        except RecursionError:
            return value, []
        return without, [blob_line(*each) for each in islice(self._written.items(), known, None)]
