"""The adaptive limit is a pure state machine."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.engine.limits import AdaptiveLimit


def grown(limit: AdaptiveLimit, to: int, now: float = 0.0) -> AdaptiveLimit:
    while limit.limit < to:
        limit.succeeded(now, limit.limit)
    return limit


def test_it_starts_at_four() -> None:
    assert AdaptiveLimit(32).limit == 4


def test_it_doubles_with_each_clean_round() -> None:
    limit = AdaptiveLimit(100)
    sizes = []
    for _ in range(4):
        for _ in range(limit.limit):
            limit.succeeded(0.0, limit.limit)
        sizes.append(limit.limit)
    assert sizes == [8, 16, 32, 64]


def test_an_idle_limit_does_not_grow() -> None:
    limit = AdaptiveLimit(32, start=10)
    for _ in range(100):
        limit.succeeded(0.0, 7)
    assert limit.limit == 10


def test_a_429_cuts_it_by_a_fifth_once_per_cooldown() -> None:
    limit = grown(AdaptiveLimit(100), 50)
    sizes = []
    for now in (0.0, 1.0, 14.9, 15.0, 16.0):
        limit.rate_limited(now)
        sizes.append(limit.limit)
    assert sizes == [40, 40, 40, 32, 32]


def test_successes_during_the_cooldown_do_not_count() -> None:
    limit = grown(AdaptiveLimit(100), 50)
    limit.rate_limited(0.0)
    for _ in range(100):
        limit.succeeded(14.9, 40)
    assert limit.limit == 40


@pytest.mark.parametrize(("asked", "rest"), [(0.05, 0.25), (7.0, 7.0), (120.0, 15.0)])
def test_the_cooldown_is_as_long_as_the_provider_asks_up_to_15_seconds(asked: float, rest: float) -> None:
    limit = grown(AdaptiveLimit(100), 50)
    limit.rate_limited(0.0, asked)
    limit.rate_limited(rest - 0.01, asked)
    within = limit.limit
    limit.rate_limited(rest, asked)
    assert (within, limit.limit) == (40, 32)


@pytest.mark.parametrize(("size", "grows_to"), [(50, 42), (10, 9)])
def test_after_the_first_429_it_grows_by_a_twentieth_or_one_per_round(size: int, grows_to: int) -> None:
    limit = grown(AdaptiveLimit(100, start=1), size)
    limit.rate_limited(0.0)
    for _ in range(limit.limit):
        limit.succeeded(15.0, limit.limit)
    assert limit.limit == grows_to


def test_each_round_without_a_429_grows_faster_until_a_quarter_per_round() -> None:
    limit = grown(AdaptiveLimit(1000, start=1), 125)
    limit.rate_limited(0.0)
    sizes = [limit.limit]
    for _ in range(5):
        for _ in range(limit.limit):
            limit.succeeded(15.0, limit.limit)
        sizes.append(limit.limit)
    assert all(before < after for before, after in pairwise(sizes))
    shares = [after / before for before, after in pairwise(sizes)]
    assert [shares[0], shares[-1]] == pytest.approx([1.05, 1.25], abs=0.05)


def test_an_overloaded_provider_pauses_growth_and_cuts_nothing() -> None:
    limit = AdaptiveLimit(100, start=10)
    limit.overloaded()
    sizes = []
    for _ in range(4):
        limit.succeeded(0.0, 10)
        sizes.append(limit.limit)
    assert sizes == [10, 10, 10, 11]


def test_a_burst_of_timeouts_halves_what_was_in_flight_once() -> None:
    limit = AdaptiveLimit(64, start=64)
    sizes = []
    for now in (10.0, 20.0, 30.0):
        for on_wire in range(min(20, limit.limit), 0, -1):
            limit.timed_out(now, now - 10, on_wire)
        sizes.append(limit.limit)
    assert sizes == [10, 5, 2]


def test_a_request_that_was_alone_and_got_no_answer_cuts_nothing() -> None:
    limit = AdaptiveLimit(64, start=64)
    limit.timed_out(10.0, 0.0, 1)
    assert limit.limit == 64


def test_timeouts_leave_a_quarter_of_what_is_answered() -> None:
    limit = AdaptiveLimit(40, start=40)
    for _ in range(40):
        limit.succeeded(0.0, 40)
    for turn in range(10):
        limit.timed_out(10.0 * turn + 10, 10.0 * turn, limit.limit)
    assert limit.limit == 10


def test_a_provider_that_answers_nothing_for_long_is_not_asked_one_at_a_time() -> None:
    limit = AdaptiveLimit(40, start=40)
    sizes = []
    for turn in range(32):
        limit.timed_out(10.0 * turn + 10, 10.0 * turn, limit.limit)
        sizes.append(limit.limit)
    assert (sizes[:6], sizes[29:]) == ([20, 10, 5, 2, 1, 1], [1, 40, 40])
    limit.succeeded(330.0, 1)
    limit.timed_out(340.0, 330.0, 40)
    assert limit.limit == 20


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["succeeded", "rate_limited", "timed_out", "overloaded"]), st.floats(0, 20), st.integers(0, 200)
    )
)


@given(st.integers(-5, 100), st.integers(-5, 100), _STEPS)
def test_it_stays_between_one_and_the_ceiling_whatever_happens(
    ceiling: int, start: int, steps: list[tuple[str, float, int]]
) -> None:
    limit = AdaptiveLimit(ceiling, start)
    now = 0.0
    for what, passed, in_use in steps:
        now += passed
        before = limit.limit
        if what == "succeeded":
            limit.succeeded(now, in_use)
            assert before <= limit.limit <= before + 1
        elif what == "rate_limited":
            limit.rate_limited(now, float(in_use))
            assert int(before * 0.8) <= limit.limit <= before
        elif what == "timed_out":
            limit.timed_out(now, now - 1.0, in_use)
            assert limit.limit <= max(before, start)
        else:
            limit.overloaded()
            assert limit.limit == before
        assert 1 <= limit.limit <= max(1, ceiling)


@given(st.integers(1, 64), st.floats(0, 1e6))
def test_it_recovers_to_the_ceiling(ceiling: int, now: float) -> None:
    limit = AdaptiveLimit(ceiling)
    limit.rate_limited(now)
    for _ in range(20 * ceiling + 20):
        limit.succeeded(now + 15.1, ceiling)
    assert limit.limit == pytest.approx(ceiling, abs=1)


def test_429s_whatever_we_do_leave_a_quarter_of_what_is_answered() -> None:
    """One request in ten is turned away for what somebody else sends."""
    limit, now, turns = AdaptiveLimit(32, start=32), 0.0, 0
    for _ in range(500):
        now += 1.0
        sent = limit.limit
        for _ in range(sent):
            turns += 1
            if turns % 10:
                limit.succeeded(now, sent)
            else:
                limit.rate_limited(now)
        assert limit.limit >= 7


def test_a_provider_that_takes_two_at_once_is_asked_two_at_once() -> None:
    limit, now = AdaptiveLimit(64, start=64), 0.0
    for _ in range(200):
        now += 20.0
        sent = limit.limit
        for _ in range(max(0, sent - 2)):
            limit.rate_limited(now)
        for _ in range(min(2, sent)):
            limit.succeeded(now, sent)
    assert limit.limit <= 3


def test_requests_that_wait_for_their_next_attempt_are_not_in_flight() -> None:
    limit = AdaptiveLimit(40, start=40)
    for _ in range(40):
        limit.succeeded(0.0, 40, on_wire=4)
    for turn in range(100):
        limit.rate_limited(100.0 * turn)
    assert limit.limit == 1
