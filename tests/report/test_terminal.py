# ruff: noqa: RUF001
"""The reports as a reader sees them, whole, at 80 columns unless a test says otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_llmeval.analysis.comparison import CaseEvidence, CategoryRow, Comparison
from pytest_llmeval.analysis.measure import PERCENTILES, Figures
from pytest_llmeval.reply import Answer, Measures, ToolCall
from pytest_llmeval.report.paper import Line, Paper
from pytest_llmeval.report.summary import list_category, summary
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, SampleResult
from pytest_llmeval.stats.cost import Estimate
from pytest_llmeval.stats.means import Mean
from pytest_llmeval.stats.quantiles import percentile

OLD = "A refund is possible within 30 days of purchase by emailing support@acme.test."
NEW = "A refund is possible within 60 days of purchase by contacting support@acme.test."
OTHER = "I am sorry, but we never give anything back."


def key(name: str) -> CaseKey:
    return CaseKey("tests/llm/test_support.py::test_policy", name)


REFUND, RETURNS, WARRANTY, ORDER = key("refund-window"), key("eu-returns"), key("warranty"), key("order-4411")


def call(text: str = "", **more: Any) -> Call:
    return Call(
        provider="openai", request_model="m", words_digest="", answer=Answer(text=text, **more), measures=MEASURES
    )


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


def timed(latencies: tuple[float, ...], ttfts: tuple[float, ...]) -> dict[str, Any]:
    """The figures of times, one call per case."""
    latency, ttft = (
        tuple(percentile([[value] for value in values], share) for share in PERCENTILES) if values else ()
        for values in (latencies, ttfts)
    )
    return {"latency": latency, "ttft": ttft}


BASELINE = Figures(
    model="acme-large-1",
    cases=250,
    passed=214,
    failed=36,
    errors=0,
    samples=1250,
    most_samples=5,
    **timed((0.42,) * 1150 + (0.9,) * 80 + (1.4,) * 20, (0.18,) * 1250),
    live_figures=True,
    live=1250,
    replayed=0,
    cost=0.8774,
    spent=0.8774,
    cost_per_resolved=Estimate(0.0041, 0.0038, 0.0044),
    verdict_agreement=Mean(0.94, 0.9, 0.98, 250),
)
CANDIDATE = BASELINE._replace(
    model="acme-large-2",
    passed=225,
    failed=25,
    **timed((0.39,) * 1150 + (1.31,) * 80 + (2.6,) * 20, (0.15,) * 1250),
    live=1000,
    replayed=250,
    spent=0.31,
    cost_per_resolved=Estimate(0.0036, 0.0033, 0.0039),
    verdict_agreement=Mean(0.88, 0.8, 0.96, 250),
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
    worse=12,
    better=2,
    spread="in certain cases",
    worst=(CaseEvidence(RETURNS, (0, 5), (5, 5), 9.75), CaseEvidence(REFUND, (0, 5), (4, 5), 6.5)),
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
OK = HALLUCINATION._replace(candidate_failed=10, change=0.0, word="OK", p=1.0, new=())
PASSED = FAILED._replace(
    rows=(OK,),
    total=OK._replace(name="", word=""),
    new=(),
    fixed=(ORDER,),
    known=(WARRANTY, RETURNS),
    flaky=(REFUND,),
    gate="passed",
    reasons=(),
)
RECORDED = FAILED._replace(candidate=CANDIDATE._replace(live_figures=False, live=0, replayed=1250, spent=0.0))
PARTIAL = PASSED._replace(
    gate="not evaluated",
    reasons=("only 4 of 250 cases were run (-k refund)",),
    saved="main.jsonl",
    errors=(RETURNS,),
    changed=(WARRANTY,),
    only_baseline=tuple(key(f"case-{number}") for number in range(7)),
    candidate=CANDIDATE._replace(
        cases=4,
        samples=17,
        errors=1,
        **timed((0.4,) * 17, ()),
        spent=None,
        cost_per_resolved=None,
    ),
    candidate_results={**AFTER, **by_key(broken(RETURNS, "HTTP 429: too many requests"))},
)
THIRD = PASSED._replace(candidate=CANDIDATE._replace(model="mistral-x", live_figures=False))
MANY = [PASSED._replace(candidate=CANDIDATE._replace(model=f"acme/acme-extra-large-{i}")) for i in range(4)]

MIXED = [
    *(each._replace(model="acme-large-1") for each in BEFORE.values()),
    *(each._replace(model="acme-large-2") for each in AFTER.values()),
]


def text(lines: list[Line]) -> str:
    return "\n".join(line.text for line in lines) + "\n"


def report(*comparisons: Comparison, **options: Any) -> str:
    figures = [comparisons[0].baseline, *(comparison.candidate for comparison in comparisons)]
    routes = options.pop("routes", ())
    return text(summary(Paper(**options), comparisons, figures, routes=routes))


FAILED_REPORT = """\
candidate acme-large-2 vs baseline acme-large-1
both ran in this checkout, so a change that hurts both alike does not show
250 cases × 5 samples · 250 calls replayed, 2250 live · $1.19 spent

