"""What labels say: against statsmodels, the literature and brute force, and how often the intervals hold the truth."""

import importlib
import itertools
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats import contingency_tables, inter_rater
from statsmodels.stats.proportion import proportion_confint

from pytest_llmeval.stats import labels
from pytest_llmeval.stats.intervals import tango, wilson
from pytest_llmeval.stats.labels import Estimate, LabelledPairs, LabelledPart

Z = 1.959963984540054


@st.composite
def _parts(draw: st.DrawFn, fewest: int = 20) -> LabelledPart:
    labelled = draw(st.integers(fewest, 80))
    return LabelledPart(labelled + draw(st.integers(0, 500)), labelled, draw(st.integers(0, labelled)))


PARTS = _parts()


def _share(part: LabelledPart) -> tuple[float, float, float]:
    low, high = proportion_confint(part.bad, part.labelled, method="wilson")
    return part.bad / part.labelled, low, high


def _measured(flagged: LabelledPart, passed: LabelledPart) -> labels.LabelledCheck:
    found = labels.labelled_check(flagged, passed)
    assert found is not None
    return found


def _rate(flagged: LabelledPart, passed: LabelledPart) -> Estimate:
    rate = _measured(flagged, passed).rate
    assert rate is not None
    return rate


def test_labels_correct_the_rate_that_the_check_claims() -> None:
    found = _measured(LabelledPart(108, 50, 35), LabelledPart(892, 50, 1))
    assert found.sentence("hallucination") == "hallucination 9.3 % [6, 18] by 100 labels; the check alone says 10.8 %"
    assert found.precision == pytest.approx(_share(found.flagged))
    assert found.recall is not None
    assert found.recall.value == pytest.approx(0.108 * 0.7 / 0.09344)


def test_the_interval_adds_the_squared_distances() -> None:
    flagged, passed = LabelledPart(108, 50, 35), LabelledPart(892, 50, 1)
    (p, p_low, p_high), (q, q_low, q_high) = _share(flagged), _share(passed)
    w_low, w_high = proportion_confint(108, 1000, method="wilson")
    low = math.sqrt((0.108 * (p - p_low)) ** 2 + (0.892 * (q - q_low)) ** 2 + ((p - q) * (0.108 - w_low)) ** 2)
    high = math.sqrt((0.108 * (p_high - p)) ** 2 + (0.892 * (q_high - q)) ** 2 + ((p - q) * (w_high - 0.108)) ** 2)
    assert _rate(flagged, passed) == pytest.approx((0.09344, 0.09344 - low, 0.09344 + high))


def test_a_check_that_flags_good_answers_has_the_share_move_the_other_way() -> None:
    flagged, passed = LabelledPart(200, 40, 4), LabelledPart(800, 40, 20)
    (p, _, p_high), (q, _, q_high) = _share(flagged), _share(passed)
    w_low, _ = proportion_confint(200, 1000, method="wilson")
    high = math.sqrt((0.2 * (p_high - p)) ** 2 + (0.8 * (q_high - q)) ** 2 + ((q - p) * (0.2 - w_low)) ** 2)
    assert _rate(flagged, passed).high == pytest.approx(0.42 + high)


@given(PARTS, PARTS)
@settings(deadline=None)
def test_every_figure_lies_in_its_interval(flagged: LabelledPart, passed: LabelledPart) -> None:
    found = _measured(flagged, passed)
    assert (found.recall is None) == (flagged.bad + passed.bad == 0)
    for estimate in (found.precision, found.recall, found.rate):
        if estimate is not None:
            assert 0 <= estimate.low <= estimate.value + 1e-12
            assert estimate.value - 1e-12 <= estimate.high <= 1


@given(PARTS, PARTS)
@settings(deadline=None)
def test_the_rate_of_good_answers_mirrors_that_of_bad_ones(flagged: LabelledPart, passed: LabelledPart) -> None:
    value, low, high = _rate(flagged, passed)
    good = [part._replace(bad=part.labelled - part.bad) for part in (flagged, passed)]
    assert _rate(*good) == pytest.approx((1 - value, 1 - high, 1 - low), abs=1e-9)
    assert _rate(passed, flagged) == pytest.approx((value, low, high), abs=1e-9)


