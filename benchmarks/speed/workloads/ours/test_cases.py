import pytest


@pytest.mark.llm_cases("cases.jsonl")
def test_case(llm, case):
    assert llm(case.input) == case.expected
