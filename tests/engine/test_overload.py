"""A provider that is asked for more than it can answer in time, and one that hangs beside another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import closing
from dataclasses import replace

import pytest

from pytest_llmeval.engine.call import EngineRules, Response, Timeouts
from pytest_llmeval.engine.client import Engine
from tests.engine.test_calls import asked, endpoint
from tests.server import Reply, Server, completion


@pytest.fixture
def submit(server: Server) -> Iterator[Callable[[str, float], Future[Response]]]:
    """Asks a model, which has so many seconds for an answer; up to 16 requests are in flight."""
    with closing(Engine(EngineRules(concurrency=16, random=lambda: 0.5))) as engine:

        def submit(model: str, seconds: float) -> Future[Response]:
            where = replace(endpoint(server), timeouts=Timeouts.of(seconds))
            return engine.submit(replace(asked(), model=model, body={**asked().body, "model": model}), where)

        yield submit


@pytest.mark.parametrize("few", [1, 3])
def test_who_is_asked_for_too_much_is_asked_for_less(
    server: Server, submit: Callable[[str, float], Future[Response]], few: int
) -> None:
    never = server.gate()
    # Of the first, nobody is answered: they come together.
    server.answer = lambda _: Reply(
        body=completion(), delay=0.05, gate=never if server.in_flight > few or len(server.requests) <= 16 else None
    )
    futures = [submit("m", 0.3) for _ in range(40)]
    wait(futures, timeout=30)
    assert [future.result(timeout=0).answer.text for future in futures] == ["Paris"] * 40


def test_a_model_that_hangs_takes_no_place_that_another_gets_free(
    server: Server, submit: Callable[[str, float], Future[Response]]
) -> None:
    never = server.gate()
    server.answer = lambda request: Reply(body=completion(), gate=never if request.json["model"] == "hangs" else None)
    healthy = []
    for _ in range(30):
        submit("hangs", 600.0)
        healthy.append(submit("answers", 600.0))
    assert not wait(healthy, timeout=30).not_done


def test_a_model_gets_its_places_from_one_that_hangs(
    server: Server, submit: Callable[[str, float], Future[Response]]
) -> None:
    never = server.gate()
    server.answer = lambda request: Reply(body=completion(), gate=never if request.json["model"] == "hangs" else None)
    hanging = [submit("hangs", 0.5) for _ in range(40)]
    server.wait_for_requests(16)
    healthy = [submit("answers", 0.5) for _ in range(40)]
    assert not wait(healthy, timeout=30).not_done
    assert not any(future.done() for future in hanging)
