"""The results of a session as other programs read them."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_llmeval.plugin.options import REPORTS
from pytest_llmeval.report.exports import Session, as_code_quality, as_csv, as_ctrf, as_metrics, without_mark
from pytest_llmeval.report.files import FILES
from pytest_llmeval.runs.results import CaseResult, Run
from tests.analysis.test_compare import Results, answers, call, case, compare, side

WORSE = answers(*["tone"] * 8, *[""] * 32)


def session_of(before: Results, after: Results, secrets: Mapping[str, str] | None = None) -> Session:
    after = {key: result._replace(file="tests/test_mail.py", line=7) for key, result in after.items()}
    compared = compare("m", before, "m", after)
    run = Run("2026-11-30T10:00:00+00:00", {"m": {}}, results=tuple(after.values()))
    return Session(run=run, comparisons=[compared], figures=[compared.candidate], secrets=secrets or {})


def rows(session: Session) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(as_csv(session))))


def one(result: CaseResult) -> Session:
    return session_of(side(result), side(result))


def test_every_kind_of_file_can_be_asked_for() -> None:
    assert (".jsonl", *FILES) == REPORTS


@given(st.text(max_size=60))
@example('=HYPERLINK("https://evil.example")')
@example("+1-2")
@example("@SUM(A1)")
@example("\t=1+1")
@example("\r=1")
@example("＝1+1")  # noqa: RUF001 - as Excel reads it
@example('a,"b"\n=1')
@example("'")
@example("'=1")
@example("''-1")
def test_no_cell_is_a_formula(text: str) -> None:
    [row] = rows(one(case("c1", ["tone"], calls=[call(text)], input=text)))
    for value in row.values():
        assert not re.match("[=+@\t\r\n＝＋－＠]|-(?![0-9.]+$)", value)  # noqa: RUF001
    assert without_mark(row["output"]).replace("\r\n", "\n") == text.replace("\0", "").replace("\r\n", "\n")


def test_a_row_tells_of_one_sample() -> None:
    result = case("c1", ["", "tone", "error"], calls=[call("Good day", latency=1.5, cost=0.25)], input="Hello?")
    first, second, third = rows(one(result))
    assert [each["outcome"] for each in (first, second, third)] == ["pass", "fail", "error"]
    assert (second["id"], second["model"], second["sample"], second["category"]) == (
        "t.py::test_mail[c1]",
        "m",
        "1",
        "tone",
    )
    assert (first["input"], first["output"], first["latency"], first["cost"]) == (
        "Hello?",
        "Good day",
        "1.500",
        "0.250000",
    )


def ctrf(session: Session) -> dict[str, Any]:
    results: dict[str, Any] = json.loads(as_ctrf(session))["results"]
    return results


def test_in_ctrf_a_miss_is_no_failure_and_the_gate_is_one() -> None:
    results = ctrf(session_of(answers(*[""] * 40), WORSE))
    assert results["summary"] | {"start": 0, "stop": 0} == {
        "tests": 41,
        "passed": 32,
        "failed": 1,
        "other": 8,
        "pending": 0,
        "skipped": 0,
        "start": 0,
        "stop": 0,
    }
    missed = next(test for test in results["tests"] if test["status"] == "other")
    assert (missed["rawStatus"], missed["filePath"], missed["line"]) == ("missed", "tests/test_mail.py", 7)
    assert results["tests"][-1]["name"] == "gate (m vs m)"
    assert results["tests"][-1]["message"].startswith("tone regressed from 0 of 40 to 8 of 40 answers")


def test_in_ctrf_an_error_is_a_failure_and_a_flaky_case_is_flaky() -> None:
    flaky = case("c2", ["", "tone", ""], min_pass_rate=0.5)
    error, shaky = ctrf(session_of(side(), side(case("c1", ["error"]), flaky)))["tests"][:2]
    assert (error["status"], error["rawStatus"]) == ("failed", "error")
    assert (shaky["status"], shaky["flaky"]) == ("passed", True)


def test_code_quality_has_an_issue_per_new_miss_where_it_is() -> None:
    session = session_of(answers(*[""] * 40), WORSE)
    issues = json.loads(as_code_quality(session))
    assert len(issues) == 8
    assert {(each["check_name"], each["severity"]) for each in issues} == {("llmeval/tone", "critical")}
    assert issues[0]["location"] == {"path": "tests/test_mail.py", "lines": {"begin": 7}}
    assert len({each["fingerprint"] for each in issues}) == 8
    assert json.loads(as_code_quality(session)) == issues
    assert json.loads(as_code_quality(session_of(WORSE, WORSE))) == []


@given(st.text(max_size=40))
def test_a_metric_is_a_line_whatever_its_category_is_called(name: str) -> None:
    text = as_metrics(session_of(answers("", ""), answers(name or "x", "")))
    lines = text.splitlines()
    assert lines[-1] == "# EOF"
    for line in lines[:-1]:
        assert re.fullmatch(r'llmeval_[a-z_]+\{(?:[a-z]+="(?:[^"\\]|\\["\\])*",?)+\} [0-9.e+-]+', line), line


def test_metrics_tell_failures_by_category() -> None:
    lines = as_metrics(session_of(answers(*[""] * 40), WORSE)).splitlines()
    assert 'llmeval_failing_answers{category="tone",model="m"} 8' in lines
    assert 'llmeval_examined_answers{category="tone",model="m"} 40' in lines
    assert 'llmeval_failed_cases{model="m"} 8' in lines


@pytest.mark.parametrize("ending", FILES)
def test_no_secret_is_in_any_of_them(ending: str) -> None:
    secret = 'k"9-' + "Zq7" * 12
    named = case(f"c {secret}", [f"tone {secret}"], calls=[call(secret)], input={"key": secret}, tags=(secret,))
    session = session_of(side(case(f"c {secret}", [""], input={"key": secret})), side(named), {"SHOP_KEY": secret})
    assert "Zq7Zq7" not in FILES[ending].write(session)
