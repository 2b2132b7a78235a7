"""Two models' results over the same cases: what got worse, what got better, and the gate's verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Literal

from pytest_llmeval.config import CategorySettings, GateSettings
from pytest_llmeval.measure import Figures, measure
from pytest_llmeval.run import CaseKey, CaseResult, SampleResult
from pytest_llmeval.stats.gate import CategoryRule, CategoryVerdict, GateRules, Verdict, judge
from pytest_llmeval.stats.outcomes import ERROR_PREFIX, SampleOutcome, Table, tabulate
from pytest_llmeval.stats.surprise import Stratum

__all__ = ["CategoryRow", "Comparison", "GateState", "compare", "gate_rules", "verdicts_of"]

Word = Literal["REGRESSED", "INCONCLUSIVE", "TOO SMALL", "IMPROVED", "OK"]
GateState = Literal["passed", "failed", "not evaluated"]

SHORTEST_COPY = 200  # characters of an answer that is not said twice by chance

Results = Mapping[CaseKey, CaseResult]


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryRow:
    """One error category on both sides.

    Attributes:
        name: the category; "" for any failure.
        baseline_failed: failing samples of this category, of ``baseline_judged`` judged samples.
        candidate_failed: the same for the candidate, of ``candidate_judged``.
        change: mean over the cases of the difference of the shares, as a fraction: 0.1 is 10 points worse.
        interval: 95 % interval of the change, None where there is none.
        word: the verdict; "" for any failure, which is not tested.
        gated: whether REGRESSED fails the gate.
        p: p-value after correction for the number of categories, None for any failure.
        samples_needed: samples per case that would settle an INCONCLUSIVE, None when unknown.
        new: cases that fail in this category now and did not with the baseline, worst first.
        fixed: cases that failed in this category with the baseline and do not now.
        note: what else the reader must know, as in "samples repeat each other: each case counted once".
    """

    name: str
    baseline_failed: int
    baseline_judged: int
    candidate_failed: int
    candidate_judged: int
    change: float
    interval: tuple[float, float] | None = None
    word: Word | Literal[""] = ""
    gated: bool = True
    p: float | None = None
    samples_needed: int | None = None
    new: tuple[CaseKey, ...] = ()
    fixed: tuple[CaseKey, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A candidate beside the baseline.

    Attributes:
        baseline: figures of the baseline over all its cases.
        candidate: figures of the candidate.
        compared: the cases judged under both.
        rows: one per error category seen on either side or configured, worst first.
        total: any failure.
        new: cases that passed with the baseline and fail now.
        fixed: cases that failed with the baseline and pass now.
        known: cases that fail under both.
        flaky: cases that pass under the candidate though some of its samples fail.
        errors: cases that could not be judged on one side or the other.
        only_baseline: cases the candidate was not run on.
        only_candidate: cases the baseline was not run on.
        changed: cases whose row is not the one the baseline was run on; they are not compared.
        gate: the verdict.
        reasons: why the gate failed or was not evaluated, a sentence each; the first says it all.
        notes: what else a reader must know to trust the verdict, a sentence each.
        saved: name of the saved run the baseline comes from, so that latency and cost are not comparable; else None.
        baseline_results: the baseline's results by case, for showing replies side by side.
        candidate_results: the candidate's.
    """

    baseline: Figures
    candidate: Figures
    compared: tuple[CaseKey, ...]
    rows: tuple[CategoryRow, ...]
    total: CategoryRow
    new: tuple[CaseKey, ...]
    fixed: tuple[CaseKey, ...]
    known: tuple[CaseKey, ...]
    flaky: tuple[CaseKey, ...]
    errors: tuple[CaseKey, ...]
    only_baseline: tuple[CaseKey, ...]
    only_candidate: tuple[CaseKey, ...]
    changed: tuple[CaseKey, ...]
    gate: GateState
    reasons: tuple[str, ...]
    notes: tuple[str, ...] = ()
    saved: str | None
    baseline_results: Results
    candidate_results: Results


