"""What pytest's short summary, its last line and the JUnit file say of cases, and that they agree."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from tests.server import Reply, Request, Server, completion
from tests.sessions import Session

SUITE = """
import pytest
from pytest_llmeval import assert_contains

def test_right(llm):
    assert llm("right") == "yes"

def test_check(llm):
    assert_contains(llm("check"), "blue", category="colour")

def test_assert(llm):
    assert llm("assert") == "no"

@pytest.mark.llm_samples(3)
def test_samples(llm):
    assert_contains(llm("samples"), "blue")

def test_refused(llm):
    assert llm("refused")

def test_code(llm):
    raise ValueError(llm("code"))

@pytest.fixture
def asking(llm):
    return llm("refused in a fixture")

def test_setup(asking):
    assert asking

@pytest.fixture
def closing():
    yield
    raise OSError("not closed")

def test_teardown(llm, closing):
    assert llm("right") == "yes"

def test_no_model():
    assert 1 == 2

def test_no_model_either():
    raise KeyError("plain")
"""
FAILED = {
    "test_check": '[colour] the reply does not contain "blue"',
    "test_assert": "[wrong_answer] assert 'yes' == 'no'",
    "test_samples": '[wrong_answer] the reply does not contain "blue"',
    "test_code": "[exception] ValueError: yes",
    "test_no_model": "assert 1 == 2",
    "test_no_model_either": "KeyError: 'plain'",
}
ERRORS = {
    "test_refused": "HTTP 400: such a thing is not answered",
    "test_setup": "HTTP 400: such a thing is not answered",
    "test_teardown": "OSError: not closed",
}


def answers(request: Request) -> object:
    if "refused" in request.json["messages"][0]["content"]:
        return Reply(status=400, body={"error": {"message": "such a thing is not answered"}})
    return completion("yes")


def summary_lines(result: pytest.RunResult) -> dict[str, dict[str, str]]:
    """The reasons of the short summary, by word and test."""
    found: dict[str, dict[str, str]] = {}
    start = next(place for place, line in enumerate(result.outlines) if "short test summary info" in line)
    for line in result.outlines[start:]:
        match = re.match(r"(FAILED|ERROR|PASSED) \S*::(\w+)(?: - (.*))?$", line)
        if match:
            found.setdefault(match[1], {})[match[2]] = match[3] or ""
    return found


def junit_counts(session: Session) -> tuple[int, int]:
    suite = ET.parse(session.path / "junit.xml").getroot()[0]  # noqa: S314 - our own file
    counted = len(list(suite.iter("error"))), len(list(suite.iter("failure")))
    assert (suite.get("errors"), suite.get("failures")) == tuple(map(str, counted))
    return counted


@pytest.mark.parametrize("options", [(), ("-q",), ("-rA",)], ids=str)
def test_summary_last_line_and_junit_agree(
    session: Session, server: Server, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    server.answer = answers
    session.write(SUITE)
    result = session.run("--junitxml=junit.xml", *options)
    found = summary_lines(result)
    for word, reasons in (("FAILED", FAILED), ("ERROR", ERRORS)):
        assert {test: found[word][test].startswith(reason) for test, reason in reasons.items()} == dict.fromkeys(
            reasons, True
        )
        assert found[word].keys() == reasons.keys()
    result.assert_outcomes(passed=2, failed=len(FAILED), errors=len(ERRORS))
    assert junit_counts(session) == (len(ERRORS), len(FAILED))
    assert result.ret == 1


def test_either_may_be_shown_alone(plain_session: Session, server: Server) -> None:
    server.answer = answers
    plain_session.write(SUITE)
    assert summary_lines(plain_session.run("-rf")).keys() == {"FAILED"}
    assert summary_lines(plain_session.run("-rE")).keys() == {"ERROR"}


def test_at_80_columns_the_reason_comes_first(
    session: Session, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    server.answer = answers
    session.write(SUITE)
    text = session.run().stdout.str()
    assert 'FAILED test_it.py::test_check - [colour] the reply does not contain "blue":' in text
    assert "ERROR test_it.py::test_refused - HTTP 400: such a thing is not answered (op" in text
    assert "FAILED test_it.py::test_samples - [wrong_answer] the reply does not" in text


def test_tracebacks_keep_the_exception(plain_session: Session, server: Server) -> None:
    server.answer = answers
    plain_session.write(SUITE)
    plain_session.run().stdout.fnmatch_lines_random(
        ["E * CheckFailed: the reply does not contain*", "test_it.py:*: CheckFailed", "E * ValueError: yes"]
    )


LONG = "test_" + "a_name_that_leaves_no_room_" * 2


def test_where_a_name_leaves_no_room_the_category_stands_before_it(
    plain_session: Session, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    server.answer = answers
    plain_session.write(f"""
        def {LONG}right(llm): assert llm("right") == "no"
        def {LONG}refused(llm): assert llm("refused")
        def {LONG}no_model(): assert 1 == 2
        """)
    result = plain_session.run()
    for line in (
        f"FAILED[[]wrong_answer] test_it.py::{LONG}right",
        f"ERROR[[]bad_request] test_it.py::{LONG}refused",
        f"FAILED test_it.py::{LONG}no_model*",
    ):
        result.stdout.fnmatch_lines_random([line])
    result.assert_outcomes(failed=2, errors=1)
    verbose = plain_session.run("-v").stdout.str()
    assert "FAILED[" not in verbose
    monkeypatch.setenv("CI", "true")
    result = plain_session.run()
    result.stdout.fnmatch_lines([f"FAILED test_it.py::{LONG}right - [[]wrong_answer] assert 'yes' == 'no'*"])


def test_errors_that_say_the_same_are_shown_five_times_and_counted(session: Session, server: Server) -> None:
    server.answer = answers
    session.write("""
        import pytest

        @pytest.mark.parametrize("number", range(12))
        def test_missing(llm, number):
            assert llm(f"right {number}")

        @pytest.mark.parametrize("number", range(7))
        def test_code(llm, number):  # may be a different mistake each time
            {}[number]
        """)
    result = session.run("--llm-mode=replay")
    result.stdout.fnmatch_lines(["19 errors: *", "* 12 errors, 7 same error in *"])
    text = result.stdout.str()
    assert text.count("MissingReply: no recorded reply") == text.count("ERROR test_it.py::test_missing[") == 5
    verbose = session.run("--llm-mode=replay", "-v").stdout.str()
    assert verbose.count("\nERROR test_it.py::test_missing[") == 12


def test_an_error_that_is_tried_again_is_shown_the_last_time(plain_session: Session, server: Server) -> None:
    server.answer = answers
    plain_session.write("def test_refused(llm): assert llm('refused')")
    result = plain_session.run("--reruns=7", plugins=("rerunfailures",))
    result.stdout.fnmatch_lines(["ERROR test_it.py::test_refused - HTTP 400: *", "*1 error, 7 rerun in *"])
