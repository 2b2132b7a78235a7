"""How the events of a stream follow each other: server-sent events, one JSON value a line, or Amazon's messages.

Source of the rules: "event stream interpretation" in the HTML standard, 9.2.6. Two leniencies: bytes that are not UTF-8
become U+FFFD, and an event without its final blank line counts, as a stream's last one often lacks it.
"""

from __future__ import annotations

import re
from typing import Literal

from pytest_llmeval.formats.base import Event, StreamReader
from pytest_llmeval.formats.clouds.frames import FrameParser


def framing_of(reader: StreamReader) -> Literal["events", "lines", "frames"]:
    """How the stream is framed that a reader takes: as server-sent events, unless it says otherwise."""
    framing = getattr(reader, "framing", "events")
    return "lines" if framing == "lines" else "frames" if framing == "frames" else "events"


def has_answered(reader: StreamReader) -> bool:
    """Whether a reader has seen the whole answer; some libraries never read the event that only ends the stream."""
    return reader.done or bool(getattr(reader, "answered", False))


def parser_for(reader: StreamReader) -> EventParser | LineParser | FrameParser:
    """A parser that turns the bytes of a stream into the events that a reader takes."""
    framing = framing_of(reader)
    return LineParser() if framing == "lines" else FrameParser() if framing == "frames" else EventParser()


_LINE_END = re.compile(rb"\r\n|\r|\n")
_BOM = b"\xef\xbb\xbf"


class EventParser:
    """Turns the bytes of one response into events; the chunks may end anywhere."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []  # of the line that is not complete yet
        self._after_carriage_return = False
        self._at_start = True
        self._name = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that the next bytes of the response complete."""
        if self._after_carriage_return and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._after_carriage_return = False
        if not chunk:
            return []
        self._after_carriage_return = chunk.endswith(b"\r")
        *lines, rest = _LINE_END.split(chunk)
        events: list[Event] = []
        for line in lines:
            if self._pieces:
                self._pieces.append(line)
                line = b"".join(self._pieces)
                self._pieces = []
            self._take(line, events)
        if rest:
            self._pieces.append(rest)
        return events

    def close(self) -> list[Event]:
        """The event the stream ended in, when its final blank line is missing."""
        events: list[Event] = []
        if self._pieces:
            self._take(b"".join(self._pieces), events)
            self._pieces = []
        self._take(b"", events)
        return events

    def _take(self, line: bytes, events: list[Event]) -> None:
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(_BOM)
        if not line:
            data = "\n".join(self._data)
            if data:
                events.append(Event(self._name or "message", data))
            self._name = ""
            self._data = []
            return
        field, _, value = line.partition(b":")  # a comment has no name, and no name is "data" or "event"
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value.decode("utf-8", "replace"))
        elif field == b"event":
            self._name = value.decode("utf-8", "replace")


class LineParser:
    """Turns the bytes of one response into events, one for each line; the chunks may end anywhere."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []  # of the line that is not complete yet

    def feed(self, chunk: bytes) -> list[Event]:
        """The lines that the next bytes of the response complete."""
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
