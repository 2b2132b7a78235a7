"""Two models' results over the same cases: what got worse, what got better, and the gate's verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from pytest_llmeval.analysis.broken_tests import without_broken_tests
from pytest_llmeval.analysis.budgets import over_budget
from pytest_llmeval.analysis.comparison import (
    UNMEASURED,
    CaseEvidence,
    CategoryRow,
    Comparison,
    GateState,
    OneSided,
    Results,
    fail_now_words,
)
from pytest_llmeval.analysis.examined import both_with_untraced
from pytest_llmeval.analysis.groups import (
    TOGETHER,
    fails_in,
    group_strata,
    lost_as_failures,
    lost_words,
    together,
)
from pytest_llmeval.analysis.measure import measure
from pytest_llmeval.analysis.new_and_fixed import on_first_samples
from pytest_llmeval.analysis.sides.comparable import Differences, comparable_wordings, differences
from pytest_llmeval.analysis.sides.copies import without_copies
from pytest_llmeval.analysis.sides.reply_pairs import differing, reply_pairs
from pytest_llmeval.analysis.sides.reviewed import reviewed_alike, waiting
from pytest_llmeval.analysis.sides.shared_answers import shared_once
from pytest_llmeval.analysis.sides.unseen import lost_cause, without_unseen
from pytest_llmeval.checks.categories import OF_THE_SESSION
from pytest_llmeval.config.settings import CategorySettings, GateSettings
from pytest_llmeval.runs.answered import answered_now
from pytest_llmeval.runs.results import CaseKey, CaseResult, SampleResult, blank_answers, cut_answers, unasked
from pytest_llmeval.stats.dependence import Dispersion
from pytest_llmeval.stats.evidence import UNITS_PER_BIT
from pytest_llmeval.stats.gate import CategoryRule, CategoryVerdict, GateRules, Verdict, failing, judge
from pytest_llmeval.stats.outcomes import ERROR_PREFIX, SampleOutcome, Table, tabulate
from pytest_llmeval.stats.strata import Stratum, by_family
from pytest_llmeval.text import plural

LEAST_RUN = 0.8  # of the baseline's cases, those that must have been run
MOST_WORST = 10  # cases that are named as evidence
ALL_TOGETHER = CategoryRule(each_case_once=True, weight=0.1)
"""The rule for all categories together. Its small share of alpha costs them, with 1 each, next to nothing."""

MOST_UNLIKE = 0.1  # of the cases that ran, those whose saved replies may fail today's tests


class Judgement(NamedTuple):
    """What the gate makes of the error categories of two models.

    Attributes:
        differ: the cases that are not the same on both sides.
        uncompared: what else is not compared, a sentence each.
        candidates: how many results of the candidate could be compared.
        table: the shared cases, counted.
        counted: the results of both sides that were counted: without copies, and without wordings of one side alone.
        families: by case of the table what it shares with others, as `CaseResult.family`; empty when each stands alone.
        rules: what the gate went by.
        verdicts: by error category.
        hidden: the categories that would have regressed if the answers that were lost had failed in them.
    """

    differ: Differences
    uncompared: tuple[str, ...]
    candidates: int
    table: Table[CaseKey]
    counted: tuple[Results, Results]
    families: list[tuple[str, str]]
    rules: GateRules
    verdicts: dict[str, CategoryVerdict]
    hidden: tuple[str, ...] = ()


class Side(NamedTuple):
    """One side of a comparison: the results of one model.

    Attributes:
        saved: the saved run they come from, in words; None when they were made in this session.
        saved_when: how old that run is, in words.
        another: of a candidate, whether it is another model than the baseline though their names are the same.
    """

    name: str
    results: Results
    saved: str | None = None
    saved_when: str = ""
    another: bool = False


class Rules(NamedTuple):
    """What a comparison is judged by.

    Attributes:
        categories: gating rules by error category; a category that is not listed has the defaults.
        budgets: allowed rises of measured figures, and how much may be lost by routing a task.
        strict: whether INCONCLUSIVE fails the gate.
        dispersion: of two runs of the baseline, None when there are no two.
    """

    categories: Mapping[str, CategorySettings] = MappingProxyType({})
    budgets: GateSettings = GateSettings()
    strict: bool = False
    dispersion: Dispersion | None = None


class Extent(NamedTuple):
    """How much of what was to be compared was run.

    Attributes:
        stopped: why the session did not come to its end, None when it did; then there is no verdict.
        part: as in `Comparison`.
        unmeasurable: what else makes the comparison worthless, a sentence each.
        skipped: number of skipped tests, shown so that they are not mistaken for compared.
        skip_themselves: the cases among them whose tests had an answer and skipped themselves; it counts as lost.
    """

    stopped: str | None = None
    part: str = ""
    unmeasurable: Sequence[str] = ()
    skipped: int = 0
    skip_themselves: Collection[CaseKey] = ()


DEFAULTS, WHOLE = Rules(), Extent()


def compare(baseline: Side, candidate: Side, rules: Rules = DEFAULTS, extent: Extent = WHOLE) -> Comparison:
    """Compare a candidate with the baseline and judge it."""
    tried = _with_skipped(baseline, candidate, extent.skip_themselves)
    before, after = without_unseen(baseline.results, tried)
    before, after, broken = without_broken_tests(before, after)
    (before, after), as_judged = reviewed_alike(before, after), (before, after)
    saved, answered = baseline.saved, answered_now(baseline.results.values(), candidate.results.values())
    differ, uncompared, candidates, table, counted, families, rules_used, verdicts, hidden = judgement(
        baseline._replace(results=before), candidate._replace(results=after), rules
    )
    judged = [key for key in table.cases if before[key].outcome != "error" and after[key].outcome != "error"]
    first = on_first_samples(before, after, table.cases)
    rows = []
    for name, verdict in verdicts.items():
        sides = (before, after) if name.startswith(ERROR_PREFIX) else first
        rows.append(_row(name, verdict, table, *sides, both_drawn=rules_used.both_drawn))
    rows.sort(key=_rank)
    all_of_them = next((row for row in rows if row.name == TOGETHER), None)
    rows = [row for row in rows if row is not all_of_them]
    failed_before, failed_after = ({key for key in judged if results[key].outcome == "fail"} for results in first)
    new = tuple(key for key in judged if key in failed_after and key not in failed_before)
    fixed = tuple(key for key in judged if key in failed_before and key not in failed_after)
    figures = (
        measure(baseline.name, before.values(), beside=after.values()),
        measure(candidate.name, after.values(), beside=before.values()),
    )
    others = extent.skipped - (len(tried) - len(candidate.results))
    several = f"{others} skipped tests are not compared"
    skipped = "1 test that was skipped is not compared" if others == 1 else several
    over, notes = over_budget((baseline.name, before), (candidate.name, after), rules.budgets, saved=saved is not None)
    invalid = [
        f"{UNMEASURED}: {reason}"
        for reason in (*extent.unmeasurable, *_invalid(differ, table, before, after, candidates))
    ]
    by = rules.budgets.by
    if "category" not in by and not any(verdict.part for verdict in verdicts.values()):
        wanted = " or ".join(f"a {group}" for group in by)
        invalid.append(f"{UNMEASURED}: by = {list(by)} gates nothing, since no case has {wanted or 'anything else'}")
    lost = lost_words(table)
    if hidden and not invalid:
        invalid = [f"{UNMEASURED}: {lost}; had these failed as {hidden[0]}, it would have regressed"]
    unverified = tuple(key for key in judged if "unverified" in (before[key].outcome, after[key].outcome))
    wanting = f"{len(unverified)} of {_cases(len(judged))} could not be verified, and --llm-strict requires all of them"
    fail_now = tuple(key for key in judged if before[key].rejudged == "fails_now" and after[key].outcome == "fail")
    doubts = [wanting] if unverified else []
    if fail_now:
        doubts.append(f"{fail_now_words(len(fail_now))}, in tests that changed, and --llm-strict fails that")
    gate, reasons = _verdict(rows, all_of_them, [*invalid, *over], extent, doubts, strict=rules.strict)
    if gate == "passed" and not before:
        gate, reasons = "not evaluated", ("nothing to compare: no case that ran is in the baseline",)
    return Comparison(
        baseline=figures[0],
        candidate=figures[1],
        compared=tuple(judged),
        rows=tuple(rows),
        total=_total(table.cases, *counted, families)._replace(new=new, fixed=fixed),
        together=all_of_them,
        new=new,
        fixed=fixed,
        known=tuple(key for key in judged if key in failed_before and key in failed_after),
        flaky=tuple(
            key for key in judged if key not in failed_after and any(s.outcome == "fail" for s in after[key].samples)
        ),
        errors=tuple(key for key in table.cases if "error" in (before[key].outcome, after[key].outcome)),
        unverified=unverified,
        fail_now=fail_now,
        only_baseline=table.removed,
        only_candidate=table.added,
        changed=differ.rows,
        unlike=differ.replies,
        unjudged=differ.judges,
        gate=gate,
        reasons=reasons,
        notes=(
            *answered.lines,
            *broken,
            *notes,
            *([lost] if lost else []),
            *_rejected_alone(as_judged, (before, after)),
            *_compared_otherwise(differ, table, before, after, saved=saved is not None),
            *_copied(table, (before, after), counted),
            *uncompared,
            *unasked([after[key] for key in judged]),
            *blank_answers([after[key] for key in judged], before),
            *cut_answers([after[key] for key in judged], before),
            *([skipped] if others else []),
        ),
        saved=saved,
        saved_when=baseline.saved_when,
        part=extent.part,
        baseline_results=before,
        candidate_results=after,
        drift=answered.drift,
        differing=differing(reply_pairs(before, after, differ.not_comparable)),
    )


def _with_skipped(baseline: Side, candidate: Side, skip_themselves: Collection[CaseKey]) -> Results:
    """The candidate's results, with an answer lost where a test skipped itself and the baseline has a verdict."""
    lost = SampleResult(index=0, outcome="error", category="skipped", reason="the test skipped itself")
    return {
        **candidate.results,
        **{
            key: baseline.results[key]._replace(model=candidate.name, samples=(lost,))
            for key in skip_themselves
            if key in baseline.results and key not in candidate.results
        },
    }


