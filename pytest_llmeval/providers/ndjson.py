"""Streams of one JSON value a line, as Ollama sends them."""

from __future__ import annotations

from pytest_llmeval.providers.base import Event

__all__ = ["LineParser"]


class LineParser:
    """Turns the bytes of one response into events, one for each line; the chunks may end anywhere."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []  # of the line that is not complete yet

    def feed(self, chunk: bytes) -> list[Event]:
        """The lines that this chunk completes.

        Args:
            chunk: the next bytes of the response; what came before is remembered.
        """
        *lines, rest = chunk.split(b"\n")
        events: list[Event] = []
        for line in lines:
            self._pieces.append(line)
            events += self.close()
        if rest:
            self._pieces.append(rest)
        return events

    def close(self) -> list[Event]:
        """The line the stream ended in, when its line break is missing."""
        line, self._pieces = b"".join(self._pieces), []
        text = line.decode("utf-8", "replace").strip()
        return [Event("message", text)] if text else []
