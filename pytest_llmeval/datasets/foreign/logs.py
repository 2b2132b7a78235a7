"""Logs of production: what was asked becomes a case; what was answered is kept as recorded, never as what is right."""

from __future__ import annotations

from typing import Any

from pytest_llmeval.datasets.foreign.calls.logged_call import LoggedCall
from pytest_llmeval.datasets.foreign.calls.logged_calls import NO_REQUEST, entries_of
from pytest_llmeval.datasets.foreign.files.source import Source
from pytest_llmeval.datasets.foreign.imported import Imported
from pytest_llmeval.datasets.foreign.values import labels


def is_log(source: Source) -> bool:
    """Whether a file looks like a log."""
    return any(entry.call is not None for entry in entries_of(source))


def read_log(source: Source, imported: Imported) -> None:
    """Add the calls of a log to what is imported, with the personal data that they hold."""
    others = 0
    for place, call in entries_of(source):
        if call is None or call.failed or call.asked is None:
            why = "it is no call of a model" if call is None else "the call failed" if call.failed else NO_REQUEST
            imported.leave(place, "an entry of the log", why)
            continue
        others += 1
        imported.add(
            place,
            {
                "id": call.id,
                "input": call.messages,
                "tags": labels(call.tags),
                "metadata": {"recorded": _recorded(call)},
            },
        )
    if others:
        imported.keep("what was answered, as recorded", others)
        what = "tools, parameters, times, costs and tokens of the calls"
        imported.leave(source.name, what, "a case is what is asked; a run measures them anew")
        imported.said.append("a recorded answer is not what is right: give the cases expected or checks")


def _recorded(call: LoggedCall) -> dict[str, Any]:
    calls = [{"name": one.name, "args": one.arguments or one.raw_arguments} for one in call.tool_calls]
    text = call.text
    said = text if text is not None or calls else call.answered
    recorded = {"output": said, "tool_calls": calls, "model": call.model}
    return {name: value for name, value in recorded.items() if value not in (None, "", [])}
