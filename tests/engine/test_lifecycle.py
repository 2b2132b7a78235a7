"""The engine's thread: concurrency, sharing, cancelling, closing, forking."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

import pytest_llmeval
from pytest_llmeval.engine.call import Endpoint, EngineRules, Response
from pytest_llmeval.engine.client import Engine
from pytest_llmeval.engine.connections import Connections
from pytest_llmeval.engine.dispatch import Dispatcher
from pytest_llmeval.engine.loop import EngineLoop
from pytest_llmeval.engine.transport import Connection
from pytest_llmeval.errors import ProviderError
from pytest_llmeval.formats.base import ModelRequest, Prompt
from pytest_llmeval.formats.openai_chat import OpenAIChat
from tests.server import Reply, Request, Server, completion


async def no_sleep(_: float) -> None:
    return None


@pytest.fixture
def engine() -> Iterator[Engine]:
    with closing(Engine(EngineRules(sleep=no_sleep))) as running:
        yield running


def asked(text: str = "?", model: str = "m") -> ModelRequest:
    return OpenAIChat().request(model, Prompt(messages=({"role": "user", "content": text},)))


def endpoint(server: Server) -> Endpoint:
    return Endpoint(base_url=server.base_url, provider=OpenAIChat())


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "llmeval"]


def test_no_thread_runs_before_the_first_request_or_after_the_end(server: Server) -> None:
    before = threads()
    with closing(Engine()) as engine:
        idle = threads()
        engine.submit(asked(), endpoint(server)).result(timeout=20)
        running = threads()
    assert (before, idle, running, threads()) == ([], [], ["llmeval"], [])


def test_a_bug_of_ours_ends_every_call_with_its_error(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Dispatcher) -> None:
        raise ZeroDivisionError

    with closing(Engine()) as engine:
        engine.submit(asked(), endpoint(server)).result(timeout=20)
        monkeypatch.setattr(Dispatcher, "start_what_may", broken)
        futures = [engine.submit(asked(str(number)), endpoint(server)) for number in range(3)]
        assert {type(future.exception(timeout=20)) for future in futures} == {ZeroDivisionError}
    assert len(server.requests) == 1


def test_a_loop_that_always_has_something_to_do_reads_all_the_same() -> None:
    received: list[bytes] = []
    rounds = iter(range(10**6))

    def go_on() -> None:
        if received or next(rounds, None) is None:
            loop.stop()
        else:
            loop.call_soon(go_on)

    ours, theirs = socket.socketpair()
    with closing(EngineLoop()) as loop, ours, theirs:
        loop.add_reader(ours, lambda: received.append(ours.recv(9)))
        loop.call_soon(theirs.send, b"Tea")
        loop.call_soon(go_on)
        loop.run_forever()
        loop.remove_reader(ours)
    assert received == [b"Tea"]


def test_hundreds_of_requests_are_in_flight_up_to_the_ceiling(server: Server) -> None:
    server.answer = lambda request: Reply(body=completion(request.json["messages"][0]["content"]), at_once=20)
    with closing(Engine(EngineRules(concurrency=20))) as engine:
        futures = [engine.submit(asked(str(i)), endpoint(server)) for i in range(200)]
        assert [future.result(timeout=20).answer.text for future in futures] == [str(i) for i in range(200)]
    assert (server.most_in_flight, len(server.requests), engine.in_flight) == (20, 200, 0)
    assert server.connections == 20


def test_a_new_model_gets_64_requests_at_first(server: Server) -> None:
    gate = server.gate()
    server.answer = lambda _: Reply(body=completion(), gate=gate)
    with closing(Engine(EngineRules(concurrency=100))) as engine:
        futures = [engine.submit(asked(), endpoint(server)) for _ in range(90)]
        server.wait_for_requests(64)
        at_first = len(server.requests)
        gate.open()
        wait(futures, timeout=20)
    assert (at_first, len(server.requests)) == (64, 90)


def test_it_runs_dry_with_fewer_requests_waiting_than_may_be_on_the_wire(server: Server) -> None:
    gate = server.gate()
    server.answer = lambda _: Reply(body=completion(), gate=gate)
    with closing(Engine(EngineRules(concurrency=6, workers=2))) as engine:
        dry = [engine.runs_dry]
        futures = [engine.submit(asked(), endpoint(server)) for _ in range(3)]
        server.wait_for_requests(3)
        for _ in range(3):
            dry.append(engine.runs_dry)
            futures.append(engine.submit(asked(), endpoint(server)))
        dry.append(engine.runs_dry)
        gate.open()
        wait(futures, timeout=20)
        dry.append(engine.runs_dry)
    assert dry == [True, True, True, True, False, True]


def test_workers_share_the_ceiling(server: Server) -> None:
    with closing(Engine(EngineRules(concurrency=8, workers=4))) as engine:
        futures = [engine.submit(asked(), endpoint(server)) for _ in range(40)]
        wait(futures, timeout=20)
    assert server.most_in_flight == 2


def test_a_model_that_hangs_does_not_hold_up_another(server: Server, engine: Engine) -> None:
    gate = server.gate()
    server.answer = lambda request: Reply(body=completion(), gate=gate if request.json["model"] == "slow" else None)
    slow = [engine.submit(asked(model="slow"), endpoint(server)) for _ in range(20)]
    assert engine.submit(asked(model="fast"), endpoint(server)).result(timeout=20).answer.text == "Paris"
    assert not any(future.done() for future in slow)
    gate.open()
    wait(slow, timeout=20)


def test_a_burst_of_429_lowers_the_number_in_flight_and_loses_nothing(server: Server) -> None:
    turned_away: set[str] = set()

    def turn_away_six(request: Request) -> Reply:
        text = request.json["messages"][0]["content"]
        if text in {"0", "1", "2", "3", "4", "5"} - turned_away:  # once each: five times is the end of a call
            turned_away.add(text)
            return Reply(status=429)
        return Reply(body=completion())

    server.answer = turn_away_six
    with closing(Engine(EngineRules(concurrency=10, sleep=no_sleep))) as engine:
        futures = [engine.submit(asked(str(number)), endpoint(server)) for number in range(60)]
        answers = [future.result(timeout=20).answer.text for future in futures]
    assert (answers, len(server.requests)) == (["Paris"] * 60, 66)


def test_after_a_spent_quota_nothing_more_is_sent(server: Server) -> None:
    server.answer = lambda _: Reply(status=429, body={"error": {"code": "insufficient_quota", "message": "no money"}})
    with closing(Engine(EngineRules(concurrency=2))) as engine:
        futures = [engine.submit(asked(), endpoint(server)) for _ in range(30)]
        errors = [future.exception(timeout=20) for future in futures]
    assert {error.kind for error in errors if isinstance(error, ProviderError)} == {"billing"}
    assert {str(error) for error in errors} == {str(errors[0])}
    assert len(server.requests) <= 2


@pytest.mark.parametrize("status", [401, 403])
def test_after_a_refused_key_nothing_more_is_sent_with_it(server: Server, status: int) -> None:
    def locked(request: Request) -> Reply:
        if request.headers.get("authorization") == "Bearer good":
            return Reply(body=completion())
        return Reply(status=status, body={"error": {"message": "no such key", "code": "invalid_api_key"}})

    server.answer = locked
    with closing(Engine(EngineRules(concurrency=2))) as engine:
        futures = [engine.submit(asked(), endpoint(server)) for _ in range(30)]
        errors = [future.exception(timeout=20) for future in futures]
        refused = len(server.requests)
        good = replace(endpoint(server), api_key="good")
        assert engine.submit(asked(), good).result(timeout=20).answer.text == "Paris"
    assert {error.kind for error in errors if isinstance(error, ProviderError)} == {"authentication"}
    assert refused <= (2 if status == 401 else 6)


def test_a_request_that_is_forbidden_stops_no_others(server: Server) -> None:
    def guarded(request: Request) -> Reply:
        if "forbidden" in request.body.decode():
            return Reply(status=403, body={"error": {"message": "not this one"}})
        return Reply(body=completion())

    server.answer = guarded
    with closing(Engine(EngineRules(concurrency=1))) as engine:
        said = [engine.submit(asked(text), endpoint(server)) for text in ("one", "forbidden", "two")]
        wait(said, timeout=20)
        assert [future.exception() is None for future in said] == [True, False, True]


def test_cancelling_a_future_hangs_up(server: Server, engine: Engine) -> None:
    server.then(Reply(gate=server.gate()))
    future = engine.submit(asked(), endpoint(server))
    server.wait_for_requests(1)
    assert future.cancel()
    server.wait_until_idle()
    assert engine.submit(asked(), endpoint(server)).result(timeout=20).answer.text == "Paris"


def test_a_cancelled_future_wakes_those_who_wait_for_several(server: Server, engine: Engine) -> None:
    server.answer = lambda _: Reply(gate=server.gate())
    futures = [engine.submit(asked(), endpoint(server)) for _ in range(2)]
    futures[0].cancel()
    assert wait(futures, timeout=20, return_when=FIRST_COMPLETED).done == {futures[0]}


def test_a_cancelled_request_that_waits_for_its_turn_is_never_sent(server: Server) -> None:
    gate = server.gate()
    server.answer = lambda _: Reply(body=completion(), gate=gate)
    with closing(Engine(EngineRules(concurrency=1))) as engine:
        first, second, third = (engine.submit(asked(text), endpoint(server)) for text in "abc")
        server.wait_for_requests(1)
        second.cancel()
        gate.open()
        wait([first, third], timeout=20)
    assert [request.json["messages"][0]["content"] for request in server.requests] == ["a", "c"]


def test_closing_cancels_what_is_in_flight_and_what_waits(server: Server, engine: Engine) -> None:
    server.answer = lambda _: Reply(gate=server.gate())
    futures = [engine.submit(asked(), endpoint(server)) for _ in range(32)]
    server.wait_for_requests(32)
    futures += [engine.submit(asked(), endpoint(server)) for _ in range(18)]
    thread = engine._thread
    engine.close()
    assert [future.cancelled() for future in futures] == [True] * 50
    assert (engine.in_flight, threads()) == (0, [])
    assert thread is not None
    assert thread.dispatcher is not None
    assert not thread.dispatcher._tasks, "what waits takes no place that gets free by closing"
    with pytest.raises(CancelledError):
        futures[0].result()


def test_closing_twice_does_nothing_and_a_new_request_starts_again(server: Server, engine: Engine) -> None:
    engine.close()
    engine.submit(asked(), endpoint(server)).result(timeout=20)
    engine.close()
    engine.close()
    assert engine.submit(asked(), endpoint(server)).result(timeout=20).answer.text == "Paris"


def test_a_later_change_of_the_body_is_not_sent(server: Server, engine: Engine) -> None:
    body: dict[str, Any] = {"model": "m", "messages": []}
    future = engine.submit(ModelRequest(provider="openai", model="m", path="/x", body=body), endpoint(server))
    body["model"] = "changed"
    future.result(timeout=20)
    assert server.requests[0].json["model"] == "m"


def test_an_error_carries_no_frames_with_the_key(server: Server, engine: Engine) -> None:
    server.answer = lambda _: Reply(status=404)
    error = engine.submit(asked(), endpoint(server)).exception(timeout=20)
    assert error is not None
    assert (error.__traceback__, error.__cause__) == (None, None)


def test_callbacks_run_and_may_submit(server: Server, engine: Engine) -> None:
    second: Future[Future[Response]] = Future()
    first = engine.submit(asked(), endpoint(server))
    first.add_done_callback(lambda _: second.set_result(engine.submit(asked(), endpoint(server))))
    assert second.result(timeout=20).result(timeout=20).answer.text == "Paris"


SCRIPT = """
import logging, os, sys
logging.getLogger("asyncio").setLevel(logging.ERROR)  # not that a busy machine is slow
from pytest_llmeval.engine.client import Endpoint, Engine
heavy = {"asyncio", "httpx", "httpcore", "ssl"} & set(sys.modules)
from pytest_llmeval.formats.base import Prompt
from pytest_llmeval.formats.openai_chat import OpenAIChat
provider = OpenAIChat()
endpoint = Endpoint(base_url=sys.argv[1], provider=provider)
request = provider.request("m", Prompt(messages=({"role": "user", "content": "?"},)))
engine = Engine()
def ask():
    return engine.submit(request, endpoint).result(timeout=20).answer.text
