"""A review loses no decision."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.errors import ConfigError
from pytest_llmeval.review.decisions import Decision
from pytest_llmeval.review.log import ReviewLog, counted, read_log
from pytest_llmeval.runs.results import CaseKey


def decision(name: str) -> Decision:
    return Decision(CaseKey("t.py::test_a", name), "d1", "accepted")


@given(st.lists(st.sampled_from(["add", "undo"]), max_size=12))
def test_undo_takes_back_what_it_names(tmp_path_factory: pytest.TempPathFactory, steps: list[str]) -> None:
    log = ReviewLog(tmp_path_factory.mktemp("log") / "run.jsonl")
    expected: list[Decision] = []
    for number, step in enumerate(steps):
        if step == "add":
            expected.append(decision(f"c{number}"))
            log.add(expected[-1])
        else:
            gone = expected.pop() if expected else decision("never kept")
            log.undo(gone)
    assert log.decisions() == expected


def test_a_process_that_is_killed_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    code = """
        import sys
        from pathlib import Path
        from pytest_llmeval.review.decisions import Decision
        from pytest_llmeval.review.log import ReviewLog
        from pytest_llmeval.runs.results import CaseKey
        log = ReviewLog(Path(sys.argv[1]))
        for number in range(1_000):
            log.add(Decision(CaseKey("t.py::test_a", f"c{number}"), "d1", "accepted"))
            print(number, flush=True)
    """
    path = tmp_path / "run.jsonl"
    command = [sys.executable, "-c", textwrap.dedent(code), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [int(process.stdout.readline()) for _ in range(20)]
        os.kill(process.pid, signal.SIGKILL)
    assert [each.key.case for each in read_log(path).decisions][:20] == [f"c{number}" for number in told]


def test_a_line_that_was_cut_off_spoils_no_other(tmp_path: Path) -> None:
    log = ReviewLog(tmp_path / "run.jsonl")
    log.add(decision("c1"))
    with log.path.open("a") as file:
        file.write('{"test": "t.py')
    log.add(decision("c2"))
    assert log.decisions() == [decision("c1"), decision("c2")]


def test_a_file_of_something_else_is_named(tmp_path: Path) -> None:
    path = tmp_path / "other.jsonl"
    path.write_text(json.dumps({"schema": "llmeval-run/1"}) + "\n")
    with pytest.raises(ConfigError, match=r"^other\.jsonl:1: .*; is it a file of a review\?$"):
        read_log(path)


@pytest.mark.parametrize("line", ["<<<<<<< HEAD", '"decision": "accepted"}', "[]", "nonsense"])
def test_a_line_that_was_not_cut_off_is_named(tmp_path: Path, line: str) -> None:
    log = ReviewLog(tmp_path / "run.jsonl")
    log.add(decision("c1"))
    with log.path.open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(ConfigError, match=r"^run\.jsonl:2: "):
        read_log(log.path)


def test_a_mark_at_the_start_of_a_file_costs_no_decision(tmp_path: Path) -> None:
    log = ReviewLog(tmp_path / "run.jsonl")
    log.add(decision("c1"))
    log.path.write_bytes(b"\xef\xbb\xbf" + log.path.read_bytes())
    assert log.decisions() == [decision("c1")]


def test_decisions_are_counted_in_words() -> None:
    assert counted([]) == ""
    both = decision("c3")._replace(decision="both_fine")
    assert counted([decision("c1"), decision("c2"), both]) == "2 accepted, 1 both fine"
