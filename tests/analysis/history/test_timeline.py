"""Each model's runs in a line: what is counted, where the line breaks, and what is compared."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.analysis.history.timeline import Change, History, Series, history_of, lightened, segments
from pytest_llmeval.reply import Answer, Measures
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, Run, SampleResult
from pytest_llmeval.runs.shards import Shards

GOOD, BAD, LOST = "", "tone", "?"


def made(case: str, outcomes: Sequence[str], *, model: str = "m", answered: str = "m-1", **fields: Any) -> CaseResult:
    """A case whose samples pass (""), fail in a category, or were lost ("?")."""
    call = Call("openai", "m", "d", Answer(text="t", response_model=answered), Measures(1.0))
    samples = [
        SampleResult(
            number,
            "pass" if word == GOOD else "error" if word == LOST else "fail",
            word.replace(LOST, "timeout") or None,
            calls=(call,) if word != LOST else (),
            noted=("tone", "format"),
        )
        for number, word in enumerate(outcomes)
    ]
    return CaseResult(CaseKey("t.py::t", case), model, tuple(samples), **{"content": "row", "judged_by": "j", **fields})


def run(*results: CaseResult, header: Mapping[str, Any] | None = None, **fields: Any) -> Run:
    models = {each.model: {"provider": "openai", "model": "x", "params": {}, **(header or {})} for each in results}
    return Run(**{"created": "2026-01-01", "models": models, "complete": True, "results": results, **fields})


def many(words: Sequence[str], **fields: Any) -> list[CaseResult]:
    return [made(f"c{number}", [word], **fields) for number, word in enumerate(words)]


def history(*runs: Run) -> History:
    return history_of([lightened(f"{number}.jsonl", each) for number, each in enumerate(runs, start=1)])


def series(found: History, category: str) -> Series:
    return next(each for each in found.timelines[0].series if each.category == category)


def change(found: History, category: str = "tone") -> Change:
    told = series(found, category).change
    assert told is not None
    return told


@given(st.lists(st.lists(st.sampled_from([GOOD, "tone", "format", LOST]), min_size=1, max_size=4), min_size=1))
def test_rates_count_the_failing_answers_of_those_judged(cases: list[list[str]]) -> None:
    found = history(run(*(made(f"c{number}", words) for number, words in enumerate(cases))))
    judged = [word for words in cases for word in words if word != LOST]
    if not judged:
        assert [each.rates for each in found.timelines[0].series] == [[None]]
        return
    rate = found.timelines[0].series[0].rates[0]  # any failure, or the one category that is all of them
    assert rate is not None
    assert (rate.number, rate.samples) == (sum(word != GOOD for word in judged), len(judged))
    assert {each.category for each in found.timelines[0].series} - {""} == {*judged} - {GOOD}
    assert found.timelines[0].points[0].count("error") == sum(set(words) == {LOST} for words in cases)


def test_what_is_compared_is_on_common_cases_of_the_same_checks() -> None:
    before = run(*many([GOOD] * 10))
    after = run(*many(["tone"] * 8), made("c8", [LOST]), made("c9", ["tone"], content="new"), made("d", ["tone"]))
    found = history(before, after)
    told = change(found)
    assert (told.first, told.last, told.cases) == (1, 2, 8)
    assert (told.before, told.after, told.value) == (0.0, 1.0, 1.0)
    assert told.word == "rose"
    assert found.timelines[0].points[1].common == 8
    assert found.timelines[0].points[1].others == 1


def broken(*runs: Run) -> str:
    return history(*runs).timelines[0].points[-1].broken


def test_the_line_breaks_where_model_or_checks_change() -> None:
    first = run(*many([GOOD] * 10))
    assert broken(first, first) == ""
    assert broken(first, run(*many([GOOD] * 10), header={"params": {"temperature": 1}})) == (
        "another model: openai/x, then openai/x (temperature = 1)"
    )
    assert broken(first, run(*many([GOOD] * 10, answered="m-2"))) == "another model answered: m-1, then m-2"
    assert broken(first, run(*many([GOOD] * 10, judged_by="k"))) == "the checks of 10 cases changed"
    assert broken(first, run(*many([GOOD] * 10, judged_by=""))) == ""
    assert broken(first, run(*many([GOOD] * 13))) == "only 10 cases in common"
    assert broken(first, run(*many([GOOD] * 12))) == ""
    assert broken(first, run(*many([GOOD] * 10, content="other rows"))) == "only 0 cases in common"


def test_after_a_break_only_what_is_like_the_last_run_is_compared_with_it() -> None:
    first, other = run(*many([GOOD] * 10)), run(*many(["tone"] * 10), header={"model": "y"})
    found = history(first, first, other)
    assert series(found, "tone").change is None
    assert [[*each] for each in segments(found.timelines[0].points)] == [[0, 1], [2]]
    assert change(history(first, other, other)).first == 2
    checked = run(*many(["tone"] * 10, judged_by="k"))
    assert series(history(first, checked), "tone").change is None


def test_a_part_in_between_hides_neither_a_change_nor_that_the_checks_changed() -> None:
    whole, part = run(*many([GOOD] * 10)), run(made("c0", [GOOD]), complete=False)
    found = history(whole, part, run(*many(["tone"] * 10)))
    assert change(found).first == 1
    assert found.timelines[0].points[1].run.part == "a part of the cases"
    found = history(whole, part, run(made("c0", ["tone"]), *many(["tone"] * 10, judged_by="k")[1:]))
    assert change(found).cases == 1  # the one whose checks are the same


def test_a_small_change_is_no_claim_and_neither_is_one_among_many() -> None:
    one = history(run(*many([GOOD] * 40)), run(*many(["tone"] * 2 + [GOOD] * 38)))
    assert change(one).word == ""
    words = ["tone"] * 7 + [GOOD] * 33
    assert change(history(run(*many([GOOD] * 40)), run(*many(words)))).word == "rose"
    others = [f"c{number}" for number in range(30)]
    several = history(
        run(*many([GOOD] * 40)), run(*many(words), *(made(f"d{name}", [name]) for name in others), complete=True)
    )
    assert several.comparisons == 32
    assert change(several).word == ""
    assert change(several).interval.low > 0


def test_cases_of_a_cluster_count_once() -> None:
    together = {"dataset": "d", "cluster": "doc"}
    before, after = (run(*many([word] * 12, **together)) for word in (GOOD, "tone"))
    told = change(history(before, after))
    assert (told.cases, told.word) == (12, "")  # twelve answers of one case, which is all there is


def test_a_baseline_that_was_judged_again_and_other_wordings_are_no_runs() -> None:
    saved = made("c0", ["tone"], model="baseline")
    found = lightened(
        "a.jsonl",
        Run(
            "2026-01-01",
            {"m": {}, "baseline": {"saved": "main.jsonl"}},
            "baseline",
            results=(made("c0", [GOOD]), made("c0+typos", ["tone"], wording="typos"), saved),
        ),
    )
    assert [str(each.key) for each in found.results] == ["t.py::t[c0]"]
    assert found.part == "stopped early"


def test_a_run_that_only_replays_says_so() -> None:
    def drawn(day: str) -> Run:
        call = Call("openai", "m", "d", Answer(text="t"), Measures(1.0), key="k", recorded_at=day)
        return run(made("c0", [GOOD])._replace(samples=(SampleResult(0, "pass", calls=(call,)),)))

    found = history(drawn("2026-01-01"), drawn("2026-01-01"), drawn("2026-01-02"), drawn("2026-01-01"))
    assert [point.replayed for point in found.timelines[0].points] == [False, True, False, True]


@pytest.mark.parametrize(("numbers", "part"), [((1, 2, 3), ""), ((1, 3), "some shards, which llmeval merge joins")])
def test_shards_are_whole_when_all_are_there(numbers: tuple[int, ...], part: str) -> None:
    shards = Shards(numbers, 3, 10, "cut")
    assert lightened("a", run(made("c0", [GOOD]), shards=shards, complete=False)).part == part


def test_of_histories_in_which_nothing_changes_few_claim_that_something_did() -> None:
    rng = random.Random(7)
    claimed = 0
    for _ in range(60):
        rates = [rng.random() ** 3 for _ in range(40)]

        def drawn(rates: Sequence[float] = rates) -> Run:
            return run(*many([rng.choice(["tone", "format"]) if rng.random() < rate else GOOD for rate in rates]))

        found = history(drawn(), drawn())
        claimed += any(each.change is not None and each.change.word != "" for each in found.timelines[0].series)
    assert claimed <= 3  # 5 % of 60
