"""Verdicts of two different judges are not compared, nor what a judge said with what it did not say."""

from __future__ import annotations

import pytest

from pytest_llmeval.runs.results import CaseResult
from pytest_llmeval.score import Judge, Labels, Score
from tests.analysis.test_compare import Results, answers, case, compare, names, side, unmeasured

LABELS = Labels(20, 2, 3, 35)


def judged(number: int, prompt: str, *, passed: bool = True, labels: Labels | None = LABELS) -> CaseResult:
    result = case(f"c{number}", ["" if passed else "tone"])
    judge = Judge("openai/j", "tone", prompt, labels)
    score = Score(value=float(passed), passed=passed, category="tone", check="judged", judge=judge)
    return result._replace(samples=(result.samples[0]._replace(scores=(score,)),))


def all_judged(prompt: str, *, failing: int = 0, labels: Labels | None = LABELS) -> Results:
    return side(*(judged(number, prompt, passed=number >= failing, labels=labels) for number in range(10)))


def test_the_same_judge_is_compared() -> None:
    compared = compare("m", all_judged("a"), "n", all_judged("a", failing=8))
    assert (compared.gate, len(compared.compared)) == ("failed", 10)
    assert compared.unjudged == ()


@pytest.mark.parametrize("saved", [None, "main.jsonl"])
def test_another_prompt_is_another_judge(saved: str | None) -> None:
    compared = compare("m", all_judged("a"), "n", all_judged("b", failing=8), saved=saved)
    assert unmeasured(compared)
    assert compared.gate == "failed"
    assert "10 of 10 cases cannot be compared: no verdict of today's judge" in compared.reasons[0]
    assert compared.unjudged == names(*range(10))


def test_a_judge_that_does_not_count_keeps_nothing_from_being_compared() -> None:
    compared = compare("m", all_judged("a", labels=None), "n", all_judged("b", labels=None))
    assert (compared.gate, len(compared.compared), compared.unjudged) == ("passed", 10, ())


def test_a_case_that_the_judge_did_not_judge_again_is_left_out() -> None:
    before = answers(*[""] * 10) | side(case("c0", ["tone"], rejudged="not_judged"))
    compared = compare("m", before, "m", answers(*[""] * 10), saved="main.jsonl")
    assert (compared.gate, compared.unjudged, len(compared.compared)) == ("passed", names(0), 9)
    assert any(note.startswith("1 case is not compared: the judge gave no verdict") for note in compared.notes)


def test_what_it_does_not_count_for_is_not_examined() -> None:
    for labels, examined in ((LABELS, True), (None, False)):
        [sample] = judged(0, "a", labels=labels)._replace().samples
        assert ("tone" in (sample._replace(noted=()).examined or ())) is examined
