"""Property: files that people commit beside their tests are read, or refused in a line that names the file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.checks.judges.calibration import Calibration, calibrations_in
from pytest_llmeval.errors import LlmevalError
from pytest_llmeval.review.decisions import Decision, decisions_in
from pytest_llmeval.review.log import read_log
from pytest_llmeval.runs.results import CaseKey
from pytest_llmeval.score import Labels
from pytest_llmeval.store.recording_file import RecordingFile, file_lines
from tests.damage import damaged_lines, damaged_pieces, few
from tests.entries import entry


class Committed(NamedTuple):
    """A kind of file.

    Attributes:
        name: below the project's folder.
        lines: of a sound one.
        read: reads all there is in the project's folder; gives what it has read.
    """

    name: str
    lines: list[Any]
    read: Callable[[Path], Iterable[object]]


DECISION = Decision(key=CaseKey("tests/test_a.py::test_a", "c1"), answer="0a", decision="rejected", category="tone")
CALIBRATION = Calibration("openai/judge", "0a", "groundedness", Labels(20, 1, 2, 40), 0.9, 0.8, 1.0)
RECORDED = [json.loads(line) for line in file_lines(map(entry, range(3)))]


def recorded(folder: Path) -> Iterable[object]:
    return [each for each, _ in RecordingFile.read(folder / "recordings/a.jsonl", lambda _: None).entries()]


KINDS: Mapping[str, Committed] = {
    "decisions": Committed("reviews/a.jsonl", [DECISION.to_json()] * 2, lambda folder: decisions_in(folder).items()),
    "log": Committed(
        "a.jsonl",
        [DECISION.to_json(), {"undo": DECISION.to_json()}, DECISION.to_json()],
        lambda folder: read_log(folder / "a.jsonl").decisions,
    ),
    "calibration": Committed("judges/a.json", [CALIBRATION.to_json()], calibrations_in),
    "recordings": Committed("recordings/a.jsonl", RECORDED, recorded),
}


@pytest.mark.parametrize("kind", KINDS)
@few(40)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused_by_its_name(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    name, lines, read = KINDS[kind]
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    content = data.draw(damaged_lines(lines))
    path.write_bytes(b"".join(data.draw(damaged_pieces([content]))) if data.draw(st.booleans()) else content)
    try:
        for each in read(tmp_path):
            str(each).encode("utf-8", "backslashreplace")
        words = path.name
    except LlmevalError as error:
        words = str(error)
    assert path.name in words
    assert words.replace("\n", "").isprintable()
