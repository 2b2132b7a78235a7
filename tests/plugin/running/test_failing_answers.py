"""Whatever a test raises once it has an answer is a failing answer; what is no judgement of one stays an error."""

from __future__ import annotations

import itertools
import json

import pytest

from pytest_llmeval.checks.categories import category_of_failure
from pytest_llmeval.errors import CheckFailed
from pytest_llmeval.plugin.running.judge import sample_result
from tests.server import Reply, Server, completion
from tests.sessions import Session, told

COMPARE = ("--llm-model=candidate", "--llm-baseline=production")


def found(session: Session) -> dict[str, tuple[str, str | None]]:
    """The outcome and the category of each test by its name."""
    return {result.key.test.rpartition("::")[2]: (result.outcome, result.category) for result in session.results()}


TESTS = """
    import pytest
    from pytest_llmeval import assert_json, assert_words, category

    class Odd(Exception):
        pass

    def test_number(llm):
        assert int(llm("number")) == 3

    def test_index(llm):
        llm("number").tool_calls[0]

    def test_within(llm):
        with category("amount"):
            with category("digits"):
                int(llm("number"))

    @pytest.mark.llm_category("reading")
    def test_marked(llm):
        int(llm("number"))

    def test_group(llm):
        reply = llm("number")
        raise ExceptionGroup("both", [Odd("well"), ExceptionGroup("more", [KeyError("x"), AssertionError("not so")])])

    def test_group_within(llm):
        reply = llm("number")
        with category("batch"):
            raise ExceptionGroup("both", [Odd("well"), KeyError("x")])

    def test_pytest_fail(llm):
        llm("number")
        pytest.fail("no good")

    def test_recursion(llm):
        def deeper(reply):
            return deeper(reply)
        deeper(llm("number"))

    def test_memory(llm):
        llm("number")
        raise MemoryError

    def test_exit(llm):
        llm("number")
        raise SystemExit(0)

    def test_before(llm):
        {}["prompt"]
        llm("number")

    def test_misuse(llm):
        reply = llm("number")
        assert_words(reply, at_most=-1)

    def test_misuse_in_a_group(llm):
        reply = llm("number")
        try:
            assert_words(reply, at_most=-1)
        except Exception as error:
            raise ExceptionGroup("both", [KeyError("x"), error])

    def test_misuse_of_the_fixture(llm):
        llm("number")
        llm(7)

    def test_no_reply(llm):
        try:
            llm("down")
        except Exception as error:
            raise KeyError("x") from error

    def test_no_second_reply(llm):
        llm("number")
        llm("down")
"""


def test_an_exception_after_an_answer_is_a_failing_answer(session: Session, server: Server) -> None:
    down = Reply(status=401, body={"error": {"message": "bad key"}})
    server.answer = lambda request: down if "down" in request.body.decode() else completion("about three")
    session.write(TESTS)
    result = session.run()
    error = ("error", "exception")
    assert found(session) == {
        "test_number": ("fail", "exception"),
        "test_index": ("fail", "exception"),
        "test_within": ("fail", "digits"),
        "test_marked": ("fail", "reading"),
        "test_group": ("fail", "wrong_answer"),
        "test_group_within": ("fail", "batch"),
        "test_pytest_fail": ("fail", "wrong_answer"),
        "test_recursion": ("fail", "exception"),
        "test_memory": ("fail", "exception"),
        "test_exit": ("fail", "exception"),
        "test_before": error,
        "test_misuse": error,
        "test_misuse_in_a_group": error,
        "test_misuse_of_the_fixture": error,
        "test_no_reply": ("error", "authentication"),
        "test_no_second_reply": ("error", "authentication"),
    }
    samples = {each.key.test.rpartition("::")[2]: each.samples[0] for each in session.results()}
    assert samples["test_number"].reason == "ValueError: invalid literal for int() with base 10: 'about three'"
    assert samples["test_number"].raised == "ValueError at test_it.py:9"
    assert samples["test_within"].raised == "ValueError at test_it.py:17"
    assert samples["test_group"].reason == "not so"
    assert "Odd: well" in samples["test_group"].detail
    assert samples["test_memory"].reason == "MemoryError"
    assert (samples["test_group"].raised, samples["test_pytest_fail"].raised) == ("", "")
    result.assert_outcomes(failed=10, errors=5)  # and one that is the same
    assert result.ret == 1


def test_samples_are_judged_one_by_one(session: Session, server: Server) -> None:
    answers = ["3", "three", "leave"]
    server.answer = lambda request: completion(answers.pop(0))
    session.write("""
        import pytest

        @pytest.mark.llm_samples(3, min_pass_rate=0.3)
        def test_number(llm):
            reply = llm("number")
            if reply == "leave":
                raise SystemExit(2)
            assert int(reply) == 3
    """)
    session.run("--llm-concurrency=1").assert_outcomes(passed=1)
    [result] = session.results()
    assert sorted(sample.outcome for sample in result.samples) == ["fail", "fail", "pass"]
    assert {sample.category for sample in result.samples} == {"exception", None}