GATE FAILED: hallucination regressed from 10 of 1250 to 55 of 1250 (p = 0.0042)
The total got better: any failure 166/1250 → 129/1250, -3.0 points. The gate
looks at each error category by itself.

  category       baseline  candidate   pts  new fixed  verdict      p
  ------------------------------------------------------------------------
! hallucination   10/1250    55/1250  +3.6    2     0  REGRESSED    0.004
~ refusal          6/1250    14/1250  +0.6    1     0  INCONCLUSIVE 0.046
  format         150/1250    60/1250  -7.2    0     1  IMPROVED     <0.001
  ------------------------------------------------------------------------
  any failure    166/1250   129/1250  -3.0    2     1
  hallucination: at least +1.2 points, in certain cases (12 worse, 2 better);
    worst: eu-returns 0/5 → 5/5, refund-window 0/5 → 4/5
  refusal: could be noise; about 10 samples per case would settle it; samples
    repeat each other: each case counted once
  ! regressed, gated · ~ worse, but not gated or not proven

  model         agree    p50    p95    p99  TTFT p50  $/resolved
  --------------------------------------------------------------
  acme-large-1   0.94  0.42s  0.90s  1.40s     0.18s      0.0041
  acme-large-2   0.88  0.39s  1.31s  2.60s     0.15s      0.0036
  change        -0.06    -7%   +46%   +86%      -17%        -12%

3 new misses (1 fails in another category than before)
  hallucination: tests/llm/test_support.py::test_policy[refund-window]
    passed 5/5 → 1/5; no '30 days'
    | A refund is possible within [-30-]{+60+} days of purchase by
    | [-emailing-]{+contacting+} support@acme.test.
  hallucination: tests/llm/test_support.py::test_policy[eu-returns]
    passed 5/5 → 0/5; expected to contain '30 days'
    baseline  | A refund is possible within 30 days of purchase by emailing
              | support@acme.test.
    candidate | I am sorry, but we never give anything back.
  refusal: tests/llm/test_support.py::test_policy[warranty]
    passed 2/5 → 0/5; failed before too, as format; the model refused
    baseline  | Two years.
    candidate | (nothing)

1 fixed

next: --llm-show=hallucination lists its cases with what changed
"""


def test_a_gate_that_passes_names_in_its_sentence_what_it_does_not_vouch_for() -> None:
    few = OK._replace(name="format", candidate_failed=30, change=0.016, word="NOT SHOWN", interval=(-0.01, 0.07))
    tone = OK._replace(name="tone", candidate_failed=40, change=0.024, word="REGRESSED", gated=False)
    shown = report(PASSED._replace(rows=(tone, REFUSAL, few, OK)), width=300)
    assert (
        "\ngate ok: no error category regressed in 4 cases, but tone 10/1250 → 40/1250 regressed, which is not gated, "
        "refusal 6/1250 → 14/1250 could be noise or not, "
        "format 10/1250 → 30/1250 could hide a rise of up to 7.0 points\n"
    ) in shown
    [quiet] = summary(Paper(verbosity=-1, width=300), [PASSED._replace(rows=(few,))], [])
    assert quiet.text.endswith(", but format 10/1250 → 30/1250 could hide a rise of up to 7.0 points")
    assert quiet.style == ("yellow",)
    # The same is said where nothing is new, and no list follows.
    steady = few._replace(candidate_failed=10, change=0.0)
    green = summary(Paper(width=300), [PASSED._replace(rows=(steady,))], [])
    assert green[2].text.endswith(", 1 flaky, but format 10/1250 → 10/1250 could hide a rise of up to 7.0 points")
    assert green[2].style == ("yellow",)
    side = report(PASSED._replace(rows=(few,)), THIRD)
    assert " ~ ok " in side


def test_every_case_that_fails_is_new_or_known_and_never_both() -> None:
    shown = report(FAILED, THIRD)
    [new] = [line.split()[2:] for line in shown.splitlines() if line.startswith("  new misses")]
    [known] = [line.split()[2:] for line in shown.splitlines() if line.startswith("  known misses")]
    failed = sum(result.outcome == "fail" for result in AFTER.values())
    assert (int(new[0]) + int(known[0]), len(FAILED.known)) == (failed, 1)


def test_a_failed_gate_comes_first_then_the_evidence_then_what_to_do() -> None:
    assert report(FAILED) == FAILED_REPORT


NARROW_REPORT = """\
candidate acme-large-2 vs baseline
  acme-large-1
both ran in this checkout, so a change
  that hurts both alike does not show
