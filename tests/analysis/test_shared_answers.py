"""An answer that several tests judge is one piece of evidence."""

from __future__ import annotations

from pytest_llmeval.analysis.shared_answers import shared_once
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
    both = side(case("one", sample("a", "slow")), case("two", sample("a", "format")), case("three", sample("a")))
    _, new = shared_once(both, both)
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
