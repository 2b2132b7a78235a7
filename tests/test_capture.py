"""The application under test, unchanged: what its SDKs ask is recorded, replayed, measured, judged."""

from __future__ import annotations

import pytest

from tests.server import Server
from tests.sessions import Session


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_a_call_is_recorded_and_replayed(session: Session, server: Server) -> None:
    session.write(f"""
        from openai import OpenAI

        def answer(question):
            client = OpenAI(base_url="{server.base_url}", api_key="sk-own")
            messages = [{{"role": "user", "content": question}}]
            return client.chat.completions.create(model="prod-1", messages=messages).choices[0].message.content

        def test_bot(llm_capture):
            assert answer("Capital of France?") == "Paris"
            [call] = llm_capture.calls
            assert call.reply == "Paris" and call.usage.input_tokens == 7 and call.ttft is None
            assert call.request["messages"][0]["content"] == "Capital of France?"
            assert llm_capture.model == "prod-1"
    """)
    result = session.run("--llm-record")
    result.assert_outcomes(passed=1)
    assert len(server.requests) == 1
    assert server.requests[0].headers["authorization"] == "Bearer sk-own"
    session.run("--llm-mode=replay").assert_outcomes(passed=1)
    assert len(server.requests) == 1