250 cases x 5 samples | 250 calls
  replayed, 2250 live | $1.19 spent

GATE FAILED: hallucination regressed
  from 10 of 1250 to 55 of 1250
  (p = 0.0042)
The total got better: any failure
166/1250 -> 129/1250, -3.0 points. The
gate looks at each error category by
itself.

! hallucination
    baseline 10/1250 0.8%, candidate
    55/1250 4.4%, pts +3.6, new 2, fixed
    0, verdict REGRESSED, p 0.004
~ refusal
    baseline 6/1250 0.5%, candidate
    14/1250 1.1%, pts +0.6, new 1, fixed
    0, verdict INCONCLUSIVE, p 0.046
  format
    baseline 150/1250 12%, candidate
    60/1250 4.8%, pts -7.2, new 0, fixed
    1, verdict IMPROVED, p <0.001
  any failure
    baseline 166/1250 13%, candidate
    129/1250 10%, pts -3.0, new 2, fixed
    1
  hallucination: at least +1.2 points,
    in certain cases (12 worse, 2
    better); worst: eu-returns 0/5 ->
    5/5, refund-window 0/5 -> 4/5
  refusal: could be noise; about 10
    samples per case would settle it;
    samples repeat each other: each case
    counted once
  ! regressed, gated | ~ worse, but not
  gated or not proven

  acme-large-1
    agree 0.94, p50 0.42s, p95 0.90s,
    p99 1.40s, TTFT p50 0.18s,
    $/resolved 0.0041
  acme-large-2
    agree 0.88, p50 0.39s, p95 1.31s,
    p99 2.60s, TTFT p50 0.15s,
    $/resolved 0.0036
  change
    agree -0.06, p50 -7%, p95 +46%, p99
    +86%, TTFT p50 -17%, $/resolved -12%

3 new misses (1 fails in another
category than before)
  hallucination: tests/llm/...nd-window]
    passed 5/5 -> 1/5; no '30 days'
    | A refund is possible within
    | [-30-]{+60+} days of purchase by
    | [-emailing-]{+contacting+} ...
  hallucination: tests/llm/...u-returns]
    passed 5/5 -> 0/5; expected to
    contain '30 days'
    baseline  | A refund is possible
              | within 30 days of
              | purchase by emailing ...
    candidate | I am sorry, but we never
              | give anything back.
  refusal: tests/llm/tes...icy[warranty]
    passed 2/5 -> 0/5; failed before
    too, as format; the model refused
    baseline  | Two years.
    candidate | (nothing)

1 fixed

next: --llm-show=hallucination lists its
      cases with what changed
"""


def test_a_narrow_ascii_terminal_gets_paragraphs_in_place_of_tables() -> None:
    assert report(FAILED, width=40, ascii=True) == NARROW_REPORT


GREEN_REPORT = """\
candidate acme-large-2 vs baseline acme-large-1
both ran in this checkout, so a change that hurts both alike does not show
gate ok: 250 cases × 5 samples, 0 regressed, 2 known misses, 1 fixed, 1 flaky
p50 0.42s → 0.39s, p95 0.90s → 1.31s, $/resolved 0.0041 → 0.0036 · $1.19 spent
"""


def test_a_gate_that_passed_with_nothing_new_takes_three_lines() -> None:
    assert report(PASSED) == GREEN_REPORT


GREEN_VERBOSE_REPORT = """\
candidate acme-large-2 vs baseline acme-large-1
both ran in this checkout, so a change that hurts both alike does not show
250 cases × 5 samples · 250 calls replayed, 2250 live · $1.19 spent

gate ok: no error category regressed in 4 cases

  category           baseline     candidate  pts  new fixed  verdict p
  --------------------------------------------------------------------
  hallucination  10/1250 0.8%  10/1250 0.8%  0.0    0     0  OK
  --------------------------------------------------------------------
  any failure    10/1250 0.8%  10/1250 0.8%  0.0    0     1
  hallucination: 95 % interval of the change +1.2 to +6.0 points

  model         agree    p50    p95    p99  TTFT p50  $/resolved
  --------------------------------------------------------------
  acme-large-1   0.94  0.42s  0.90s  1.40s     0.18s      0.0041
  acme-large-2   0.88  0.39s  1.31s  2.60s     0.15s      0.0036
  change        -0.06    -7%   +46%   +86%      -17%        -12%

2 known (fail with both)
1 fixed (failed with the baseline, pass now)
  tests/llm/test_support.py::test_policy[order-4411]
1 flaky (pass though some samples fail)
  tests/llm/test_support.py::test_policy[refund-window]
"""


def test_a_gate_that_passed_shows_all_with_v() -> None:
    assert report(PASSED, verbosity=1) == GREEN_VERBOSE_REPORT


PARTIAL_REPORT = """\
candidate acme-large-2 vs baseline acme-large-1 (saved run main.jsonl)
4 cases, up to 5 samples each · 250 calls replayed, 1000 live · cost unknown (no
  price)

