"""What fails the gate, what does not, and what could not be measured; each at its edge."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmeval.analysis.compare import ALL_TOGETHER, Extent, Rules, Side
from pytest_llmeval.analysis.compare import compare as compare_sides
from pytest_llmeval.analysis.comparison import CategoryRow, Comparison, part_of
from pytest_llmeval.analysis.sides.copies import without_copies
from pytest_llmeval.config.settings import CategorySettings, GateSettings
from pytest_llmeval.reply import Answer, Measures, ToolCall
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, SampleResult
from pytest_llmeval.stats.dependence import Dispersion

Results = dict[CaseKey, CaseResult]
HIGH, NORMAL, LOW = (CategorySettings(severity=severity) for severity in ("high", "normal", "low"))


def compare(
    baseline: str,
    before: Results,
    candidate: str,
    after: Results,
    *,
    saved: str | None = None,
    another_model: bool = False,
    stopped: str | None = None,
    part: str = "",
    skipped: int = 0,
    unmeasurable: Sequence[str] = (),
    **rules: Any,
) -> Comparison:
    return compare_sides(
        Side(baseline, before, saved=saved),
        Side(candidate, after, another=another_model),
        Rules(**rules),
        Extent(stopped=stopped, part=part, unmeasurable=unmeasurable, skipped=skipped),
    )


def call(text: str = "x", *, prompt: str = "", tool: str = "", identity: str | None = None, **measures: Any) -> Call:
    tools = (ToolCall(name=tool, arguments={}, raw_arguments="{}"),) if tool else ()
    return Call(
        provider="openai",
        request_model="m",
        words_digest=prompt,
        answer=Answer(text=text, tool_calls=tools, response_id=identity),
        measures=Measures(**{"latency": 1.0, **measures}),
    )


def case(name: str, verdicts: Sequence[str], *, calls: Sequence[Call] = (call(),), **fields: Any) -> CaseResult:
    """A case by the category of each of its answers: "" for one that passed, ``error`` for none."""
    samples = [
        SampleResult(
            index=index,
            outcome="error" if verdict == "error" else "fail" if verdict else "pass",
            category=verdict or None,
            calls=tuple(calls),
        )
        for index, verdict in enumerate(verdicts)
    ]
    return CaseResult(key=CaseKey("t.py::test_mail", name), model="m", samples=tuple(samples), **fields)


def side(*cases: CaseResult) -> Results:
    return {each.key: each for each in cases}


def answers(*verdicts: str) -> Results:
    """One case for each answer, c0 and so on."""
    return side(*(case(f"c{number}", [verdict]) for number, verdict in enumerate(verdicts)))


def row(compared: Comparison, name: str) -> CategoryRow:
    return next(row for row in compared.rows if row.name == name)


def names(*numbers: int) -> tuple[CaseKey, ...]:
    return tuple(CaseKey("t.py::test_mail", f"c{number}") for number in numbers)


def unmeasured(compared: Comparison) -> bool:
    return compared.reasons[:1] != () and compared.reasons[0].startswith("could not be measured")


# What one category is worth


def six_new_failures_among(others: int) -> tuple[Results, Results]:
    """Six cases that fail now (p = 1/64), and other categories that get better in four cases and worse in four."""
    before, after = [""] * 6, ["invented"] * 6
    for other in range(others):
        before += [f"other{other}"] * 4 + [""] * 4
        after += [""] * 4 + [f"other{other}"] * 4
    return answers(*before), answers(*after)


@pytest.mark.parametrize(("others", "word"), [(6, "REGRESSED"), (7, "INCONCLUSIVE")])
def test_a_severe_category_has_three_times_the_share_of_another(others: int, word: str) -> None:
    """Of 5 %, 3/9 are more than 1/64, and 3/10 are less."""
    before, after = six_new_failures_among(others)
    assert row(compare("m", before, "m", after, categories={"invented": HIGH}), "invented").word == word
    assert row(compare("m", before, "m", after), "invented").word == "INCONCLUSIVE"


@pytest.mark.parametrize(("others", "word"), [(2, "REGRESSED"), (3, "INCONCLUSIVE")])
def test_a_category_that_is_configured_has_the_same_share_as_one_that_is_not(others: int, word: str) -> None:
    """Of 5 %, 1/3 is more than 1/64, and 1/4 is less."""
    before, after = six_new_failures_among(others)
    for categories in ({}, {"invented": NORMAL}):
        assert row(compare("m", before, "m", after, categories=categories), "invented").word == word


def test_blank_answers_that_pass_are_told_unless_the_baselines_are_blank_too() -> None:
    blank = side(*(case(f"c{number}", [""], calls=[call(" ")]) for number in range(3)), case("c3", [""]))
    told = "3 answers without a word passed: also check what an answer must contain"
    assert told in compare("m", answers(*[""] * 4), "m", blank).notes
    assert told not in compare("m", blank, "m", blank).notes
    tools = side(*(case(f"c{number}", [""], calls=[call("", tool="find")]) for number in range(4)))
    assert not any("without a word" in note for note in compare("m", answers(*[""] * 4), "m", tools).notes)


def test_answers_that_were_cut_and_pass_are_told_unless_the_baselines_were_cut_too() -> None:
    whole = call("Within 30")
    half = whole._replace(answer=replace(whole.answer, finish_reason="length"))
    before, after = (side(*(case(f"c{n}", [""], calls=[each]) for n in range(3))) for each in (whole, half))
    told = "3 answers that were cut at the limit of tokens passed: assert_finish finds such"
    assert told in compare("m", before, "m", after).notes
    assert told not in compare("m", after, "m", after).notes
    failed = side(*(case(f"c{n}", ["truncated"], calls=[half]) for n in range(3)))
    assert not any("cut" in note for note in compare("m", before, "m", failed).notes)


def test_a_category_of_low_severity_fails_nothing() -> None:
    before, after = answers(*[""] * 12), answers(*["wordy"] * 6, *[""] * 6)
    assert compare("m", before, "m", after).gate == "failed"
    compared = compare("m", before, "m", after, categories={"wordy": LOW})
    assert (compared.gate, row(compared, "wordy").word, row(compared, "wordy").gated) == ("passed", "REGRESSED", False)


@pytest.mark.parametrize(("allowed", "gate"), [(0.24, "failed"), (0.25, "passed"), (None, "failed")])
def test_a_rise_that_is_allowed_fails_nothing(allowed: float | None, gate: str) -> None:
    before, after = answers(*[""] * 40), answers(*["invented"] * 10, *[""] * 30)
    settings = {"invented": CategorySettings(max_increase=allowed)}
    assert compare("m", before, "m", after, categories=settings).gate == gate


def broken(cases: int) -> tuple[Results, Results]:
    """Eighty cases of eight answers, of which some always fail now."""
    before = side(*(case(f"c{number}", [""] * 8) for number in range(80)))
    return before, before | side(*(case(f"c{number}", ["invented"] * 8) for number in range(cases)))


@pytest.mark.parametrize(
    ("candidate", "another", "cases"), [("m", False, 1), ("other", False, 3), ("m", True, 3), ("other", True, 3)]
)
def test_another_model_must_break_more_cases_than_another_prompt(candidate: str, another: bool, cases: int) -> None:
    for number, gate in ((cases, "failed"), (cases - 1, "passed")):
        before, after = broken(number)
        assert compare("m", before, candidate, after, another_model=another).gate == gate


def test_half_a_case_is_less_than_one() -> None:
    before = side(*(case(f"c{number}", [""] * 8) for number in range(20)))
    half = before | side(*(case(f"c{number}", ["invented"] + [""] * 7) for number in range(7)))
    whole = before | side(*(case(f"c{number}", ["invented"] + [""] * 7) for number in range(8)))
    assert (compare("m", before, "m", half).gate, compare("m", before, "m", whole).gate) == ("passed", "failed")


def test_half_a_case_is_enough_in_a_severe_category() -> None:
    before = side(*(case(f"c{number}", [""] * 10) for number in range(80)))
    half = before | side(case("c0", ["invented"] * 6 + [""] * 4))
    assert compare("m", before, "other", half, categories={"invented": HIGH}).gate == "failed"
    assert row(compare("m", before, "other", half, categories={"invented": NORMAL}), "invented").word == "SMALL"


def test_one_case_that_breaks_in_a_severe_category_fails_another_model_too() -> None:
    before, after = broken(1)
    assert compare("m", before, "other", after, categories={"invented": HIGH}).gate == "failed"
    assert compare("m", before, "other", after, categories={"invented": NORMAL}).gate == "passed"


def test_a_category_in_which_nobody_failed_has_its_row_when_it_is_configured() -> None:
    before = side(case("c0", ["", ""]), case("c1", ["", "error"]), case("c2", ["error"]))
    after = side(case("c0", [""]), case("c1", ["", "", ""]), case("c2", [""]))
    quiet = row(compare("m", before, "m", after, categories={"unsafe": HIGH}), "unsafe")
    assert (quiet.baseline_failed, quiet.baseline_judged, quiet.candidate_failed, quiet.candidate_judged) == (
        0,
        3,
        0,
        4,
    )
    assert (quiet.word, quiet.change) == ("NOT SHOWN", 0.0)


# Case by case


def test_each_case_is_compared_with_itself() -> None:
    """From 12 to 22 of 100 is a regression where the twelve fail as before, and may be noise where other cases fail."""
    before = answers(*["invented"] * 12, *[""] * 88)
    same = answers(*["invented"] * 22, *[""] * 78)
    others = answers(*[""] * 12, *["invented"] * 22, *[""] * 66)
    nested, disjoint = (row(compare("m", before, "m", after), "invented") for after in (same, others))
    for each in (nested, disjoint):
        assert (each.baseline_failed, each.candidate_failed, round(each.change, 9)) == (12, 22, 0.1)
    assert (nested.word, disjoint.word) == ("REGRESSED", "NOT SHOWN")
    assert nested.p == pytest.approx(1 / 2**10)
    assert disjoint.p == pytest.approx(0.0607, abs=1e-4)


@given(st.lists(st.sampled_from(["", "invented", "format", "error"]), min_size=1, max_size=12), st.randoms())
def test_cases_are_paired_by_their_names_in_whatever_order_they_come(
    verdicts: list[str], chance: random.Random
) -> None:
    before = answers(*verdicts)
    compared = compare("m", before, "m", side(*chance.sample([*before.values()], len(before))))
    assert compared.new == compared.fixed == ()
    assert {row.word for row in compared.rows} <= {"OK", "NOT SHOWN"}


def test_cases_are_told_by_what_became_of_them() -> None:
    before = answers("", "", "invented", "invented", "error", "", "")
    after = answers("", "invented", "", "format", "", "error", "")
    after |= side(case("c6", ["", "invented", ""], min_pass_rate=0.5), case("c7", [""]))
    before |= side(case("c8", [""]))
    compared = compare("m", before, "m", after)
    assert (compared.new, compared.fixed, compared.known) == (names(1), names(2), names(3))
    assert (compared.flaky, compared.errors) == (names(6), names(4, 5))
    assert (compared.only_baseline, compared.only_candidate) == (names(8), names(7))
    assert compared.compared == names(0, 1, 2, 3, 6)
    assert (compared.total.new, compared.total.fixed) == (names(1), names(2))
    total = compared.total
    assert (total.baseline_failed, total.baseline_judged, total.candidate_failed, total.candidate_judged) == (
        2,
        5,
        3,
        7,
    )
    assert total.change == pytest.approx((1 - 1 + 0 + 0 + 1 / 3) / 5)


def test_a_row_names_the_cases_that_fail_in_it_now_the_most_surprising_first() -> None:
    before = side(*(case(f"c{number}", [""] * 4) for number in range(4)), case("c4", ["invented"] * 4))
    after = side(
        case("c0", ["invented", "", "", ""]),
        case("c1", ["invented"] * 3 + [""]),
        case("c2", ["invented"] * 4),
        case("c3", ["format"] * 4),
        case("c4", [""] * 4),
    )
    invented = row(compare("m", before, "m", after), "invented")
    assert (invented.new, invented.fixed) == (names(2, 1, 0), names(4))


def test_rows_stand_from_the_worst_to_the_best() -> None:
    before = answers(*[""] * 12, *["format"] * 12, *["slow"] * 2, *[""] * 8)
    after = answers(*["invented"] * 12, *[""] * 12, *["slow"] * 2, *["refusal"] * 3, *[""] * 5)
    compared = compare("m", before, "m", after, categories={"unsafe": NORMAL})
    assert [(row.name, row.word) for row in compared.rows] == [
        ("invented", "REGRESSED"),
        ("refusal", "NOT SHOWN"),
        ("slow", "NOT SHOWN"),
        ("unsafe", "NOT SHOWN"),
        ("format", "IMPROVED"),
    ]
    assert row(compared, "format").p == pytest.approx((2 + ALL_TOGETHER.weight) / 2**12)


# What could not be measured


@pytest.mark.parametrize(("ran", "measured"), [(8, True), (7, False)])
def test_of_the_cases_of_the_baseline_four_fifths_must_have_been_run(ran: int, measured: bool) -> None:
    before = answers(*[""] * 10)
    compared = compare("m", before, "m", answers(*[""] * ran))
    assert (compared.gate, unmeasured(compared)) == (("passed", False) if measured else ("failed", True))
    changed = answers(*[""] * 10) | side(*(case(f"c{number}", [""], content="new") for number in range(ran, 10)))
    compared = compare("m", before, "m", changed)
    assert (compared.gate, unmeasured(compared)) == (("passed", False) if measured else ("failed", True))
    assert compared.changed == names(*range(ran, 10))


@pytest.mark.parametrize(("answered", "measured"), [(8, True), (7, False)])
def test_the_baseline_must_have_answers_to_four_fifths(answered: int, measured: bool) -> None:
    compared = compare("m", answers(*[""] * answered, *["error"] * (10 - answered)), "m", answers(*[""] * 10))
    assert unmeasured(compared) is not measured
    new = answers(*[""] * 14)
    assert unmeasured(compare("m", answers(*[""] * answered, *["error"] * (10 - answered)), "m", new)) is not measured


@pytest.mark.parametrize(("unlike", "measured"), [(1, True), (2, False)])
def test_a_tenth_of_the_saved_replies_may_fail_tests_that_changed(unlike: int, measured: bool) -> None:
    before = answers(*[""] * 10)
    before |= side(*(case(f"c{number}", ["format"], rejudged="not_compared") for number in range(unlike)))
    compared = compare("m", before, "m", answers(*[""] * 10), saved="run")
    assert (compared.gate, unmeasured(compared)) == (("passed", False) if measured else ("failed", True))
    assert compared.unlike == names(*range(unlike))
    assert compared.rows == ()
    cases = "1 case is" if unlike == 1 else "2 cases are"
    assert [note for note in compared.notes if note.startswith(f"{cases} not compared: ")]


def test_a_candidate_that_holds_no_answer_at_all_was_not_measured() -> None:
    compared = compare("m", answers("", ""), "m", answers("") | side(case("c1", [])))
    assert "could not be measured: 1 of 2 cases of the candidate hold no answer at all" in compared.reasons


def test_cases_that_have_errors_everywhere_were_not_measured() -> None:
    compared = compare("m", answers("", ""), "m", answers("error", "error"))
    assert (compared.gate, unmeasured(compared)) == ("failed", True)


def test_nothing_is_compared_where_the_baseline_has_none_of_the_cases() -> None:
    compared = compare("m", {}, "m", answers(""))
    assert compared.gate == "not evaluated"
    assert compared.reasons == ("nothing to compare: no case that ran is in the baseline",)
    assert unmeasured(compare("m", answers(""), "m", {}))
    assert unmeasured(compare("m", {}, "m", {}))


def test_what_could_not_be_measured_comes_before_what_regressed_and_what_was_too_dear() -> None:
    before = side(*(case(f"c{number}", [""], calls=[call(cost=0.1)]) for number in range(20)))
    after = side(
        *(case(f"c{number}", ["invented"] * (number > 0) or [""], calls=[call(cost=1.0)]) for number in range(20))
    )
    compared = compare(
        "m", before, "m", after, unmeasurable=["no network"], budgets=GateSettings(cost_per_resolved=0.5)
    )
    assert compared.gate == "failed"
    assert compared.reasons[0] == "could not be measured: no network"
    invented = "invented regressed from 0 of 20 to 19 of 20 answers, at least +63.6 points (p < 0.001)"
    assert compared.reasons[1] == invented
    assert compared.reasons[2:] == ("cost_per_resolved rose from 0.1 to 20 (allowed +50%)",)


def test_a_session_that_was_stopped_has_no_verdict() -> None:
    before, after = broken(3)
    compared = compare("m", before, "m", after, stopped="it was interrupted")
    assert (compared.gate, compared.reasons) == ("not evaluated", ("it was interrupted",))


def test_strictness_fails_what_may_be_noise_and_what_ran_in_part() -> None:
    before, after = six_new_failures_among(7)
    assert compare("m", before, "m", after).gate == "passed"
    strict = compare("m", before, "m", after, strict=True)
    assert strict.gate == "failed"
    assert [reason for reason in strict.reasons if reason.startswith("invented rose from 0 of 6 to 6 of 6 answers")]
    part = compare("m", answers(""), "m", answers(""), part="1 of 2 cases")
    assert (part.gate, part.part) == ("passed", "1 of 2 cases")
    assert compare("m", answers(""), "m", answers(""), part="1 of 2 cases", strict=True).gate == "failed"
    assert compare("m", answers(""), "m", answers(""), strict=True).gate == "passed"


def test_a_part_is_told_and_the_whole_is_not() -> None:
    assert (part_of(4, 5), part_of(5, 5)) == ("4 of 5 cases", "")


def test_two_runs_of_the_baseline_that_lie_apart_make_each_case_count_once() -> None:
    before, after = broken(3)
    once = row(compare("m", before, "m", after, dispersion=Dispersion(phi=9.0, strata=20)), "invented")
    assert (once.p, once.word) == (1.0, "NOT SHOWN")
    assert "repeat each other" in once.note
    assert row(compare("m", before, "m", after), "invented").note == ""


# What counts once


def test_an_answer_that_comes_again_with_its_response_id_counts_once() -> None:
    before = side(case("c0", [""]), case("c1", [""]))
    after = side(case("c0", ["format"] * 3, calls=[call("a", identity="r1")]), case("c1", [""]))
    compared = compare("m", before, "m", after)
    for counted in (row(compared, "format"), compared.total):
        assert (counted.baseline_judged, counted.candidate_judged) == (2, 2)
    assert compared.notes == ("2 answers came from the provider more than once (same response id); each counts once",)


def test_equal_texts_are_no_copies() -> None:
    """At temperature 0 most answers are equal, and still each was drawn for itself."""
    long = [call("a" * 5_000)]
    before, after = side(case("c0", [""] * 10, calls=long)), side(case("c0", ["format"] * 10, calls=long))
    compared = compare("m", before, "m", after)
    assert row(compared, "format").counts == "0 of 10 to 10 of 10 answers"
    assert compared.notes == ()


def test_an_answer_of_the_other_side_is_no_copy() -> None:
    """As where a saved answer is judged for the baseline and replayed for the candidate."""
    both = side(case("c0", ["format"], calls=[call("a", identity="r1")]))
    compared = compare("m", both, "m", both)
    assert row(compared, "format").counts == "1 of 1 to 1 of 1 answers"
    assert compared.notes == ()


def test_copies_are_equal_in_the_ids_of_all_their_calls() -> None:
    one, two, nameless = call("a", identity="r1"), call("b", identity="r2"), call("c")
    answered = [[one], [one, two], [one], [two, one], [one, nameless], [one, nameless], [nameless], [nameless], []]
    samples = [SampleResult(index=i, outcome="pass", calls=tuple(calls)) for i, calls in enumerate(answered)]
    key = CaseKey("t.py::test_mail", "c0")
    single = without_copies({key: case("c0", [])._replace(samples=tuple(samples))})[key].samples
    assert [sample.index for sample in single] == [0, 1, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize(
    "other",
    [call("b", identity="r1"), call("a", tool="stop", identity="r1"), call("a", prompt="other", identity="r1")],
)
def test_an_id_of_different_answers_or_requests_is_none(other: Call) -> None:
    """As of a server that gives the same to all of its answers."""
    same = case("c0", ["", ""], calls=[call("a", identity="r1")])
    assert [len(each.samples) for each in without_copies(side(same)).values()] == [1]
    both = side(same, case("c1", [""], calls=[other]))
    assert without_copies(both) == both


# Other wordings


def wording(name: str, words: str, verdict: str) -> CaseResult:
    return case(f"{name}+{words}", [verdict], wording=words)


def test_a_question_that_broke_in_all_its_wordings_is_one_case() -> None:
    """Six wordings of two questions are six answers to the test, and no more than two cases to the floor."""
    own = side(*(case(f"c{number}", [""]) for number in range(80)))
    words = ("terse", "shouted")
    before = own | side(*(wording(f"c{number}", each, "") for number in range(80) for each in words))
    for number, gate in ((3, "failed"), (2, "passed")):
        after = before | side(*(case(f"c{each}", ["invented"]) for each in range(number)))
        after |= side(*(wording(f"c{each}", word, "invented") for each in range(number) for word in words))
        compared = compare("m", before, "other", after)
        assert compared.gate == gate
        assert row(compared, "invented").p == 0.5 ** (3 * number)
        assert row(compared, "invented").change == compared.total.change == pytest.approx(number / 80)


def test_a_wording_that_one_side_alone_has_is_left_out_and_told() -> None:
    own = side(*(case(f"c{number}", [""]) for number in range(2)))
    new = own | side(wording("c0", "terse", "invented"))
    more = new | side(wording("c1", "terse", "invented"))
    for before, after, told in (
        (own, new, "1 other wording of a case was not asked of the baseline and is not compared"),
        (new, own, "1 other wording of a case was not asked now and is not compared"),
        (own, more, "2 other wordings of cases were not asked of the baseline and are not compared"),
        (more, own, "2 other wordings of cases were not asked now and are not compared"),
    ):
        compared = compare("m", before, "m", after)
        assert (compared.gate, compared.rows, compared.notes) == ("passed", (), (told,))
        assert (compared.only_baseline, compared.only_candidate) == ((), ())
    unknown = compare("m", own, "m", own | side(wording("c2", "terse", "")))
    assert (unknown.only_candidate, unknown.notes) == ((CaseKey("t.py::test_mail", "c2+terse"),), ())


# Budgets


def measured(
    latency: float,
    *,
    cost: float | None = 0.01,
    source: str = "live",
    ttft: float | None = None,
    cases: int = 6,
    verdict: str = "",
) -> Results:
    calls = [call(latency=latency, cost=cost, source=source, ttft=ttft)]
    return side(*(case(f"c{number}", [verdict], calls=calls) for number in range(cases)))


SILENT = side(*(case(f"c{number}", [""], calls=()) for number in range(6)))


@pytest.mark.parametrize(("name", "cases"), [("latency_p50", 6), ("latency_p95", 72), ("latency_p99", 368)])
def test_a_figure_may_rise_as_far_as_it_is_allowed(name: str, cases: int) -> None:
    budgets = GateSettings()._replace(**{name: 0.5})  # type: ignore[arg-type]
    before, same, more = (measured(latency, cases=cases) for latency in (1.0, 1.5, 1.75))
    assert compare("m", before, "m", same, budgets=budgets).gate == "passed"
    over = compare("m", before, "m", more, budgets=budgets)
    assert (over.gate, over.reasons) == ("failed", (f"{name} rose from 1 to 1.75 (allowed +50%)",))


def test_the_time_to_the_first_token_has_a_budget_of_its_own() -> None:
    budgets = GateSettings(ttft_p50=0.0)
    before, slower, quicker = measured(1.0, ttft=0.5), measured(1.0, ttft=0.6), measured(9.0, ttft=0.5)
    assert compare("m", before, "m", slower, budgets=budgets).gate == "failed"
    assert compare("m", before, "m", quicker, budgets=budgets).gate == "passed"


def test_times_that_were_not_measured_in_the_same_session_fail_nothing() -> None:
    budgets = GateSettings(latency_p50=0.1)
    for before, saved in ((measured(1.0, source="cache"), None), (measured(1.0), "run")):
        compared = compare("m", before, "m", measured(2.0), budgets=budgets, saved=saved)
        assert compared.gate == "passed"
        why = "it was not measured in the same session" if saved else "m was called live, m is recorded"
        assert compared.notes == (f"latency_p50 rose from 1 to 2 (allowed +10%); not gated: {why}",)
    replayed = compare("m", measured(1.0, source="cache"), "m", measured(1.0), budgets=budgets)
    assert (replayed.gate, replayed.notes) == (
        "passed",
        ("latency_p50 is not gated: m was called live, m is recorded",),
    )
    both = compare("m", measured(1.0, source="cache"), "m", measured(2.0, source="cache"), budgets=budgets)
    assert both.gate == "failed"


def test_costs_are_compared_whether_the_calls_were_replayed_or_not() -> None:
    budgets = GateSettings(cost_per_resolved=0.0)
    before, after = measured(1.0, source="cache", cases=20), measured(1.0, cost=0.02, cases=20)
    assert compare("m", before, "m", after, budgets=budgets).gate == "failed"
    assert compare("m", before, "m", after, budgets=budgets, saved="run").gate == "passed"


@pytest.mark.parametrize(
    ("budget", "before", "after", "why"),
    [
        ("cost_per_resolved", measured(1.0), measured(1.0, cost=None), "a price of new is missing"),
        ("cost_per_resolved", measured(1.0, cost=None), measured(1.0), "a price of old is missing"),
        ("cost_per_resolved", measured(1.0), measured(1.0, verdict="format"), "no answer of new passed"),
        ("ttft_p50", measured(1.0), measured(1.0, ttft=1.0), "no call was streamed from old"),
        ("ttft_p50", measured(1.0, ttft=1.0), measured(1.0), "no call was streamed from new"),
        ("latency_p95", measured(1.0, cases=71), measured(1.0, cases=71), "old has 71 cases, and it takes 72"),
        ("latency_p50", SILENT, SILENT, "no call was made with old"),
    ],
)
def test_a_budget_whose_figure_is_unknown_is_no_pass(budget: str, before: Results, after: Results, why: str) -> None:
    budgets = GateSettings()._replace(**{budget: 0.5})  # type: ignore[arg-type]
    compared = compare("old", before, "new", after, budgets=budgets)
    assert compared.gate == "failed"
    assert unmeasured(compared)
    assert f"could not be measured: {budget} is not known: {why}" in compared.reasons[0]
    saved = compare("old", before, "new", after, budgets=budgets, saved="run.jsonl")
    assert not any("is not known" in reason for reason in saved.reasons)
    assert any(note.startswith(f"{budget} is not gated: {why}") for note in saved.notes)


def paid(*prices: float, verdicts: Sequence[str] = ("",)) -> Results:
    return side(*(case(f"c{n}", verdicts, calls=[call(cost=price)]) for n, price in enumerate(prices)))


def test_a_dearer_answer_fails_only_beyond_chance() -> None:
    """Two dear cases raise the mean by a third; nearly all cases together raise it for sure."""
    budgets = GateSettings(cost_per_resolved=0.1)
    before = paid(*[0.01] * 24)
    noisy = compare("m", before, "m", paid(*[0.05] * 2, *[0.01] * 22), budgets=budgets)
    assert (noisy.gate, noisy.notes) == (
        "passed",
        ("cost_per_resolved rose from 0.01 to 0.01333 (allowed +10%), which could be noise",),
    )
    sure = compare("m", before, "m", paid(*[0.012] * 23, 0.01), budgets=budgets)
    assert (sure.gate, sure.reasons) == ("failed", ("cost_per_resolved rose from 0.01 to 0.01192 (allowed +10%)",))
    allowed = compare("m", before, "m", paid(*[0.0105] * 24), budgets=budgets)
    assert (allowed.gate, allowed.reasons, allowed.notes) == ("passed", (), ())


def test_a_rise_that_too_few_cases_show_could_not_be_measured() -> None:
    budgets = GateSettings(cost_per_resolved=0.1)
    few = compare("m", paid(*[0.01] * 19), "m", paid(*[0.02] * 19), budgets=budgets)
    told = "could not be measured: cost_per_resolved rose from 0.01 to 0.02 (allowed +10%), and "
    told += "19 cases are too few to tell that from noise; it takes 20"
    assert (few.gate, few.reasons) == ("failed", (told,))
    assert compare("m", paid(*[0.01] * 19), "m", paid(*[0.01] * 19), budgets=budgets).gate == "passed"


def test_more_samples_are_not_dearer() -> None:
    """Ten answers cost ten times what one does, and resolve ten times as much."""
    budgets = GateSettings(cost_per_resolved=0.0)
    before, after = paid(*[0.01] * 20), paid(*[0.01] * 20, verdicts=[""] * 10)
    assert compare("m", before, "m", after, budgets=budgets).gate == "passed"


def times(*seconds: Sequence[float]) -> Results:
    return side(*(case(f"c{n}", [""], calls=[call(latency=each) for each in c]) for n, c in enumerate(seconds)))


def test_a_slow_answer_here_and_there_is_no_slower_model() -> None:
    """Cases that take longer do so with both models; a rise of all of them is seen, one of a few is not."""
    budgets = GateSettings(latency_p50=0.0)
    before = times(*([1 + n / 10] for n in range(20)))
    some = times(*([1 + n / 10 + (n in (8, 9, 10))] for n in range(20)))
    a_few = compare("m", before, "m", some, budgets=budgets)
    assert a_few.gate == "passed"
    assert a_few.notes == ("latency_p50 rose from 1.9 to 2.2 (allowed +0%), which could be noise",)
    every = compare("m", before, "m", times(*([2 + n / 10] for n in range(20))), budgets=budgets)
    assert (every.gate, every.reasons) == ("failed", ("latency_p50 rose from 1.9 to 2.9 (allowed +0%)",))


@given(st.data(), st.integers(6, 12))
@settings(max_examples=60, deadline=None)
def test_of_two_models_at_most_one_is_slower(data: st.DataObject, cases: int) -> None:
    seconds = st.lists(st.integers(1, 9).map(float), min_size=1, max_size=3)
    before, after = (times(*(data.draw(seconds) for _ in range(cases))) for _ in "ab")
    budgets = GateSettings(latency_p50=0.0)
    there, back = (compare("m", one, "m", other, budgets=budgets) for one, other in ((before, after), (after, before)))
    assert "failed" not in (there.gate, back.gate) or there.gate != back.gate
    assert compare("m", before, "m", before, budgets=budgets).gate == "passed"


@pytest.mark.slow
def test_where_nothing_changed_a_time_seldom_fails() -> None:
    """Cases differ by a factor of three, calls of a case by half; the bar is 2.5 %."""
    rng = random.Random(5)
    failed = 0
    for _ in range(200):
        usual = [rng.lognormvariate(0, 0.5) for _ in range(30)]
        before, after = (times(*([t * rng.lognormvariate(0, 0.3) for _ in "abc"] for t in usual)) for _ in "ab")
        failed += compare("m", before, "m", after, budgets=GateSettings(latency_p50=0.0)).gate == "failed"
    assert failed <= 12


def test_where_nothing_is_compared_no_budget_fails() -> None:
    budgets = GateSettings(cost_per_resolved=0.1, latency_p95=0.1)
    compared = compare("m", {}, "m", paid(0.01), budgets=budgets)
    assert (compared.gate, compared.reasons) == (
        "not evaluated",
        ("nothing to compare: no case that ran is in the baseline",),
    )


def test_figures_are_those_of_the_cases_that_both_sides_have() -> None:
    budgets = GateSettings(cost_per_resolved=0.1)
    before, after = paid(*[0.01] * 20), paid(*[0.01] * 20, *[5.0] * 4)
    assert compare("m", before, "m", after, budgets=budgets).gate == "passed"


# New and fixed


def test_a_case_is_new_or_fixed_by_the_first_samples_that_both_sides_have() -> None:
    """A rare failure is seen in ten samples rather than in three."""
    rare, never, always = [*[""] * 5, "format", *[""] * 4], [""] * 10, ["format"] * 10
    before = side(case("rare", rare), case("fixed", always), case("new", never), case("known", always))
    after = side(
        case("rare", [""] * 3), case("fixed", [""] * 3), case("new", ["format"] * 3), case("known", ["format"])
    )
    for one, other, new, fixed in ((before, after, "new", "fixed"), (after, before, "fixed", "new")):
        compared = compare("m", one, "m", other)
        total = row(compared, "format")
        for found in (compared, compared.total, total):
            assert [[key.case for key in keys] for keys in (found.new, found.fixed)] == [[new], [fixed]]
        assert [key.case for key in compared.known] == ["known"]
        assert (total.baseline_judged, total.candidate_judged) in {(40, 10), (10, 40)}
    assert [key.case for key in compared.flaky] == ["rare"]


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(0, 63), st.integers(0, 63)), max_size=8))
def test_new_and_fixed_do_not_depend_on_samples_that_one_side_lacks(cases: list[tuple[int, int, int, int]]) -> None:
    def drawn(bits: int, samples: int) -> list[str]:
        return ["format" if bits >> place & 1 else "" for place in range(samples)]

    pairs = [(drawn(old, n), drawn(new, m)) for n, m, old, new in cases]
    cut = [(old[: min(len(old), len(new))], new[: min(len(old), len(new))]) for old, new in pairs]
    whole, first = (
        compare(
            "m",
            side(*(case(f"c{n}", old) for n, (old, _) in enumerate(found))),
            "m",
            side(*(case(f"c{n}", new) for n, (_, new) in enumerate(found))),
        )
        for found in (pairs, cut)
    )
    assert (whole.new, whole.fixed, whole.known) == (first.new, first.fixed, first.known)


# What is told


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_reader_is_told_what_else_there_is_to_know(count: int) -> None:
    def some(**fields: Any) -> Results:
        return answers(*[""] * 5) | side(*(case(f"c{number}", [""], **fields) for number in range(count)))

    def told(one: str, more: str) -> tuple[str, ...]:
        return ((), (one,), (more,))[count]

    plain = answers(*[""] * 5)
    assert compare("m", some(rejudged="as_saved"), "m", plain).notes == told(
        "1 case asks the model differently than when the baseline was saved; the saved verdict counts",
        "2 cases ask the model differently than when the baseline was saved; the saved verdict counts",
    )
    once = "not judged again, because another plugin must see each test executed once; the saved verdict counts"
    assert compare("m", some(rejudged="executed_once"), "m", plain).notes == told(
        f"1 case was {once}", f"2 cases were {once}"
    )
    code = "in tests that have not changed: the code behind the replies has; the saved verdict counts"
    assert compare("m", some(rejudged="other_code"), "m", plain).notes == told(
        f"1 case fails today on replies that passed when the baseline was saved, {code}",
        f"2 cases fail today on replies that passed when the baseline was saved, {code}",
    )
    changed = "cases changed since the baseline was saved; they are compared anyway"
    before = side(*(case(f"c{number}", [""], calls=[call(prompt="1")]) for number in range(5)))
    after = before | side(*(case(f"c{number}", [""], calls=[call(prompt="2")]) for number in range(count)))
    assert compare("m", before, "m", after, saved="run").notes == told(
        f"the prompt of 1 of 5 {changed}", f"the prompt of 2 of 5 {changed}"
    )
    assert compare("m", before, "m", after).notes == ()
    assert compare("m", plain, "m", plain, skipped=count).notes == told(
        "1 test that was skipped is not compared", "2 skipped tests are not compared"
    )


@pytest.mark.parametrize("name", ["slow", "expensive"])
def test_what_is_measured_is_gated_within_a_session_and_only_shown_against_a_saved_run(name: str) -> None:
    before, after = answers(*[""] * 60), answers(*[name] * 30, *[""] * 30)
    beside = compare("old", before, "new", after)
    assert (beside.gate, beside.rows[0].word, beside.rows[0].gated) == ("failed", "REGRESSED", True)
    against = compare("old", before, "new", after, saved="main.jsonl")
    assert (against.gate, against.rows[0].word, against.rows[0].gated) == ("passed", "REGRESSED", False)


def test_where_no_case_is_verified_on_both_sides_nothing_could_be_measured() -> None:
    """Else tests that raise `Unverified` would be green, and so would gibberish beside production's answers."""

    def unverified(number: int) -> CaseResult:
        found = case(f"c{number}", [""])
        return found._replace(samples=tuple(sample._replace(outcome="unverified") for sample in found.samples))

    none, all_pass = side(*map(unverified, range(20))), answers(*[""] * 20)
    for before, after in ((none, none), (all_pass, none), (none, all_pass)):
        comparison = compare("old", before, "new", after, saved="main.jsonl")
        assert comparison.gate == "failed"
        assert comparison.reasons[0].startswith("could not be measured: no case is verified on both sides")
    some = {**none, **answers("", "")}
    assert compare("old", all_pass, "new", some, saved="main.jsonl").gate == "passed"
    strict = compare("old", all_pass, "new", some, saved="main.jsonl", strict=True)
    assert strict.reasons == ("18 of 20 cases could not be verified, and --llm-strict requires all of them",)
