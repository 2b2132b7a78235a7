"""Suspended tests: left while they wait for a reply, executed again when it is there, reported once."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.server import Reply, Request, Server, completion
from tests.sessions import Session


def echo(request: Request) -> object:
    return completion("echo " + request.json["messages"][-1]["content"])


def prompts(server: Server) -> Counter[str]:
    return Counter(request.json["messages"][-1]["content"] for request in server.requests)


@pytest.fixture
def overlapping(session: Session, server: Server) -> Session:
    """A session whose first replies come only when eight requests are in flight at once (four in a worker of two)."""
    at_once = 4 if "-n2" in session.arguments else 8
    first = [Reply(body=completion("echo"), at_once=at_once) for _ in range(8)]
    server.then(*first)
    server.answer = lambda _: completion("echo")
    return session


def test_plain_tests_have_their_calls_in_flight_together(overlapping: Session, server: Server) -> None:
    overlapping.write(
        """
        import pytest

        @pytest.mark.parametrize("number", range(20))
        def test_one(llm, number):
            assert llm(f"question {number}").startswith("echo")
        """
    )
    overlapping.run().assert_outcomes(passed=20)
    assert set(prompts(server).values()) == {1}
    assert len(server.requests) == 20


def test_dependent_calls_fixtures_and_outcomes_are_those_of_tests_that_wait(session: Session, server: Server) -> None:
    server.answer = echo
    session.write(
        """
        import pytest

        setups = []

        @pytest.fixture(scope="module")
        def database():
            setups.append("up")
            yield "db"
            assert setups.count("up") == 1

        @pytest.fixture
        def draft(llm):
            return llm("draft")

        @pytest.mark.parametrize("number", range(4))
        def test_chain(llm, database, number, tmp_path, monkeypatch, capsys):
            assert list(tmp_path.iterdir()) == []
            (tmp_path / "x").write_text("x")
            monkeypatch.setenv("CHAIN", str(number))
            first = llm(f"first {number}")
            second = llm(f"second {first}")
            assert llm(f"third {second}") == f"echo third echo second echo first {number}"
            print("seen once")
            assert capsys.readouterr().out == "seen once\\n"

        def test_in_a_fixture(draft, llm):
            assert (draft, llm("draft")) == ("echo draft", "echo draft")

        def test_same_prompt_twice(llm):
            assert llm("same") == llm("same")

        class TestClass:
            @pytest.fixture(scope="class", autouse=True)
            @classmethod
            def shared(cls):
                setups.append("class")

            def test_a(self, llm): assert llm("a")
            def test_b(self, llm): assert llm("b")
            def test_count(self): assert setups.count("class") == 1

        def test_foreign(database):
            assert setups.count("up") == 1

        def test_fails(llm):
            print("printed once")
            assert llm("fail") == "right"

        def test_skips(llm):
            llm("skip")
            pytest.skip("not today")

        @pytest.mark.xfail(strict=True, reason="known")
        def test_known(llm):
            assert llm("known") == "right"

        def test_dynamic_xfail(llm, request):
            llm("one")
            request.applymarker(pytest.mark.xfail)
            assert llm("two") == "right"

        def test_property(llm, record_property):
            record_property("kept", "once")
            assert llm("property")
        """
    )
    result = session.run("--junitxml=junit.xml", "-ojunit_family=xunit1", "-rA")
    result.assert_outcomes(passed=11, failed=1, skipped=1, xfailed=2)
    assert result.stdout.str().count("printed once") == 1 + result.stdout.str().count('print("printed once")')
    counts = prompts(server)
    assert (counts["draft"], counts["same"]) == (2, 2)
    assert {count for prompt, count in counts.items() if prompt not in ("draft", "same")} == {1}
    xml = (session.path / "junit.xml").read_text()
    assert (xml.count("<testcase"), xml.count('name="kept"')) == (15, 1)


def test_what_swallows_every_exception_gets_its_reply_all_the_same(session: Session, server: Server) -> None:
    server.answer = echo
    session.write(
        """
        import threading
        from concurrent.futures import ThreadPoolExecutor
        from contextlib import suppress

        import pytest

        def test_except_exception(llm):
            try:
                reply = llm("except")
            except Exception:
                reply = None
            assert reply == "echo except"

        def test_bare_except(llm):
            try:
                reply = llm("bare")
            except:
                reply = None
            assert reply == "echo bare"

        def test_suppress(llm):
            reply = None
            with suppress(BaseException):
                reply = llm("suppress")
            assert reply == "echo suppress"

        def test_finally_return(llm):
            def ask():
                reply = None
                try:
                    reply = llm("finally")
                finally:
                    return reply
            assert ask() == "echo finally"

        def test_retry_loop(llm):
            for attempt in range(3):
                try:
                    reply = llm("retry")
                    break
                except BaseException:
                    reply = None
            assert reply == "echo retry"

        def test_fallback_is_not_asked(llm):
            try:
                reply = llm("wanted")
            except BaseException:
                reply = llm("fallback")
            assert reply == "echo wanted"

        def test_raises(llm):
            with pytest.raises(ZeroDivisionError):
                llm("raises")
                1 / 0

        def test_threads(llm):
            with ThreadPoolExecutor(4) as pool:
                assert list(pool.map(llm, ["t1", "t2", "t3"])) == ["echo t1", "echo t2", "echo t3"]
            found = []
            thread = threading.Thread(target=lambda: found.append(llm("raw")))
            thread.start()
            thread.join()
            assert found == ["echo raw"]

        def test_last_one(llm):
            assert llm("last")
        """
    )
    result = session.run()
    result.assert_outcomes(passed=9)
    assert "fallback" not in prompts(server)
    assert prompts(server)["retry"] == 1


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_async_tests_overlap_and_gather_sends_all_at_once(session: Session, server: Server, mode: str) -> None:
    server.answer = echo
    session.write(
        """
        import asyncio
        import pytest

        pytestmark = pytest.mark.asyncio

        @pytest.mark.parametrize("number", range(5))
        async def test_chain(llm, number):
            first = await llm.acall(f"first {number}")
            assert await llm.acall(f"second {first}") == f"echo second echo first {number}"

        async def test_gather(llm):
            async def two_steps(name):
                return await llm.acall("then " + await llm.acall(name))
            replies = await asyncio.gather(*(two_steps(f"g{i}") for i in range(5)))
            assert replies == [f"echo then echo g{i}" for i in range(5)]

        async def test_gather_keeps_exceptions(llm):
            replies = await asyncio.gather(*(llm.acall(f"k{i}") for i in range(3)), return_exceptions=True)
            assert replies == ["echo k0", "echo k1", "echo k2"]

        async def test_task_group(llm):
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(llm.acall(f"tg{i}")) for i in range(3)]
            assert [task.result() for task in tasks] == ["echo tg0", "echo tg1", "echo tg2"]

        async def test_sync_call(llm):
            assert llm("sync") == "echo sync"

        async def test_last(llm):
            assert await llm.acall("last")
        """
    )
    result = session.run(f"--asyncio-mode={mode}", plugins=("asyncio",))
    result.assert_outcomes(passed=10)
    assert set(prompts(server).values()) == {1}
    assert "never retrieved" not in result.stderr.str()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_anyio_tests_overlap_in_silence(session: Session, server: Server, backend: str) -> None:
    server.answer = echo
    session.write(
        f"""
        import anyio
        import pytest

        pytestmark = pytest.mark.anyio

        @pytest.fixture(scope="module")
        def anyio_backend():
            return {backend!r}

        @pytest.fixture(scope="module")
        async def resource():
            yield "resource"

        @pytest.mark.parametrize("number", range(4))
        async def test_group(llm, resource, number):
            found = []
            async def ask(name):
                found.append(await llm.acall(name))
            async with anyio.create_task_group() as group:
                for i in range(3):
                    group.start_soon(ask, f"{{number}}-{{i}}")
            assert sorted(found) == [f"echo {{number}}-{{i}}" for i in range(3)]
        """
    )
    result = session.run(plugins=("anyio",))
    result.assert_outcomes(passed=4)
    assert set(prompts(server).values()) == {1}
    assert result.stderr.str().strip() == ""


def test_a_prompt_that_differs_each_time_waits_and_is_named(session: Session, server: Server) -> None:
    server.answer = echo
    session.write(
        """
        import uuid
        import pytest

        def test_uuid(llm):
            prompt = f"id {uuid.uuid4()}"
            assert llm(prompt) == "echo " + prompt

        @pytest.mark.parametrize("number", range(3))
        def test_other(llm, number):
            assert llm(f"other {number}")
        """
    )
    result = session.run()
    result.assert_outcomes(passed=4)
    assert len([prompt for prompt in prompts(server) if prompt.startswith("id ")]) <= 2
    if "-n2" not in session.arguments:
        result.stdout.fnmatch_lines(["*warning: test_it.py::test_uuid waited for each reply: its prompt differs*"])


def test_a_body_that_must_not_run_twice_waits(session: Session, server: Server) -> None:
    server.answer = echo
    session.write(
        """
        import pytest

        runs = []

        @pytest.mark.llm_blocking
        @pytest.mark.llm_samples(2)
        def test_once(llm):
            runs.append("run")
            assert llm("one") and llm("two")

        @pytest.mark.parametrize("number", range(3))
        def test_other(llm, number):
            assert llm(f"other {number}")

        def test_count():
            assert runs in (["run", "run"], [])
        """
    )
    session.run().assert_outcomes(passed=5)


def test_no_number_of_calls_makes_it_loop(session: Session, server: Server) -> None:
    server.answer = echo
    session.write(
        """
        import itertools
        counter = itertools.count(1)

        def test_more_each_time(llm):
            for number in range(next(counter)):
                llm(f"call {number}")

        def test_long_chain(llm):
            reply = "start"
            for number in range(60):
                reply = llm(f"{number} after {reply[:20]}")

        def test_last(llm):
            assert llm("last")
        """
    )
    result = session.run()
    result.assert_outcomes(passed=3)
    assert prompts(server)["call 0"] == 1


@pytest.mark.parametrize("mode", ["load", "loadscope", "loadfile", "loadgroup", "worksteal"])
def test_every_way_to_distribute_reports_every_test_once(pytester: pytest.Pytester, server: Server, mode: str) -> None:
    server.answer = echo
    session = Session(pytester, server.base_url, ("-n2", f"--dist={mode}"))
    for module in ("one", "two"):
        session.write(
            """
            import pytest

            @pytest.fixture(scope="module")
            def shared(): return []

            @pytest.mark.parametrize("number", range(6))
            def test_it(llm, shared, number):
                assert llm(f"first {number}") and llm(f"second {number}")

            def test_foreign(shared): ...
            """,
            f"test_{module}.py",
        )
    result = session.run()
    result.assert_outcomes(passed=14)
    assert len(session.results()) == 12


def test_a_crashed_worker_loses_no_test(pytester: pytest.Pytester, server: Server) -> None:
    server.answer = lambda request: Reply(body=completion("x"), delay=0.3)
    session = Session(pytester, server.base_url, ("-n2",))
    session.write(
        """
        import os
        import pytest

        @pytest.mark.parametrize("number", range(20))
        def test_it(llm, number):
            if number == 9:
                os._exit(1)
            assert llm(f"question {number}")
        """
    )
    result = session.run("-v")
    assert result.ret == 1
    outcome = result.parseoutcomes()
    assert outcome.get("passed", 0) + outcome.get("failed", 0) >= 20
    named = set(re.findall(r"test_it\[(\d+)\]", result.stdout.str()))
    assert named == {str(number) for number in range(20)}


def test_what_is_to_be_sent_comes_before_what_has_arrived(plain_session: Session, server: Server) -> None:
    server.answer = echo
    plain_session.write(
        """
        import pytest

        executions = []

        @pytest.mark.parametrize("number", range(40))
        def test_it(llm, number):
            executions.append(number)
            llm(f"question {number}")

        def test_order():
            again = next(place for place, number in enumerate(executions) if number in executions[:place])
            with open("again.txt", "w") as file:
                file.write(str(again))
        """
    )
    plain_session.run("--llm-concurrency=8")
    assert int((plain_session.path / "again.txt").read_text()) > 8


def test_nothing_is_left_for_the_garbage_collector(plain_session: Session, server: Server) -> None:
    server.answer = echo
    plain_session.write(
        """
        import gc, pytest

        @pytest.hookimpl(wrapper=True)
        def pytest_runtestloop():
            gc.collect()
            gc.disable()
            result = yield
            with open("garbage.txt", "w") as file:
                file.write(str(gc.collect()))
            return result
        """,
        "conftest.py",
    )
    plain_session.write(
        """
        import pytest

        @pytest.fixture
        def asked_first(llm, number):
            return llm(f"first {number}")

        @pytest.mark.parametrize("number", range(60))
        def test_it(llm, number, asked_first):
            llm(f"second {number}")
        """
    )
    plain_session.run(subprocess=True).assert_outcomes(passed=60)
    objects = int((plain_session.path / "garbage.txt").read_text())
    assert objects < 60 * 20  # of each test that waits pytest leaves four, and a frame would bring hundreds


def test_stopping_at_the_first_failure_says_what_was_waiting(plain_session: Session, server: Server) -> None:
    gate = server.gate()
    server.answer = lambda _: Reply(body=completion("x"), gate=gate)
    plain_session.write(
        """
        import pytest

        @pytest.mark.parametrize("number", range(3))
        def test_waits(llm, number):
            assert llm(f"question {number}")

        def test_fails():
            assert False

        def test_later(): ...
        """
    )
    result = plain_session.run("-x")
    gate.open()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*3 tests were waiting for replies and not finished*"])


def test_other_plugins_that_execute_tests_again_see_fresh_executions(plain_session: Session, server: Server) -> None:
    server.answer = echo
    plain_session.write(
        """
        import pytest

        def test_fails(llm):
            assert llm("fail") == "right"

        @pytest.mark.parametrize("number", range(3))
        def test_other(llm, number):
            assert llm(f"other {number}")
        """
    )
    result = plain_session.run("--reruns=2", plugins=("rerunfailures",))
    result.stdout.fnmatch_lines(["*1 failed, 3 passed, 2 rerun*"])
    assert len(plain_session.results()) == 4


def test_a_neighbours_warning_filter_does_not_apply(session: Session, server: Server) -> None:
    server.answer = echo
    session.write(
        """
        import warnings
        import pytest

        def test_warns(llm):
            llm("one")
            warnings.warn("harmless")

        @pytest.mark.filterwarnings("error")
        def test_strict(llm):
            assert llm("two")

        @pytest.mark.filterwarnings("error")
        def test_strict_foreign(): ...

        def test_warns_too(llm):
            llm("three")
            warnings.warn("harmless")
        """
    )
    session.run("-Wdefault").assert_outcomes(passed=4, warnings=2)


def test_without_the_private_names_every_call_waits_and_says_the_same(
    plain_session: Session, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_llmeval.plugin.running.runner.can_schedule", lambda session: False)
    server.answer = echo
    plain_session.write(
        """
        import pytest

        @pytest.mark.llm_samples(3)
        def test_it(llm):
            assert llm("then " + llm("first")) == "echo then echo first"
        """
    )
    plain_session.run().assert_outcomes(passed=1)
    assert server.most_in_flight >= 1
