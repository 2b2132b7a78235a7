"""An application that makes other calls of models beside those whose answers are judged, such as embeddings."""

from __future__ import annotations

import base64
import json
import os
import struct

import pytest

from tests.server import Reply, Request, Server, completion
from tests.sessions import Session, told

BOT = """
    import os
    import openai

    client = openai.OpenAI(base_url=os.environ["ADDRESS_OF_THE_TEST"], api_key="sk-own", max_retries=0)
    PAGES = ["Kettles have a warranty of 2 years.", "Returns are free for 30 days."]
    index = []

    def vector(text):
        return client.embeddings.create(model="small-3", input=text).data[0].embedding

    def likeness(one, other):
        return sum(a * b for a, b in zip(one, other))

    def answer(question):
        if not index:
            index.extend([(vector(page), page) for page in PAGES])
        asked = vector(question)
        found = max(index, key=lambda entry: likeness(entry[0], asked))[1]
        messages = [{"role": "system", "content": found}, {"role": "user", "content": question}]
        return client.chat.completions.create(model="prod-1", messages=messages).choices[0].message.content
"""
# The same without an SDK, which is faster to import.
PLAIN_BOT = BOT.replace("import openai", "import httpx")
for made, plain in {
    'openai.OpenAI(base_url=os.environ["ADDRESS_OF_THE_TEST"], api_key="sk-own", max_retries=0)': "httpx.Client()",
    'client.embeddings.create(model="small-3", input=text).data[0].embedding': (
        'posted("embeddings", model="small-3", input=text, encoding_format="float")["data"][0]["embedding"]'
    ),
    'client.chat.completions.create(model="prod-1", messages=messages).choices[0].message.content': (
        'posted("chat/completions", model="prod-1", messages=messages)["choices"][0]["message"]["content"]'
    ),
}.items():
    assert made in PLAIN_BOT
    PLAIN_BOT = PLAIN_BOT.replace(made, plain)
PLAIN_BOT += """
    def posted(path, **body):
        response = client.post(os.environ["ADDRESS_OF_THE_TEST"] + "/" + path, json=body)
        response.raise_for_status()
        return response.json()
"""
RETURNS, WARRANTY = [0.1, 0.7], [0.7, 0.1]


def embedding(text: str, form: str = "base64") -> dict[str, object]:
    numbers = RETURNS if "eturn" in text else WARRANTY
    packed = base64.b64encode(struct.pack("<2f", *numbers)).decode()
    item = {"object": "embedding", "index": 0, "embedding": packed if form == "base64" else numbers}
    usage = {"prompt_tokens": 1000, "total_tokens": 1000}
    return {"object": "list", "data": [item], "model": "small-3", "usage": usage}


