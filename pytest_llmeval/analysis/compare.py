"""Two models' results over the same cases: what got worse, what got better, and the gate's verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from pytest_llmeval.analysis.broken_tests import without_broken_tests
from pytest_llmeval.analysis.comparable import Differences, comparable_wordings, differences
from pytest_llmeval.analysis.comparison import UNMEASURED, CategoryRow, Comparison, GateState, OneSided, Results
from pytest_llmeval.analysis.copies import without_copies
from pytest_llmeval.analysis.examined import both_with_untraced
from pytest_llmeval.analysis.measure import Figures, measure
from pytest_llmeval.analysis.unseen import without_unseen
from pytest_llmeval.config.settings import CategorySettings, GateSettings
from pytest_llmeval.runs.results import CaseKey, CaseResult, unasked
from pytest_llmeval.stats.dependence import Dispersion
from pytest_llmeval.stats.gate import CategoryVerdict, GateRules, Verdict, judge
from pytest_llmeval.stats.outcomes import ERROR_PREFIX, SampleOutcome, Table, tabulate
from pytest_llmeval.stats.surprise import Stratum, by_family
from pytest_llmeval.text import plural

LEAST_RUN = 0.8  # of the baseline's cases, those that must have been run
MOST_UNLIKE = 0.1  # of the cases that ran, those whose saved replies may fail today's tests


class Judgement(NamedTuple):
    """What the gate makes of the error categories of two models.

    Attributes:
        differ: the cases that are not the same on both sides.
        uncompared: what else is not compared, a sentence each.
        candidates: how many results of the candidate could be compared.
        table: the shared cases, counted.
        families: by case of the table the row it is a wording of; empty when there are no other wordings.
        rules: what the gate went by.
        verdicts: by error category.
    """

    differ: Differences
    uncompared: tuple[str, ...]
    candidates: int
    table: Table[CaseKey]
    families: list[CaseKey]
    rules: GateRules
    verdicts: dict[str, CategoryVerdict]


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
        budgets: allowed rises of measured figures.
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
    """

    stopped: str | None = None
    part: str = ""
    unmeasurable: Sequence[str] = ()
    skipped: int = 0


DEFAULTS, WHOLE = Rules(), Extent()


def compare(baseline: Side, candidate: Side, rules: Rules = DEFAULTS, extent: Extent = WHOLE) -> Comparison:
    """Compare a candidate with the baseline and judge it."""
    before, after = without_unseen(baseline.results, candidate.results)
    before, after, broken = without_broken_tests(before, after)
    saved = baseline.saved
    differ, uncompared, candidates, table, families, _, verdicts = judgement(
        baseline._replace(results=before), candidate._replace(results=after), rules
    )
    judged = [key for key in table.cases if before[key].outcome != "error" and after[key].outcome != "error"]
    rows = [_row(name, verdict, table, before, after) for name, verdict in verdicts.items()]
    rows.sort(key=_rank)
    failed_before, failed_after = (
        {key for key in judged if results[key].outcome == "fail"} for results in (before, after)
    )
    figures = (
        measure(baseline.name, before.values(), beside=after.values()),
        measure(candidate.name, after.values(), beside=before.values()),
    )
    several = f"{extent.skipped} skipped tests are not compared"
    skipped = "1 test that was skipped is not compared" if extent.skipped == 1 else several
    over, notes = _over_budget(*figures, rules.budgets, saved=saved is not None)
    invalid = [
        f"{UNMEASURED}: {reason}"
        for reason in (*extent.unmeasurable, *_invalid(differ, table, before, after, candidates))
    ]
    gate, reasons = _verdict(rows, [*invalid, *over], extent, strict=rules.strict)
    if gate == "passed" and not before:
        gate, reasons = "not evaluated", ("nothing to compare: no case that ran is in the baseline",)
    return Comparison(
        baseline=figures[0],
        candidate=figures[1],
        compared=tuple(judged),
        rows=tuple(rows),
        total=_total(table.cases, before, after, families),
        new=tuple(key for key in judged if key in failed_after - failed_before),
        fixed=tuple(key for key in judged if key in failed_before - failed_after),
        known=tuple(key for key in judged if key in failed_before & failed_after),
        flaky=tuple(
            key for key in judged if key not in failed_after and any(s.outcome == "fail" for s in after[key].samples)
        ),
        errors=tuple(key for key in table.cases if key not in judged),
        only_baseline=table.removed,
        only_candidate=table.added,
        changed=differ.rows,
        unlike=differ.replies,
        gate=gate,
        reasons=reasons,
        notes=(
            *broken,
            *notes,
            *_compared_otherwise(differ, table, before, after, saved=saved is not None),
            *uncompared,
            *unasked([after[key] for key in judged]),
            *([skipped] if extent.skipped else []),
        ),
        saved=saved,
        saved_when=baseline.saved_when,
        part=extent.part,
        baseline_results=before,
        candidate_results=after,
    )


