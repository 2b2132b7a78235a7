"""What the configuration changes in requests: of the fixture llm, of an application, of one in another process."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server import Reply, Request, Server, completion
from tests.sessions import Session, told

BOT = """
    import json, os, urllib.request
    import openai

    def answer(question, model="prod-1"):
        with openai.OpenAI(api_key="of-the-bot", base_url=os.environ["ADDRESS_OF_THE_TEST"]) as client:
            messages = [{"role": "user", "content": question}]
            reply = client.chat.completions.create(model=model, messages=messages, temperature=0, max_tokens=200)
            return reply.choices[0].message.content

    def by_gateway(question):
        asked = {"model": "prod-1", "messages": [{"role": "user", "content": question}], "max_tokens": 5}
        address = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
        request = urllib.request.Request(address, json.dumps(asked).encode(), {"Authorization": "Bearer of-the-bot"})
        return json.load(urllib.request.urlopen(request))["choices"][0]["message"]["content"]
"""
TESTS = """
    import threading
    import bot

    def test_llm(llm):
        assert llm("By llm?", temperature=0, max_tokens=7, stream=True) == "Lima"

    def test_capture(llm_capture):
        assert bot.answer("Captured?") == "Lima"
        [call] = llm_capture.calls
        assert ("temperature" in call.request) == (llm_capture.model == "prod-1")

    def test_own_transport(llm_capture):
        answers = []
        thread = threading.Thread(target=lambda: answers.append(bot.answer("In a thread?")))
        thread.start()
        thread.join()
        assert answers == ["Lima"]

    def test_gateway(llm_gateway):
        assert bot.by_gateway("By the gateway?") == "Lima"
"""
CANDIDATE = """
    [tool.llmeval]
    model = "production"
    baseline = "production"

    [tool.llmeval.models.production]
    model = "openai/prod-1"
    base_url = "{url}"

    [tool.llmeval.models.candidate]
    model = "openai/cand-2"
    base_url = "{url}"
    params = {{ think = false }}
    drop_params = ["temperature", "stream_options"]
    rename_params = {{ max_tokens = "max_completion_tokens" }}
"""


def reasons(request: Request) -> Any:
    """The answer of a server whose second model refuses what models that think refuse."""
    body = request.json
    if body["model"] == "cand-2":
        wrong = [name for name in ("temperature", "max_tokens", "stream_options") if name in body]
        if wrong or body.get("think") is not False:
            message = f"Unsupported parameter: '{wrong[0]}'." if wrong else "think it over"
            return Reply(status=400, body={"error": {"message": message, "type": "invalid_request_error"}})
    return completion("Lima")


def asks_the_server(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    """Lead the application's SDK to the server of the test, with no key and no proxy around."""
    for name in ("OPENAI_API_KEY", "OPENAI_API_BASE", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    monkeypatch.setenv("ADDRESS_OF_THE_TEST", server.base_url)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    asks_the_server(monkeypatch, server)
    server.answer = reasons


def test_a_model_that_refuses_parameters_is_put_on_trial_for_an_unchanged_application(
    session: Session, server: Server
) -> None:
    session.configure(CANDIDATE.format(url=server.base_url))
    session.write(BOT, "bot.py")
    session.write(TESTS)
    session.run("--llm-model=candidate", "--llm-baseline=production", "--llm-record")
    assert {(result.model, result.outcome) for result in session.results()} == {
        ("production", "pass"),
        ("candidate", "pass"),
    }
    asked = [request.json for request in server.requests]
    limits = {(body["model"], name): body[name] for body in asked for name in body if name.startswith("max_")}
    assert set(limits) == {("prod-1", "max_tokens"), ("cand-2", "max_completion_tokens")}
    assert len(asked) == 8
    session.run("--llm-model=candidate", "--llm-baseline=production", "--llm-mode=replay")
    assert [result.outcome for result in session.results()] == ["pass"] * 8
    assert len(server.requests) == 8


def test_a_saved_baseline_answers_the_same_question_with_other_parameters(
    plain_session: Session, server: Server
) -> None:
    saved = CANDIDATE.format(url=server.base_url).replace('baseline = "production"', 'baseline = "b.jsonl"')
    plain_session.configure(saved)
    plain_session.write(BOT, "bot.py")
    plain_session.write("""
        import bot

        def test_two(llm_capture):
            assert bot.answer("First?") == bot.answer("Second?") == "Lima"
    """)
    plain_session.run("--llm-update-baseline").assert_outcomes(passed=1)
    done = plain_session.run("--llm-model=candidate")
    done.assert_outcomes(passed=1)
    assert told(done, "gate ok")


def test_a_refused_parameter_says_how_it_is_left_out(plain_session: Session, server: Server) -> None:
    plain_session.configure(CANDIDATE.format(url=server.base_url).replace('"temperature", ', ""))
    plain_session.write("""
        def test_llm(llm):
            llm("By llm?", temperature=0)
    """)
    done = plain_session.run("--llm-model=candidate", "--llm-baseline=none")
    assert told(done, 'drop_params = [[]"temperature"] in [[]tool.llmeval.models.candidate] leaves it out')
