"""A sample of a log: what is drawn, and that it stays when the log is in another order or grows."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_llmeval.datasets.foreign.imported import Given
from pytest_llmeval.datasets.foreign.prepared.sampling import Wanted, _shares, sampled
from pytest_llmeval.errors import ConfigError


def rows(*tasks: str, start: int = 0, **more: Any) -> list[Given]:
    return [
        Given(f"log:{n}", {"id": f"r{n}", "input": f"{task}: {n * 7919} boats?", "task": task, **more}, ())
        for n, task in enumerate(tasks, start=start)
    ]


def ids(drawn: list[Given]) -> list[str]:
    return [one.row["id"] for one in drawn]


LOG = rows(*["ship"] * 60, *["pay"] * 30, *["return"] * 10)


def test_each_stratum_has_its_share_and_the_output_says_so() -> None:
    drawn, said = sampled(LOG, Wanted(20))
    assert Counter(one.row["task"] for one in drawn) == {"ship": 12, "pay": 6, "return": 2}
    assert said == [
        "a sample with the seed 0: 20 of 100 different rows",
        '  by task: "pay" 6 of 30, "return" 2 of 10, "ship" 12 of 60',
    ]


@given(st.randoms(use_true_random=False), st.integers(0, 3), st.sampled_from([None, "task", "metadata.day"]))
def test_the_order_of_the_file_does_not_matter(order: random.Random, seed: int, by: str | None) -> None:
    log = [one._replace(row={**one.row, "metadata": {"day": n % 3}}) for n, one in enumerate(LOG)]
    other = list(log)
    order.shuffle(other)
    assert sampled(log, Wanted(15, seed, by)) == sampled(other, Wanted(15, seed, by))


def test_another_seed_draws_others() -> None:
    first, other = (ids(sampled(LOG, Wanted(20, seed))[0]) for seed in (0, 1))
    assert len({*first} & {*other}) < 12


def test_a_log_that_grows_gives_most_of_the_same_rows() -> None:
    before, _ = sampled(LOG, Wanted(40))
    after, _ = sampled([*LOG, *rows(*["ship", "pay"] * 5, start=100)], Wanted(40))
    assert len({*ids(before)} & {*ids(after)}) >= 33  # a tenth more rows: 4 are expected to leave


def test_repeats_count_once_and_the_same_one_is_kept_in_any_order() -> None:
    same = [
        Given(f"log:{n}", {"id": f"s{n}", "input": f"Do you {' ' * n}SHIP?", "metadata": {"n": n}}, ())
        for n in range(4)
    ]
    other = Given("log:9", {"id": "x", "input": "Do you ship?", "expected": "yes"}, ())
    drawn, said = sampled([*same, other], Wanted(5))
    assert len(drawn) == 2
    assert (
        said[0] == "a sample with the seed 0: 2 of 2 different rows; 3 of 5 ask again what another asks, and count once"
    )
    assert sampled([other, *reversed(same)], Wanted(5))[0] == drawn


def test_inputs_that_are_nearly_the_same_are_counted() -> None:
    alike = [
        Given("log", {"id": str(n), "input": f"How long can I wait until I send back {a} pan?"}, ())
        for n, a in enumerate("ax")
    ]
    _, said = sampled(alike, Wanted(2))
    assert said[-1] == "  1 pair of inputs in the sample ask nearly the same; llmeval check lists them"


@pytest.mark.parametrize(
    ("more", "by"),
    [
        ({"tags": ["b", "a"], "metadata": {"recorded": {"model": "m"}}}, "task"),
        ({"task": None, "tags": ["a"], "metadata": {"recorded": {"model": "m"}}}, None),
    ],
)
def test_without_a_field_the_first_that_tells_rows_apart_is_taken(more: dict[str, Any], by: str | None) -> None:
    log = [one._replace(row={**one.row, **more}) for one in LOG]
    _, said = sampled(log, Wanted(10))
    assert said[1].startswith(f"  by {by}: " if by else "  of all rows alike: task, tags, model do not")


def test_rows_are_drawn_by_models_where_only_they_differ() -> None:
    log = [
        Given("log", {"id": str(n), "input": f"{n * 7919}?", "metadata": {"recorded": {"model": f"m{n % 2}"}}}, ())
        for n in range(8)
    ]
    assert sampled(log, Wanted(4))[1][1] == '  by model: "m0" 2 of 4, "m1" 2 of 4'
    assert sampled(log, Wanted(4, by="recorded.model"))[1][1] == '  by recorded.model: "m0" 2 of 4, "m1" 2 of 4'


@pytest.mark.parametrize(
    ("by", "why"),
    [
        ("tsk", r'--by tsk: no row has that; did you mean "task"\? \(there are "id", "task"\)'),
        ("id", "--by id has 100 values, more than --sample 20; name a field with fewer"),
    ],
)
def test_a_field_that_does_not_do_is_told(by: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        sampled(LOG, Wanted(20, by=by))


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=8).flatmap(
        lambda sizes: st.tuples(st.just(sizes), st.integers(len(sizes), 400))
    )
)
@example(([1, 1, 1, 97], 4))
@example(([97, 1, 1, 1], 5))
def test_shares_add_up_take_one_of_each_at_least_and_never_more_than_there_are(case: tuple[list[int], int]) -> None:
    sizes, wanted = case
    shares = _shares(sizes, wanted)
    assert sum(shares) == min(wanted, sum(sizes))
    assert all(1 <= share <= size for share, size in zip(shares, sizes, strict=True))
    if wanted < sum(sizes) and all(wanted * size >= sum(sizes) for size in sizes):
        exact = [wanted * size / sum(sizes) for size in sizes]
        assert all(abs(share - part) < 1 for share, part in zip(shares, exact, strict=True))
