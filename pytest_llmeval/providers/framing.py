"""How the events of a stream follow each other on the wire."""

from __future__ import annotations

from pytest_llmeval.providers.base import StreamReader
from pytest_llmeval.providers.ndjson import LineParser
from pytest_llmeval.providers.sse import EventParser

__all__ = ["parser_for"]


def parser_for(reader: StreamReader) -> EventParser | LineParser:
    """What turns the bytes of a stream into the events this reader takes: server-sent ones unless it says ``lines``."""
    return LineParser() if getattr(reader, "framing", "events") == "lines" else EventParser()
