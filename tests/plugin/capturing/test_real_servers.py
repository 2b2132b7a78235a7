"""Providers that nobody here wrote, asked by tests and by applications: recorded, and replayed without them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from tests.real_servers import litellm_proxy, llama_cpp
from tests.sdks.environments import CACHE
from tests.server import Request, Server, completion
from tests.sessions import Session, told

LITELLM = CACHE / "environments" / "litellm-proxy" / "bin" / "python"

APPLICATION = """
    import os
    import anthropic
    import openai

    ADDRESS = os.environ["ADDRESS_OF_THE_TEST"]
    client = openai.OpenAI(base_url=f"{ADDRESS}/v1", api_key="sk-of-the-test", max_retries=0)

    def asked(question):
        messages = [{"role": "user", "content": question}]
        return {"model": "prod-1", "messages": messages, "extra_body": {"temperature": 0}}

    def answer(question):
        return client.chat.completions.create(max_tokens=8, **asked(question)).choices[0].message.content

    def tell(question):
        options = {"include_usage": True}
        chunks = client.chat.completions.create(max_tokens=8, stream=True, stream_options=options, **asked(question))
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)

    def respond(question):  # without the SDK's helper, for which llama.cpp's events lack their indices
        asking = {"model": "prod-1", "input": question, "max_output_tokens": 8, "temperature": 0}
        events = client.responses.create(stream=True, **asking)
        return "".join(event.delta for event in events if event.type == "response.output_text.delta")

    def message(question):
        with anthropic.Anthropic(base_url=ADDRESS, api_key="sk-of-the-test") as client:
            return client.messages.create(max_tokens=8, **asked(question)).content[0].text

    def message_streamed(question):
        with anthropic.Anthropic(base_url=ADDRESS, api_key="sk-of-the-test") as client:
            with client.messages.stream(max_tokens=8, **asked(question)) as stream:
                return "".join(stream.text_stream)
"""
# What each session said, so that they can be compared.
CONFTEST = """
    import json
    import pytest

    @pytest.fixture
    def note(request):
        def note(text):
            with open("said.jsonl", "a") as file:
                file.write(json.dumps([request.node.name, text]) + "\\n")
        return note
"""

Started = Callable[[], AbstractContextManager[str]]


@pytest.fixture
def llama(tmp_path: Path) -> Started:
    pytest.importorskip("xllamacpp", reason="llama.cpp's server is not installed: make test does that")
    return partial(llama_cpp, tmp_path)


@pytest.fixture
def litellm(tmp_path: Path) -> Started:
    if not LITELLM.exists():
        pytest.skip("litellm's proxy is not installed: make sdks does that")
    return partial(litellm_proxy, LITELLM, tmp_path)


@pytest.fixture
def project(plain_session: Session, monkeypatch: pytest.MonkeyPatch) -> Session:
    for name in [name for name in os.environ if name.endswith(("_API_KEY", "_AUTH_TOKEN", "_BASE_URL"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KEY_OF_THE_TEST", "sk-of-the-test")
    plain_session.write(APPLICATION, "app.py")
    plain_session.write(CONFTEST, "conftest.py")
    return plain_session


def configure(project: Session, provider: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADDRESS_OF_THE_TEST", url)
    project.configure(f"""
        [tool.llmeval]
        model = "production"

        [tool.llmeval.models.production]
        model = "{provider}/prod-1"
        base_url = "{url}/v1"
        api_key_env = "KEY_OF_THE_TEST"

        [tool.llmeval.models.busy]
        model = "{provider}/busy"
        base_url = "{url}/v1"
        api_key_env = "KEY_OF_THE_TEST"
    """)


def said(project: Session) -> dict[str, str]:
    """What the tests said in the session that ran last."""
    file = project.path / "said.jsonl"
    texts = dict(json.loads(line) for line in file.read_text().splitlines())
    file.unlink()
    return texts


ASKED_BY_LLM = """
    import pytest

    def test_whole(llm, note):
        reply = llm("Weather?", max_tokens=8, temperature=0)
        assert reply.usage.input_tokens and reply.usage.output_tokens and reply.latency > 0 and reply.ttft is None
        note(reply)

    def test_streamed(llm, note):
        reply = llm("Weather?", max_tokens=8, temperature=0, stream=True)
        assert 0 < reply.ttft <= reply.latency
        note(reply)

    def test_other_cases_while_these_wait(llm, note):
        note(llm("Nice?", max_tokens=8, temperature=0) + llm("Sure?", max_tokens=8, temperature=0))