def judgement(baseline: Side, candidate: Side, rules: Rules) -> Judgement:
    """The verdict on every error category."""
    before, after = baseline.results, candidate.results
    differ = differences(before, after)
    old, new, uncompared = comparable_wordings(before, after)
    counted = without_copies(old), without_copies(new)
    comparable = [
        {key: result for key, result in side.items() if key not in differ.not_comparable}
        for side in both_with_untraced(*counted)
    ]
    old, new = shared_once(*comparable)
    old_outcomes, new_outcomes = ({key: outcomes_of(each) for key, each in side.items()} for side in (old, new))
    table = tabulate(old_outcomes, new_outcomes, also=rules.categories)
    families = families_of(after, table.cases)
    groups = group_strata(rules.budgets.by, table.cases, after, any_failure(table.cases, old, new))
    another = candidate.another or baseline.name != candidate.name
    overall = gate_rules(another_model=another, both_drawn=baseline.saved is None)
    each = {name: rules.categories.get(name, CategorySettings()).rule() for name in (*table.categories, *groups)}
    for name, rule in each.items():
        in_groups = name in groups
        by_category = "category" in rules.budgets.by or name.startswith(ERROR_PREFIX)
        measured_now = baseline.saved is None or name not in OF_THE_SESSION
        each[name] = replace(rule, part=in_groups, gated=rule.gated and measured_now and (in_groups or by_category))
    of_answers = {name: each[name] for name in table.categories if not name.startswith(ERROR_PREFIX)}
    all_of_them = together(table.cases, (old_outcomes, new_outcomes), of_answers, table.categories)
    if all_of_them is not None:
        groups[TOGETHER], each[TOGETHER] = all_of_them, ALL_TOGETHER
    table = replace(table, categories={**table.categories, **groups})
    verdicts = judge(table.categories, overall, each, dispersion=rules.dispersion, families=families)
    hidden = tuple(_hidden(lost_as_failures(table), verdicts, overall, each, rules.dispersion, families))
    return Judgement(differ, uncompared, len(counted[1]), table, counted, families, overall, verdicts, hidden)


