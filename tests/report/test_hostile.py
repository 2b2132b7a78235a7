"""Whatever names, numbers and replies a session has, its report fits the terminal and can harm nobody."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_llmeval.analysis.comparison import CategoryRow, Comparison
from pytest_llmeval.analysis.measure import PERCENTILES, Figures
from pytest_llmeval.analysis.routing import Choice, Fitness, TaskRoute
from pytest_llmeval.reply import Answer, Measures, ToolCall, Usage, call_words
from pytest_llmeval.report.cases import quote_beside
from pytest_llmeval.report.paper import Line, Paper, clip, columns, wrap
from pytest_llmeval.report.summary import list_category, summary
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, SampleResult
from pytest_llmeval.stats.cost import Estimate
from pytest_llmeval.stats.means import Mean
from pytest_llmeval.stats.quantiles import percentile
from tests.damage import few

ODD = [":", "::", "##", "[", "##[error]", "vso[", "\n", "\r", "\t", " ", "\x1b[31m", "\x85", "\u2028", "\u202e"]
ODD += ["\u200d", "日本", "e\u0301", "…", "-" * 90, "::error::x", "=", " = ", "\ud800", "\x00", "word", "two words "]
TEXT = st.lists(st.one_of(st.sampled_from(ODD), st.text(max_size=4)), max_size=12).map("".join)
COUNT = st.one_of(st.integers(0, 300), st.integers(0, 10**7))
FLOAT = st.one_of(st.floats(0, 10), st.floats(0, 1e7))
OPTIONAL = st.one_of(st.none(), FLOAT)
TOOL_CALL = st.builds(
    ToolCall, name=TEXT, arguments=st.one_of(st.none(), st.dictionaries(TEXT, TEXT, max_size=3)), raw_arguments=TEXT
)
TOOL_CALLS = st.one_of(st.just(()), st.lists(TOOL_CALL, max_size=2).map(tuple))
WIDTHS = st.one_of(st.sampled_from([40, 80, 120]), st.integers(24, 200))
MARKUP = {"red", "green", "yellow", "bold"}


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)


@given(ANYTHING, ANYTHING, ANYTHING, st.integers(20, 100))
def test_a_tool_call_is_a_short_harmless_line_even_out_of_a_damaged_run(
    name: Any, arguments: Any, raw: Any, width: int
) -> None:
    line = call_words(ToolCall(name=name, arguments=arguments, raw_arguments=raw), width)
    assert len(line) <= width
    assert re.sub("[\u200c\u200d]", "", line).isprintable()  # joiners are part of words and emoji
    assert not line.startswith("::")
    assert "##[" not in line


@st.composite
def some_figures(draw: st.DrawFn) -> Figures:
    times = [[[draw(FLOAT)]] * draw(st.sampled_from([0, 1, 30, 80, 400])) for _ in range(2)]
    latency, ttft = (tuple(percentile(each, share) for share in PERCENTILES) if each else () for each in times)
    return Figures(
        model=draw(TEXT),
        cases=draw(COUNT),
        passed=draw(COUNT),
        failed=draw(COUNT),
        errors=draw(st.integers(0, 3)),
        samples=draw(COUNT),
        most_samples=draw(st.integers(0, 10)),
        latency=latency,
        ttft=ttft,
        live_figures=draw(st.booleans()),
        live=draw(COUNT),
        replayed=draw(COUNT),
        cost=draw(OPTIONAL),
        spent=draw(OPTIONAL),
        cost_per_resolved=draw(st.one_of(st.none(), st.builds(Estimate, FLOAT, OPTIONAL, OPTIONAL))),
        verdict_agreement=draw(st.one_of(st.none(), st.builds(Mean, FLOAT, FLOAT, FLOAT, COUNT))),
    )


@st.composite
def some_results(draw: st.DrawFn, keys: list[CaseKey], model: str) -> dict[CaseKey, CaseResult]:
    results = {}
    for key in draw(st.lists(st.sampled_from(keys), max_size=4)) if keys else []:
        samples = [
            SampleResult(
                index=index,
                outcome=draw(st.sampled_from(["pass", "fail", "error"])),
                category=draw(st.one_of(st.none(), TEXT)),
                reason=draw(TEXT),
                calls=tuple(
                    Call(
                        provider="openai",
                        request_model=model,
                        words_digest="",
                        answer=Answer(
                            text=draw(TEXT),
                            refusal=draw(st.one_of(st.none(), TEXT)),
                            tool_calls=draw(TOOL_CALLS),
                            usage=Usage(input_tokens=draw(st.one_of(st.none(), st.integers(0, 10**6)))),
                        ),
                        measures=Measures(latency=1.0),
                    )
                    for _ in range(draw(st.sampled_from([0, 1, 1, 3])))
                ),
            )
            for index in range(draw(st.integers(1, 3)))
        ]
        results[key] = CaseResult(
            key=key,
            model=model,
            samples=tuple(samples),
            task=draw(st.one_of(st.none(), TEXT)),
            tags=tuple(draw(st.lists(TEXT, max_size=2))),
            input=draw(TEXT),
            wording=draw(st.sampled_from(["", "", "2", "typos"])),
        )
    return results


@st.composite
def some_comparison(draw: st.DrawFn, baseline: Figures) -> Comparison:
    keys = draw(st.lists(st.builds(CaseKey, TEXT, TEXT), max_size=8, unique=True))
    some = st.lists(st.sampled_from(keys), max_size=7, unique=True).map(tuple) if keys else st.just(())
    candidate = draw(some_figures())

    def row(name: str, **more: Any) -> CategoryRow:
        return CategoryRow(
            name=name,
            baseline_failed=draw(COUNT),
            baseline_judged=draw(COUNT),
            candidate_failed=draw(COUNT),
            candidate_judged=draw(COUNT),
            change=draw(st.floats(-1, 1)),
            new=draw(some),
            fixed=draw(some),
            **more,
        )

    names = draw(st.lists(TEXT, max_size=4, unique=True))
    rows = [
        row(
            name,
            interval=draw(st.one_of(st.none(), st.just((-0.1, 0.2)))),
            word=draw(st.sampled_from(["REGRESSED", "INCONCLUSIVE", "TOO SMALL", "IMPROVED", "OK"])),
            gated=draw(st.booleans()),
            p=draw(st.floats(0, 1)),
            samples_needed=draw(st.one_of(st.none(), COUNT)),
            note=draw(TEXT),
        )
        for name in names
    ]
    return Comparison(
        baseline=baseline,
        candidate=candidate,
        compared=tuple(keys),
        rows=tuple(rows),
        total=row(""),
        new=draw(some),
        fixed=draw(some),
        known=draw(some),
        flaky=draw(some),
        errors=draw(some),
        only_baseline=draw(some),
        only_candidate=draw(some),
        changed=draw(some),
        unlike=draw(some),
        gate=draw(st.sampled_from(["passed", "failed", "not evaluated"])),
        reasons=tuple(draw(st.lists(TEXT, max_size=2))),
        notes=tuple(draw(st.lists(TEXT, max_size=1))),
        saved=draw(st.one_of(st.none(), TEXT)),
        baseline_results=draw(some_results(keys, baseline.model)),
        candidate_results=draw(some_results(keys, candidate.model)),
    )


@st.composite
def some_routes(draw: st.DrawFn) -> list[TaskRoute]:
    models = draw(st.lists(TEXT, min_size=1, max_size=3))
    routes = []
    for task in draw(st.lists(TEXT, max_size=3)):
        choices = [
            Choice(
                model=model,
                baseline=not place,
                fitness=draw(st.sampled_from(get_args(Fitness))),
                reason=draw(TEXT),
                cases=draw(COUNT),
                samples=draw(COUNT),
                passed=draw(COUNT),
                cost=draw(st.one_of(st.none(), st.builds(Estimate, FLOAT, FLOAT, FLOAT))),
            )
            for place, model in enumerate(models)
        ]
        chosen = draw(st.one_of(st.none(), st.sampled_from(models)))
        routes.append(TaskRoute(task=task, model=chosen, reason=draw(TEXT), choices=tuple(choices)))
    return routes


def wide(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "FW" else 0 if unicodedata.combining(c) else 1 for c in text)


def check(lines: list[Line], width: int, *, only_ascii: bool) -> None:
    for line in lines:
        assert wide(line.text) <= width, line
        assert not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in line.text), line
        assert not line.text.strip().startswith("::"), line
        assert "##[" not in line.text, line
        assert set(line.style) <= MARKUP
        assert not only_ascii or line.text.isascii(), line


@pytest.mark.slow
@few(30)
@given(st.data(), WIDTHS, st.booleans(), st.integers(-2, 2), st.integers(0, 4))
def test_every_report_fits_and_is_harmless(
    data: st.DataObject, width: int, only_ascii: bool, verbosity: int, candidates: int
) -> None:
    baseline = data.draw(some_figures())
    comparisons = [data.draw(some_comparison(baseline)) for _ in range(candidates)]
    figures = [baseline, *(comparison.candidate for comparison in comparisons)]
    results = [result for comparison in comparisons for result in comparison.candidate_results.values()]
    paper = Paper(width=width, ascii=only_ascii, verbosity=verbosity)
    for lines in (
        summary(paper, comparisons, figures, routes=data.draw(some_routes())),
        summary(paper, [], figures, results),
    ):
        check(lines, width, only_ascii=only_ascii)


@pytest.mark.slow
@few(30)
@given(st.data(), WIDTHS, st.booleans(), st.integers(0, 1))
def test_every_list_of_a_category_fits_and_is_harmless(
    data: st.DataObject, width: int, only_ascii: bool, verbosity: int
) -> None:
    comparison = data.draw(some_comparison(data.draw(some_figures())))
    for name in [data.draw(TEXT), *(row.name for row in comparison.rows)]:
        lines = list_category(Paper(width=width, ascii=only_ascii, verbosity=verbosity), comparison, name)
        check(lines, width, only_ascii=only_ascii)


@given(TEXT, st.integers(8, 60))
@example("aaaaaaaa::bbbb", 8)
@example("a =  ::error::x", 8)
@example("日本語日本語日本語", 9)
def test_wrapped_lines_fit_and_hold_every_word(text: str, width: int) -> None:
    clean = Paper().clean(text)
    lines = wrap(clean, width)
    assert all(columns(line) <= width for line in lines)
    assert not any(line.strip().startswith("::") for line in lines)
    kept = "".join(lines).replace(" ", "").replace("|", "")
    assert kept == clean.replace(" ", "").replace("|", "")


@given(TEXT, st.integers(0, 60))
def test_a_clipped_name_fits(text: str, width: int) -> None:
    assert columns(clip(Paper().clean(text), width)) <= width


@given(TEXT, TEXT, WIDTHS, st.booleans(), st.integers(1, 5))
@example("## a b", "## b a", 40, False, 3)
@example("same ##", "same ## [x]", 40, False, 3)
def test_quoted_replies_fit_and_are_harmless(old: str, new: str, width: int, only_ascii: bool, most: int) -> None:
    paper = Paper(width=width, ascii=only_ascii)
    lines = quote_beside(paper, old, new, indent=4, most=most)
    check(lines, width, only_ascii=only_ascii)
    assert len(lines) <= 2 * (most + 1)