def judgement(baseline: Side, candidate: Side, rules: Rules) -> Judgement:
    """The verdict on every error category."""
    before, after = baseline.results, candidate.results
    differ = differences(before, after)
    old, new, uncompared = comparable_wordings(before, after)
    old, new = both_with_untraced(without_copies(old), without_copies(new))
    table = tabulate(
        {key: outcomes_of(result) for key, result in old.items() if key not in differ.not_comparable},
        {key: outcomes_of(result) for key, result in new.items() if key not in differ.not_comparable},
        also=rules.categories,
    )
    families = [after[key].row for key in table.cases] if any(after[key].wording for key in table.cases) else []
    strata = {name: rows for name, rows in table.categories.items() if not name.startswith(ERROR_PREFIX)}
    overall = gate_rules(baseline.name, candidate.name, another_model=candidate.another)
    by_category = {name: settings.rule() for name, settings in rules.categories.items()}
    verdicts = judge(strata, overall, by_category, dispersion=rules.dispersion, families=families)
    return Judgement(differ, uncompared, len(new), table, families, overall, verdicts)


def _compared_otherwise(
    differ: Differences, table: Table[CaseKey], before: Results, after: Results, *, saved: bool
) -> Iterator[str]:
    """Which cases are compared in another way than a reader expects, a sentence for each way."""
    rejudged = Counter(result.rejudged for key, result in before.items() if key in after)
    if saved and (count := len(differ.prompts)):
        yield (
            f"the prompt of {count} of {len(table.cases)} cases changed since the baseline was saved; they are "
            "compared all the same"
        )
    if count := rejudged["as_saved"]:
        yield (
            f"{_cases(count, ' asks', ' ask')} the model in another way than when the baseline was saved; the saved "
            "verdict counts"
        )
    if count := rejudged["executed_once"]:
        yield (
            f"{_cases(count, ' was', ' were')} not judged again, since another plugin must see one execution of each "
            "test; the saved verdict counts"
        )
    if count := rejudged["other_code"]:
        yield (
            f"{_cases(count, ' fails', ' fail')} today on replies that passed when the baseline was saved, in tests "
            "that have not changed: the code behind the replies has; the saved verdict counts"
        )
    if count := len(differ.replies):
        yield (
            f"{_cases(count, ' is', ' are')} not compared: the baseline's replies to the prompts of then fail today's "
            "tests"
        )
    copies = 0
    for side in (before, after):
        single = without_copies(side)
        copies += sum(len(side[key].samples) - len(single[key].samples) for key in table.cases)
    if copies:
        yield f"{plural(copies, 'answer')} came from the provider more than once (same response id); each counts once"


def _cases(count: int, one: str = "", many: str = "") -> str:
    return f"1 case{one}" if count == 1 else f"{count} cases{many}"


def outcomes_of(result: CaseResult) -> list[SampleOutcome]:
    """The samples of a case as the test counts them."""
    return [
        SampleOutcome(
            passed=sample.outcome == "pass",
            categories=sample.categories,
            error=(sample.category or "unknown") if sample.outcome == "error" else None,
            examined=sample.examined,
        )
        for sample in result.samples
    ]


def gate_rules(baseline: str, candidate: str, *, another_model: bool = False) -> GateRules:
    """What the gate goes by.

    Another model fails other cases even when it is no worse, so a swap of models needs a net rise of three cases.
    The 10 points that go with it in categories of input would hide an error type that is rare by nature: here every
    case is in every category, and 9 new inventions among 250 cases are 3.6 points.
    """
    return GateRules(min_cases=3.0) if another_model or baseline != candidate else GateRules()


def _row(name: str, verdict: CategoryVerdict, table: Table[CaseKey], before: Results, after: Results) -> CategoryRow:
    cases = table.cases
    new = [key for key in cases if _fails_in(after[key], name) and not _fails_in(before[key], name)]
    surprise = dict(zip(cases, verdict.contributions, strict=True))
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
        new=tuple(sorted(new, key=lambda key: -surprise[key])),
        fixed=tuple(key for key in cases if _fails_in(before[key], name) and not _fails_in(after[key], name)),
        note=verdict.method_reason,
        one_sided=_one_sided(table, name, before, after),
    )


def _one_sided(table: Table[CaseKey], name: str, before: Results, after: Results) -> OneSided:
    """What is known of a category in the cases that both sides could judge and only one was examined for it."""
    known = [
        stratum
        for key, stratum in zip(table.cases, table.categories[name], strict=True)
        if (stratum.n_baseline or stratum.n_candidate) and before[key].judged and after[key].judged
    ]
    alone = [stratum for stratum in known if not stratum.compared]
    return OneSided(len(alone), len(known), *(sum(column) for column in zip(*alone, strict=True)))


def _fails_in(result: CaseResult, category: str) -> bool:
    return category in result.categories