GATE NOT EVALUATED: only 4 of 250 cases were run (-k refund)

  category           baseline     candidate  pts  new fixed  verdict p
  --------------------------------------------------------------------
  hallucination  10/1250 0.8%  10/1250 0.8%  0.0    0     0  OK
  --------------------------------------------------------------------
  any failure    10/1250 0.8%  10/1250 0.8%  0.0    0     1

  model                     agree    p50    p95    p99  TTFT p50  $/resolved
  --------------------------------------------------------------------------
  acme-large-1 (saved run)   0.94  0.42s  0.90s  1.40s     0.18s      0.0041
  acme-large-2               0.88  0.40s      -      -         -           -
  -: p95 needs 72 cases, p99 needs 368 cases, TTFT needs 6 streamed cases,
  $/resolved needs a price and an answer that passed; of times, only those of
  live calls count
  latency and cost not compared: the baseline is from another session

2 known misses, 1 fixed, 1 flaky

1 error: not judged, so neither passed nor failed
  tests/llm/test_support.py::test_policy[eu-returns]
    candidate: HTTP 429: too many requests

not compared: 1 case changed since the baseline ran
  tests/llm/test_support.py::test_policy[warranty]
not compared: 7 cases of the baseline did not run
  tests/llm/test_support.py::test_policy[case-0]
  tests/llm/test_support.py::test_policy[case-1]
  tests/llm/test_support.py::test_policy[case-2]
  tests/llm/test_support.py::test_policy[case-3]
  tests/llm/test_support.py::test_policy[case-4]
  2 more (-v names all)

next: run all cases to the end, then the gate is evaluated
"""


def test_a_partial_run_beside_a_saved_one_has_no_verdict_and_names_what_was_left_out() -> None:
    assert report(PARTIAL) == PARTIAL_REPORT


SIDE_BY_SIDE_REPORT = """\
2 candidates vs baseline acme-large-1
both ran in this checkout, so a change that hurts both alike does not show
250 cases × 5 samples · 500 calls replayed, 3250 live · $1.50 spent

acme-large-2: GATE FAILED: hallucination regressed from 10 of 1250 to 55 of 1250
  (p = 0.0042)
  The total got better: any failure 166/1250 → 129/1250, -3.0 points. The gate
  looks at each error category by itself.
mistral-x: gate ok: no error category regressed in 4 cases

                         acme-large-1  acme-large-2  mistral-x
  ------------------------------------------------------------
  hallucination               10/1250     ! 55/1250    10/1250
  refusal                      6/1250     ~ 14/1250          -
  format                     150/1250       60/1250          -
  ------------------------------------------------------------
  any failure                166/1250      129/1250    10/1250
  ------------------------------------------------------------
  new misses                                      3          0
  known misses                                    0          2
  fixed                                           1          1
  flaky                                           0          1
  ------------------------------------------------------------
  agreement                      0.94          0.88       0.88
  latency p50                   0.42s         0.39s      0.39s
  latency p95                   0.90s         1.31s      1.31s
  latency p99                   1.40s         2.60s      2.60s
  TTFT p50                      0.18s         0.15s      0.15s
  $ per resolved answer        0.0041        0.0036     0.0036
  measured                       live          live   recorded
  ------------------------------------------------------------
  gate                                       FAILED         ok
  acme-large-2: hallucination: at least +1.2 points, in certain cases (12 worse,
    2 better); worst: eu-returns 0/5 → 5/5, refund-window 0/5 → 4/5
  acme-large-2: refusal: could be noise; about 10 samples per case would settle
    it; samples repeat each other: each case counted once
  ! regressed, gated · ~ worse, but not gated or not proven
  latency not compared: acme-large-1 was called live, mistral-x is recorded

acme-large-2
3 new misses (1 fails in another category than before), 2 shown (-v shows all)
  hallucination: tests/llm/test_support.py::test_policy[refund-window]
    passed 5/5 → 1/5; no '30 days'
    | A refund is possible within [-30-]{+60+} days of purchase by
    | [-emailing-]{+contacting+} support@acme.test.
  hallucination: tests/llm/test_support.py::test_policy[eu-returns]
    passed 5/5 → 0/5; expected to contain '30 days'
    baseline  | A refund is possible within 30 days of purchase by emailing
              | support@acme.test.
    candidate | I am sorry, but we never give anything back.

next: --llm-show=hallucination lists its cases with what changed
"""


def test_several_candidates_have_a_column_each() -> None:
    assert report(FAILED, THIRD) == SIDE_BY_SIDE_REPORT


BLOCKS_REPORT = """\
4 candidates vs baseline acme-large-1
both ran in this checkout, so a change that hurts both alike does not show
250 cases x 5 samples | 1000 calls replayed, 5250 live | $2.12 spent

