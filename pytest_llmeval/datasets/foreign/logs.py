"""Logs of production: what was asked becomes a case; what was answered is kept as recorded, never as what is right."""

from __future__ import annotations

from pytest_llmeval.datasets.foreign.calls.logged_calls import NO_REQUEST, entries_of
from pytest_llmeval.datasets.foreign.files.source import Source
from pytest_llmeval.datasets.foreign.imported import Imported
from pytest_llmeval.datasets.foreign.recorded_call import metadata_of
from pytest_llmeval.datasets.foreign.values import labels


def is_log(source: Source) -> bool:
    """Whether a file looks like a log."""
    return any(entry.call is not None for entry in entries_of(source))


def read_log(source: Source, imported: Imported) -> None:
    """Add the calls of a log to what is imported, with the personal data that they hold."""
    others = 0
    for place, call, fields in entries_of(source):
        if call is None or call.failed or call.asked is None:
            why = "it is not a model call" if call is None else "the call failed" if call.failed else NO_REQUEST
            imported.leave(place, "an entry of the log", why)
            continue
        others += 1
        imported.add(
            place,
            {
                "id": call.id,
                "input": call.messages,
                "tags": labels(call.tags),
                "metadata": metadata_of(call, fields),
            },
        )
    if others:
        imported.keep("what was answered, as recorded, and what went with the request", others)
        imported.said.append("a recorded answer is not what is right: give the cases expected or checks")
