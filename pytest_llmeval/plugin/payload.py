"""What rides on a test's report from the process that ran it to the one that reports: JSON, made here."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmeval.run import CaseKey, CaseResult, TrialKey
from pytest_llmeval.run_file import result_from_json, result_to_json

if TYPE_CHECKING:
    from pytest_llmeval.engine.pipeline import Fulfilled
    from pytest_llmeval.store.entry import Entry

__all__ = ["Payload", "attach", "payload_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """A case's result with what else the reporting process must know.

    Attributes:
        result: None when the test was skipped.
        entries: replies to be written into the recordings.
        collected: how many trials the reporting process collected.
        deselected: how many of them were left out.
        left_out: which these are, on the first report of each process.
        notes: what is odd but harmless.
    """

    result: CaseResult | None
    entries: tuple[Entry, ...]
    collected: int
    deselected: int
    left_out: tuple[TrialKey, ...] = ()
    notes: tuple[str, ...] = ()


# Where tests run in the process that reports, it reads at once what was attached last.
_latest: list[tuple[str, Payload]] = []


def attach(
    report: pytest.TestReport,
    result: CaseResult | None,
    used: Iterable[Fulfilled],
    *,
    collected: int,
    deselected: int,
    left_out: Iterable[TrialKey] = (),
    notes: Iterable[str] = (),
) -> None:
    """Put a result on a report.

    The result is made JSON text here: xdist refuses what it cannot serialise, and other plugins write the
    attributes of reports into files of their own.
    """
    payload = Payload(
        result=result,
        entries=tuple(fulfilled.entry for fulfilled in used),
        collected=collected,
        deselected=deselected,
        left_out=tuple(left_out),
        notes=tuple(notes),
    )
    text = json.dumps(
        {
            "result": result_to_json(result) if result is not None else None,
            "entries": [entry.to_json() for entry in payload.entries],
            "collected": collected,
            "deselected": deselected,
            "left_out": [[key.test, key.case, model] for key, model in payload.left_out],
            "notes": payload.notes,
        },
        default=str,
    )
    report.llmeval = text  # type: ignore[attr-defined]
    _latest[:] = [(text, payload)]


def payload_of(report: pytest.TestReport) -> Payload | None:
    """What `attach` put on a report, None when it did not."""
    text: str | None = getattr(report, "llmeval", None)
    if text is None:
        return None
    if _latest and _latest[0][0] is text:
        return _latest[0][1]
    data: dict[str, Any] = json.loads(text)
    entries: tuple[Entry, ...] = ()
    if data["entries"]:
        from pytest_llmeval.store.entry import Entry as StoredEntry

        entries = tuple(StoredEntry.from_json(entry) for entry in data["entries"])
    return Payload(
        result=result_from_json(data["result"]) if data["result"] is not None else None,
        entries=entries,
        collected=data["collected"],
        deselected=data["deselected"],
        left_out=tuple((CaseKey(test, case), model) for test, case, model in data["left_out"]),
        notes=tuple(data["notes"]),
    )
