"""A stopped session sends nothing more, whatever stopped it: counted at the server, with real processes and signals."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Self

import pytest

from tests.server import Reply, Request, Server, completion
from tests.sessions import WITHOUT, Session

IN_FLIGHT = 4

# A process that runs tests says when its session ends, before it closes anything, and waits for an answer.
CONFTEST = """
import urllib.request
import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session):
    if hasattr(session.config, "workerinput") or not getattr(session.config.option, "numprocesses", None):
        urllib.request.urlopen({base_url!r} + "/ended").read()
"""

SUITE = """
import urllib.request
import pytest

@pytest.mark.parametrize("number", range(8))
def test_before(llm, number):
    assert llm(f"before {number}")

def test_stops():
    STOPS

@pytest.mark.parametrize("number", range(40))
def test_behind(llm, number):
    assert llm(f"behind {number}")
"""


class Stoppable:
    """A session whose answers are held by a gate, so that there are always four calls in flight and others behind."""

    def __init__(self, session: Session, server: Server, stops: str = "pass", options: tuple[str, ...] = ()) -> None:
        self.server = server
        self.workers = 2 if "-n2" in session.arguments else 1
        self.waits = stops != "pass"  # for the calls that are to be in flight when it stops the session
        self.gate = server.gate()
        self.ready = server.gate()
        self.ended = server.gate()
        self.output = ""
        server.answer = self._answer
        session.write(CONFTEST.format(base_url=server.base_url), "conftest.py")
        waiting = f"urllib.request.urlopen({server.base_url + '/ready'!r}).read()\n    "
        session.write(SUITE.replace("STOPS", waiting * self.waits + stops))
        without = [f"-pno:{name}" for name in WITHOUT]
        concurrency = f"--llm-concurrency={IN_FLIGHT}"
        self.child = subprocess.Popen(
            [sys.executable, "-m", "pytest", *without, *session.arguments, concurrency, *options],
            cwd=session.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        self.server.wait_for_requests(IN_FLIGHT + self.waits, timeout=60)
        self.ready.open()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.communicate()

    def asked_until_the_end(self) -> int:
        """Answer what is in flight once every process knows that it is stopped; how often models were asked at all."""
        self.server.wait_for_requests(IN_FLIGHT + self.waits + self.workers, timeout=60)
        self.gate.open()
        self.ended.open()
        self.output, _ = self.child.communicate(timeout=60)
        self.server.wait_until_idle(timeout=60)
        return sum(request.method == "POST" for request in self.server.requests)

    def _answer(self, request: Request) -> Reply:
        gates = {"/v1/ready": self.ready, "/v1/ended": self.ended}
        return Reply(body=completion("Paris"), gate=gates.get(request.path, self.gate))


@pytest.mark.parametrize("kill", [os.kill, os.killpg], ids=["pytest", "its group"])
def test_after_an_interrupt_nothing_is_sent(
    session: Session, server: Server, kill: Callable[[int, signal.Signals], None]
) -> None:
    with Stoppable(session, server) as stoppable:
        kill(stoppable.child.pid, signal.SIGINT)
        assert stoppable.asked_until_the_end() == IN_FLIGHT
        assert stoppable.child.returncode == 2
        assert "KeyboardInterrupt" in stoppable.output


@pytest.mark.parametrize("death", [signal.SIGTERM, signal.SIGKILL])
def test_workers_that_lose_their_controller_send_nothing(
    pytester: pytest.Pytester, server: Server, death: signal.Signals
) -> None:
    with Stoppable(Session(pytester, server.base_url, ("-n2",)), server) as stoppable:
        os.kill(stoppable.child.pid, death)
        assert stoppable.asked_until_the_end() == IN_FLIGHT


@pytest.mark.parametrize(
    ("stops", "options"), [("assert False", ("-x",)), ("pytest.exit('enough')", ())], ids=["-x", "pytest.exit"]
)
def test_after_what_ends_the_session_early_nothing_is_sent(
    session: Session, server: Server, stops: str, options: tuple[str, ...]
) -> None:
    with Stoppable(session, server, stops, options) as stoppable:
        if "exit" in stops and stoppable.workers > 1:
            stoppable.ended.open()  # the others are stopped once the worker that was left has ended
        assert stoppable.asked_until_the_end() <= IN_FLIGHT
        assert stoppable.child.returncode in (1, 2)


def test_a_call_of_a_thread_that_goes_on_is_not_sent(plain_session: Session, server: Server) -> None:
    plain_session.write(
        """
        import threading
        import pytest

        stopped = threading.Event()
        said = []

        def test_it(llm):
            def ask():
                stopped.wait()
                try:
                    llm("too late")
                except Exception as error:
                    said.append(f"{type(error).__name__}: {error}")

            llm("in time")
            threads.append(threading.Thread(target=ask))
            threads[-1].start()
            raise KeyboardInterrupt

        threads = []
        """
    )
    plain_session.write(
        """
        def pytest_sessionfinish():
            import test_it

            test_it.stopped.set()
            test_it.threads[-1].join()
            print(test_it.said)
        """,
        "conftest.py",
    )
    result = plain_session.run("-s", subprocess=True)
    result.stdout.fnmatch_lines(["*ReplyError: not asked: the session was stopped*"])
    assert len(server.requests) == 1


# Holds pytest at a moment after the first interrupt, until another interrupt comes.
MOMENT = """
import urllib.request
import pytest

