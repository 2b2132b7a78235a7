"""An error category is counted out of the answers that were examined for it, and of no others."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.analysis.compare import Rules, Side, compare
from pytest_llmeval.analysis.comparison import Comparison, OneSided
from pytest_llmeval.analysis.examined import counts_in, total_in, untraced_in, with_untraced
from pytest_llmeval.analysis.plan import expected_from
from pytest_llmeval.config.settings import CategorySettings
from pytest_llmeval.report.paper import Paper
from pytest_llmeval.report.verdict import gate_lines, mark_of, nothing_new, remark
from pytest_llmeval.runs.codec import result_from_json, result_to_json
from pytest_llmeval.runs.results import CaseKey, CaseResult, SampleResult
from pytest_llmeval.score import Score

Results = dict[CaseKey, CaseResult]


def score(category: str, *, passed: bool) -> Score:
    return Score(value=float(passed), passed=passed, category=category, check=category)


def answer(*checked: str, fails: str = "") -> SampleResult:
    """An answer that passes some checks and then, perhaps, fails one, which ends its test."""
    scores = [score(name, passed=True) for name in checked]
    if fails:
        scores.append(score(fails, passed=False))
    return SampleResult(
        index=0,
        outcome="fail" if fails else "pass",
        category=fails or None,
        scores=tuple(scores),
        noted=() if fails else ("wrong_answer",),
    )


def case(name: object, *samples: SampleResult, test: str = "t.py::test") -> CaseResult:
    numbered = (sample._replace(index=index) for index, sample in enumerate(samples))
    return CaseResult(key=CaseKey(test, str(name)), model="m", samples=tuple(numbered))


def compared(before: list[CaseResult], after: list[CaseResult], *configured: str) -> Comparison:
    sides = [{each.key: each for each in results} for results in (before, after)]
    rules = Rules({name: CategorySettings() for name in configured})
    return compare(Side("m", sides[0]), Side("m", sides[1]), rules)


def counts(comparison: Comparison) -> dict[str, str]:
    return {row.name: row.counts.removesuffix(" answers") for row in comparison.rows}


def suite(seed: int, *, format_fails: float, hallucinates: float, samples: int = 5) -> list[CaseResult]:
    """200 cases whose answers are checked for their format and, where that is right, for hallucinations."""
    chance = random.Random(seed)

    def drawn() -> SampleResult:
        if chance.random() < format_fails:
            return answer(fails="format")
        invented = chance.random() < hallucinates
        return answer("format", fails="hallucination") if invented else answer("format", "hallucination")

    return [case(number, *(drawn() for _ in range(samples))) for number in range(200)]


@pytest.mark.parametrize("seed", range(5))
def test_a_repaired_format_does_not_make_hallucinations_look_more_frequent(seed: int) -> None:
    before = suite(seed, format_fails=0.3, hallucinates=0.1)
    after = suite(100 + seed, format_fails=0.02, hallucinates=0.1)
    words = {row.name: row.word for row in compared(before, after).rows}
    assert words["format"] == "IMPROVED"
    assert words["hallucination"] not in ("REGRESSED", "INCONCLUSIVE")


@pytest.mark.parametrize("seed", range(5))
def test_a_broken_format_does_not_hide_that_hallucinations_rose(seed: int) -> None:
    before = suite(seed, format_fails=0.05, hallucinates=0.1, samples=10)
    after = suite(100 + seed, format_fails=0.4, hallucinates=0.2, samples=10)
    assert {row.name: row.word for row in compared(before, after).rows} == {
        "format": "REGRESSED",
        "hallucination": "REGRESSED",
    }


# What a check behind others finds in each answer of some cases: whether it fails, or whether an earlier one does.
CASES = st.lists(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=4), min_size=1, max_size=4)


@given(CASES, CASES)
def test_answers_that_fail_earlier_are_as_if_they_had_not_been_asked(
    before: list[list[tuple[bool, bool]]], after: list[list[tuple[bool, bool]]]
) -> None:
    def results(cases: list[list[tuple[bool, bool]]], *, earlier: bool) -> list[CaseResult]:
        found = []
        for number, drawn in enumerate(cases):
            behind = [
                answer("format", fails="hallucination") if fails else answer("format", "hallucination")
                for fails, early in drawn
                if not early
            ]
            early = [answer(fails="format") for _, early in drawn if early] if earlier else []
            found.append(case(number, *early, *behind))
        return found

    rows, others = (
        {row.name: row for row in compared(results(before, earlier=earlier), results(after, earlier=earlier)).rows}
        for earlier in (True, False)
    )
    assert rows.keys() - {"format"} == others.keys()
    if "hallucination" in rows:
        for field in ("baseline_failed", "baseline_judged", "candidate_failed", "candidate_judged", "change"):
            assert getattr(rows["hallucination"], field) == getattr(others["hallucination"], field)


def test_a_check_that_failed_has_examined_the_answer_unless_its_ending_explains_the_failure() -> None:
    cut = SampleResult(
        index=0, outcome="fail", category="truncated", scores=(score("format", passed=False),), noted=("tone",)
    )
    assert cut.examined == frozenset({"tone", "exception", "refusal", "truncated"})
    assert answer("tone", fails="format").examined == frozenset({"tone", "format", "exception", "refusal", "truncated"})
    caught = answer("tone")._replace(scores=(score("format", passed=False),), noted=("format", "wrong_answer"))
    assert caught.examined == frozenset({"format", "wrong_answer", "exception", "refusal", "truncated"})


def test_an_older_run_says_only_what_its_scores_say() -> None:
    old = answer("tone", fails="format")._replace(noted=None)
    assert old.examined == frozenset({"tone", "format", "exception", "refusal", "truncated"})
    assert answer("tone")._replace(noted=None).examined is None
    new = [case(0, answer("format", "hallucination"), answer("format", fails="hallucination"))]
    saved = [case(0, answer()._replace(noted=None, scores=()), old)]
    assert counts(compared(saved, new)) == {"hallucination": "0 of 1 to 1 of 2", "format": "1 of 2 to 0 of 2"}


def test_what_the_plugin_finds_itself_is_looked_for_in_every_answer() -> None:
    before = [case(0, answer("format"), answer(fails="format"))]
    for name in ("exception", "refusal", "truncated"):
        found = SampleResult(index=0, outcome="fail", category=name, noted=())
        assert counts(compared(before, [case(0, found, answer(fails="format"))]))[name] == "0 of 2 to 1 of 2"


def test_a_category_that_leaves_no_trace_counts_the_answers_of_its_test_that_pass() -> None:
    """A test may raise `CheckFailed` itself; what passed by it tells nothing of it."""
    raised = SampleResult(index=0, outcome="fail", category="tone", noted=())
    before = [case(0, answer("format"), answer(fails="format")), case("other", answer(), test="t.py::other")]
    after = [case(0, raised, raised), case("other", answer(), test="t.py::other")]
    assert counts(compared(before, after))["tone"] == "0 of 1 to 2 of 2"


def test_an_answer_may_fail_in_several_categories_and_counts_once_in_each() -> None:
    several = answer(fails="format")._replace(
        further=("hallucination", "tone"),
        scores=tuple(score(name, passed=False) for name in ("format", "hallucination", "tone")),
    )
    assert several.categories == ("format", "hallucination", "tone")
    fine = answer("format", "hallucination", "tone")
    comparison = compared([case(0, fine)], [case(0, several)])
    assert counts(comparison) == dict.fromkeys(("format", "hallucination", "tone"), "0 of 1 to 1 of 1")
    assert all(row.new == (CaseKey("t.py::test", "0"),) for row in comparison.rows)
    assert comparison.total.candidate_failed == 1


def test_a_case_fails_in_the_categories_of_half_of_its_failing_answers() -> None:
    both = answer(fails="format")._replace(further=("tone",))
    failing = case(0, both, answer(fails="format"), answer(fails="slow"), answer(fails="format"), answer())
    assert (failing.category, failing.categories) == ("format", ("format",))
    assert case(0, both, answer(fails="format")).categories == ("format", "tone")
    lenient = case(0, both, answer(), answer())._replace(min_pass_rate=0.5)
    assert (lenient.outcome, lenient.categories) == ("pass", ())


# A case in which only one side was examined


def test_a_case_that_only_one_side_was_examined_in_is_not_compared_and_that_is_said() -> None:
    before = [case(0, answer(fails="format"), answer(fails="format")), case(1, answer("format", "hallucination"))]
    after = [
        case(0, *[answer("format", fails="hallucination")] * 2, answer("format", "hallucination")),
        case(1, answer("format", "hallucination")),
    ]
    comparison = compared(before, after)
    row = next(row for row in comparison.rows if row.name == "hallucination")
    assert (row.counts, row.one_sided) == ("0 of 1 to 0 of 1 answers", OneSided(1, 2, 0, 0, 2, 3))
    told = remark(Paper(), row)
    assert told.partition("; ")[2] == (
        "1 of 2 cases is not compared, as the baseline was not examined for it there; "
        "the candidate fails in 2 of 3 answers"
    )
    assert mark_of(row) == "~"
    assert not nothing_new(comparison)
    gate = " ".join(line.text.strip() for line in gate_lines(Paper(), comparison))
    assert "hallucination 2/3 where the baseline was not examined for it" in gate


def test_a_few_cases_that_only_the_baseline_was_examined_in_are_told_with_v() -> None:
    before = [case(number, answer("format", "tone")) for number in range(10)]
    for lost, told in ((2, False), (3, True)):
        after = [case(number, answer(fails="format")) for number in range(lost)]
        after += [case(number, answer("format", fails="tone")) for number in range(lost, 10)]
        row = next(row for row in compared(before, after).rows if row.name == "tone")
        said = f"{lost} of 10 cases are not compared, as the candidate was not examined for it there"
        assert (said in remark(Paper(), row)) is told
        assert said in remark(Paper(verbosity=1), row)


def test_a_case_that_is_an_error_on_one_side_is_not_told_twice() -> None:
    lost = SampleResult(index=0, outcome="error", category="timeout")
    comparison = compared([case(0, lost), case(1, answer("tone"))], [case(0, answer(fails="tone")), case(1, answer())])
    row = next(row for row in comparison.rows if row.name == "tone")
    assert row.one_sided == OneSided(1, 1, 0, 1, 0, 0)


def test_a_configured_category_that_nothing_examines_is_not_ok() -> None:
    both = [case(0, answer("format"))]
    rows = {row.name: row for row in compared(both, both, "format", "misspelt").rows}
    assert (rows["format"].word, rows["format"].counts) == ("NOT SHOWN", "0 of 1 to 0 of 1 answers")
    assert rows["misspelt"].word == "NOT SHOWN"
    assert "no answer was examined for it" in remark(Paper(), rows["misspelt"])


# What else is counted the same way


def test_a_plan_expects_the_rate_among_the_examined_answers() -> None:
    results = [case(n, answer(fails="format"), answer("format", fails="hallucination")) for n in range(3)]
    results += [case(3, answer(fails="format"), answer("format", "hallucination"))]
    assert {each.name: each.rate for each in expected_from(results)} == {"hallucination": 0.75, "format": 0.5}
    assert counts_in(results, "hallucination") == [(1, 1), (1, 1), (1, 1), (0, 1)]


def test_a_saved_run_keeps_what_was_examined_and_all_categories_and_omits_what_follows() -> None:
    plain, several = answer("format", fails="tone"), answer(fails="tone")._replace(further=("slow",), noted=("x",))
    result = case(0, plain, several, answer()._replace(noted=None))
    data = result_to_json(result)
    assert [sorted(sample.keys() & {"examined", "further_categories"}) for sample in data["samples"]] == [
        ["examined"],
        ["examined", "further_categories"],
        [],
    ]
    assert data["samples"][0]["examined"] == []
    assert result_from_json(data) == result


def test_an_unverified_answer_was_not_examined_for_what_its_test_may_have_checked_later() -> None:
    """`Unverified` ends a test; counted as examined, such answers would hide how often the others fail."""
    raised = SampleResult(index=0, outcome="fail", category="own", noted=())  # by `raise CheckFailed`, without a score
    unverified = SampleResult(index=0, outcome="unverified", noted=())
    results = [case(0, raised), case(1, answer()), *(case(number, unverified) for number in range(2, 9))]
    untraced = untraced_in(results)
    assert untraced == {"t.py::test": {"own"}}
    assert total_in((with_untraced(each, untraced) for each in results), "own") == (1, 2)
