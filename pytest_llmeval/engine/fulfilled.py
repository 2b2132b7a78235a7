"""A request with its answer: made of a response, or of what the store holds."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import NamedTuple

from pytest_llmeval.clock import Clock
from pytest_llmeval.config.prices import cost_of_answer
from pytest_llmeval.config.settings import ModelSettings
from pytest_llmeval.engine.call import Response
from pytest_llmeval.errors import ProviderError
from pytest_llmeval.formats.answers.thinking_tags import without_thoughts
from pytest_llmeval.formats.base import ModelRequest, Provider
from pytest_llmeval.json_text import canonical_json
from pytest_llmeval.reply import Answer, Measures, Source, Usage
from pytest_llmeval.store.entry import Entry, Flaw

# By an error status, under which no tokens are told.
_UNBILLED = Answer(text="", usage=Usage(input_tokens=0, output_tokens=0))


class Draw(NamedTuple):
    """Which of the many answers a model could give to a request is meant.

    Attributes:
        case: the test's id, for people who read recordings.
        module: the test's file relative to the root, which decides the recordings file.
        sample: index of the sample within the case, from 0.
        occurrence: how often this sample has asked the same before, from 0.
    """

    case: str
    module: str
    sample: int = 0
    occurrence: int = 0


class Fulfilled(NamedTuple):
    """A request with its answer.

    Attributes:
        spent: USD spent now, None when no price is known.
        entry: as the store keeps it.
    """

    answer: Answer
    measures: Measures
    spent: float | None
    entry: Entry


def settle(future: Future[Fulfilled], produce: Callable[[], Fulfilled]) -> None:
    """Give a future what is produced, or the error that came instead; a cancelled one is left alone."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(produce())
    except BaseException as error:  # handed on to whoever waits
        future.set_exception(error)


def answered(
    response: Response, model: ModelSettings, request: ModelRequest, draw: Draw, key: str, server: str = ""
) -> Fulfilled:
    """What a response makes of a request.

    Args:
        server: as an `Entry` keeps it.

    Raises:
        ProviderError: kind ``malformed``: it is nested too deeply to be kept.
    """
    answer = without_thoughts(response.answer, model.thinking_tags)
    try:
        canonical_json(response.body)
    except RecursionError:
        raise ProviderError("the response is nested too deeply", kind="malformed") from None
    except ValueError:  # NaN and infinities, by a provider of the user's own
        raise ProviderError("the response holds a number that is not finite", kind="malformed") from None
    recorded_at = Clock.now()
    cost = cost_of_answer(model, answer if response.status < 400 else _UNBILLED, at=recorded_at)
    entry = Entry(
        key=key,
        provider=request.provider,
        model=request.model,
        path=request.path,
        request=request.body,
        sample=draw.sample,
        occurrence=draw.occurrence,
        case=draw.case,
        response=response.body,
        status=response.status,
        latency=response.latency,
        ttft=response.ttft,
        chunk_offsets=response.chunk_offsets,
        attempts=response.attempts,
        cost=cost,
        recorded_at=recorded_at.isoformat(timespec="seconds"),
        flaw=_flaw(answer),
        server=server,
    )
    # As the entry rounds them, so that a replay has the very same figures.
    measures = Measures(latency=entry.latency, ttft=entry.ttft, cost=cost, attempts=response.attempts)
    return Fulfilled(answer=answer, measures=measures, spent=cost, entry=entry)


def _flaw(answer: Answer) -> Flaw | None:
    if answer.finish_reason == "content_filter":
        return "content_filter"
    if answer.refusal:
        return "refusal"
    if answer.finish_reason == "length":
        return "truncated"
    if answer.finish_reason in ("invalid_tool_call", "invalid_json"):
        return "invalid"
    return "empty" if not (answer.text or answer.every_tool_call or answer.finish_reason) else None


def replayed(entry: Entry, source: Source, provider: Provider, model: ModelSettings) -> Fulfilled:
    """What a stored reply makes of a request: with the figures of the day it was recorded."""
    answer = without_thoughts(provider.answer(entry.response), model.thinking_tags)
    cost = entry.cost
    if cost is None:
        cost = cost_of_answer(model, answer if entry.status < 400 else _UNBILLED, at=entry.recorded_at)
    measures = Measures(latency=entry.latency, ttft=entry.ttft, cost=cost, attempts=entry.attempts, source=source)
    kept = entry if entry.cost == cost else replace(entry, cost=cost)
    return Fulfilled(answer=answer, measures=measures, spent=0.0, entry=kept)