@pytest.hookimpl({order})
def {hook}:
    urllib.request.urlopen({base_url!r} + "/moment").read()
"""

FINISHED = """
import pytest

@pytest.mark.parametrize("number", range(6))
def test_it(llm, number):
    assert llm(f"question {number}") == "Paris"

def test_then(llm):
    assert llm("last") == "Paris"
"""


@pytest.mark.parametrize(
    ("hook", "order"),
    [
        ("pytest_sessionfinish(session)", "trylast=True"),
        ("pytest_terminal_summary(terminalreporter)", "tryfirst=True"),
    ],
)
def test_a_second_interrupt_ends_with_pytests_own_message_and_loses_nothing(
    session: Session, server: Server, hook: str, order: str
) -> None:
    never = server.gate()
    server.answer = lambda request: Reply(
        body=completion("Paris"),
        gate=never if request.method == "GET" or request.json["messages"][-1]["content"] == "last" else None,
    )
    session.write(MOMENT.format(hook=hook, order=order, base_url=server.base_url), "conftest.py")
    session.write(FINISHED)
    if "-n2" in session.arguments:  # a worker's end is not what is held here
        conftest = (session.path / "conftest.py").read_text()
        own = "    import os\n    if 'PYTEST_XDIST_WORKER' in os.environ: return\n    urllib"
        session.write(conftest.replace("    urllib", own), "conftest.py")
    without = [f"-pno:{name}" for name in WITHOUT]
    child = subprocess.Popen(
        [
            sys.executable,
            "-u",
            "-m",
            "pytest",
            "-v",
            *without,
            *session.arguments,
            "--llm-report=run.jsonl",
            "--llm-record",
        ],
        cwd=session.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        assert child.stdout is not None
        output = ""
        while output.count("PASSED") < 6 and (more := child.stdout.read(1)):
            output += more
        server.wait_for_requests(7)
        os.kill(child.pid, signal.SIGINT)
        server.wait_for_requests(8)
        os.kill(child.pid, signal.SIGINT)
        output += child.communicate(timeout=60)[0]
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
    assert child.returncode == 2
    assert "Traceback" not in output
    assert re.search(r"^!+ KeyboardInterrupt !+$", output, re.MULTILINE)
    assert sorted(case.key.case for case in session.results()) == [str(number) for number in range(6)]
    recorded = (session.path / "recordings" / "test_it.jsonl").read_text()
    assert sorted(re.findall(r"question \d", recorded)) == [f"question {number}" for number in range(6)]


def test_an_interrupt_while_results_are_saved_waits_until_they_are(plain_session: Session, server: Server) -> None:
    plain_session.write(
        """
        import os
        import signal

        def pytest_llmeval_redact(entry):
            os.kill(os.getpid(), signal.SIGINT)
        """,
        "conftest.py",
    )
    plain_session.write(
        """
        import pytest

        @pytest.mark.llm_blocking
        def test_it(llm):
            assert llm("question") == "Paris"

        def test_stops():
            raise KeyboardInterrupt
        """
    )
    result = plain_session.run("--llm-record", subprocess=True)
    assert result.ret == 2
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    assert "question" in (plain_session.path / "recordings" / "test_it.jsonl").read_text()
