"""Results by slice: which slice a result is in, and what is counted there."""

from __future__ import annotations

import pytest

from pytest_llmeval.analysis.slices import Slice, bucket_of, count_by, input_tokens
from pytest_llmeval.reply import Answer, Measures, Usage
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, Outcome, SampleResult


def case(*outcomes: Outcome, tokens: tuple[int | None, ...] = (), tags: tuple[str, ...] = ()) -> CaseResult:
    calls = tuple(
        Call(
            provider="openai",
            request_model="m",
            words_digest="",
            answer=Answer(text="x", usage=Usage(input_tokens=each)),
            measures=Measures(latency=1.0),
        )
        for each in tokens
    )
    samples = tuple(SampleResult(index=i, outcome=outcome, calls=calls) for i, outcome in enumerate(outcomes))
    return CaseResult(key=CaseKey("t.py::t", "c"), model="m", samples=samples, tags=tags)


def test_a_slice_counts_cases_and_the_answers_that_could_be_judged() -> None:
    results = [case("pass", "fail", "error", tags=("a", "b")), case("fail", tags=("b",)), case("error", tags=("c",))]
    assert count_by(results, lambda result: result.tags) == {
        "a": Slice(cases=1, failed=1, judged=2),
        "b": Slice(cases=2, failed=2, judged=3),
        "c": Slice(cases=1, failed=0, judged=0),
    }
    assert list(count_by(results[::-1], lambda result: result.tags)) == ["c", "b", "a"]


def test_the_input_of_a_case_is_as_long_as_that_of_its_longest_call() -> None:
    assert input_tokens(case("pass", tokens=(5, 70, None))) == 70
    assert input_tokens(case("pass", tokens=(None,))) is None
    assert input_tokens(case("pass")) is None


@pytest.mark.parametrize(
    ("tokens", "bucket"), [(0, 0), (999, 0), (1_000, 1), (3_999, 1), (4_000, 2), (16_000, 3), (63_999, 3), (64_000, 4)]
)
def test_a_bucket_starts_at_its_edge(tokens: int, bucket: int) -> None:
    assert bucket_of(tokens) == bucket