@given(st.integers(20, 300), st.integers(20, 300), st.data())
@settings(deadline=None)
def test_with_every_answer_labelled_the_rate_is_a_plain_share(flags: int, passes: int, data: st.DataObject) -> None:
    bad = data.draw(st.integers(0, flags)), data.draw(st.integers(0, passes))
    value, low, high = _rate(LabelledPart(flags, flags, bad[0]), LabelledPart(passes, passes, bad[1]))
    plain = wilson(sum(bad), flags + passes)
    assert value == pytest.approx(sum(bad) / (flags + passes))
    assert 0.94 * (plain.high - plain.low) < high - low < 1.5 * (plain.high - plain.low)


@given(PARTS.filter(lambda part: part.bad > 0), PARTS.filter(lambda part: part.bad > 0))
@settings(deadline=None, max_examples=50)
def test_in_a_large_run_recall_is_by_the_ratio_of_two_shares(flagged: LabelledPart, passed: LabelledPart) -> None:
    """In closed form (Donner and Zou 2012, for a ratio), where the share of flagged answers is as good as known."""
    flagged, passed = flagged._replace(answers=10**12), passed._replace(answers=9 * 10**12)
    (p, p_low, p_high), (q, q_low, q_high) = _share(flagged), _share(passed)

    def bound(up: float, down: float, side: int) -> float:
        root = math.sqrt((p * q) ** 2 - up * down * (2 * p - up) * (2 * q - down))
        ratio = (p * q + side * root) / (down * (2 * q - down))
        return ratio / (ratio + 9)

    recall = _measured(flagged, passed).recall
    assert recall is not None
    assert recall.value == pytest.approx(p / (p + 9 * q))
    assert recall.low == pytest.approx(bound(p_low, q_high, -1), abs=1e-5)
    assert recall.high == pytest.approx(bound(p_high, q_low, 1), abs=1e-5)


def test_recall_counts_that_another_run_flags_another_share() -> None:
    flagged, passed = LabelledPart(24, 20, 10), LabelledPart(176, 100, 10)
    recall, wide = (
        _measured(flagged._replace(answers=n), passed._replace(answers=m)).recall
        for n, m in ((24_000_000, 176_000_000), (24, 176))
    )
    assert recall is not None
    assert wide is not None
    assert wide.value == pytest.approx(recall.value)
    assert wide.low < recall.low - 0.01
    assert wide.high > recall.high + 0.01


def test_a_check_without_a_mistake_is_not_called_perfect() -> None:
    found = _measured(LabelledPart(50, 20, 20), LabelledPart(950, 30, 0))
    assert found.precision == pytest.approx((1, 20 / (20 + Z * Z), 1))
    assert found.recall is not None
    assert found.recall[::2] == (1, 1)
    assert found.recall.low < 0.6


@pytest.mark.parametrize(
    ("flagged", "passed", "sentence"),
    [
        (
            LabelledPart(108, 19, 12),
            LabelledPart(892, 50, 1),
            "wrong: too few labels, it takes 1 more for flagged answers; the check alone says 10.8 %",
        ),
        (
            LabelledPart(108, 50, 35),
            LabelledPart(892, 0, 0),
            "wrong: too few labels, it takes 20 more for passing answers; the check alone says 10.8 %",
        ),
        (
            LabelledPart(5, 3, 1),
            LabelledPart(95, 8, 1),
            (
                "wrong: too few labels, it takes 2 more for flagged answers and 12 more for passing answers; the check "
                "alone says 5.0 %"
            ),
        ),
    ],
)
def test_too_few_labels_say_nothing(flagged: LabelledPart, passed: LabelledPart, sentence: str) -> None:
    found = _measured(flagged, passed)
    assert (found.recall, found.rate) == (None, None)
    assert (found.precision is None) == (flagged.missing > 0)
    assert found.sentence("wrong") == sentence


