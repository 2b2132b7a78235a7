"""A suite of rows for the tests of shards, and a model that is wrong in some of them."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.server import Request, completion

SUITE = """
import pytest

@pytest.mark.llm_cases("rows.jsonl")
def test_row(llm, case):
    assert llm(case.input) == "Oslo"
"""


def wrong_in(*numbers: int, model: str = "cand-2") -> Callable[[Request], object]:
    """An answer that is wrong for one model in these rows."""

    def answer(request: Request) -> object:
        found = re.search(r"question (\d+)\.", request.json["messages"][-1]["content"])
        wrong = request.json["model"] == model and found is not None and int(found[1]) in numbers
        return completion("Rome" if wrong else "Oslo")

    return answer
