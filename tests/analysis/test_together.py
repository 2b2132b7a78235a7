"""All gated categories together are one more category, so that many small rises are no green."""

from __future__ import annotations

import pytest

from pytest_llmeval.analysis.comparison import Comparison
from pytest_llmeval.analysis.groups import TOGETHER
from pytest_llmeval.config.settings import CategorySettings, GateSettings
from pytest_llmeval.report.paper import Paper
from pytest_llmeval.report.verdict import category_table, gate_lines, nothing_new
from tests.analysis.test_compare import HIGH, LOW, Results, answers, case, compare, side

KINDS = ("tone", "format", "invented", "address", "date", "total", "team", "link")


def thin(each: int, cases: int = 250) -> Results:
    """As many new failures in each kind, one for a case."""
    failing = [kind for kind in KINDS for _ in range(each)]
    return answers(*failing, *[""] * (cases - len(failing)))


def words(compared: Comparison) -> str:
    return " ".join(line.text for line in gate_lines(Paper(width=2000), compared))


def test_rises_too_small_to_be_seen_in_a_category_are_seen_together() -> None:
    compared = compare("m", thin(0), "m", thin(4), another_model=True)
    assert {row.word for row in compared.rows} == {"OK"}
    assert compared.gate == "failed"
    assert words(compared).startswith(
        "GATE FAILED: all categories together regressed from 0 of 250 to 32 of 250 answers, at least +"
    )
    assert words(compared).endswith("though none by itself did")
    table = [line.text for line in category_table(Paper(width=120), compared)]
    assert any(line.startswith(" ! any failure") or ("any failure" in line and "REGRESSED" in line) for line in table)


def test_a_category_that_regressed_says_it_alone() -> None:
    compared = compare("m", answers(*[""] * 40), "m", answers(*["tone"] * 20, *["format"] * 4, *[""] * 16))
    assert compared.together is not None
    assert compared.together.word == "REGRESSED"
    assert [reason.split()[0] for reason in compared.reasons] == ["tone"]


def test_what_could_be_noise_is_told_and_fails_only_where_asked() -> None:
    before, after = answers(*[""] * 250), answers(*KINDS[:6], *[""] * 244)
    compared = compare("m", before, "m", after)
    assert compared.gate == "passed"
    assert not nothing_new(compared)
    assert f"but {TOGETHER} 0/250 → 6/250 could be noise or not" in words(compared)
    assert compare("m", before, "m", after, strict=True).gate == "failed"


def test_where_there_is_one_category_nothing_is_judged_twice() -> None:
    """Six cases of one category are 1/64, which is compared with 5 % and not with less."""
    compared = compare("m", answers(*[""] * 40), "m", answers(*["tone"] * 6, *[""] * 34))
    assert compared.together is None
    assert [(row.word, row.p) for row in compared.rows] == [("REGRESSED", 1 / 64)]


@pytest.mark.parametrize("settings", [LOW, CategorySettings(max_increase=0.5)])
def test_what_may_rise_counts_in_no_sum(settings: CategorySettings) -> None:
    rules = dict.fromkeys(KINDS[1:], settings)
    assert compare("m", thin(0), "m", thin(4), another_model=True, categories=rules).gate == "passed"


def test_better_in_one_category_makes_up_for_another_here_and_not_there() -> None:
    before = answers(*["tone"] * 20, *[""] * 40)
    after = answers(*[""] * 20, *["invented"] * 20, *[""] * 20)
    compared = compare("m", before, "m", after, categories={"invented": HIGH})
    assert compared.together is not None
    assert compared.together.word not in ("REGRESSED", "INCONCLUSIVE", "SMALL")
    assert [reason.split()[0] for reason in compared.reasons] == ["invented"]


def test_a_case_that_fails_in_all_its_samples_counts_once() -> None:
    """Another model fails otherwise: five cases broke and four got well, in all ten samples each."""

    def ten(*verdicts: str) -> Results:
        return side(*(case(f"c{number}", [verdict] * 10) for number, verdict in enumerate(verdicts)))

    before = ten(*[""] * 5, *["tone"] * 4, *[""] * 21)
    after = ten("tone", "tone", "format", "format", "link", *[""] * 25)
    compared = compare("m", before, "n", after)
    assert compared.together is not None
    assert (compared.together.word, compared.together.note) == ("NOT SHOWN", "each case counts once")


def test_a_check_that_only_the_candidates_answers_meet_is_no_green() -> None:
    """A block behind an ``if`` has no rate in the baseline, yet all answers passed then and fail now."""

    def noting(name: str, results: Results) -> Results:
        return {
            key: result._replace(samples=tuple(sample._replace(noted=(name,)) for sample in result.samples))
            for key, result in results.items()
        }

    before, after = noting("wrong_answer", answers(*[""] * 12)), noting("tone", answers(*["tone"] * 12))
    compared = compare("m", before, "m", after)
    assert compared.gate == "failed"
    assert compared.reasons[0].startswith("all categories together regressed from 0 of 12 to 12 of 12 answers")


def test_groups_that_no_case_is_in_gate_nothing() -> None:
    compared = compare("m", answers(""), "m", answers("tone"), budgets=GateSettings(by=("tag",)))
    assert compared.reasons == ("could not be measured: by = ['tag'] gates nothing, since no case has a tag",)


def test_of_few_clusters_a_part_may_fail() -> None:
    """Of the 25 cases of one cluster six are 24 points of the whole, and a quarter of a cluster."""
    before = side(*(case(f"c{number}", [""], cluster="handbook") for number in range(25)))
    after = side(*(case(f"c{number}", ["tone" if number < 6 else ""], cluster="handbook") for number in range(25)))
    assert compare("m", before, "n", after).gate == "failed"
