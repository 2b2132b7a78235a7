"""Suspended tests and fixtures of every scope: each is set up and torn down as often as without suspension."""

from __future__ import annotations

from tests.server import Reply, Request, Server, completion
from tests.sessions import Session

COUNTING = """
import json
import pathlib
import pytest

LOG = pathlib.Path(__file__).with_name("log.jsonl")


def log(*what):
    with LOG.open("a") as file:
        file.write(json.dumps(what) + "\\n")


@pytest.fixture(scope="session")
def everything():
    log("up", "session")
    yield
    log("down", "session")
"""

MODULE = """
import pytest
from conftest import log


def setup_module(module):
    log("up", "setup_module", __name__)


def teardown_module(module):
    log("down", "setup_module", __name__)


@pytest.fixture(scope="module")
def shared(everything):
    log("up", "module", __name__)
    yield
    log("down", "module", __name__)


@pytest.mark.parametrize("number", range(4))
def test_function(llm, shared, number):
    assert llm("two " + llm(f"one {number}"))


class TestOne:
    def setup_class(cls):
        log("up", "setup_class", __name__, cls.__name__)

    def teardown_class(cls):
        log("down", "setup_class", __name__, cls.__name__)

    def test_single(self, llm, shared):
        assert llm("two " + llm("single"))


class TestTwo:
    @pytest.fixture(scope="class")
    @classmethod
    def room(cls):
        log("up", "class", __name__, cls.__name__)
        yield
        log("down", "class", __name__, cls.__name__)

    def test_a(self, llm, room):
        assert llm("a")

    def test_b(self, llm, room):
        assert llm("b")


def test_foreign(shared): ...
"""


def echo(request: Request) -> object:
    return completion("echo " + request.json["messages"][-1]["content"])


def logged(session: Session) -> list[str]:
    return (session.path / "log.jsonl").read_text().splitlines()


def test_every_scope_is_set_up_and_torn_down_once(plain_session: Session, server: Server) -> None:
    server.answer = echo
    plain_session.write(COUNTING, "conftest.py")
    for name in ("one", "two", "three"):
        plain_session.write(MODULE, f"test_{name}.py")
    plain_session.run().assert_outcomes(passed=24)
    lines = logged(plain_session)
    assert len(lines) == len(set(lines))
    assert len([line for line in lines if '"up"' in line]) == 1 + 3 * 4
    assert lines[-1] == '["down", "session"]'


def test_a_parametrized_module_fixture_is_set_up_once_per_value(plain_session: Session, server: Server) -> None:
    server.answer = echo
    plain_session.write(COUNTING, "conftest.py")
    plain_session.write(
        """
        import pytest
        from conftest import log

        @pytest.fixture(scope="module", params=["red", "green", "blue"])
        def colour(request):
            log("up", request.param)
            yield request.param
            log("down", request.param)

        @pytest.mark.parametrize("number", range(3))
        def test_it(llm, colour, number):
            assert llm(f"{colour} {number}") == f"echo {colour} {number}"
        """
    )
    plain_session.run().assert_outcomes(passed=9)
    lines = logged(plain_session)
    assert sorted(lines) == sorted(
        f'["{word}", "{name}"]' for word in ("up", "down") for name in ("red", "green", "blue")
    )


def test_a_reply_that_arrives_during_the_last_test_finds_its_own_test_set_up_anew(
    plain_session: Session, server: Server
) -> None:
    server.answer = echo
    plain_session.write(
        """
        import time

        import pytest

        @pytest.fixture(scope="module")
        def shared(): return []

        @pytest.fixture
        def fresh(): return []

        def test_waits(llm, shared, fresh):
            fresh.append(1)
            assert llm("second " + llm("first")) == "echo second echo first"
            assert fresh == [1]

        def test_foreign(shared, pytestconfig):
            scheduler = pytestconfig.pluginmanager.get_plugin("llmeval-scheduler")
            end = time.monotonic() + 20
            while scheduler is not None and not scheduler._ready and time.monotonic() < end:
                time.sleep(0.001)  # until the first reply is there
        """
    )
    plain_session.run().assert_outcomes(passed=2)


def answer_waits_after(server: Server, opening: str) -> None:
    """Echo each prompt, but "waits" not before one that begins with this."""
    gate = server.gate()

    def answer(request: Request) -> object:
        text = request.json["messages"][-1]["content"]
        if text.startswith(opening):
            gate.open()
        return Reply(body=completion("echo " + text), gate=gate if text == "waits" else None)

    server.answer = answer


