"""Two runs of the baseline: which cases of them count, and what they are worth."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_llmeval.analysis.dispersion import disagreement, dispersion_words
from pytest_llmeval.errors import RunFileError
from pytest_llmeval.reply import Answer, Measures
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, Run, SampleResult
from pytest_llmeval.stats.dependence import Dispersion

MODELS = {"m": {"provider": "openai", "model": "large", "params": {"temperature": 0}}}


def case(number: int, verdicts: str, *, moment: str | None, prompt: str = "", **fields: Any) -> CaseResult:
    """A case with one letter per answer, p(assed) or f(ailed), all of one moment."""
    samples = []
    for index, verdict in enumerate(verdicts):
        call = Call(
            provider="openai",
            request_model="m",
            words_digest=prompt,
            answer=Answer(text="x"),
            measures=Measures(latency=0.5),
            key=f"{number}",
            recorded_at=moment,
        )
        outcome: Any = "pass" if verdict == "p" else "fail"
        samples.append(
            SampleResult(index=index, outcome=outcome, category=None if verdict == "p" else "format", calls=(call,))
        )
    key = CaseKey("t.py::t", str(number))
    return CaseResult(key=key, model=fields.pop("model", "m"), samples=tuple(samples), **fields)


def run(moment: str | None, *verdicts: str, **fields: Any) -> Run:
    results = tuple(case(number, each, moment=moment, **fields) for number, each in enumerate(verdicts))
    return Run(created="2026-03-01T10:00:00Z", models=MODELS, results=results)


FIRST = run("2026-03-01T10:00:00Z", "ffff", "pppp", "pppp")
SECOND = run("2026-03-02T10:00:00Z", "pppp", "ffff", "pppp")


def test_runs_that_turn_whole_cases_are_copies() -> None:
    found = disagreement(FIRST, SECOND, "m")
    assert found == pytest.approx((7.0, 2))
    assert dispersion_words(found) == (
        "two runs of the baseline: phi 7.00 over 2 cases and categories; its samples repeat each other"
    )


def test_where_nothing_fails_nothing_is_told() -> None:
    found = disagreement(run("1", "pp"), run("2", "pp"), "m")
    assert found is None
    assert dispersion_words(None) == (
        "two runs of the baseline: nothing failed in either, so they tell nothing about each other"
    )


def test_the_limit_is_that_of_the_gate() -> None:
    assert dispersion_words(Dispersion(1.03, 1000)).endswith("its samples count as independent")
    assert dispersion_words(Dispersion(1.04, 1000)).endswith("its samples repeat each other")


def test_cases_whose_row_replies_or_prompt_are_others_do_not_count() -> None:
    for change in ({"content": "new"}, {"rejudged": "not_compared"}, {"prompt": "new"}):
        other = case(0, "ffff", moment="1", **{"prompt": "old", **change})
        before = FIRST._replace(results=(other, *FIRST.results[1:]))
        asked = case(0, "pppp", moment="2", prompt="old")
        found = disagreement(before, SECOND._replace(results=(asked, *SECOND.results[1:])), "m")
        assert found is not None
        assert found.strata == 1


def test_a_case_that_one_run_lacks_does_not_count() -> None:
    for first, second in (
        (FIRST, SECOND._replace(results=SECOND.results[1:])),
        (FIRST._replace(results=FIRST.results[1:]), SECOND),
    ):
        found = disagreement(first, second, "m")
        assert found is not None
        assert found.strata == 1


def test_the_same_replies_are_no_second_run() -> None:
    with pytest.raises(RunFileError, match="they hold the same replies to all 3 cases; save the second one with"):
        disagreement(FIRST, FIRST, "m")
    with pytest.raises(RunFileError, match="no case is the same in both"):
        disagreement(FIRST, run("2", "pp", content="new"), "m")
    part = FIRST._replace(results=(*FIRST.results[:1], *SECOND.results[1:]))
    found = disagreement(FIRST, part, "m")
    assert found is not None
    assert found.strata == 1


def test_replies_of_unknown_moments_are_not_taken_for_the_same() -> None:
    assert disagreement(run(None, "ff", "pp"), run(None, "pp", "ff"), "m") is not None


def test_the_second_run_may_name_the_model_otherwise_but_must_be_of_it() -> None:
    renamed = SECOND._replace(
        models={"again": MODELS["m"]}, results=tuple(each._replace(model="again") for each in SECOND.results)
    )
    assert disagreement(FIRST, renamed, "m") == disagreement(FIRST, SECOND, "m")
    beside = renamed._replace(models={"old": {}, "again": MODELS["m"]}, baseline="old")
    assert disagreement(FIRST, beside, "m") == disagreement(FIRST, SECOND, "m")
    hotter = {"provider": "openai", "model": "large", "params": {"temperature": 1}}
    for models in ({"m": hotter}, {"m": {**MODELS["m"], "model": "small"}}, {"a": MODELS["m"], "b": MODELS["m"]}, {}):
        with pytest.raises(RunFileError, match="the second baseline is not a run of m"):
            disagreement(FIRST, SECOND._replace(models=models), "m")
