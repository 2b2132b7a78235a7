"""What each captured call of an application does, whether it asks a model or is one of the other calls."""

from __future__ import annotations

from concurrent.futures import Future

from pytest_llmeval.capture.clients import Asked
from pytest_llmeval.capture.outgoing import endpoint_of
from pytest_llmeval.capture.route import Route
from pytest_llmeval.config.settings import ModelSettings
from pytest_llmeval.engine.fulfilled import Draw, Fulfilled
from pytest_llmeval.engine.pipeline import Pipeline
from pytest_llmeval.engine.requests import Lookup
from pytest_llmeval.errors import ProviderError, ReplyError
from pytest_llmeval.plugin.running.replies import Unanswered
from pytest_llmeval.plugin.running.trial import Trial


def found_or_sent(
    pipeline: Pipeline, asked: Asked, route: Route, lookup: Lookup, draw: Draw, *, by_engine: bool
) -> Future[Fulfilled] | None:
    """The answer, stored or to come; None when the application is to send the call.

    Args:
        by_engine: whether the engine may send it.

    Raises:
        ReplyError: it is neither stored nor asked for.
    """
    if (asked_before := pipeline.on_its_way(lookup, draw)) is not None:
        return asked_before
    fulfilled = pipeline.find(lookup, draw)
    if fulfilled is not None:
        return done(fulfilled)
    if by_engine:
        return pipeline.send(lookup, draw, endpoint_of(route, asked.headers, pipeline.environment))
    return None


def done(fulfilled: Fulfilled) -> Future[Fulfilled]:
    """An answer that is there."""
    future: Future[Fulfilled] = Future()
    future.set_result(fulfilled)
    return future


def gave_up(model: ModelSettings, seconds: float) -> ProviderError:
    """The error of an application that did not wait for an answer."""
    words = f"the application gave up before the answer of {model.full_name}, which took {seconds:.3g} s"
    return ProviderError(words, kind="timeout")


def unanswered(trial: Trial, error: ReplyError) -> Unanswered:
    """What leaves the application where there can be no answer; the sample is not judged."""
    trial.sample.failures.append(error)
    return Unanswered(error)
