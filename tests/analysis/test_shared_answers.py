"""An answer that several tests judge is one piece of evidence."""

from __future__ import annotations

from dataclasses import replace

from pytest_llmeval.analysis.sides.shared_answers import shared_once
from pytest_llmeval.reply import Answer, Measures
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, SampleResult


def sample(text: str, category: str | None = None, outcome: str = "") -> SampleResult:
    call = Call("chat", "m", "w", Answer(text=text, response_id=f"id-{text}"), Measures(latency=1.0))
    kind = outcome or ("fail" if category else "pass")
    return SampleResult(0, kind, category, calls=(call,), noted=("wrong_answer",))  # type: ignore[arg-type]


def case(name: str, *samples: SampleResult, fixture: str | None = "test_a.py::digest") -> CaseResult:
    return CaseResult(CaseKey(f"test_a.py::{name}", ""), "m", samples, fixture=fixture)


def side(*results: CaseResult) -> dict[CaseKey, CaseResult]:
    return {result.key: result for result in results}


def outcomes(results: dict[CaseKey, CaseResult]) -> dict[str, list[tuple[str, ...]]]:
    return {
        key.test.split("::")[1]: [(each.outcome, *each.categories) for each in result.samples]
        for key, result in results.items()
    }


def test_the_first_test_stands_for_all_that_judge_nothing_else() -> None:
    before = side(case("one", sample("a")), case("two", sample("a")), case("own", sample("b"), fixture=None))
    after = side(
        case("one", sample("c")),
        case("two", sample("c", "format"), sample("d", "hallucination")),
        case("own", sample("e"), fixture=None),
    )
    old, new = shared_once(before, after)
    assert outcomes(dict(old)) == {"one": [("pass",)], "two": [], "own": [("pass",)]}
    assert outcomes(dict(new)) == {
        "one": [("fail", "format"), ("fail", "hallucination")],
        "two": [],
        "own": [("pass",)],
    }


def test_an_answer_fails_in_every_category_that_a_test_names() -> None:
    before = side(*(case(name, sample("a")) for name in ("one", "two", "three")))
    after = side(case("one", sample("b", "slow")), case("two", sample("b", "format")), case("three", sample("b")))
    _, new = shared_once(before, after)
    [merged] = new[CaseKey("test_a.py::one", "")].samples
    assert set(merged.categories) == {"slow", "format"}
    assert merged.examined is not None
    assert {"slow", "format", "wrong_answer"} <= merged.examined


def test_what_has_no_answer_is_lost_unless_a_test_fails() -> None:
    lost = side(case("one", sample("", None, "error")), case("two", sample("", None, "error")))
    assert outcomes(dict(shared_once(lost, lost)[1])) == {"one": [("error",)], "two": []}


def test_a_side_that_does_not_say_what_is_shared_is_left_alone() -> None:
    before, after = (
        side(case("one", sample("a"), fixture=None), case("two", sample("a"))),
        side(case("one", sample("a")), case("two", sample("a"))),
    )
    assert shared_once(before, after) == (before, after)


def several(*texts: str, failing: str | None = None) -> SampleResult:
    """What a test judges of a fixture that has asked for several answers."""
    calls = tuple(call for text in texts for call in sample(text).calls)
    return sample("", failing)._replace(calls=calls)


def test_tests_of_a_fixture_with_an_answer_for_each_are_cases_of_their_own() -> None:
    texts = [str(number) for number in range(6)]
    before = side(*(case(f"t{n}", several(*texts, failing="tone" if n == 2 else None)) for n in range(6)))
    after = side(*(case(f"t{n}", several(*texts, failing="tone")) for n in range(6)))
    assert shared_once(before, after) == (before, after)
    broken = side(*(case(f"t{n}", sample("0", "tone")) for n in range(6)))  # went on after the first answer
    assert shared_once(before, broken) == (before, broken)


def test_more_tests_than_answers_are_as_many_cases_as_answers() -> None:
    before = side(*(case(f"t{n}", several("a", "b")) for n in range(5)))
    after = side(*(case(f"t{n}", several("c", "d", failing="tone" if n > 2 else None)) for n in range(5)))
    _, new = shared_once(before, after)
    assert outcomes(dict(new)) == {
        "t0": [("pass",)],
        "t1": [],
        "t2": [("fail", "tone")],
        "t3": [],
        "t4": [],
    }


def test_each_setup_of_a_fixture_is_a_group_of_its_own() -> None:
    both = side(*(case(f"t{n}", sample(str(n)), fixture=f"test_a.py::digest[{n // 2}]") for n in range(4)))
    assert [key.test for key, result in shared_once(both, both)[1].items() if result.samples] == [
        "test_a.py::t0",
        "test_a.py::t2",
    ]


def asked(text: str, category: str | None = None, *, latency: float = 1.0, key: str | None = "k") -> SampleResult:
    """What a test got that asked for itself."""
    made = sample(text, category)
    [call] = made.calls
    return made._replace(calls=(call._replace(key=key, measures=Measures(latency=latency)),))


def alone(name: str, *samples: SampleResult) -> CaseResult:
    return case(name, *samples, fixture=None)


