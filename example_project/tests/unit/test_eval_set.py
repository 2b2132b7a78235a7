"""The eval set is code too: its passages must be those the product uses today."""

import json
from pathlib import Path

from helpdesk.policies import POLICIES, passages

EVALS = Path(__file__).parents[1] / "evals"


def test_passages_of_policy_cases_are_our_policies():
    rows = [json.loads(line) for line in (EVALS / "policy.jsonl").read_text(encoding="utf-8").splitlines()]
    outdated = [row["id"] for row in rows if tuple(row["context"]) != passages(row["metadata"]["topics"])]
    assert outdated == []


def test_every_policy_is_asked_about():
    rows = [json.loads(line) for line in (EVALS / "policy.jsonl").read_text(encoding="utf-8").splitlines()]
    assert set(POLICIES) - {topic for row in rows for topic in row["metadata"]["topics"]} == set()