"""


def run(script: str, server: Server) -> subprocess.CompletedProcess[str]:
    folder = str(Path(pytest_llmeval.__file__).parent.parent)
    return subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", SCRIPT + script, server.base_url],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": folder, "PYTHONASYNCIODEBUG": "0"},
        check=False,
    )


def test_a_process_that_forgets_to_close_ends_without_a_word(server: Server) -> None:
    done = run("print(ask(), heavy or 'light')", server)
    assert (done.stdout, done.stderr, done.returncode) == ("Paris light\n", "", 0)


def test_a_process_that_ends_with_requests_in_flight_ends_without_a_word(server: Server) -> None:
    server.then(completion("Paris"))
    server.answer = lambda _: Reply(gate=server.gate())
    done = run("print(ask()); futures = [engine.submit(request, endpoint) for _ in range(9)]", server)
    assert (done.stdout, done.stderr, done.returncode) == ("Paris\n", "", 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_gets_a_loop_of_its_own_and_leaves_the_parent_alone(server: Server) -> None:
    fork = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of any fork beside threads
ask()
if (child := os.fork()) == 0:
    print("child", ask(), flush=True)
    sys.exit()
os.waitpid(child, 0)
print("parent", ask())
"""
    done = run(fork, server)
    assert (done.stdout, done.stderr, done.returncode) == ("child Paris\nparent Paris\n", "", 0)
    assert server.connections == 2


def test_a_connection_that_is_given_back_while_all_are_closed_is_closed_too() -> None:
    closed: list[str] = []
    connections = Connections()
    places = [httpx.URL(f"http://127.0.0.1:{port}") for port in (1, 2, 3)]

    class Closing(Connection):
        async def aclose(self) -> None:
            closed.append("closed")
            if len(closed) <= len(places):  # a call that was in flight ends
                connections.give_back(places[len(closed) - 1], Closing(None))
            await super().aclose()

    connections.give_back(places[0], Closing(None))
    asyncio.run(connections.close())
    assert len(closed) == 4
