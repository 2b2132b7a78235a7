"""Sessions: an answer that fails is verified, whatever else says that it is not."""

from __future__ import annotations

import pytest

from tests.server import Server, completion
from tests.sessions import Session, told

FAILS = """
import asyncio
import pytest
from pytest_llmeval import Unverified, all_checks, assert_contains, assert_like_production

@pytest.mark.llm_cases("cases.jsonl")
def test_block(llm, case):
    reply = llm("q")
    with all_checks():
        assert_like_production(reply, case)

@pytest.mark.llm_cases("cases.jsonl")
def test_later_check(llm, case):
    reply = llm("same fields")
    with all_checks():
        assert_like_production(reply, case)
        assert_contains(reply, "nowhere")

def test_block_and_raise(llm):
    reply = llm("q")
    with all_checks():
        assert_contains(reply, "nowhere")
        raise Unverified("nobody knows")

def test_group(llm):
    llm("q")
    raise ExceptionGroup("both", [Unverified("nobody knows"), AssertionError("wrong")])

def test_broken_code(llm):
    llm("q")
    raise ExceptionGroup("both", [Unverified("nobody knows"), ValueError("wrong")])

def test_subtest(llm, subtests):
    llm("q")
    with subtests.test("one"):
        assert 1 == 2
    raise Unverified("nobody knows")

def test_cut_off(llm):
    llm("cut")
    raise Unverified("nobody knows")

def test_soft(llm, check):
    llm("q")
    check.equal(1, 2)
    raise Unverified("nobody knows")
"""
IS_NOT_KNOWN = """
import pytest
from pytest_llmeval import Unverified, all_checks, assert_contains, assert_like_production

@pytest.mark.llm_cases("cases.jsonl")
def test_block(llm, case):
    reply = llm("same fields")
    with all_checks():
        assert_like_production(reply, case)
        assert_contains(reply, "sales")

@pytest.mark.llm_samples(3)
def test_samples(llm):
    llm("q")
    raise Unverified("nobody knows")

def test_group(llm):
    llm("q")
    raise ExceptionGroup("both", [Unverified("nobody knows"), Unverified("nor here")])
"""


def answer(request: object) -> object:
    asked = str(request.json)  # type: ignore[attr-defined]
    body = completion('{"team": "sales"}' if "same fields" in asked else "the returns team")
    if "cut" in asked:
        body = completion("")
        body["choices"][0]["finish_reason"] = "length"
    return body


@pytest.fixture
def project(plain_session: Session, server: Server) -> Session:
    server.answer = answer
    (plain_session.path / "cases.jsonl").write_text(
        '{"id": "a", "input": "q", "metadata": {"recorded": {"output": "{\\"team\\": \\"returns\\"}"}}}\n'
    )
    return plain_session


def test_an_answer_that_fails_is_not_unverified(project: Session) -> None:
    project.write(FAILS)
    result = project.run(plugins=("check",))
    assert {each.key.test.partition("::test_")[2]: each.outcome for each in project.results()} == dict.fromkeys(
        ["block", "later_check", "block_and_raise", "group", "broken_code", "subtest", "cut_off", "soft"], "fail"
    )
    assert result.ret == 1


def test_an_answer_that_nothing_fails_is_unverified(project: Session) -> None:
    project.write(IS_NOT_KNOWN)
    result = project.run()
    assert {each.outcome for each in project.results()} == {"unverified"}
    assert told(result, "3 unverified in")
