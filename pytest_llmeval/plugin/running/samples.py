"""Runs a test's body once per sample, and the whole again when replies it left for are there."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pytest_llmeval.checks.categories import GENERAL, default_category
from pytest_llmeval.checks.check import recorder
from pytest_llmeval.errors import ReplyError
from pytest_llmeval.plugin.running.judge import SamplesFailed, failure_message, sample_result, without_reply
from pytest_llmeval.plugin.running.replies import Question, Suspended
from pytest_llmeval.plugin.running.tasks import settled
from pytest_llmeval.plugin.running.trial import DIFFERS, Trial
from pytest_llmeval.runs.results import outcome_of

Body = Callable[..., Any]

SWALLOWED = "the test catches every exception, so that it cannot be left while it waits"


def sampled(trial: Trial, body: Body) -> Body:
    """The body run for every sample of a trial, of the same kind: a function or a coroutine function.

    Once it returns with `Trial.suspended` set, replies are missing and the whole test must be executed again.
    """
    return _coroutine(trial, body) if inspect.iscoroutinefunction(body) else _function(trial, body)


def _function(trial: Trial, body: Body) -> Body:
    @functools.wraps(body)
    def run(**arguments: Any) -> Any:
        __tracebackhide__ = True
        returned = None  # pytest warns of a test that returns what it should assert
        while unfinished := _unfinished(trial):
            asked = _begin_round(trial, unfinished)
            for index in unfinished:
                with _kept(trial, index), _judged(trial, index):
                    returned = body(**arguments)
            _end_round(trial, asked)
            if not trial.suspended or trial.may_leave:
                break
            for future in trial.waiting:
                future.exception()
        _raise_unless_passed(trial)
        return returned

    return run


def _coroutine(trial: Trial, body: Body) -> Body:
    @functools.wraps(body)
    async def run(**arguments: Any) -> Any:
        __tracebackhide__ = True
        returned = None
        while unfinished := _unfinished(trial):
            asked = _begin_round(trial, unfinished)
            for index in unfinished:
                with _kept(trial, index), _judged(trial, index):
                    returned = await body(**arguments)
            _end_round(trial, asked)
            if not trial.suspended or trial.may_leave:
                break
            for future in trial.waiting:
                await settled(future)
        _raise_unless_passed(trial)
        return returned

    return run


def _unfinished(trial: Trial) -> list[int]:
    """The samples that have no result yet; those that were left before find their replies now."""
    trial.suspended = False
    trial.waiting.clear()
    return [index for index in range(trial.settings.samples) if index not in trial.results and index not in trial.skips]


def _begin_round(trial: Trial, unfinished: list[int]) -> set[Question]:
    """What these samples have asked in an earlier round."""
    trial.end_setup()
    asked = {question for question in trial.seen - trial.seen_in_setup if question.sample in unfinished}
    trial.seen -= asked
    return asked


def _end_round(trial: Trial, asked: set[Question]) -> None:
    """Have the samples wait from now on unless they have asked the same again."""
    if asked - trial.seen:
        trial.replies.block(DIFFERS)


@contextmanager
def _judged(trial: Trial, index: int) -> Iterator[None]:
    """Keep the result of what happens inside."""
    __tracebackhide__ = True
    sample = trial.begin_sample(index)
    scores = recorder.set(sample.scores)
    category = default_category.set(trial.settings.category or GENERAL)
    try:
        yield
    except BaseException as error:
        if sample.left and not isinstance(error, (KeyboardInterrupt, pytest.exit.Exception)):
            # Whatever the body made of it, what it did without the reply counts for nothing.
            if not _is_suspended(error):
                trial.replies.block(SWALLOWED)
            return
        if not isinstance(error, (KeyboardInterrupt, pytest.exit.Exception, pytest.skip.Exception)):
            reviewed = _reviewed(trial, error)
            _keep(trial, index, reviewed)
            if reviewed is not None and reviewed is not error:
                raise reviewed from (error if isinstance(error, AssertionError) else None)
        raise
    else:
        if sample.left:
            trial.replies.block(SWALLOWED)
        elif (reviewed := _reviewed(trial, None)) is not None:
            _keep(trial, index, reviewed)
            raise reviewed
        else:
            _keep(trial, index, None)
    finally:
        recorder.reset(scores)
        default_category.reset(category)


def _is_suspended(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return any(_is_suspended(inner) for inner in error.exceptions)
    return isinstance(error, Suspended)


@contextmanager
def _kept(trial: Trial, index: int) -> Iterator[None]:
    """Of several samples keep an error or a skip instead of raising it, until all of them have been judged."""
    __tracebackhide__ = True
    try:
        yield
    except pytest.skip.Exception as skip:
        if trial.settings.samples == 1:
            raise
        trial.skips[index] = skip
    except (Exception, SystemExit, pytest.fail.Exception) as error:
        if trial.settings.samples == 1 and trial.raises:
            raise
        trial.errors[index] = error


def _reviewed(trial: Trial, error: BaseException | None) -> BaseException | None:
    """What really came out of a sample, given what left its body."""
    for review in trial.reviews:
        error = review(error)
    if error is not None:
        return error
    sample = trial.sample
    return sample.soft_failures[0] if sample.soft_failures else without_reply(sample.given, sample.calls)


def _keep(trial: Trial, index: int, error: BaseException | None) -> None:
    sample, settings = trial.sample, trial.settings
    if sample.failures and not isinstance(error, ReplyError):
        error = sample.failures[0]  # the application went on without its reply: there was nothing to judge
        trial.errors[index] = error
    trial.results[index] = sample_result(
        index, error, category=settings.category, scores=sample.scores, calls=sample.calls, root=settings.root
    )


def _raise_unless_passed(trial: Trial) -> None:
    __tracebackhide__ = True
    if trial.suspended:
        return
    samples = [trial.results[index] for index in sorted(trial.results)]
    outcome = outcome_of(samples, trial.settings.min_pass_rate)
    if trial.skips and outcome != "fail":
        trial.results.clear()
        raise next(iter(trial.skips.values()))
    if outcome == "pass" or not trial.raises:
        return
    error = trial.errors[next(sample.index for sample in samples if sample.outcome == outcome)]
    if outcome == "error" or trial.settings.samples == 1:
        raise error
    # The traceback of the first failing sample shows the user's own line.
    raise SamplesFailed(failure_message(samples, trial.settings.min_pass_rate)).with_traceback(
        error.__traceback__
    ) from None