def compare(
    baseline: str,
    before: Results,
    candidate: str,
    after: Results,
    *,
    categories: Mapping[str, CategorySettings] | None = None,
    budgets: GateSettings | None = None,
    saved: str | None = None,
    partial: str | None = None,
    skipped: int = 0,
    strict: bool = False,
) -> Comparison:
    """Compare a candidate with the baseline and judge it.

    Args:
        baseline: name of the baseline.
        before: its results by case.
        candidate: name of the candidate.
        after: its results by case.
        categories: how error categories are gated; what is not named goes by the defaults.
        budgets: allowed rises of measured figures.
        saved: name of the saved run the baseline comes from, None when both ran in this session.
        partial: why not all cases were run, None when they were; then there is no verdict.
        skipped: how many tests were skipped, so that nobody takes them for compared.
        strict: whether INCONCLUSIVE fails the gate.
    """
    changed, table, verdicts = verdicts_of(baseline, before, candidate, after, categories or {})
    judged = [key for key in table.cases if before[key].outcome != "error" and after[key].outcome != "error"]
    rows = [_row(name, verdict, table.cases, before, after) for name, verdict in verdicts.items()]
    rows.sort(key=_rank)
    failed = {
        side: {key for key in judged if results[key].outcome == "fail"}
        for side, results in (("before", before), ("after", after))
    }
    figures = (
        measure(baseline, before.values(), beside=after.values()),
        measure(candidate, after.values(), beside=before.values()),
    )
    over, notes = _over_budget(*figures, budgets or GateSettings(), saved=saved is not None)
    comparable = sum(bool(before[key].judged) for key in table.cases), len(after)
    gate, reasons = _verdict(rows, over, table, comparable, partial=partial, strict=strict)
    return Comparison(
        baseline=figures[0],
        candidate=figures[1],
        compared=tuple(judged),
        rows=tuple(rows),
        total=_total(table.cases, before, after),
        new=tuple(key for key in judged if key in failed["after"] - failed["before"]),
        fixed=tuple(key for key in judged if key in failed["before"] - failed["after"]),
        known=tuple(key for key in judged if key in failed["before"] & failed["after"]),
        flaky=tuple(key for key in judged if _flaky(after[key])),
        errors=tuple(key for key in table.cases if key not in judged),
        only_baseline=table.removed,
        only_candidate=table.added,
        changed=changed,
        gate=gate,
        reasons=reasons,
        notes=(*notes, *_copies(before, after, table.cases), *([_skipped(skipped)] if skipped else [])),
        saved=saved,
        baseline_results=before,
        candidate_results=after,
    )


def verdicts_of(
    baseline: str, before: Results, candidate: str, after: Results, categories: Mapping[str, CategorySettings]
) -> tuple[tuple[CaseKey, ...], Table[CaseKey], dict[str, CategoryVerdict]]:
    """The cases whose row changed, the shared ones counted, and the verdict on every error category."""
    changed = tuple(key for key in after if key in before and before[key].content != after[key].content)
    table = tabulate(
        {key: _outcomes(result) for key, result in before.items() if key not in changed},
        {key: _outcomes(result) for key, result in after.items() if key not in changed},
    )
    strata = {name: rows for name, rows in table.categories.items() if not name.startswith(ERROR_PREFIX)}
    for name in categories:
        strata.setdefault(name, _never(table, before, after))
    rules = {name: _rule(categories.get(name)) for name in strata}
    return changed, table, judge(strata, gate_rules(baseline, candidate), rules)


def _skipped(count: int) -> str:
    return "1 test that was skipped is not compared" if count == 1 else f"{count} skipped tests are not compared"


def _independent(result: CaseResult) -> tuple[SampleResult, ...]:
    """The samples of a case without those that repeat another word for word.

    The test takes samples for independent draws. A long answer that comes twice is a copy, as of a provider's cache,
    and copies counted as evidence fail pull requests that change nothing; short answers repeat by nature.
    """
    kept: dict[tuple[str, int], SampleResult] = {}
    for place, sample in enumerate(result.samples):
        text = "\n".join(call.answer.text for call in sample.calls)
        kept.setdefault((text, 0) if len(text) >= SHORTEST_COPY else ("", place + 1), sample)
    return tuple(kept.values())


def _outcomes(result: CaseResult) -> list[SampleOutcome]:
    return [
        SampleOutcome(
            passed=sample.outcome == "pass",
            categories=(sample.category,) if sample.outcome == "fail" and sample.category else (),
            error=(sample.category or "unknown") if sample.outcome == "error" else None,
        )
        for sample in _independent(result)
    ]


def _copies(before: Results, after: Results, cases: Sequence[CaseKey]) -> list[str]:
    """That some answers were left out of the test."""
    results = [side[key] for key in cases for side in (before, after)]
    copies = sum(len(result.samples) - len(_independent(result)) for result in results)
    return [f"{copies} answers repeat another of their case word for word; each counts once"] if copies else []


def _never(table: Table[CaseKey], before: Results, after: Results) -> tuple[Stratum, ...]:
    """The strata of a category nobody failed in."""
    judged = [
        [sum(s.outcome != "error" for s in _independent(side[key])) for side in (before, after)] for key in table.cases
    ]
    return tuple(Stratum(0, old, 0, new) for old, new in judged)


