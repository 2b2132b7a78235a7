"""Datasets: what holds for any rows, and for any bytes."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmeval.case import Case
from pytest_llmeval.datasets.load import load_cases
from pytest_llmeval.datasets.rewording import question_of
from pytest_llmeval.errors import DatasetError

texts = st.text(st.characters(codec="utf-8"), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
messages = st.lists(st.fixed_dictionaries({"role": texts | st.just("user"), "content": texts}), min_size=1, max_size=3)
rows = st.fixed_dictionaries(
    {"id": st.from_regex(r"[A-Za-z0-9_-]{1,20}(/[A-Za-z0-9_.-]*[a-z])?", fullmatch=True), "input": texts | messages},
    optional={
        "expected": values,
        "context": st.lists(texts, max_size=3),
        "task": texts,
        "tags": st.lists(texts, max_size=3),
        "metadata": st.dictionaries(texts, values, max_size=3),
        "paraphrases": st.lists(texts, max_size=3),
        "samples": st.integers(1, 1000),
    },
)
quick = settings(max_examples=60, deadline=None)


def askable(row: dict[str, Any]) -> dict[str, Any]:
    """The row with those of its paraphrases that can be asked in the place of its input."""
    question = question_of(row["input"])
    kept = dict.fromkeys(text for text in row.get("paraphrases", ()) if text.strip() and text != question)
    return {**row, "paraphrases": list(kept) if question is not None else []}


def as_row(case: Case) -> dict[str, Any]:
    lists = ("context", "tags", "paraphrases")
    names = ("id", "input", "expected", *lists, "task", "metadata", "samples")
    row = {name: getattr(case, name) for name in names}
    return {name: list(value) if name in lists else value for name, value in row.items()}


@quick
@given(st.lists(rows.map(askable), min_size=1, max_size=4, unique_by=lambda row: str(row["id"])), st.booleans())
def test_any_rows_come_back_as_they_were_written(
    tmp_path: Path, written: list[dict[str, Any]], only_ascii: bool
) -> None:
    content = "\n".join(json.dumps(row, ensure_ascii=only_ascii) for row in written)
    path = tmp_path / "tickets.jsonl"
    path.write_text(content, encoding="utf-8", newline="")
    empty: dict[str, Any] = {"expected": None, "task": None, "samples": None, "metadata": {}}
    lists: dict[str, Any] = {"context": [], "tags": [], "paraphrases": []}
    assert [{**empty, **lists, **row} for row in written] == [as_row(case) for case in load_cases(path, path.name)]


fragments = st.sampled_from(
    [
        *rb"""{"id":"a","input":"x"} id,input " [ ] { } *a &a ? : --- | , NaN 1e999 ~ > # <<: checks metadata.x 1_0
        cases: - !!python/name:os.system !!str \ud800 "\UFFFFFFFF" %YAML""".split(),
        *(b"\n", b"\r\n", b"\r", b" ", b"\t", b"\x00", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xc2\x85"),
        b"- id: a\n  input: b\n",
    ]
)
garbage = st.binary(max_size=60) | st.lists(fragments, max_size=12).map(b"".join)


def load_or_complain(path: Path) -> list[Case] | DatasetError:
    try:
        return load_cases(path, path.name)
    except DatasetError as error:
        return error


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".yaml", ".yaml in pure Python"])
@settings(quick, max_examples=100)
@given(content=garbage)
def test_garbage_is_a_dataset_or_a_dataset_error(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / ("garbage" + suffix.split(maxsplit=1)[0])
    path.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        if "pure" in suffix:
            patch.delattr(yaml, "CSafeLoader", raising=False)
        result = load_or_complain(path)
    if isinstance(result, DatasetError):
        assert result.problems
        assert str(result).replace("\n", "").isprintable()
    else:
        assert result
        assert all(case.id and case.line for case in result)
