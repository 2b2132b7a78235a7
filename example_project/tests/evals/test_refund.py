"""The proposed refund is the right amount to the cent."""

import pytest
from pytest_llmeval import assert_number

from helpdesk.prompts import refund_prompt


@pytest.mark.llm_cases("refund.jsonl")
def test_refund_amount(llm, case):
    assert_number(llm(refund_prompt(case.input)), case.expected, abs=0.001)
