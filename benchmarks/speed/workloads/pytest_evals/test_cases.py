import json
import os
from pathlib import Path

import pytest

CASES = [json.loads(line) for line in Path(__file__).with_name("cases.jsonl").read_text().splitlines()]
SAMPLES = int(os.environ["SAMPLES"])
REPLIES = {case["input"]: case["expected"] for case in CASES} if os.environ.get("FROM_DICT") else None


@pytest.fixture(scope="session")
def ask():
    if REPLIES is not None:
        yield REPLIES.__getitem__
        return
    from openai import OpenAI

    with OpenAI() as client:

        def ask(prompt):
            messages = [{"role": "user", "content": prompt}]
            return client.chat.completions.create(model="mock-1", messages=messages).choices[0].message.content

        yield ask


@pytest.mark.eval(name="cases")
@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_case(ask, case, eval_bag):
    eval_bag.right = 0
    for _ in range(SAMPLES):
        eval_bag.answer = ask(case["input"])
        eval_bag.right += eval_bag.answer == case["expected"]
        assert eval_bag.answer == case["expected"]


@pytest.mark.eval_analysis(name="cases")
def test_analysis(eval_results):
    assert sum(result.result.right for result in eval_results) == len(CASES) * SAMPLES
