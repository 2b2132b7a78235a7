"""The servers that recorded calls of applications were meant for."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from pytest_llmeval.json_text import parsed_json


def recorded_servers(directory: Path) -> set[str]:
    """Host and port of each, as `Entry.server` has them.

    What is wrong with a file is told where its entries are needed.

    Args:
        directory: the folder of recordings.
    """
    found = set()
    for path in directory.glob("*.jsonl"):
        with suppress(OSError):
            for line in path.read_bytes().split(b"\n"):
                if b'"server"' in line:  # few lines have it: the others are not parsed
                    with suppress(ValueError):
                        found.add(_server_in(parsed_json(line.decode())))
    return found - {""}


def _server_in(entry: object) -> str:
    server = entry.get("server") if isinstance(entry, dict) and "key" in entry else None
    return server if isinstance(server, str) else ""
