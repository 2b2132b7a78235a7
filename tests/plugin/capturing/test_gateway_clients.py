"""Every client that finds its model by the environment: recorded once, replayed with no request at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.capture_proof import answer
from tests.gateway_clients import CLIENTS
from tests.server import Server
from tests.sessions import Session

AUTHORIZING = ("authorization", "x-api-key", "x-goog-api-key")
FAMILIES = ("openai", "anthropic", "gemini", "ollama")
KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY", "gemini": "GEMINI_API_KEY", "ollama": ""}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_client_is_recorded_and_replayed(
    plain_session: Session, server: Server, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answer = answer
    host = server.base_url.removesuffix("/v1")
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", host)
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", host)
    monkeypatch.setenv("OLLAMA_HOST", host.removeprefix("http://"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # where nobody is; the gateway is reached without it
    for name in filter(None, (*KEYS.values(), "GOOGLE_API_KEY", "ANTHROPIC_AUTH_TOKEN")):
        monkeypatch.delenv(name, raising=False)
    names = [name for name in CLIENTS if name.startswith("google" if family == "gemini" else family)]
    assert names
    plain_session.configure(f"""
        [tool.llmeval]
        model = "production"

        [tool.llmeval.models.production]
        model = "{family}/prod-1"
    """)
    plain_session.write((Path(__file__).parents[2] / "gateway_clients.py").read_text(encoding="utf-8"), "clients.py")
    plain_session.write(f"""
        import pytest
        from clients import CLIENTS

        @pytest.mark.parametrize("name", {names})
        def test_client(llm_gateway, name):
            assert CLIENTS[name](name) == "Let me see."
            [call] = llm_gateway.calls
            assert call.usage.output_tokens and call.latency > 0
            assert (call.ttft is not None) == ("streamed" in name)
    """)
    if KEYS[family]:
        monkeypatch.setenv(KEYS[family], "key-of-the-caller")
    plain_session.run("--llm-record").assert_outcomes(passed=len(names))
    assert len(server.requests) == len(names)
    if KEYS[family]:
        sent = [
            [request.headers[name] for name in AUTHORIZING if name in request.headers] for request in server.requests
        ]
        assert {key.removeprefix("Bearer ") for keys in sent for key in keys} == {"key-of-the-caller"}
        assert all(sent)
        monkeypatch.delenv(KEYS[family])
    server.requests.clear()
    plain_session.run("--llm-mode=replay").assert_outcomes(passed=len(names))
    assert server.requests == []
