"""OPENAI_BASE_URL and its kin lead the calls of a model without a ``base_url``, as they lead its provider's SDK."""

from __future__ import annotations

import os

import pytest

from pytest_llmeval.errors import ConfigError
from pytest_llmeval.formats.said_address import said_address
from tests.server import Server, completion
from tests.sessions import Session, told


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.endswith(("_API_KEY", "_BASE_URL", "_API_BASE", "_HOST"))]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("provider", "variable", "value", "expected"),
    [
        ("openai", "OPENAI_BASE_URL", "https://llm.example.com/v1/", "https://llm.example.com/v1"),
        ("openai", "OPENAI_BASE_URL", " http://localhost:8000/proxy ", "http://localhost:8000/proxy"),
        ("openai-responses", "OPENAI_BASE_URL", "https://llm.example.com/v1", "https://llm.example.com/v1"),
        ("anthropic", "ANTHROPIC_BASE_URL", "https://llm.example.com", "https://llm.example.com/v1"),
        ("anthropic", "ANTHROPIC_BASE_URL", "https://llm.example.com/claude/v1", "https://llm.example.com/claude/v1"),
        ("gemini", "GOOGLE_GEMINI_BASE_URL", "https://llm.example.com", "https://llm.example.com/v1beta"),
        ("groq", "GROQ_BASE_URL", "https://llm.example.com", "https://llm.example.com/openai/v1"),
        ("ollama", "OLLAMA_HOST", "gpu:9", "http://gpu:9"),
        ("ollama", "OLLAMA_HOST", "0.0.0.0:7", "http://127.0.0.1:7"),
    ],
)
def test_an_address_is_read_as_the_sdk_reads_it(provider: str, variable: str, value: str, expected: str) -> None:
    said = said_address(provider, {variable: value})
    assert said is not None
    assert (said.variable, said.provider.base_url, said.provider.name) == (variable, expected, provider)


@pytest.mark.parametrize(
    ("provider", "environment"),
    [
        ("openai", {}),
        ("openai", {"OPENAI_BASE_URL": "  "}),
        ("openai", {"OPENAI_API_BASE": "https://llm.example.com/v1"}),  # litellm's
        ("openai", {"ANTHROPIC_BASE_URL": "https://llm.example.com"}),
        ("mistral", {"OPENAI_BASE_URL": "https://llm.example.com/v1"}),
        ("vllm", {"OPENAI_BASE_URL": "https://llm.example.com/v1"}),
        ("of-my-own", {"OPENAI_BASE_URL": "https://llm.example.com/v1"}),
        ("python:a.b", {"OPENAI_BASE_URL": "https://llm.example.com/v1"}),
    ],
)
def test_nothing_else_leads_anywhere(provider: str, environment: dict[str, str]) -> None:
    assert said_address(provider, environment) is None


@pytest.mark.parametrize(
    "address",
    [
        "http://llm.example.com/v1",
        "https://user:word@llm.example.com/v1",
        "http://169.254.169.254/v1",
        "llm",
        "ftp://x/y",
    ],
)
def test_an_address_where_no_prompt_may_go_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="OPENAI_BASE_URL: "):
        said_address("openai", {"OPENAI_BASE_URL": address})


PLAIN = """
    [tool.llmeval]
    model = "openai/prod-1"
"""


def test_llm_asks_there_and_the_summary_says_so(
    session: Session, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-environment")
    server.answer = lambda _: completion("Lima")
    session.configure(PLAIN)
    session.write("""
        def test_llm(llm):
            assert llm("Capital?") == "Lima"

        def test_beside_the_gateway(llm, llm_gateway):
            assert llm("Capital of Peru?") == "Lima"
            assert llm_gateway.calls == []
    """)
    done = session.run("--llm-record")
    done.assert_outcomes(passed=2)
    assert {request.headers["authorization"] for request in server.requests} == {"Bearer key-of-the-environment"}
    host = server.base_url.split("/")[2]
    assert told(done, f"OPENAI_BASE_URL: openai/prod-1 is asked at {host}, with the key in OPENAI_API_KEY")
    monkeypatch.delenv("OPENAI_BASE_URL")
    replayed = session.run("--llm-mode=replay")
    replayed.assert_outcomes(passed=2)
    assert not told(replayed, "OPENAI_BASE_URL")


def test_a_base_url_of_the_configuration_wins(
    plain_session: Session, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-environment")
    plain_session.write("""
        def test_llm(llm):
            llm("Capital?")
    """)
    done = plain_session.run()
    done.assert_outcomes(passed=1)
    assert not told(done, "OPENAI_BASE_URL")
    assert "authorization" not in server.requests[0].headers


def test_an_application_whose_sdk_reads_it_is_captured_there(
    plain_session: Session, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-environment")
    monkeypatch.setenv("KEY_OF_THE_CANDIDATE", "another-key")
    server.answer = lambda _: completion("Lima")
    plain_session.configure(
        PLAIN + '[tool.llmeval.models.candidate]\nmodel = "openai/cand-2"\napi_key_env = "KEY_OF_THE_CANDIDATE"\n'
    )
    plain_session.write("""
        import openai

        def test_bot(llm_capture):
            with openai.OpenAI() as client:
                messages = [{"role": "user", "content": "Capital?"}]
                reply = client.chat.completions.create(model="prod-1", messages=messages)
            assert reply.choices[0].message.content == "Lima"
    """)
    plain_session.run("--llm-model=candidate").assert_outcomes(passed=1)
    [request] = server.requests
    # A key of the configuration goes to its provider's own host, and to a base_url that the configuration names.
    assert (request.json["model"], request.headers["authorization"]) == ("cand-2", "Bearer key-of-the-environment")


def test_an_address_that_is_refused_makes_the_case_an_error(
    plain_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://llm.example.com/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-environment")
    plain_session.configure(PLAIN)
    plain_session.write("""
        def test_llm(llm):
            llm("Capital?")
    """)
    done = plain_session.run()
    done.assert_outcomes(errors=1)
    assert told(done, "OPENAI_BASE_URL: would send prompts to llm.example.com unencrypted")