def test_tests_that_asked_the_same_and_got_the_same_answer_are_one_case() -> None:
    before = side(alone("one", asked("a")), alone("two", asked("a")), alone("other", asked("a", key="l")))
    after = side(
        alone("one", asked("b", "tone")), alone("two", asked("b", "tone")), alone("other", asked("b", "tone", key="l"))
    )
    _, new = shared_once(before, after)
    assert outcomes(dict(new)) == {"one": [("fail", "tone")], "two": [], "other": [("fail", "tone")]}


def test_answers_that_were_drawn_each_for_itself_are_cases_of_their_own() -> None:
    before = side(alone("one", asked("a", latency=1.0)), alone("two", asked("a", latency=1.1)))
    after = side(alone("one", asked("b", latency=2.0)), alone("two", asked("b", latency=2.1)))
    assert shared_once(before, after) == (before, after)
    unknown = side(alone("one", asked("c", key=None)), alone("two", asked("c", key=None)))
    assert shared_once(before, unknown) == (before, unknown)


def test_code_that_breaks_on_the_same_answer_breaks_each_test() -> None:
    """It would hide behind the one answer that many tests begin with, such as a fixed question."""
    before = side(alone("one", asked("a")), alone("two", asked("a")))
    after = side(alone("one", asked("a", "exception")), alone("two", asked("a", "exception")))
    assert shared_once(before, after) == (before, after)


def test_code_that_breaks_a_saved_answer_breaks_each_test_though_the_model_says_something_else() -> None:
    """The saved answer fails today in a test that has not changed: nothing that the model says now explains it."""
    broken = [alone(name, asked("a"))._replace(rejudged="other_code") for name in ("one", "two")]
    before = side(*broken, alone("three", asked("a")), alone("four", asked("a")))
    after = side(*(alone(name, asked("b", "tone")) for name in ("one", "two", "three", "four")))
    _, new = shared_once(before, after)
    assert [key.test[-3:] for key, result in new.items() if result.samples] == ["one", "two", "ree"]


def test_code_that_breaks_the_answer_of_a_fixture_breaks_each_test() -> None:
    before = side(case("one", sample("a")), case("two", sample("a")), case("fine", sample("a")))
    after = side(case("one", sample("a", "tone")), case("two", sample("a", "tone")), case("fine", sample("a")))
    assert shared_once(before, after) == (before, after)
    saved = {key: result._replace(rejudged="other_code") for key, result in before.items() if "fine" not in key.test}
    spoken = side(case("one", sample("b", "tone")), case("two", sample("b", "tone")), case("fine", sample("b")))
    assert shared_once({**before, **saved}, spoken)[1] == spoken


def test_an_answer_of_a_fixture_that_was_slow_this_time_is_slow_once() -> None:
    before = side(case("one", sample("a")), case("two", sample("a")))
    after = side(case("one", sample("a", "slow")), case("two", sample("a", "slow")))
    assert outcomes(dict(shared_once(before, after)[1])) == {"one": [("fail", "slow")], "two": []}


def test_answers_with_the_same_words_that_were_drawn_each_for_itself_count_each() -> None:
    """Some providers name no answer by an id; a rate that rose would else be one yes and one no as before."""

    def drawn(*categories: str | None, start: float) -> list[SampleResult]:
        made = [
            asked("no" if name else "yes", name, latency=start + place)._replace(index=place)
            for place, name in enumerate(categories)
        ]
        calls = [[call._replace(answer=replace(call.answer, response_id=None)) for call in each.calls] for each in made]
        return [each._replace(calls=tuple(of)) for each, of in zip(made, calls, strict=True)]

    before, after = (
        side(alone("one", *drawn(*names, start=start)), alone("two", *drawn(*names, start=start)))
        for names, start in (((None, None, None, "tone"), 1.0), (("tone", "tone", "tone", None), 9.0))
    )
    old, new = shared_once(before, after)
    counts = [sum(s.outcome == "fail" for s in each[CaseKey("test_a.py::one", "")].samples) for each in (old, new)]
    assert counts == [1, 3]


def test_the_known_miss_of_one_test_hides_no_regression_of_another() -> None:
    before = side(
        *(alone(name, asked("a", "tone" if name == "style" else None)) for name in ("style", "facts", "days"))
    )
    after = side(*(alone(name, asked("b", "tone")) for name in ("style", "facts", "days")))
    _, new = shared_once(before, after)
    assert outcomes(dict(new)) == {"style": [("fail", "tone")], "facts": [("fail", "tone")], "days": []}
    of_fixture = [
        side(*(case(key.test.split("::")[1], *each.samples) for key, each in one.items())) for one in (before, after)
    ]
    assert sum(bool(each.samples) for each in shared_once(*of_fixture)[1].values()) == 2


def test_a_test_that_lost_its_answer_takes_none_from_others() -> None:
    lost = asked("a")._replace(outcome="error", category="judge")
    before = side(alone("judged", lost), alone("facts", asked("a")), alone("days", asked("a")))
    after = side(*(alone(name, asked("b", "tone")) for name in ("judged", "facts", "days")))
    _, new = shared_once(before, after)
    assert outcomes(dict(new)) == {"judged": [("fail", "tone")], "facts": [("fail", "tone")], "days": []}
