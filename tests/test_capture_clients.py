"""Every way to ask a model that is said to be captured is: recorded once, and replayed with no request at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.captured_clients import CLIENTS
from tests.server import Reply, Request, Server, completion
from tests.sessions import Session
from tests.wire import (
    ANTHROPIC_BODY,
    ANTHROPIC_EVENTS,
    GEMINI_BODY,
    GEMINI_CHUNKS,
    OLLAMA_BODY,
    OLLAMA_LINES,
    RESPONSES_BODY,
    RESPONSES_EVENTS,
    lines,
    named_events,
    plain_events,
)

FAMILIES = {
    "openai": [name for name in CLIENTS if name.startswith(("openai", "httpx"))],
    "anthropic": [name for name in CLIENTS if name.startswith("anthropic")],
    "gemini": [name for name in CLIENTS if name.startswith("google")],
    "ollama": [name for name in CLIENTS if name.startswith("ollama")],
}


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.endswith(("_API_KEY", "_AUTH_TOKEN", "_BASE_URL"))]:
        monkeypatch.delenv(name)


def answer(request: Request) -> Any:
    """What the provider whose path this is would answer, streamed where that is asked for."""
    asked = request.json
    structured = '{"celsius": 21}' if "response_format" in asked or "text" in asked else None
    if "/chat/completions" in request.path:
        return completion(structured or "Let me see.")
    if request.path == "/v1/responses" and structured:
        text = {"type": "output_text", "text": structured, "annotations": []}
        message = {"type": "message", "id": "m", "status": "completed", "role": "assistant", "content": [text]}
        return {**RESPONSES_BODY, "output": [message]}
    if request.path == "/v1/responses":
        return Reply(chunks=named_events(RESPONSES_EVENTS)) if asked.get("stream") else RESPONSES_BODY
    if request.path == "/v1/messages":
        return Reply(chunks=named_events(ANTHROPIC_EVENTS)) if asked.get("stream") else ANTHROPIC_BODY
    if "GenerateContent" in request.path:
        return Reply(chunks=plain_events(GEMINI_CHUNKS))
    if "generateContent" in request.path:
        return GEMINI_BODY
    if asked.get("stream", True):
        return Reply(chunks=lines(OLLAMA_LINES), headers={"content-type": "application/x-ndjson"})
    return OLLAMA_BODY


@pytest.mark.parametrize("family", FAMILIES)
def test_a_client_is_captured(plain_session: Session, server: Server, family: str) -> None:
    server.answer = answer
    names = FAMILIES[family]
    plain_session.configure(f"""
        [tool.llmeval]
        model = "production"

        [tool.llmeval.models.production]
        model = "{family}/prod-1"
        api_key_env = "KEY_OF_THE_TEST"
    """)
    plain_session.write((Path(__file__).parent / "captured_clients.py").read_text(encoding="utf-8"), "clients.py")
    plain_session.write(f"""
        import os
        import pytest
        from clients import CLIENTS

        @pytest.mark.parametrize("name", {names})
        def test_client(llm_capture, name, monkeypatch):
            for variable in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
                monkeypatch.setenv(variable, "key-of-the-test")
            said = CLIENTS[name]("{server.base_url.removesuffix("/v1")}", name)
            assert said == ("21" if "parsed" in name else "Let me see.")
            [call] = llm_capture.calls
            assert call.usage.output_tokens and call.latency > 0
            assert (call.ttft is not None) == ("stream" in name)
    """)
    result = plain_session.run("--llm-record")
    result.assert_outcomes(passed=len(names))
    assert len(server.requests) == len(names)
    server.requests.clear()
    plain_session.run("--llm-mode=replay").assert_outcomes(passed=len(names))
    assert server.requests == []
