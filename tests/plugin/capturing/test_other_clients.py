"""Applications that ask by requests or aiohttp: recorded, rerouted, replayed, with their timeouts and mocks."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from tests.server import Reply, Request, Server, completion, streamed
from tests.sessions import Session, told

pytest.importorskip("requests", reason="requests is not installed in this environment")

BOT = """
    import threading
    import requests

    session = requests.Session()
    session.headers["Authorization"] = "Bearer of-the-bot"

    def asked(question, **more):
        return {"model": "prod-1", "messages": [{"role": "user", "content": question}], **more}

    def answer(question, **options):
        response = session.post("URL/chat/completions", json=asked(question), **options)
        response.raise_for_status()
        return response.json()["choices"][0]["message"]["content"]

    def tell(question, pieces=99):
        with session.post("URL/chat/completions", json=asked(question, stream=True), stream=True) as response:
            lines = [line for line, _ in zip(response.iter_lines(), range(pieces)) if line]
        return b"".join(lines).decode()

    def in_a_thread(question):
        answers = []
        thread = threading.Thread(target=lambda: answers.append(answer(question)))
        thread.start()
        thread.join()
        return answers[0]

    def patient(question, seconds):
        try:
            return answer(question, timeout=seconds)
        except requests.exceptions.ReadTimeout:
            return "Please call us."
"""
TESTS = """
    import bot
    import pytest
    import requests

    def test_too_slow(llm_capture):
        assert bot.patient("Slow?", (5, 0.05)) == "Please call us."
        assert bot.patient("Quick?", (5, 30)) == "Lima"

    def test_whole(llm_capture):
        assert bot.answer("Whole?") == "Lima"
        [call] = llm_capture.calls
        assert call.usage.input_tokens and call.latency > 0 and call.ttft is None

    def test_streamed(llm_capture):
        assert "Li" in bot.tell("Streamed?")
        assert llm_capture.calls[0].reply == "Lima" and llm_capture.calls[0].ttft is not None

    @pytest.mark.llm_blocking
    def test_streamed_by_its_own_transport(llm_capture):
        assert "Li" in bot.tell("Streamed by itself?")
        assert llm_capture.calls[0].reply == "Lima" and llm_capture.calls[0].ttft is not None

    def test_in_a_thread(llm_capture):
        assert bot.in_a_thread("In a thread?") == "Lima"

    def test_a_body_that_is_sent_as_it_is_read(llm_capture):
        bot.answer("Beside?")
        sent = requests.post("URL/chat/completions", data=(piece for piece in [b'{"by": "pieces"}']))
        assert sent.json() == {"other": True} and len(llm_capture.calls) == 1
"""
CONFIGURATION = """
    [tool.llmeval]
    model = "production"

    [tool.llmeval.models.production]
    model = "openai/prod-1"

    [tool.llmeval.models.candidate]
    model = "openai/cand-2"
    base_url = "{base_url}"
    api_key_env = "KEY_OF_THE_CANDIDATE"
"""


def answer(request: Request) -> Any:
    if b"by" in request.body[:5] or not request.body:
        return {"other": True}
    question = request.json["messages"][0]["content"]
    if request.json.get("stream"):
        return Reply(chunks=streamed("Li", "ma"))
    return Reply(body=completion("Lima"), delay=0.3 if question == "Slow?" else 0.0)


@pytest.fixture
def project(plain_session: Session, server: Server, monkeypatch: pytest.MonkeyPatch) -> Session:
    server.answer = answer
    monkeypatch.setenv("KEY_OF_THE_CANDIDATE", "key-of-the-candidate")
    plain_session.configure(CONFIGURATION.format(base_url=server.base_url))
    plain_session.write(BOT.replace("URL", server.base_url), "bot.py")
    return plain_session


def test_requests_is_recorded_rerouted_and_replayed(project: Session, server: Server) -> None:
    project.write(TESTS.replace("URL", server.base_url))
    model = "--llm-model=candidate"
    project.run("--llm-record", model).assert_outcomes(passed=6)
    asked = [request for request in server.requests if b"messages" in request.body]
    assert {request.json["model"] for request in asked} == {"cand-2"}
    assert {request.headers["authorization"] for request in asked} == {"Bearer key-of-the-candidate"}
    server.requests.clear()
    project.run("--llm-mode=replay", model, "-k", "not body").assert_outcomes(passed=5, deselected=1)
    assert server.requests == []


def test_what_a_provider_refuses_reaches_requests_as_it_came(project: Session, server: Server) -> None:
    server.then(Reply(status=400, body={"error": {"message": "too long", "code": "context_length_exceeded"}}))
    project.write("""
        import bot
        import pytest
        import requests

        def test_refused(llm_capture):
            with pytest.raises(requests.HTTPError) as caught:
                bot.answer("Refused?")
            assert caught.value.response.json()["error"]["message"] == "too long"
    """)
    project.run().assert_outcomes(passed=1)


def test_what_replaced_the_adapter_of_requests_answers_and_nothing_goes_out(project: Session, server: Server) -> None:
    project.write("""
        import json
        import bot
        import requests

        def test_mocked(llm_capture, monkeypatch):
            def send(self, request, **options):
                response = requests.Response()
                response.status_code, response.url, response.request = 200, request.url, request
                message = {"message": {"content": "Mocked"}, "finish_reason": "stop"}
                response.raw = __import__("urllib3").HTTPResponse(
                    body=__import__("io").BytesIO(json.dumps({"choices": [message]}).encode()), preload_content=False
                )
                return response

            monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)
            assert bot.answer("Mocked?") == "Mocked"
            assert llm_capture.calls[0].reply == "Mocked"
    """)
    project.run().assert_outcomes(passed=1)
    assert server.requests == []


@pytest.mark.skipif(importlib.util.find_spec("aiohttp") is None, reason="aiohttp is not installed")
def test_aiohttp_is_recorded_rerouted_and_replayed(project: Session, server: Server) -> None:
    project.write(
        """
        import asyncio
        import aiohttp
        import pytest

        async def answer(question):
            asked = {"model": "prod-1", "messages": [{"role": "user", "content": question}]}
            async with aiohttp.ClientSession() as session:
                async with session.post("URL/chat/completions", json=asked, params={"a": "b"}) as response:
                    assert str(response.url).startswith("URL/chat/completions")
                    answer = await response.json()
                    return answer["choices"][0]["message"]["content"] if response.status == 200 else response.status

        @pytest.mark.parametrize("question", ["One?", "Two?"])
        def test_it(llm_capture, question):
            assert asyncio.run(answer(question)) == "Lima"
            assert llm_capture.calls[0].reply == "Lima"

        def test_unrecorded(llm_capture):
            assert asyncio.run(answer("Unrecorded?")) == 424
    """.replace("URL", server.base_url)
    )
    model = "--llm-model=candidate"
    project.run("--llm-record", model, "-k", "not unrecorded").assert_outcomes(passed=2, deselected=1)
    assert [request.json["model"] for request in server.requests] == ["cand-2"] * 2
    server.requests.clear()
    result = project.run("--llm-mode=replay", model)
    result.assert_outcomes(passed=2, errors=1)
    assert told(result, "no recorded reply of candidate (openai/cand-2) for test_it.py::test_unrecorded")
    assert server.requests == []
