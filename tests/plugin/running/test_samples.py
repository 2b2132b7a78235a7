"""Several samples per case."""

from __future__ import annotations

import itertools

import pytest

from tests.server import Reply, Request, Server, completion
from tests.sessions import Session


def test_samples_are_asked_for_at_once_and_too_few_that_pass_fail_the_case(session: Session, server: Server) -> None:
    answers = itertools.cycle(["30 days", "60 days", "30 days", "60 days", "30 days"])
    server.answer = lambda _: Reply(body=completion(next(answers)), at_once=4)
    session.write(
        """
        import pytest
        from pytest_llmeval import assert_contains

        @pytest.mark.llm_samples(4, min_pass_rate=0.8)
        def test_refund(llm):
            assert_contains(llm("How long?"), "30 days", category="hallucination")
        """
    )
    result = session.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*assert_contains(llm(*",
            "E *hallucination: *30 days* (2 of 4 samples failed, at least 80% must pass)",
            "E *samples *: hallucination",
            "FAILED test_it.py::test_refund - [[]hallucination] the reply does not contain *",
        ]
    )
    case = session.results()[0]
    assert (case.outcome, case.category, server.most_in_flight) == ("fail", "hallucination", 4)
    assert [sample.outcome for sample in case.samples].count("fail") == 2


def test_enough_samples_that_pass_pass_the_case(session: Session, server: Server) -> None:
    answers = itertools.cycle(["yes", "yes", "no"])
    server.answer = lambda _: completion(next(answers))
    session.write(
        """
        import pytest

        @pytest.mark.llm_samples(3, min_pass_rate=0.6)
        def test_refund(llm):
            assert llm("Well?") == "yes"
        """
    )
    session.run().assert_outcomes(passed=1)
    assert [sample.outcome for sample in session.results()[0].samples].count("fail") == 1


def test_growing_the_number_keeps_the_first_samples(session: Session, server: Server) -> None:
    numbers = itertools.count()
    server.answer = lambda _: completion(f"answer {next(numbers)}")
    session.write('def test_it(llm): assert llm("Well?").startswith("answer")')
    session.run("--llm-samples=2").assert_outcomes(passed=1)
    two = [sample.calls[0].answer.text for sample in session.results()[0].samples]
    session.run("--llm-samples=5").assert_outcomes(passed=1)
    five = [sample.calls[0].answer.text for sample in session.results()[0].samples]
    assert (len(server.requests), five[:2], len(set(five))) == (5, two, 5)


def test_dependent_calls_of_a_sample_see_their_own_first_reply(session: Session, server: Server) -> None:
    numbers = itertools.count()

    def answer(request: Request) -> object:
        prompt = request.json["messages"][-1]["content"]
        return completion(f"echo {prompt}" if prompt.startswith("again") else f"n{next(numbers)}")

    server.answer = answer
    session.write(
        """
        import pytest

        @pytest.mark.llm_samples(5)
        def test_chain(llm):
            first = llm("Pick a number")
            assert llm(f"again {first}") == f"echo again {first}"
        """
    )
    session.run().assert_outcomes(passed=1)
    assert len(server.requests) == 10


def test_what_a_sample_prints_and_logs_is_there_once(session: Session) -> None:
    session.write(
        """
        import logging
        import pytest

        @pytest.mark.llm_samples(2)
        def test_it(llm, capsys, caplog):
            print("asks")
            logging.warning("asked")
            assert llm("What?") == "Paris"
            assert capsys.readouterr().out == "asks\\n"
            assert caplog.messages == ["asked"]
            caplog.clear()
        """
    )
    session.run().assert_outcomes(passed=1)


def test_async_samples_are_asked_for_at_once(session: Session, server: Server) -> None:
    pytest.importorskip("pytest_asyncio", reason="pytest-asyncio is not installed in this environment")
    server.answer = lambda _: Reply(body=completion("yes"), at_once=3)
    session.write(
        """
        import pytest

        @pytest.mark.asyncio
        @pytest.mark.llm_samples(3)
        async def test_it(llm):
            assert await llm.acall("Well?") == "yes"
        """
    )
    session.run(plugins=("asyncio",)).assert_outcomes(passed=1)
    assert len(session.results()[0].samples) == 3


def test_a_sample_that_could_not_be_judged_is_left_out_and_named(session: Session, server: Server) -> None:
    server.answer = lambda _: completion("no")
    server.then(Reply(status=400, body={"error": {"message": "bad", "type": "invalid_request_error"}}))
    session.write('def test_it(llm): assert llm("Well?") == "yes"')
    result = session.run("--llm-samples=3")
    result.stdout.fnmatch_lines(["E *(2 of 2 samples failed)", "E *1 of 3 samples could not be judged: *400*"])
    assert session.results()[0].outcome == "fail"


def test_wrong_marker_arguments_are_named_with_what_is_allowed(session: Session) -> None:
    session.write(
        """
        import pytest

        @pytest.mark.llm_samples(5, min_rate=0.5)
        def test_it(llm): ...
        """
    )
    result = session.run()
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*llm_samples: *min_rate*(allowed: llm_samples(n: int, [*], min_pass_rate*"])
