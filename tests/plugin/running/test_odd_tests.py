"""Odd tests end with a result of their own, and the tests beside them run as ever."""

from __future__ import annotations

import pytest

from tests.server import Server
from tests.sessions import Session, told

OTHERS = """
import pytest

@pytest.mark.parametrize("number", range(3))
def test_beside(llm, number):
    assert llm(f"question {number}") == "Paris"

def test_plain():
    pass
"""


@pytest.fixture
def project(session: Session) -> Session:
    session.write(OTHERS, "test_beside.py")
    return session


@pytest.fixture
def plain_project(plain_session: Session) -> Session:
    plain_session.write(OTHERS, "test_beside.py")
    return plain_session


def lost(result: pytest.RunResult) -> bool:
    return "INTERNALERROR" in "\n".join([*result.outlines, *result.errlines])


def samples(session: Session, test: str) -> list[tuple[str, str | None]]:
    return [(s.outcome, s.category) for r in session.results() if r.key.test.endswith(test) for s in r.samples]


def test_an_async_test_that_nobody_runs_fails_by_itself(project: Session) -> None:
    project.write("async def test_it(llm):\n    assert await llm.acall('x')\n")
    result = project.run()
    assert not lost(result)
    assert result.ret == 1
    assert told(result, "async def functions are not natively supported")
    result.assert_outcomes(passed=4, errors=1)
    assert samples(project, "::test_it") == [("error", "not_run")]


def test_an_async_test_without_a_marker_fails_beside_pytest_asyncio(plain_project: Session) -> None:
    plain_project.write("async def test_it(llm):\n    assert await llm.acall('x')\n")
    result = plain_project.run(plugins=("asyncio",))
    assert not lost(result)
    assert result.ret == 1
    result.assert_outcomes(passed=4, errors=1)


@pytest.mark.parametrize("suppressed", [False, True], ids=["default", "suppressed"])
def test_hypothesis_beside_llm(plain_project: Session, suppressed: bool) -> None:
    check = "suppress_health_check=[HealthCheck.function_scoped_fixture]" if suppressed else ""
    plain_project.write(
        f"""
        from hypothesis import HealthCheck, given, settings, strategies as st

        @settings(max_examples=3, derandomize=True, database=None, deadline=None, {check})
        @given(number=st.integers(0, 2))
        def test_it(llm, number):
            assert llm(f"number {{number}}") == "Paris"
        """
    )
    # In a process of its own: the profile of our own tests switches the check off.
    result = plain_project.run(plugins=("hypothesispytest",), subprocess=True)
    assert not lost(result)
    if suppressed:
        result.assert_outcomes(passed=5)
        assert samples(plain_project, "::test_it") == [("pass", None)]
    else:
        assert result.ret == 1
        result.assert_outcomes(passed=4, errors=1)
        assert [outcome for outcome, _ in samples(plain_project, "::test_it")] == ["error"]


SUBTESTS = """
from pytest_llmeval import category

def test_parts(llm, subtests):
    reply = llm("the capital?")
    with subtests.test("first"):
        with category("place"):
            assert reply == "Rome"
    with subtests.test("second"):
        assert reply == "Paris"
    open("later", "w").close()
"""
UNITTEST = """
import unittest
import pytest

class TestParts(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def _ask(self, llm):
        self.llm = llm

    def test_parts(self):
        reply = self.llm("the capital?")
        with self.subTest("first"):
            self.assertEqual(reply, "Rome")
        with self.subTest("second"):
            self.assertEqual(reply, "Paris")
        open("later", "w").close()
"""


@pytest.mark.parametrize(
    ("suite", "category"), [(SUBTESTS, "place"), (UNITTEST, "wrong_answer")], ids=["pytest", "unittest"]
)
def test_a_failing_subtest_is_a_failing_answer(project: Session, suite: str, category: str) -> None:
    project.write(suite)
    result = project.run()
    assert not lost(result)
    assert result.ret == 1
    assert (project.path / "later").exists()
    assert samples(project, "test_parts") == [("fail", category)]


def test_an_answer_fails_in_the_category_of_each_failing_subtest(project: Session) -> None:
    project.write(SUBTESTS.replace("Paris", "London"))
    project.run()
    [sample] = next(each for each in project.results() if each.key.test.endswith("test_parts")).samples
    assert sample.categories == ("place", "wrong_answer")
    assert sample.noted == ("place", "wrong_answer")


@pytest.mark.parametrize("suite", [SUBTESTS, UNITTEST], ids=["pytest", "unittest"])
def test_passing_subtests_leave_one_result(project: Session, suite: str) -> None:
    project.write(suite.replace("Rome", "Paris"))
    result = project.run()
    assert result.ret == 0
    assert samples(project, "test_parts") == [("pass", None)]
    assert sum('"test_it.py::' in line for line in project.report.read_text().splitlines()) == 1


PLAIN = "def pytest_runtest_{phase}(item):\n    {raises}\n"
WRAPPER = """
def pytest_runtest_{phase}(item):
    {before}
    yield
    {after}
"""
RAISES = "if item.name == 'test_it': raise RuntimeError('of the project')"


