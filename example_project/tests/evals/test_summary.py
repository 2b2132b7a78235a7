"""Summaries for the colleague who takes over say what a person's summary says, in at most 30 words."""

import pytest
from pytest_llmeval import assert_case, assert_finish, assert_similar, assert_words

from helpdesk.prompts import summary_prompt


@pytest.mark.llm_cases("summary.jsonl")
def test_summary(llm, case):
    reply = llm(summary_prompt(case.input))
    assert_finish(reply)
    assert_words(reply, at_most=30)
    assert_similar(reply, case.expected, at_least=0.7, method="token_set")
    if case.checks:
        assert_case(reply, case)
