import json
from pathlib import Path

import pytest

CASES = [json.loads(line) for line in Path(__file__).with_name("cases.jsonl").read_text().splitlines()]
REPLIES = {case["input"]: case["expected"] for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_case(case):
    assert REPLIES[case["input"]] == case["expected"]
