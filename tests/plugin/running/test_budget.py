"""Ceilings on money and on calls in flight."""

from __future__ import annotations

import pytest

from pytest_llmeval.engine.budget import Budget
from pytest_llmeval.errors import BudgetExceeded
from pytest_llmeval.reply import Usage
from tests.server import Reply, Server, completion
from tests.sessions import Session

SUITE = """
import pytest

@pytest.mark.parametrize("number", range(30))
def test_it(llm, number):
    assert llm(f"question {number}", max_tokens=100) == "Paris"
"""


def dollars(usage: Usage) -> float:
    return ((usage.input_tokens or 0) * 1.0 + (usage.output_tokens or 0) * 10.0) / 1e6


def test_no_call_is_made_that_could_pass_the_budget(session: Session, server: Server) -> None:
    # Slow enough that several calls are on their way together, whose money is set aside.
    server.answer = lambda _: Reply(body=completion("Paris"), delay=0.3)
    session.write(SUITE)
    # A call costs 0.000037 and may cost about 0.00105: money for some of them, never for all at once.
    result = session.run("--llm-budget=0.004")
    assert result.ret == 1
    cases = session.results()
    spent = sum(call.spent or 0 for case in cases for sample in case.samples for call in sample.calls)
    errors = [case for case in cases if case.outcome == "error"]
    assert 0 < len(server.requests) < 30
    assert spent <= 0.004
    assert {case.category for case in errors} == {"budget"}
    assert len(errors) + len(server.requests) == 30
    result.stdout.fnmatch_lines(["*the budget of $0.00* is used up*raise --llm-budget*"])


def test_what_is_replayed_costs_nothing(plain_session: Session, server: Server) -> None:
    server.answer = lambda _: completion("Paris")
    plain_session.write(SUITE)
    plain_session.run().assert_outcomes(passed=30)
    plain_session.run("--llm-budget=0").assert_outcomes(passed=30)
    assert len(server.requests) == 30


def test_a_budget_needs_to_know_the_price(plain_session: Session, server: Server) -> None:
    plain_session.write(SUITE)
    result = plain_session.run("--llm-budget=1", "--llm-model=openai/no-such-model-0")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*the price of openai/no-such-model-0 is unknown*prices = *"])
    wrong = plain_session.run("--llm-budget=much")
    assert wrong.ret == pytest.ExitCode.USAGE_ERROR
    wrong.stderr.fnmatch_lines(["*--llm-budget=much: expected a sum in USD*"])


def test_concurrency_is_a_ceiling(plain_session: Session, server: Server) -> None:
    server.answer = lambda _: Reply(body=completion("Paris"), delay=0.02)
    plain_session.write(SUITE)
    plain_session.run("--llm-concurrency=3").assert_outcomes(passed=30)
    assert server.most_in_flight == 3
    assert plain_session.run("--llm-concurrency=0").ret == pytest.ExitCode.USAGE_ERROR


def test_the_same_question_of_two_tests_is_asked_and_paid_once(plain_session: Session, server: Server) -> None:
    gate = server.gate()
    server.answer = lambda _: Reply(body=completion("Paris"), gate=gate)
    plain_session.write(
        """
        import pytest

        @pytest.mark.parametrize("number", range(5))
        def test_it(llm, number):
            assert llm("the same") == "Paris"
        """
    )
    gate.open()
    plain_session.run().assert_outcomes(passed=5)
    calls = [call for case in plain_session.results() for sample in case.samples for call in sample.calls]
    assert len(server.requests) == 1
    assert sum(call.spent or 0 for call in calls) == pytest.approx(0.000037)


def test_money_in_flight_counts_until_the_cost_is_known() -> None:
    budget = Budget(0.0025)
    body = {"messages": [], "max_tokens": 100}
    held = [budget.hold("m", body, dollars), budget.hold("m", body, dollars)]
    with pytest.raises(BudgetExceeded):
        budget.hold("m", body, dollars)
    budget.settle("m", held[0], 0.0001, Usage(input_tokens=5, output_tokens=9))
    budget.settle("m", held[1], None, None)
    assert budget.spent == 0.0001
    assert budget.hold("m", body, dollars) > 0


def test_workers_share_a_budget() -> None:
    assert Budget(1.0, workers=4).limit == 0.25


def test_an_answer_without_a_limit_is_taken_for_as_long_as_the_longest_so_far() -> None:
    budget = Budget(10.0)
    first = budget.hold("m", {"messages": []}, dollars)
    budget.settle("m", first, 0.05, Usage(input_tokens=1, output_tokens=5000))
    assert budget.hold("m", {"messages": []}, dollars) > 4 * first


@pytest.mark.parametrize(("characters", "tokens"), [(299, 100), (300, 101), (302, 101), (303, 102)])
def test_three_characters_of_a_request_are_held_as_one_token(characters: int, tokens: int) -> None:
    body = {"text": "x" * (characters - len('{"text": ""}'))}
    assert Budget(10_000).hold("m", body, lambda usage: usage.input_tokens) == tokens
