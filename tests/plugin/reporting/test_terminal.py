"""What the terminal says when much is missing, of misses, and of a run that left nothing out."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

from tests.server import Request, Server, completion
from tests.sessions import Session, told

SUITE = """
import pytest
from pytest_llmeval import assert_contains

@pytest.mark.llm_cases("cases.jsonl")
def test_support(llm, case):
    assert_contains(llm("{words} " + case.input), "30", category="hallucination")
"""
CASES = 24
COMPARE = ("--llm-model=candidate", "--llm-baseline=production")


def prepare(session: Session, server: Server) -> None:
    server.answer = answers
    lines = [json.dumps({"id": f"case-{n}", "input": f"Question {n}"}) for n in range(CASES)]
    (session.path / "cases.jsonl").write_text("\n".join(lines))
    session.write(SUITE.replace("{words}", "Please:"))


def answers(request: Request) -> object:
    invents = request.json["model"] == "cand-2" and request.json["messages"][0]["content"].endswith(" 7")
    return completion("60 days" if invents else "30 days")


def test_a_prompt_that_changed_is_told_once_and_not_once_per_case(session: Session, server: Server) -> None:
    prepare(session, server)
    assert session.run(*COMPARE, "--llm-record").ret == 0
    session.write(SUITE.replace("{words}", "Kindly:"))

    result = session.run(*COMPARE, "--llm-mode=replay")

    assert result.ret == 1
    text = result.stdout.str()
    assert text.count("nearest recorded request") == 5
    outcomes = result.parseoutcomes()
    assert (outcomes["errors"], outcomes["same"]) == (2 * 5, 2 * (CASES - 5))  # five of each model are listed
    assert f"{2 * CASES} errors in {CASES} cases (both models): not judged" in text
    assert told(result, f"no_reply_recorded: test_it.py::test_support[[]case-0] and {CASES - 1} more cases")
    result.stdout.fnmatch_lines(["next: --llm-record --llm-mode=auto asks for the missing replies and records them"])


def test_verbose_every_error_is_told_in_full(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    plain_session.run(*COMPARE, "--llm-record")
    plain_session.write(SUITE.replace("{words}", "Kindly:"))

    result = plain_session.run(*COMPARE, "--llm-mode=replay", "-v")

    assert result.stdout.str().count("nearest recorded request") == 2 * CASES
    assert told(result, "test_it.py::test_support[[]case-9] baseline: no recorded reply")


def test_a_miss_names_its_category_where_it_is_listed_and_in_junit(session: Session, server: Server) -> None:
    prepare(session, server)

    result = session.run(*COMPARE, "-v", "--junitxml=junit.xml")

    assert told(result, "test_it.py::test_support[[]case-7-candidate] MISSED (hallucination*") or told(
        result, "MISSED*test_it.py::test_support[[]case-7-candidate]*"
    )
    suite = ET.parse(session.path / "junit.xml").getroot()[0]  # noqa: S314 - our own file
    assert not [*suite.iter("skipped")]
    [missed] = [
        case for case in suite if case.find("properties") is not None and "case-7-candidate" in str(case.get("name"))
    ]
    told_of = {each.get("name"): each.get("value") for each in missed.iter("property")}
    assert (told_of["llmeval.category"], told_of["llmeval.model"]) == ("hallucination", "candidate")
    assert {"llmeval.input", "llmeval.reply", "llmeval.reason"} <= told_of.keys()


def test_lf_after_a_session_without_failures_leaves_nothing_out_and_has_a_verdict(
    plain_session: Session, server: Server
) -> None:
    prepare(plain_session, server)
    server.answer = lambda _: completion("30 days")
    plain_session.run(*COMPARE, plugins=("cacheprovider",))

    result = plain_session.run(*COMPARE, "--lf", plugins=("cacheprovider",))

    assert result.ret == 0
    result.stdout.fnmatch_lines([f"gate ok: *{CASES} cases*"])


def test_lf_after_a_failure_vouches_for_no_more(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    plain_session.write("def test_other(): assert False", "test_other.py")
    plain_session.run(*COMPARE, plugins=("cacheprovider",))
    plain_session.write("def test_other(): pass", "test_other.py")

    result = plain_session.run(*COMPARE, "--lf", plugins=("cacheprovider",))

    assert told(result, "gate ok in the cases that failed last: ")
