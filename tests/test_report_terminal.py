"""The reports as a reader sees them, whole, at 80 columns unless a test says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from textwrap import dedent
from typing import Any

from pytest_llmeval.compare import CategoryRow, Comparison
from pytest_llmeval.measure import Figures
from pytest_llmeval.reply import Answer, Measures
from pytest_llmeval.report.lines import Line
from pytest_llmeval.report.terminal import summary
from pytest_llmeval.run import Call, CaseKey, CaseResult, SampleResult

OLD = "A refund is possible within 30 days of purchase by emailing support@acme.test."
NEW = "A refund is possible within 60 days of purchase by contacting support@acme.test."
OTHER = "I am sorry, but we never give anything back."


def key(name: str) -> CaseKey:
    return CaseKey("tests/llm/test_support.py::test_policy", name)


REFUND, RETURNS, WARRANTY, ORDER = key("refund-window"), key("eu-returns"), key("warranty"), key("order-4411")


def call(text: str = "", **more: Any) -> Call:
    return Call(provider="openai", request_model="m", prompt="", answer=Answer(text=text, **more), measures=MEASURES)


MEASURES = Measures(latency=0.4)


def result(case: CaseKey, text: str, *verdicts: str | None, reason: str = "") -> CaseResult:
    """A case whose samples passed (None) or failed in a category, all with one text."""
    samples = [
        SampleResult(
            index=index,
            outcome="fail" if category else "pass",
            category=category,
            reason=reason if category else "",
            calls=(call(text),),
        )
        for index, category in enumerate(verdicts)
    ]
    return CaseResult(key=case, model="m", samples=tuple(samples))


def broken(case: CaseKey, reason: str) -> CaseResult:
    sample = SampleResult(index=0, outcome="error", category="rate_limit", reason=reason)
    return CaseResult(key=case, model="m", samples=(sample,))


def by_key(*results: CaseResult) -> dict[CaseKey, CaseResult]:
    return {each.key: each for each in results}


BASELINE = Figures(
    model="acme-large-1",
    cases=250,
    passed=214,
    failed=36,
    errors=0,
    samples=1250,
    most_samples=5,
    latencies=(0.42,) * 1150 + (0.9,) * 80 + (1.4,) * 20,
    ttfts=(0.18,) * 1250,
    live_figures=True,
    live=1250,
    replayed=0,
    cost=0.8774,
    spent=0.8774,
    cost_per_resolved=0.0041,
    agreement=0.94,
)
CANDIDATE = replace(
    BASELINE,
    model="acme-large-2",
    passed=225,
    failed=25,
    latencies=(0.39,) * 1150 + (1.31,) * 80 + (2.6,) * 20,
    ttfts=(0.15,) * 1250,
    live=1000,
    replayed=250,
    spent=0.31,
    cost_per_resolved=0.0036,
    agreement=0.88,
)
HALLUCINATION = CategoryRow(
    name="hallucination",
    baseline_failed=10,
    baseline_judged=1250,
    candidate_failed=55,
    candidate_judged=1250,
    change=0.036,
    interval=(0.012, 0.06),
    word="REGRESSED",
    p=0.0042,
    new=(REFUND, RETURNS),
)
REFUSAL = CategoryRow(
    name="refusal",
    baseline_failed=6,
    baseline_judged=1250,
    candidate_failed=14,
    candidate_judged=1250,
    change=0.0064,
    word="INCONCLUSIVE",
    p=0.046,
    samples_needed=10,
    new=(WARRANTY,),
    note="samples repeat each other: each case counted once",
)
FORMAT = CategoryRow(
    name="format",
    baseline_failed=150,
    baseline_judged=1250,
    candidate_failed=60,
    candidate_judged=1250,
    change=-0.072,
    word="IMPROVED",
    p=0.00001,
    fixed=(ORDER,),
)
TOTAL = CategoryRow(
    name="",
    baseline_failed=166,
    baseline_judged=1250,
    candidate_failed=129,
    candidate_judged=1250,
    change=-0.0296,
)
BEFORE = by_key(
    result(REFUND, OLD, None, None, None, None, None),
    result(RETURNS, OLD, None, None, None, None, None),
    result(WARRANTY, "Two years.", "format", "format", "format", None, None),
    result(ORDER, "{", "format", "format", "format", "format", "format"),
)
AFTER = by_key(
    result(
        REFUND, NEW, "hallucination", "hallucination", None, "hallucination", "hallucination", reason="no '30 days'"
    ),
    result(RETURNS, OTHER, *["hallucination"] * 5, reason="expected to contain '30 days'"),
    result(WARRANTY, "", *["refusal"] * 5, reason="the model refused"),
    result(ORDER, "{}", None, None, None, None, None),
)
FAILED = Comparison(
    baseline=BASELINE,
    candidate=CANDIDATE,
    compared=(REFUND, RETURNS, WARRANTY, ORDER),
    rows=(HALLUCINATION, REFUSAL, FORMAT),
    total=TOTAL,
    new=(REFUND, RETURNS),
    fixed=(ORDER,),
    known=(WARRANTY,),
    flaky=(),
    errors=(),
    only_baseline=(),
    only_candidate=(),
    changed=(),
    gate="failed",
    reasons=("hallucination regressed from 10 of 1250 to 55 of 1250 (p = 0.0042)",),
    saved=None,
    baseline_results=BEFORE,
    candidate_results=AFTER,
)
OK = replace(HALLUCINATION, candidate_failed=10, change=0.0, word="OK", p=1.0, new=())
PASSED = replace(
    FAILED,
    rows=(OK,),
    total=replace(OK, name="", word=""),
    new=(),
    fixed=(ORDER,),
    known=(WARRANTY, RETURNS),
    flaky=(REFUND,),
    gate="passed",
    reasons=(),
)
ONLY_REFUND: Mapping[CaseKey, CaseResult] = by_key(AFTER[REFUND])


def text(lines: list[Line]) -> str:
    return "\n".join(line.text for line in lines) + "\n"


def report(*comparisons: Comparison, **options: Any) -> str:
    figures = [comparisons[0].baseline, *(comparison.candidate for comparison in comparisons)]
    return text(summary(comparisons, figures, **options))


def shown(expected: str) -> str:
    return dedent(expected).lstrip("\n")
