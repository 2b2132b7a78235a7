"""The one line ``next:`` of a report: that it helps, and that it names the report which the session wrote."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_llmeval.analysis.comparison import Comparison
from pytest_llmeval.report.cases import known_misses, new_misses
from pytest_llmeval.report.paper import Paper
from pytest_llmeval.report.summary import summary, verdict
from pytest_llmeval.runs.results import CaseKey, CaseResult, SampleResult
from tests.report.test_terminal import (
    AFTER,
    BASELINE,
    BEFORE,
    CANDIDATE,
    FAILED,
    HALLUCINATION,
    MIXED,
    OK,
    ORDER,
    PARTIAL,
    PASSED,
    REFUND,
    RETURNS,
    broken,
    by_key,
    key,
    result,
)

LISTS = "next: --llm-show=hallucination lists its cases with what changed"
SETTLED: dict[str, Any] = {"rows": (OK,), "new": (), "known": ()}
"""Of a comparison in which nothing else needs a look."""


WIDE = Paper(width=300)


def steps(*comparisons: Comparison, paper: Paper = WIDE) -> list[str]:
    """The lines of a whole report that say what to do."""
    lines = summary(paper, comparisons, [BASELINE, *(each.candidate for each in comparisons)])
    return [line.text for line in lines if "next:" in line.text]


def lost(kind: str, *keys: CaseKey) -> Comparison:
    """A gate that failed because these cases of the candidate had errors."""
    errors = by_key(*(broken(each, "HTTP 503: overloaded") for each in keys))
    row = HALLUCINATION._replace(name=f"error:{kind}", new=keys)
    return FAILED._replace(
        **{**SETTLED, "rows": (row, OK)},
        errors=keys,
        candidate_results={**AFTER, **errors},
        reasons=(f"error:{kind} regressed from 0 of 4 to {len(keys)} of 4 answers",),
    )


def test_an_answer_that_was_lost_is_no_miss() -> None:
    comparison = lost("rate_limit", REFUND, RETURNS)
    assert new_misses(comparison) == []
    assert known_misses(comparison) == []
    shown = "\n".join(line.text for line in summary(Paper(), [comparison], [], show=["error:rate_limit"]))
    assert "new miss" not in shown
    assert "2 errors: " in shown
    assert f"  NEW   {REFUND}\n        HTTP 503: overloaded\n  NEW   {RETURNS}\n" in shown
    assert "(nothing)" not in shown
    assert "new misses" not in "\n".join(line.text for line in summary(Paper(), [comparison] * 2, []))


def test_errors_that_fail_the_gate_have_a_cure_rather_than_a_list() -> None:
    assert steps(lost("rate_limit", REFUND)) == ["next: run again; you pay only for what is missing"]
    # With several samples a case may be judged although one answer was lost.
    row = HALLUCINATION._replace(name="error:billing", new=())
    comparison = FAILED._replace(**{**SETTLED, "rows": (row, OK)}, reasons=("error:billing regressed",))
    assert steps(comparison)[0].startswith("next: pay the bill")
    both = FAILED._replace(rows=(row, *FAILED.rows))
    assert steps(both) == [LISTS]


def added(outcome: str) -> Comparison:
    """A comparison with a new case."""
    new = result(key("new"), "Blue.", None if outcome == "pass" else "wrong_answer")
    return PASSED._replace(
        **SETTLED, saved="main.jsonl", only_candidate=(new.key,), candidate_results={**AFTER, **by_key(new)}
    )


def test_a_new_case_that_fails_is_not_to_be_saved_as_the_baseline() -> None:
    assert steps(added("pass")) == [
        "next: save the baseline again with --llm-update-baseline, so that it has every case as it is now"
    ]
    assert steps(added("fail")) == [
        "next: fix the new case that fails before you save the baseline again: saved now, it would be a known miss"
    ]


def test_a_gate_that_passed_says_that_a_new_case_fails() -> None:
    shown = [line.text for line in summary(WIDE, [added("fail")], [BASELINE, CANDIDATE])]
    assert "gate ok: no error category regressed in 4 cases, but 1 new case fails" in shown
    assert not any("new case" in line.text for line in summary(WIDE, [added("pass")], [BASELINE, CANDIDATE]))


def test_what_improved_is_to_be_saved_unless_another_model_is_on_trial() -> None:
    better = {**SETTLED, "rows": (OK._replace(word="IMPROVED"),)}
    assert steps(PASSED._replace(**better, saved="main.jsonl")) == []
    same = PASSED._replace(**better, saved="main.jsonl", candidate=CANDIDATE._replace(model=BASELINE.model))
    assert steps(same) == [
        "next: save the baseline in this change with --llm-update-baseline: what improved could be lost again unseen"
    ]


def test_a_part_of_the_cases_is_merged_into_the_baseline() -> None:
    assert steps(added("pass")._replace(part="1 of 9 cases")) == [
        "next: save the baseline again with --llm-update-baseline=merge, so that it has every case as it is now"
    ]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"saved": "main.jsonl", "baseline_results": {}}, "next: --llm-update-baseline adds what ran to the baseline"),
        ({"saved": None, "baseline_results": {}}, "next: select the same cases of acme-large-1 too"),
        ({"reasons": ("the session was stopped before its end",)}, "next: run all cases to the end"),
    ],
)
def test_a_gate_that_was_not_evaluated_says_what_it_lacks(changes: dict[str, Any], told: str) -> None:
    comparison = PASSED._replace(**SETTLED, gate="not evaluated", only_candidate=(key("new"),))._replace(**changes)
    [line] = steps(comparison)
    assert line.startswith(told)


def test_cases_of_the_baseline_that_are_gone_may_be_gone_on_purpose() -> None:
    gone = FAILED._replace(
        **SETTLED,
        saved="main.jsonl",
        only_baseline=(key("gone"),),
        reasons=("could not be measured: 3 of the baseline's 9 cases ran unchanged; at least 80% must",),
    )
    assert steps(gone)[0].startswith("next: if those cases are gone on purpose, save the baseline again with --llm-up")


MISSED = PASSED._replace(new=(REFUND,), known=(), rows=(OK,))


@pytest.mark.parametrize(
    ("comparison", "otherwise"),
    [(FAILED, LISTS), (MISSED, "next: -v lists every miss with both replies")],
)
def test_the_report_that_was_written_is_the_next_step(comparison: Comparison, otherwise: str) -> None:
    def told(page: str | None) -> list[str]:
        return steps(comparison, paper=Paper(width=300, page=page))

    assert told("out/report.html") == ["next: open out/report.html: every answer that changed, side by side"]
    assert told(None) == [otherwise]
    assert told("") == [f"{otherwise}; --llm-report=report.html shows them side by side"]


def test_where_answers_are_unverified_people_decide_on_them() -> None:
    unverified = MISSED._replace(unverified=(RETURNS,))
    for page in ("out/report.html", "", None):
        [step] = steps(unverified, paper=Paper(width=300, page=page))
        assert step.startswith("next: llmeval review RUN.jsonl lets people decide on the answers that are unverified")
        assert "out/report.html" in step or page != "out/report.html"


def test_a_report_is_not_what_helps_against_errors() -> None:
    assert steps(lost("rate_limit", REFUND), paper=Paper(page="report.html"))[0].startswith("next: run again")
    assert steps(PASSED, paper=Paper(page="report.html")) == []


def test_with_v_the_next_step_is_the_last_line_only() -> None:
    paper = Paper(width=300, verbosity=1, page="report.html")
    assert steps(FAILED, paper=paper) == []
    assert verdict(paper, [FAILED])[-1].text == "next: open report.html: every answer that changed, side by side"


def test_where_the_cases_are_listed_only_a_report_is_left_to_look_at() -> None:
    def told(page: str | None) -> list[str]:
        paper = Paper(width=300, listed=True, page=page)
        lines = summary(paper, [FAILED], [BASELINE, CANDIDATE], show=["hallucination"])
        return [line.text for line in lines]

    assert not any("next:" in line for line in told(""))
    assert told("report.html")[-1].startswith("next: open report.html")
    assert "candidate acme-large-2 vs baseline acme-large-1" not in told(None)[1:]


def test_of_several_candidates_the_worst_says_what_is_next() -> None:
    assert steps(PARTIAL, MISSED, FAILED) == [LISTS]


def test_where_nothing_is_compared_the_failing_cases_are_next() -> None:
    def told(paper: Paper, *results: CaseResult) -> list[str]:
        lines = summary(paper, [], [BASELINE], results)
        return [line.text for line in lines if "next:" in line.text]

    assert told(Paper(), *MIXED) == ["next: --llm-show=format lists its cases with their replies"]
    assert told(Paper(page="report.html"), *MIXED) == ["next: open report.html: every case with its replies"]
    assert told(Paper(listed=True), *MIXED) == []
    assert told(Paper(), BEFORE[REFUND]) == []
    refused = SampleResult(index=0, outcome="error", category="authentication", reason="HTTP 401")
    keyless = [CaseResult(key=key(f"refused-{n}"), model="m", samples=(refused,)) for n in range(2)]
    assert told(Paper(page="report.html"), *MIXED, *keyless, broken(ORDER, "HTTP 429"))[0].startswith(
        "next: set the key"
    )


def test_the_whole_reason_of_an_error_is_told_for_what_helps_may_stand_at_its_end() -> None:
    whole = "HTTP 401: " + "the key is not known; " * 12 + "set OUR_KEY"
    sample = SampleResult(index=0, outcome="error", category="authentication", reason=whole[:197] + "...", detail=whole)
    errors = [CaseResult(key=key("refused"), model="m", samples=(sample,))]
    lines = summary(Paper(width=500), [], [BASELINE], errors)
    assert any(line.text.endswith("set OUR_KEY") for line in lines)
