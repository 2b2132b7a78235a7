"""What a test replaces in its process reaches neither the calls of models nor the recordings."""

from __future__ import annotations

import json
import sys
import textwrap
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pytest_llmeval.store.recordings import Recordings
from pytest_llmeval.store.store import Store
from tests.server import Reply, Request, Server, completion
from tests.sessions import Session

# By name, the lines within which a test asks its model.
AROUND = {
    "freezegun": "with freezegun.freeze_time('2001-02-03'):",
    "time_machine": "with time_machine.travel('2001-02-03', tick=False):",
    "respx": "with respx.mock(assert_all_called=False):",
    "respx_of_httpx": "with respx.mock(using='httpx', assert_all_called=False):",
    "modules": "with mock.patch.dict(sys.modules, dict.fromkeys(('asyncio', 'certifi', 'diskcache', 'h11', 'ssl'))):",
    "environment": "with mock.patch.dict(os.environ, clear=True):",
    "clocks": "with replaced(time, 'monotonic', 'perf_counter', 'sleep', 'time'):",
    "sockets": "with replaced(socket, 'create_connection', 'getaddrinfo', 'socket', 'socketpair'):",
    "connections": "with replaced(socket.socket, 'connect', 'connect_ex', 'setsockopt'):",
    "files": "with replaced(builtins, 'open'), replaced(io, 'open'), replaced(os, 'stat', 'open', 'replace'):",
    "paths": "with replaced(pathlib.Path, 'exists', 'open', 'read_bytes', 'stat'):",
    "threads": "with replaced(threading, 'Thread'):",
}
FIXTURES = ("httpx_mock", "fs", "socket_disabled", "frozen")

BEGINNING = """
import builtins, contextlib, io, os, pathlib, socket, sys, threading, time
from unittest import mock

import freezegun, pytest, respx, time_machine

@contextlib.contextmanager
def replaced(of, *names):
    with contextlib.ExitStack() as stack:
        for name in names:
            stack.enter_context(mock.patch.object(of, name, side_effect=AssertionError))
        yield

@pytest.fixture
def frozen():
    with freezegun.freeze_time('2001-02-03'):
        yield
"""


def two_tests(name: str, fixture: str = "", around: str = "if True:") -> str:
    """One that is suspended while it waits, and one that is not."""
    return textwrap.dedent(f"""
        def test_{name}(llm{fixture}):
            {around}
                assert llm("aside {name}") == "aside {name}"

        @pytest.mark.llm_blocking
        def test_{name}_waits(llm{fixture}):
            {around}
                assert llm("here {name}") == "here {name}"
    """)


