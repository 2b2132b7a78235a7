"""Calls from processes that a test has forked: an error or an answer, never a skip, never a hang."""

from __future__ import annotations

# Before pytester, which gives each session its modules anew: pickle would find others than those it was given.
import concurrent.futures.process  # noqa: F401
import multiprocessing.queues  # noqa: F401
import os

import pytest

from tests.server import Server, completion
from tests.sessions import Session

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")

# Each asks in a child and gives what came of it, or raises it; a child that hangs is killed.
WAYS = """
import concurrent.futures
import multiprocessing
import os
import signal
import warnings

FORK = multiprocessing.get_context("fork")
PATIENCE = 20


def by_fork(ask):
    reads, writes = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(PATIENCE)
        try:
            os.write(writes, ask().encode())
        except BaseException as error:
            os.write(writes, type(error).__name__.encode())
        finally:
            os._exit(0)
    os.close(writes)
    with open(reads) as file:
        said = file.read()
    os.waitpid(child, 0)
    return said


def by_process(ask):
    def run():
        signal.alarm(PATIENCE)
        queue.put(ask())

    queue = FORK.SimpleQueue()
    child = FORK.Process(target=run)
    child.start()
    child.join()
    return queue.get() if not queue.empty() else "nothing"


def by_pool(ask):
    global asked
    asked = ask
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=FORK) as pool:
        return pool.submit(in_pool).result(PATIENCE)


def in_pool():
    signal.alarm(PATIENCE)
    return asked()
"""
TEST = """
    import json
    import os
    import urllib.request
    import httpx
    import pytest
    from ways import by_fork, by_pool, by_process

    BODY = {{"model": "prod-1", "messages": [{{"role": "user", "content": "Low tide?"}}]}}

    def ask_llm(llm):
        return str(llm("Low tide?"))

    def ask_llm_capture(llm_capture):
        answer = httpx.post("{url}/chat/completions", json=BODY, trust_env=False).json()
        return answer["choices"][0]["message"]["content"]

    def ask_llm_gateway(llm_gateway):
        request = urllib.request.Request(llm_gateway.base_url + "/chat/completions", json.dumps(BODY).encode())
        with urllib.request.urlopen(request, timeout=20) as response:
            return json.load(response)["choices"][0]["message"]["content"]

    @pytest.mark.filterwarnings("ignore")
    @pytest.mark.parametrize("fork", [by_fork, by_process, by_pool], ids=lambda fork: fork.__name__)
    def test_tide({fixture}, fork):
        {body}
    """


def forked(result: Session) -> list[tuple[str, str | None]]:
    """Outcome and category of each case."""
    return [(result.outcome, result.category) for result in result.results()]


@pytest.mark.parametrize("fixture", ["llm", "llm_capture"])
def test_a_case_that_asks_in_a_child_is_an_error(session: Session, server: Server, fixture: str) -> None:
    session.write(WAYS, "ways.py")
    session.write(TEST.format(url=server.base_url, fixture=fixture, body=f"fork(lambda: ask_{fixture}({fixture}))"))
    result = session.run()
    assert forked(session) == [("error", "forked")] * 3
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*a model was asked by a process that the test has forked*llm_gateway*"])
    assert server.requests == []


@pytest.mark.parametrize("fixture", ["llm", "llm_capture"])
def test_so_is_one_that_swallows_it_though_others_asked_here(
    plain_session: Session, server: Server, fixture: str
) -> None:
    plain_session.write(WAYS, "ways.py")
    body = (
        f"assert ask_{fixture}({fixture}) == 'Paris'\n"
        f"        try:\n            said = fork(lambda: ask_{fixture}({fixture}))\n"
        "        except Exception:\n            said = ''\n"
        "        assert said"  # a failing answer, were it not for the call that nobody saw
    )
    plain_session.write(TEST.format(url=server.base_url, fixture=fixture, body=body))
    plain_session.run()
    assert forked(plain_session) == [("error", "forked")] * 3
    plain_session.run("--llm-mode=replay")
    assert forked(plain_session) == [("error", "forked")] * 3


def test_a_gateway_answers_children_too(session: Session, server: Server) -> None:
    session.write(WAYS, "ways.py")
    body = "assert fork(lambda: ask_llm_gateway(llm_gateway)) == 'At noon'; assert len(llm_gateway.calls) == 1"
    session.write(TEST.format(url=server.base_url, fixture="llm_gateway", body=body))
    server.answer = lambda _: completion("At noon")
    session.run("--llm-record").assert_outcomes(passed=3)
    before = len(server.requests)
    assert before
    session.run("--llm-mode=replay").assert_outcomes(passed=3)
    assert len(server.requests) == before


def test_a_child_that_asks_nothing_does_no_harm(session: Session, server: Server) -> None:
    session.write(WAYS, "ways.py")
    body = "assert ask_llm(llm) == 'Paris'; assert fork(lambda: 'noon') == 'noon'"
    session.write(TEST.format(url=server.base_url, fixture="llm", body=body))
    session.run().assert_outcomes(passed=3)


def test_a_later_case_is_not_blamed(plain_session: Session, server: Server) -> None:
    plain_session.write(WAYS, "ways.py")
    plain_session.write("""
        from ways import by_fork

        def test_asks_in_a_child(llm):
            by_fork(lambda: str(llm("Low tide?")))

        def test_asks_here(llm):
            assert llm("High tide?") == "Paris"
        """)
    plain_session.run("-Wignore").assert_outcomes(errors=1, passed=1)


@pytest.mark.parametrize("fixture", ["llm", "llm_capture"])
def test_a_case_is_not_blamed_for_the_child_of_another(plain_session: Session, server: Server, fixture: str) -> None:
    plain_session.write(f"""
        import os
        import signal
        import httpx
        import pytest

        BODY = {{"model": "prod-1", "messages": [{{"role": "user", "content": "Low tide?"}}]}}
        goes, go = os.pipe()
        hears, says = os.pipe()

        def ask_llm(llm):
            return str(llm("Low tide?"))

        def ask_llm_capture(llm_capture):
            return httpx.post("{server.base_url}/chat/completions", json=BODY, trust_env=False).text

        @pytest.mark.llm_blocking  # else the other may be executed before
        def test_forks({fixture}):
            assert "Paris" in ask_{fixture}({fixture})
            if not os.fork():
                signal.alarm(20)
                try:
                    os.read(goes, 1)
                    ask_{fixture}({fixture})
                finally:
                    os.write(says, b"!")
                    os._exit(0)
            os.close(says)  # so that nobody waits for a child that has ended

        def test_asks_here({fixture}):
            assert "Paris" in ask_{fixture}({fixture})
            os.write(go, b"!")
            assert os.read(hears, 1) == b"!"
        """)
    plain_session.run("-Wignore").assert_outcomes(passed=2)


def test_a_refusal_in_a_child_makes_the_case_an_error(session: Session, server: Server) -> None:
    session.write(WAYS, "ways.py")
    body = f"fork(lambda: str(urllib.request.urlopen('{server.base_url}/models').status))"
    session.write(TEST.format(url=server.base_url, fixture="llm", body=body))
    session.run("--llm-mode=replay")
    assert forked(session) == [("error", "no_reply_recorded")] * 3
    assert server.requests == []
