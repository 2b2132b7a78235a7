"""Tests whose provider has too much to do to answer in time."""

from __future__ import annotations

from tests.server import Reply, Server, completion
from tests.sessions import CONFIGURATION, Session


def test_a_provider_that_answers_two_at_a_time_answers_all(session: Session, server: Server) -> None:
    never = server.gate()
    server.answer = lambda _: Reply(body=completion(), delay=0.1, gate=never if server.in_flight > 2 else None)
    toml = CONFIGURATION.format(base_url=server.base_url)
    session.configure(toml.replace('model = "openai/prod-1"', 'model = "openai/prod-1"\ntimeout = 1'))
    session.write(
        """
        import pytest

        @pytest.mark.parametrize("number", range(20))
        def test_it(llm, number):
            assert llm(f"question {number}") == "Paris"
        """
    )
    session.run().assert_outcomes(passed=20)