def _hidden(
    strata: Mapping[str, Sequence[Stratum]],
    verdicts: Mapping[str, CategoryVerdict],
    rules: GateRules,
    each: Mapping[str, CategoryRule],
    dispersion: Dispersion | None,
    families: Sequence[tuple[str, str]],
) -> Iterator[str]:
    """The categories that would have regressed if the lost answers had failed in them."""
    lost = [name for name in verdicts if name.startswith(ERROR_PREFIX)]
    if not lost or any(verdicts[name].verdict is Verdict.REGRESSED and verdicts[name].gated for name in lost):
        return
    if_failed = judge(strata, rules, each, dispersion=dispersion, families=families)
    for name in failing(if_failed):
        if verdicts[name].verdict is not Verdict.REGRESSED:
            yield name


def _compared_otherwise(
    differ: Differences, table: Table[CaseKey], before: Results, after: Results, *, saved: bool
) -> Iterator[str]:
    """Which cases are compared in another way than a reader expects, a sentence for each way."""
    rejudged = Counter(result.rejudged for key, result in before.items() if key in after)
    if saved and (count := len(differ.prompts)):
        yield (
            f"the prompt of {count} of {len(table.cases)} cases changed since the baseline was saved; they are "
            "compared anyway"
        )
    if count := rejudged["as_saved"]:
        yield (
            f"{_cases(count, ' asks', ' ask')} the model differently than when the baseline was saved; the saved "
            "verdict counts"
        )
    if count := rejudged["executed_once"]:
        yield (
            f"{_cases(count, ' was', ' were')} not judged again, because another plugin must see each test executed "
            "once; the saved verdict counts"
        )
    if count := rejudged["other_code"]:
        yield (
            f"{_cases(count, ' fails', ' fail')} today on replies that passed when the baseline was saved, in tests "
            "that have not changed: the code behind the replies has; the saved verdict counts"
        )
    if count := rejudged["passes_now"]:
        yield (
            f"{_cases(count, ' passes', ' pass')} today on replies that failed when the baseline was saved, in tests "
            "that have not changed: the code behind the replies has, or a test finds today's reply beside the saved "
            "one; the saved verdict counts"
        )
    if rejudged["fails_now"]:
        yield (
            "where a changed test fails its saved replies, a stricter check and code that breaks them look alike: "
            "change one at a time"
        )
    if count := rejudged["not_judged"]:
        yield (
            f"{_cases(count, ' is', ' are')} not compared: the judge gave no verdict on the baseline's answers; "
            "--llm-record --llm-mode=auto asks it and keeps its verdicts"
        )
    if count := len(differ.judges) - rejudged["not_judged"]:
        yield (
            f"{_cases(count, ' is', ' are')} not compared: another judge, or the same one asked differently, judged "
            "the baseline's answers"
        )
    if count := len(differ.replies):
        yield (
            f"{_cases(count, ' is', ' are')} not compared: the baseline's replies to its old prompts fail today's tests"
        )


