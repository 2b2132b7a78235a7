"""Which shard a case is in."""

from __future__ import annotations

from collections import Counter
from itertools import product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.reply import Answer, Measures
from pytest_llmeval.runs.cutting import seconds_of, shard_by_hash, shards_by_time
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, SampleResult

KEYS = st.builds(CaseKey, st.text(), st.text())
SECONDS = st.dictionaries(KEYS, st.floats(0.001, 100.0), max_size=40)
SHARDS = st.integers(1, 9)


def result(case: str, *latencies: float, wording: str = "") -> CaseResult:
    calls = tuple(
        Call(
            provider="openai",
            request_model="m",
            words_digest="",
            answer=Answer(text="yes"),
            measures=Measures(latency=latency, ttft=None, cost=None, attempts=1, source="live"),
        )
        for latency in latencies
    )
    sample = SampleResult(index=0, outcome="pass", calls=calls)
    return CaseResult(key=CaseKey("test_a.py::test_a", case), model="m", samples=(sample,), wording=wording)


@given(KEYS, SHARDS)
def test_a_hash_gives_each_case_one_of_the_shards(case: CaseKey, of: int) -> None:
    assert 1 <= shard_by_hash(case, of) <= of
    assert shard_by_hash(case, 1) == 1


def test_a_hash_is_the_same_in_every_process_and_version() -> None:
    """Of machines that are joined none may have other shards; these are written down."""
    cases = [CaseKey("tests/test_a.py::test_a", name) for name in ("", "one", "zwölf", "\udce9", "a+typos")]
    assert [shard_by_hash(case, 4) for case in cases] == [1, 4, 2, 4, 4]


def test_a_hash_deals_about_evenly() -> None:
    counts = Counter(shard_by_hash(CaseKey("test_a.py::test_a", f"c{number}"), 4) for number in range(4000))
    assert set(counts) == {1, 2, 3, 4}
    assert max(counts.values()) < 1100


@given(SECONDS, SHARDS, st.randoms())
def test_every_case_is_in_exactly_one_shard_whatever_the_order(
    seconds: dict[CaseKey, float], of: int, random: Random
) -> None:
    shards = shards_by_time(seconds, of)
    assert shards.keys() == seconds.keys()
    assert set(shards.values()) <= set(range(1, of + 1))
    pairs = list(seconds.items())
    random.shuffle(pairs)
    assert shards_by_time(dict(pairs), of) == shards


def loads(shards: dict[CaseKey, int], seconds: dict[CaseKey, float], of: int) -> list[float]:
    """What each shard has to do."""
    return [sum(seconds[case] for case, shard in shards.items() if shard == number) for number in range(1, of + 1)]


@given(SECONDS.filter(bool), SHARDS)
def test_shards_take_about_the_same_time(seconds: dict[CaseKey, float], of: int) -> None:
    """The fullest was the emptiest before its last case came."""
    found = loads(shards_by_time(seconds, of), seconds, of)
    assert max(found) - min(found) <= max(seconds.values()) + 1e-6
    assert sum(found) == pytest.approx(sum(seconds.values()))


@given(st.lists(st.floats(0.001, 100.0), min_size=1, max_size=6), st.integers(1, 3))
def test_no_cut_is_better_by_more_than_a_third(taken: list[float], of: int) -> None:
    """The bound of Graham (1969) for the longest first; the best cut is found by trying all."""
    seconds = {CaseKey("test_a.py::test_a", str(place)): each for place, each in enumerate(taken)}
    cuts = product(range(1, of + 1), repeat=len(taken))
    best = min(max(loads(dict(zip(seconds, cut, strict=True)), seconds, of)) for cut in cuts)
    assert max(loads(shards_by_time(seconds, of), seconds, of)) <= (4 / 3 - 1 / (3 * of)) * best + 1e-6


def test_the_longest_goes_first_to_the_shard_with_the_least_to_do() -> None:
    names = {"a": 5.0, "b": 4.0, "c": 3.0, "d": 3.0, "e": 3.0}
    seconds = {CaseKey("test_a.py::test_a", name): taken for name, taken in names.items()}
    assert {key.case: number for key, number in shards_by_time(seconds, 2).items()} == {
        "a": 1,
        "b": 2,
        "c": 2,
        "d": 1,
        "e": 2,
    }


def test_all_wordings_of_a_row_count_together_and_what_tells_no_latency_is_left_out() -> None:
    results = [
        result("a", 1.0, 0.5),
        result("a+2", 0.25, wording="2"),
        result("a+typos", 0.25, wording="typos"),
        result("b+c", 3.0),  # a name of its own, and no wording
        result("mute"),
        result("zero", 0.0),
    ]
    found = {key.case: seconds for key, seconds in seconds_of(results).items()}
    assert found == {"a": pytest.approx(2.0), "b+c": 3.0}
