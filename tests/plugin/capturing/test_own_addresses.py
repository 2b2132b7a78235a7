"""An address that the application's code alone names: replay leads there as little as to a configured one."""

from __future__ import annotations

import json

from tests.server import Server
from tests.sessions import Session, told

TABLE = """
[tool.llmeval]
model = "production"

[tool.llmeval.models.production]
model = "openai/prod-1"
"""
APPLICATION = """
import json
import openai
import pytest
import urllib.request

client = openai.OpenAI(base_url="{url}", api_key="k", max_retries=0)

def ask(question):
    messages = [{{"role": "user", "content": question}}]
    return client.chat.completions.create(model="prod-1", messages=messages).choices[0].message.content
"""
OUTSIDE = """
def test_plain():
    try:
        urllib.request.urlopen("{url}/models").close()
    except OSError:
        pass
"""
CAPTURED = """
def test_ferry(llm_capture):
    assert ask("Where does the ferry land?")
"""


def test_what_was_recorded_from_there_is_not_asked_outside_of_captured_tests(
    plain_session: Session, server: Server
) -> None:
    plain_session.configure(TABLE)
    plain_session.write((APPLICATION + OUTSIDE + CAPTURED).format(url=server.base_url))
    plain_session.run("--llm-record").assert_outcomes(passed=2)
    recorded = (plain_session.path / "recordings" / "test_it.jsonl").read_text().splitlines()
    assert json.loads(recorded[-1])["server"] == f"127.0.0.1:{server.port}"
    before = server.connections
    result = plain_session.run("--llm-mode=replay")
    assert result.ret == 1
    assert told(result, f"NOT OFFLINE: *refused*127.0.0.1:{server.port} in test_it.py::test_plain (call)*")
    assert server.connections == before


def test_recordings_that_do_not_say_it_make_no_silent_leak(plain_session: Session, server: Server) -> None:
    """An earlier version recorded them: the captured call tells, also of what connected before it."""
    plain_session.configure(TABLE)
    plain_session.write(
        (APPLICATION + OUTSIDE + CAPTURED + OUTSIDE.replace("plain", "late")).format(url=server.base_url)
    )
    plain_session.run("--llm-record")
    path = plain_session.path / "recordings" / "test_it.jsonl"
    path.write_text(path.read_text().replace(f'"server": "127.0.0.1:{server.port}", ', ""))
    before = len(server.requests)
    result = plain_session.run("--llm-mode=replay")
    assert result.ret == 1
    assert told(result, f"NOT OFFLINE: *made*base_url*127.0.0.1:{server.port} in test_it.py::test_plain (call)*")
    assert told(result, f"NOT OFFLINE: *refused*127.0.0.1:{server.port} in test_it.py::test_late (call)*")
    assert len(server.requests) == before + 1


def test_an_address_of_the_configuration_is_not_repeated(plain_session: Session, server: Server) -> None:
    plain_session.write((APPLICATION + CAPTURED).format(url=server.base_url))
    plain_session.run("--llm-record").assert_outcomes(passed=1)
    assert '"server"' not in (plain_session.path / "recordings" / "test_it.jsonl").read_text()
