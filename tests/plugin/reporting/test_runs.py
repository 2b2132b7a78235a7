"""Saved runs: what a session leaves behind, and what is made of a file that was damaged."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_llmeval.commands.main import main
from pytest_llmeval.runs.file import load_run
from tests.damage import FUZZ
from tests.server import Server, completion
from tests.sessions import Session

TWO_TESTS = """
def test_a(llm): assert llm("a") == "Paris"
def test_b(llm): assert llm("b", stream=True) == "Rome"
"""
DAMAGES = [None, "x", "7" * 5000, -1, float("nan"), float("inf"), [], {}, [1], {"a": 1}, True, 10**400]


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to everything within a JSON value."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    for key in keys:
        yield (*place, key)
        yield from places(value[key], (*place, key))


def damaged(lines: list[Any], place: tuple[Any, ...], damage: Any) -> str:
    lines = copy.deepcopy(lines)
    *way, last = place
    within: Any = lines
    for key in way:
        within = within[key]
    within[last] = damage
    return "".join(json.dumps(line) + "\n" for line in lines)


def test_no_damage_to_a_run_is_a_traceback(
    plain_session: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain_session.write(TWO_TESTS)
    plain_session.run().assert_outcomes(passed=1, failed=1)
    lines = [json.loads(line) for line in plain_session.report.read_text().splitlines()]
    good, bad = str(plain_session.report), tmp_path / "bad.jsonl"
    codes = set()
    # No object at all is refused before anything is read from it.
    pairs = [(p, d) for p in places(lines[:2]) for d in DAMAGES if len(p) > 1 or isinstance(d, dict)]
    for place, damage in pairs[:: 1 if FUZZ > 1 else 5]:  # a number that meets every place, and every damage in turn
        bad.write_text(damaged(lines, place, damage))
        capsys.readouterr()
        codes |= {main(["compare", good, str(bad), "-v"]), main(["show", str(bad), "-v"])}
        assert all(line.startswith("llmeval: ") for line in capsys.readouterr().err.splitlines())
    assert codes <= {0, 1, 2}
    assert 2 in codes


def test_a_line_that_was_being_written_is_left_out_and_the_rest_counts(
    plain_session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    plain_session.write(TWO_TESTS)
    plain_session.run()
    header, first, *_ = plain_session.report.read_text().splitlines()
    plain_session.report.write_text(f"{header}\n{first}\n{first[:100]}")
    saved = plain_session.saved()
    assert (len(saved.results), saved.complete) == (1, None)
    capsys.readouterr()
    assert main(["compare", str(plain_session.report), str(plain_session.report)]) == 1
    assert "the run was stopped before its end" in " ".join(capsys.readouterr().out.split())


def test_the_folder_of_a_run_is_made_and_an_older_run_is_replaced(session: Session, server: Server) -> None:
    session.write(TWO_TESTS)
    session.run("--llm-report=new/folder/run.jsonl")
    first = (session.path / "new" / "folder" / "run.jsonl").read_text()
    session.run("--llm-report=new/folder/run.jsonl", "-k", "test_a")
    second = (session.path / "new" / "folder" / "run.jsonl").read_text()
    assert (first.count("\n"), second.count("\n")) == (4, 3)
    assert (json.loads(first.splitlines()[-1]), json.loads(second.splitlines()[-1])) == (
        {"complete": True, "failed": 1},
        {"complete": False, "left_out": [["test_it.py::test_b", "", "production"]]},
    )


def test_a_saved_run_holds_no_secret_and_says_where_one_was(
    session: Session, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = "gl" + "pat-" + "q1W2e3R4t5Y6u7I8o9P0"
    server.answer = lambda _: completion(f"Use {token} or correct-horse-battery-staple")
    monkeypatch.setenv("THEIR_KEY", "correct-horse-battery-staple")
    session.configure(f"""
        [tool.llmeval]
        model = "m"
        [tool.llmeval.models.m]
        model = "openai/m-1"
        base_url = "{server.base_url}"
        api_key_env = "THEIR_KEY"
        """)
    session.write(f'def test_it(llm):\n    assert "nothing" in llm("Is {token} the token?")\n')

    session.run()

    text = session.report.read_text()
    assert token not in text
    assert "correct-horse-battery-staple" not in text
    [result] = load_run(session.report).results
    [call] = result.samples[0].calls
    assert call.answer.text == "Use [hidden: a GitLab token (glpat-...)] or [hidden: the value of THEIR_KEY]"
