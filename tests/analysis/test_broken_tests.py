"""Tests that raise the same whatever is answered, told from tests that bad answers make raise."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.analysis.broken_tests import without_broken_tests
from pytest_llmeval.analysis.compare import Side, compare
from pytest_llmeval.runs.results import CaseKey, CaseResult, SampleResult

BROKEN, OTHER = "KeyError at tests/test_mail.py:7", "ValueError at tests/test_mail.py:9"
Results = dict[CaseKey, CaseResult]


def sample(index: int, raised: str) -> SampleResult:
    """A failing answer that raised this, "" for one that passed, "error" for no answer."""
    if raised == "error":
        return SampleResult(index=index, outcome="error", category="timeout")
    if not raised:
        return SampleResult(index=index, outcome="pass")
    return SampleResult(index=index, outcome="fail", category="exception", reason=raised, raised=raised)


def side(*cases: Sequence[str], model: str = "m", test: str = "tests/test_mail.py::test_mail") -> Results:
    keys = [CaseKey(test, f"c{number}") for number in range(len(cases))]
    return {
        key: CaseResult(key=key, model=model, samples=tuple(sample(*each) for each in enumerate(case)))
        for key, case in zip(keys, cases, strict=True)
    }


def outcomes(results: Results) -> list[list[str]]:
    return [[each.outcome for each in result.samples] for result in results.values()]


def test_what_five_cases_raise_on_both_sides_is_an_error_of_the_test() -> None:
    before, after = side(*[[BROKEN, BROKEN]] * 5), side(*[[BROKEN]] * 5)
    old, new, told = without_broken_tests(before, after)
    assert (outcomes(dict(old)), outcomes(dict(new))) == ([["error", "error"]] * 5, [["error"]] * 5)
    assert {each.category for result in new.values() for each in result.samples} == {"exception"}
    [sentence] = told
    assert sentence == (
        f"tests/test_mail.py::test_mail is broken: 5 of 5 cases raise {BROKEN} with both models; "
        "they are errors and say nothing about either"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param([[BROKEN]] * 4, [[BROKEN]] * 4, id="of-four-it-may-be-chance"),
        pytest.param([[BROKEN]] * 6, [[""]] * 6, id="the-candidate-answers-well"),
        pytest.param([[""]] * 6, [[BROKEN]] * 6, id="the-candidate-alone-raises"),
        pytest.param([[BROKEN]] * 6, [[OTHER]] * 6, id="at-another-line"),
        pytest.param([[BROKEN, ""]] * 6, [[BROKEN]] * 6, id="some-answers-are-well"),
        pytest.param([[BROKEN]] * 5 + [[""]] * 6, [[BROKEN]] * 5 + [[""]] * 6, id="most-cases-are-well"),
        pytest.param([["error"]] * 6, [["error"]] * 6, id="nothing-was-judged"),
    ],
)
def test_what_the_answers_may_be_to_blame_for_stays_a_failure(before: list[list[str]], after: list[list[str]]) -> None:
    old, new = side(*before), side(*after)
    assert without_broken_tests(old, new) == (old, new, [])


def test_only_the_cases_that_raise_on_both_sides_become_errors() -> None:
    before = side(*[[BROKEN]] * 5, [""], ["error"])
    after = side(*[[BROKEN]] * 5, [BROKEN], [BROKEN])
    old, new, told = without_broken_tests(before, after)
    assert outcomes(dict(old)) == [["error"]] * 5 + [["pass"], ["error"]]
    assert outcomes(dict(new)) == [["error"]] * 5 + [["fail"], ["fail"]]
    assert "5 of 6 cases" in told[0]


def test_half_of_the_cases_are_enough() -> None:
    half = side(*[[BROKEN]] * 5, *[[""]] * 5)
    old, new, told = without_broken_tests(half, half)
    assert outcomes(dict(old)) == outcomes(dict(new)) == [["error"]] * 5 + [["pass"]] * 5
    assert "5 of 10 cases" in told[0]


def test_each_test_function_is_looked_at_by_itself() -> None:
    well = side(*[[OTHER]] * 3, test="tests/test_mail.py::test_date")
    broken = side(*[[BROKEN]] * 5)
    old, new, told = without_broken_tests(well | broken, well | broken)
    assert [key.test for key, result in new.items() if result.outcome == "fail"] == [
        "tests/test_mail.py::test_date"
    ] * 3
    assert old == new
    assert len(told) == 1


def test_a_comparison_cannot_be_measured_with_a_broken_test_and_names_it() -> None:
    old, new = (Side(name, side(*[[BROKEN]] * 8, model=name)) for name in ("old", "new"))
    comparison = compare(old, new)
    assert comparison.gate == "failed"
    assert "could not be measured" in comparison.reasons[0]
    assert "tests/test_mail.py::test_mail is broken" in comparison.notes[0]


CASES = st.lists(st.lists(st.sampled_from(["", "error", BROKEN, OTHER]), min_size=1, max_size=3), max_size=12)


@given(CASES, CASES)
def test_nothing_becomes_better_and_nothing_is_lost(before: list[list[str]], after: list[list[str]]) -> None:
    old, new = side(*before), side(*after)
    for results, kept in zip((old, new), without_broken_tests(old, new)[:2], strict=True):
        assert list(kept) == list(results)
        for key, result in kept.items():
            for now, was in zip(result.samples, results[key].samples, strict=True):
                assert now == was or (was.raised and now == was._replace(outcome="error", category="exception"))


def test_a_test_that_a_change_broke_could_not_be_measured() -> None:
    """It passed when the baseline was saved: else what makes each of its answers raise would be green."""
    well = side(*[[""]] * 90, test="tests/test_well.py::test_well")
    raising = side(*[[BROKEN]] * 6)
    saved = {key: result._replace(rejudged="fails_now") for key, result in raising.items()}
    reason = (
        "could not be measured: 6 cases that passed when the baseline was saved raise the same on both sides now: "
        "their tests, or the code behind the replies, are broken"
    )
    assert reason in compare(Side("m", well | saved), Side("m", well | raising)).reasons
    assert compare(Side("m", well | raising), Side("m", well | raising)).gate == "passed"
