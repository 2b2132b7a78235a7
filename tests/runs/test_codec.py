"""A case's result read from a file that somebody has changed."""

from __future__ import annotations

import pytest

from pytest_llmeval.runs.codec import result_from_json, result_to_json
from pytest_llmeval.runs.results import CaseKey, CaseResult, SampleResult

RESULT = CaseResult(
    key=CaseKey("test_shop.py::test_row", "c1"),
    model="production",
    samples=(SampleResult(index=0, outcome="pass"),),
    file="test_shop.py",
)


@pytest.mark.parametrize("field", ["test", "file"])
@pytest.mark.parametrize("value", ["test_\0shop.py", "test_\ud800.py", 7, None])
def test_a_name_that_no_file_can_have_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{field}.*the path of a file"):
        result_from_json(result_to_json(RESULT) | {field: value})


@pytest.mark.parametrize("value", ["tests/тест.py", "test_\udc80.py", "x" * 5000, "a\nb.py", ""])
def test_any_other_name_may_stand_there(value: str) -> None:
    assert result_from_json(result_to_json(RESULT) | {"file": value}).file == value


SCORE = {"name": "assert_tone", "score_value": 0.5, "score_label": "fail", "explanation": "rude", "category": "tone"}


@pytest.mark.parametrize("field", ["name", "category"])
@pytest.mark.parametrize("value", [{}, ["tone"], 7, None])
def test_a_score_has_a_name_and_a_category_that_are_text(field: str, value: object) -> None:
    sample = result_to_json(RESULT)["samples"][0]
    result = result_to_json(RESULT) | {"samples": [sample | {"evaluations": [SCORE | {field: value}]}]}
    with pytest.raises(ValueError, match=f"{field}.*not text"):
        result_from_json(result)
