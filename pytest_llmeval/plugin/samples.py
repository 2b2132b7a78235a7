"""Runs a test's body once per sample.

With several samples the body is left when it waits for a reply, so that the calls of all samples are in flight
together, and run again from its start when the replies are there.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pytest_llmeval.checks.categories import GENERAL, default_category
from pytest_llmeval.checks.score import recorder
from pytest_llmeval.plugin.judge import SamplesFailed, failure_message, sample_result
from pytest_llmeval.plugin.trial import Suspended, Trial, settled
from pytest_llmeval.run import outcome_of

__all__ = ["sampled"]

Body = Callable[..., Any]


def sampled(trial: Trial, body: Body) -> Body:
    """The body run for every sample of a trial, of the same kind: a function or a coroutine function."""
    return _coroutine(trial, body) if inspect.iscoroutinefunction(body) else _function(trial, body)


def _function(trial: Trial, body: Body) -> Body:
    def run(**arguments: Any) -> None:
        __tracebackhide__ = True
        if trial.samples == 1:
            with _judged(trial, 0):
                body(**arguments)
            return
        while unfinished := _unfinished(trial):
            for index in unfinished:
                with _kept(trial, index), _judged(trial, index):
                    body(**arguments)
            for future in trial.waiting:
                future.exception()
        _raise_unless_passed(trial)

    return run


def _coroutine(trial: Trial, body: Body) -> Body:
    async def run(**arguments: Any) -> None:
        __tracebackhide__ = True
        if trial.samples == 1:
            with _judged(trial, 0):
                await body(**arguments)
            return
        while unfinished := _unfinished(trial):
            for index in unfinished:
                with _kept(trial, index), _judged(trial, index):
                    await body(**arguments)
            for future in trial.waiting:
                await settled(future)
        _raise_unless_passed(trial)

    return run


def _unfinished(trial: Trial) -> list[int]:
    """The samples that have no result yet; those of the last round wait for replies that are there now."""
    trial.can_suspend = not trial.blocking
    trial.waiting.clear()
    return [index for index in range(trial.samples) if index not in trial.results]


@contextmanager
def _judged(trial: Trial, index: int) -> Iterator[None]:
    """Keep the result of what happens inside."""
    __tracebackhide__ = True
    trial.begin_sample(index)
    scores = recorder.set(trial.scores)
    category = default_category.set(trial.category or GENERAL)
    try:
        yield
    except (Exception, pytest.fail.Exception) as error:
        _keep(trial, index, error)
        raise
    else:
        _keep(trial, index, None)
    finally:
        recorder.reset(scores)
        default_category.reset(category)


@contextmanager
def _kept(trial: Trial, index: int) -> Iterator[None]:
    """Keep an error instead of raising it; what is no failure of the sample, as a skip, still leaves the test."""
    __tracebackhide__ = True
    try:
        yield
    except Suspended:
        trial.results.pop(index, None)
    except (Exception, pytest.fail.Exception) as error:
        trial.errors[index] = error


def _keep(trial: Trial, index: int, error: BaseException | None) -> None:
    trial.results[index] = sample_result(index, error, category=trial.category, scores=trial.scores, calls=trial.calls)


def _raise_unless_passed(trial: Trial) -> None:
    __tracebackhide__ = True
    samples = [trial.results[index] for index in sorted(trial.results)]
    outcome = outcome_of(samples, trial.min_pass_rate)
    if outcome == "pass":
        return
    error = trial.errors[next(sample.index for sample in samples if sample.outcome == outcome)]
    if outcome == "error":
        raise error
    # The traceback of the first failing sample shows the user's own line.
    raise SamplesFailed(failure_message(samples, trial.min_pass_rate)).with_traceback(error.__traceback__) from None