@pytest.mark.parametrize("phase", ["setup", "call", "teardown"])
@pytest.mark.parametrize("kind", ["plain", "tryfirst=True", "trylast=True", "before", "after"])
def test_a_hook_of_the_project_that_raises_fails_its_test(plain_project: Session, phase: str, kind: str) -> None:
    if kind in ("before", "after"):
        hook = WRAPPER.format(
            phase=phase, before=RAISES if kind == "before" else "pass", after=RAISES if kind == "after" else "pass"
        )
        options = "wrapper=True"
    else:
        hook, options = PLAIN.format(phase=phase, raises=RAISES), "" if kind == "plain" else kind
    plain_project.write(f"import pytest\n\n@pytest.hookimpl({options})\n{hook.strip()}\n", "conftest.py")
    plain_project.write("def test_it(llm):\n    assert llm('x') == 'Paris'\n")
    result = plain_project.run()
    assert not lost(result)
    assert result.ret == 1
    assert told(result, "of the project")
    passed = result.parseoutcomes().get("passed", 0)
    assert passed == (5 if phase == "teardown" else 4)
    assert [outcome for outcome, _ in samples(plain_project, "::test_it")] != ["pass"]


@pytest.mark.parametrize("ends", ["raise ValueError('elsewhere')", "assert False"])
def test_what_another_thread_raises_is_no_wrong_answer(plain_project: Session, ends: str) -> None:
    plain_project.write(
        f"""
        import threading

        def ends():
            {ends}

        def test_it(llm):
            assert llm("x") == "Paris"
            thread = threading.Thread(target=ends)
            thread.start()
            thread.join()
        """
    )
    assert plain_project.run().ret == 1
    assert samples(plain_project, "::test_it") == [("error", "outside_test")]


@pytest.mark.parametrize("hook", ["pytest_runtest_makereport(item, call)", "pytest_runtest_logreport(report)"])
def test_a_reporting_hook_of_the_project_that_raises_ends_as_without_this_plugin(
    plain_project: Session, hook: str
) -> None:
    plain_project.write(f"def {hook}:\n    raise RuntimeError('of the project')\n", "conftest.py")
    (plain_project.path / "test_beside.py").write_text("def test_plain():\n    pass\n")
    without = plain_project.pytester.runpytest("-pno:llmeval")
    plain_project.write(OTHERS, "test_beside.py")
    assert plain_project.run().ret == without.ret


CAPTURED = """
import gc
import itertools
import sys
import time

import httpx

def ask(question):
    body = {"model": "prod-1", "messages": [{"role": "user", "content": question}]}
    return httpx.post("ADDRESS/chat/completions", json=body).json()["choices"][0]["message"]["content"]

def test_clock(llm_capture):
    started = time.time()
    assert ask("one") == "Paris"
    assert time.time() >= started
    print(sys.version, gc.collect(), next(itertools.count()))
"""


def test_captured_tests_call_what_has_no_source(project: Session, server: Server) -> None:
    project.write(CAPTURED.replace("ADDRESS", server.base_url))
    result = project.run()
    assert not lost(result)
    result.assert_outcomes(passed=5)


ODD = {
    "our modules are gone": "[monkeypatch.delitem(sys.modules, n) for n in list(sys.modules) if 'pytest_llmeval' in n]",
    "open is broken": "monkeypatch.setattr(builtins, 'open', None)",
    "the environment is empty": "monkeypatch.setattr(os, 'environ', {})",
    "the environment is cleared": "[monkeypatch.delenv(name) for name in list(os.environ) if name[:6] != 'PYTEST']",
    "json is broken": "monkeypatch.setattr(json, 'dumps', None)",
    "warnings are errors": "warnings.simplefilter('error')",
    "the folder is another": "monkeypatch.chdir(tmp_path)",
    "the folder is gone": "monkeypatch.chdir(tmp_path); tmp_path.rmdir()",
    "the time stands still": "monkeypatch.setattr(time, 'time', lambda: 0.0)",
    "nothing can be printed": "monkeypatch.setattr(sys, 'stdout', None)",
    "recursion": "(lambda f: f(f))(lambda f: f(f))",
}


@pytest.mark.parametrize("what", ODD)
@pytest.mark.parametrize("when", ["before", "after"])
def test_what_a_test_does_to_python_stays_its_own(plain_project: Session, what: str, when: str) -> None:
    do = ODD[what]
    asks = "reply = llm('x')"
    lines = [do, asks] if when == "before" else [asks, do]
    plain_project.write(
        "import builtins, json, os, sys, time, warnings\n\n"
        "def test_it(llm, monkeypatch, tmp_path):\n    " + "\n    ".join(lines) + "\n    assert reply == 'Paris'\n"
    )
    result = plain_project.run(subprocess=True)
    assert not lost(result)
    assert result.ret in (0, 1)
    assert result.parseoutcomes()["passed"] >= 4


def test_a_report_that_cannot_be_sent_is_made_one_that_can(project: Session) -> None:
    project.write(
        """
        import pytest

        @pytest.hookimpl(wrapper=True, tryfirst=True)
        def pytest_runtest_makereport(item, call):
            report = yield
            if item.name == "test_it" and call.when == "call":
                report.extra = object()
                report.user_properties.append(("client", object()))
                report.nested = {"a": [object(), 1], ("t",): "\\udcff"}
            return report
        """,
        "conftest.py",
    )
    project.write("def test_it(llm):\n    assert llm('x') == 'Paris'\n")
    result = project.run()
    assert not lost(result)
    result.assert_outcomes(passed=5)
    assert samples(project, "::test_it") == [("pass", None)]


def test_a_stop_iteration_is_an_error_of_its_test_alone(project: Session) -> None:
    """Python makes a RuntimeError of it wherever it leaves a generator, and the hooks of a test are some."""
    project.write(
        """
        def test_asks(llm):
            llm("question")
            next(number for number in [1] if number == 2)

        def test_plain():
            next(number for number in [1] if number == 2)
        """
    )
    result = project.run()
    result.assert_outcomes(passed=4, failed=2)
    assert result.stdout.str().count("E       StopIteration") == 2
    assert not told(result, "llmeval broke")