def _rank(row: CategoryRow) -> tuple[int, float, str]:
    order = ["REGRESSED", "INCONCLUSIVE", "TOO SMALL", "OK", "IMPROVED"]
    return order.index(row.word or "OK"), -row.change, row.name


def _total(cases: Sequence[CaseKey], before: Results, after: Results, families: Sequence[CaseKey]) -> CategoryRow:
    """Any failure, over the cases that both sides could judge."""
    sides = [without_copies(side) for side in (before, after)]
    pairs = [tuple(_failing_and_judged(side[key]) for side in sides) for key in cases]
    strata = [Stratum(*old, *new) for old, new in pairs]
    counts = [stratum for stratum in strata if stratum.compared]
    changes = [stratum.change for stratum in by_family(strata, families)]
    return CategoryRow(
        name="",
        baseline_failed=sum(count[0] for count in counts),
        baseline_judged=sum(count[1] for count in counts),
        candidate_failed=sum(count[2] for count in counts),
        candidate_judged=sum(count[3] for count in counts),
        change=sum(changes) / len(changes) if changes else 0.0,
        new=tuple(key for key in cases if after[key].outcome == "fail" and before[key].outcome == "pass"),
        fixed=tuple(key for key in cases if after[key].outcome == "pass" and before[key].outcome == "fail"),
    )


def _failing_and_judged(result: CaseResult) -> tuple[int, int]:
    return sum(sample.outcome == "fail" for sample in result.judged), len(result.judged)


def _invalid(
    differ: Differences, table: Table[CaseKey], before: Results, after: Results, candidates: int
) -> Iterator[str]:
    """What keeps the comparison from saying anything, a sentence each."""
    wanted, _, _ = comparable_wordings(before, after)
    ran = len(wanted.keys() & after.keys() - set(differ.rows))
    if ran < LEAST_RUN * len(wanted):
        yield f"{ran} of the baseline's {_cases(len(wanted))} were run as they were; at least 80% must be"
    if len(differ.replies) > MOST_UNLIKE * len(after):
        yield (
            f"{len(differ.replies)} of {_cases(len(after))} cannot be compared: the baseline's replies to the "
            "prompts of then fail today's tests; at most 10% may"
        )
    if before or not after:
        yield from table.why_invalid(min_overlap=0.0)
    count = sum(bool(before[key].judged) for key in table.cases)
    if table.cases and count < LEAST_RUN * min(candidates, len(table.cases)):
        yield f"the baseline has an answer to {count} of {len(table.cases)} cases; at least 80% must have one"
    empty = sum(not after[key].samples for key in table.cases)
    if empty:
        yield f"{empty} of {candidates} cases of the candidate hold no answer at all"


def _verdict(
    rows: Sequence[CategoryRow], failing: Sequence[str], extent: Extent, *, strict: bool
) -> tuple[GateState, tuple[str, ...]]:
    if extent.stopped is not None:
        return "not evaluated", (extent.stopped,)
    words = ("REGRESSED", "INCONCLUSIVE") if strict else ("REGRESSED",)
    # What could not be measured comes first: it must not look like a pass.
    reasons = [reason for reason in failing if reason.startswith(UNMEASURED)]
    reasons += [_sentence(row) for row in rows if row.gated and row.word in words]
    reasons += [reason for reason in failing if not reason.startswith(UNMEASURED)]
    if extent.part and strict:
        reasons.append(f"only {extent.part} ran, and --llm-strict wants all of them")
    return ("failed", tuple(reasons)) if reasons else ("passed", ())


def _sentence(row: CategoryRow) -> str:
    if row.word == "REGRESSED":
        return f"{row.name} regressed from {row.counts} (p = {row.p:.2g})"
    return f"{row.name} rose from {row.counts}, which could be noise (p = {row.p:.2g}), and --llm-strict fails that too"


def _over_budget(
    baseline: Figures, candidate: Figures, budgets: GateSettings, *, saved: bool
) -> tuple[list[str], tuple[str, ...]]:
    """Which measured figures rose more than they may: reasons to fail, or notes where they are not comparable."""
    reasons, notes = [], []
    for name, allowed in budgets._asdict().items():
        if allowed is None:
            continue
        old, new = _figure(baseline, name), _figure(candidate, name)
        if old is None or new is None:
            notes.append(f"{name} is not gated: it is not known for both models")
            continue
        if new <= old * (1 + allowed):
            continue
        told = f"{name} rose from {old:.4g} to {new:.4g} (allowed {allowed:+.0%})"
        timed = name != "cost_per_resolved"
        if saved or (timed and baseline.live_figures != candidate.live_figures):
            notes.append(f"{told}; not gated: it was not measured in the same session")
        else:
            reasons.append(told)
    return reasons, tuple(notes)


def _figure(figures: Figures, name: str) -> float | None:
    if name == "cost_per_resolved":
        return figures.cost_per_resolved
    kind, _, percent = name.partition("_p")
    known = figures.latency if kind == "latency" else figures.ttft
    return next((each.value for each in known if each.share == int(percent) / 100), None)
