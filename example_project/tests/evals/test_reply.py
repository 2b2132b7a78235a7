"""Drafted replies are kind. A draft differs each time it is asked for, so each case is asked for three."""

import pytest
from pytest_llmeval import assert_case, assert_contains, assert_not_contains, assert_words

from helpdesk.prompts import reply_prompt
from helpdesk.replies import BANNED


@pytest.mark.llm_cases("reply.jsonl")
@pytest.mark.llm_samples(3, min_pass_rate=0.66)
def test_reply(llm, case):
    reply = llm(reply_prompt(case.input))
    assert_words(reply, at_most=70)
    assert_contains(reply, case.metadata["name"])
    assert_not_contains(reply, BANNED, ignore_case=True, category="tone")
    if case.checks:
        assert_case(reply, case)
