"""Answers of which no call was seen: not measured where another answer of their case has calls."""

from __future__ import annotations

import pytest

from pytest_llmeval.analysis import compare as comparing
from pytest_llmeval.analysis.sides.unseen import NOTHING_ASKED, lost_cause, nothing_seen, without_unseen
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


REFUSED = "connection refused (openai/m at 127.0.0.1:8463); is the server running?"
UNRECORDED = "no recorded reply of openai/m for t.py::t, sample 0; record it"


def lost(number: int, category: str, reason: str) -> list[CaseResult]:
    sample = SampleResult(index=0, outcome="error", category=category, reason=reason)
    return [CaseResult(key=CaseKey("t.py::t", f"{category}{n}"), model="m", samples=(sample,)) for n in range(number)]


@pytest.mark.parametrize(
    ("category", "reason", "told"),
    [
        ("connection", REFUSED, f"all 3 answers are lost: {REFUSED}"),
        (
            "no_reply_recorded",
            UNRECORDED,
            "3 answers are not recorded: run pytest --llm-record and commit the recordings",
        ),
        (
            "reply_too_old",
            "45 days old",
            "3 answers are older than max_age: pytest --llm-record --llm-mode=refresh asks for them again",
        ),
    ],
)
def test_where_no_answer_came_the_commonest_cause_is_told(category: str, reason: str, told: str) -> None:
    assert nothing_seen(lost(3, category, reason)) == [told]
    more = [*lost(3, category, reason), *lost(2, "timeout", "too slow"), *side(("pass", True)).values()]
    assert lost_cause(more) == told.replace("all 3", "3")
    assert nothing_seen(more) == []


def test_where_nothing_was_asked_there_is_no_other_cause() -> None:
    assert nothing_seen(side(("pass", False)).values()) == ["no model call was seen in any case"]
    assert lost_cause(lost(3, NOTHING_ASKED, "no call")) == ""


def test_the_sentence_on_lost_answers_ends_with_their_cause() -> None:
    missing = {each.key: each for each in lost(4, "x", REFUSED)}
    [good] = side(("pass", True)).values()
    before = {key: good._replace(key=key) for key in missing} | {good.key: good}
    compared = comparing.compare(comparing.Side("m", before), comparing.Side("n", {**before, **missing}))
    assert compared.reasons[0].endswith(f"at most 10% may be missing: 4 answers are lost: {REFUSED}")
