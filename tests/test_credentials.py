"""Values of keys in texts; the forms themselves are tested in tests/store/test_redaction.py."""

from __future__ import annotations

import json

import pytest

from pytest_llmeval.credentials import find_secrets, hide_likely, hide_secrets, hide_value
from tests.server import Reply, Server
from tests.sessions import CONFIGURATION, Session

KEY = "zq81-Mn07-Rt55-Lk92"


@pytest.mark.parametrize("placeholder", ["test", "anything", "not-needed", "dummy-key", "local", ""])
def test_a_placeholder_is_no_secret(placeholder: str) -> None:
    text = f"there is not-needed anything in the latest dummy-key, {placeholder}"
    assert hide_value(text, placeholder) == text
    assert find_secrets(text, {"MY_KEY": placeholder}) == []
    assert hide_secrets(text, {"MY_KEY": placeholder}) == text


def test_a_short_value_within_a_word_is_left() -> None:
    assert hide_value("test1234 or latest1234 or test12345", "test1234") == "[hidden] or latest1234 or test12345"
    assert find_secrets("latest1234", {"MY_KEY": "test1234"}) == []
    assert find_secrets("a test1234.", {"MY_KEY": "test1234"}) == ["the value of MY_KEY"]


@pytest.mark.parametrize("value", ["test1234", 'p"w\\1234', "schlüssel-1234", KEY])
def test_a_value_is_found_in_json_and_in_json_within_json(value: str) -> None:
    once = json.dumps({"a": f"line\n{value}\nend"})
    for text in (value, once, json.dumps(once), json.dumps(once, ensure_ascii=False)):
        assert find_secrets(text, {"MY_KEY": value}) == ["the value of MY_KEY"]
        assert value not in hide_value(text, value)
    assert hide_value(f"({value})", value) == "([hidden])"


@pytest.mark.parametrize(
    "text",
    ["the model pa-summary-7b is unknown", "patient-summarizer-7b", "skills-2024 and keyboard-12345", "gpt-5.6-mini"],
)
def test_names_of_models_stay_readable_in_messages(text: str) -> None:
    assert hide_likely(text) == text


ECHO = """
import logging, os
import httpx, pytest

def ask():
    key = os.environ["OPENAI_API_KEY"]
    answer = httpx.post(
        os.environ["BOT"] + "/chat/completions",
        headers={"authorization": "Bearer " + key},
        json={"model": "prod-1", "messages": [{"role": "user", "content": "hi"}]},
    )
    print("printed", key)
    logging.getLogger().warning("logged %s", key)
    assert answer.status_code == 200, answer.text

def test_bot(llm_capture):
    ask()

def test_reply(llm):
    assert llm("What is the key?") == "I do not know."
"""


def test_a_key_that_a_provider_echoes_is_shown_nowhere(
    plain_session: Session, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the terminal, in the JUnit file and in the saved run: of the application's key, and in a reply."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("BOT", server.base_url)
    refused = Reply(status=401, body={"error": {"message": f"Incorrect key {KEY}", "code": "invalid_api_key"}})
    said = {"choices": [{"message": {"content": f"It is {KEY}."}, "finish_reason": "stop"}]}
    server.answer = lambda request: said if "What is" in request.body.decode() else refused
    plain_session.configure(CONFIGURATION.format(base_url=server.base_url))
    plain_session.write(ECHO)
    result = plain_session.run("--junitxml=out.xml", "-rA", "-vv")
    assert result.ret == 1
    shown = result.stdout.str() + result.stderr.str()
    files = [plain_session.path / name for name in ("out.xml", "run.jsonl")]
    assert "printed [hidden]" in shown
    assert "Incorrect key [hidden]" in shown
    for text in (shown, *(file.read_text() for file in files)):
        assert KEY not in text
