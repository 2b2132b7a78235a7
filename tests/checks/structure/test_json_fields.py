"""How often each field of a JSON reply is right, from the check to the report."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.analysis.sides.field_accuracy import field_names, field_rows
from pytest_llmeval.case import Case
from pytest_llmeval.checks.check import recorder
from pytest_llmeval.checks.json_value import assert_json, differences
from pytest_llmeval.checks.rows.row_checks import assert_case
from pytest_llmeval.checks.rows.row_forms import validate_checks
from pytest_llmeval.checks.structure.json_parts import MOST_FIELDS, OTHERS, field_counts
from pytest_llmeval.commands.main import main
from pytest_llmeval.errors import CheckFailed, LlmevalError
from pytest_llmeval.report.breakdown import field_lines
from pytest_llmeval.report.paper import Paper
from pytest_llmeval.runs.results import CaseKey, CaseResult, SampleResult
from pytest_llmeval.score import FieldCount, Score
from tests.server import Server
from tests.sessions import Session

INVOICE = {"number": "R-7", "lines": [{"sku": "pan", "n": 2}, {"sku": "lid", "n": 1}], "notes": []}


def scored(reply: Any, expected: Any) -> tuple[Score, bool]:
    """The score that is kept, and whether the reply passed."""
    kept: list[Score] = []
    token = recorder.set(kept)
    try:
        assert_json(reply if isinstance(reply, str) else json.dumps(reply), expected, per_field=True)
    except CheckFailed:
        return kept[0], False
    finally:
        recorder.reset(token)
    return kept[0], True


@pytest.mark.parametrize(
    ("reply", "counts"),
    [
        (INVOICE, {"number": (1, 1), "lines[].sku": (2, 2), "lines[].n": (2, 2), "notes": (1, 1)}),
        (
            {**INVOICE, "lines": [{"sku": "pan", "n": 3}]},  # a line is missing, and with it two fields
            {"number": (1, 1), "lines[].sku": (1, 2), "lines[].n": (0, 2), "notes": (1, 1)},
        ),
        (
            {**INVOICE, "lines": "two", "notes": ["paid"], "due": {"day": 3}},
            {"number": (1, 1), "lines[].sku": (0, 2), "lines[].n": (0, 2), "notes": (0, 1), "due.day": (0, 1)},
        ),
        ("no JSON", {"number": (0, 1), "lines[].sku": (0, 2), "lines[].n": (0, 2), "notes": (0, 1)}),
    ],
)
def test_each_field_is_counted_and_the_score_is_their_share(reply: Any, counts: dict[str, tuple[int, int]]) -> None:
    score, passed = scored(reply, INVOICE)
    assert {path: (right, of) for path, right, of in score.fields} == counts
    every = [sum(numbers) for numbers in zip(*counts.values(), strict=True)]
    assert score.value == every[0] / every[1]
    assert passed == (every[0] == every[1])
    assert score.category == ("format" if reply == "no JSON" else "wrong_answer")


values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from("ab"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c d"]), inner, max_size=3),
    max_leaves=8,
)


def leaves(value: Any) -> int:
    if not isinstance(value, (list, dict)) or not value:
        return 1
    return sum(map(leaves, value if isinstance(value, list) else value.values()))


@given(values, values)
def test_all_are_right_exactly_when_nothing_differs(expected: Any, actual: Any) -> None:
    counts = field_counts(expected, actual)
    assert all(field.right == field.of for field in counts) == (differences(expected, actual, limit=1) == [])
    assert sum(field.of for field in counts) >= leaves(expected)
    assert sum(field.of for field in field_counts(expected, expected)) == leaves(expected)


def test_many_and_hostile_names_are_bounded_and_harmless() -> None:
    counts = field_counts({f"k{number}": 1 for number in range(1000)}, {"\x1b[31m\n": 1, "x" * 5000: 1})
    assert len(counts) == MOST_FIELDS + 1
    assert counts[-1] == FieldCount(OTHERS, 0, 1002 - MOST_FIELDS)
    assert all(
        path.isprintable() and len(path) <= 100 for path, _, _ in field_counts({}, {"\x1b[3\n": 1, "x" * 5000: 1})
    )


def test_without_a_value_there_are_no_fields() -> None:
    with pytest.raises(LlmevalError, match="give the expected value"):
        assert_json("{}", per_field=True)


def test_a_row_counts_fields() -> None:
    row = Case(id="a", input="", expected='{"team": "billing", "urgent": true}', checks=({"json_fields": True},))
    assert validate_checks(row.checks) == []
    assert_case('{"team": "billing", "urgent": true}', row)
    with pytest.raises(CheckFailed) as caught:
        assert_case('{"team": "billing", "urgent": false}', row)
    assert caught.value.score == 0.5
    with pytest.raises(LlmevalError, match="'json_fields' needs JSON as expected, not \"billing\""):
        assert_case("{}", Case(id="a", input="", expected="billing", checks=({"json_fields": True},)))


def result(test: str, case: str, *fields: tuple[str, int, int], outcome: Any = "fail") -> CaseResult:
    score = Score(value=0.5, passed=False, check="json", fields=tuple(FieldCount(*field) for field in fields))
    sample = SampleResult(index=0, outcome=outcome, scores=(score,))
    return CaseResult(key=CaseKey(f"tests/test_shop.py::{test}", case), model="m", samples=(sample,))


def test_the_report_counts_over_cases_and_models() -> None:
    before = [result("test_read", "a", ("team", 1, 1), ("lines[].sku", 2, 4)), result("test_read", "b", ("team", 0, 1))]
    after = [result("test_read", "a", ("team", 1, 1)), result("test_read", "b", ("team", 9, 9), outcome="error")]
    models = {"old": before, "new": after}
    assert "\n".join(line.text for line in field_lines(Paper(width=80), models)) == (
        "right fields\n"
        "  field            old       new\n"
        "  ------------------------------\n"
        "  team         1/2 50%  1/1 100%\n"
        "  lines[].sku  2/4 50%         -"
    )
    assert field_lines(Paper(width=80), {"old": [result("test_read", "a")]}) == []
    rows = field_rows({"old": [*before, result("test_mail", "a", ("team", 0, 1))]})
    assert field_names(rows) == ["test_read team", "test_read lines[].sku", "test_mail team"]


def test_the_fields_are_in_the_run_and_in_every_report(plain_session: Session, server: Server) -> None:
    for _ in range(2):  # the third reply is no JSON
        server.say('{"team": "billing", "lines": [{"sku": 1}]}')
    plain_session.write("""
        import pytest
        from pytest_llmeval import assert_json

        @pytest.mark.parametrize("number", [1, 2, 3])
        def test_read(llm, number):
            reply = llm(f"read letter {number}")
            assert_json(reply, {"team": "billing", "lines": [{"sku": number}]}, per_field=True)
    """)
    ran = plain_session.run("-v")
    ran.stdout.fnmatch_lines(["right fields*", "*team*2/3*67%*", "*lines?].sku*1/3*33%*"])
    for name in ("a.md", "a.html"):
        assert main(["report", str(plain_session.report), "-o", str(plain_session.path / name)]) == 0
    assert "| `lines[].sku` | 1/3 (33%) |" in (plain_session.path / "a.md").read_text(encoding="utf-8")
    page = re.sub(r"<[^>]*>|\s+", " ", (plain_session.path / "a.html").read_text(encoding="utf-8"))
    assert re.search(r"lines\[\]\.sku +1/3 33%", page)
