"""The fixture ``llm`` as a user meets it."""

from __future__ import annotations

import pytest

from tests.server import Reply, Server, completion
from tests.sessions import Session, told


def test_a_reply_is_a_string(session: Session, server: Server) -> None:
    server.answer = lambda _: completion("Paris")
    session.write(
        """
        def test_capital(llm):
            reply = llm("Capital of France? One word.")
            assert reply == "Paris"
            assert "ari" in reply
            assert (reply.usage.input_tokens, reply.usage.output_tokens) == (7, 3)
            assert reply.finish_reason == "stop"
            assert reply.ttft is None
            assert reply.latency > 0
            assert reply.cost == (7 * 1.0 + 3 * 10.0) / 1e6
            assert reply.attempts == 1
            assert not reply.cached
            assert reply.model == "production"
        """
    )
    result = session.run()
    result.assert_outcomes(passed=1)
    assert server.requests[0].json == {
        "model": "prod-1",
        "messages": [{"role": "user", "content": "Capital of France? One word."}],
    }


def test_messages_system_tools_schema_and_params_are_passed_on(session: Session, server: Server) -> None:
    session.write(
        """
        TOOL = {"name": "refund", "description": "Refund", "parameters": {"type": "object"}}

        def test_everything(llm):
            llm(
                [{"role": "user", "content": "Hi"}],
                system="Be brief.",
                tools=[TOOL],
                schema={"type": "object"},
                temperature=0,
                seed=7,
            )
        """
    )
    session.run().assert_outcomes(passed=1)
    sent = server.requests[0].json
    assert sent["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    assert sent["tools"][0]["function"]["name"] == "refund"
    assert sent["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert (sent["temperature"], sent["seed"]) == (0, 7)


def test_a_streamed_reply_knows_its_time_to_first_token(session: Session, server: Server) -> None:
    server.say("Paris is the capital")
    session.write(
        """
        def test_capital(llm):
            reply = llm("Capital of France?", stream=True)
            assert reply == "Paris is the capital"
            assert 0 < reply.ttft <= reply.latency
        """
    )
    session.run().assert_outcomes(passed=1)


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_acall_works_under_pytest_asyncio(session: Session, server: Server, mode: str) -> None:
    pytest.importorskip("pytest_asyncio", reason="pytest-asyncio is not installed in this environment")
    mark = "@pytest.mark.asyncio" if mode == "strict" else ""
    session.write(
        f"""
        import pytest
        from pytest_llmeval import assert_equal

        {mark}
        async def test_capital(llm):
            assert_equal(await llm.acall("Capital of France?"), "Paris")
        """
    )
    session.run(f"--asyncio-mode={mode}", plugins=("asyncio",)).assert_outcomes(passed=1)
    assert session.results()[0].samples[0].scores[0].check == "equal"


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_acall_works_under_anyio(session: Session, server: Server, backend: str) -> None:
    pytest.importorskip(backend, reason=f"{backend} is not installed in this environment")
    session.write(
        f"""
        import pytest
        from pytest_llmeval import assert_equal

        @pytest.fixture
        def anyio_backend():
            return {backend!r}

        @pytest.mark.anyio
        async def test_capital(llm):
            assert_equal(await llm.acall("Capital of France?"), "Paris")
        """
    )
    session.run(plugins=("anyio",)).assert_outcomes(passed=1)
    assert session.results()[0].samples[0].scores[0].check == "equal"


def test_a_second_run_makes_no_call_and_gives_the_same_figures(session: Session, server: Server) -> None:
    session.write('def test_capital(llm): assert llm("Capital of France?", stream=True) == "Paris"')
    session.run().assert_outcomes(passed=1)
    first = session.results()[0].samples[0].calls[0]
    session.run().assert_outcomes(passed=1)
    second = session.results()[0].samples[0].calls[0]
    assert len(server.requests) == 1
    assert (second.measures.source, second.spent) == ("cache", 0)
    assert (second.answer, second.measures.latency, second.measures.ttft, second.measures.cost) == (
        first.answer,
        first.measures.latency,
        first.measures.ttft,
        first.measures.cost,
    )


def test_the_same_prompt_twice_in_a_test_is_two_draws(session: Session, server: Server) -> None:
    server.say("one")
    server.say("two")
    session.write('def test_twice(llm): assert [llm("Pick"), llm("Pick")] == ["one", "two"]')
    session.run().assert_outcomes(passed=1)
    session.run().assert_outcomes(passed=1)
    assert len(server.requests) == 2


def test_sample_gives_independent_replies_that_are_asked_for_at_once(session: Session, server: Server) -> None:
    server.answer = lambda _: Reply(body=completion("yes"), at_once=4)
    session.write(
        """
        from pytest_llmeval import assert_consistent

        def test_consistent(llm):
            replies = llm.sample("Is water wet?", 4)
            assert len(replies) == 4
            assert_consistent(replies, at_least=0.9)
        """
    )
    session.run().assert_outcomes(passed=1)
    assert server.most_in_flight == 4


def test_the_key_is_sent_and_never_shown(session: Session, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "sk-" + "very-secret-0123456789abcdef"
    monkeypatch.setenv("SHOP_KEY", secret)
    server.then(Reply(status=401, body={"error": {"message": f"Incorrect API key provided: {secret}", "code": "x"}}))
    session.configure(f"""
        [tool.llmeval]
        model = "m"
        [tool.llmeval.models.m]
        model = "openai/m-1"
        base_url = "{server.base_url}"
        api_key_env = "SHOP_KEY"
        """)
    session.write('def test_capital(llm): llm("Capital of France?")')
    result = session.run("-vv", "-l")
    assert server.requests[0].headers["authorization"] == f"Bearer {secret}"
    assert secret not in result.stdout.str() + result.stderr.str()
    assert secret not in session.report.read_text()
    result.stdout.fnmatch_lines(["*401*"])


def test_wrong_arguments_are_told_in_one_line(session: Session) -> None:
    session.write("def test_number(llm): llm(42)")
    result = session.run()
    result.stdout.fnmatch_lines(["E *expected a string or a list of chat messages, not int*"])
    result.stdout.no_fnmatch_line("*llm.py*")


@pytest.mark.parametrize("option", ["", "--llm-mode=auto"])
def test_a_file_with_nothing_but_a_testcase_asks_as_any_other(session: Session, server: Server, option: str) -> None:
    server.answer = lambda _: completion("Paris")
    session.write(
        """
        import unittest, pytest

        class TestUnit(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def _llm(self, llm):
                self.llm = llm

            def test_capital(self):
                assert self.llm("Capital?") == "Paris"
        """
    )
    result = session.run(*[option] if option else [])
    result.assert_outcomes(passed=1)
    assert told(result, "1 case * 1 sample")


def test_a_doctest_asks_by_a_fixture_of_its_own(session: Session, server: Server) -> None:
    server.answer = lambda _: completion("Paris")
    session.pytester.makeconftest(
        """
        import pytest

        @pytest.fixture(autouse=True)
        def _llm(llm, doctest_namespace):
            doctest_namespace["llm"] = llm
        """
    )
    session.pytester.maketxtfile(test_doc=">>> print(llm('Capital?'))\nParis\n")
    session.run("--doctest-glob=*.txt").assert_outcomes(passed=1)


def test_what_a_test_is_given_can_be_taken_apart_and_changed(session: Session, server: Server) -> None:
    server.answer = lambda _: completion("Paris")
    session.write(
        """
        import dataclasses
        from pytest_llmeval import assert_contains

        def test_capital(llm):
            reply = llm("Capital?")
            assert dataclasses.asdict(reply.usage)["input_tokens"] == 7
            assert f"{reply.usage}" == "%s" % reply.usage
            assert dataclasses.replace(assert_contains(reply, "Paris"), value=0.5).value == 0.5
            assert dataclasses.replace(reply.answer, text="Rome").text == "Rome"
        """
    )
    session.run().assert_outcomes(passed=1)
