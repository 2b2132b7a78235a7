"""Data attached to a test report for the reporting process; JSON where that is another process."""

from __future__ import annotations

import json
from typing import Any, NamedTuple, Self

import pytest

from pytest_llmeval.plugin.selection import Selection
from pytest_llmeval.runs.billed import Billed
from pytest_llmeval.runs.codec import result_from_json, result_to_json
from pytest_llmeval.runs.results import CaseKey, CaseResult, SampleResult
from pytest_llmeval.store.entry import Entry
from pytest_llmeval.text import first_line

EXECUTED = "executed more than once"
"""The section of a report that says so; the reporting process shows a few."""


class Payload(NamedTuple):
    """A case's result with what else the reporting process must know.

    Attributes:
        result: None when the test was skipped.
        entries: replies to be written into the recordings.
        selection: what the process was to run.
        baseline: the same case under a saved baseline, None without one.
        notes: what is odd but harmless.
        process: that ran the test.
        billed: all calls of this process so far, whether a result holds their answers or not.
        skips_itself: whether the test has an answer and skips itself, so that nobody judged it.
    """

    case: CaseKey
    result: CaseResult | None
    entries: tuple[Entry, ...]
    selection: Selection
    baseline: CaseResult | None = None
    notes: tuple[str, ...] = ()
    process: int = 0
    billed: Billed = Billed()
    skips_itself: bool = False


class _Kept(str):  # noqa: SLOT000  it holds a payload
    """A payload that stays in its process; a text, since other plugins write what is on reports into files."""

    payload: Payload

    def __new__(cls, payload: Payload) -> Self:
        kept = super().__new__(cls, "llmeval")
        kept.payload = payload
        return kept


def attach(report: pytest.TestReport, payload: Payload, *, as_text: bool) -> None:
    """Put a result on a report.

    Args:
        as_text: whether the report goes to another process: xdist refuses what it cannot serialise.
    """
    report.llmeval = _text_of(payload) if as_text else _Kept(payload)  # type: ignore[attr-defined]


def payload_of(report: pytest.TestReport) -> Payload | None:
    """The payload attached to a report, or None; text is parsed once."""
    attached: str | None = getattr(report, "llmeval", None)
    if attached is None:
        return None
    if isinstance(attached, _Kept):
        return attached.payload
    payload = _read(attached)
    attach(report, payload, as_text=False)
    return payload


def without_verdict(report: pytest.TestReport, reason: str) -> None:
    """Turn the result on a report, if any, into an error."""
    as_text = not isinstance(getattr(report, "llmeval", None), _Kept)
    payload = payload_of(report)
    if payload is not None and payload.result is not None:
        sample = SampleResult(index=0, outcome="error", category="plugin", reason=first_line(reason), detail=reason)
        result = payload.result._replace(samples=(sample,))
        attach(report, payload._replace(result=result), as_text=as_text)


def _text_of(payload: Payload) -> str:
    return json.dumps(
        {
            "case": payload.case,
            "result": result_to_json(payload.result) if payload.result is not None else None,
            "entries": [entry.to_json() for entry in payload.entries],
            "selection": payload.selection._asdict(),
            "baseline": result_to_json(payload.baseline) if payload.baseline is not None else None,
            "notes": payload.notes,
            "process": payload.process,
            "billed": payload.billed,
            "skips_itself": payload.skips_itself,
        },
        default=str,
    )


def _read(text: str) -> Payload:
    data: dict[str, Any] = json.loads(text)
    return Payload(
        case=CaseKey(*data["case"]),
        result=result_from_json(data["result"]) if data["result"] is not None else None,
        entries=tuple(Entry.from_json(entry) for entry in data["entries"]),
        selection=selection_from_json(data["selection"]),
        baseline=result_from_json(data["baseline"]) if data["baseline"] is not None else None,
        notes=tuple(data["notes"]),
        process=data["process"],
        billed=Billed(*data["billed"]),
        skips_itself=data["skips_itself"],
    )


def selection_from_json(data: dict[str, Any]) -> Selection:
    """A selection that was sent by another process."""
    return Selection(**data)._replace(
        left_out=tuple((CaseKey(*key), model) for key, model in data["left_out"]),
        unselected=tuple(CaseKey(*key) for key in data["unselected"]),
        moved=tuple((new, old) for new, old in data["moved"]),
        production=tuple(data["production"]),
    )


EMPTY_SHARD = "llmeval_empty_shard"
"""Where a worker of xdist that has no case of its shard puts its selection, for want of a report."""

LOOK = "llmeval_look"


def mark_look(report: pytest.TestReport, samples: int) -> None:
    """Mark a report as one from behind a look, which wanted so many samples; the mark goes with it from a worker."""
    setattr(report, LOOK, samples)


def look_of(report: object) -> int:
    """How many samples the look before a report wanted; 0 for a test's first report."""
    return int(getattr(report, LOOK, 0))
