import time

import pytest


@pytest.mark.llm_cases("cases.jsonl")
def test_case(llm, case):
    end = time.thread_time() + 0.02
    while time.thread_time() < end:  # what an application does before it asks
        pass
    assert llm(case.input) == case.expected
