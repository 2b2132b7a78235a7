import json
import os
from pathlib import Path

import pytest
from deepeval import assert_test
from deepeval.metrics import ExactMatchMetric
from deepeval.test_case import LLMTestCase
from openai import OpenAI

CASES = [json.loads(line) for line in Path(__file__).with_name("cases.jsonl").read_text().splitlines()]
SAMPLES = int(os.environ["SAMPLES"])


@pytest.fixture(scope="session")
def client():
    with OpenAI() as client:
        yield client


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_case(client, case):
    for _ in range(SAMPLES):
        messages = [{"role": "user", "content": case["input"]}]
        completion = client.chat.completions.create(model="mock-1", messages=messages)
        assert_test(
            LLMTestCase(
                input=case["input"],
                actual_output=completion.choices[0].message.content,
                expected_output=case["expected"],
            ),
            [ExactMatchMetric()],
        )
