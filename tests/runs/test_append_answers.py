"""Answers of two sessions in one run: none is lost, none counts twice."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.reply import Answer, Measures
from pytest_llmeval.runs.append import MOST_ANSWERS, Appended, appended
from pytest_llmeval.runs.pooled import pooled
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, Run, SampleResult

KEY = CaseKey("t.py::t", "c")
MODELS = {"m": {"provider": "openai", "model": "large", "params": {}}}


def call(number: int, day: int, **fields: Any) -> Call:
    """The reply that a session of a day got to the request of one of its samples; a replay unless told otherwise."""
    measures = Measures(latency=0.5, source=fields.pop("source", "cache"))
    moment = f"2026-03-{day:02}T10:00:00Z"
    named = {"key": f"k{number}", "recorded_at": moment, **fields}
    return Call("openai", "large", "words", Answer(text=f"{day}-{number}"), measures, **named)


def result(*calls: Call, **fields: Any) -> CaseResult:
    samples = tuple(SampleResult(index, "pass", calls=(each,)) for index, each in enumerate(calls))
    return CaseResult(KEY, "m", samples, **fields)


def run(*results: CaseResult, **fields: Any) -> Run:
    return Run("2026-03-09T10:00:00Z", MODELS, complete=True, results=results)._replace(**fields)


def append(old: CaseResult, new: CaseResult, *, again: CaseResult | None = None) -> Appended:
    return appended(run(old), run(new), {KEY: again or old}, {}, left=(), keep_others=False)


def said(result: CaseResult) -> list[str]:
    return [each.calls[0].answer.text for each in result.samples]


days = st.lists(st.tuples(st.integers(1, 20), st.integers(1, 60)), min_size=1, max_size=6)


@given(days)
def test_a_run_that_grows_holds_the_newest_answers_each_once(sessions: list[tuple[int, int]]) -> None:
    """Each session draws some answers, or replays those of its day where it was there before."""
    first_day, first_count = sessions[0]
    held = result(*(call(number, first_day) for number in range(first_count)))
    for day, count in sessions[1:]:
        now = result(*(call(number, day) for number in range(count)))
        before = said(held)
        found = append(held, now)
        fresh = [text for text in said(now) if text not in before]
        [held] = found.run.results
        expected = before + fresh[:MOST_ANSWERS]
        newest = expected[-MOST_ANSWERS:]
        if not any(text.endswith("-0") for text in newest):  # one that shows what was asked takes the oldest's place
            newest[0] = [text for text in expected if text.endswith("-0")][-1]
        assert said(held) == newest
        assert [each.index for each in held.samples] == list(range(len(held.samples)))
        assert len(set(said(held))) == len(held.samples)
        assert found.answers == len(fresh)
        assert found.dropped == len(before) + len(fresh) - len(held.samples)
        assert append(held, held).nothing


def test_an_answer_that_was_drawn_now_is_new_whatever_it_looks_like() -> None:
    old = result(call(0, 1))
    assert append(old, result(call(0, 1))).nothing
    assert append(old, result(call(0, 1, source="live"))).answers == 1


def test_what_cannot_be_told_apart_is_replaced_or_left_alone() -> None:
    unknown = result(call(0, 1, key=None))
    assert append(unknown, unknown).replaced == {"other requests": 1}
    assert pooled({KEY: unknown}, {KEY: unknown}).words == "1 + 0 answers"
    undated = result(call(0, 1), call(1, 1, recorded_at=None))
    assert pooled({KEY: result(call(0, 2))}, {KEY: undated}).words == "1 + 1 answers"


def test_a_case_that_todays_tests_cannot_judge_is_replaced() -> None:
    old, new = result(call(0, 1)), result(call(0, 2))
    for rejudged in ("as_saved", "not_compared"):
        found = append(old, new, again=old._replace(rejudged=rejudged))
        assert found.replaced == {"saved answers that today's tests cannot judge": 1}
        assert said(found.run.results[0]) == ["2-0"]
    same_tests = append(
        old._replace(judged_by="a"), new._replace(judged_by="a"), again=old._replace(rejudged="as_saved")
    )
    assert said(same_tests.run.results[0]) == ["1-0", "2-0"]
    missing = appended(run(old), run(new), {}, {}, left=(), keep_others=False)
    assert sum(missing.replaced.values()) == 1


def test_a_broken_case_of_another_model_does_not_stay() -> None:
    other = run(result(call(0, 1)), models={"m": {**MODELS["m"], "model": "small"}})
    found = appended(other, run(result(call(0, 2))), {}, {}, left={KEY}, keep_others=False)
    assert found.run.results == ()


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 9))
def test_pooled_runs_hold_each_answer_once(one: int, two: int, shared: int) -> None:
    first = result(*(call(number, 1) for number in range(one)))
    second = result(*(call(number, 1 if number < shared else 2) for number in range(two)))
    pool = pooled({KEY: first}, {KEY: second})
    texts = said(pool.results[KEY])
    assert len(texts) == len(set(texts))
    assert set(texts) == {*said(first), *said(second)}


def test_pooled_answers_of_other_tests_are_known() -> None:
    first, second = result(call(0, 1), judged_by="a"), result(call(0, 2), judged_by="b")
    assert pooled({KEY: first}, {KEY: second}).judged_alike == {KEY: 1}
    assert pooled({KEY: first}, {KEY: second._replace(judged_by="a")}).judged_alike == {}


def test_numbers_of_answers_in_words() -> None:
    def case(number: int) -> CaseKey:
        return CaseKey("t.py::t", str(number))

    first = {case(number): result(*(call(each, 1) for each in range(1 + number))) for number in range(5)}
    second = {case(number): result(call(0, 2)) for number in range(4)}
    words = pooled(first, second).words
    assert words == "1 + 1 answers in 1 case, 2 + 1 in 1, 3 + 1 in 1, other numbers in 2"
