"""The figures of a model's results, each computed from calls that a reader can count."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pytest_llmeval.analysis.measure import is_refusal, measure, structure_of, words_of
from pytest_llmeval.reply import Answer, Measures, Source, Usage
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, SampleResult
from pytest_llmeval.score import Score
from pytest_llmeval.stats.agreement import pass_hat_k
from pytest_llmeval.stats.intervals import wilson


def call(
    latency: float = 1.0,
    *,
    text: str = "",
    ttft: float | None = None,
    cost: float | None = 0.01,
    source: Source = "live",
    refusal: str | None = None,
    tokens: tuple[int | None, int | None] = (None, None),
) -> Call:
    return Call(
        provider="openai",
        request_model="m",
        words_digest="",
        answer=Answer(text=text, refusal=refusal, usage=Usage(input_tokens=tokens[0], output_tokens=tokens[1])),
        measures=Measures(latency=latency, ttft=ttft, cost=cost, source=source),
        spent=cost if source == "live" else 0.0,
    )


def sample(verdict: str | None = None, *calls: Call, error: bool = False, scores: Sequence[Score] = ()) -> SampleResult:
    """One that passed (None), failed in a category, or could not be judged."""
    outcome = "error" if error else ("fail" if verdict else "pass")
    return SampleResult(
        index=0,
        outcome=outcome,  # type: ignore[arg-type]
        category=verdict,
        calls=calls,
        scores=tuple(scores),
        noted=(),
    )


def case(name: object, *samples: SampleResult, test: str = "t.py::t", task: str | None = None) -> CaseResult:
    return CaseResult(key=CaseKey(test, str(name)), model="m", samples=samples, task=task, min_pass_rate=0.5)


def test_cases_samples_and_calls_are_counted() -> None:
    results = [
        case("a", sample(None, call(3.0, ttft=0.5, cost=0.25)), sample(None, call(1.0, ttft=0.25)), sample("format")),
        case("b", sample("format", call(2.0))),
        case("b+terse", sample("format", call(4.0)))._replace(wording="terse"),
        case("c", sample("timeout", error=True), sample("timeout", call(5.0, source="cache"), error=True)),
    ]
    figures = measure("m", results)
    assert (figures.cases, figures.passed, figures.failed, figures.errors, figures.reworded) == (4, 1, 2, 1, 1)
    assert (figures.samples, figures.most_samples) == (5, 3)
    assert (figures.live, figures.replayed) == (4, 1)
    assert (figures.latency[0].values, figures.ttft[0].values) == (4, 2)
    assert figures.cost == pytest.approx(0.29)
    assert figures.spent == pytest.approx(0.28)
    assert figures.cost_per_resolved is not None
    assert figures.cost_per_resolved.value == pytest.approx(0.29 / 2)
    unknown = [case("d", sample(None, call(tokens=(5, 5))._replace(spent=None)))]
    assert measure("m", [*results, *unknown]).spent is None
    assert not measure("m", [*results, *unknown]).uncounted
    uncounted = [case("d", sample(None, call(tokens=(5, None))._replace(spent=None)))]
    assert measure("m", [*results, *uncounted]).uncounted


def test_a_call_without_time_has_no_speed() -> None:
    results = [case(n, sample(None, call(0.0, tokens=(5, 10)), call(2.0, tokens=(5, 10)))) for n in range(6)]
    speed = measure("m", results).tokens_per_second
    assert speed is not None
    assert (speed.value, speed.values) == (5.0, 6)


def test_samples_that_vary_as_much_as_they_can_stay_within_all_and_nothing() -> None:
    results = [case(0, sample(), sample("format")), case(1, sample(), sample())]
    figures = measure("m", results)
    for mean in (*figures.pass_hat, figures.verdict_agreement):
        assert mean is not None
        assert (mean.value, mean.low, mean.high) == (0.5, 0.0, 1.0)
    assert [mean.value for mean in measure("m", [*results, case(2, sample(error=True))]).pass_hat] == [0.5]


def test_percentiles_say_too_few_instead_of_a_false_number() -> None:
    figures = measure("m", [case(n, sample(None, call(n + 1.0, ttft=0.1))) for n in range(80)])
    p50, p95, p99 = figures.latency
    assert (p50.value, p95.value, p99.value) == (40.0, 76.0, None)
    assert (p99.values, p99.needed) == (80, 368)
    assert p95.low is not None
    assert p95.high is not None
    assert p95.low < 76.0 < p95.high
    assert [percentile.value for percentile in figures.ttft] == [0.1, 0.1, None]


def test_five_samples_of_a_case_are_not_five_cases() -> None:
    figures = measure("m", [case(n, *[sample(None, call(n + 1.0))] * 5) for n in range(20)])
    assert [(p.values, p.cases, p.value is None) for p in figures.latency] == [
        (100, 20, False),
        (100, 20, True),
        (100, 20, True),
    ]


def test_the_calls_of_one_answer_count_together() -> None:
    results = [case(n, sample(None, call(1.0), call(n + 2.0))) for n in range(6)]
    assert [(each.value, each.values) for each in measure("m", results).answer_latency[:1]] == [(5.0, 6)]
    partly = case("partly", sample(None, call(50.0), call(9.0, source="recording")))
    assert measure("m", [*results, partly]).answer_latency[0].values == 6
    assert measure("m", [case(n, sample(None, call(1.0))) for n in range(6)]).answer_latency == ()


def test_live_and_recorded_figures_are_never_mixed() -> None:
    replayed = [case(n, sample(None, call(9.0, source="recording"))) for n in range(30)]
    fresh = [case(100 + n, sample(None, call(1.0))) for n in range(10)]
    assert measure("m", replayed).latency[0].value == 9.0
    mixed = measure("m", replayed + fresh)
    assert (mixed.live_figures, mixed.latency[0].values, mixed.latency[0].high) == (True, 10, 1.0)


def test_without_calls_nothing_was_measured() -> None:
    figures = measure("m", [case("a", sample())])
    assert (figures.latency, figures.ttft, figures.tokens_per_second, figures.cost_per_case) == ((), (), None, None)


def test_output_tokens_per_second_are_those_of_the_median_call() -> None:
    results = [case(n, sample(None, call(2.0, tokens=(5, 20 * (n + 1))))) for n in range(9)]
    figures = measure("m", [*results, case("unknown", sample(None, call(2.0)))])
    assert figures.tokens_per_second is not None
    assert (figures.tokens_per_second.value, figures.tokens_per_second.cases) == (50.0, 9)


def test_cost_counts_every_sample_and_call_and_the_failures_too() -> None:
    results = [
        case("a", sample(None, call(cost=0.02), call(cost=0.01)), sample(None, call(cost=0.03))),
        case("b", sample("format", call(cost=0.04)), sample("format", call(cost=0.05))),
        case("c", sample("timeout", call(cost=0.06), error=True)),
    ]
    figures = measure("m", results)
    assert figures.cost == pytest.approx(0.21)
    for estimate, value in (
        (figures.cost_per_case, 0.07),
        (figures.cost_per_resolved, 0.105),
    ):
        assert estimate is not None
        assert estimate.value == pytest.approx(value)
        assert (estimate.low, estimate.high) == (None, None)


def test_the_cost_of_a_resolved_answer_does_not_grow_with_the_samples() -> None:
    """A call costs a cent, and three answers in four pass, of four samples as of twelve."""
    good, bad = sample(None, call(cost=0.01)), sample("format", call(cost=0.01))
    few = measure("m", [case(n, *([good] * 3 + [bad])) for n in range(20)])
    many = measure("m", [case(n, *([good] * 9 + [bad] * 3)) for n in range(20)])
    for figures in (few, many):
        assert figures.cost_per_resolved == pytest.approx((0.04 / 3,) * 3)


def test_an_unknown_price_is_not_a_free_call() -> None:
    figures = measure("m", [case("a", sample(None, call())), case("b", sample(None, call(cost=None)))])
    assert (figures.cost, figures.cost_per_case, figures.cost_per_resolved) == (None,) * 3


def test_pass_at_1_and_pass_hat_k_are_those_of_the_cases() -> None:
    results = [case(n, *[sample("format")] * n, *[sample()] * (4 - n)) for n in range(5)]
    figures = measure("m", results)
    assert figures.pass_at_1 is not None
    assert figures.pass_at_1[0] == pytest.approx(0.5)
    assert figures.pass_at_1[3:] == (10, 20, 5)
    expected = [sum(pass_hat_k(c, 4, k) or 0.0 for c in range(5)) / 5 for k in (2, 3, 4)]
    assert [mean.value for mean in figures.pass_hat] == pytest.approx(expected)
    assert all(0 <= mean.low <= mean.high <= 1 for mean in figures.pass_hat)


def test_agreement_is_the_chance_that_two_answers_get_one_verdict() -> None:
    split = case("a", sample(), sample(), sample("format"), sample("format"))
    figures = measure("m", [split, case("b", *[sample()] * 4)])
    assert figures.verdict_agreement is not None
    assert figures.verdict_agreement.value == pytest.approx((1 / 3 + 1) / 2)
    assert figures.verdict_agreement.cases == 2


def test_single_samples_tell_nothing_about_consistency() -> None:
    figures = measure("m", [case("a", sample(None, call(text="{}"))), case("b", sample(None, call(text="x")))])
    assert (figures.verdict_agreement, figures.pass_hat, figures.length_variation, figures.format_agreement) == (
        None,
        (),
        None,
        None,
    )


def test_length_variation_is_that_of_the_words_within_a_case() -> None:
    steady = case("a", *[sample(None, call(text="one two three"))] * 3)
    varying = case("b", sample(None, call(text="a b")), sample(None, call(text="a b c d")))
    empty = case("c", *[sample(None, call(text=""))] * 2)
    figures = measure("m", [steady, varying, empty])
    assert figures.length_variation is not None
    assert figures.length_variation.value == pytest.approx((0 + 2**0.5 / 3) / 2)
    assert (figures.length_variation.low, figures.length_variation.cases) == (0.0, 2)


def test_format_agreement_counts_the_cases_whose_answers_all_have_one_form() -> None:
    json_always = case("a", sample(None, call(text='{"a": 1}')), sample(None, call(text='```json\n{"b": 2}\n```')))
    sometimes = case("b", sample(None, call(text="[1]")), sample(None, call(text="one")))
    figures = measure("m", [json_always, sometimes])
    assert figures.format_agreement is not None
    assert figures.format_agreement[0] == 0.5
    assert figures.format_agreement[3:] == (1, 2, 2)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("{}", "object"), (" [1]\n", "array"), ("42", "text"), ("{broken", "text"), ('{"a": NaN}', "text"), ("", "text")],
)
def test_only_objects_and_arrays_are_json(text: str, kind: str) -> None:
    assert structure_of(sample(None, call(text=text))) == kind


def test_an_answer_nested_too_deep_is_text() -> None:
    assert structure_of(sample(None, call(text="[" * 100_000))) == "text"


GROUNDED = Score(value=1.0, passed=True, category="hallucination", check="grounded")
INVENTED = Score(value=0.5, passed=False, category="hallucination", check="grounded")


def test_hallucinations_are_counted_where_an_answer_was_examined_for_them() -> None:
    examined = case("a", sample(scores=[GROUNDED]), sample("hallucination", scores=[INVENTED]))
    format_first = case("b", sample("format"), sample(scores=[GROUNDED]))
    never = case("c", sample(), sample("wrong_answer"))
    figures = measure("m", [examined, format_first, never])
    assert figures.hallucination_rate is not None
    assert figures.hallucination_rate[0] == pytest.approx(0.25)
    assert figures.hallucination_rate[3:] == (1, 3, 2)


def test_a_failure_without_a_trace_makes_the_whole_test_examined() -> None:
    failed, fine = case("a", sample("hallucination")), case("b", sample())
    other = case("c", sample(), test="t.py::other")

    def rate(results: list[CaseResult], beside: list[CaseResult]) -> tuple[int, int] | None:
        found = measure("m", results, beside=beside).hallucination_rate
        return found and (found.number, found.samples)

    assert rate([failed, fine, other], []) == (1, 2)
    assert rate([fine, other], []) is None
    assert rate([fine, other], [failed]) == (0, 1)


def test_answers_of_older_runs_that_passed_were_examined_where_any_was() -> None:
    old = [case(name, sample()._replace(noted=None)) for name in "abc"]
    assert measure("m", old).hallucination_rate is None
    rate = measure("m", [*old, case("d", sample("hallucination")._replace(noted=None))]).hallucination_rate
    assert rate is not None
    assert (rate.number, rate.samples) == (1, 4)


def test_nothing_examined_has_no_hallucination_rate() -> None:
    assert measure("m", [case("a", sample())]).hallucination_rate is None


def test_refusals_are_those_the_provider_or_a_check_names() -> None:
    results = [
        case("a", sample(None, call(refusal="no"))),
        case("b", sample("refusal", call(text="I cannot"))),
        case("c", sample(None, call(text="yes"))),
        case("d", sample("content_filter", error=True)),
    ]
    rate = measure("m", results).refusal_rate
    assert rate is not None
    assert (rate.number, rate.samples) == (2, 3)
    assert (rate.low, rate.high) == pytest.approx(wilson(2, 3))


def test_errors_are_outside_every_rate_but_their_own() -> None:
    figures = measure("m", [case("a", sample("timeout", error=True), sample()), case("b", sample("format"))])
    assert figures.error_rate is not None
    assert figures.pass_at_1 is not None
    assert (figures.error_rate.number, figures.error_rate.samples) == (1, 3)
    assert (figures.pass_at_1.number, figures.pass_at_1.samples) == (1, 2)


def test_a_model_without_results_has_no_figures_and_no_failure() -> None:
    figures = measure("m", [])
    assert (figures.cases, figures.pass_at_1, figures.error_rate, figures.latency) == (0, None, None, ())
    assert (figures.samples, figures.most_samples) == (0, 0)


def test_an_answer_is_that_of_the_last_call() -> None:
    asked = sample(None, call(text="one two three"), call(text='{"a": 1}'), call(text="[1, 2]", refusal="no"))
    assert structure_of(asked) == "array"
    assert words_of(asked) == 2
    assert is_refusal(asked)
    assert not is_refusal(sample(None, call(refusal="no"), call()))
    assert (words_of(sample()), is_refusal(sample())) == (None, False)