def _rejected_alone(sides: tuple[Results, Results], reviewed: tuple[Results, Results]) -> Iterator[str]:
    """How many answers people rejected without a decision on what they are compared with."""
    if count := sum(map(waiting, sides, reviewed)):
        yield (
            f"{plural(count, 'rejection')} {'does' if count == 1 else 'do'} not count yet: nobody has decided on the "
            "other side's answer to the case"
        )


def _copied(table: Table[CaseKey], sides: tuple[Results, Results], counted: tuple[Results, Results]) -> Iterator[str]:
    """How many answers are copies of others, in a sentence."""
    copies = sum(
        len(side[key].samples) - len(single[key].samples)
        for side, single in zip(sides, counted, strict=True)
        for key in table.cases
    )
    if copies:
        yield f"{plural(copies, 'answer')} came from the provider more than once (same response id); each counts once"


def _cases(count: int, one: str = "", many: str = "") -> str:
    return f"1 case{one}" if count == 1 else f"{count} cases{many}"


def outcomes_of(result: CaseResult) -> list[SampleOutcome]:
    """The samples of a case as the test counts them."""
    return [
        SampleOutcome(
            passed=sample.outcome in ("pass", "unverified"),  # one that nothing verified failed in no category
            categories=sample.categories,
            error=(sample.category or "unknown") if sample.outcome == "error" else None,
            examined=sample.examined,
        )
        for sample in result.samples
    ]


