"""Lost answers, tasks and tags are tested like error categories; a cluster is one case to the floor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.analysis.compare import Rules, Side, compare
from pytest_llmeval.analysis.comparison import CategoryRow, Comparison
from pytest_llmeval.analysis.groups import fails_in, group_strata, lost_as_failures, lost_words
from pytest_llmeval.config.settings import GateSettings
from pytest_llmeval.reply import Answer, Measures
from pytest_llmeval.report.paper import Paper
from pytest_llmeval.report.verdict import gate_lines, nothing_new
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, SampleResult
from pytest_llmeval.stats.outcomes import SampleOutcome, tabulate
from pytest_llmeval.stats.strata import Stratum

Results = dict[CaseKey, CaseResult]
CALL = Call(
    provider="openai", request_model="m", words_digest="", answer=Answer(text="x"), measures=Measures(latency=1.0)
)


def case(name: int, verdicts: Sequence[str], **fields: Any) -> CaseResult:
    """A case whose samples pass (``""``), are lost (``"lost"``), or fail in a category."""
    samples = [
        SampleResult(
            index=index,
            outcome="pass" if not verdict else "error" if verdict == "lost" else "fail",
            category="timeout" if verdict == "lost" else verdict or None,
            calls=() if verdict == "lost" else (CALL,),
        )
        for index, verdict in enumerate(verdicts)
    ]
    key = CaseKey("t.py::test_mail", f"c{name}")
    return CaseResult(key=key, model="m", samples=tuple(samples), dataset="mails.jsonl", **fields)


def side(*cases: CaseResult) -> Results:
    return {each.key: each for each in cases}


def gated(before: Results, after: Results, *by: str, candidate: str = "m") -> Comparison:
    budgets = GateSettings(by=by or ("category",))
    return compare(Side("m", before, saved="main.jsonl"), Side(candidate, after), Rules(budgets=budgets))


def row(comparison: Comparison, name: str) -> CategoryRow:
    return next(row for row in comparison.rows if row.name == name)


def sentence(comparison: Comparison) -> str:
    return " ".join(line.text.strip() for line in gate_lines(Paper(width=1000), comparison))


# Lost answers


def test_answers_that_are_lost_more_often_fail_the_gate() -> None:
    before = side(*(case(n, [""] * 10) for n in range(100)))
    after = side(*(case(n, ["", "", "lost" if n < 8 else ""]) for n in range(100)))
    comparison = gated(before, after)
    lost = row(comparison, "error:timeout")
    assert (lost.counts, lost.word) == ("0 of 1000 to 8 of 300 answers", "REGRESSED")
    assert (len(lost.new), lost.gated, comparison.gate) == (8, True, "failed")
    assert comparison.reasons[0].startswith("error:timeout regressed from 0 of 1000 to 8 of 300 answers")


def test_a_lost_answer_is_always_told_of() -> None:
    before = side(*(case(n, [""] * 3) for n in range(200)))
    after = before | side(case(0, ["", "", "lost"]))
    comparison = gated(before, after)
    assert comparison.gate == "passed"
    assert "1 of 600 answers of the candidate were lost (timeout 1)" in comparison.notes
    assert not nothing_new(comparison)


def test_lost_answers_that_could_hide_a_regression_leave_it_unmeasured() -> None:
    """Each kind of loss alone may be chance; had all these answers failed, it would not be."""
    before = side(*(case(n, [""] * 3) for n in range(60)))
    kinds = ("timeout", "connection", "quota")
    after = dict(before)
    for n in range(9):
        lost = SampleResult(index=2, outcome="error", category=kinds[n % 3])
        found = case(n, ["", ""])
        after |= side(found._replace(samples=(*found.samples, lost)))
    after |= side(case(20, ["tone", "", ""]))
    comparison = gated(before, after)
    assert {row(comparison, f"error:{kind}").word for kind in kinds}.isdisjoint({"REGRESSED"})
    assert comparison.gate == "failed"
    assert comparison.reasons[0].startswith("could not be measured: 9 of 180 answers of the candidate were lost (")
    assert comparison.reasons[0].endswith("had these failed as tone, it would have regressed")


def test_what_both_sides_lose_alike_hides_nothing() -> None:
    both = side(*(case(n, ["", "", "lost" if n < 10 else "tone" if n < 20 else ""]) for n in range(100)))
    comparison = gated(both, both)
    assert comparison.gate == "passed"
    assert any("were lost" in note for note in comparison.notes)


outcomes = st.sampled_from(
    [SampleOutcome(True), SampleOutcome(False, ("tone",)), SampleOutcome(False, error="timeout")]
)


@given(st.lists(st.tuples(st.lists(outcomes, max_size=4), st.lists(outcomes, max_size=4)), max_size=6))
def test_lost_answers_taken_as_failures_count_every_answer_that_was_asked_for(
    cases: list[tuple[list[SampleOutcome], list[SampleOutcome]]],
) -> None:
    before, after = ({n: pair[place] for n, pair in enumerate(cases)} for place in (0, 1))
    table = tabulate(before, after)
    for strata in lost_as_failures(table).values():
        for (old, new), stratum in zip(cases, strata, strict=True):
            assert (stratum.n_baseline, stratum.n_candidate) == (len(old), len(new))
            failing = [sum(not each.passed for each in answers) for answers in (old, new)]
            assert [stratum.errors_baseline, stratum.errors_candidate] == failing
    lost = sum(each.error is not None for pair in cases for answers in pair for each in answers)
    assert bool(lost_words(table)) == bool(lost)


# Tasks and tags


def billing_breaks() -> tuple[Results, Results]:
    """Of 60 cases six are about billing; three of these now fail, each in another way."""
    task = ["billing" if n < 6 else "shipping" for n in range(60)]
    before = side(*(case(n, [""] * 5, task=task[n], tags=("eu",) if n % 2 else ()) for n in range(60)))
    ways = ("tone", "format", "refusal")
    broken = (case(n, [ways[n]] * 5, task="billing", tags=("eu",) if n % 2 else ()) for n in range(3))
    return before, before | side(*broken)


def test_tasks_and_tags_are_gated_on_request() -> None:
    before, after = billing_breaks()
    assert {each.name for each in gated(before, after).rows} == {"tone", "format", "refusal"}
    rows = {each.name: each for each in gated(before, after, "category", "task", "tag").rows}
    assert set(rows) == {"tone", "format", "refusal", "task:billing", "task:shipping", "tag:eu"}
    billing = rows["task:billing"]
    assert (billing.word, billing.counts, billing.gated) == ("REGRESSED", "0 of 30 to 15 of 30 answers", True)
    assert [key.case for key in billing.new] == ["c0", "c1", "c2"]
    assert rows["task:shipping"].word == "OK"


def test_all_groups_share_alpha() -> None:
    before, after = billing_breaks()
    alone, shared = gated(before, after, "category"), gated(before, after, "category", "task", "tag")
    alone_p, shared_p = row(alone, "tone").p, row(shared, "tone").p
    assert alone_p is not None
    assert shared_p is not None
    assert shared_p > alone_p


def test_categories_that_are_not_asked_for_are_shown_and_not_gated() -> None:
    before, after = billing_breaks()
    comparison = gated(before, after, "task")
    assert {each.name: each.gated for each in comparison.rows} == {
        "tone": False,
        "format": False,
        "refusal": False,
        "task:billing": True,
        "task:shipping": True,
    }
    assert comparison.reasons[0].startswith("task:billing regressed")


def test_a_case_belongs_to_each_of_its_tags_and_to_its_task() -> None:
    both = case(0, ["tone"], task="billing", tags=("eu", "vip"))
    none = case(1, [""])
    strata = group_strata(
        ("task", "tag"), [both.key, none.key], side(both, none), [Stratum(0, 1, 1, 1), Stratum(0, 1, 0, 1)]
    )
    assert strata == {
        name: (Stratum(0, 1, 1, 1), Stratum(0, 0, 0, 0)) for name in ("tag:eu", "tag:vip", "task:billing")
    }
    assert group_strata(("category",), [both.key], side(both), [Stratum(0, 1, 1, 1)]) == {}
    assert [fails_in(both, name) for name in ("tone", "tag:vip", "task:billing", "task:other", "error:timeout")] == [
        True,
        True,
        True,
        False,
        False,
    ]


# Clusters


@pytest.mark.parametrize(("clusters", "word"), [(1, "SMALL"), (3, "REGRESSED")])
def test_cases_of_one_cluster_are_one_case_to_the_floor(clusters: int, word: str) -> None:
    """Six cases broke under another model, which needs two cases where sixty are compared."""

    def cluster(n: int) -> str | None:
        return f"document {n % clusters}" if n < 6 else None

    before = side(*(case(n, [""] * 5, cluster=cluster(n)) for n in range(60)))
    after = before | side(*(case(n, ["tone"] * 5, cluster=cluster(n)) for n in range(6)))
    comparison = gated(before, after, candidate="other")
    assert row(comparison, "tone").word == word
    assert ("rose, by less than fails" in sentence(comparison)) == (word == "SMALL")


def test_a_cluster_of_another_dataset_is_another() -> None:
    one = case(0, [""], cluster="7")
    assert one.family != one._replace(dataset="other.jsonl").family
    assert one.family == case(1, [""], cluster="7").family
    assert case(0, [""]).family != case(1, [""]).family