def test_a_small_part_that_people_labelled_wholly_is_enough() -> None:
    found = _measured(LabelledPart(3, 3, 2), LabelledPart(297, 60, 0))
    assert found.precision == pytest.approx(_share(found.flagged))
    assert found.rate is not None
    assert found.rate.value == pytest.approx(2 / 300)
    assert found.rate.high > wilson(0, 60).high  # what flagged answers there are comes on top


def test_a_check_that_flags_nothing_may_miss_what_people_find() -> None:
    found = _measured(LabelledPart(0, 0, 0), LabelledPart(300, 100, 15))
    assert found.sentence("wrong") == "wrong 15.0 % [9, 24] by 100 labels; the check alone says 0.0 %"
    assert found.precision is None
    assert found.recall is not None
    assert found.recall[:2] == (0, 0)
    assert 0.05 < found.recall.high < 0.2  # it could have flagged 1.3 % of other answers, and rightly
    low, high = wilson(15, 100)
    flagged = wilson(0, 300).high
    rate = _rate(found.flagged, found.passed)  # nobody knows what the flagged answers of another run are: good or bad
    assert rate.low == pytest.approx(0.15 - math.hypot(0.15 - low, 0.15 * flagged))
    assert rate.high == pytest.approx(0.15 + math.hypot(high - 0.15, 0.85 * flagged))
    everything = _measured(LabelledPart(300, 100, 15), LabelledPart(0, 0, 0))
    assert everything.recall is not None
    assert everything.recall.value == everything.recall.high == 1
    assert everything.recall.low < 0.95


def test_many_labels_are_told_with_a_decimal_and_rounded_outwards() -> None:
    found = _measured(LabelledPart(1000, 400, 300), LabelledPart(9000, 400, 2))
    assert found.rate == pytest.approx((0.0795, 0.07251, 0.09269), abs=1e-5)
    assert found.sentence("wrong") == "wrong 8.0 % [7.2, 9.3] by 800 labels; the check alone says 10.0 %"


def test_without_an_answer_there_is_nothing_to_measure() -> None:
    assert labels.labelled_check(LabelledPart(0, 0, 0), LabelledPart(0, 0, 0)) is None


@pytest.mark.parametrize("part", [LabelledPart(30, 31, 0), LabelledPart(30, 20, 21), LabelledPart(30, 20, -1)])
def test_impossible_labels_are_refused(part: LabelledPart) -> None:
    for parts in ((part, LabelledPart(30, 20, 1)), (LabelledPart(30, 20, 1), part)):
        with pytest.raises(ValueError, match=f"{part.bad} bad of {part.labelled} labelled of {part.answers} answers"):
            labels.labelled_check(*parts)


REVIEWS = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd")), min_size=1, max_size=40)


def _table(reviews: list[tuple[str, str]]) -> Any:
    names = sorted({name for pair in reviews for name in pair})
    counts = Counter(reviews)
    return np.array([[counts[one, other] for other in names] for one in names], dtype=float)


@given(REVIEWS)
@settings(deadline=None)
def test_kappa_of_two_equals_statsmodels(reviews: list[tuple[str, str]]) -> None:
    found = labels.kappa(reviews)
    table = _table(reviews)
    if len(table) == 1:
        assert found is None
        return
    assert found is not None
    with np.errstate(invalid="ignore", divide="ignore"):  # of figures that are not looked at here
        plain, half = (inter_rater.cohens_kappa(each) for each in (table, table + 2 / table.size))
    assert found.value == pytest.approx(float(plain.kappa), abs=1e-9)
    assert found.low == pytest.approx(max(-1, half.kappa - Z * half.std_kappa), abs=1e-7)
    assert found.high == pytest.approx(min(1, half.kappa + Z * half.std_kappa), abs=1e-7)


