"""Samples of two runs become strata, and nothing gets lost on the way."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.stats.gate import Verdict, judge
from pytest_llmeval.stats.outcomes import UNLABELLED, SampleOutcome, tabulate
from pytest_llmeval.stats.strata import Stratum

PASS = SampleOutcome(passed=True)
FORMAT = SampleOutcome(passed=False, categories=("format",))
TIMEOUT = SampleOutcome(passed=False, error="timeout")
RUNS = st.dictionaries(
    st.sampled_from("abcde"),
    st.lists(
        st.one_of(
            st.just(PASS),
            st.just(TIMEOUT),
            st.lists(st.sampled_from(["format", "refusal"]), unique=True, max_size=2).map(
                lambda names: SampleOutcome(passed=False, categories=tuple(names))
            ),
        ),
        max_size=4,
    ),
)


def test_every_shared_case_is_in_every_category() -> None:
    table = tabulate({"a": [PASS, FORMAT], "b": [PASS]}, {"a": [FORMAT, FORMAT], "b": [PASS, PASS]})
    assert table.cases == ("a", "b")
    assert table.categories == {"format": (Stratum(1, 2, 2, 2), Stratum(0, 1, 0, 2))}


def test_several_categories_of_one_failure_count_each_for_itself() -> None:
    both = SampleOutcome(passed=False, categories=("format", "refusal", "format"))
    table = tabulate({"a": [PASS]}, {"a": [both]})
    assert table.categories == {"format": (Stratum(0, 1, 1, 1),), "refusal": (Stratum(0, 1, 1, 1),)}


def test_a_failure_without_category_is_unlabelled() -> None:
    table = tabulate({"a": [PASS]}, {"a": [SampleOutcome(passed=False)]})
    assert table.categories == {UNLABELLED: (Stratum(0, 1, 1, 1),)}


def test_errors_leave_the_denominators_and_are_counted_on_their_own() -> None:
    table = tabulate({"a": [PASS, FORMAT, PASS]}, {"a": [TIMEOUT, TIMEOUT, FORMAT]})
    assert table.categories == {"error:timeout": (Stratum(0, 3, 2, 3),), "format": (Stratum(1, 3, 1, 1),)}
    assert (table.samples, table.errors) == (3, 2)


def test_a_provider_that_fails_far_more_often_regresses_as_an_error_category() -> None:
    table = tabulate({k: [PASS] * 5 for k in range(9)}, {k: [TIMEOUT] * 3 + [PASS] * 2 for k in range(9)})
    assert judge(table.categories)["error:timeout"].verdict == Verdict.REGRESSED


def test_cases_of_one_side_are_listed() -> None:
    table = tabulate({"a": [PASS], "gone": [PASS], "hidden": [PASS, FORMAT]}, {"new": [FORMAT], "a": [PASS]})
    assert (table.cases, table.added) == (("a",), ("new",))
    assert table.removed == ("gone", "hidden")
    assert table.categories == {}


def test_too_few_shared_cases_or_judged_samples_are_no_comparison() -> None:
    baseline = {k: [PASS] * 5 for k in range(10)}
    assert tabulate(baseline, baseline).why_invalid() == ()
    assert tabulate(baseline, {k: [PASS] * 5 for k in range(8)}).why_invalid() == ()
    assert tabulate(baseline, {k: [PASS] * 5 for k in range(7)}).why_invalid() == (
        "7 of the baseline's 10 cases were run; at least 80% must be",
    )
    assert tabulate(baseline, {0: [PASS] * 5, 99: [PASS]}).why_invalid(min_overlap=0.1) == ()
    assert tabulate(baseline, {k: [PASS] * 4 + [TIMEOUT] for k in range(10)}).why_invalid() == (
        "10 of 50 samples could not be judged; at most 10% may be missing",
    )
    assert tabulate(baseline, {}).why_invalid() == ("no case was run on both sides",)


def judged(samples: Sequence[SampleOutcome]) -> int:
    return sum(sample.error is None for sample in samples)


@given(RUNS, RUNS)
def test_counts_add_up(baseline: dict[str, list[SampleOutcome]], candidate: dict[str, list[SampleOutcome]]) -> None:
    table = tabulate(baseline, candidate)
    assert set(table.cases) | set(table.removed) == set(baseline)
    assert set(table.cases) | set(table.added) == set(candidate)
    for name, strata in table.categories.items():
        assert len(strata) == len(table.cases)
        for case, (y, n_b, x, n_c) in zip(table.cases, strata, strict=True):
            assert 0 <= y <= n_b
            assert 0 <= x <= n_c
            if not name.startswith("error:"):
                assert (n_b, n_c) == (judged(baseline[case]), judged(candidate[case]))
    errors = sum(s.errors_candidate for name, strata in table.categories.items() for s in strata if ":" in name)
    assert errors == table.errors