acme/acme-extra-large-0: gate ok: no error category regressed in 4 cases
acme/acme-extra-large-1: gate ok: no error category regressed in 4 cases
acme/acme-extra-large-2: gate ok: no error category regressed in 4 cases
acme/acme-extra-large-3: gate ok: no error category regressed in 4 cases

                         acme-large-1  acme/...ge-0  acme/...ge-1  acme/...ge-2
  -----------------------------------------------------------------------------
  hallucination               10/1250       10/1250       10/1250       10/1250
  -----------------------------------------------------------------------------
  any failure                 10/1250       10/1250       10/1250       10/1250
  -----------------------------------------------------------------------------
  known misses                                    2             2             2
  fixed                                           1             1             1
  flaky                                           1             1             1
  -----------------------------------------------------------------------------
  agreement                      0.94          0.88          0.88          0.88
  latency p50                   0.42s         0.39s         0.39s         0.39s
  latency p95                   0.90s         1.31s         1.31s         1.31s
  latency p99                   1.40s         2.60s         2.60s         2.60s
  TTFT p50                      0.18s         0.15s         0.15s         0.15s
  $ per resolved answer        0.0041        0.0036        0.0036        0.0036
  -----------------------------------------------------------------------------
  gate                                           ok            ok            ok

                         acme-large-1  acme/acme-extra-large-3
  ------------------------------------------------------------
  hallucination               10/1250                  10/1250
  ------------------------------------------------------------
  any failure                 10/1250                  10/1250
  ------------------------------------------------------------
  known misses                                               2
  fixed                                                      1
  flaky                                                      1
  ------------------------------------------------------------
  agreement                      0.94                     0.88
  latency p50                   0.42s                    0.39s
  latency p95                   0.90s                    1.31s
  latency p99                   1.40s                    2.60s
  TTFT p50                      0.18s                    0.15s
  $ per resolved answer        0.0041                   0.0036
  ------------------------------------------------------------
  gate                                                      ok
"""


def test_more_models_than_fit_make_several_tables() -> None:
    assert report(*MANY, ascii=True) == BLOCKS_REPORT


ALONE_REPORT = """\
model acme-large-1
250 cases × 5 samples · 1250 live calls · $0.88 spent
acme-large-1: 2/4 cases passed, format 2
acme-large-2: 1/4 cases passed, hallucination 2, refusal 1
no baseline to compare with (--llm-baseline=RUN or NAME)

                         acme-large-1
  -----------------------------------
  format                         8/20
  -----------------------------------
  cases resolved              214/250
  -----------------------------------
  agreement                      0.94
  latency p50                   0.42s
  latency p95                   0.90s
  latency p99                   1.40s
  TTFT p50                      0.18s
  $ per resolved answer        0.0041

next: --llm-show=format lists its cases with their replies
"""


def test_one_model_without_a_baseline_is_not_compared() -> None:
    assert text(summary(Paper(), [], [BASELINE], MIXED)) == ALONE_REPORT


SEVERAL_ALONE_REPORT = """\
2 models
250 cases × 5 samples · 250 calls replayed, 2250 live · $1.19 spent
acme-large-1: 2/4 cases passed, format 2
acme-large-2: 1/4 cases passed, hallucination 2, refusal 1
no baseline to compare with (--llm-baseline=RUN or NAME)

                         acme-large-1  acme-large-2
  -------------------------------------------------
  hallucination                  0/12          9/15
  format                         8/20           0/6
  refusal                        0/20          5/20
  -------------------------------------------------
  cases resolved              214/250       225/250
  -------------------------------------------------
  agreement                      0.94          0.88
  latency p50                   0.42s         0.39s
  latency p95                   0.90s         1.31s
  latency p99                   1.40s         2.60s
  TTFT p50                      0.18s         0.15s
  $ per resolved answer        0.0041        0.0036

next: --llm-show=format lists its cases with their replies
"""


def test_several_models_without_a_baseline_are_not_compared() -> None:
    assert text(summary(Paper(), [], [BASELINE, CANDIDATE], MIXED)) == SEVERAL_ALONE_REPORT


LIST_REPORT = """\
candidate acme-large-2 vs baseline acme-large-1

hallucination: 10/1250 → 55/1250 answers, +3.6 points, REGRESSED, p = 0.004
  at least +1.2 points, in certain cases (12 worse, 2 better); worst: eu-returns
  0/5 → 5/5, refund-window 0/5 → 4/5
  NEW   tests/llm/test_support.py::test_policy[refund-window]
        passed 5/5 → 1/5; no '30 days'
        | A refund is possible within [-30-]{+60+} days of purchase by
        | [-emailing-]{+contacting+} support@acme.test.
  NEW   tests/llm/test_support.py::test_policy[eu-returns]
        passed 5/5 → 0/5; expected to contain '30 days'
        baseline  | A refund is possible within 30 days of purchase by emailing
                  | support@acme.test.
        candidate | I am sorry, but we never give anything back.