def test_nothing_that_a_test_replaces_reaches_its_calls(
    plain_session: Session, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Live, with a second attempt for each call, and replayed; with true dates and latencies in the recordings."""
    for name in ("time_machine", "pyfakefs", "pytest_httpx", "pytest_socket"):
        pytest.importorskip(name)
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-tests")
    plain_session.configure(f"""
        [tool.llmeval]
        model = "m"
        recordings = "recordings"

        [tool.llmeval.models.m]
        model = "acme/m-1"
        base_url = "{server.base_url}"
        api_key_env = "OPENAI_API_KEY"
    """)
    tests = [two_tests(name, around=around) for name, around in AROUND.items()]
    tests += [two_tests(name, fixture=f", {name}") for name in FIXTURES]
    plain_session.write(BEGINNING + "".join(tests) + two_tests("after"))
    count = 2 * len(tests) + 2
    seen: set[str] = set()

    def answer(request: Request) -> Any:
        text = request.json["messages"][-1]["content"]
        if text not in seen:
            seen.add(text)
            return Reply(status=500)
        return completion(text)

    def ran(*arguments: str) -> None:
        plugins = ("pytest_httpx", "fakefs", "socket")
        plain_session.run(*arguments, plugins=plugins, subprocess=True).assert_outcomes(passed=count)

    server.answer = lambda request: completion(request.json["messages"][-1]["content"])
    ran("--llm-mode=live")
    server.answer = answer
    ran("--llm-record")
    calls = [call for each in plain_session.results() for sample in each.samples for call in sample.calls]
    assert [call.measures.attempts for call in calls] == [2] * count
    assert all(0 < (call.measures.latency or 0) < 20 for call in calls)
    asked = len(server.requests)
    assert asked == 3 * count
    [file] = (plain_session.path / "recordings").glob("*.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    dates = [datetime.fromisoformat(line["recorded_at"]) for line in lines if "recorded_at" in line]
    assert len(dates) == count
    assert all(abs(datetime.now(UTC) - date) < timedelta(hours=1) for date in dates)
    (plain_session.path / ".llmeval").rename(plain_session.path / "cache-of-before")
    ran("--llm-mode=replay")
    assert len(server.requests) == asked


PATCHED = "from gevent import monkey\nmonkey.patch_all()\n"


@pytest.mark.parametrize("early", [False, True], ids=["in the test file", "before pytest"])
def test_gevent(plain_session: Session, server: Server, *, early: bool) -> None:
    pytest.importorskip("gevent")
    plain_session.write(
        ("" if early else PATCHED)
        + textwrap.dedent("""
        import pytest

        @pytest.mark.parametrize("number", range(8))
        def test_waits_aside(llm, number):
            assert llm(f"Capital of France? {number}") == "Paris"

        @pytest.mark.llm_blocking
        def test_waits(llm):
            assert llm("Capital of France?") == "Paris"
        """)
    )
    if early:
        plain_session.write(PATCHED, "sitecustomize_of_the_test.py")
    first = ("-psitecustomize_of_the_test",) if early else ()
    for arguments in (("--llm-mode=live",), ("--llm-record",), ("--llm-mode=replay",)):
        plain_session.run(*first, *arguments, subprocess=True).assert_outcomes(passed=9)
    assert len(server.requests) == 18


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no file descriptors")
@pytest.mark.parametrize("descriptors", [40, 64])
def test_few_file_descriptors(plain_session: Session, server: Server, descriptors: int) -> None:
    plain_session.write(f"""
        import resource
        import pytest

        resource.setrlimit(resource.RLIMIT_NOFILE, ({descriptors}, {descriptors}))

        @pytest.mark.parametrize("number", range(100))
        def test_it(llm, number):
            assert llm(f"Capital of France? {{number}}") == "Paris"
    """)
    server.answer = lambda request: Reply(body=completion(), delay=0.02)
    for arguments in (("--llm-mode=live",), ("--llm-record",), ("--llm-mode=replay",)):
        plain_session.run(*arguments, subprocess=True).assert_outcomes(passed=100)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows forks no process")
def test_a_fork_within_a_test(plain_session: Session, server: Server) -> None:
    plain_session.write("""
        import os, pytest, sys

        def in_a_child(what):
            child = os.fork()
            if not child:
                try:
                    what()
                except BaseException as error:
                    print(error, file=sys.stderr)
                    os._exit(1)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0

        @pytest.mark.llm_blocking
        @pytest.mark.parametrize("number", range(4))
        def test_forks(llm, number):
            assert llm(f"before {number}") == "Paris"
            in_a_child(lambda: None)
            assert llm(f"after {number}") == "Paris"

        @pytest.mark.parametrize("number", range(4))
        def test_forks_aside(llm, number):
            in_a_child(lambda: None)
            assert llm(f"aside {number}") == "Paris"
    """)
    for arguments in (("--llm-mode=live",), ("--llm-record",), ("--llm-mode=replay",)):
        plain_session.run(*arguments, subprocess=True).assert_outcomes(passed=8)
    assert len(server.requests) == 24


def test_what_cannot_be_prepared_ends_no_session(
    plain_session: Session, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(Store, "prepare", broken)
    monkeypatch.setattr(Recordings, "prepare", broken)
    plain_session.write("""
        def test_it(llm):
            assert llm("Capital of France?") == "Paris"
    """)
    plain_session.run().assert_outcomes(passed=1)
    assert len(server.requests) == 1