"""


def test_llama_cpp_answers_tests(project: Session, llama: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model of random weights says control characters and broken letters, the same in every replay."""
    project.write(ASKED_BY_LLM)
    with llama() as url:
        configure(project, "llamacpp", url, monkeypatch)
        project.run("--llm-record").assert_outcomes(passed=3)
        first = said(project)
    project.run("--llm-mode=replay").assert_outcomes(passed=3)
    assert said(project) == first
    assert first["test_whole"] == first["test_streamed"] != ""  # streamed pieces are put together to the same


@pytest.mark.parametrize("family", ["llamacpp", "anthropic"])
@pytest.mark.parametrize("blocking", [False, True])
def test_llama_cpp_answers_an_application(
    project: Session, llama: Started, monkeypatch: pytest.MonkeyPatch, family: str, blocking: bool
) -> None:
    ways = {"llamacpp": ["answer", "tell", "respond"], "anthropic": ["message", "message_streamed"]}[family]
    project.write(f"""
        import app, pytest

        pytestmark = [pytest.mark.llm_blocking] if {blocking} else []

        @pytest.mark.parametrize("way", {ways})
        def test_bot(llm_capture, note, way):
            text = getattr(app, way)("Weather?")
            [call] = llm_capture.calls
            assert call.reply == text and call.usage.output_tokens and call.latency > 0
            note(text)
    """)
    with llama() as url:
        configure(project, family, url, monkeypatch)
        project.run("--llm-record").assert_outcomes(passed=len(ways))
        first = said(project)
    project.run("--llm-mode=replay").assert_outcomes(passed=len(ways))
    assert said(project) == first
    assert all(first.values())


