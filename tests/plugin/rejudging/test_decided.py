"""What people decided of answers counts in every session after it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from pytest_llmeval.review.decisions import Decision
from pytest_llmeval.runs.answer_digest import answer_digest
from pytest_llmeval.runs.file import load_run
from tests.plugin.publishing.test_github import COMPARE, prepare
from tests.server import Server
from tests.sessions import Session, told


def decide(session: Session, *, model: str, word: str, number: int, category: str = "") -> list[Decision]:
    """Decide of the first answers of a model in the run that was saved."""
    results = list(load_run(session.report).of_model(model).values())[:number]
    decisions = [
        Decision(
            result.key,
            answer_digest(result.samples[0].calls),
            word,  # type: ignore[arg-type]
            category,
            reviewer="ana",
            at="2026-11-30T10:00:00Z",
            content=result.content,
        )
        for result in results
    ]
    folder = session.path / "reviews"
    folder.mkdir(exist_ok=True)
    with (folder / "november.jsonl").open("a") as file:
        file.writelines(json.dumps(decision.to_json()) + "\n" for decision in decisions)
    return decisions


def test_answers_that_were_accepted_pass(session: Session, server: Server) -> None:
    prepare(session, server)
    assert session.run(*COMPARE).ret == 1
    decide(session, model="candidate", word="accepted", number=8)
    result = session.run(*COMPARE)
    assert result.ret == 0
    result.assert_outcomes(passed=40)
    accepted = next(each for each in session.results() if each.model == "candidate" and each.key.case == "c0")
    [score] = [score for score in accepted.samples[0].scores if score.check == "review"]
    assert (score.passed, score.reason) == (True, "this answer was accepted by ana on 2026-11-30")


def test_an_answer_that_was_rejected_fails_with_its_category(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    plain_session.run("--llm-model=production")
    decide(plain_session, model="production", word="rejected", number=1, category="tone")
    result = plain_session.run("--llm-model=production")
    result.assert_outcomes(passed=19, failed=1)
    assert told(result, "this answer was rejected by ana on 2026-11-30")
    failed = next(each for each in plain_session.results() if each.outcome == "fail")
    assert (failed.key.case, failed.category) == ("c0", "tone")


def test_a_decision_holds_for_its_case_and_its_answer_alone(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    plain_session.run(*COMPARE)
    decide(plain_session, model="candidate", word="accepted", number=1)
    result = plain_session.run(*COMPARE)
    assert result.ret == 1  # seven others fail as before
    assert [each.key.case for each in plain_session.results() if each.outcome == "fail"] == [
        f"c{number}" for number in range(1, 8)
    ]


@pytest.mark.parametrize(
    ("fails", "accepted"),
    [
        ("pytest.fail('no')", True),
        ("assert_contains(reply, 'Oslo')", True),
        ("assert reply == 'Oslo'", True),
        ("raise ExceptionGroup('all', [AssertionError('no')])", True),
        ("raise ValueError('no')", False),
        ("raise SystemExit(1)", False),
        ("raise ExceptionGroup('all', [AssertionError('no'), KeyError('x')])", False),
    ],
)
def test_words_are_accepted_and_no_code_that_breaks_on_them(
    plain_session: Session, server: Server, fails: str, accepted: bool
) -> None:
    prepare(plain_session, server)
    plain_session.write(
        f"""
        import pytest
        from pytest_llmeval import assert_contains

        def test_one(llm):
            reply = llm("City 1")
            {fails}
        """
    )
    plain_session.run("--llm-model=production").assert_outcomes(failed=1)
    decide(plain_session, model="production", word="accepted", number=1)
    plain_session.run("--llm-model=production").assert_outcomes(passed=accepted, failed=not accepted)


def test_a_decision_does_not_hold_for_another_question(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    plain_session.run("--llm-model=candidate")
    decide(plain_session, model="candidate", word="accepted", number=1)
    rows = plain_session.path / "cases.jsonl"
    rows.write_text(rows.read_text().replace('"City 0"', '"Which city, number 0?"'))
    plain_session.run("--llm-model=candidate")
    assert "c0" in [each.key.case for each in plain_session.results() if each.outcome == "fail"]


def test_an_answer_that_both_sides_give_is_rejected_on_both(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    same = ("--llm-model=production", "--llm-baseline=b.jsonl")
    assert plain_session.run(*same, "--llm-update-baseline").ret == 0
    plain_session.run(*same)
    decide(plain_session, model="production", word="rejected", number=8, category="tone")
    result = plain_session.run(*same)
    assert result.ret == 0
    assert told(result, "8 known misses")


def test_an_error_stays_an_error(plain_session: Session, server: Server) -> None:
    """A test that uses a check wrongly has judged nothing that people could overrule."""
    prepare(plain_session, server)
    plain_session.write(
        """
        from pytest_llmeval import assert_grounded

        def test_one(llm):
            assert_grounded(llm("City 1"), [])
        """
    )
    plain_session.run("--llm-model=production")
    decide(plain_session, model="production", word="accepted", number=1)
    result = plain_session.run("--llm-model=production")
    assert result.ret == 1
    assert told(result, "assert_grounded was given no context")
    [error] = plain_session.results()
    assert error.outcome == "error"


def test_a_file_with_a_broken_line_ends_the_session_in_one_line(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    (plain_session.path / "reviews").mkdir()
    (plain_session.path / "reviews" / "x.jsonl").write_text("{}\n")
    result = plain_session.run("--llm-model=production")
    assert result.ret != 0
    said = "\n".join([*result.outlines, *result.errlines])
    assert "reviews/x.jsonl:1: test is missing or no text; remove the line, or fix it" in said
    assert "Traceback" not in said


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=ana", "-c", "user.email=ana@example.com", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_what_a_change_accepts_is_told_at_the_top(
    plain_session: Session, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(plain_session, server)
    plain_session.run(*COMPARE)
    decide(plain_session, model="candidate", word="accepted", number=1)
    for command in (("init",), ("add", "-A"), ("commit", "-m", "one")):
        git(plain_session.path, *command)
    decide(plain_session, model="candidate", word="accepted", number=8)
    monkeypatch.setenv("GITHUB_BASE_REF", "main")
    result = plain_session.run(*COMPARE)
    assert result.ret == 0
    lines = result.outlines
    verdict = next(number for number, line in enumerate(lines) if line.startswith("gate ok"))
    assert any("this change accepts 7 answers" in line for line in lines[verdict : verdict + 4])
    alone = plain_session.run("--llm-model=candidate", "--llm-baseline=none")
    assert told(alone, "this change accepts 7 answers")
