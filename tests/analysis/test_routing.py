"""Which model for which task, from comparisons of results a reader can count."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_llmeval.analysis.compare import DEFAULTS, WHOLE, Extent, Rules, Side, compare
from pytest_llmeval.analysis.comparison import Comparison
from pytest_llmeval.analysis.plan import Expected, smallest_rise
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
    found = choice(routed(results("production", "a"), small=results("small", "a", cost=0.002, format=1))["a"], "small")
    assert (found.fitness, found.cases, found.samples, found.passed) == ("fits", 60, 180, 177)
    assert found.cost is not None
    assert round(found.cost.value, 6) == round(180 * 0.002 / 177, 6)


def test_too_few_cases_are_not_enough_to_move_a_task() -> None:
    routes = routed(results("production", "a", 5, samples=1), small=results("small", "a", 5, samples=1, cost=0.001))
    small = choice(routes["a"], "small")
    assert (routes["a"].model, small.fitness) == ("production", "not enough data")
    assert "in 5 cases" in small.reason


def test_a_rise_that_may_be_noise_does_not_move_a_task() -> None:
    before, after = results("production", "a", samples=1), results("small", "a", samples=1, cost=0.001, format=5)
    after |= results("small", "a", samples=1, cost=0.001, format=5, refusal=5, tool_call=5)
    small = choice(routed(before, small=after)["a"], "small")
    assert small.fitness == "not enough data"
    assert small.reason.startswith("format rose from 0 of 60 to 5 of 60 answers, which could be noise")


def test_a_category_that_is_reported_only_does_not_keep_a_model_out() -> None:
    before, after = results("production", "a"), results("small", "a", cost=0.001, wordy=20)
    low = {"wordy": CategorySettings(severity="low")}
    (found,) = route(by_task(before, {"small": after}, Rules(low)))
    assert found.model == "small"


@pytest.mark.parametrize(("errors", "fitness"), [(3, "fits"), (4, "too many errors")])
def test_at_most_one_sample_in_twenty_may_be_without_a_judgement(errors: int, fitness: str) -> None:
    before = results("production", "a", format=6)
    after = results("small", "a", cost=0.001, format=6, errors=errors)
    assert choice(routed(before, small=after)["a"], "small").fitness == fitness


def test_without_prices_nobody_can_tell_the_cheapest() -> None:
    found = routed(results("production", "a", cost=None), small=results("small", "a", cost=None))["a"]
    assert (found.model, found.reason) == (None, "not enough data: no price is known")


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
    assert routes_of([], {}) == []


def test_routes_follow_from_comparisons_over_all_tasks() -> None:
    before = results("production", "billing") | results("production", "summaries")
    small = results("small", "billing", cost=0.001) | results("small", "summaries", cost=0.001, hallucination=12)
    overall = compare(Side("production", before), Side("small", small))
    found = {each.task: each.model for each in routes_of([overall], {})}
    assert found == {"billing": "small", "summaries": "production"}
    low = {"hallucination": CategorySettings(severity="low")}
    assert {each.task: each.model for each in routes_of([overall], low)} == {"billing": "small", "summaries": "small"}


def test_cases_without_a_task_are_routed_beside_those_with_one() -> None:
    before = results("production", "billing") | results("production", None)
    small = results("small", "billing", cost=0.001) | results("small", None, cost=0.001)
    overall = compare(Side("production", before), Side("small", small))
    assert [each.task for each in routes_of([overall], {})] == ["billing", ""]


def test_there_is_nothing_to_choose_without_tasks_a_verdict_or_another_model() -> None:
    plain = compare(Side("production", results("production", None)), Side("small", results("small", None)))
    before, after = results("production", "a"), results("small", "a")
    stopped = compare(Side("production", before), Side("small", after), extent=Extent("it was interrupted"))
    same = compare(Side("production", before), Side("production", after))
    for comparisons in ([plain], [stopped], [same]):
        assert routes_of(comparisons, {}) == []
    assert len(routes_of([compare(Side("production", before), Side("small", after))], {})) == 1


def test_what_would_have_been_found_counts_the_samples_of_a_case() -> None:
    found = choice(routed(results("production", "a", 8), small=results("small", "a", 8))["a"], "small")
    rise = smallest_rise(8, 3, 3, Expected(name="", rate=0.0), level=0.05)
    assert rise is not None
    assert found.reason == f"only a rise by {100 * rise:.0f} points would be found in 8 cases"
    hopeless = routed(results("production", "a", format=60), small=results("small", "a", format=60))["a"]
    assert choice(hopeless, "small").reason == "no rise could be found in 60 cases"


def test_where_no_model_fits_it_matters_whether_more_data_would_tell() -> None:
    before = results("production", "a", 5, samples=1, errors=2)
    few, broken = results("few", "a", 5, samples=1), results("broken", "a", 5, samples=1, errors=2)
    undecided = routed(before, few=few, broken=broken)["a"]
    assert {each.fitness for each in undecided.choices} == {"not enough data", "too many errors"}
    assert (undecided.model, undecided.reason) == (None, "not enough data")
    settled = routed(before, broken=broken)["a"]
    assert (settled.model, settled.reason) == (None, "no model fits")


def test_twenty_cases_of_three_samples_are_enough_to_move_a_task() -> None:
    routes = routed(results("production", "a", 20, format=1), small=results("small", "a", 20, cost=0.001, format=1))
    small = choice(routes["a"], "small")
    assert (routes["a"].model, small.fitness) == ("small", "fits")
