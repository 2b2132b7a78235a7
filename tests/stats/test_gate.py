"""The gate as a whole: which word a category gets, and what it says about what it could not decide."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmeval.stats.dependence import Dispersion
from pytest_llmeval.stats.gate import CategoryRule, GateRules, Verdict, failing, judge, undecided
from pytest_llmeval.stats.intervals import change_interval, population_interval
from pytest_llmeval.stats.sign_flip import sign_flip_test
from pytest_llmeval.stats.strata import Stratum

SILENT = Stratum(0, 5, 0, 5)
BROKEN = Stratum(0, 5, 5, 5)
CLOSE_CALL = [Stratum(0, 5, 3, 5)] * 2 + [Stratum(2, 5, 1, 5)] + [SILENT] * 20
CATEGORY = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5)).map(lambda errors: Stratum(errors[0], 5, errors[1], 5)), max_size=8
)


def others(number: int) -> dict[str, list[Stratum]]:
    """Categories in which nothing much happens, though it could."""
    return {f"other_{k}": [Stratum(2, 5, 2, 5)] * 10 for k in range(number)}


def swapped(strata: Sequence[Stratum]) -> list[Stratum]:
    return [Stratum(x, n_c, y, n_b) for y, n_b, x, n_c in strata]


def test_three_broken_cases_of_25_regress_among_ten_categories() -> None:
    verdict = judge({"hallucination": [BROKEN] * 3 + [SILENT] * 22, **others(9)})["hallucination"]
    assert verdict.verdict == Verdict.REGRESSED == "REGRESSED"
    assert (verdict.net, verdict.difference) == (3, 0.12)
    assert (verdict.errors_baseline, verdict.samples_baseline) == (0, 125)
    assert (verdict.errors_candidate, verdict.samples_candidate) == (15, 125)
    assert min(verdict.contributions[:3]) > 0 == max(verdict.contributions[3:])
    assert verdict.spread == "in certain cases"
    assert verdict.samples_needed is None


def test_the_plain_line_alone_regresses_and_among_ten_is_inconclusive() -> None:
    strata = [Stratum(1, 1, 1, 1)] * 2 + [Stratum(0, 1, 1, 1)] * 7 + [Stratum(1, 1, 0, 1)] + [Stratum(0, 1, 0, 1)] * 30
    assert judge({"refusal": strata})["refusal"].verdict == Verdict.REGRESSED
    busy = {f"other_{k}": [Stratum(0, 1, 1, 1), Stratum(1, 1, 0, 1)] * 5 for k in range(9)}
    verdict = judge({"refusal": strata, **busy})["refusal"]
    assert verdict.verdict == Verdict.INCONCLUSIVE
    assert verdict.p == 9 / 256
    assert verdict.adjusted_p == pytest.approx(10 * 9 / 256)
    assert verdict.samples_needed == 2


def test_a_change_in_all_cases_is_spread_over_them() -> None:
    verdict = judge({"format": [Stratum(0, 5, 2, 5)] * 12})["format"]
    assert (verdict.verdict, verdict.spread) == (Verdict.REGRESSED, "spread over the cases")


def test_what_could_not_have_been_found_is_not_shown_and_not_ok() -> None:
    verdict = judge({"tool_call": [Stratum(0, 1, 1, 1)] * 3 + [Stratum(0, 1, 0, 1)]})["tool_call"]
    assert (verdict.verdict, verdict.testable, verdict.p, verdict.p_min) == (Verdict.NOT_SHOWN, False, 0.125, 0.125)
    assert verdict.adjusted_p == 1
    assert verdict.samples_needed is not None
    assert verdict.samples_needed > 1


def test_a_category_in_which_nothing_could_be_compared_is_not_shown() -> None:
    verdict = judge({"format": [Stratum(0, 0, 5, 5), Stratum(2, 5, 0, 0)]})["format"]
    assert (verdict.verdict, verdict.cases) == (Verdict.NOT_SHOWN, 0)
    assert (verdict.difference, verdict.interval, verdict.samples_needed) == (None, None, None)
    assert judge({"format": []})["format"].verdict == Verdict.NOT_SHOWN


def test_cases_with_a_missing_side_are_named_and_left_out() -> None:
    verdict = judge({"format": [BROKEN, Stratum(0, 0, 3, 5), BROKEN, Stratum(1, 5, 0, 0)]})["format"]
    assert (verdict.cases, verdict.net) == (2, 2)
    assert (verdict.errors_baseline, verdict.errors_candidate) == (0, 10)


def test_a_category_new_in_the_candidate_is_tested_like_any_other() -> None:
    hits = [Stratum(0, 5, 1, 5)] * 4 + [SILENT] * 46
    assert judge({"new": hits})["new"].p == 1 / 16
    assert judge({"new": hits})["new"].verdict == Verdict.OK  # a rise of 4 points or more is excluded
    assert judge({"new": [BROKEN] + [SILENT] * 46})["new"].p == pytest.approx(1 / 252)
    assert judge({"new": [BROKEN] * 2 + [SILENT] * 46})["new"].p == pytest.approx(1.6e-5, rel=0.02)


def test_a_category_gone_from_the_candidate_improved() -> None:
    verdict = judge({"old": [Stratum(5, 5, 0, 5)] * 2 + [SILENT] * 10})["old"]
    assert (verdict.verdict, verdict.net, verdict.samples_needed) == (Verdict.IMPROVED, -2, None)


def test_improvements_elsewhere_do_not_hide_a_regression() -> None:
    verdicts = judge({"worse": [BROKEN] * 2 + [SILENT] * 20, "better": [Stratum(5, 5, 0, 5)] * 20 + [SILENT] * 2})
    assert {name: verdict.verdict for name, verdict in verdicts.items()} == {"worse": "REGRESSED", "better": "IMPROVED"}
    assert failing(verdicts) == ["worse"]


def test_failures_that_move_to_another_category_show_in_it() -> None:
    moved = [Stratum(4, 5, 1, 5)] * 6
    verdicts = judge({"format": moved, "hallucination": swapped(moved)})
    assert [verdicts[name].verdict for name in ("format", "hallucination")] == ["IMPROVED", "REGRESSED"]


@pytest.mark.parametrize(
    ("n_baseline", "n_candidate", "p"),
    [(1, 1, 1 / 2), (3, 3, 1 / 20), (5, 5, 1 / 252), (10, 10, 5.4e-6), (10, 1, 1 / 11), (10, 3, 1 / 286)],
)
def test_one_flipping_case_can_reach_what_its_samples_allow(n_baseline: int, n_candidate: int, p: float) -> None:
    verdict = judge({"tiny": [Stratum(0, n_baseline, n_candidate, n_candidate)]})["tiny"]
    assert verdict.p == verdict.p_min == pytest.approx(p, rel=0.01)
    assert verdict.testable == (p <= 0.05)


def test_a_rise_below_the_floor_is_found_but_does_not_fail() -> None:
    strata = [Stratum(0, 10, 1, 10)] * 9 + [Stratum(0, 10, 0, 10)] * 291
    verdict = judge({"rare": strata})["rare"]
    assert verdict.adjusted_p <= 0.05
    assert verdict.verdict == Verdict.SMALL
    one_more = judge({"rare": [Stratum(0, 10, 1, 10), *strata]})["rare"]
    assert one_more.verdict == Verdict.REGRESSED


def test_a_model_swap_takes_three_cases_and_ten_points() -> None:
    rules = GateRules(min_cases=3.0, min_points=0.10)
    assert judge({"a": [BROKEN] * 3 + [SILENT] * 27}, rules)["a"].verdict == Verdict.REGRESSED
    assert judge({"a": [BROKEN] * 3 + [SILENT] * 28}, rules)["a"].verdict == Verdict.SMALL
    assert judge({"a": [BROKEN] * 2 + [SILENT] * 2}, rules)["a"].verdict == Verdict.SMALL


@pytest.mark.parametrize(("cases", "floor"), [(25, 1), (26, 2), (75, 2), (76, 3), (1000, 3)])
def test_another_model_takes_more_cases_where_more_are_compared(cases: int, floor: int) -> None:
    rules = GateRules(min_cases=None)
    for broken in range(1, 4):
        verdict = judge({"a": [BROKEN] * broken + [SILENT] * (cases - broken)}, rules)["a"].verdict
        assert verdict == (Verdict.REGRESSED if broken >= floor else Verdict.SMALL)


def test_ok_excludes_a_rise_of_five_points_or_of_one_case() -> None:
    """Nothing failed, one answer each: by Tango 73 cases exclude 5 points, and 19 cases not even one case."""
    for cases, word in ((72, Verdict.NOT_SHOWN), (73, Verdict.OK), (19, Verdict.NOT_SHOWN)):
        verdict = judge({"a": [Stratum(0, 1, 0, 1)] * cases})["a"]
        assert (verdict.verdict, verdict.matters) == (word, max(0.05, 1 / cases))
        assert verdict.interval is not None
        assert (verdict.interval.high < verdict.matters) == (word == Verdict.OK)
    allowed = {"a": CategoryRule(max_increase=0.2)}
    assert judge({"a": [Stratum(0, 1, 0, 1)] * 19}, per_category=allowed)["a"].verdict == Verdict.OK


def test_a_rise_within_what_a_category_may_rise_does_not_fail() -> None:
    strata = [BROKEN] * 3 + [SILENT] * 27
    allowed = {"a": CategoryRule(max_increase=0.10)}
    assert judge({"a": strata}, per_category=allowed)["a"].verdict == Verdict.SMALL
    assert judge({"a": [BROKEN, *strata]}, per_category=allowed)["a"].verdict == Verdict.REGRESSED
    none_allowed = {"a": CategoryRule(max_increase=0.0)}
    assert (
        judge({"a": strata}, GateRules(min_cases=3.0, min_points=0.10), none_allowed)["a"].verdict == Verdict.REGRESSED
    )


def test_zero_tolerance_fails_for_half_a_case() -> None:
    strata = [Stratum(0, 10, 6, 10)] + [Stratum(0, 10, 0, 10)] * 50
    assert judge({"unsafe": strata})["unsafe"].verdict == Verdict.SMALL
    strict = {"unsafe": CategoryRule(weight=3, min_cases=0.5)}
    assert judge({"unsafe": strata}, per_category=strict)["unsafe"].verdict == Verdict.REGRESSED


def test_a_severe_category_gets_three_times_the_share_of_alpha() -> None:
    categories = {"severe": CLOSE_CALL, **others(4)}
    plain = judge(categories)["severe"]
    severe = judge(categories, per_category={"severe": CategoryRule(weight=3)})["severe"]
    assert (plain.level, severe.level) == pytest.approx((0.05 / 5, 0.05 * 3 / 7))
    assert severe.adjusted_p == pytest.approx(plain.adjusted_p / 5 * 7 / 3)
    assert (plain.verdict, severe.verdict) == (Verdict.INCONCLUSIVE, Verdict.REGRESSED)


def test_a_category_that_is_only_reported_fails_nothing_and_costs_nothing() -> None:
    reported = {name: CategoryRule(gated=False) for name in others(9)}
    categories = {"gated": CLOSE_CALL, **others(9)}
    assert judge(categories, per_category=reported)["gated"].adjusted_p == judge({"gated": CLOSE_CALL})["gated"].p
    verdicts = judge({"low": [BROKEN] * 5}, per_category={"low": CategoryRule(gated=False)})
    assert (verdicts["low"].verdict, verdicts["low"].gated) == (Verdict.REGRESSED, False)
    assert failing(verdicts) == failing(verdicts, strict=True) == undecided(verdicts) == []


def test_strict_fails_what_is_inconclusive_and_nothing_else() -> None:
    verdicts = judge({"close": CLOSE_CALL, **others(9), "small": [Stratum(0, 1, 1, 1)]})
    assert verdicts["close"].verdict == Verdict.INCONCLUSIVE
    assert verdicts["small"].verdict == Verdict.NOT_SHOWN
    assert failing(verdicts) == []
    assert failing(verdicts, strict=True) == ["close"]


def test_more_samples_are_asked_for_what_seems_worse_even_if_it_regressed_already() -> None:
    verdicts = judge({"close": CLOSE_CALL, "broken": [BROKEN] * 5, **others(9)})
    assert undecided(verdicts) == ["close", "broken"]


def test_copies_within_a_run_make_each_case_count_once() -> None:
    strata = [BROKEN] * 4 + [Stratum(5, 5, 0, 5)] * 2 + [SILENT] * 20
    assert judge({"a": strata})["a"].method == "exact"
    verdict = judge({"a": strata}, dispersion=Dispersion(4.2, 60))["a"]
    assert verdict.method == "sign-flip"
    assert verdict.method_reason == "samples of a run repeat each other (phi 4.2)"
    assert verdict.p == sign_flip_test(strata)[0] == 22 / 64
    assert (verdict.p_min, verdict.verdict, verdict.samples_needed) == (1 / 64, Verdict.NOT_SHOWN, None)


def test_independent_samples_are_counted_one_by_one() -> None:
    verdict = judge({"a": [BROKEN] * 4}, dispersion=Dispersion(1.1, 60))["a"]
    assert (verdict.method, verdict.method_reason) == ("exact", "")


def test_one_sample_per_case_cannot_repeat_itself() -> None:
    strata = [Stratum(0, 1, 1, 1)] * 9
    verdict = judge({"a": strata}, dispersion=Dispersion(9.0, 60))["a"]
    assert (verdict.method, verdict.p) == ("exact", 0.5**9)


def test_the_more_samples_asked_for_are_more_than_there_are() -> None:
    drifting = [Stratum(0, 5, 2, 5)] * 4 + [Stratum(1, 5, 3, 5)] * 3 + [SILENT] * 16
    verdict = judge({"drifting": drifting, **others(199)})["drifting"]
    assert verdict.verdict == Verdict.INCONCLUSIVE
    assert verdict.samples_needed is not None
    assert verdict.samples_needed > 5


def test_an_impossible_count_is_refused_by_name() -> None:
    for wrong in (Stratum(6, 5, 0, 5), Stratum(0, 5, -1, 5)):
        with pytest.raises(ValueError, match=r"category 'format' has a case with"):
            judge({"format": [wrong]})


def test_no_category_is_no_verdict() -> None:
    assert judge({}) == {}


def test_the_more_a_case_got_worse_the_more_it_contributes() -> None:
    verdict = judge({"a": [Stratum(0, 1, 1, 2), Stratum(1, 5, 0, 5), BROKEN, Stratum(0, 5, 2, 5), SILENT, BROKEN]})["a"]
    assert sorted(range(6), key=lambda place: -verdict.contributions[place])[:4] == [2, 5, 3, 0]
    assert verdict.contributions[1] < 0 == verdict.contributions[4]


@pytest.mark.parametrize(("look", "fewest"), [(0, 4), (1, 5), (2, 6)])
def test_each_look_wants_more_samples_at_a_smaller_p(look: int, fewest: int) -> None:
    for cases in range(1, 8):
        verdicts = judge({"a": [Stratum(0, 1, 1, 1)] * cases})
        assert undecided(verdicts, look) == (["a"] if cases >= fewest else [])


@pytest.mark.parametrize(("look", "fewest"), [(0, 2), (1, 3), (2, 4)])
def test_a_part_of_the_cases_gets_more_samples_at_a_larger_p(look: int, fewest: int) -> None:
    for cases in range(1, 6):
        verdicts = judge({"a": [Stratum(0, 1, 1, 1)] * cases}, per_category={"a": CategoryRule(part=True)})
        assert undecided(verdicts, look) == (["a"] if cases >= fewest else [])


def test_samples_count_once_at_a_phi_that_independent_ones_have_once_in_five() -> None:
    for phi, method in ((1.01, "exact"), (1.02, "sign-flip")):
        assert judge({"a": [BROKEN] * 3}, dispersion=Dispersion(phi, 10_000))["a"].method == method


def test_the_interval_goes_by_what_counts_as_evidence() -> None:
    strata = [BROKEN, Stratum(1, 5, 3, 5), Stratum(2, 5, 1, 5), SILENT]
    verdict = judge({"a": strata})["a"]
    assert verdict.interval == change_interval(strata)
    once = judge({"a": strata}, dispersion=Dispersion(5.0, 100))["a"]
    assert once.interval == population_interval(strata)


@pytest.mark.slow
@given(st.dictionaries(st.sampled_from("abcdef"), CATEGORY), st.randoms())
@settings(deadline=None)
def test_neither_the_order_of_categories_nor_that_of_cases_matters(
    categories: dict[str, list[Stratum]], shuffler: random.Random
) -> None:
    names = list(categories)
    shuffler.shuffle(names)
    mixed = {name: shuffler.sample(categories[name], len(categories[name])) for name in names}
    before, after = judge(categories), judge(mixed)
    assert list(after) == names
    for name in names:
        assert after[name].verdict == before[name].verdict
        assert after[name].adjusted_p == before[name].adjusted_p
        assert after[name].samples_needed == before[name].samples_needed


@given(st.dictionaries(st.sampled_from("abcdef"), CATEGORY))
@settings(deadline=None)
def test_every_verdict_keeps_its_own_rules(categories: dict[str, list[Stratum]]) -> None:
    backwards = judge({name: swapped(strata) for name, strata in categories.items()})
    for name, verdict in judge(categories).items():
        assert 0 <= verdict.p_min <= verdict.p * (1 + 1e-9)
        assert verdict.p <= verdict.adjusted_p <= 1
        assert verdict.adjusted_p_better == pytest.approx(backwards[name].adjusted_p)
        assert sum(verdict.contributions) == verdict.score
        assert verdict.verdict != Verdict.REGRESSED or (verdict.adjusted_p <= 0.05 and verdict.net >= 1 - 1e-9)
        assert verdict.verdict != Verdict.IMPROVED or verdict.adjusted_p_better <= 0.05
        assert verdict.samples_needed is None or verdict.verdict in (Verdict.INCONCLUSIVE, Verdict.NOT_SHOWN)
        if verdict.difference is not None and verdict.interval is not None:
            assert verdict.interval.low <= verdict.difference + 1e-9
            assert verdict.difference <= verdict.interval.high + 1e-9


@given(CATEGORY)
@settings(deadline=None)
def test_cases_that_never_fail_change_no_verdict_of_the_test(strata: list[Stratum]) -> None:
    plain, padded = judge({"a": strata})["a"], judge({"a": strata + [SILENT] * 7})["a"]
    assert (plain.p, plain.adjusted_p, plain.p_min, plain.score) == (
        padded.p,
        padded.adjusted_p,
        padded.p_min,
        padded.score,
    )


def simulated(source: random.Random, copied: bool = False) -> dict[str, list[Stratum]]:
    """60 cases, most stable and some flaky, 5 categories, 5 samples on both sides, of one and the same model."""
    names = ["wrong_answer", "format", "hallucination", "refusal", "tool_call"]
    categories: dict[str, list[Stratum]] = {name: [] for name in names}
    for _ in range(60):
        chance = source.betavariate(0.15, 0.6)
        favourite = source.choice(names)

        def draw(chance: float = chance, favourite: str = favourite) -> str | None:
            if source.random() >= chance:
                return None
            return favourite if source.random() < 0.7 else source.choice(names)

        sides = [[draw()] * 5 if copied else [draw() for _ in range(5)] for _ in range(2)]
        for name in names:
            categories[name].append(Stratum(sides[0].count(name), 5, sides[1].count(name), 5))
    return categories


def test_a_model_against_itself_rarely_fails() -> None:
    source = random.Random(20260101)
    red = sum(bool(failing(judge(simulated(source)))) for _ in range(300))
    assert red <= 15


@pytest.mark.slow
def test_a_model_against_itself_rarely_fails_when_its_samples_are_copies_and_that_is_known() -> None:
    source = random.Random(20260102)
    runs = [simulated(source, copied=True) for _ in range(150)]
    assert sum(bool(failing(judge(run))) for run in runs) > 75
    assert sum(bool(failing(judge(run, dispersion=Dispersion(9.0, 60)))) for run in runs) <= 7


def test_what_may_be_chance_is_nowhere() -> None:
    for cases, spread in ((4, None), (5, "spread over the cases")):
        assert judge({"a": [Stratum(0, 1, 1, 1)] * cases})["a"].spread == spread


def test_what_did_not_rise_is_nowhere() -> None:
    """Four cases got a little better and one broke: surprising, but no rise."""
    strata = [Stratum(8, 16, 4, 16)] * 4 + [Stratum(0, 16, 16, 16)]
    verdict = judge({"a": strata})["a"]
    assert (verdict.p <= 0.05, verdict.net, verdict.spread) == (True, 0.0, None)


def test_each_wording_counts_for_the_test_and_each_family_for_the_floor() -> None:
    """Two questions broke in three wordings each: six answers, two cases."""
    strata, families = [Stratum(0, 1, 1, 1)] * 6 + [Stratum(0, 1, 0, 1)] * 24, [place // 3 for place in range(30)]
    verdict = judge({"a": strata}, families=families)["a"]
    assert (verdict.p, verdict.net, verdict.difference, verdict.cases) == (1 / 2**6, 2, 0.2, 30)
    assert (verdict.verdict, verdict.spread) == (Verdict.REGRESSED, "in certain cases")
    assert judge({"a": strata}, GateRules(min_cases=3.0), families=families)["a"].verdict == Verdict.SMALL
    assert judge({"a": strata}, GateRules(min_cases=3.0))["a"].verdict == Verdict.REGRESSED


def test_a_rise_that_the_test_of_its_category_finds_is_ok_only_below_five_points() -> None:
    """One of three cases rose from 0 to 6 of 10; a third is one case of three, and no rise to call OK."""
    rules, others = GateRules(min_cases=1.0), {f"other{n}": [Stratum(5, 10, 5, 10)] * 3 for n in range(12)}
    few = judge({"a": [Stratum(0, 10, 6, 10), *[Stratum(0, 10, 0, 10)] * 2], **others}, rules)["a"]
    assert (few.p <= rules.alpha < few.adjusted_p, few.matters) == (True, 0.05)
    assert few.verdict is Verdict.NOT_SHOWN
    many = judge({"a": [Stratum(0, 10, 6, 10), *[Stratum(0, 10, 0, 10)] * 99], **others}, rules)["a"]
    assert many.verdict is Verdict.OK


def test_of_clusters_a_part_may_fail() -> None:
    """A quarter of the only cluster, and as many cases that stand alone; the floor is one of them."""
    strata = [Stratum(0, 1, 1, 1)] * 6 + [Stratum(0, 1, 0, 1)] * 18
    assert judge({"a": strata}, families=[1] * 24)["a"].verdict is Verdict.REGRESSED
    assert judge({"a": strata}, GateRules(min_cases=None), families=[1] * 24)["a"].verdict is Verdict.REGRESSED
    twelve = [place // 2 for place in range(24)]
    assert judge({"a": strata}, GateRules(min_cases=4.0), families=twelve)["a"].verdict is Verdict.SMALL


def test_a_p_of_exactly_alpha_is_enough() -> None:
    for strata, word in (([Stratum(0, 1, 1, 1)] * 5, "REGRESSED"), ([Stratum(1, 1, 0, 1)] * 5, "IMPROVED")):
        assert judge({"a": strata}, GateRules(alpha=1 / 32))["a"].verdict == word
        assert judge({"a": strata}, GateRules(alpha=1 / 33))["a"].verdict != word


def test_samples_that_repeat_each_other_in_some_cases_count_once_in_all() -> None:
    verdict = judge({"a": [BROKEN] * 3 + [Stratum(0, 1, 1, 1)]}, dispersion=Dispersion(9.0, 60))["a"]
    assert (verdict.method, verdict.p) == ("sign-flip", 1 / 2**4)


def test_cases_that_fail_otherwise_are_told_from_cases_that_got_worse() -> None:
    """Nine cases broke for good, and eight others got as much better as made the rest worse."""
    strata = [BROKEN] * 9 + [Stratum(4, 5, 1, 5)] * 8 + [SILENT] * 40
    verdict = judge({"a": strata})["a"]
    assert (verdict.worse, verdict.better) == (9, 8)
    assert (verdict.verdict, verdict.spread) == (Verdict.REGRESSED, "while other cases got better")


def test_where_both_sides_are_drawn_a_number_of_samples_settles_it() -> None:
    """The baseline's few answers do not stay few."""
    strata = [Stratum(1, 2, 2, 2)] * 6 + [Stratum(0, 2, 0, 2)] * 30
    busy = others(30)
    one, both = (judge({"a": strata, **busy}, GateRules(both_drawn=drawn))["a"] for drawn in (False, True))
    assert one.verdict == both.verdict == Verdict.INCONCLUSIVE
    assert one.samples_needed is None
    assert both.samples_needed is not None


def test_a_part_of_the_cases_must_rise_by_five_points() -> None:
    """One case of 21 is less than five points, one of 20 is not."""
    for cases, word in ((20, Verdict.REGRESSED), (21, Verdict.SMALL)):
        strata = [BROKEN] + [SILENT] * (cases - 1)
        assert judge({"a": strata}, per_category={"a": CategoryRule(part=True)})["a"].verdict == word


def test_where_both_sides_are_drawn_the_first_look_wants_more_samples_sooner() -> None:
    for cases, saved, drawn in ((2, [], []), (3, [], ["a"]), (4, ["a"], ["a"])):
        strata = {"a": [Stratum(0, 1, 1, 1)] * cases}
        assert undecided(judge(strata)) == saved
        assert undecided(judge(strata, GateRules(both_drawn=True))) == drawn
