"""Suspended tests beside plugins that wrap, fork, order or count the executions of a test."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.other_plugins.found import load
from tests.other_plugins.installed import PLUGINS
from tests.plugin.running.test_adaptive import CASES, COMPARE, Models, samples
from tests.plugin.running.test_scheduler_options import FORKING, echo
from tests.server import Reply, Request, Server, completion
from tests.sessions import CONFIGURATION, Session, told

SUITE = """
import pytest

@pytest.fixture(scope="module")
def garden():
    return "garden"

@pytest.mark.parametrize("number", range(4))
def test_asks(llm, garden, number):
    assert llm("again " + llm(f"seed {number}")) == f"echo again echo seed {number}"
    assert number != 2

def test_plain(garden):
    assert garden
"""

OUTCOMES = {"passed": 4, "failed": 1}

# Like the plugins that write reports: an attribute while the protocol lasts, and a line for each protocol.
WRAPS = """
import pytest

@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    item.entered = True
    result = yield
    del item.entered
    with open(item.config.rootpath / "protocols.txt", "a") as file:
        file.write(item.nodeid + "\\n")
    return result
"""

COUNTS = """
import pytest

@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if call.when == "call":
        with open(item.config.rootpath / "calls.txt", "a") as file:
            file.write(f"{item.name} {report.outcome}\\n")
    return report
"""

# Of pytest's documentation, "incremental testing".
INCREMENTAL = """
import pytest

def pytest_runtest_makereport(item, call):
    if item.get_closest_marker("incremental") is not None and call.excinfo is not None:
        item.parent.failed_before = item.name

def pytest_runtest_setup(item):
    if item.get_closest_marker("incremental") is not None and hasattr(item.parent, "failed_before"):
        pytest.xfail(f"behind {item.parent.failed_before}")

def pytest_configure(config):
    config.addinivalue_line("markers", "incremental: stop at the first failure")
"""

DEPENDS_ON_REPORTS = """
import pytest

PASSED = set()

def pytest_runtest_logreport(report):
    if report.when == "call" and report.passed:
        PASSED.add(report.nodeid.rpartition("::")[2])

def pytest_runtest_setup(item):
    needed = item.get_closest_marker("needs")
    if needed is not None and needed.args[0] not in PASSED:
        pytest.skip(f"{needed.args[0]} has not passed")

def pytest_configure(config):
    config.addinivalue_line("markers", "needs(name): skip unless that test has passed")
"""

SORTS = """
def pytest_configure(config):
    config.addinivalue_line("markers", "order(place): where a test is run")

def pytest_collection_modifyitems(items):
    def place(item):
        marker = item.get_closest_marker("order")
        return marker.args[0] if marker is not None else 1000

    items.sort(key=place)
"""


@pytest.fixture
def garden(session: Session, server: Server) -> Session:
    """A project whose model says what it is asked."""
    server.answer = echo
    return session


def hold(server: Server, word: str) -> None:
    """Answer no prompt with a word until two of them have been asked: tests that do not overlap would wait for ever."""
    gate, asked = server.gate(), []

    def answer(request: Request) -> object:
        body = echo(request)
        if word not in request.body.decode():
            return body
        asked.append(request)
        if len(asked) > 1:
            gate.open()
        return Reply(body=body, gate=gate)

    server.answer = answer


def lines(session: Session, name: str) -> Counter[str]:
    return Counter((session.path / name).read_text().splitlines())


def test_a_wrapper_that_makes_something_of_each_execution_sees_one(garden: Session) -> None:
    garden.write(WRAPS, "conftest.py")
    garden.write(SUITE)
    result = garden.run()
    result.assert_outcomes(**OUTCOMES)
    assert "INTERNALERROR" not in result.stdout.str()
    assert told(result, "tests run one after another beside conftest.py (pytest_runtest_protocol)")
    assert set(lines(garden, "protocols.txt").values()) == {1}
    assert len(garden.results()) == 4


def test_a_wrapper_of_a_known_plugin_is_entered_once_at_a_time(garden: Session, server: Server) -> None:
    # Under the name of one that makes nothing of an execution that does not count.
    garden.write(
        WRAPS.replace("item.entered = True", "assert not hasattr(item, 'entered')\n    item.entered = True"),
        "pytest_jsonreport.py",
    )
    garden.write(SUITE)
    garden.write("pytest_plugins = ['pytest_jsonreport']", "conftest.py")
    hold(server, "seed")
    for options in (("--llm-record",), ("--llm-mode=replay",)):
        result = garden.run(*options)
        result.assert_outcomes(**OUTCOMES)
        assert not told(result, "one after another")
    assert len(server.requests) == 8


def test_what_counts_reports_counts_each_test_once(garden: Session) -> None:
    garden.write(COUNTS, "conftest.py")
    garden.write(SUITE)
    result = garden.run()
    result.assert_outcomes(**OUTCOMES)
    assert told(result, "tests run one after another beside conftest.py (pytest_runtest_makereport)")
    names = [f"test_asks[{number}]" for number in (0, 1, 3)]
    expected = [*(f"{name} passed" for name in names), "test_asks[2] failed", "test_plain passed"]
    assert lines(garden, "calls.txt") == Counter(expected)


AROUND = {
    "pytest_runtest_call": """
