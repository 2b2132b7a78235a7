"""What the first samples leave undecided, and what they spare."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.analysis.adaptive import AT_FIRST, AT_MOST, SAMPLES, calls_saved, counted_in, look_at, unfinished
from pytest_llmeval.analysis.compare import Rules, Side, compare, gate_rules, judgement
from pytest_llmeval.config.settings import CategorySettings
from pytest_llmeval.reply import Answer, Measures
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, SampleResult
from pytest_llmeval.stats.dependence import Dispersion
from pytest_llmeval.stats.gate import CategoryRule, Verdict, failing, judge, undecided
from pytest_llmeval.stats.strata import Stratum

UNSURE = Verdict.INCONCLUSIVE.value
CALL = Call(
    provider="openai", request_model="m", words_digest="", answer=Answer(text="yes"), measures=Measures(latency=0.1)
)

strata = st.lists(
    st.tuples(st.integers(0, 3), st.just(3), st.integers(0, 3), st.just(3)).map(lambda row: Stratum(*row)),
    min_size=1,
    max_size=12,
)
rules = st.builds(CategoryRule, weight=st.sampled_from([1.0, 3.0]), max_increase=st.sampled_from([None, 0.0, 0.1]))


def case(number: int, *verdicts: str | None, calls: int = 1) -> CaseResult:
    samples = [
        SampleResult(
            index=index,
            outcome="pass" if verdict is None else "error" if verdict == "error" else "fail",
            category=verdict,
            calls=(CALL,) * calls,
        )
        for index, verdict in enumerate(verdicts)
    ]
    return CaseResult(key=CaseKey("test_it.py::test", str(number)), model="m", samples=tuple(samples))


def by_key(results: list[CaseResult]) -> dict[CaseKey, CaseResult]:
    return {result.key: result for result in results}


@given(st.dictionaries(st.sampled_from("abcd"), strata.filter(bool), min_size=1), st.data())
def test_whatever_fails_the_gate_was_undecided_at_the_first_look(
    categories: dict[str, list[Stratum]], data: st.DataObject
) -> None:
    """So the first look adds no chance to fail to the last one."""
    gate = gate_rules(another_model=True)
    verdicts = judge(categories, gate, {name: data.draw(rules) for name in categories})
    assert set(failing(verdicts, strict=True)) <= set(undecided(verdicts))


@given(st.data(), st.sampled_from([0, 1, 2, 3, 9]), st.booleans())
def test_whatever_fails_the_gate_is_undecided_at_each_look(data: st.DataObject, look: int, strict: bool) -> None:
    """So that it fails by the last number of samples alone."""
    outcomes = st.lists(st.sampled_from([None, "a", "a", "b"]), min_size=AT_FIRST, max_size=AT_FIRST + 2 * look)
    pairs = data.draw(st.lists(st.tuples(st.integers(2, 10), outcomes), min_size=1, max_size=6))
    before = by_key([case(n, *[None] * count) for n, (count, _) in enumerate(pairs)])
    after = by_key([case(n, *verdicts) for n, (_, verdicts) in enumerate(pairs)])
    sides, by = (Side("a", before), Side("b", after)), Rules(strict=strict)
    found = look_at(*sides, by, look)
    red = {row.name for row in compare(*sides, by).rows if row.word == "REGRESSED" or (strict and row.word == UNSURE)}
    assert red <= set(found.categories)
    assert found.cases == (before.keys() if found.categories else set())
    assert found.samples == SAMPLES[min(look + 1, 3)]


def test_a_regression_that_is_no_close_call_at_the_second_look_goes_on_all_the_same() -> None:
    """With a single category alpha is above what the second look calls undecided."""
    before = by_key([case(n, *[None] * 4) for n in range(3)])
    after = by_key([case(n, "tone", "tone", None, None) for n in range(2)] + [case(2, *[None] * 4)])
    sides = Side("a", before, saved="main.jsonl"), Side("b", after)
    verdicts = judgement(*sides, Rules()).verdicts
    assert 0.04 < verdicts["tone"].p <= 0.05
    assert (undecided(verdicts, 1), failing(verdicts)) == ([], ["tone"])
    assert list(look_at(*sides, Rules(), 1).categories) == ["tone"]
    assert list(look_at(*sides, Rules(), 7).categories) == ["tone"]


def test_behind_the_last_look_only_what_fails_is_undecided() -> None:
    before = by_key([case(n, None, None) for n in range(6)])
    after = by_key([case(n, None, "tone" if n < 4 else None) for n in range(6)])  # p = 1/16
    looks = [look_at(Side("a", before), Side("b", after), Rules(), look) for look in range(5)]
    assert [len(look.cases) for look in looks] == [6, 0, 0, 0, 0]


def test_a_category_of_a_part_of_the_cases_wants_only_these() -> None:
    before = by_key([case(n, None, None) for n in range(6)])
    after = by_key([case(n, *(["tone"] * 2 if n < 3 else [None] * 2)) for n in range(6)])
    judged = judgement(Side("a", before), Side("b", after), Rules())
    assert counted_in("tone", judged) == list(before)
    refunds = (*judged.table.categories["tone"][:4], Stratum(0, 0, 0, 0), Stratum(0, 2, 0, 0))
    part = judged._replace(
        table=replace(judged.table, categories={"tone": refunds}),
        verdicts={"tone": replace(judged.verdicts["tone"], part=True)},
    )
    assert counted_in("tone", part) == list(before)[:4]


def test_all_cases_judged_on_both_sides_get_more_not_those_that_failed() -> None:
    before = by_key([case(n, None, None, None) for n in range(10)] + [case(10, "error", "error", "error")])
    after = by_key([case(n, *(["hallucination"] * 3 if n < 2 else [None] * 3)) for n in range(12)])
    look = look_at(Side("a", before), Side("b", after), Rules())
    assert (list(look.categories), len(look.cases)) == (["hallucination"], 10)
    assert {key.case for key in look.cases} == {str(n) for n in range(10)}


def test_a_category_that_gates_nothing_draws_nothing() -> None:
    before = by_key([case(n, None, None, None) for n in range(10)])
    after = by_key([case(n, *(["tone"] * 3 if n < 5 else [None] * 3)) for n in range(10)])
    assert (
        look_at(Side("a", before), Side("b", after), Rules({"tone": CategorySettings(severity="low")})).cases == set()
    )
    assert look_at(Side("a", before), Side("b", after), Rules()).cases != set()


def test_what_cannot_be_measured_is_not_paid_for() -> None:
    before = by_key([case(n, None, None, None) for n in range(10)])
    after = by_key([case(n, "hallucination", "error", "error") for n in range(10)])
    assert look_at(Side("a", before), Side("b", after), Rules()).cases == set()
    assert compare(Side("a", before), Side("b", after)).gate == "failed"


def test_calls_that_were_not_made_count_like_the_others_of_their_case() -> None:
    assert calls_saved([case(0, None, None, None, calls=2), case(1, *[None] * AT_MOST)]) == (14, 30)
    assert calls_saved([]) == (0, 0)


def test_a_candidate_that_was_undecided_does_not_pass_when_further_samples_are_lost() -> None:
    before = by_key([case(n, None, None, None) for n in range(10)])
    passed = compare(Side("a", before), Side("m", before))
    assert passed.gate == "passed"
    for lost, told in ((1, "1 test was not run"), (2, "2 tests were not run")):
        found = unfinished(passed, lost)
        assert found.gate == "failed"
        assert found.reasons[0].startswith("could not be measured: undecided after the samples so far, and " + told)
    assert unfinished(passed, 0) == passed
    failed = compare(Side("a", before), Side("m", by_key([case(n, *["hallucination"] * 3) for n in range(10)])))
    assert failed.gate == "failed"
    assert unfinished(failed, 1).reasons[1:] == failed.reasons != ()


def test_the_first_look_goes_by_what_the_last_one_goes_by() -> None:
    """Copies count once in both."""
    before = by_key([case(n, None, None, None) for n in range(10)])
    after = by_key([case(n, *(["hallucination"] * 3 if n < 2 else [None] * 3)) for n in range(10)])
    copies = Dispersion(phi=5.0, strata=100)
    assert look_at(Side("a", before), Side("b", after), Rules()).categories == {"hallucination": pytest.approx(1 / 400)}
    assert look_at(Side("a", before), Side("b", after), Rules(dispersion=copies)).categories == {}


def test_calls_of_the_samples_that_are_missing_are_counted_as_the_case_made_them() -> None:
    """Six calls in three samples make two a sample, so that seven samples spare fourteen."""
    assert calls_saved([case(0, None, None, None, calls=2)]) == (14, 20)
    assert calls_saved([case(0, *[None] * (AT_MOST + 2), calls=2)]) == (0, 24)
    assert calls_saved([case(0)]) == (0, 0)