@given(REVIEWS.filter(lambda reviews: len({name for pair in reviews for name in pair}) > 1), st.permutations("abcd"))
@settings(deadline=None)
def test_kappa_does_not_depend_on_who_is_who(reviews: list[tuple[str, str]], names: list[str]) -> None:
    found = labels.kappa(reviews)
    assert found is not None
    assert -1 <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= 1
    assert (found.agreed, found.answers) == (sum(one == other for one, other in reviews), len(reviews))
    renamed = dict(zip("abcd", names, strict=True))
    for other_reviews in (
        [(other, one) for one, other in reviews],
        [(renamed[one], renamed[other]) for one, other in reversed(reviews)],
    ):
        assert labels.kappa(other_reviews) == pytest.approx(found, abs=1e-9)


@pytest.mark.parametrize(
    ("table", "kappa", "error"),
    [
        (((31, 12), (4, 58)), 0.6757, 0.0734),  # the example of ci.kappa in R's statpsych (Bonett)
        (((25, 3, 5), (6, 32, 8), (1, 0, 20)), 0.654, 0.062),  # the example of Kappa.exe (Bonnardel)
    ],
)
def test_kappa_is_that_of_published_examples(table: tuple[tuple[int, ...], ...], kappa: float, error: float) -> None:
    """Their intervals add no answers, which moves the ends by up to 0.02 of a hundred answers."""
    counts = {(one, other): count for one, row in enumerate(table) for other, count in enumerate(row)}
    found = labels.kappa(list(Counter(counts).elements()))
    assert found is not None
    assert found.value == pytest.approx(kappa, abs=5e-4)
    assert found.low == pytest.approx(kappa - Z * error, abs=0.02)
    assert found.high == pytest.approx(kappa + Z * error, abs=0.02)


def test_full_agreement_on_a_few_answers_is_not_certain() -> None:
    found = labels.kappa([("good", "good")] * 5 + [("bad", "bad")] * 5)
    assert found is not None
    assert found.value == found.high == 1
    assert found.low < 0.6


def test_one_label_for_all_leaves_kappa_undefined() -> None:
    assert labels.kappa([]) is None
    assert labels.kappa([("good", "good")] * 30) is None
    found = labels.kappa([("good", "good")] * 29 + [("good", "bad")])
    assert found is not None
    assert found.value == pytest.approx(0, abs=1e-12)


def test_a_difference_is_the_share_that_differs_times_the_surplus() -> None:
    found = labels.shadow_difference(10_000, 1200, LabelledPairs(worse=50, better=24, both_fine=100, both_bad=26))
    assert found is not None
    surplus = tango(50, 24, 200)
    low, high = wilson(1200, 10_000)
    assert found.value == pytest.approx(0.12 * 0.13)
    assert found.low == pytest.approx(0.0156 - math.hypot(0.12 * (0.13 - surplus.low), 0.13 * (0.12 - low)))
    assert found.high == pytest.approx(0.0156 + math.hypot(0.12 * (surplus.high - 0.13), 0.13 * (high - 0.12)))
    assert found.p == pytest.approx(float(stats.binomtest(24, 74).pvalue))


@given(*[st.integers(0, 30)] * 4, st.integers(0, 300), st.integers(0, 3000))
@settings(deadline=None)
def test_swapped_models_mirror_the_difference(w: int, b: int, fine: int, bad: int, unlabelled: int, same: int) -> None:
    assume(w + b + fine + bad >= 20)
    pairs = LabelledPairs(w, b, fine, bad)
    differing = pairs.labelled + unlabelled
    found = labels.shadow_difference(differing + same, differing, pairs)
    swapped = labels.shadow_difference(differing + same, differing, LabelledPairs(b, w, bad, fine))
    assert found is not None
    assert found.low - 1e-12 <= found.value <= found.high + 1e-12
    assert swapped == pytest.approx((-found.value, -found.high, -found.low, found.p), abs=1e-9)


