"""Cases that repeat each other, against a brute force of all pairs."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz import fuzz

from pytest_llmeval.case import Case
from pytest_llmeval.datasets import health
from pytest_llmeval.datasets.health import NEARLY, NEARLY_BUT_OTHERWISE, alike

WORDS = st.lists(st.sampled_from(["pan", "lid", "pot", "pans", "a", "12", "13", "how"]), min_size=1, max_size=12)


@given(st.lists(st.tuples(WORDS.map(" ".join), st.sampled_from(["x", "y"])), max_size=12))
def test_all_pairs_are_found(rows: list[tuple[str, str]]) -> None:
    cases = [Case(id=str(n), input=text, expected=expected) for n, (text, expected) in enumerate(rows)]
    found = alike(cases)
    first = {case.input: case for case in reversed(cases)}
    wanted = set()
    for one, other in combinations(first.values(), 2):
        same_numbers = re.findall(r"\d+", one.input) == re.findall(r"\d+", other.input)
        least = NEARLY if one.expected == other.expected else NEARLY_BUT_OTHERWISE
        if same_numbers and fuzz.ratio(one.input, other.input) >= 100 * least:
            wanted.add(frozenset((one.id, other.id)))
    assert {frozenset((pair.one.id, pair.other.id)) for pair in found.nearly} == wanted
    assert found.complete
    assert sum(map(len, found.repeated)) == sum(rows.count(row) > 1 for row in rows)
    asked = {text for text, _ in rows}
    assert len(found.contradictory) == sum(len({e for t, e in rows if t == text}) > 1 for text in asked)


def test_what_is_too_much_to_compare_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_MOST_PAIRS", 3)
    assert not alike([Case(id=str(n), input=f"{'pan ' * 9}{chr(97 + n)}") for n in range(9)]).complete