ONCE = """
    import time

    import pytest

    set_up = []

    @pytest.fixture(scope="module")
    def shared():
        set_up.append(1)
        assert len(set_up) == 1
"""


def test_the_last_test_of_a_session_keeps_what_it_has_set_up(plain_session: Session, server: Server) -> None:
    answer_waits_after(server, "second")
    plain_session.write("def test_it(llm): assert llm('waits') == 'echo waits'", "test_a.py")
    plain_session.write(
        ONCE
        + """
    def test_foreign(shared): ...

    def test_last(llm, shared): assert llm("second " + llm("first"))
""",
        "test_b.py",
    )
    plain_session.run().assert_outcomes(passed=3)


def test_tests_outside_a_module_go_on_behind_those_within(plain_session: Session, server: Server) -> None:
    answer_waits_after(server, "last")
    plain_session.write("def test_it(llm): assert llm('outside') == 'echo outside'", "test_a.py")
    plain_session.write(
        ONCE
        + """
    def test_waits(llm, shared): assert llm("waits")

    def test_last(llm, shared, pytestconfig):
        scheduler = pytestconfig.pluginmanager.get_plugin("llmeval-scheduler")
        end = time.monotonic() + 20
        while not scheduler._ready and time.monotonic() < end:
            time.sleep(0.001)  # until the reply of the test outside is there
        assert llm("last")
""",
        "test_b.py",
    )
    plain_session.run().assert_outcomes(passed=3)


def test_what_a_test_shares_stays_up_while_it_is_run_again(plain_session: Session, server: Server) -> None:
    answer_waits_after(server, "again")
    plain_session.write(
        ONCE
        + """
    executed = []

    def test_fails(llm, shared):
        executed.append(1)
        reply = llm("fails")
        if len(executed) > 2:  # left, failed, and now executed by the plugin that repeats it
            llm("again")
        assert reply == "right"

    def test_waits(llm, shared): assert llm("waits")
"""
    )
    result = plain_session.run("--reruns=1", plugins=("rerunfailures",))
    result.stdout.fnmatch_lines(["*1 failed, 1 passed, 1 rerun*"])


def test_a_call_in_a_finalizer_waits_and_is_kept(plain_session: Session, server: Server) -> None:
    server.answer = echo
    plain_session.write(
        """
        import pytest

        @pytest.fixture
        def goodbye(llm):
            yield
            assert llm("goodbye") == "echo goodbye"

        @pytest.mark.parametrize("number", range(3))
        def test_it(llm, goodbye, number):
            assert llm(f"hello {number}")
        """
    )
    plain_session.run().assert_outcomes(passed=3)


def test_what_a_test_changes_for_itself_is_fresh_each_time(plain_session: Session, server: Server) -> None:
    server.answer = echo
    plain_session.write(
        """
        import logging
        import os
        import warnings
        import pytest

        @pytest.mark.parametrize("number", range(3))
        def test_it(llm, number, tmp_path, monkeypatch, caplog, capsys, recwarn):
            assert "MARK" not in os.environ
            monkeypatch.setenv("MARK", "1")
            (tmp_path / "file").touch(exist_ok=False)
            print("before")
            logging.getLogger().warning("logged")
            warnings.warn("warned")
            llm(f"one {number}")
            llm(f"two {number}")
            assert capsys.readouterr().out == "before\\n"
            assert caplog.messages == ["logged"]
            assert [str(warning.message) for warning in recwarn] == ["warned"]
        """
    )
    plain_session.run().assert_outcomes(passed=3)


def test_errors_of_module_fixtures_are_reported_as_pytest_does(plain_session: Session, server: Server) -> None:
    server.answer = echo
    broken = """
        import pytest

        @pytest.fixture(scope="module")
        def shared():
            {before}
            yield
            {after}

        @pytest.mark.parametrize("number", range(3))
        def test_it(llm, shared, number):
            assert llm(f"one {{number}}")
        """
    plain_session.write(broken.format(before="assert False", after="pass"), "test_setup.py")
    plain_session.write(broken.format(before="pass", after="assert False"), "test_teardown.py")
    plain_session.run().assert_outcomes(passed=3, errors=4)
