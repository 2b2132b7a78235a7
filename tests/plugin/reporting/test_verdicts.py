"""What must never turn a regression green, and what must never get lost."""

from __future__ import annotations

import itertools
import json

import pytest

from tests.server import Reply, Request, Server, completion
from tests.sessions import Session, told

COMPARE = ("--llm-model=candidate", "--llm-baseline=production")
CASES = """
import pytest

@pytest.mark.parametrize("number", range(40))
def test_it(llm, number):
    assert llm(f"question {number}") == "Paris"
"""


def prompt_of(request: Request) -> str:
    return str(request.json["messages"][-1]["content"])


def test_an_exception_in_some_samples_is_no_pass(plain_session: Session, server: Server) -> None:
    answers = itertools.cycle(["1", "one", "one"])
    server.answer = lambda _: completion(next(answers))
    plain_session.write("def test_it(llm): assert int(llm('number')) == 1")
    result = plain_session.run("--llm-samples=3")
    assert result.ret == 1
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*ValueError: *"])


def test_two_servers_of_one_model_have_their_own_replies(plain_session: Session, server: Server) -> None:
    server.answer = lambda _: completion("Paris")
    with Server() as other:
        other.answer = lambda _: completion("Rome")
        plain_session.configure(f"""
            [tool.llmeval.models.old]
            model = "openai/m-1"
            base_url = "{server.base_url}"
            [tool.llmeval.models.new]
            model = "openai/m-1"
            base_url = "{other.base_url}"
            """)
        plain_session.write(CASES)
        plain_session.run("--llm-model=old").assert_outcomes(passed=40)
        result = plain_session.run("--llm-model=new", "--llm-baseline=old")
        assert len(other.requests) == 40
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*GATE FAILED: wrong_answer regressed from 0 of 40 to 40 of 40*"])


@pytest.mark.parametrize("broken", ["errors", "partial"])
def test_a_baseline_that_cannot_be_compared_is_no_pass(plain_session: Session, server: Server, broken: str) -> None:
    plain_session.write(CASES)
    if broken == "errors":
        server.answer = lambda _: Reply(status=400, body={"error": {"message": "no"}})
        plain_session.run("--llm-model=production")
    else:
        server.answer = lambda _: completion("Paris")
        plain_session.run("--llm-model=production", "-k", "7")
    saved = plain_session.report.rename(plain_session.path / "saved.jsonl")
    server.answer = lambda _: completion("Rome")
    result = plain_session.run("--llm-model=candidate", f"--llm-baseline={saved}")
    assert result.ret == 1
    if broken == "errors":
        result.stdout.fnmatch_lines(["*GATE FAILED: could not be measured*"])
    else:  # what the baseline does not have are failing tests
        result.stdout.fnmatch_lines(["*36 failed, 4 missed*"])


def test_a_provider_error_the_application_swallows_is_an_error(plain_session: Session, server: Server) -> None:
    server.answer = lambda request: (
        Reply(status=400, body={"error": {"message": "no"}})
        if request.json["model"] == "prod-1"
        else completion("Rome")
    )
    plain_session.write(
        """
        import pytest

        def ask(llm, prompt):
            try:
                return llm(prompt)
            except Exception:
                return "sorry"

        @pytest.mark.parametrize("number", range(10))
        def test_it(llm, number):
            assert ask(llm, f"question {number}") == "Paris"
        """
    )
    result = plain_session.run(*COMPARE)
    assert result.ret == 1
    outcomes = [case.outcome for case in plain_session.results() if case.model == "production"]
    assert outcomes == ["error"] * 10
    result.stdout.fnmatch_lines(["*GATE FAILED: could not be measured*"])


def test_a_fixture_that_swallows_everything_gets_its_reply(session: Session, server: Server) -> None:
    server.answer = lambda _: completion("Paris")
    session.write(
        """
        import pytest

        @pytest.fixture
        def answer(llm):
            try:
                return llm("capital")
            except BaseException:
                return "nothing"

        @pytest.mark.parametrize("number", range(3))
        def test_it(answer, number):
            assert answer == "Paris"
        """
    )
    session.run().assert_outcomes(passed=3)


def test_a_skip_in_one_sample_hides_no_failure_of_another(plain_session: Session, server: Server) -> None:
    answers = itertools.cycle(["skip", "wrong", "wrong"])
    server.answer = lambda _: completion(next(answers))
    plain_session.write(
        """
        import pytest

        def test_it(llm):
            reply = llm("well?")
            if reply == "skip":
                pytest.skip("not this one")
            assert reply == "right"
        """
    )
    plain_session.run("--llm-samples=3").assert_outcomes(failed=1)