def served(request: Request) -> object:
    if request.path.endswith("/embeddings"):
        return embedding(request.json["input"], request.json.get("encoding_format"))
    if request.path.endswith("/audio/speech"):
        return Reply(headers={"content-type": "audio/mpeg"}, body=b"\xff\xf3\x00tea")
    if request.path.endswith("/audio/transcriptions"):
        return {"text": f"{len(request.body.split(b'tea'))} times tea"}
    return completion(request.json["messages"][0]["content"])


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    for name in [name for name in os.environ if name.endswith(("_API_KEY", "_AUTH_TOKEN", "_BASE_URL"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ADDRESS_OF_THE_TEST", server.base_url)
    server.answer = served


def asked_for(server: Server) -> list[str]:
    return sorted(request.path for request in server.requests)


def test_a_bot_with_retrieval_runs_offline(session: Session, server: Server) -> None:
    """Its index, which it keeps, is embedded once."""
    session.write(BOT, "bot.py")
    session.write("""
        import bot, pytest

        @pytest.mark.llm_samples(2)
        @pytest.mark.parametrize("number", range(3))
        def test_returns(llm_capture, number):
            assert "30 days" in bot.answer(f"Is the return of {number} kettles free?")
            assert len(llm_capture.calls) == 1

        def test_warranty(llm_capture):
            assert "2 years" in bot.answer("How long is the warranty?")
    """)
    session.run("--llm-record").assert_outcomes(passed=4)
    embedded = [request.json["input"] for request in server.requests if request.path == "/v1/embeddings"]
    assert sorted(set(embedded)) == sorted(
        [
            "Returns are free for 30 days.",
            "Kettles have a warranty of 2 years.",
            "How long is the warranty?",
            *(f"Is the return of {number} kettles free?" for number in range(3)),
        ]
    )
    assert session.arguments == ("-n2",) or len(embedded) == len(set(embedded))  # each worker has an index of its own
    assert len(server.requests) - len(embedded) == 7
    models = {call.request_model for result in session.results() for sample in result.samples for call in sample.calls}
    assert models == {"prod-1"}
    (session.path / ".llmeval").rename(session.path / "gone")
    server.requests.clear()
    session.run("--llm-mode=replay").assert_outcomes(passed=4)
    session.run("--llm-mode=replay", "-k", "warranty").assert_outcomes(passed=1)
    assert server.requests == []


def test_embeddings_of_many_tests_are_in_flight_at_once(plain_session: Session, server: Server) -> None:
    plain_session.write(PLAIN_BOT, "bot.py")
    plain_session.write("""
        import bot, pytest

        @pytest.mark.parametrize("number", range(8))
        def test_vector(llm_capture, llm, number):
            assert len(bot.vector(f"{number} kettles")) == 2 and llm("Two?")
    """)
    server.answer = lambda request: (
        Reply(at_once=8, body=embedding("", "float")) if "embed" in request.path else completion()
    )
    plain_session.run().assert_outcomes(passed=8)


FORMS = """
    import os
    import openai

    client = openai.OpenAI(base_url=os.environ["ADDRESS_OF_THE_TEST"], api_key="sk-own")

    def heard():
        sound = client.audio.speech.create(model="voice-1", voice="ash", input="Tea, tea!").read()
        assert sound == b"\\xff\\xf3\\x00tea"
        return client.audio.transcriptions.create(model="ear-1", file=("spoken.mp3", sound)).text
"""


@pytest.mark.parametrize("mark", ["", "@pytest.mark.llm_blocking"])
def test_bytes_and_forms_are_kept_as_they_are(plain_session: Session, server: Server, mark: str) -> None:
    """By the engine, and where the test must wait by the application's own transport."""
    plain_session.write(FORMS, "ears.py")
    plain_session.write(f"""
        import ears, pytest

        {mark}
        def test_heard(llm_capture, llm):
            assert ears.heard() == "2 times tea" == ears.heard()
            assert llm("Two?")
    """)
    plain_session.run("--llm-record").assert_outcomes(passed=1)
    paths = ["/v1/audio/speech", "/v1/audio/transcriptions", "/v1/chat/completions"]
    assert asked_for(server) == paths
    assert {request.headers.get("authorization") for request in server.requests[:2]} == {"Bearer sk-own"}
    plain_session.run("--llm-mode=replay").assert_outcomes(passed=1)
    assert asked_for(server) == paths


def test_they_come_by_the_gateway_too(plain_session: Session, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-own")
    plain_session.write("""
        import json, os, urllib.request

        def asked(path, **body):
            headers = {"authorization": f"Bearer {os.environ['OPENAI_API_KEY']}", "content-type": "application/json"}
            url = f"{os.environ['OPENAI_BASE_URL']}/{path}"
            request = urllib.request.Request(url, json.dumps(body).encode(), headers)
            with urllib.request.urlopen(request) as response:
                return response.headers["content-type"], response.read()

        def test_bot(llm_gateway):
            assert asked("audio/speech", model="v", input="Tea") == ("audio/mpeg", b"\\xff\\xf3\\x00tea")
            assert b"embedding" in asked("embeddings", model="small-3", input="Tea")[1]
            assert asked("chat/completions", model="prod-1", messages=[{"role": "user", "content": "Tea?"}])
            assert len(llm_gateway.calls) == 1
    """)
    plain_session.run("--llm-record").assert_outcomes(passed=1)
    assert len(server.requests) == 3
    plain_session.run("--llm-mode=replay").assert_outcomes(passed=1)
    assert len(server.requests) == 3


def test_what_was_not_recorded_is_an_error(plain_session: Session, server: Server) -> None:
    plain_session.write(PLAIN_BOT, "bot.py")
    plain_session.write("""
        import bot

        def test_returns(llm_capture):
            try:
                found = bot.answer("Is the return free?")
            except Exception:
                found = "30 days"
            assert "30 days" in found
    """)
    result = plain_session.run("--llm-mode=replay")
    result.assert_outcomes(errors=1)
    assert told(result, "MissingReply: no recorded reply of 127.0.0.1/small-3 for *POST /v1/embeddings; record*")
    assert [each.outcome for each in plain_session.results()] == ["error"]
    assert server.requests == []


def test_recordings_of_another_test_file_will_do(plain_session: Session, server: Server) -> None:
    plain_session.write(PLAIN_BOT, "bot.py")
    # One after the other, so that the first fills the index.
    alone = "import bot, pytest\n\npytestmark = pytest.mark.llm_blocking\n\n"
    one = f"{alone}def test_it(llm_capture):\n    assert bot.answer('How long?')\n"
    plain_session.write(one, "test_one.py")
    plain_session.write(one.replace("How long", "What returns"), "test_two.py")
    plain_session.run("--llm-record").assert_outcomes(passed=2)
    of_two = (plain_session.path / "recordings/test_two.jsonl").read_text()
    assert "What returns" in of_two
    assert '"input": "Kettles' not in of_two  # the index was there already
    (plain_session.path / ".llmeval").rename(plain_session.path / "gone")
    server.requests.clear()
    plain_session.run("--llm-mode=replay", "test_two.py").assert_outcomes(passed=1)
    assert server.requests == []


@pytest.mark.parametrize("mark", ["", "@pytest.mark.llm_blocking"])
def test_a_provider_that_fails_is_no_wrong_answer(plain_session: Session, server: Server, mark: str) -> None:
    plain_session.write(PLAIN_BOT, "bot.py")
    plain_session.write(f"""
        import bot, httpx, pytest

        {mark}
        def test_falls_back(llm_capture, llm):
            with pytest.raises(httpx.HTTPStatusError, match="400"):
                bot.vector("Tea")
            assert llm("Two?")

        {mark}
        def test_fails(llm_capture):
            try:
                assert "30 days" in bot.answer("Is the return free?")
            except httpx.HTTPStatusError:
                assert not "We cannot tell."
    """)
    error = Reply(status=400, body={"error": {"message": "too long", "type": "invalid_request_error"}})
    server.answer = lambda request: error if "embed" in request.path else completion()
    plain_session.run("--llm-record").assert_outcomes(passed=1, errors=1)
    outcomes = {str(result.key.test).partition("::")[2]: result.outcome for result in plain_session.results()}
    assert outcomes == {"test_falls_back": "pass", "test_fails": "error"}
    assert not any("too long" in file.read_text() for file in plain_session.path.glob("recordings/*"))


@pytest.mark.parametrize("prices", ["", "prices = { input = 2.0, output = 0.0 }"])
def test_its_price_is_spent_and_no_cost_of_an_answer(plain_session: Session, server: Server, prices: str) -> None:
    plain_session.configure(f"""
        [tool.llmeval]
        model = "production"
        [tool.llmeval.models.production]
        model = "openai/prod-1"
        base_url = "{server.base_url}"
        prices = {{ input = 1.0, output = 10.0 }}
        [tool.llmeval.models.embedder]
        model = "openai/small-3"
        {prices}
    """)
    plain_session.write(PLAIN_BOT, "bot.py")
    plain_session.write("import bot\n\ndef test_it(llm_capture):\n    assert bot.answer('How long?')\n")
    result = plain_session.run("--llm-budget=1")
    result.assert_outcomes(passed=1)
    [case] = plain_session.results()
    [call] = case.samples[0].calls
    assert call.measures.cost == 3.7e-05
    assert told(result, "*4 live calls, 3 of them in no result*$0.0060 spent*" if prices else "*1 live call*$0.000037*")


def test_what_asks_no_answer_says_nothing_of_the_model(plain_session: Session) -> None:
    plain_session.write(PLAIN_BOT, "bot.py")
    plain_session.write("import bot\n\ndef test_it(llm_capture):\n    assert len(bot.vector('Tea')) == 2\n")
    result = plain_session.run()
    result.assert_outcomes(errors=1)
    assert told(result, "*no model call was seen*embeddings*")


def test_a_saved_baseline_finds_them(plain_session: Session, server: Server) -> None:
    """Its answers are judged again, by tests whose application makes these calls again."""
    baseline = plain_session.path / "pyproject.toml"
    baseline.write_text(
        baseline.read_text().replace('model = "production"', 'model = "production"\nbaseline = "main.jsonl"', 1)
    )
    plain_session.write(PLAIN_BOT, "bot.py")
    plain_session.write("""
        import bot

        def test_it(llm_capture):
            bot.index.clear()
            assert "2 years" in bot.answer("How long?")
    """)
    plain_session.run("--llm-update-baseline", "--llm-record").assert_outcomes(passed=1)
    server.requests.clear()
    result = plain_session.run("--llm-mode=replay")
    result.assert_outcomes(passed=1)
    assert told(result, "*gate ok*")
    assert server.requests == []


def test_another_prompt_of_the_same_test_is_looked_up_by_itself(plain_session: Session, server: Server) -> None:
    """What is recorded says what was asked, so that the nearest one can be shown."""
    plain_session.write(PLAIN_BOT, "bot.py")
    plain_session.write("import bot\n\ndef test_it(llm_capture):\n    assert bot.answer('How long?')\n")
    plain_session.run("--llm-record").assert_outcomes(passed=1)
    [file] = plain_session.path.glob("recordings/*")
    entries = [json.loads(line) for line in file.read_text().splitlines()]
    others = [entry for entry in entries if entry.get("provider") == "other-call"]
    assert {(entry["path"], entry["sample"], entry["occurrence"]) for entry in others} == {("/v1/embeddings", 0, 0)}
    assert len(others) == 3
    plain_session.write("import bot\n\ndef test_it(llm_capture):\n    assert bot.answer('How short?')\n")
    (plain_session.path / ".llmeval").rename(plain_session.path / "gone")
    result = plain_session.run("--llm-mode=replay")
    assert told(result, '*input: recorded "How long?", asked "How short?"*')


def test_by_the_gateway_they_stay_with_the_server_in_production(
    plain_session: Session, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An application that sets its own address does not say where these went before; no vendor may learn of them."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-own")
    monkeypatch.setenv("KEY_IN_PRODUCTION", "sk-production")
    table = f'base_url = "{server.base_url}"\napi_key_env = "KEY_IN_PRODUCTION"'
    plain_session.configure(
        f"[tool.llmeval]\nmodel = 'production'\n[tool.llmeval.models.production]\nmodel = 'openai/prod-1'\n{table}\n"
    )
    plain_session.write("""
        import json, os, urllib.request

        def asked(variable, path, **body):
            headers = {"authorization": f"Bearer {os.environ['OPENAI_API_KEY']}", "content-type": "application/json"}
            request = urllib.request.Request(os.environ[variable] + path, json.dumps(body).encode(), headers)
            with urllib.request.urlopen(request) as response:
                return response.read()

        def test_bot(llm_gateway):
            messages = [{"role": "user", "content": "Tea?"}]
            assert asked("OPENAI_BASE_URL", "/embeddings", model="small-3", input="Tea")
            assert asked("OPENAI_BASE_URL", "/chat/completions", model="prod-1", messages=messages)
            assert asked("OPENAI_BASE_URL", "/chat/completions", model="other", messages=messages)

        def test_another_vendor(llm_gateway):
            asked("ANTHROPIC_BASE_URL", "/v1/messages/count_tokens", model="m", messages=[])
    """)
    plain_session.run("-Wignore", "--llm-record").assert_outcomes(passed=1, errors=1)
    assert {request.headers["authorization"] for request in server.requests} == {"Bearer sk-production"}
    assert asked_for(server) == ["/v1/chat/completions", "/v1/chat/completions", "/v1/embeddings"]
    [case] = [result for result in plain_session.results() if result.outcome == "error"]
    assert case.samples[0].reason.startswith("no setting says where a request to anthropic should go")
    plain_session.run("--llm-mode=replay", "-k", "bot").assert_outcomes(passed=1)
    assert len(server.requests) == 3
