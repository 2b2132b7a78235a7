"""Reasons of failures, folded until those of one kind are alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.analysis.alike_reasons import alike_reasons, folded_reason
from pytest_llmeval.report.category import uncategorised_lines
from pytest_llmeval.report.paper import Paper
from pytest_llmeval.runs.codec import result_from_json, result_to_json
from pytest_llmeval.runs.results import CaseKey, CaseResult, SampleResult


def failing(case: str, *reasons: str) -> CaseResult:
    samples = (
        SampleResult(index, "fail", "wrong_answer", reason, uncategorised=(reason,))
        for index, reason in enumerate(reasons)
    )
    return CaseResult(CaseKey("t.py::test", case), "m", tuple(samples))


@pytest.mark.parametrize(
    ("folded", "reasons"),
    [
        (
            'assert "..." in "..."',
            ["assert 'gold' in 'It isn\\'t 5'", 'assert "it\'s" in "an open quote that was cut...'],
        ),
        ("sold N of N", ["sold 3 of 7", "sold 1,250.50 of -2", "sold 10:30  of 2026"]),
        ("it isn't right, don't", ["it isn't right, don't"]),
        ("assert len(reply) < N", ["assert len(reply) < 40"]),
        ("order LK17", ["order LK17"]),
    ],
)
def test_numbers_and_quoted_texts_are_folded(folded: str, reasons: list[str]) -> None:
    assert {folded_reason(reason) for reason in reasons} == {folded}


@given(st.text("'\"\\a1 .", max_size=50))
def test_folding_again_changes_nothing(reason: str) -> None:
    assert folded_reason(folded_reason(reason)) == folded_reason(reason)


def test_groups_hold_each_case_once_and_the_largest_comes_first() -> None:
    results = [failing("a", "no melon"), failing("b", "sold 1", "sold 2", "no melon"), failing("c", "sold 3")]
    groups = alike_reasons(results)
    assert [(group.reason, group.answers, [result.key.case for result in group.results]) for group in groups] == [
        ("sold N", 3, ["b", "c"]),
        ("no melon", 2, ["a", "b"]),
    ]
    assert groups[0].examples == ("sold 1", "sold 2", "sold 3")
    assert result_from_json(result_to_json(results[1])) == results[1]


def test_long_groups_are_cut_unless_all_is_asked_for() -> None:
    results = [failing(f"case-{number}", f"sold {number}") for number in range(9)]
    told = [line.text for line in uncategorised_lines(Paper(width=60), results)]
    assert "    and 6 more (-v lists all)" in told
    assert max(map(len, told)) <= 60
    everything = "\n".join(line.text for line in uncategorised_lines(Paper(width=60, verbosity=1), results))
    assert all(f"sold {number}" in everything for number in range(9))


def test_what_there_is_none_of_is_said() -> None:
    passing = CaseResult(CaseKey("t.py::test", "a"), "m", (SampleResult(0, "pass"),))
    other = CaseResult(CaseKey("t.py::test", "b"), "m", (SampleResult(0, "fail", "format", "no JSON"),))
    assert [line.text for line in uncategorised_lines(Paper(), [passing])] == ["no answer failed"]
    [line] = uncategorised_lines(Paper(), [passing, other])
    assert line.text == "every failing answer has a category (1 failed)"


def test_with_an_embedding_reasons_that_mean_the_same_are_together() -> None:
    def by(texts: list[str]) -> list[list[float]]:
        return [[1.0, 0.0] if "late" in text else [0.9, 0.3] if "slow" in text else [0.0, 1.0] for text in texts]

    results = [failing("a", "no melon"), failing("b", "it is late by 3"), failing("c", "too slow: 'x'", "late again")]
    groups = alike_reasons(results, by)
    assert [(group.reason, group.answers, group.examples) for group in groups] == [
        ("it is late by 3", 3, ("it is late by 3", "too slow: 'x'", "late again")),
        ("no melon", 1, ("no melon",)),
    ]
    assert alike_reasons([], by) == []
