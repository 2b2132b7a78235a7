"""Tests that are run once per row of a dataset."""

from __future__ import annotations

import json
from pathlib import Path

from tests.server import Request, Server, completion
from tests.sessions import Session, told

ROWS = [
    {"id": "fr", "input": "Capital of France?", "expected": "Paris", "task": "capitals", "tags": ["easy"]},
    {"id": "it", "input": "Capital of Italy?", "expected": "Rome", "task": "capitals"},
    {"id": "policy/refund", "input": "Refund?", "checks": [{"contains": "30 days", "category": "hallucination"}]},
]


def rows(*given: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in given)


def echo(request: Request) -> object:
    answers = {"Capital of France?": "Paris", "Capital of Italy?": "Milan", "Refund?": "within 60 days"}
    return completion(answers[request.json["messages"][-1]["content"]])


SUITE = """
import pytest
from pytest_llmeval import assert_case

@pytest.mark.llm_cases("cases.jsonl")
def test_capital(llm, case):
    assert_case(llm(case.input), case)
"""


def test_every_row_is_a_test_with_its_id(session: Session, server: Server) -> None:
    server.answer = echo
    (session.path / "cases.jsonl").write_text(rows(*ROWS))
    session.write(SUITE)
    result = session.run("-v")
    result.assert_outcomes(passed=1, failed=2)
    by_id = {case.key.case: case for case in session.results()}
    assert (by_id["fr"].outcome, by_id["it"].category, by_id["policy/refund"].category) == (
        "pass",
        "wrong_answer",
        "hallucination",
    )
    assert (by_id["fr"].task, by_id["fr"].tags, by_id["fr"].dataset) == ("capitals", ("easy",), "cases.jsonl")
    assert (by_id["fr"].input, by_id["fr"].file) == ("Capital of France?", "test_it.py")


def test_rows_are_selected_and_rerun_as_any_test(session: Session, server: Server) -> None:
    server.answer = echo
    (session.path / "cases.jsonl").write_text(rows(*ROWS))
    session.write(SUITE)
    session.run("-k", "fr or policy").assert_outcomes(passed=1, failed=1)
    assert session.saved().complete is False


def test_every_bad_row_is_named_at_once_with_its_line(session: Session) -> None:
    (session.path / "cases.jsonl").write_text(
        rows({"id": "a", "input": "x"}, {"id": "a", "input": "y"}) + "{broken\n" + rows({"id": "b", "inptu": "z"})
    )
    session.write(SUITE)
    result = session.run()
    assert result.ret != 0
    result.stdout.fnmatch_lines_random(
        ["*cases.jsonl: *problems in the dataset*", "*cases.jsonl:2:*", "*cases.jsonl:3:*", '*cases.jsonl:4:*"input"*']
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_missing_dataset_and_a_missing_argument_are_told_in_one_line(session: Session) -> None:
    session.write(SUITE, "test_missing.py")
    (session.path / "cases.jsonl").write_text(rows(*ROWS))
    session.write(SUITE.replace("cases.jsonl", "casse.jsonl"), "test_missing.py")
    session.write(SUITE.replace("(llm, case)", "(llm)"), "test_argument.py")
    result = session.run()
    assert result.ret != 0
    result.stdout.fnmatch_lines_random(
        [
            '*casse.jsonl*there is no such file*did you mean "cases.jsonl"*',
            "*takes its row as an argument: def test_capital(llm, case)*",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_dataset_that_is_a_link_out_of_the_project_is_told(
    plain_session: Session, server: Server, tmp_path: Path
) -> None:
    """A folder may be the link; one that stays within the project is nothing to tell."""
    server.answer = echo
    outside, project = tmp_path / "out\x1bside", plain_session.path
    for folder in (outside, project / "data"):
        folder.mkdir()
        (folder / "cases.jsonl").write_text(rows(ROWS[0]))
    (project / "links").symlink_to(outside)
    (project / "near.jsonl").symlink_to(project / "data" / "cases.jsonl")
    suite = SUITE.replace("test_capital", "test_near").replace("cases.jsonl", "near.jsonl")
    plain_session.write(SUITE.replace("cases.jsonl", "links/cases.jsonl") + suite)
    result = plain_session.run()
    result.assert_outcomes(passed=2)
    assert told(result, "links/cases.jsonl is a link out of the project, to *")
    assert "out\\x1bside/cases.jsonl" in "".join(line.strip() for line in result.outlines)  # the path may be cut
    assert not told(result, "near.jsonl is a link")
