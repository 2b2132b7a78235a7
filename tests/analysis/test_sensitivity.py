"""What rewording makes of the answers, from results a reader can count."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.analysis.compare import Side, compare
from pytest_llmeval.analysis.sensitivity import sensitivity
from pytest_llmeval.report.cases import passes
from pytest_llmeval.runs.results import CaseKey, CaseResult, SampleResult


def asked(row: str, wording: str, verdicts: str, *, category: str = "format", content: str = "") -> CaseResult:
    """A wording of a case: one letter per answer, p(assed), f(ailed) or e(rror)."""
    samples = [
        SampleResult(
            index=index,
            outcome={"p": "pass", "f": "fail", "e": "error"}[verdict],  # type: ignore[arg-type]
            category={"f": category, "e": "timeout"}.get(verdict),
        )
        for index, verdict in enumerate(verdicts)
    ]
    name = f"{row}+{wording}" if wording else row
    key = CaseKey("t.py::t", name)
    return CaseResult(key=key, model="m", samples=tuple(samples), wording=wording, input=name, content=content)


def by_key(*results: CaseResult) -> dict[CaseKey, CaseResult]:
    return {result.key: result for result in results}


def test_each_way_of_rewording_is_compared_with_the_same_cases_in_their_own_words() -> None:
    found = sensitivity(
        [
            asked("a", "", "pp"),
            asked("a", "2", "pf"),
            asked("a", "3", "ff"),
            asked("a", "typos", "pp"),
            asked("b", "", "pf"),
            asked("b", "typos", "pp"),
            asked("alone", "", "ff"),
        ]
    )
    assert found is not None
    assert (found.cases, found.wordings) == (2, 6)
    paraphrases, typos = found.reworded
    assert (paraphrases.name, paraphrases.passed, paraphrases.samples) == ("paraphrases", 1, 4)
    assert paraphrases.change.value == pytest.approx(-0.75)
    assert (typos.name, typos.passed, typos.samples, typos.change.value) == ("typos", 4, 4, 0.25)


def test_the_worst_wording_is_named_beside_the_best() -> None:
    found = sensitivity(
        [
            asked("a", "", "ppf"),
            asked("a", "2", "ppp"),
            asked("b", "", "ppp"),
            asked("b", "2", "ppp"),
            asked("b", "3", "fff"),
        ]
    )
    assert found is not None
    first, second = found.worst
    assert (first.case.wording, passes(first.case), first.best.wording, passes(first.best)) == ("3", "0/3", "", "3/3")
    assert (second.case.wording, passes(second.case), second.best.wording, passes(second.best)) == (
        "",
        "2/3",
        "2",
        "3/3",
    )


def test_without_other_wordings_there_is_nothing_to_tell() -> None:
    assert sensitivity([asked("a", "", "pf"), asked("b", "", "p")]) is None
    assert sensitivity([asked("a", "", "e"), asked("a", "2", "p")]) is None
    assert sensitivity([]) is None


def test_one_answer_per_wording_leaves_chance_in_the_spread() -> None:
    found = sensitivity([asked("a", "", "p"), asked("a", "2", "f")])
    assert found is not None
    assert found.spread is not None
    assert found.spread.noise
    assert found.spread.value == pytest.approx(math.sqrt(0.5))


def test_several_answers_take_chance_out_of_the_spread() -> None:
    """Between the rates 1 and 1/2 lies a variance of 1/8; chance alone makes (0 + 1/12) / 2 of it."""
    found = sensitivity([asked("a", "", "pppp"), asked("a", "2", "ppff")])
    assert found is not None
    assert found.spread is not None
    assert not found.spread.noise
    assert found.spread.value == pytest.approx(math.sqrt(1 / 8 - 1 / 24))


@given(st.lists(st.lists(st.text("pfe", min_size=1, max_size=4), min_size=1, max_size=4), max_size=6))
def test_whatever_came_back_the_figures_are_possible(rows: list[list[str]]) -> None:
    results = [
        asked(str(row), "" if not place else str(place + 1), verdicts)
        for row, wordings in enumerate(rows)
        for place, verdicts in enumerate(wordings)
    ]
    found = sensitivity(results)
    if found is None:
        return
    assert 2 * found.cases <= found.wordings <= len(results)
    assert all(-1 <= each.change.value <= 1 and each.passed <= each.samples for each in found.reworded)
    assert found.spread is not None
    assert 0 <= found.spread.value <= 1
    rates = [[Fraction(passes(result)) for result in (each.case, each.best)] for each in found.worst]
    gaps = [best - worst for worst, best in rates]
    assert gaps == sorted(gaps, reverse=True)
    assert all(gap > 0 for gap in gaps)


# The gate.


def suite(bad: int, *, wordings: int = 4, cases: int = 80) -> dict[CaseKey, CaseResult]:
    """Cases of which the first few fail in every wording."""
    return by_key(
        *(
            asked(str(number), "" if not place else str(place + 1), "fff" if number < bad else "ppp")
            for number in range(cases)
            for place in range(wordings)
        )
    )


def test_a_question_that_broke_in_all_its_wordings_is_one_case_to_the_gate() -> None:
    """Another model must fail three cases more; two cases in four wordings each are still two."""
    two = compare(Side("a", suite(0)), Side("b", suite(2)))
    [row] = two.rows
    assert (row.candidate_failed, row.word, two.gate) == (24, "SMALL", "passed")
    assert row.change == pytest.approx(2 / 80)
    assert two.total.change == pytest.approx(2 / 80)
    three = compare(Side("a", suite(0)), Side("b", suite(3)))
    assert (three.rows[0].word, three.gate) == ("REGRESSED", "failed")


def test_cases_without_other_wordings_are_judged_as_ever() -> None:
    plain = compare(Side("a", suite(0, wordings=1)), Side("b", suite(3, wordings=1)))
    assert plain.rows[0].change == pytest.approx(3 / 80)
    assert plain.gate == "failed"


@pytest.mark.parametrize(("old", "new"), [(4, 1), (1, 4)])
def test_wordings_of_one_side_alone_are_told_and_not_taken_for_missing_cases(old: int, new: int) -> None:
    comparison = compare(Side("a", suite(0, wordings=old), saved="main.jsonl"), Side("b", suite(0, wordings=new)))
    assert (comparison.gate, len(comparison.compared)) == ("passed", 80)
    assert (comparison.only_baseline, comparison.only_candidate) == ((), ())
    why = "not asked now" if old > new else "not asked of the baseline"
    assert comparison.notes == (
        f"240 other wordings of cases were {why} and are not compared",
        "no model call was seen in 80 of 80 cases: they say nothing about it",  # these results are made by hand
    )


def test_a_removed_case_is_missing_in_all_its_wordings() -> None:
    before = suite(0)
    after = {key: result for key, result in before.items() if result.row.case != "7"}
    comparison = compare(Side("a", before), Side("b", after))
    assert [key.case for key in comparison.only_baseline] == ["7", "7+2", "7+3", "7+4"]


@pytest.mark.parametrize(
    ("name", "wording", "row"),
    [("pan", "", "pan"), ("pan+2", "2", "pan"), ("pan+2-fast", "2", "pan-fast"), ("a+b", "", "a+b")],
)
def test_the_wordings_of_a_case_know_its_row_beside_other_parameters(name: str, wording: str, row: str) -> None:
    result = CaseResult(key=CaseKey("t.py::t", name), model="m", samples=(), wording=wording)
    assert result.row == CaseKey("t.py::t", row)
