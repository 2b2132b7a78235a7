"""What decisions say of checks and of reviewers."""

from __future__ import annotations

from pytest_llmeval.review.checks_by_labels import check_of, flagged, label_lines
from pytest_llmeval.review.decisions import Decision, Word, made_of
from pytest_llmeval.runs.answer_digest import answer_digest
from pytest_llmeval.runs.results import CaseResult
from pytest_llmeval.score import Score
from tests.analysis.test_compare import call, case, compare, side


def answered(number: int, *, fails: bool) -> CaseResult:
    made = case(f"c{number}", ["tone" if fails else ""], calls=[call(f"answer {number}")])
    score = Score(value=float(not fails), passed=not fails, category="tone", check="assert_tone")
    return made._replace(samples=tuple(sample._replace(scores=(score,)) for sample in made.samples))


def decided(result: CaseResult, word: Word, category: str = "", by: str = "ana") -> Decision:
    return Decision(result.key, answer_digest(result.samples[0].calls), word, category, reviewer=by)


RESULTS = [answered(number, fails=number < 40) for number in range(400)]
# Of the 40 that the check flags, 10 are fine; of 100 that it passes, 5 are not.
DECISIONS = [
    *(decided(result, "rejected", "tone") for result in RESULTS[:30]),
    *(decided(result, "accepted") for result in RESULTS[30:40]),
    *(decided(result, "rejected", "tone") for result in RESULTS[40:45]),
    *(decided(result, "accepted") for result in RESULTS[45:140]),
]


def test_a_check_is_measured_by_what_people_decided() -> None:
    checked = check_of("tone", RESULTS, made_of(DECISIONS))
    assert checked is not None
    assert (checked.flagged, checked.passed) == ((40, 40, 30), (360, 100, 5))
    assert checked.precision is not None
    assert checked.precision.value == 0.75
    assert checked.rate is not None
    assert abs(checked.rate.value - (0.1 * 0.75 + 0.9 * 0.05)) < 1e-9
    lines = label_lines(RESULTS, DECISIONS)
    assert lines[0].startswith("tone 12.0 % [")
    assert lines[0].endswith("the check alone says 10.0 %")
    assert lines[1].startswith("  its checks: precision 75 % [")


def test_answers_that_nothing_verifies_fail_no_check_as_in_the_gates_table() -> None:
    results = [answered(number, fails=number < 12) for number in range(47)]
    results[20:] = [
        each._replace(samples=tuple(sample._replace(outcome="unverified") for sample in each.samples))
        for each in results[20:]
    ]
    checked = check_of("tone", results, made_of([]))
    assert checked is not None
    assert (checked.flagged.answers, checked.passed.answers) == (12, 35)
    assert compare("m", side(*results), "m", side(*results)).rows[0].candidate_judged == 47


def test_too_few_labels_say_what_is_missing() -> None:
    line = label_lines(RESULTS, DECISIONS[:25])[0]
    assert line == "tone: too few labels, it takes 20 more for passing answers; the check alone says 10.0 %"
    assert label_lines(RESULTS, []) == ["no answer of this run has a decision in reviews/"]


def test_a_rejection_for_another_category_is_no_label_of_this_one() -> None:
    checked = check_of("tone", RESULTS, made_of([decided(RESULTS[50], "rejected", "format")]))
    assert checked is not None
    assert checked.labels == 0


def test_a_decision_on_another_row_of_the_case_is_no_label() -> None:
    for content, labels in (("", 1), ("row 1", 1), ("row 2", 0)):
        made = decided(RESULTS[50], "rejected", "tone")._replace(content=content)
        checked = check_of("tone", [each._replace(content="row 1") for each in RESULTS], made_of([made]))
        assert checked is not None
        assert checked.labels == labels


def test_what_a_check_found_counts_although_people_overruled_it_since() -> None:
    sample = RESULTS[0].samples[0]
    review = Score(value=1, passed=True, category="tone", check="review")
    overruled = sample._replace(outcome="pass", category=None, scores=(*sample.scores, review))
    assert flagged(sample) == flagged(overruled) == {"tone"}
    rejected = RESULTS[50].samples[0]
    refused = Score(value=0, passed=False, category="tone", check="review")
    by_people = rejected._replace(outcome="fail", category="tone", scores=(*rejected.scores, refused))
    assert flagged(by_people) == set()


def test_two_reviewers_are_compared_and_their_disagreements_named() -> None:
    other = [
        *(decided(result, "rejected", "tone", by="bo") for result in RESULTS[:28]),
        *(decided(result, "accepted", by="bo") for result in RESULTS[28:40]),
    ]
    lines = label_lines(RESULTS, [*DECISIONS, *other])
    [line] = [line for line in lines if line.startswith("ana and bo: ")]
    assert line.startswith("ana and bo: 40 answers, kappa 0.")
    assert line.endswith(", 2 decided differently")
    assert lines[lines.index(line) + 1 :] == [
        "  t.py::test_mail[c28]: rejected tone, accepted",
        "  t.py::test_mail[c29]: rejected tone, accepted",
    ]


def test_whether_an_answer_is_right_and_which_is_better_are_compared_apart() -> None:
    made = [decided(result, "accepted") for result in RESULTS[:10]]
    other: list[Word] = [*["both_fine"] * 4, *["both_bad"] * 2, *["worse"] * 4]  # type: ignore[list-item]
    pairs = [decided(result, word, by="bo")._replace(beside="d") for result, word in zip(RESULTS, other, strict=False)]
    lines = [line for line in label_lines(RESULTS, [*made, *pairs]) if line.startswith("ana and bo")]
    assert len(lines) == 1
    assert lines[0].startswith("ana and bo: 6 answers, kappa 0.00 [")
    assert lines[0].endswith(", 2 decided differently")
    ours = [each._replace(reviewer="ana") for each in pairs]
    lines = [line for line in label_lines(RESULTS, [*ours, *pairs]) if line.startswith("ana and bo")]
    assert lines[-1].startswith("ana and bo: 10 pairs, kappa 1.00 [")