@pytest.mark.parametrize("plugin", ["asyncio", "anyio"])
def test_exceptions_of_async_tests_count_too(plain_session: Session, server: Server, plugin: str) -> None:
    server.answer = lambda request: completion("about three")
    plain_session.write(f"""
        import asyncio, pytest

        pytestmark = pytest.mark.{plugin}

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        async def test_number(llm):
            assert int(await llm.acall("number")) == 3

        async def test_tasks(llm):
            async def read(prompt):
                return int(await llm.acall(prompt))
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(read("one"))
                tasks.create_task(read("two"))

        async def test_cancelled(llm):
            await llm.acall("number")
            raise asyncio.CancelledError
    """)
    plain_session.run(plugins=(plugin,), subprocess=True)
    outcomes = found(plain_session)
    assert outcomes.pop("test_cancelled", ("error", "exception")) == ("error", "exception")
    assert outcomes == {"test_number": ("fail", "exception"), "test_tasks": ("fail", "exception")}


def test_an_application_that_exits_when_it_is_left_is_asked_again(session: Session, server: Server) -> None:
    """What its bare ``except`` makes of being suspended is no answer."""
    server.answer = lambda request: completion("7" if "first" in request.body.decode() else "8")
    session.write("""
        import sys

        def test_exit(llm):
            try:
                assert llm("first") == "7"
                assert llm("second") == "8"
            except BaseException as error:
                if not isinstance(error, AssertionError):
                    sys.exit(1)
                raise
    """)
    session.run().assert_outcomes(passed=1)


def test_the_gate_counts_exceptions_as_failures(session: Session, server: Server) -> None:
    worse = {f"question {number}" for number in range(20)}
    server.answer = lambda request: completion(
        "one" if request.json["model"] == "cand-2" and request.json["messages"][0]["content"] in worse else "1"
    )
    session.write("""
        import pytest

        @pytest.mark.parametrize("number", range(40))
        def test_number(llm, number):
            assert int(llm(f"question {number}")) == 1
    """)
    result = session.run(*COMPARE)
    assert result.ret == 1
    assert told(result, "GATE FAILED: exception regressed from 0 of 40 to 20 of 40")


def test_bad_answers_that_both_models_give_are_known_failures(session: Session, server: Server) -> None:
    both = {"question 1", "question 2", "question 3"}
    server.answer = lambda request: completion("?" if request.json["messages"][0]["content"] in both else "1")
    session.write("""
        import pytest

        @pytest.mark.parametrize("number", range(20))
        def test_number(llm, number):
            assert int(llm(f"question {number}")) == 1
    """)
    result = session.run(*COMPARE)
    assert result.ret == 0
    assert told(result, "gate ok")


def test_a_broken_test_is_an_error_beside_a_baseline_and_a_failure_without_one(
    session: Session, server: Server
) -> None:
    session.write("""
        import pytest

        @pytest.mark.parametrize("number", range(6))
        def test_mail(llm, number):
            reply = llm(f"question {number}")
            assert reply.json_object["city"] == "Paris"
    """)
    result = session.run(*COMPARE)
    assert result.ret == 1
    assert told(result, "could not be measured")
    assert told(result, "test_it.py::test_mail is broken: 6 of 6 cases raise AttributeError at test_it.py:7 with both")
    session.run().assert_outcomes(failed=6)
    assert found(session) == {"test_mail": ("fail", "exception")}


@pytest.mark.parametrize(
    ("own", "marker", "ending", "expected"),
    [
        (None, None, None, "wrong_answer"),
        (None, "tone", None, "tone"),
        (None, "tone", "truncated", "tone"),
        (None, None, "truncated", "truncated"),
        ("format", None, None, "format"),
        ("format", "tone", None, "format"),
        ("format", None, "truncated", "truncated"),
        ("format", "tone", "refusal", "refusal"),
        ("hallucination", None, "truncated", "hallucination"),
        ("unsafe", "tone", "truncated", "unsafe"),
    ],
)
def test_the_order_in_which_a_category_is_decided(
    own: str | None, marker: str | None, ending: str | None, expected: str
) -> None:
    assert category_of_failure(CheckFailed("no", category=own), marker=marker, ending=ending) == expected


def test_an_exception_without_a_trace_has_no_place() -> None:
    assert sample_result(0, KeyError("x"), category=None).raised == ""


def test_what_was_raised_outside_of_the_project_is_named_without_its_folder(plain_session: Session) -> None:
    plain_session.write("""
        import json

        def test_outside(llm):
            llm("number")
            exec(compile("raise KeyError(1)", "/some/where/else.py", "exec"))

        def test_library(llm):
            json.loads(llm("number"))
    """)
    plain_session.run()
    raised = sorted(sample.raised for result in plain_session.results() for sample in result.samples)
    assert raised == ["JSONDecodeError at test_it.py:9", "KeyError at test_it.py:6"]


def test_the_place_is_kept_in_a_saved_run_and_older_runs_have_none(plain_session: Session, server: Server) -> None:
    answers = itertools.cycle(["one", "1"])
    server.answer = lambda _: completion(next(answers))
    plain_session.write("def test_it(llm): assert int(llm('number')) == 1")
    plain_session.run("--llm-samples=2", "--llm-concurrency=1")
    [result] = plain_session.results()
    assert {sample.raised for sample in result.samples} == {"ValueError at test_it.py:1", ""}
    assert plain_session.report.read_text().count('"raised"') == 1


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 5000])
def test_an_answer_whose_numbers_cannot_be_read_is_asked_for_again(
    session: Session, server: Server, number: str
) -> None:
    server.then(Reply(body=json.dumps(completion("Rome")).replace('"prompt_tokens": 7', f'"prompt_tokens": {number}')))
    session.write(
        """
        def test_it(llm):
            assert llm("Capital of France?") == "Paris"
        """
    )
    session.run().assert_outcomes(passed=1)
    assert len(server.requests) == 2