def gate_rules(*, another_model: bool, both_drawn: bool = False) -> GateRules:
    """What the gate goes by.

    Another model fails other cases even when it is no worse, so a swap of models needs a larger net rise.

    Args:
        another_model: whether the two sides are different models.
        both_drawn: as in `GateRules`.
    """
    return GateRules(min_cases=None if another_model else 1.0, both_drawn=both_drawn)


def families_of(results: Results, cases: Sequence[CaseKey]) -> list[tuple[str, str]]:
    """By case what it shares with others, as `CaseResult.family`; empty when each stands alone."""
    grouped = any(results[key].wording or results[key].cluster is not None for key in cases)
    return [results[key].family for key in cases] if grouped else []


def _row(
    name: str,
    verdict: CategoryVerdict,
    table: Table[CaseKey],
    before: Results,
    after: Results,
    *,
    both_drawn: bool,
) -> CategoryRow:
    cases = table.cases
    new = [key for key in cases if fails_in(after[key], name) and not fails_in(before[key], name)]
    strata = zip(cases, table.categories[name], strict=True)
    known = (key for key, stratum in strata if stratum.n_candidate or not stratum.n_baseline)
    evidence = dict(zip(cases, verdict.contributions, strict=True))
    return CategoryRow(
        name=name,
        baseline_failed=verdict.errors_baseline,
        baseline_judged=verdict.samples_baseline,
        candidate_failed=verdict.errors_candidate,
        candidate_judged=verdict.samples_candidate,
        change=verdict.difference or 0.0,
        interval=(verdict.interval.low, verdict.interval.high) if verdict.interval is not None else None,
        word=verdict.verdict.value,
        gated=verdict.gated,
        p=verdict.adjusted_p_better if verdict.verdict is Verdict.IMPROVED else verdict.adjusted_p,
        samples_needed=verdict.samples_needed,
        both_drawn=both_drawn,
        new=tuple(sorted(new, key=lambda key: -evidence[key])),
        fixed=tuple(key for key in known if fails_in(before[key], name) and not fails_in(after[key], name)),
        note=verdict.method_reason,
        worse=verdict.worse,
        better=verdict.better,
        spread=verdict.spread or "",
        worst=_worst(verdict, cases, table.categories.get(name, ())),
        one_sided=_one_sided(table, name, before, after),
    )


def _worst(verdict: CategoryVerdict, cases: Sequence[CaseKey], strata: Sequence[Stratum]) -> tuple[CaseEvidence, ...]:
    """The cases that speak most for a rise."""
    found = [
        CaseEvidence(
            key,
            (stratum.errors_baseline, stratum.n_baseline),
            (stratum.errors_candidate, stratum.n_candidate),
            score / UNITS_PER_BIT,
        )
        for key, stratum, score in zip(cases, strata, verdict.contributions, strict=False)
        if score > 0
    ]
    return tuple(sorted(found, key=lambda each: -each.bits)[:MOST_WORST])


def _one_sided(table: Table[CaseKey], name: str, before: Results, after: Results) -> OneSided:
    """What is known of a category in the cases that both sides could judge and only one was examined for it."""
    known = [
        stratum
        for key, stratum in zip(table.cases, table.categories[name], strict=True)
        if (stratum.n_baseline or stratum.n_candidate) and before[key].answered and after[key].answered
    ]
    alone = [stratum for stratum in known if not stratum.compared]
    return OneSided(len(alone), len(known), *(sum(column) for column in zip(*alone, strict=True)))


def _rank(row: CategoryRow) -> tuple[int, float, str]:
    order = ["REGRESSED", "INCONCLUSIVE", "SMALL", "NOT SHOWN", "OK", "IMPROVED"]
    return order.index(row.word or "OK"), -row.change, row.name


def _total(
    cases: Sequence[CaseKey], before: Results, after: Results, families: Sequence[tuple[str, str]]
) -> CategoryRow:
    """Any failure, over the cases with an answer on both sides; one that nothing verifies fails in no category."""
    strata = [Stratum(*_failing(before[key].answered), *_failing(after[key].answered)) for key in cases]
    counts = [stratum for stratum in strata if stratum.compared]
    changes = [stratum.change for stratum in by_family(strata, families)]
    return CategoryRow(
        name="",
        baseline_failed=sum(count[0] for count in counts),
        baseline_judged=sum(count[1] for count in counts),
        candidate_failed=sum(count[2] for count in counts),
        candidate_judged=sum(count[3] for count in counts),
        change=sum(changes) / len(changes) if changes else 0.0,
    )


