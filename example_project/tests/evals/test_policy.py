"""Answers to policy questions hold what the policy says, and nothing it does not say."""

import pytest
from pytest_llmeval import assert_case, assert_finish, assert_grounded, assert_not_refusal

from helpdesk.prompts import policy_prompt


@pytest.mark.llm_cases("policy.jsonl")
def test_policy(llm, case):
    reply = llm(policy_prompt(case.input, case.context))
    assert_not_refusal(reply)
    assert_finish(reply)
    assert_grounded(reply, case.context, allow=case.input)  # an invented amount or deadline is a promise we must keep
    assert_case(reply, case)
