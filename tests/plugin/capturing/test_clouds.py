"""Models at Bedrock and Vertex: asked by tests and by applications, recorded, rerouted and replayed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.capture_proof import answer, wrong_signature
from tests.captured_frameworks import AWS
from tests.sdks.environments import CACHE
from tests.server import Server
from tests.sessions import Session, told

CLOUDS = CACHE / "environments" / "clouds" / "bin" / "python"
BOT = """
    import json, os, urllib.request
    import anthropic
    import httpx

    ADDRESS = os.environ["ADDRESS_OF_THE_TEST"]
    KEY = {"authorization": "Bearer key-of-the-bot"}

    def asked(question):
        return {"messages": [{"role": "user", "content": [{"text": question}]}]}

    def text_of(message):
        return "".join(block.get("text", "") for block in message["content"])

    def converse(question):
        response = httpx.post(f"{ADDRESS}/model/prod-1/converse", json=asked(question), headers=KEY)
        return text_of(response.json()["output"]["message"])

    def streamed(question):
        url = f"{ADDRESS}/model/prod-1/converse-stream"
        with httpx.stream("POST", url, json=asked(question), headers=KEY) as response:
            return b"".join(response.iter_bytes())

    def by_gateway(question):
        url = os.environ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] + "/model/prod-1/converse"
        request = urllib.request.Request(url, json.dumps(asked(question)).encode(), KEY)
        return text_of(json.load(urllib.request.urlopen(request))["output"]["message"])

    def google_at_vertex(question):
        from google import genai
        from google.oauth2.credentials import Credentials

        credentials = Credentials(token="token-of-the-bot")
        with genai.Client(vertexai=True, project="p", location="us-east5", credentials=credentials) as client:
            answer = client.models.generate_content(model="helper", contents=question)
        return "".join(part.text for part in answer.candidates[0].content.parts if part.text and not part.thought)

    def at_vertex(question, base_url=f"{ADDRESS}/v1"):
        options = {"region": "us-east5", "project_id": "p", "access_token": "token-of-the-bot"}
        with anthropic.AnthropicVertex(base_url=base_url, **options) as client:
            messages = [{"role": "user", "content": question}]
            message = client.messages.create(model="helper", max_tokens=9, messages=messages)
            return "".join(block.text for block in message.content if block.type == "text")
"""
TESTS = """
    import bot

    def test_llm(llm):
        reply = llm("By llm?", maxTokens=9, stream=True)
        assert reply == "Let me see." and reply.thinking == "Hm." and reply.usage.input_tokens == 1000
        [call] = reply.tool_calls
        assert llm([{"role": "user", "content": "By llm?"}, reply.message, call.result("21")]) == "Let me see."

    def test_capture(llm_capture):
        assert bot.converse("Captured?") == "Let me see."
        assert b"messageStop" in bot.streamed("Captured?")
        assert bot.at_vertex("Captured?") == "Let me see."
        assert [call.usage.input_tokens for call in llm_capture.calls] == [1000] * 3

    def test_gateway(llm_gateway):
        assert bot.by_gateway("By the gateway?") == "Let me see."
        assert bot.at_vertex("By the gateway?", None) == "Let me see."
        assert bot.google_at_vertex("By the gateway?") == "Let me see."
        assert len(llm_gateway.calls) == 3
"""
SETTINGS = """
    [tool.llmeval]
    model = "production"

    [tool.llmeval.models.production]
    model = "bedrock/prod-1"

    [tool.llmeval.models.candidate]
    model = "bedrock/cand:2"
"""


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    server.answer = answer
    url = server.base_url.removesuffix("/v1")
    monkeypatch.setenv("ADDRESS_OF_THE_TEST", url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", url)
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "key-of-the-test")
    monkeypatch.setenv("ANTHROPIC_VERTEX_BASE_URL", f"{url}/v1")
    monkeypatch.setenv("GOOGLE_VERTEX_BASE_URL", url)


def test_models_of_the_clouds_are_recorded_rerouted_and_replayed(plain_session: Session, server: Server) -> None:
    plain_session.configure(SETTINGS)
    plain_session.write(BOT, "bot.py")
    plain_session.write(TESTS)
    model = "--llm-model=candidate"
    result = plain_session.run("--llm-record", model)
    result.assert_outcomes(passed=3)
    assert told(result, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME: candidate (bedrock/cand:2) is asked at 127.0.0.1:")
    paths = {request.path for request in server.requests}
    assert paths == {
        "/model/cand%3A2/converse",
        "/model/cand%3A2/converse-stream",
        "/v1/projects/p/locations/us-east5/publishers/anthropic/models/helper:rawPredict",
        "/v1beta1/projects/p/locations/us-east5/publishers/google/models/helper:generateContent",
    }
    keys = {request.headers["authorization"] for request in server.requests if "model/" in request.path}
    assert keys == {"Bearer key-of-the-test", "Bearer key-of-the-bot"}
    server.requests.clear()
    plain_session.run("--llm-mode=replay", model).assert_outcomes(passed=3)
    assert server.requests == []


def test_without_an_address_it_is_said_what_leads_to_one(
    plain_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME")
    plain_session.configure(SETTINGS)
    plain_session.write("def test_it(llm): llm('Where?')")
    result = plain_session.run()
    assert told(result, "no address for production (bedrock/prod-1): set AWS_REGION, or base_url to an address such as")


SIGNING = """
    import os
    import anthropic
    import boto3
    import pytest

    AWS = {aws}

    def said(content):
        return "".join(block.get("text", "") for block in content)

    def asked(client, question):
        messages = [{{"role": "user", "content": [{{"text": question}}]}}]
        return said(client.converse(modelId="prod-1", messages=messages)["output"]["message"]["content"])

    def test_llm(llm):
        assert llm("Signed by the plugin?") == "Let me see."

    def test_gateway(llm_gateway):
        assert asked(boto3.client("bedrock-runtime", **AWS), "Signed for the gateway, and again?") == "Let me see."
        assert len(llm_gateway.calls) == 1

    @pytest.mark.llm_blocking
    def test_capture(llm_capture):
        with anthropic.AnthropicBedrock(base_url=os.environ["ADDRESS_OF_THE_TEST"], aws_region="eu-north-1") as client:
            messages = [{{"role": "user", "content": "Signed for another model?"}}]
            content = client.messages.create(model="prod-1", max_tokens=9, messages=messages).content
        assert "".join(block.text for block in content if block.type == "text") == "Let me see."
        assert len(llm_capture.calls) == 1
"""


@pytest.mark.skipif(not CLOUDS.exists(), reason="boto3 is not installed: make sdks does that")
@pytest.mark.parametrize("model", ["production", "candidate"])
def test_what_is_signed_is_signed_again_where_that_is_needed(
    plain_session: Session, server: Server, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_BEARER_TOKEN_BEDROCK")
    plain_session.configure(SETTINGS)
    plain_session.write(SIGNING.format(aws=AWS))
    names = {"AWS_ACCESS_KEY_ID": "aws_access_key_id", "AWS_SECRET_ACCESS_KEY": "aws_secret_access_key"}
    for name, value in names.items():
        monkeypatch.setenv(name, AWS[value])
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    command = [str(CLOUDS), "-m", "pytest", "-q", "-p", "pytest_llmeval.plugin", f"--llm-model={model}"]
    for option in ("--llm-record", "--llm-mode=replay"):
        done = subprocess.run(
            [*command, option], cwd=Path(plain_session.pytester.path), capture_output=True, text=True, check=False
        )
        assert "3 passed" in done.stdout, done.stdout
        monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    assert [wrong_signature(request) for request in server.requests] == [None] * 3