"""


def test_a_category_is_listed_with_the_changed_words() -> None:
    assert text(list_category(Paper(), FAILED, "hallucination")) == LIST_REPORT


def test_rises_that_could_hide_are_told_together() -> None:
    rows = [
        OK._replace(name=name, change=change, word="NOT SHOWN", interval=(-0.02, 0.04 + change))
        for name, change in (("format", 0.03), ("tone", 0.02), ("length", 0.01))
    ]
    two, three = (report(PASSED._replace(rows=(HALLUCINATION, *rows[:number]))) for number in (2, 3))
    assert "\n  format: could hide a rise of up to 7.0 points\n  tone: could hide a rise of up to 6.0 points\n" in two
    assert "\n  a rise may hide in format (up to 7.0 points), tone (up to 6.0 points), length\n" in three
    assert "\n  hallucination: at least" in three


def test_with_v_the_worst_cases_have_their_evidence() -> None:
    assert "worst: eu-returns 0/5 → 5/5, refund-window 0/5 → 4/5\n" in report(FAILED, width=300)
    assert "worst: eu-returns 0/5 → 5/5 (+10 bits), refund-window" in report(FAILED, width=300, verbosity=1)


def test_several_candidates_are_sorted_by_the_worst_of_them() -> None:
    better = PASSED._replace(rows=(OK._replace(name="tone"), OK), candidate=CANDIDATE._replace(model="second"))
    worse = FAILED._replace(rows=(REFUSAL, HALLUCINATION, FORMAT))
    shown = report(better, worse)
    places = [shown.index(f"\n  {name} ") for name in ("hallucination", "refusal", "tone", "format")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("p", "told"), [(0.0000001, "p < 0.001"), (0.0042, "p = 0.004"), (0.046, "p = 0.046"), (0.234, "p = 0.23")]
)
def test_a_p_value_has_as_many_digits_in_a_sentence_as_in_the_table(p: float, told: str) -> None:
    row = HALLUCINATION._replace(p=p)
    assert row.p_words == told
    assert told in text(list_category(Paper(), FAILED._replace(rows=(row,)), "hallucination"))
    assert f"REGRESSED {told.removeprefix('p ').removeprefix('= ').replace(' ', '')}" in report(
        FAILED._replace(rows=(row,))
    )


def test_with_q_the_gate_is_all_that_is_said() -> None:
    gate = "GATE FAILED: hallucination regressed from 10 of 1250 to 55 of 1250 (p = 0.0042)\n"
    assert gate == report(FAILED, verbosity=-1)
    assert report(PASSED, verbosity=-1) == "gate ok: no error category regressed in 4 cases\n"


def test_with_qq_only_a_gate_that_did_not_pass_is_told() -> None:
    assert report(FAILED, verbosity=-1) == report(FAILED, verbosity=-2)
    assert summary(Paper(verbosity=-2), [PASSED], [BASELINE, CANDIDATE]) == []


def test_with_q_several_gates_are_told_by_name() -> None:
    lines = summary(Paper(verbosity=-1), [PARTIAL, THIRD], [BASELINE, CANDIDATE])
    assert [line.text for line in lines] == [
        "acme-large-2: GATE NOT EVALUATED: only 4 of 250 cases were run (-k refund)",
        "  1 error: not judged, so neither passed nor failed",
        "mistral-x: gate ok: no error category regressed in 4 cases",
    ]


def test_with_q_each_model_has_a_line() -> None:
    errors = [broken(key(f"lost-{number}"), "HTTP 429: slow down") for number in range(3)]
    assert text(summary(Paper(verbosity=-1), [], [], [*MIXED, *errors])) == (
        "acme-large-1: 2/4 cases passed, format 2\n"
        "acme-large-2: 1/4 cases passed, hallucination 2, refusal 1\n"
        "m: nothing could be judged: 3 errors (rate_limit 3)\n"
    )
    assert text(summary(Paper(verbosity=-1), [], [], [*BEFORE.values(), *errors])) == (
        "2/4 cases passed, format 2; 3 errors (rate_limit 3)\n"
    )


def test_without_any_answer_there_is_no_table_and_the_reasons_are_grouped() -> None:
    errors = [broken(key(f"lost-{number}"), "HTTP 429: slow down") for number in range(9)]
    none = BASELINE._replace(passed=0, failed=0, errors=9, cases=9, samples=0)
    assert text(summary(Paper(), [], [none], errors)).splitlines()[2:] == [
        "nothing could be judged: 9 errors (rate_limit 9)",
        "no baseline to compare with (--llm-baseline=RUN or NAME)",
        "",
        "9 errors: not judged, so neither passed nor failed",
        "  rate_limit: tests/llm/test_support.py::test_policy[lost-0] and 8 more cases",
        "    HTTP 429: slow down",
        "  (-v names all)",
        "",
        "next: run again; you pay only for what is missing",
    ]
    both = by_key(*errors)
    unmeasured = FAILED._replace(
        compared=(),
        rows=(),
        new=(),
        known=(),
        fixed=(),
        total=TOTAL._replace(change=0.0),
        errors=tuple(both),
        baseline_results=both,
        candidate_results=both,
        reasons=("could not be measured: no case has an answer",),
    )
    for shown in (report(unmeasured), report(unmeasured, unmeasured)):
        assert "18 errors in 9 cases (both models): not judged" in shown
        assert "0/0" not in shown
        assert "any failure" not in shown


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("authentication", "set the key as the errors say"),
        ("billing", "pay the bill"),
        ("budget", "raise --llm-budget"),
        ("connection", "start the server, or fix base_url"),
        ("exception", "fix the test or the application"),
        ("no_reply_recorded", "--llm-record --llm-mode=auto asks"),
        ("reply_too_old", "--llm-record --llm-mode=refresh asks"),
        ("not_found", "fix the model's name or base_url"),
        ("not_rerouted", "use a model that the application can be made to ask"),
        ("setup", "fix the fixtures or settings"),
        ("rate_limit", "run again"),
        ("timeout", "run again"),
    ],
)
def test_the_next_step_after_errors_is_one_that_changes_something(kind: str, told: str) -> None:
    sample = SampleResult(index=0, outcome="error", category=kind, reason="of some kind")
    lost = [CaseResult(key=key(f"lost-{number}"), model="m", samples=(sample,)) for number in range(2)]
    alone = text(summary(Paper(), [], [BASELINE], [*BEFORE.values(), *lost]))
    assert alone.count(f"\nnext: {told}") == 1
    failed = FAILED._replace(
        errors=tuple(each.key for each in lost),
        candidate_results={**AFTER, **by_key(*lost)},
        reasons=("could not be measured: 2 of 6 cases have an error",),
    )
    assert f"\nnext: {told}" in report(failed)


@pytest.mark.parametrize("mode", ["live", "refresh"])
def test_a_mode_that_asks_for_all_pays_for_all_again(mode: str) -> None:
    lost = [broken(key(f"lost-{number}"), "HTTP 429: slow down") for number in range(2)]
    told = text(summary(Paper(asks_all=mode), [], [BASELINE], lost))
    assert told.endswith(f"\nnext: run again; --llm-mode={mode} pays for every answer again\n")


def test_a_session_without_models_says_nothing() -> None:
    assert summary(Paper(), [], []) == []


@pytest.mark.parametrize("verbosity", [-1, 0, 1])
@pytest.mark.parametrize("models", [[BASELINE], [BASELINE, CANDIDATE]])
def test_nothing_compared_never_looks_like_a_gate_that_passed(models: list[Figures], verbosity: int) -> None:
    lines = summary(Paper(verbosity=verbosity), [], models, MIXED)
    assert not any("green" in line.style or "gate" in line.text.lower() for line in lines)
    assert any(line.text.endswith("2/4 cases passed, format 2") for line in lines)


def test_live_and_recorded_latency_are_never_in_one_change_row() -> None:
    assert """\
  model                    agree    p50    p95    p99  TTFT p50  $/resolved
  -------------------------------------------------------------------------
  acme-large-1              0.94  0.42s  0.90s  1.40s     0.18s      0.0041
  acme-large-2 (recorded)   0.88  0.39s  1.31s  2.60s     0.15s      0.0036
  change                   -0.06                                       -12%
  latency not compared: acme-large-1 was called live, acme-large-2 is recorded
