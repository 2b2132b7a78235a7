"""Which model for which task, from comparisons of results a reader can count."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmeval.analysis.compare import DEFAULTS, WHOLE, Extent, Rules, Side, compare
from pytest_llmeval.analysis.comparison import Comparison
from pytest_llmeval.analysis.routing import Choice, TaskRoute, compare_by_task, route, routes_of
from pytest_llmeval.config.settings import CategorySettings, GateSettings
from pytest_llmeval.reply import Answer, Measures
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, SampleResult

Results = dict[CaseKey, CaseResult]


def results(
    model: str,
    task: str | None,
    cases: int = 60,
    *,
    samples: int = 3,
    cost: float | None = 0.01,
    errors: int = 0,
    **fails: int,
) -> Results:
    """Cases of which the first fail in the categories given, always, and the last have no judgement."""
    wrong = [category for category, count in fails.items() for _ in range(count)]
    found = {}
    for number in range(cases):
        call = Call(
            provider="openai",
            request_model=model,
            words_digest="",
            answer=Answer(text="x"),
            measures=Measures(latency=1.0, cost=cost),
        )
        category = wrong[number] if number < len(wrong) else None
        outcome: Any = "fail" if category else "pass"
        if number >= cases - errors:
            outcome, category = "error", "timeout"
        sample = SampleResult(
            index=0,
            outcome=outcome,
            category=category,
            calls=(call,),
            noted=("format", "hallucination", "refusal", "tool_call"),
        )
        key = CaseKey("t.py::t", f"{task}-{number}")
        found[key] = CaseResult(key=key, model=model, samples=(sample,) * samples, task=task)
    return found


def by_task(
    before: Results, candidates: dict[str, Results], rules: Rules = DEFAULTS, extent: Extent = WHOLE
) -> dict[str, list[Comparison]]:
    sides = [Side(name, after) for name, after in candidates.items()]
    return compare_by_task(Side("production", before), sides, rules, extent)


def routed(before: Results, **candidates: Results) -> dict[str, TaskRoute]:
    routes = route(by_task(before, candidates))
    return {each.task: each for each in routes}


def choice(route: TaskRoute, model: str) -> Choice:
    return next(each for each in route.choices if each.model == model)


def test_each_task_gets_the_cheapest_model_that_is_not_worse_on_it() -> None:
    before = results("production", "billing", format=2) | results("production", "summaries", format=2)
    small = results("small", "billing", cost=0.001, format=2) | results(
        "small", "summaries", cost=0.001, hallucination=12
    )
    routes = routed(before, small=small)
    assert {task: found.model for task, found in routes.items()} == {"billing": "small", "summaries": "production"}
    refused = choice(routes["summaries"], "small")
    assert (refused.fitness, refused.reason.split()[0]) == ("regressed", "hallucination")
    assert refused.reason == "hallucination rose from 0 of 180 to 36 of 180 answers"


def test_the_evidence_is_counted() -> None:
    before = results("production", "a", format=1)
    found = choice(routed(before, small=results("small", "a", cost=0.002, format=1))["a"], "small")
    assert (found.fitness, found.cases, found.samples, found.passed) == ("fits", 60, 180, 177)
    assert found.cost is not None
    assert round(found.cost.value, 6) == round(180 * 0.002 / 177, 6)


def test_too_few_cases_are_not_enough_to_move_a_task() -> None:
    routes = routed(results("production", "a", 5, samples=1), small=results("small", "a", 5, samples=1, cost=0.001))
    small = choice(routes["a"], "small")
    assert (routes["a"].model, small.fitness) == ("production", "not shown to be as good")
    assert small.reason == "could fail up to 36 points more, going by 5 cases"


def test_a_rise_that_may_be_noise_does_not_move_a_task() -> None:
    before, after = results("production", "a", samples=1), results("small", "a", samples=1, cost=0.001, format=5)
    after |= results("small", "a", samples=1, cost=0.001, format=5, refusal=5, tool_call=5)
    small = choice(routed(before, small=after)["a"], "small")
    assert small.fitness == "not shown to be as good"
    assert small.reason.startswith("format rose from 0 of 60 to 5 of 60 answers, which could be noise")


def test_a_category_that_is_reported_only_does_not_keep_a_model_out() -> None:
    before, after = results("production", "a", format=20), results("small", "a", cost=0.001, wordy=20)
    low = {"wordy": CategorySettings(severity="low")}
    (found,) = route(by_task(before, {"small": after}, Rules(low)))
    assert found.model == "small"


@pytest.mark.parametrize(("errors", "fitness"), [(3, "fits"), (4, "too many errors")])
def test_at_most_one_sample_in_twenty_may_be_without_a_judgement(errors: int, fitness: str) -> None:
    before = results("production", "a", format=6, errors=errors)
    after = results("small", "a", cost=0.001, format=6, errors=errors)
    assert choice(routed(before, small=after)["a"], "small").fitness == fitness


def test_without_prices_nobody_can_tell_the_cheapest() -> None:
    found = routed(results("production", "a", cost=None), small=results("small", "a", cost=None))["a"]
    assert (found.model, found.reason) == (None, "not enough data: no cost of a resolved answer is known")


def test_a_model_without_a_price_is_named_beside_the_cheapest() -> None:
    found = routed(results("production", "a"), small=results("small", "a", cost=None))["a"]
    assert (found.model, found.reason) == (
        "production",
        "the cheapest that fits of those with a known price (small fits too)",
    )


def test_choices_are_listed_from_the_cheapest_and_a_tie_stays_with_the_baseline() -> None:
    found = routed(
        results("production", "a"), dear=results("dear", "a", cost=0.5), same=results("same", "a", cost=0.01)
    )["a"]
    assert [each.model for each in found.choices] == ["production", "same", "dear"]
    assert found.model == "production"


def test_cases_without_a_task_are_a_task_of_their_own() -> None:
    assert list(routed(results("production", None), small=results("small", None))) == [""]


def test_what_was_not_compared_is_not_enough_data() -> None:
    before, after = results("production", "a"), results("small", "a", cost=0.001)
    (found,) = route(by_task(before, {"small": after}, extent=Extent("the run was stopped")))
    assert choice(found, "small").reason == "the run was stopped"
    gone = routed(before, small=results("small", "b", cost=0.001))
    assert {task: choice(r, "small").fitness for task, r in gone.items()} == {
        "a": "not enough data",
        "b": "not enough data",
    }
    assert choice(gone["b"], "production").fitness == "not enough data"


def test_a_budget_that_is_broken_keeps_a_model_out() -> None:
    before, after = results("production", "a"), results("small", "a", cost=0.02)
    budgets = GateSettings(cost_per_resolved=0.1)
    (found,) = route(by_task(before, {"small": after}, Rules(budgets=budgets)))
    assert choice(found, "small").fitness == "regressed"
    assert "cost_per_resolved rose" in choice(found, "small").reason


def test_nothing_compared_has_no_routes() -> None:
    assert route({}) == []
    assert route({"a": []}) == []
    assert routes_of([]) == []


def test_routes_follow_from_comparisons_over_all_tasks() -> None:
    before = results("production", "billing") | results("production", "summaries", format=12)
    small = results("small", "billing", cost=0.001) | results("small", "summaries", cost=0.001, hallucination=12)
    overall = compare(Side("production", before), Side("small", small))
    found = {each.task: each.model for each in routes_of([overall])}
    assert found == {"billing": "small", "summaries": "production"}
    low = {"hallucination": CategorySettings(severity="low")}
    assert {each.task: each.model for each in routes_of([overall], Rules(low))} == {
        "billing": "small",
        "summaries": "small",
    }


def test_cases_without_a_task_are_routed_beside_those_with_one() -> None:
    before = results("production", "billing") | results("production", None)
    small = results("small", "billing", cost=0.001) | results("small", None, cost=0.001)
    overall = compare(Side("production", before), Side("small", small))
    assert [each.task for each in routes_of([overall])] == ["billing", ""]


def test_there_is_nothing_to_choose_without_tasks_a_verdict_or_another_model() -> None:
    plain = compare(Side("production", results("production", None)), Side("small", results("small", None)))
    before, after = results("production", "a"), results("small", "a")
    stopped = compare(Side("production", before), Side("small", after), extent=Extent("it was interrupted"))
    same = compare(Side("production", before), Side("production", after))
    for comparisons in ([plain], [stopped], [same]):
        assert routes_of(comparisons) == []
    assert len(routes_of([compare(Side("production", before), Side("small", after))])) == 1


def test_where_no_model_fits_it_matters_whether_more_data_would_tell() -> None:
    before = results("production", "a", 5, samples=1, errors=2)
    few, broken = results("few", "a", 5, samples=1), results("broken", "a", 5, samples=1, errors=2)
    undecided = routed(before, few=few, broken=broken)["a"]
    assert {each.fitness for each in undecided.choices} == {"not enough data", "too many errors"}
    assert (undecided.model, undecided.reason) == (None, "not enough data")
    settled = routed(before, broken=broken)["a"]
    assert (settled.model, settled.reason) == (None, "no model fits")


@pytest.mark.parametrize(("cases", "model"), [(24, "production"), (25, "small")])
def test_it_takes_25_cases_without_a_change_to_move_a_task(cases: int, model: str) -> None:
    before, after = results("production", "a", cases, format=1), results("small", "a", cases, cost=0.001, format=1)
    assert routed(before, small=after)["a"].model == model


def test_more_candidates_take_more_cases() -> None:
    """By Holm's procedure both of two are tested at half of 5 %, and the second at 5 % once the first is as good."""
    before = results("production", "a", 27)
    same, other = results("same", "a", 27, cost=0.005), results("other", "a", 27, cost=0.001)
    assert routed(before, other=other)["a"].model == "other"
    both = routed(before, other=other, same=same)["a"]
    assert {each.fitness for each in both.choices} == {"fits", "not shown to be as good"}
    assert both.model == "production"
    better = results("production", "a", 27, format=6)
    assert routed(better, other=results("other", "a", 27, cost=0.001, format=6), same=same)["a"].model == "other"


