"""Suspended tests beside pytest's options and other plugins."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from tests.server import Reply, Request, Server, completion
from tests.sessions import WITHOUT, Session

SUITE = """
import pytest

@pytest.mark.parametrize("number", range(6))
def test_it(llm, number):
    assert llm("two " + llm(f"one {number}")) == f"echo two echo one {number}"
    assert number != 3
"""


FORKING = """
import json, os, pytest
from _pytest.runner import runtestprotocol

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    hooks, config = item.ihook, item.config
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        data = [config.hook.pytest_report_to_serializable(config=config, report=report) for report in reports]
        os.write(writer, json.dumps(data).encode())
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        reports = json.load(pipe)
    os.waitpid(child, 0)
    for data in reports:
        hooks.pytest_runtest_logreport(
            report=config.hook.pytest_report_from_serializable(config=config, data=data)
        )
    return True
"""


def echo(request: Request) -> object:
    return completion("echo " + request.json["messages"][-1]["content"])


@pytest.mark.parametrize(
    ("options", "plugins", "passed", "failed"),
    [
        (("--maxfail=2",), (), 5, 1),
        (("--stepwise",), ("cacheprovider",), 3, 1),
        (("--setup-show",), (), 5, 1),
        (("--durations=3", "-vv"), (), 5, 1),
        (("-Werror",), (), 5, 1),
        (("--timeout=30",), ("timeout",), 5, 1),
        (("--count=2",), ("repeat",), 10, 2),
        (("--randomly-seed=7",), ("randomly",), 5, 1),
        (("--cov=.", "--cov-report="), ("cov",), 5, 1),
        (("--force-sugar",), ("sugar",), 5, 1),
        (("-s",), (), 5, 1),
        (("--tb=native", "-ra"), (), 5, 1),
    ],
    ids=lambda value: value[0].lstrip("-").split("=")[0] if isinstance(value, tuple) and value else None,
)
def test_the_outcomes_are_those_of_tests_that_wait(
    plain_session: Session, server: Server, options: tuple[str, ...], plugins: tuple[str, ...], passed: int, failed: int
) -> None:
    server.answer = echo
    plain_session.write(SUITE)
    # The extension module of coverage can be loaded once in a process.
    result = plain_session.run(*options, plugins=plugins, subprocess="cov" in plugins)
    assert result.ret in (1, 2)
    cases = plain_session.results()
    outcomes = [sample.outcome for case in cases for sample in case.samples]
    assert (outcomes.count("pass"), outcomes.count("fail")) == (passed, failed)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_results_come_back_from_a_process_that_another_plugin_forks_for_each_test(
    plain_session: Session, server: Server
) -> None:
    server.answer = echo
    plain_session.pytester.makeconftest(FORKING)
    plain_session.write(SUITE)
    plain_session.run("--stepwise", "--maxfail=9", plugins=("cacheprovider",)).assert_outcomes(passed=3, failed=1)
    assert [sample.outcome for case in plain_session.results() for sample in case.samples] == [*["pass"] * 3, "fail"]


def test_other_plugins_can_write_reports_and_ask_for_their_words_at_any_time(
    plain_session: Session, server: Server
) -> None:
    server.answer = lambda _: Reply(status=401, body={"error": {"message": "no"}})
    folder = plain_session.path / "sub"
    folder.mkdir()
    (folder / "conftest.py").write_text(  # registered after all others
        textwrap.dedent(
            """
            import json, pytest

            @pytest.hookimpl(wrapper=True, tryfirst=True)
            def pytest_runtest_logreport(report):
                json.dumps(report._to_json())
                status = CONFIG.hook.pytest_report_teststatus(report=report, config=CONFIG)
                if report.when == "call":
                    print("CALLED", status[0])
                return (yield)

            def pytest_collection_finish(session):
                global CONFIG
                CONFIG = session.config
            """
        )
    )
    (folder / "test_it.py").write_text("def test_it(llm):\n    llm('x', tools=[{'name': 'f'}])\n")
    result = plain_session.run()
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()
    assert "CALLED error" in result.stdout.str()


def test_only_what_failed_last_runs_again(plain_session: Session, server: Server) -> None:
    server.answer = echo
    plain_session.write(SUITE)
    plain_session.run(plugins=("cacheprovider",)).assert_outcomes(passed=5, failed=1)
    plain_session.run("--lf", plugins=("cacheprovider",)).assert_outcomes(failed=1)


def test_no_terminal_is_needed(plain_session: Session, server: Server) -> None:
    server.answer = echo
    plain_session.write(SUITE)
    assert plain_session.run("-pno:terminal").ret == 1
    assert len(plain_session.results()) == 6


def test_what_must_not_run_twice_waits(plain_session: Session, server: Server) -> None:
    server.answer = echo
    plain_session.write(
        '''
        """
        >>> 1 + 1
        2
        """
        import unittest
        import pytest

        @pytest.fixture(scope="function")
        def handed(request, llm):
            request.cls.llm = staticmethod(llm)

        @pytest.mark.usefixtures("handed")
        class TestUnit(unittest.TestCase):
            def test_sub(self):
                for number in range(3):
                    with self.subTest(number=number):
                        assert self.llm(f"sub {number}") == f"echo sub {number}"

        def test_subtests(llm, subtests):
            for number in range(2):
                with subtests.test(number=number):
                    assert llm(f"subtests {number}")

        def test_other(llm):
            assert llm("other")
        '''
    )
    result = plain_session.run("--doctest-modules")
    assert result.ret == 0
    assert len(server.requests) == 6


def test_the_duration_of_a_test_holds_the_time_it_waited(plain_session: Session, server: Server) -> None:
    server.answer = lambda _: Reply(body=completion("x"), delay=0.3)
    plain_session.write(
        """
        import pytest

        @pytest.mark.parametrize("number", range(3))
        def test_it(llm, number):
            assert llm(f"one {number}")
        """
    )
    plain_session.run("--junitxml=junit.xml").assert_outcomes(passed=3)
    from xml.etree import ElementTree as ET

    cases = ET.parse(plain_session.path / "junit.xml").getroot()[0].findall("testcase")  # noqa: S314 - our own file
    assert len(cases) == 3
    assert all(float(case.get("time", 0)) >= 0.29 for case in cases)


def test_an_interrupted_session_ends_at_once_and_keeps_what_is_finished(plain_session: Session, server: Server) -> None:
    gate = server.gate()
    server.answer = lambda request: (
        Reply(body=completion("x"), gate=gate) if "slow" in request.body.decode() else completion("x")
    )
    plain_session.write(
        """
        import pytest

        @pytest.mark.parametrize("name", ["fast", "slow 1", "slow 2", "slow 3"])
        def test_it(llm, name):
            assert llm(name)
        """
    )
    without = [f"-pno:{name}" for name in WITHOUT]
    child = subprocess.Popen(
        [sys.executable, "-u", "-m", "pytest", "-v", *without, "-pno:xdist", "--llm-report=run.jsonl"],
        cwd=plain_session.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    server.wait_for_requests(4, timeout=30)
    assert child.stdout is not None
    before = ""
    while "PASSED" not in before:
        before += child.stdout.read(1)
    os.kill(child.pid, signal.SIGINT)
    output, _ = child.communicate(timeout=10)
    gate.open()
    assert child.returncode == 2
    assert "KeyboardInterrupt" in output
    assert "3 tests were waiting for replies and not finished" in output
    assert [case.key.case for case in plain_session.results()] == ["fast"]


@pytest.mark.parametrize("options", [("--dist=each",), ("--maxprocesses=1",), ("-x",)], ids=lambda o: o[0].strip("-"))
def test_more_of_xdist(pytester: pytest.Pytester, server: Server, options: tuple[str, ...]) -> None:
    server.answer = echo
    session = Session(pytester, server.base_url, ("-n2",))
    session.write(SUITE)
    result = session.run(*options)
    assert result.ret in (1, 2)
    if options != ("-x",):
        assert sorted(case.key.case for case in session.results()) == [str(number) for number in range(6)]


def test_a_worker_that_dies_while_it_only_waits_loses_no_test(pytester: pytest.Pytester, server: Server) -> None:
    server.answer = lambda _: Reply(body=completion("x"), delay=0.5)
    session = Session(pytester, server.base_url, ("-n2", "--max-worker-restart=0"))
    session.write(
        """
        import os
        import threading
        import pytest

        @pytest.mark.parametrize("number", range(8))
        def test_it(llm, number):
            if number == 0:
                threading.Timer(0.2, os._exit, [3]).start()
            assert llm(f"one {number}")
        """
    )
    result = session.run("-v")
    assert result.ret != 0
    outcomes = result.parseoutcomes()
    assert outcomes.get("passed", 0) + outcomes.get("failed", 0) >= 8