def test_a_project_with_a_fixture_of_that_name_keeps_its_gate(plain_session: Session, server: Server) -> None:
    server.answer = lambda request: completion("Paris" if request.json["model"] == "prod-1" else "Rome")
    plain_session.write(CASES)
    plain_session.write(
        """
        import pytest

        @pytest.fixture
        def llm():
            return "our own"

        def test_ours(llm):
            assert llm == "our own"
        """,
        "test_ours.py",
    )
    result = plain_session.run(*COMPARE)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*GATE FAILED: wrong_answer regressed*"])


def test_async_samples_whose_prompts_differ_end(plain_session: Session, server: Server) -> None:
    server.answer = lambda _: completion("Paris")
    plain_session.write(
        """
        import uuid
        import pytest

        @pytest.mark.asyncio
        @pytest.mark.llm_samples(2)
        async def test_it(llm):
            assert await llm.acall(f"id {uuid.uuid4()}") == "Paris"
        """
    )
    plain_session.run(plugins=("asyncio",)).assert_outcomes(passed=1)
    assert len(server.requests) <= 6


def test_a_refresh_asks_each_question_once_and_its_replay_says_the_same(plain_session: Session, server: Server) -> None:
    numbers = itertools.count()
    server.answer = lambda _: completion(f"answer {next(numbers)}")
    plain_session.write("def test_a(llm): assert llm('same')\ndef test_b(llm): assert llm('same')")
    plain_session.run("--llm-mode=refresh", "--llm-record").assert_outcomes(passed=2)
    first = [case.samples[0].calls[0].answer.text for case in plain_session.results()]
    plain_session.run("--llm-mode=replay").assert_outcomes(passed=2)
    again = [case.samples[0].calls[0].answer.text for case in plain_session.results()]
    assert (len(server.requests), set(first)) == (1, set(again))


def test_replies_of_skipped_and_xfailed_tests_are_recorded_too(plain_session: Session, server: Server) -> None:
    server.answer = lambda _: completion("Paris")
    plain_session.write(
        """
        import pytest

        def test_skips(llm):
            if llm("one"):
                pytest.skip("later")

        @pytest.mark.xfail(strict=True, raises=AssertionError)
        def test_known(llm):
            assert llm("two") == "Rome"
        """
    )
    plain_session.run("--llm-record").assert_outcomes(skipped=1, xfailed=1)
    plain_session.run("--llm-mode=replay").assert_outcomes(skipped=1, xfailed=1)


def test_repeated_cases_draw_further_samples(plain_session: Session, server: Server) -> None:
    numbers = itertools.count()
    server.answer = lambda _: completion(f"answer {next(numbers)}")
    plain_session.write("def test_it(llm): assert llm('same')")
    plain_session.run("--count=3", plugins=("repeat",)).assert_outcomes(passed=3)
    [case] = plain_session.results()
    assert len({sample.calls[0].answer.text for sample in case.samples}) == 3


def test_parameters_and_models_pair_up(session: Session, server: Server) -> None:
    server.answer = lambda request: completion("Paris" if request.json["model"] == "prod-1" else "Rome")
    (session.path / "cases.jsonl").write_text(
        "".join(json.dumps({"id": f"c{n}", "input": "x"}) + "\n" for n in range(5))
    )
    session.write(
        """
        import pytest

        @pytest.mark.parametrize("language", ["en", "de"])
        @pytest.mark.llm_cases("cases.jsonl")
        def test_it(llm, case, language):
            assert llm(f"{case.id} {language}") == "Paris"
        """
    )
    result = session.run(*COMPARE)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*GATE FAILED: wrong_answer regressed from 0 of 10 to 10 of 10*"])


def test_too_few_cases_to_tell_are_told_beside_a_gate_that_passes(plain_session: Session, server: Server) -> None:
    server.answer = lambda request: completion("Paris" if request.json["model"] == "prod-1" else "Rome")
    plain_session.write("def test_a(llm): assert llm('a') == 'Paris'\ndef test_b(llm): assert llm('b') == 'Paris'")
    result = plain_session.run(*COMPARE, "-q")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["gate ok: no error category regressed in 2 cases, but wrong_answer 0/2 * 2/2*"])
    assert told(result, "* 2/2 could hide a rise of up to *")