def test_llama_cpp_refuses_what_is_too_long(project: Session, llama: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    """The application gets the server's own words; a test of ``llm`` is an error that repeats them."""
    project.write("""
        import app, openai, pytest

        def test_bot(llm_capture, note):
            with pytest.raises(openai.BadRequestError) as caught:
                app.answer("too long " * 99)
            note(caught.value.body["message"])
            app.answer("Weather?")

        def test_llm(llm):
            llm("too long " * 99)
    """)
    with llama() as url:
        configure(project, "llamacpp", url, monkeypatch)
        result = project.run()
    result.assert_outcomes(passed=1, errors=1)
    [words] = said(project).values()
    assert told(result, words[:40])


def test_litellm_answers_tests(project: Session, litellm: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write(ASKED_BY_LLM)
    project.write(
        """
        def test_busy(llm):
            llm("Weather?")
    """,
        "test_busy.py",
    )
    with litellm() as url:
        configure(project, "openai", url, monkeypatch)
        project.run("--llm-record", "test_it.py").assert_outcomes(passed=3)
        first = said(project)
        busy = project.run("--llm-model=busy", "test_busy.py")
    project.run("--llm-mode=replay", "test_it.py").assert_outcomes(passed=3)
    assert said(project) == first
    assert first["test_whole"] == first["test_streamed"] == "Let me see."
    busy.assert_outcomes(errors=1)
    assert told(busy, "this is a mock rate limit error")


def test_litellm_answers_an_application(project: Session, litellm: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write("""
        import app, openai, pytest

        @pytest.mark.parametrize("way", ["answer", "tell"])
        def test_bot(llm_capture, note, way):
            note(getattr(app, way)("Weather?"))
            [call] = llm_capture.calls
            assert call.reply == "Let me see." and call.usage.output_tokens

        def test_unknown(llm_capture, note):
            note(app.answer("Weather?"))
            with pytest.raises(openai.BadRequestError):
                app.client.chat.completions.create(**{**app.asked("Weather?"), "model": "nobody"})
    """)
    with litellm() as url:
        configure(project, "openai", url, monkeypatch)
        project.run("--llm-record").assert_outcomes(passed=3)
        first = said(project)
    project.run("--llm-mode=replay", "-k", "test_bot").assert_outcomes(passed=2, deselected=1)
    assert set(said(project).values()) == set(first.values()) == {"Let me see."}


def of_anthropic(request: Request) -> object:
    assert request.path.endswith("/messages"), request.path
    assert request.json["messages"][0]["content"][0]["text"] == "Weather?"
    usage = {"input_tokens": 7, "output_tokens": 3}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "stop_reason": "end_turn"}
    return {**message, "content": [{"type": "text", "text": "Rain, I fear."}], "stop_sequence": None, "usage": usage}


def of_openai(request: Request) -> object:
    assert "Weather?" in json.dumps(request.json)
    if request.path.endswith("/chat/completions"):
        return completion("Rain, I fear.")
    assert request.path.endswith("/responses"), request.path  # which litellm prefers
    said = [{"type": "output_text", "text": "Rain, I fear.", "annotations": []}]
    message = {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": said}
    usage = {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}
    about = {"id": "r", "object": "response", "created_at": 1, "model": "gpt-x", "status": "completed"}
    return {
        **about,
        "output": [message],
        "usage": usage,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }


@pytest.mark.parametrize(
    ("way", "production", "candidate", "behind", "answer"),
    [
        ("answer", "openai/prod-1", "litellm/rain", "anthropic/claude-x", of_anthropic),
        ("message", "anthropic/prod-1", "anthropic/rain", "openai/gpt-x", of_openai),
    ],
    ids=["chat completions to Anthropic", "Messages to OpenAI"],
)
def test_litellm_leads_an_application_to_a_candidate_of_another_format(
    project: Session,
    litellm: Callable[..., AbstractContextManager[str]],
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
    production: str,
    candidate: str,
    behind: str,
    answer: Callable[[Request], object],
) -> None:
    """The recipe of docs/how-to/capture.md; first what happens without it."""
    server.answer = lambda request: answer(request) if request.method == "POST" else {"data": []}
    address = server.base_url.removesuffix("/v1") if behind.startswith("anthropic") else server.base_url
    models = "model_list:\n  - model_name: rain\n    litellm_params: "
    models += json.dumps({"model": behind, "api_base": address, "api_key": "key-of-the-candidate"}) + "\n"
    project.write(f"""
        import app

        def test_bot(llm_capture):
            assert app.{way}("Weather?") == "Rain, I fear."
            [call] = llm_capture.calls
            assert call.reply == "Rain, I fear." and call.usage.output_tokens
    """)
    with litellm(models=models) as url:
        monkeypatch.setenv("ADDRESS_OF_THE_TEST", url)
        project.configure(f"""
            [tool.llmeval]
            model = "production"

            [tool.llmeval.models.production]
            model = "{production}"

            [tool.llmeval.models.alone]
            model = "{behind}"

            [tool.llmeval.models.rain]
            model = "{candidate}"
            base_url = "{url}/v1"
            api_key_env = "KEY_OF_THE_TEST"
        """)
        refused = project.run("--llm-model=alone")
        refused.assert_outcomes(errors=1)
        assert told(refused, "by litellm's proxy as its base_url (docs/how-to/capture.md, *")
        project.run("--llm-model=rain", "--llm-record").assert_outcomes(passed=1)
    project.run("--llm-model=rain", "--llm-mode=replay").assert_outcomes(passed=1)
    assert len([request for request in server.requests if request.method == "POST"]) == 1
