"""Logs of production: what was asked becomes a case; what was answered is kept as recorded, never as what is right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_llmeval.checks.personal.personal_data import KINDS, Placeholders
from pytest_llmeval.credentials import hide_secrets
from pytest_llmeval.datasets.foreign.calls.logged_call import LoggedCall
from pytest_llmeval.datasets.foreign.calls.logged_calls import NO_REQUEST, entries_of
from pytest_llmeval.datasets.foreign.files.source import Source
from pytest_llmeval.datasets.foreign.imported import Given, Imported
from pytest_llmeval.datasets.foreign.values import labels
from pytest_llmeval.json_text import lenient_json
from pytest_llmeval.text import plural


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


def redacted(given: Sequence[Given], *, keep_personal_data: bool) -> tuple[list[Given], list[str]]:
    """The rows of a log without secrets and personal data, and what is to be said of it.

    Args:
        given: the rows, in the order in which placeholders are numbered.
        keep_personal_data: whether only secrets are replaced.
    """
    safe = [one._replace(row=hide_secrets(one.row, {})) for one in given]
    hidden = sum(one.row != before.row for one, before in zip(safe, given, strict=True))
    secrets = f"secrets were hidden in {plural(hidden, 'row')}" if hidden else "no secret was found"
    if keep_personal_data:
        return safe, [f"{secrets}; personal data was kept, so mind who can read the file"]
    placeholders = Placeholders("\n".join(lenient_json(one.row) for one in safe))
    made = [one._replace(row=placeholders.hide(one.row)) for one in safe]
    replaced = sum(one.row != before.row for one, before in zip(made, safe, strict=True))
    kinds = [kind for kind, _ in placeholders.given]
    counts = ", ".join(plural(kinds.count(kind), word) for kind, word in KINDS.items() if kind in kinds)
    what = f"{plural(replaced, 'row')}: {counts}" if replaced else "no row"
    return made, [secrets, f"personal data was replaced in {what}; names of people are NOT recognised, so look"]