def test_a_model_that_fails_more_is_not_as_good_however_little() -> None:
    before, after = results("production", "a", 400, samples=1), results("small", "a", 400, samples=1, format=1)
    small = choice(routed(before, small=after)["a"], "small")
    assert (small.fitness, small.reason) == (
        "not shown to be as good",
        "failed 0.2 points more, going by 400 cases",
    )


def test_what_could_be_lost_is_told_beside_what_was() -> None:
    before, after = results("production", "a", 30), results("small", "a", 30, format=1)
    reason = choice(routed(before, small=after)["a"], "small").reason
    assert reason == "failed 3.3 points more and could fail up to 11 points more, going by 30 cases"


@pytest.mark.parametrize(("max_loss", "model"), [(0.2, "small"), (0.05, "production"), (0.0, "production")])
def test_the_project_says_how_much_may_be_lost(max_loss: float, model: str) -> None:
    before, after = results("production", "a", 10), results("small", "a", 10, cost=0.001)
    overall = compare(Side("production", before), Side("small", after))
    [found] = routes_of([overall], Rules(budgets=GateSettings(max_loss=max_loss)))
    assert (found.model, found.max_loss) == (model, max_loss)


def test_the_wordings_of_a_row_are_one_case() -> None:
    """60 cases in their own words are enough; 6 rows in 10 wordings are not."""

    def reworded(found: Results) -> Results:
        changed = {}
        for number, result in enumerate(found.values()):
            name = f"{number // 10}+w{number % 10}" if number % 10 else str(number // 10)
            key = CaseKey("t.py::t", name)
            changed[key] = result._replace(key=key, wording=f"w{number % 10}" if number % 10 else "")
        return changed

    before, after = results("production", "a"), results("small", "a", cost=0.001)
    assert routed(before, small=after)["a"].model == "small"
    assert routed(reworded(before), small=reworded(after))["a"].model == "production"


def test_where_both_always_fail_neither_costs_less() -> None:
    hopeless = routed(results("production", "a", format=60), small=results("small", "a", cost=0.001, format=60))["a"]
    assert choice(hopeless, "production").fitness == choice(hopeless, "small").fitness == "fits"
    assert (hopeless.model, hopeless.reason) == (None, "not enough data: no cost of a resolved answer is known")


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=60))
@settings(max_examples=60, deadline=None)
def test_a_model_that_fits_fails_no_more_and_cannot_lose_much(counts: list[tuple[int, int]]) -> None:
    """By the very rates: no candidate whose rate is above production's fits, nor one of few cases."""

    def side(model: str, cost: float, failing: list[int]) -> Results:
        found = results(model, "a", len(failing), cost=cost)
        for (key, result), number in zip(found.items(), failing, strict=True):
            [sample, *_] = result.samples
            wrong = sample._replace(outcome="fail", category="format")
            found[key] = result._replace(samples=(wrong,) * number + (sample,) * (3 - number))
        return found

    before = side("production", 0.01, [old for old, _ in counts])
    after = side("small", 0.001, [new for _, new in counts])
    found = routed(before, small=after)["a"]
    assert choice(found, "production").fitness == "fits"
    if choice(found, "small").fitness == "fits":
        assert sum(new for _, new in counts) <= sum(old for old, _ in counts)
        better = sum(old - new for old, new in counts) > 0
        assert better or len(counts) >= 25
    else:
        assert found.model in ("production", None)


def test_the_cases_of_a_cluster_are_one_case() -> None:
    """60 questions are enough; 60 about 5 documents are not."""
    before, after = results("production", "a"), results("small", "a", cost=0.001)
    assert choice(routed(before, small=after)["a"], "small").fitness == "fits"
    clustered = (
        {key: each._replace(cluster=f"document {place % 5}") for place, (key, each) in enumerate(side.items())}
        for side in (before, after)
    )
    old, new = clustered
    small = choice(routed(old, small=new)["a"], "small")
    assert small.fitness == "not shown to be as good"
