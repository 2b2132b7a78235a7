"""Tickets go to the right team: 93 tickets whose team, urgency, language and order number people have agreed on."""

import pytest
from pytest_llmeval import assert_equal, assert_finish, assert_not_refusal, assert_schema, category

from helpdesk.prompts import triage_prompt
from helpdesk.triage import TRIAGE_SCHEMA, parse_triage


@pytest.mark.llm_cases("triage.jsonl")
def test_triage(llm, case):
    reply = llm(triage_prompt(case.input))
    assert_not_refusal(reply)
    assert_finish(reply)
    assert_schema(reply, TRIAGE_SCHEMA)
    triage = parse_triage(reply)
    with category("wrong_team"):
        assert_equal(triage.team, case.expected["team"])
    assert_equal(triage.urgency, case.expected["urgency"])
    assert_equal(triage.language, case.expected["language"])
    assert triage.order == case.expected["order"]
