"""Runs a test's body once per sample, and the whole again when replies it left for are there."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from pytest_llmeval.checks.categories import GENERAL, default_category
from pytest_llmeval.checks.check import recorder
from pytest_llmeval.checks.gathered import failures_of, gathering, set_failures
from pytest_llmeval.checks.judges.asker import asker
from pytest_llmeval.engine.fulfilled import Fulfilled
from pytest_llmeval.errors import ReplyError, Unverified
from pytest_llmeval.plugin.asking.trial_judges import TrialJudges
from pytest_llmeval.plugin.rejudging.decided import as_decided
from pytest_llmeval.plugin.running.judge import (
    SamplesFailed,
    doubted,
    failure_message,
    named_by_hook,
    sample_result,
    without_reply,
)
from pytest_llmeval.plugin.running.replies import Suspended
from pytest_llmeval.plugin.running.tasks import settled
from pytest_llmeval.plugin.running.trial import DIFFERS, Trial
from pytest_llmeval.reply import Reply
from pytest_llmeval.runs.results import outcome_of
from pytest_llmeval.score import examined

Body = Callable[..., Any]

SWALLOWED = "the test catches every exception, so pytest cannot run others while it waits"


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
        for unfinished, waiting in _rounds(trial):
            for future in waiting:
                future.exception()
            for index in unfinished:
                with _kept(trial, index), _judged(trial, index):
                    returned = body(**arguments)
        _raise_unless_passed(trial)
        return returned

    return run


def _coroutine(trial: Trial, body: Body) -> Body:
    @functools.wraps(body)
    async def run(**arguments: Any) -> Any:
        __tracebackhide__ = True
        returned = None
        for unfinished, waiting in _rounds(trial):
            for future in waiting:
                await settled(future)
            for index in unfinished:
                with _kept(trial, index), _judged(trial, index):
                    returned = await body(**arguments)
        _raise_unless_passed(trial)
        return returned

    return run


def _rounds(trial: Trial) -> Iterator[tuple[list[int], list[Future[Fulfilled]]]]:
    """In each round the samples that have no result yet, and the replies they were left for in the round before."""
    samples = set(range(trial.settings.samples))
    while unfinished := sorted(samples - trial.results.keys() - trial.skips.keys()):
        trial.end_setup()
        waiting, trial.waiting, trial.suspended = trial.waiting, [], False
        asked = {question for question in trial.seen - trial.seen_in_setup if question.sample in unfinished}
        trial.seen -= asked
        yield unfinished, waiting
        if asked - trial.seen:  # from now on they wait, since they ask something else each time
            trial.replies.block(DIFFERS)
        if not trial.suspended or trial.attempts.may_leave:
            break


@contextmanager
def _judged(trial: Trial, index: int) -> Iterator[None]:
    """Keep the result of what happens inside."""
    __tracebackhide__ = True
    sample = trial.begin_sample(index)
    scores, names = recorder.set(sample.scores), examined.set(sample.examined)
    judges = asker.set(TrialJudges(trial, trial.settings.judges) if trial.settings.judges is not None else None)
    gathered = gathering.set(None)  # a fixture's block is not the test's
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
            _keep(trial, index, reviewed, ended=reviewed is None)
            if trial.sample.accepted:
                return
            if reviewed is not None and reviewed is not error:
                raise reviewed from (error if isinstance(error, AssertionError) else None)
        raise
    else:
        if sample.left:
            trial.replies.block(SWALLOWED)
        elif (reviewed := _reviewed(trial, None)) is not None:
            _keep(trial, index, reviewed, ended=bool(sample.soft_failures))
            raise reviewed
        else:
            _keep(trial, index, None, ended=True)
    finally:
        recorder.reset(scores)
        examined.reset(names)
        asker.reset(judges)
        gathering.reset(gathered)
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
    except pytest.exit.Exception:  # it is an Exception, and ends the session
        raise
    except pytest.skip.Exception as skip:
        if trial.settings.samples == 1:
            raise
        trial.skips[index] = skip
    except (Exception, SystemExit, pytest.fail.Exception) as error:
        if trial.settings.samples == 1 and trial.saved is None:
            raise
        trial.errors[index] = error


def _reviewed(trial: Trial, error: BaseException | None) -> BaseException | None:
    """What really came out of a sample, given what left its body and what people decided of its answer."""
    settings, sample = trial.settings, trial.sample
    error = as_decided(_seen_whole(trial, error), sample, trial.key, trial.content, settings.decisions)
    if error is None or settings.categorise is None:
        return error
    calls = [call for call in sample.calls if not call.judge]
    reply = Reply(calls[-1].answer, calls[-1].measures, trial.model.name) if calls else None
    name = partial(settings.categorise, case=settings.case, reply=reply)
    return named_by_hook(error, name, sample.calls, marker=settings.category)


def _seen_whole(trial: Trial, error: BaseException | None) -> BaseException | None:
    for review in trial.reviews:
        error = review(error)
    if error is not None and not isinstance(error, Unverified):
        return error
    sample = trial.sample
    if not sample.soft_failures:
        return without_reply(sample.given, sample.calls) or error or doubted(sample.scores)
    first = sample.soft_failures[0]
    set_failures(first, [each for failure in sample.soft_failures for each in failures_of(failure)])
    return first


def _keep(trial: Trial, index: int, error: BaseException | None, *, ended: bool) -> None:
    sample, settings = trial.sample, trial.settings
    if sample.failures and not isinstance(error, ReplyError):
        error = sample.failures[0]  # the application went on without its reply: there was nothing to judge
        trial.errors[index] = error
    trial.results[index] = sample_result(
        index,
        error,
        category=settings.category,
        scores=sample.scores,
        calls=sample.calls,
        judging=sample.judging,
        examined=sample.examined,
        ended=ended,
        root=settings.root,
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
    if outcome == "pass" or trial.saved is not None:
        return
    error = trial.errors[next(sample.index for sample in samples if sample.outcome == outcome)]
    if outcome in ("error", "unverified") or trial.settings.samples == 1:
        raise error
    # The traceback of the first failing sample shows the user's own line.
    raise SamplesFailed(failure_message(samples, trial.settings.min_pass_rate)).with_traceback(
        error.__traceback__
    ) from None
