"""Production as a baseline: its logged answers, judged by today's tests as those of a saved run are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_llmeval.checks.production.recorded import Recorded, recorded_of
from pytest_llmeval.plugin.baseline import LOG_FORMAT, PRODUCTION, Baseline, NoBaseline, SavedBaseline, production
from pytest_llmeval.plugin.identity import identity_of
from pytest_llmeval.plugin.shadowing.logged import SHADOW
from pytest_llmeval.reply import Measures
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, SampleResult


def with_production(baseline: Baseline, items: Iterable[pytest.Item]) -> Baseline:
    """A session's baseline, with the logged answers to the cases of its shadow tests.

    A baseline that is a model of the session answers these cases itself, and what becomes a baseline is compared with
    nothing: both stay as they are.
    """
    results = dict(_results(items))
    if not results:
        return baseline
    if isinstance(baseline, NoBaseline):
        created = max((call.recorded_at or "" for result in results.values() for call in result.calls), default="")
        models = dict.fromkeys(call.request_model for result in results.values() for call in result.calls)
        logs = dict.fromkeys(result.dataset or "" for result in results.values())
        baseline = production(", ".join(map(_file_name, logs)), created, ", ".join(filter(None, models)))
    if not isinstance(baseline, SavedBaseline):
        return baseline
    name = baseline.name
    return replace(baseline, logged={key: result._replace(model=name) for key, result in results.items()})


def _results(items: Iterable[pytest.Item]) -> Iterator[tuple[CaseKey, CaseResult]]:
    for item in items:
        identity = identity_of(item)
        case = identity.case
        if case is not None and item.get_closest_marker(SHADOW) is not None and (found := recorded_of(case)):
            yield (
                identity.key,
                CaseResult(
                    key=identity.key,
                    model=PRODUCTION,
                    samples=(_sample(found),),
                    dataset=case.dataset,
                    task=case.task,
                    tags=case.tags,
                    input=case.input,
                    content=identity.content,
                ),
            )


def _sample(recorded: Recorded) -> SampleResult:
    """The answer as nobody has judged it yet."""
    measures = Measures(
        latency=recorded.latency or 0.0,
        ttft=recorded.ttft,
        cost=recorded.cost if recorded.cost is not None else recorded.answer.cost,
        source="recording",
    )
    call = Call(
        provider=LOG_FORMAT,
        request_model=recorded.model,
        words_digest="",
        answer=recorded.answer,
        measures=measures,
        spent=0.0,
        recorded_at=recorded.at,
    )
    return SampleResult(0, "unverified", reason="as production answered", calls=(call,))


def _file_name(log: str) -> str:
    return Path(log).name
