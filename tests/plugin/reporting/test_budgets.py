"""Budgets for measured figures, as a user meets them."""

from __future__ import annotations

import json

from tests.server import Server, completion
from tests.sessions import CONFIGURATION, Session, told

SUITE = """
import pytest

@pytest.mark.llm_cases("cases.jsonl")
def test_row(llm, case):
    assert llm(case.input) == "Oslo"
"""
MODELS = ("--llm-model=candidate", "--llm-baseline=production")
GATE = '\n[tool.llmeval.gate]\ncost_per_resolved = "+10%"\n'


def prepare(session: Session, server: Server, configuration: str, *, cases: int = 20) -> None:
    server.answer = lambda _: completion("Oslo")
    session.configure((configuration + GATE).format(base_url=server.base_url))
    rows = [{"id": f"city-{number}", "input": f"Which city is number {number}?"} for number in range(cases)]
    (session.path / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    session.write(SUITE)


def candidate(prices: str) -> str:
    """The configuration with other prices of the candidate, which comes last."""
    before, _, _ = CONFIGURATION.rpartition("prices = ")
    return before + prices


def test_a_dearer_model_fails_the_gate(session: Session, server: Server) -> None:
    prepare(session, server, candidate("prices = {{ input = 2.0, output = 20.0 }}\n"))
    result = session.run(*MODELS)
    assert result.ret == 1
    assert told(result, "GATE FAILED: cost_per_resolved rose from * to * (allowed +10%)")


def test_a_model_that_costs_the_same_passes(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server, CONFIGURATION)
    assert plain_session.run(*MODELS).ret == 0


def test_a_model_without_a_price_could_not_be_measured(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server, candidate(""))
    result = plain_session.run(*MODELS)
    assert result.ret == 1
    assert told(
        result,
        "GATE FAILED: could not be measured: cost_per_resolved is not known: a price of candidate is missing",
    )


def test_a_saved_baseline_is_shown_and_judged_by_no_budget(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server, candidate("prices = {{ input = 2.0, output = 20.0 }}\n"), cases=3)
    plain_session.run("--llm-model=production", "--llm-baseline=none", "--llm-report=old.jsonl")
    result = plain_session.run("--llm-model=candidate", "--llm-baseline=old.jsonl")
    assert result.ret == 0
    assert told(
        result, "cost_per_resolved rose from * (allowed +10%); not gated: it was not measured in the same session"
    )