import pytest

@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    result = yield
    with open(item.config.rootpath / "ended.txt", "a") as file:
        file.write(item.name + "\\n")
    return result
""",
    "pytest_pyfunc_call": """
import pytest

class Ends:
    @pytest.hookimpl(hookwrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem):
        yield
        with open(pyfuncitem.config.rootpath / "ended.txt", "a") as file:
            file.write(pyfuncitem.name + "\\n")

def pytest_configure(config):
    config.pluginmanager.register(Ends())
""",
}


@pytest.mark.parametrize("hook", AROUND)
def test_a_wrapper_of_the_body_sees_one_end_of_each_test(plain_session: Session, server: Server, hook: str) -> None:
    server.answer = echo
    plain_session.write(AROUND[hook], "conftest.py")
    plain_session.write(SUITE.replace("assert number != 2", ""))
    result = plain_session.run()
    result.assert_outcomes(passed=5)
    assert told(result, f"tests run one after another beside conftest.py ({hook})")
    assert sorted(lines(plain_session, "ended.txt").values()) == [1] * 5


def test_a_replay_has_nothing_to_say_of_it(plain_session: Session, server: Server) -> None:
    server.answer = echo
    plain_session.write(COUNTS, "conftest.py")
    plain_session.write(SUITE)
    plain_session.run("--llm-record")
    result = plain_session.run("--llm-mode=replay")
    result.assert_outcomes(**OUTCOMES)
    assert not told(result, "one after another")


def test_only_the_tests_below_a_conftest_are_concerned(plain_session: Session, server: Server) -> None:
    hold(server, "north")
    for folder in ("north", "south"):
        (plain_session.path / folder).mkdir()
        plain_session.write(SUITE.replace("seed", folder), f"{folder}/test_{folder}.py")
    plain_session.write(COUNTS, "south/conftest.py")
    result = plain_session.run()
    result.assert_outcomes(passed=8, failed=2)
    assert told(result, "4 of 8 tests run one after another beside south/conftest.py (pytest_runtest_makereport)")
    assert sum(lines(plain_session, "calls.txt").values()) == 5


def test_a_class_whose_tests_depend_on_each_other_stops_at_the_first_failure(garden: Session) -> None:
    garden.write(INCREMENTAL, "conftest.py")
    garden.write(
        """
        import pytest

        @pytest.mark.incremental
        class TestDay:
            def test_sow(self, llm):
                assert llm("sow")

            def test_water(self, llm):
                assert llm("water") == "dry"

            def test_reap(self, llm):
                assert llm("reap")
        """
    )
    options = ("--dist=loadfile",) if "-n2" in garden.arguments else ()
    garden.run(*options).assert_outcomes(passed=1, failed=1, xfailed=1)


def test_a_test_may_depend_on_what_was_reported(plain_session: Session, server: Server) -> None:
    server.answer = echo
    plain_session.write(DEPENDS_ON_REPORTS, "conftest.py")
    plain_session.write(
        """
        import pytest

        def test_sow(llm):
            assert llm("sow")

        @pytest.mark.needs("test_sow")
        def test_reap(llm):
            assert llm("reap")

        @pytest.mark.needs("test_burn")
        def test_never(): ...
        """
    )
    result = plain_session.run()
    result.assert_outcomes(passed=2, skipped=1)
    assert told(result, "conftest.py (pytest_runtest_logreport and pytest_runtest_setup)")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_each_test_runs_in_the_process_that_a_plugin_forks_for_it(garden: Session, server: Server) -> None:
    garden.write(FORKING, "conftest.py")
    garden.write(SUITE.replace("assert garden", "import os\n    os.environ['GARDEN'] = garden"))
    garden.write("import os\n\ndef test_behind():\n    assert 'GARDEN' not in os.environ\n", "test_later.py")
    for options in (("--llm-record",), ("--llm-mode=replay",)):
        result = garden.run(*options, subprocess=True)
        result.assert_outcomes(passed=5, failed=1)
        assert [sample.outcome for case in garden.results() for sample in case.samples].count("pass") == 3
    assert len(server.requests) == 8


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_test_may_be_forked_among_others_that_overlap(plain_session: Session, server: Server) -> None:
    server.answer = echo
    (plain_session.path / "forked").mkdir()
    plain_session.write(FORKING, "forked/conftest.py")
    plain_session.write("def test_it(llm):\n    assert llm('in a fork')\n", "forked/test_forked.py")
    plain_session.write(SUITE, "test_before.py")
    plain_session.write(SUITE.replace("seed", "leaf"), "test_later.py")
    result = plain_session.run("test_before.py", "forked", "test_later.py", subprocess=True)
    result.assert_outcomes(passed=9, failed=2)
    assert len(plain_session.results()) == 9
    assert len(server.requests) == 17


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_what_was_forked_keeps_its_first_samples(plain_session: Session, server: Server) -> None:
    models = Models(plain_session, server)
    models.wrong = {("cand-2", number): range(100) for number in (1, 5, 6, 9)}
    plain_session.write(FORKING, "conftest.py")
    result = plain_session.run(*COMPARE, subprocess=True)
    assert samples(plain_session) == {("candidate", 2): CASES, ("production", 2): CASES}
    assert {case.outcome for case in plain_session.results()} == {"pass", "fail"}
    assert "llmeval broke" not in result.stdout.str()


def test_marked_tests_keep_their_order_and_the_others_overlap(plain_session: Session, server: Server) -> None:
    hold(server, "other")
    plain_session.write(SORTS, "pytest_order.py")
    plain_session.write("pytest_plugins = ['pytest_order']", "conftest.py")
    plain_session.write(
        """
        import pytest

        DONE = []

        @pytest.mark.parametrize("number", range(4))
        def test_other(llm, number):
            assert llm(f"other {number}")

        @pytest.mark.order(2)
        def test_reap():
            assert DONE == ["sow"]

        @pytest.mark.order(1)
        def test_sow(llm):
            assert llm("sow")
            DONE.append("sow")

        @pytest.mark.order(2000)
        def test_eat(llm):
            assert llm("eat")
            DONE.append("eat")

        @pytest.mark.order(2001)
        def test_sleep():
            assert DONE == ["sow", "eat"]
        """
    )
    result = plain_session.run()
    result.assert_outcomes(passed=8)
    assert told(result, "2 of 6 tests run one after another beside pytest_order")


def test_a_mark_of_a_plugin_that_is_not_there_changes_nothing(plain_session: Session, server: Server) -> None:
    hold(server, "seed")
    plain_session.write(SUITE.replace("@pytest.mark.param", "@pytest.mark.order(1)\n@pytest.mark.param"))
    result = plain_session.run("-Wignore")
    result.assert_outcomes(**OUTCOMES)
    assert not told(result, "one after another")


def test_what_an_execution_that_does_not_count_left_on_the_test_is_gone(garden: Session) -> None:
    garden.write(
        """
        import pytest

        @pytest.fixture
        def notes(request):
            request.node.notes = [*getattr(request.node, "notes", []), "begun"]
            return request.node.notes

        @pytest.mark.parametrize("number", range(3))
        def test_it(notes, llm, number):
            assert llm("again " + llm(f"note {number}"))
            assert notes == ["begun"]
        """
    )
    garden.run().assert_outcomes(passed=3)


def test_fixtures_have_no_finalizer_of_ours(plain_session: Session, server: Server) -> None:
    server.answer = echo
    plain_session.write(
        """
        import inspect, pytest

        @pytest.hookimpl(wrapper=True)
        def pytest_fixture_setup(fixturedef, request):
            result = yield
            for finalizer in fixturedef._finalizers:  # as a plugin does that reports each with its arguments
                assert "llmeval" not in repr(inspect.signature(finalizer)) + repr(finalizer)
            return result
        """,
        "conftest.py",
    )
    plain_session.write(SUITE)
    plain_session.run().assert_outcomes(**OUTCOMES)


def test_an_example_of_hypothesis_waits_for_its_reply(garden: Session, server: Server) -> None:
    garden.write(
        """
        from hypothesis import HealthCheck, given, settings, strategies as st

        unhurried = settings(deadline=None, suppress_health_check=list(HealthCheck))

        @settings(unhurried, max_examples=5, derandomize=True, database=None)
        @given(st.integers(0, 2))
        def test_any(llm, number):
            assert llm(f"number {number}") == f"echo number {number}"
        """
    )
    result = garden.run(plugins=("hypothesispytest",))
    result.assert_outcomes(passed=1)
    assert not told(result, "waited for each reply")


CHECKED = """
import pytest

