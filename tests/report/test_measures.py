"""Every measure with its interval and what it rests on."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_llmeval.analysis.compare import Side, compare
from pytest_llmeval.analysis.measure import measure, measure_each
from pytest_llmeval.reply import Answer, Measures, Usage
from pytest_llmeval.report.paper import Paper
from pytest_llmeval.report.summary import every_measure, summary
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, Run, SampleResult
from pytest_llmeval.score import Score


def case(
    number: int,
    verdicts: Sequence[str | None],
    *,
    model: str = "m",
    latency: float = 0.5,
    ttft: float | None = None,
    source: str = "live",
    cost: float | None = 0.001,
    scores: tuple[Score, ...] = (),
    test: str = "test_it.py::test",
) -> CaseResult:
    """A case whose samples pass (None), fail in a category, or are errors."""
    answer = Answer(text="in 30 days", usage=Usage(input_tokens=100, output_tokens=20))
    measures = Measures(latency=latency, ttft=ttft, cost=cost, source=source)  # type: ignore[arg-type]
    call = Call(provider="openai", request_model="m", words_digest="", answer=answer, measures=measures)
    samples = [
        SampleResult(
            index=index,
            outcome="pass" if verdict is None else "error" if verdict == "error" else "fail",
            category=verdict,
            calls=() if verdict == "error" else (call,),
            scores=scores,
        )
        for index, verdict in enumerate(verdicts)
    ]
    return CaseResult(key=CaseKey(test, f"case-{number}"), model=model, samples=tuple(samples))


def told(results: list[CaseResult]) -> str:
    return "\n".join(line.text for line in every_measure(Paper(), [measure("m", results)]))


def rows_of(text: str) -> dict[str, str]:
    """The rest of each line by its name."""
    split = (line.strip().split("  ", 1) for line in text.splitlines() if "  " in line.strip())
    return {name: " ".join(rest.split()) for name, rest in split}


def test_each_measure_has_its_interval_and_what_it_rests_on() -> None:
    checked = (Score(value=1.0, passed=True, category="hallucination"),)
    results = [case(n, (None, None), ttft=0.1, scores=checked) for n in range(90)]
    results += [case(n, ("hallucination", None), latency=1.0, ttft=0.3) for n in range(90, 100)]
    results += [case(n, ("error", None)) for n in range(100, 104)]
    expected = """
every measure of m, times of live calls
  measure                    value       95 % interval  of
  ---------------------------------------------------------------------------
  latency p50                0.50s      0.50s to 0.50s  204 calls, 104 cases
  latency p95                1.00s      1.00s to 1.00s  204 calls, 104 cases
  latency p99                    -                      104 cases, needs 368
  TTFT p50                   0.10s      0.10s to 0.10s  200 calls, 100 cases
"""
    text = told(results)
    wanted = [" ".join(line.split()) for line in expected.strip().splitlines() if "---" not in line]
    found = [" ".join(line.split()) for line in text.splitlines()]
    assert [line for line in wanted if line not in found] == []
    rows = rows_of(text)
    assert rows["output tokens per s"].startswith("40 40 to 40 204 calls")
    assert rows["$ per case"].startswith("0.0020 ")
    assert rows["$ per resolved answer"].startswith("0.0011 0.0010 to 0.0011")
    assert rows["$ per resolved answer"].endswith("104 cases")
    assert rows["hallucination rate"].endswith("10 of 204, 104 cases")
    assert rows["error rate"].startswith("1.9%")
    assert rows["error rate"].endswith("4 of 208, 104 cases")
    assert rows["refusal rate"].startswith("0.0%")
    assert rows["pass@1"].startswith("95.2%")
    assert rows["agreement"].startswith("0.90 ")
    assert rows["agreement"].endswith("100 cases")
    assert all(len(line) <= 80 for line in text.splitlines())


def test_what_cannot_be_told_says_why_instead_of_a_number() -> None:
    rows = {
        line[2:25].strip(): " ".join(line[25:].split()) for line in told([case(0, (None,), cost=None)]).splitlines()
    }
    assert rows["latency p50"] == "- 1 case, needs 6"
    assert rows["TTFT"] == "- no call was streamed"
    assert rows["$ per resolved answer"] == "- a price is unknown"
    assert rows["pass^k"] == "- needs 2 samples per case"
    assert rows["agreement"] == rows["format agreement"] == "- needs 2 samples of a case"
    assert rows["hallucination rate"] == "- no answer was examined"
    assert "$ per case" in rows
    assert "nothing passed" in told([case(0, ("format",))])


def scored(number: int, *values: float) -> CaseResult:
    found = [
        (Score(value=value, passed=value > 0.5, check="polite"), Score(value=1.0, passed=True)) for value in values
    ]
    result = case(number, [None] * len(values))
    samples = [sample._replace(scores=scores) for sample, scores in zip(result.samples, found, strict=True)]
    return result._replace(samples=tuple(samples))


def test_a_check_that_grades_has_its_mean_score_over_the_cases() -> None:
    rows = rows_of(told([scored(0, 0.9, 0.7), scored(1, 0.6), scored(2, 0.4)]))
    assert rows["score of polite"] == "0.60 0.10 to 1.00 3 cases"
    assert [name for name in rows if name.startswith("score of")] == ["score of polite"]
    assert "score of" not in told([scored(0, 0, 1), scored(1, 1)])


def test_the_name_of_a_check_is_harmless() -> None:
    hostile = scored(0, 0.3)
    scores = (Score(value=0.3, passed=True, check="\x1b[31mgrade"),)
    text = told([hostile._replace(samples=(hostile.samples[0]._replace(scores=scores),))])
    assert "\x1b" not in text
    assert "score of \\x1b[31mgrade" in text


def test_live_and_recorded_times_are_never_one_number() -> None:
    recorded = [case(n, (None,), latency=9.0, source="recording") for n in range(10)]
    assert "times as recorded with the replies" in told(recorded)
    text = told([*recorded, *(case(n, (None,)) for n in range(10, 20))])
    assert "times of live calls; the 10 replayed ones left out" in text
    assert "10 calls, 10 cases" in text
    assert "9.00s" not in text


def test_several_samples_of_few_cases_are_too_few_for_a_p95() -> None:
    results = [case(n, (None,) * 5) for n in range(40)]  # 200 calls of 40 cases
    text = "\n".join(line.text for line in summary(Paper(), [], [measure("m", results)], results))
    assert rows_of(text)["latency p50"] == "0.50s"
    assert "latency p95" not in text


def test_the_other_model_shows_which_answers_are_examined() -> None:
    before = [case(n, (None,), model="a") for n in range(10)]
    after = [case(n, ("hallucination" if n < 3 else None,), model="b") for n in range(10)]
    run = Run(created="", models={"a": {}, "b": {}}, results=(*before, *after))
    rates = [figures.hallucination_rate for figures in measure_each(run)]
    assert [rate and (rate.number, rate.samples) for rate in rates] == [(0, 10), (3, 10)]
    comparison = compare(Side("a", run.of_model("a")), Side("b", run.of_model("b")))
    assert comparison.baseline.hallucination_rate == rates[0]