def any_failure(cases: Sequence[CaseKey], before: Results, after: Results) -> list[Stratum]:
    """How often each case failed in any category, in results without copies."""
    return [Stratum(*_failing(before[key].judged), *_failing(after[key].judged)) for key in cases]


def _failing(samples: Sequence[SampleResult]) -> tuple[int, int]:
    """How many samples fail, and of how many."""
    return sum(sample.outcome == "fail" for sample in samples), len(samples)


def _invalid(
    differ: Differences, table: Table[CaseKey], before: Results, after: Results, candidates: int
) -> Iterator[str]:
    """What keeps the comparison from saying anything, a sentence each."""
    wanted, _, _ = comparable_wordings(before, after)
    ran = len(wanted.keys() & after.keys() - set(differ.rows))
    if ran < LEAST_RUN * len(wanted):
        yield f"{ran} of the baseline's {_cases(len(wanted))} ran unchanged; at least 80% must"
    if len(differ.replies) > MOST_UNLIKE * len(after):
        yield (
            f"{len(differ.replies)} of {_cases(len(after))} cannot be compared: the baseline's replies to its "
            "old prompts fail today's tests; at most 10% may"
        )
    if len(differ.judges) > MOST_UNLIKE * len(after):
        yield (
            f"{len(differ.judges)} of {_cases(len(after))} cannot be compared: no verdict of today's judge on the "
            "baseline's answers; at most 10% may"
        )
    raising = sum(before[key].rejudged == "fails_now" and before[key].outcome == "error" for key in table.cases)
    if raising:  # no stricter check raises the same whatever is answered
        passed = "that passed when the baseline was saved"
        yield (
            f"{_cases(raising, f' {passed} raises', f' {passed} raise')} the same on both sides now: their tests, or "
            "the code behind the replies, are broken"
        )
    if before or not after:
        cause = lost_cause([*after.values(), *before.values()])
        for reason in table.why_invalid(min_overlap=0.0):
            yield f"{reason}: {cause}" if cause and table.cases else reason
    count = sum(bool(before[key].answered) for key in table.cases)
    if table.cases and count < LEAST_RUN * min(candidates, len(table.cases)):
        yield f"the baseline has an answer to {count} of {len(table.cases)} cases; at least 80% must have one"
    if table.cases and all("unverified" in (before[key].outcome, after[key].outcome) for key in table.cases):
        yield "no case is verified on both sides, so no check can tell whether an answer is right"
    empty = sum(not after[key].samples for key in table.cases)
    if empty:
        yield f"{empty} of {candidates} cases of the candidate hold no answer at all"


def _verdict(
    rows: Sequence[CategoryRow],
    all_of_them: CategoryRow | None,
    failing: Sequence[str],
    extent: Extent,
    doubts: Sequence[str],
    *,
    strict: bool,
) -> tuple[GateState, tuple[str, ...]]:
    if extent.stopped is not None:
        return "not evaluated", (extent.stopped,)
    words = ("REGRESSED", "INCONCLUSIVE") if strict else ("REGRESSED",)
    # What could not be measured comes first: it must not look like a pass.
    reasons = [reason for reason in failing if reason.startswith(UNMEASURED)]
    regressed = [row for row in rows if row.gated and row.word in words]
    if not regressed and all_of_them is not None and all_of_them.word in words:
        regressed = [all_of_them]
    reasons += [_sentence(row) for row in regressed]
    reasons += [reason for reason in failing if not reason.startswith(UNMEASURED)]
    if extent.part and strict:
        reasons.append(f"only {extent.part} ran, and --llm-strict requires all of them")
    if strict:
        reasons += doubts
    return ("failed", tuple(reasons)) if reasons else ("passed", ())


def _sentence(row: CategoryRow) -> str:
    if row.word == "REGRESSED":
        by = f", at least {100 * row.at_least:+.1f} points" if row.at_least else ""
        none = ", though none by itself did" if row.name == TOGETHER else ""
        return f"{row.name} regressed from {row.counts}{by} ({row.p_words}){none}"
    return f"{row.name} rose from {row.counts}, which could be noise ({row.p_words}), and --llm-strict fails that too"
