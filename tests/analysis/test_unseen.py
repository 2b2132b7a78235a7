"""Answers of which no call was seen: not measured where another answer of their case has calls."""

from __future__ import annotations

from pytest_llmeval.analysis.answers.unseen import NOTHING_ASKED, without_unseen
from pytest_llmeval.reply import Answer, Measures
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, Outcome, SampleResult

CALL = Call(
    provider="openai", request_model="m", words_digest="", answer=Answer(text="x"), measures=Measures(latency=0.1)
)
Side = dict[CaseKey, CaseResult]


def side(*answers: tuple[Outcome, bool], name: str = "c") -> Side:
    """One case by its answers: how each was judged, and whether a call was seen."""
    samples = [
        SampleResult(index=index, outcome=outcome, calls=(CALL,) * asked)
        for index, (outcome, asked) in enumerate(answers)
    ]
    key = CaseKey("t.py::t", name)
    return {key: CaseResult(key=key, model="m", samples=tuple(samples))}


def outcomes(results: Side) -> list[str]:
    return [sample.outcome for result in results.values() for sample in result.samples]


def test_an_answer_without_a_call_is_an_error_where_the_other_side_asked() -> None:
    silent, asking = side(("pass", False), ("fail", False)), side(("pass", True), ("fail", True))
    for before, after in (without_unseen(silent, asking), without_unseen(asking, silent)[::-1]):
        assert outcomes(dict(before)) == ["error", "error"]
        assert outcomes(dict(after)) == ["pass", "fail"]
    sample = next(iter(without_unseen(silent, asking)[0].values())).samples[0]
    assert sample.category == NOTHING_ASKED
    assert sample.reason == sample.detail != ""


def test_an_answer_without_a_call_is_an_error_where_another_of_its_side_asked() -> None:
    before, after = without_unseen(side(("pass", False), ("pass", True)), side(("pass", True)))
    assert (outcomes(dict(before)), outcomes(dict(after))) == (["error", "pass"], ["pass"])


def test_what_could_not_be_judged_keeps_its_reason() -> None:
    before = side(("error", False), ("pass", True))
    assert without_unseen(before, before) == (before, before)


def test_a_case_that_asks_nothing_on_either_side_is_judged_as_it_is() -> None:
    both = side(("pass", False), ("fail", False)) | side(("pass", True), name="other")
    assert without_unseen(both, both) == (both, both)


def test_other_cases_are_left_alone() -> None:
    silent = side(("pass", False), name="one") | side(("pass", False), name="two")
    before, _ = without_unseen(silent, side(("pass", True), name="one"))
    assert outcomes(dict(before)) == ["error", "pass"]
