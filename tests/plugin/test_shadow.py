"""The shadow test: what production was asked is asked of the model on trial."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_llmeval.review.decisions import Decision
from pytest_llmeval.runs.answer_digest import answer_digest
from pytest_llmeval.runs.results import CaseResult
from tests.server import Request, Server, completion
from tests.sessions import WITHOUT, Session, told

SUITE = """
import pytest
from pytest_llmeval import assert_like_production

@pytest.mark.llm_shadow("production.jsonl")
def test_shadow(llm, case):
    assert_like_production(llm(case.input, **case.request), case)
"""
BOTH = """
@pytest.mark.llm_shadow("production.jsonl")
@pytest.mark.llm_cases("cases.jsonl")
def test_a(llm, case): ...
"""
CALLS = 24


def logged(number: int, answered: str) -> dict[str, Any]:
    body = {"model": "prod-1", "messages": [{"role": "user", "content": f"Order {number}"}], "temperature": 0}
    return {
        "request_id": f"r{number}",
        "request_created_at": "2026-11-01T10:00:00Z",
        "request_body": body,
        "response_body": completion(answered),
        "response_status": 200,
        "model": "prod-1",
        "delay_ms": 1000,
        "cost": 0.002,
    }


def answer(request: Request) -> object:
    """Of 24 answers 8 are the same, 8 others, and 8 no JSON."""
    number = int(re.findall(r"\d+", json.dumps(request.json["messages"]))[-1])
    assert request.json["temperature"] == 0
    return completion(['{"team": "returns"}', '{"team": "sales"}', "the returns team"][number % 3])


def write_log(folder: Path) -> None:
    entries = [logged(number, '{"team": "returns"}') for number in range(CALLS)]
    entries.append({**logged(99, "x"), "response_status": 500})
    (folder / "production.jsonl").write_text("".join(f"{json.dumps(entry)}\n" for entry in entries))


def prepare(session: Session, server: Server) -> None:
    write_log(session.path)
    session.write(SUITE)
    server.answer = answer


def test_answers_that_are_worse_fail_the_gate_and_others_are_not_verified(session: Session, server: Server) -> None:
    prepare(session, server)
    result = session.run("--llm-model=candidate", "-rA")
    assert result.ret == 1
    assert told(result, "GATE FAILED: format regressed from 0 of 24 to 8 of 24 answers")
    assert told(
        result, "8 of 24 cases are unverified: they differ from the baseline's and fail no check; 8 say the same"
    )
    assert told(result, "production: p50 1.00s, $0.0020 a case")
    assert told(result, "any failure *0/24 0.0% *8/24 33%")  # of as many as the gate's sentence
    assert told(result, "-: $/resolved is unknown while answers are unverified")
    assert told(result, "other values*8 33%")
    assert told(result, "1 entry of production.jsonl left out")
    outcomes = [each.outcome for each in session.results() if each.model == "candidate"]
    assert sorted(outcomes) == ["fail"] * 8 + ["pass"] * 8 + ["unverified"] * 8
    assert "prompt of" not in result.stdout.str()
    again = session.run("--llm-model=candidate")
    assert told(again, "24 calls replayed")


def test_what_is_not_verified_is_neither_in_shares_nor_hidden_behind_an_ok(
    plain_session: Session, server: Server
) -> None:
    prepare(plain_session, server)
    server.answer = lambda request: completion(
        '{"team": "sales"}' if "Order 1" in str(request.json) else '{"team": "returns"}'
    )
    result = plain_session.run("--llm-model=candidate", "--junitxml=junit.xml")
    assert result.ret == 0
    assert told(result, "gate ok: no error category regressed in 24 cases, but 11 of 24 cases are unverified")
    assert told(result, "llmeval review RUN.jsonl")
    junit = (plain_session.path / "junit.xml").read_text()
    assert 'skipped="11"' in junit
    assert 'failures="0"' in junit


def test_a_decision_of_people_on_an_answer_counts_in_the_next_shadow_test(
    plain_session: Session, server: Server
) -> None:
    prepare(plain_session, server)
    plain_session.run("--llm-model=candidate")
    unverified = [each for each in plain_session.results() if each.outcome == "unverified"]
    decisions = [
        Decision(
            each.key,
            answer_digest(each.samples[0].calls),
            "accepted" if place else "rejected",
            "" if place else "wrong_team",
            content=each.content,
        )
        for place, each in enumerate(unverified)
    ]
    (plain_session.path / "reviews").mkdir()
    lines = "".join(f"{json.dumps(each.to_json())}\n" for each in decisions)
    (plain_session.path / "reviews/shadow.jsonl").write_text(lines)
    plain_session.run("--llm-model=candidate")
    now = {each.key: each for each in plain_session.results() if each.model == "candidate"}
    assert [now[each.key].outcome for each in unverified] == ["fail"] + ["pass"] * 7
    assert now[unverified[0].key].category == "wrong_team"


def rejections(results: list[CaseResult]) -> list[Decision]:
    return [
        Decision(each.key, answer_digest(each.samples[0].calls), "rejected", "wrong_team", content=each.content)
        for each in results
    ]


def decide(session: Session, decisions: list[Decision]) -> None:
    (session.path / "reviews").mkdir(exist_ok=True)
    lines = "".join(f"{json.dumps(each.to_json())}\n" for each in decisions)
    (session.path / "reviews/shadow.jsonl").write_text(lines)


def test_a_rejection_counts_once_both_answers_are_decided(plain_session: Session, server: Server) -> None:
    write_log(plain_session.path)
    plain_session.write(SUITE)
    server.answer = lambda _: completion('{"team": "sales"}')
    assert plain_session.run("--llm-model=candidate").ret == 1  # nothing is verified
    rows = plain_session.results()
    after, before = ([each for each in rows if (each.model == "candidate") is ours][:20] for ours in (True, False))
    decide(
        plain_session,
        rejections(after[:10]) + [each._replace(decision="accepted", category="") for each in rejections(after[10:])],
    )
    one_sided = plain_session.run("--llm-model=candidate")
    assert one_sided.ret == 0
    assert told(one_sided, "10 rejections do not count yet: nobody has decided on the other side's answer")
    assert told(one_sided, "14 of 24 cases are unverified")
    both = [
        each._replace(decision="both_bad", beside=answer_digest(old.samples[0].calls))
        for each, old in zip(rejections(after), before, strict=True)
    ]
    decide(plain_session, both)
    result = plain_session.run("--llm-model=candidate")
    assert result.ret == 0
    assert told(result, "wrong_team *20/20 100% *20/20 100%")
    accepted = [each._replace(decision="accepted", category="") for each in rejections(before)]
    decide(plain_session, rejections(after) + accepted)
    result = plain_session.run("--llm-model=candidate")
    assert result.ret == 1
    assert told(result, "GATE FAILED: * regressed from 0 of * to 20 of ")


def test_a_rejected_answer_that_a_check_fails_too_counts_at_once(plain_session: Session, server: Server) -> None:
    write_log(plain_session.path)
    plain_session.write(
        SUITE.replace("    assert_like", "    assert 'sales' not in llm(case.input, **case.request)\n    assert_like")
    )
    server.answer = lambda _: completion('{"team": "sales"}')
    assert plain_session.run("--llm-model=candidate").ret == 1
    decide(plain_session, rejections([each for each in plain_session.results() if each.model == "candidate"]))
    result = plain_session.run("--llm-model=candidate")
    assert result.ret == 1
    assert told(result, "regressed from 0 of 24 to 24 of 24 answers")


def test_without_a_baseline_by_the_users_wish_a_failing_case_is_a_failing_test(
    plain_session: Session, server: Server
) -> None:
    prepare(plain_session, server)
    result = plain_session.run("--llm-model=candidate", "--llm-baseline=none")
    assert told(result, "8 failed, 8 passed, 8 unverified in")
    assert told(result, "8/16 passed, format 8, 8 unverified")


def test_a_saved_baseline_and_a_log_stand_side_by_side(plain_session: Session, server: Server) -> None:
    plain_session.write("def test_city(llm):\n    assert llm('City') == 'Paris'\n", "test_city.py")
    server.say("Paris")
    plain_session.run("--llm-model=production", "--llm-baseline=main.jsonl", "--llm-update-baseline")
    prepare(plain_session, server)
    server.answer = lambda request: completion("Rome") if "City" in str(request.json) else answer(request)
    result = plain_session.run("--llm-model=candidate", "--llm-baseline=main.jsonl", "-rA")
    assert told(result, "GATE FAILED: format regressed from 0 of 24 to 8 of 24 answers")
    cities = [each for each in plain_session.results() if each.key.test == "test_city.py::test_city"]
    assert sorted(each.outcome for each in cities) == ["fail", "pass"]


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ('@pytest.mark.llm_shadow("nowhere.jsonl")\ndef test_a(llm, case): ...', "there is no such file"),
        ('@pytest.mark.llm_shadow("cases.jsonl")\ndef test_a(llm, case): ...', "no answer of production is in it"),
        ('@pytest.mark.llm_shadow("production.jsonl")\ndef test_a(llm): ...', "takes its row as an argument"),
        ('@pytest.mark.llm_shadow(7)\ndef test_a(llm, case): ...', "log must be the path of a log"),
        (BOTH, "both give cases"),
    ],
)  # fmt: skip
def test_a_wrong_marker_says_what_is_wrong(plain_session: Session, server: Server, code: str, why: str) -> None:
    write_log(plain_session.path)
    (plain_session.path / "cases.jsonl").write_text('{"id": "a", "input": "x"}\n')
    plain_session.write(f"import pytest\n\n{code}\n")
    result = plain_session.run("--llm-model=candidate")
    assert result.ret == 2
    assert told(result, why)


def test_the_command_needs_no_test_file(plain_session: Session, server: Server) -> None:
    write_log(plain_session.path)
    server.answer = answer
    command = [sys.executable, "-m", "pytest_llmeval", "shadow", "production.jsonl", "--llm-model=candidate"]
    done = subprocess.run(
        [*command, *(f"-pno:{name}" for name in WITHOUT)],
        cwd=plain_session.path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "GATE FAILED: format regressed from 0 of 24 to 8 of 24 answers" in done.stdout
    assert (plain_session.path / "production-shadow.html").stat().st_size > 10_000
    assert (plain_session.path / "production-shadow.jsonl").exists()
    missing = subprocess.run(
        [*command[:4], "prodution.jsonl"],
        cwd=plain_session.path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert missing.returncode == 2
    assert "there is no log prodution.jsonl; did you mean" in missing.stderr
