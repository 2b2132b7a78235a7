"""How old a saved run is, and its answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pytest_llmeval.reply import Answer, Measures
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, SampleResult
from pytest_llmeval.runs.saved_when import when_words


def ago(**passed: float) -> str:
    return (datetime.now(UTC) - timedelta(**passed)).isoformat()


def answers(*moments: str | None) -> list[CaseResult]:
    calls = [Call("openai", "m", "", Answer(text=""), Measures(latency=0.1), recorded_at=moment) for moment in moments]
    samples = tuple(SampleResult(index, "pass", calls=(call,)) for index, call in enumerate(calls))
    return [CaseResult(CaseKey("t.py::t", ""), "m", samples)]


def test_ages_in_words() -> None:
    assert when_words(ago(hours=3), None) == "saved today"
    assert when_words(ago(days=1, hours=1), "0123456789") == "saved 1 day ago, at commit 0123456"
    assert when_words(ago(days=40, hours=1), None) == "saved 40 days ago"
    assert when_words(ago(days=-3), None) == "saved today"
    assert when_words("then", None) == ""


@pytest.mark.parametrize(
    ("days", "said"),
    [
        ((3.1, 3.2), "saved 3 days ago"),
        ((40.1, 3.1), "saved 3 days ago; its oldest answers are 40 days old"),
        ((40.1, 20.1), "saved 3 days ago; its oldest answers are 40 days old, its newest 20 days"),
        ((9.1, 9.2), "saved 3 days ago; its answers are 9 days old"),
    ],
)
def test_answers_may_be_older_than_the_run(days: tuple[float, ...], said: str) -> None:
    moments = [ago(days=each) for each in days]
    assert when_words(ago(days=3.05), None, answers(*moments)) == said


def test_answers_of_unknown_moments_have_no_age() -> None:
    assert when_words(ago(days=3.1), None, answers(None, "once")) == "saved 3 days ago"
