"""What a plan promises, against the exact test that must keep the promise."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmeval.analysis.plan import Expected, expected_from, mean_call, plan, smallest_rise
from pytest_llmeval.config.settings import CategorySettings
from pytest_llmeval.reply import Answer, Measures, Usage
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, SampleResult
from pytest_llmeval.stats.evidence import evidence_test
from pytest_llmeval.stats.gate import GateRules
from pytest_llmeval.stats.planning import flaky_variance
from pytest_llmeval.stats.strata import Stratum


def result(name: int, *verdicts: str | None, calls: tuple[Call, ...] = ()) -> CaseResult:
    samples = tuple(
        SampleResult(index=i, outcome="fail" if v else "pass", category=v, calls=calls) for i, v in enumerate(verdicts)
    )
    return CaseResult(key=CaseKey("t.py::t", str(name)), model="m", samples=samples)


def call(cost: float | None, tokens: tuple[int | None, int | None] = (None, None)) -> Call:
    usage = Usage(input_tokens=tokens[0], output_tokens=tokens[1])
    return Call(
        provider="openai",
        request_model="m",
        words_digest="",
        answer=Answer(text="", usage=usage),
        measures=Measures(latency=1, cost=cost),
    )


@pytest.mark.parametrize(
    ("cases", "samples", "rate"), [(250, 3, 0.05), (250, 5, 0.02), (250, 1, 0.0), (100, 5, 0.1), (60, 10, 0.2)]
)
def test_the_exact_test_finds_the_promised_rise_about_as_often_as_promised(
    cases: int, samples: int, rate: float
) -> None:
    level = 0.05 / 6
    rise = smallest_rise(cases, samples, samples, Expected(name="x", rate=rate), level=level)
    assert rise is not None
    rng = random.Random(11)
    found = 0
    for _ in range(150):
        before = [rng.betavariate(0.75 * rate, 0.75 * (1 - rate)) if rate else 0.0 for _ in range(cases)]
        after = [p + rise / (1 - rate) * (1 - p) for p in before]
        strata = [
            Stratum(sum(rng.random() < p for _ in range(samples)), samples, 0, samples)._replace(
                errors_candidate=sum(rng.random() < q for _ in range(samples))
            )
            for p, q in zip(before, after, strict=True)
        ]
        found += evidence_test(strata).p <= level
    assert 0.72 <= found / 150 <= 0.98


@given(
    st.integers(1, 300), st.integers(1, 10), st.integers(1, 10), st.floats(0, 0.9), st.sampled_from([0.05, 0.01, 0.001])
)
@settings(deadline=None)
def test_a_promised_rise_is_possible_and_testable(
    cases: int, baseline: int, samples: int, rate: float, level: float
) -> None:
    rise = smallest_rise(cases, baseline, samples, Expected(name="x", rate=rate), level=level)
    every_case_breaks = evidence_test([Stratum(0, baseline, samples, samples)] * cases)
    if rise is None:
        return
    assert 0 < rise <= 1 - rate
    assert every_case_breaks.p <= level * (1 + 1e-12)


def test_four_cases_with_one_sample_find_nothing_and_with_more_samples_do() -> None:
    (category,) = plan(4, [Expected(name="format", rate=0.0)], [1, 5])
    assert category.rises[1] is None
    assert 0.25 <= (category.rises[5] or 0) < 0.75


def test_a_category_that_always_fails_cannot_rise() -> None:
    assert smallest_rise(100, 5, 5, Expected(name="x", rate=1.0), level=0.05) is None


def test_more_samples_and_more_baseline_find_no_less() -> None:
    expected = [Expected(name="x", rate=0.05)]
    (equal,) = plan(250, expected, [1, 3, 5, 10])
    (stored,) = plan(250, expected, [1, 3, 5, 10], baseline_samples=10)
    rises = [equal.rises[number] or 1.0 for number in (1, 3, 5, 10)]
    assert rises == sorted(rises, reverse=True)
    assert all((stored.rises[n] or 1.0) <= (equal.rises[n] or 1.0) for n in (1, 3, 5, 10))


def test_severe_categories_get_three_shares_of_alpha_and_low_ones_none() -> None:
    categories = [Expected(name=name, rate=0.05) for name in ("severe", "plain", "reported")]
    settings_ = {"severe": CategorySettings(severity="high"), "reported": CategorySettings(severity="low")}
    planned = plan(250, categories, [3], settings=settings_)
    assert {p.expected.name: p.level for p in planned} == {"severe": pytest.approx(0.0375), "plain": 0.0125}


def test_a_rise_that_is_allowed_is_no_promise() -> None:
    allowed = {"format": CategorySettings(max_increase=0.10)}
    (category,) = plan(250, [Expected(name="format", rate=0.05)], [10], settings=allowed)
    assert (category.rises[10] or 0) > 0.10


def test_three_cases_are_the_least_for_another_model() -> None:
    (category,) = plan(30, [Expected(name="format", rate=0.0)], [10], rules=GateRules(min_cases=3.0))
    assert (category.rises[10] or 0) > 3 / 30
    (category,) = plan(30, [Expected(name="format", rate=0.0)], [10])
    assert (category.rises[10] or 0) < 3 / 30


def test_impossible_plans_are_refused() -> None:
    for cases, samples in ((0, [1]), (5, [0])):
        with pytest.raises(ValueError, match="a plan was asked for"):
            plan(cases, [], samples)


def test_how_flaky_a_category_is_takes_twenty_cases_with_several_samples() -> None:
    """A category that never was flaky is taken for half as flaky as one of a typical suite."""
    steady = [result(n, *(["format"] * 2 if n < 2 else [None] * 2)) for n in range(20)]
    once = [result(20 + n, None) for n in range(20)]
    [enough] = expected_from(steady)
    assert enough.variance == pytest.approx(flaky_variance(0.1) / 2)
    [too_few] = expected_from([*steady[:19], *once])
    assert too_few.variance is None
    assert too_few.rate == pytest.approx(2 / 39)


def test_categories_and_their_flakiness_are_those_of_the_run() -> None:
    results = [result(n, "format", "format", None, None) for n in range(20)]
    results += [result(20 + n, "wrong_answer" if n == 0 else None, None, None, None) for n in range(20)]
    first, second = expected_from(results)
    assert (first.name, first.rate) == ("format", 0.25)
    assert first.variance == pytest.approx(20 * (4 / 12) / 40)
    assert second.name == "wrong_answer"
    assert second.rate == pytest.approx(0.25 / 40)
    assert second.variance == pytest.approx(max(3 / 12 / 40, flaky_variance(second.rate) / 2))


def test_single_samples_leave_the_flakiness_to_the_typical_suite() -> None:
    assert expected_from([result(n, "format") for n in range(30)])[0].variance is None


def test_the_mean_call_is_that_of_the_run_or_its_tokens_at_another_price() -> None:
    results = [result(0, None, calls=(call(0.1, (1000, 10)), call(0.3, (3000, 30)))), result(1, None)]
    assert mean_call(results).calls == 2
    assert mean_call([*results, result(2, *[None] * 3, calls=(call(0.2, (2000, 20)),))]).calls == 5 / 4
    assert mean_call(results).cost == pytest.approx(0.2)
    assert mean_call(results, (1.0, 10.0)).cost == pytest.approx((2000 * 1 + 20 * 10) / 1e6)


def test_what_a_call_costs_is_unknown_rather_than_wrong() -> None:
    assert mean_call([result(0, None, calls=(call(0.1), call(None)))]).cost is None
    assert mean_call([result(0, None, calls=(call(0.1),))], (1.0, 1.0)).cost is None
    assert (mean_call([]).calls, mean_call([]).cost) == (1.0, None)


def test_the_flakier_the_cases_the_larger_the_rise_that_is_found() -> None:
    steady, flaky = (
        smallest_rise(100, 5, 5, Expected(name="x", rate=0.2, variance=variance), level=0.01)
        for variance in (0.01, 0.16)
    )
    assert steady is not None
    assert flaky is not None
    assert steady < 0.8 * flaky


def test_all_of_five_cases_with_one_sample_are_what_a_p_of_one_in_32_takes() -> None:
    always = Expected(name="x", rate=0.0)
    assert smallest_rise(5, 1, 1, always, level=1 / 32) == 1.0
    assert smallest_rise(5, 1, 1, always, level=1 / 33) is None
