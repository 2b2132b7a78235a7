"""What the first samples leave undecided, and what they spare."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.analysis.adaptive import AT_MOST, calls_saved, look_at, unfinished
from pytest_llmeval.analysis.compare import Rules, Side, compare, gate_rules
from pytest_llmeval.config.settings import CategorySettings
from pytest_llmeval.reply import Answer, Measures
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, SampleResult
from pytest_llmeval.stats.dependence import Dispersion
from pytest_llmeval.stats.gate import CategoryRule, failing, judge, undecided
from pytest_llmeval.stats.strata import Stratum

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
def test_whatever_fails_the_gate_was_undecided_before(
    categories: dict[str, list[Stratum]], data: st.DataObject
) -> None:
    """So the first look adds no chance to fail to the last one."""
    gate = gate_rules(another_model=True)
    verdicts = judge(categories, gate, {name: data.draw(rules) for name in categories})
    assert set(failing(verdicts, strict=True)) <= set(undecided(verdicts))


def test_all_cases_judged_on_both_sides_get_more_not_those_that_failed() -> None:
    before = by_key([case(n, None, None, None) for n in range(10)] + [case(10, "error", "error", "error")])
    after = by_key([case(n, *(["hallucination"] * 3 if n < 2 else [None] * 3)) for n in range(12)])
    look = look_at(Side("a", before), Side("b", after), Rules())
    assert (list(look.categories), len(look.cases)) == (["hallucination"], 10)
    assert {key.case for key in look.cases} == {str(n) for n in range(10)}


def test_a_category_that_gates_nothing_draws_nothing() -> None:
    before = by_key([case(n, None, None, None) for n in range(10)])
    after = by_key([case(n, *(["tone"] * 3 if n < 5 else [None] * 3)) for n in range(10)])
    assert look_at(Side("a", before), Side("b", after), Rules({"tone": CategorySettings(severity="low")})).cases == ()
    assert look_at(Side("a", before), Side("b", after), Rules()).cases != ()


def test_what_cannot_be_measured_is_not_paid_for() -> None:
    before = by_key([case(n, None, None, None) for n in range(10)])
    after = by_key([case(n, "hallucination", "error", "error") for n in range(10)])
    assert look_at(Side("a", before), Side("b", after), Rules()).cases == ()
    assert compare(Side("a", before), Side("b", after)).gate == "failed"


def test_calls_that_were_not_made_count_like_the_others_of_their_case() -> None:
    assert calls_saved([case(0, None, None, None, calls=2), case(1, *[None] * AT_MOST)]) == (14, 30)
    assert calls_saved([]) == (0, 0)


def test_a_candidate_that_was_undecided_does_not_pass_when_further_samples_are_lost() -> None:
    before = by_key([case(n, None, None, None) for n in range(10)])
    passed = compare(Side("a", before), Side("m", before))
    assert passed.gate == "passed"
    for lost, told in ((1, "1 test did not"), (2, "2 tests did not")):
        found = unfinished(passed, ["m"], lost)
        assert found.gate == "failed"
        assert found.reasons[0].startswith("could not be measured: undecided by the first samples, and " + told)
    assert unfinished(passed, ["m"], 0) == passed
    assert unfinished(passed, ["other"], 1) == passed
    failed = compare(Side("a", before), Side("m", by_key([case(n, *["hallucination"] * 3) for n in range(10)])))
    assert failed.gate == "failed"
    assert unfinished(failed, ["m"], 1) == failed


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