@pytest.mark.isolate
@pytest.mark.parametrize("number", range(10))
def test_asks(llm, number):
    assert llm(f"seed {number}").startswith("echo%s")
"""


@pytest.fixture
def with_a_baseline(plain_session: Session, server: Server) -> Session:
    """A project whose check was too strict when the baseline was saved: all cases failed."""
    configuration = CONFIGURATION.format(base_url=server.base_url)
    plain_session.configure(configuration.replace("[tool.llmeval]", '[tool.llmeval]\nbaseline = "saved.jsonl"', 1))
    server.answer = echo
    plain_session.write(CHECKED % ":")
    plain_session.run("--llm-update-baseline", "--llm-record", "-W", "ignore")
    return plain_session


def test_beside_a_conftest_that_sees_each_execution_the_baseline_is_judged_again(
    with_a_baseline: Session, server: Server
) -> None:
    with_a_baseline.write(COUNTS, "conftest.py")
    with_a_baseline.write(CHECKED % " ")
    server.answer = lambda request: completion("lost") if request.json["model"] == "cand-2" else echo(request)
    result = with_a_baseline.run("--llm-model=candidate", "-W", "ignore")
    assert told(result, "tests run one after another beside conftest.py")
    assert told(result, "GATE FAILED: wrong_answer regressed from 0 of 10 to 10 of 10 answers")
    assert result.ret == 1


@pytest.mark.parametrize("changed", [False, True])
def test_a_saved_verdict_counts_where_a_plugin_must_see_one_execution_of_the_same_test(
    with_a_baseline: Session, changed: bool
) -> None:
    with_a_baseline.write("", "pytest_isolate.py")  # stands for the plugin, by its name
    with_a_baseline.pytester.syspathinsert()
    with_a_baseline.write(CHECKED % (" " if changed else ":"))
    result = with_a_baseline.run("-ppytest_isolate", "--llm-mode=replay", "-W", "ignore")
    assert result.ret == int(changed)
    assert told(result, "gate ok") is not changed
    assert told(result, "10 cases were not judged again, because another plugin must see each test") is not changed


def test_a_test_that_looks_for_llm_too_late_is_told_what_helps(plain_session: Session) -> None:
    plain_session.write("def test_it(request):\n    request.getfixturevalue('llm')\n")
    result = plain_session.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*give the module pytestmark = pytest.mark.usefixtures('llm')*"])


def test_what_a_mark_asks_for_may_be_looked_up_later(garden: Session) -> None:
    garden.write(
        """
        import pytest

        pytestmark = pytest.mark.usefixtures("llm")

        @pytest.mark.parametrize("number", range(3))
        def test_it(request, number):  # as the steps of pytest-bdd are run
            assert request.getfixturevalue("llm")(f"bulb {number}") == f"echo bulb {number}"
        """
    )
    garden.run("--llm-record").assert_outcomes(passed=3)
    garden.run("--llm-mode=replay").assert_outcomes(passed=3)
    assert len(garden.results()) == 3


def test_every_plugin_in_the_docs_was_tried() -> None:
    """Whoever adds one runs ``make plugins`` before they commit."""
    assert load().keys() == PLUGINS.keys()