def gate_rules(baseline: str, candidate: str) -> GateRules:
    """What the gate goes by.

    Another model fails other cases even when it is no worse, so a swap of models needs a net rise of three cases.
    The 10 points that go with it in categories of input would hide an error type that is rare by nature: here every
    case is in every category, and 9 new inventions among 250 cases are 3.6 points.
    """
    return GateRules() if baseline == candidate else GateRules(min_cases=3.0)


def _rule(settings: CategorySettings | None) -> CategoryRule:
    if settings is None:
        return CategoryRule()
    high = settings.severity == "high"
    return CategoryRule(
        weight=3.0 if high else 1.0,
        gated=settings.severity != "low",
        max_increase=settings.max_increase,
        min_cases=1.0 if high else None,
    )


def _row(name: str, verdict: CategoryVerdict, cases: Sequence[CaseKey], before: Results, after: Results) -> CategoryRow:
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
    )


def _fails_in(result: CaseResult, category: str) -> bool:
    return result.outcome == "fail" and result.category == category


def _rank(row: CategoryRow) -> tuple[int, float, str]:
    order = ["REGRESSED", "INCONCLUSIVE", "TOO SMALL", "OK", "IMPROVED"]
    return order.index(row.word or "OK"), -row.change, row.name


def _total(cases: Sequence[CaseKey], before: Results, after: Results) -> CategoryRow:
    """Any failure, over the cases that both sides could judge."""
    pairs = [(before[key].judged, after[key].judged) for key in cases if before[key].judged and after[key].judged]
    counts = [
        (sum(s.outcome == "fail" for s in old), len(old), sum(s.outcome == "fail" for s in new), len(new))
        for old, new in pairs
    ]
    return CategoryRow(
        name="",
        baseline_failed=sum(count[0] for count in counts),
        baseline_judged=sum(count[1] for count in counts),
        candidate_failed=sum(count[2] for count in counts),
        candidate_judged=sum(count[3] for count in counts),
        change=sum(c[2] / c[3] - c[0] / c[1] for c in counts) / len(counts) if counts else 0.0,
        new=tuple(key for key in cases if after[key].outcome == "fail" and before[key].outcome == "pass"),
        fixed=tuple(key for key in cases if after[key].outcome == "pass" and before[key].outcome == "fail"),
    )


def _flaky(result: CaseResult) -> bool:
    outcomes = {sample.outcome for sample in result.judged}
    return result.outcome == "pass" and "fail" in outcomes


def _verdict(
    rows: Sequence[CategoryRow],
    over: Sequence[str],
    table: Table[CaseKey],
    comparable: tuple[int, int],
    *,
    partial: str | None,
    strict: bool,
) -> tuple[GateState, tuple[str, ...]]:
    if partial is not None:
        return "not evaluated", (partial,)
    invalid = table.why_invalid()
    count, everything = comparable
    if table.cases and count < 0.8 * everything:
        invalid += (f"the baseline has an answer to {count} of {everything} cases; at least 80% must have one",)
    if invalid:
        # What could not be measured must not look like a pass.
        return "failed", tuple(f"could not be measured: {reason}" for reason in invalid)
    words = ("REGRESSED", "INCONCLUSIVE") if strict else ("REGRESSED",)
    repeated = table.samples > len(table.cases)
    reasons = [_sentence(row, repeated=repeated) for row in rows if row.gated and row.word in words]
    reasons += over
    return ("failed", tuple(reasons)) if reasons else ("passed", ())


def _sentence(row: CategoryRow, *, repeated: bool) -> str:
    unit = "answers" if repeated else "cases"
    counts = (
        f"{row.baseline_failed} of {row.baseline_judged} to {row.candidate_failed} of {row.candidate_judged} {unit}"
    )
    if row.word == "REGRESSED":
        return f"{row.name} regressed from {counts} (p = {row.p:.2g})"
    return f"{row.name} rose from {counts}, which could be noise (p = {row.p:.2g}), and --llm-strict fails that too"


def _over_budget(
    baseline: Figures, candidate: Figures, budgets: GateSettings, *, saved: bool
) -> tuple[list[str], tuple[str, ...]]:
    """Which measured figures rose more than they may: reasons to fail, or notes where they are not comparable."""
    reasons, notes = [], []
    for field in fields(budgets):
        allowed: float | None = getattr(budgets, field.name)
        if allowed is None:
            continue
        old, new = _figure(baseline, field.name), _figure(candidate, field.name)
        if old is None or new is None:
            notes.append(f"{field.name} is not gated: it is not known for both models")
            continue
        if new <= old * (1 + allowed):
            continue
        told = f"{field.name} rose from {old:.4g} to {new:.4g} (allowed {allowed:+.0%})"
        timed = field.name != "cost_per_resolved"
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