""" in report(RECORDED)


def test_a_saved_baseline_is_not_counted_as_called_or_paid_now() -> None:
    assert "250 cases × 5 samples · 250 calls replayed, 1000 live · $0.31 spent\n" in report(
        FAILED._replace(saved="main.jsonl")
    )


def test_the_marks_say_with_words_and_colour_what_is_gated() -> None:
    styles = {line.text[:15]: line.style for line in summary(Paper(), [FAILED], [BASELINE, CANDIDATE])}
    assert styles["! hallucination"] == ("red",)
    assert styles["~ refusal      "] == ("yellow",)
    assert styles["  format       "] == ()


def test_a_regression_that_is_not_gated_has_the_lesser_mark() -> None:
    lines = summary(Paper(), [FAILED._replace(rows=(HALLUCINATION._replace(gated=False),))], [BASELINE, CANDIDATE])
    assert [line.style for line in lines if line.text.startswith("~ hallucination")] == [("yellow",)]
    assert not any(line.text.startswith("!") for line in lines)


def test_the_total_is_not_called_better_when_it_is_not() -> None:
    assert "The total got better" not in report(FAILED._replace(total=TOTAL._replace(change=0.01)))


def test_misses_of_gated_regressions_come_first() -> None:
    told = report(FAILED._replace(rows=(REFUSAL, FORMAT, HALLUCINATION)))
    assert told.index("  hallucination: tests/") < told.index("  refusal: tests/")


def test_five_misses_are_shown_and_with_v_all() -> None:
    cases = tuple(key(f"case-{number}") for number in range(9))
    after = by_key(*(result(case, NEW, "hallucination", reason="no") for case in cases))
    many = FAILED._replace(rows=(HALLUCINATION._replace(new=cases),), new=cases, candidate_results=after)
    assert "9 new misses, 5 shown (-v shows all)\n" in report(many)
    assert report(many).count("  hallucination: tests/") == 5
    assert "9 new misses\n" in report(many, verbosity=1)
    assert report(many, verbosity=1).count("  hallucination: tests/") == 9


def test_no_line_is_told_twice_when_many_cases_fail() -> None:
    told = [line for line in report(FAILED).splitlines() if line.strip(" -")]
    assert len(told) == len(set(told))


def test_a_long_reply_is_cut_and_with_v_longer() -> None:
    after = by_key(result(RETURNS, "never " * 300, "hallucination", reason="no"))
    comparison = FAILED._replace(rows=(HALLUCINATION._replace(new=(RETURNS,)),), candidate_results=after)
    assert sum("never never" in line for line in report(comparison).splitlines()) == 3
    assert sum("never never" in line for line in report(comparison, verbosity=1).splitlines()) == 20


def test_an_answer_that_only_calls_a_function_is_shown_by_it() -> None:
    calls = (call(tool_calls=(ToolCall(name="refund", arguments={"days": 60}, raw_arguments='{"days": 60}'),)),)
    sample = SampleResult(index=0, outcome="fail", category="hallucination", reason="no", calls=calls)
    after = {REFUND: CaseResult(key=REFUND, model="m", samples=(sample,))}
    assert "candidate | refund(days=60)\n" in report(FAILED._replace(candidate_results=after))


def test_the_steps_of_an_agent_stand_above_its_last_answer() -> None:
    def steps(amount: int, last: str) -> tuple[Call, ...]:
        find = ToolCall(name="find_order", arguments={"id": "LK-17"})
        refund = ToolCall(name="refund", arguments={"order": "LK-17", "amount": amount})
        return (call(tool_calls=(find,)), call(tool_calls=(refund,)), call(last))

    before = SampleResult(index=0, outcome="pass", calls=steps(84, "I refunded 84 EUR."))
    after = SampleResult(index=0, outcome="fail", category="hallucination", calls=steps(48, "I refunded 48 EUR."))
    sides = [{REFUND: CaseResult(key=REFUND, model="m", samples=(sample,))} for sample in (before, after)]
    told = report(FAILED._replace(baseline_results=sides[0], candidate_results=sides[1]))
    assert (
        '    | find_order(id="LK-17") → refund(order="LK-17",\n'
        "    | [-amount=84)-]{+amount=48)+} → answer\n"
        "    | I refunded [-84-]{+48+} EUR.\n"
    ) in told
    cut = after._replace(calls=steps(84, "")[:2])  # it ended with a call that nobody answered
    sides = [{}, {REFUND: CaseResult(key=REFUND, model="m", samples=(cut,))}]
    told = report(FAILED._replace(baseline_results=sides[0], candidate_results=sides[1]))
    assert told.count("refund(") == 1


def test_notes_are_told_and_keep_a_gate_that_passed_from_being_short() -> None:
    told = report(PASSED._replace(notes=("latency_p95 is not gated: it is not known for both models",)))
    assert "\n  latency_p95 is not gated: it is not known for both models\n" in told
    assert "category" in told


def test_an_unknown_category_is_told_with_those_there_are() -> None:
    told = (
        'no case failed as halucination; did you mean "hallucination"? (error categories\n'
        "of this comparison: hallucination, refusal, format)\n"
    )
    assert text(list_category(Paper(), FAILED, "halucination")) == told


def test_a_fixed_case_is_listed_with_its_counts() -> None:
    assert "  FIXED tests/llm/test_support.py::test_policy[order-4411]  0/5 → 5/5\n" in text(
        list_category(Paper(), FAILED, "format")
    )


def test_models_with_short_names_stand_in_one_table() -> None:
    short = [PASSED._replace(candidate=CANDIDATE._replace(model=name)) for name in ("small", "large")]
    lines = report(*[each._replace(baseline=BASELINE._replace(model="base")) for each in short]).splitlines()
    assert [line.split() for line in lines if "base" in line.split()][-1] == ["base", "small", "large"]