def test_where_every_pair_differs_and_is_labelled_it_is_nearly_tango_s_interval() -> None:
    found = labels.shadow_difference(400, 400, LabelledPairs(40, 20, 300, 40))
    assert found is not None
    assert found[:3] == pytest.approx((0.05, *tango(40, 20, 400)), abs=1e-4)


def test_few_labels_of_differing_pairs_say_nothing_unless_they_are_all() -> None:
    assert labels.shadow_difference(1000, 100, LabelledPairs(9, 2, 8, 0)) is None
    assert labels.shadow_difference(1000, 100, LabelledPairs(9, 2, 8, 1)) is not None
    found = labels.shadow_difference(1000, 5, LabelledPairs(3, 1, 0, 1))
    assert found is not None
    assert found.value == pytest.approx(0.002)
    assert -0.005 < found.low < 0 < found.high < 0.01
    assert labels.shadow_difference(0, 0, LabelledPairs(0, 0, 0, 0)) is None


def test_models_that_never_differed_may_differ_elsewhere() -> None:
    high = wilson(0, 500).high
    assert labels.shadow_difference(500, 0, LabelledPairs(0, 0, 0, 0)) == (0, -high, high, 1)


@pytest.mark.parametrize(
    ("requests", "differing", "pairs"),
    [(10, 11, LabelledPairs(0, 0, 0, 0)), (100, 30, LabelledPairs(31, 0, 0, 0)), (99, 30, LabelledPairs(22, -1, 0, 0))],
)
def test_impossible_pairs_are_refused(requests: int, differing: int, pairs: LabelledPairs) -> None:
    with pytest.raises(ValueError, match=f"labelled of {differing} differing of {requests} pairs"):
        labels.shadow_difference(requests, differing, pairs)


def test_mcnemar_equals_statsmodels_and_counting() -> None:
    for worse, better in itertools.product(range(5), range(5)):
        expected = contingency_tables.mcnemar([[0, worse], [better, 0]], exact=True).pvalue if worse + better else 1
        assert labels.mcnemar(worse, better) == pytest.approx(float(expected))
    outcomes = list(itertools.product((0, 1), repeat=7))
    assert labels.mcnemar(6, 1) == sum(sum(outcome) in {0, 1, 6, 7} for outcome in outcomes) / len(outcomes)
    assert labels.mcnemar(3000, 2900) == pytest.approx(float(stats.binomtest(2900, 5900).pvalue))


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The simulations behind the figures of the manual."""
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[2] / "benchmarks")
    return importlib.import_module("label_coverage")


@pytest.mark.slow
def test_the_intervals_of_a_check_hold_the_truth(simulated: Any) -> None:
    for check, answers in ((simulated.CHECKS[0], 1000), (simulated.CHECKS[3], 300), (simulated.CHECKS[5], 300)):
        held = simulated.runs_of(check, answers, labels=100, repeats=400, seed=3)
        assert 92 <= held["rate"] <= 98, (check, held)
        assert held["rate in the run"] >= 93, (check, held)
        assert held["recall"] >= 91, (check, held)


@pytest.mark.slow
def test_the_interval_of_kappa_holds_the_truth(simulated: Any) -> None:
    for shares, agreement, answers in (
        ((0.2, 0.8), 0.6, 50),
        ((0.1, 0.9), 0.8, 50),
        ((0.7, 0.15, 0.1, 0.05), 0.7, 100),
    ):
        held = simulated.reviewers(shares, agreement, answers, repeats=600, seed=3)
        assert 91 <= held <= 98, (shares, held)


@pytest.mark.slow
def test_labels_of_differing_pairs_find_what_random_pairs_miss(simulated: Any) -> None:
    shadow = simulated.Shadow(0.12, 0.25, 0.12)
    held, found = simulated.shadow_tests(shadow, 10_000, labels=200, repeats=400, seed=3)
    assert 92 <= held <= 98
    _, found_at_random = simulated.shadow_tests(shadow, 200, labels=200, repeats=400, seed=3)
    assert found > 75
    assert found_at_random < 30
