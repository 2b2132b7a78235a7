"""The application under test, unchanged: what it asks of models is recorded, replayed, measured, judged."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from tests.server import Reply, Request, Server, completion, event, streamed
from tests.sessions import Session, told
from tests.wire import ANTHROPIC_EVENTS, named_events

APPLICATION = """
    import os
    import openai

    ADDRESS = os.environ["ADDRESS_OF_THE_TEST"]
    client = openai.OpenAI(base_url=ADDRESS, api_key="sk-own")

    def answer(question, model="prod-1", **params):
        messages = [{"role": "user", "content": question}]
        reply = client.chat.completions.create(model=model, messages=messages, **params)
        return reply.choices[0].message.content

    def tell(question, model="prod-1", pieces=10_000):
        messages = [{"role": "user", "content": question}]
        text = []
        with client.chat.completions.create(model=model, messages=messages, stream=True) as chunks:
            for chunk in chunks:
                if chunk.choices and chunk.choices[0].delta.content:
                    text.append(chunk.choices[0].delta.content)
                if len(text) == pieces:
                    break
        return "".join(text)
"""


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    for name in [name for name in os.environ if name.endswith(("_API_KEY", "_AUTH_TOKEN", "_BASE_URL"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ADDRESS_OF_THE_TEST", server.base_url)


@pytest.fixture
def project(plain_session: Session) -> Session:
    """A project with an application, whose client is made when it is imported."""
    plain_session.write(APPLICATION, "app.py")
    return plain_session


def question(request: Request) -> str:
    return str(request.json["messages"][-1]["content"])


def kinds(session: Session) -> list[tuple[str, str | None]]:
    """The outcome and the category of each sample, by the names of the tests."""
    results = sorted(session.results(), key=lambda result: str(result.key))
    return [(sample.outcome, sample.category) for result in results for sample in result.samples]


def test_a_call_is_recorded_and_replayed(session: Session, server: Server) -> None:
    session.write(APPLICATION, "app.py")
    session.write("""
        import app

        def test_bot(llm_capture):
            assert app.answer("Capital of France?") == "Paris"
            [call] = llm_capture.calls
            assert call.reply == "Paris" and call.usage.input_tokens == 7 and call.ttft is None
            assert call.request["messages"][0]["content"] == "Capital of France?"
            assert call.cost and call.latency and not call.tool_calls and call.model == "production"
            assert llm_capture.model == "prod-1"
    """)
    session.run("--llm-record").assert_outcomes(passed=1)
    assert len(server.requests) == 1
    assert server.requests[0].headers["authorization"] == "Bearer sk-own"
    assert "sk-own" not in "".join(file.read_text() for file in session.path.rglob("*.jsonl"))
    [result] = session.results()
    [call] = result.samples[0].calls
    assert (call.provider, call.request_model, call.answer.text) == ("openai", "prod-1", "Paris")
    session.run("--llm-mode=replay").assert_outcomes(passed=1)
    assert len(server.requests) == 1
    assert [call.spent for result in session.results() for call in result.samples[0].calls] == [0]


def test_a_call_shares_its_reply_with_the_same_request_of_llm(project: Session, server: Server) -> None:
    project.write("""
        import app

        def test_llm(llm):
            assert llm("Capital of France?", temperature=0) == "Paris"

        def test_bot(llm_capture):
            assert app.answer("Capital of France?", temperature=0) == "Paris"

        def test_both(llm, llm_capture):
            assert llm("Capital of Italy?") == app.answer("Capital of Spain?") == "Paris"
            assert len(llm_capture.calls) == 1

        def test_a_helper_and_the_model_itself(llm, llm_capture):
            assert app.answer("Capital of Peru?", model="helper") == llm("Capital of Chile?") == "Paris"
    """)
    project.run().assert_outcomes(passed=4)
    countries = ["Chile", "France", "Italy", "Peru", "Spain"]
    assert sorted(map(question, server.requests)) == [f"Capital of {country}?" for country in countries]


def test_plain_synchronous_tests_overlap(session: Session, server: Server) -> None:
    """Nothing is answered before ten requests are there at once, as many as two workers of twenty tests may send."""
    session.write(APPLICATION, "app.py")
    session.write("""
        import app, pytest

        @pytest.mark.parametrize("number", range(40))
        def test_bot(llm_capture, number):
            assert app.answer(f"Say {number}") == f"Say {number}"
            assert app.tell(f"Tell {number}") == f"Tell {number}"
    """)
    server.answer = lambda request: (
        completion(question(request))
        if request.json.get("stream")
        else Reply(at_once=10, body=completion(question(request)))
    )
    session.run().assert_outcomes(passed=40)
    assert len(server.requests) == 80


def test_async_calls_overlap_and_the_client_stays_usable(project: Session, server: Server) -> None:
    project.write("""
        import asyncio, openai, os, pytest

        async def answer(client, question):
            messages = [{"role": "user", "content": question}]
            reply = await client.chat.completions.create(model="prod-1", messages=messages)
            return reply.choices[0].message.content

        @pytest.mark.asyncio
        @pytest.mark.parametrize("number", range(6))
        async def test_bot(llm_capture, number):
            async with openai.AsyncOpenAI(base_url=os.environ["ADDRESS_OF_THE_TEST"], api_key="k") as client:
                first = await asyncio.gather(answer(client, f"{number} a"), answer(client, f"{number} b"))
                assert first == [f"{number} a", f"{number} b"]
                assert await answer(client, f"{number} c") == f"{number} c"
            assert len(llm_capture.calls) == 3
    """)
    server.answer = lambda request: (
        completion(question(request))
        if question(request).endswith("c")
        else Reply(at_once=8, body=completion(question(request)))
    )
    project.run(plugins=("asyncio",)).assert_outcomes(passed=6)
    assert len(server.requests) == 18
    assert {request.headers["x-stainless-retry-count"] for request in server.requests} == {"0"}


@pytest.mark.parametrize("blocking", [True, False])
def test_what_the_provider_says_of_a_call_reaches_the_sdk(project: Session, server: Server, blocking: bool) -> None:
    failing = {
        "bad": Reply(status=400, body={"error": {"message": "no such parameter", "code": "unknown_parameter"}}),
        "limited": Reply(status=429, headers={"retry-after-ms": "1"}, body={"error": {"message": "slow down"}}),
        "refused": Reply(status=403, body={"error": {"message": "not that model"}}),
        "page": Reply(body="<html>Bad gateway", headers={"content-type": "text/html"}),
        "stream": Reply(chunks=[*streamed("Pa", done=False)[:2], event({"error": {"message": "overloaded"}})]),
    }
    server.answer = lambda request: failing.get(question(request), completion("sorry"))
    project.write(f"""
        import app, openai, pytest

        pytestmark = [pytest.mark.llm_blocking] if {blocking} else []

        def test_bad(llm_capture):
            with pytest.raises(openai.BadRequestError) as caught:
                app.answer("bad")
            assert caught.value.code == "unknown_parameter"

        def test_limited(llm_capture):
            with pytest.raises(openai.RateLimitError, match="slow down"):
                app.answer("limited")

        def test_stream(llm_capture):
            with pytest.raises(openai.APIError, match="overloaded"):
                app.tell("stream")

        def test_page(llm_capture):
            with pytest.raises(Exception):
                app.answer("page")

        def test_uncaught(llm_capture):
            app.answer("refused")

        def test_caught_but_wrong(llm_capture):
            try:
                answer = app.answer("refused")
            except openai.APIError:
                answer = "I do not know"
            assert answer == "Paris"

        def test_another_is_asked_instead(llm_capture):
            try:
                answer = app.answer("refused")
            except openai.APIError:
                answer = app.answer("again")
            assert answer == "sorry" and len(llm_capture.calls) == 1
    """)
    result = project.run("--llm-record")
    result.assert_outcomes(passed=5, errors=1)  # and one that is the same
    assert kinds(project) == [("pass", None)] * 2 + [("error", "authentication")] + [("pass", None)] * 3 + [
        ("error", "authentication")
    ]
    assert told(result, "ProviderError: *HTTP 403: not that*(openai/prod-1 at 127.0.0.1:*)*")
    recorded = "".join(file.read_text() for file in project.path.rglob("recordings/*.jsonl"))
    assert '"again"' in recorded
    assert not any(f'"{asked}"' in recorded for asked in failing)


def test_a_call_that_the_sdk_repeats_is_one_call(project: Session, server: Server) -> None:
    """Where the test cannot be left, trying again is the SDK's business; the reply is found again by its number."""
    server.then(Reply(status=503, headers={"retry-after-ms": "1"}), completion("Paris"))
    project.write("""
        import app, pytest

        @pytest.mark.llm_blocking
        def test_bot(llm_capture):
            assert app.answer("Capital of France?") == "Paris"
            assert len(llm_capture.calls) == 1
    """)
    project.run("--llm-record").assert_outcomes(passed=1)
    assert [request.headers["x-stainless-retry-count"] for request in server.requests] == ["0", "1"]
    project.run("--llm-mode=replay").assert_outcomes(passed=1)
    assert len(server.requests) == 2


def test_nobody_there(project: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADDRESS_OF_THE_TEST", "http://127.0.0.1:9/v1")
    project.configure("""
        [tool.llmeval]
        model = "openai/prod-1"
    """)
    project.write("""
        import app, openai, pytest

        app.client = app.client.with_options(max_retries=0)

        def test_uncaught(llm_capture):
            app.answer("Capital of France?")

        def test_caught(llm_capture):
            with pytest.raises(openai.APIConnectionError):
                app.answer("Capital of Spain?")
    """)
    project.run().assert_outcomes(passed=1, errors=1)
    assert kinds(project) == [("pass", None), ("error", "connection")]


def test_a_missing_recording_is_an_error_whatever_the_application_swallows(project: Session, server: Server) -> None:
    project.write("""
        import app

        def test_plain(llm_capture):
            app.answer("Capital of France?")

        def test_exception(llm_capture):
            try:
                app.answer("Capital of France?")
            except Exception:
                pass

        def test_everything(llm_capture):
            try:
                app.answer("Capital of France?")
            except:
                pass

        def test_stream(llm_capture):
            app.tell("Capital of France?")
    """)
    result = project.run("--llm-mode=replay")
    result.assert_outcomes(errors=4)
    assert kinds(project) == [("error", "no_reply_recorded")] * 4
    assert told(result, "MissingReply: no recorded reply of production (openai/prod-1) for test_it.py::test_plain*")
    assert not told(result, "openai/_base_client.py*")
    assert server.requests == []


@pytest.mark.parametrize("client", ["anthropic", "google-genai"])
def test_no_other_sdk_swallows_or_repeats_a_miss(plain_session: Session, server: Server, client: str) -> None:
    plain_session.configure(f"""
        [tool.llmeval]
        model = "{client.removeprefix("google-").replace("genai", "gemini")}/prod-1"
    """)
    plain_session.write((Path(__file__).parents[2] / "captured_clients.py").read_text(encoding="utf-8"), "clients.py")
    plain_session.write(f"""
        import pytest
        from clients import CLIENTS

        @pytest.mark.parametrize("way", ["", ", streamed", ", async", ", async, streamed"])
        def test_bot(llm_capture, way):
            CLIENTS["{client}" + way]("{server.base_url.removesuffix("/v1")}", "Weather?")
    """)
    plain_session.run("--llm-mode=replay").assert_outcomes(errors=4)
    assert kinds(plain_session) == [("error", "no_reply_recorded")] * 4
    assert server.requests == []


def test_what_several_asked_at_once_and_nobody_got(project: Session, server: Server) -> None:
    """One of them sends the request; all are told what the provider said."""
    refused = {"error": {"message": "no such parameter", "code": "unknown_parameter"}}
    server.answer = lambda _: Reply(status=400, body=refused)
    project.write("""
        import app, openai, pytest

        @pytest.mark.parametrize("number", range(3))
        def test_bot(llm_capture, number):
            with pytest.raises(openai.BadRequestError) as caught:
                app.answer("The same")
            assert caught.value.code == "unknown_parameter"
    """)
    project.run().assert_outcomes(passed=3)


def test_threads_of_the_application_are_captured(project: Session, server: Server) -> None:
    server.answer = lambda request: Reply(at_once=4, body=completion(question(request)))
    project.write("""
        import app
        from concurrent.futures import ThreadPoolExecutor

        pool = ThreadPoolExecutor(4)

        def test_bot(llm_capture):
            questions = [f"Question {number}" for number in range(4)]
            assert list(pool.map(app.answer, questions)) == questions
            assert len(llm_capture.calls) == 4
    """)
    project.run("--llm-record").assert_outcomes(passed=1)
    project.run("--llm-mode=replay").assert_outcomes(passed=1)
    assert len(server.requests) == 4


@pytest.mark.parametrize("way", ["direct", "thread"])
def test_a_call_is_identified_and_looked_up_once_an_execution(project: Session, server: Server, way: str) -> None:
    """Also one that the application's own transport sends, as from a thread."""
    server.answer = lambda request: completion(question(request))
    project.write(f"""
        import app
        from concurrent.futures import ThreadPoolExecutor
        from pytest_llmeval.store.key import RequestIdentity
        from pytest_llmeval.store.store import Store

        seen = []
        identify, look_up = RequestIdentity.__init__, Store.lookup
        RequestIdentity.__init__ = lambda *a, **k: (seen.append("identity"), identify(*a, **k))[1]
        Store.lookup = lambda *a, **k: (seen.append("lookup"), look_up(*a, **k))[1]

        def test_bot(llm_capture):
            executed = seen.count("executed")
            seen.append("executed")
            if {way!r} == "thread":
                with ThreadPoolExecutor(1) as pool:
                    said = pool.submit(app.answer, "Why?").result()
            else:
                said = app.answer("Why?")
            assert said == "Why?"
            assert seen.count("identity") == executed + 1
            assert seen.count("lookup") == 1
    """)
    project.run("--llm-record").assert_outcomes(passed=1)
    project.run("--llm-mode=replay").assert_outcomes(passed=1)
    assert len(server.requests) == 1


def test_a_stream_is_handed_on_as_it_comes_and_kept_if_it_was_read_to_its_last_event(
    project: Session, server: Server
) -> None:
    """The first stream never ends, so that whoever reads ahead hangs; the second stays open behind its last event."""
    endless = Reply(chunks=streamed("one ", "two ", done=False)[:3], endless=True)
    server.answer = lambda request: (
        endless if question(request) == "endless" else Reply(chunks=streamed("Pa", "ris"), stall=True)
    )
    project.write("""
        import app, pytest

        pytestmark = pytest.mark.llm_blocking

        def test_left_early(llm_capture):
            assert app.tell("endless", pieces=2) == "one two "
            assert llm_capture.calls == []

        def test_whole(llm_capture):
            assert app.tell("whole") == "Paris"
            [call] = llm_capture.calls
            assert 0 < call.ttft <= call.latency and call.reply == "Paris"
    """)
    project.run("--llm-record").assert_outcomes(passed=2)
    assert sorted(map(question, server.requests)) == ["endless", "whole"]
    project.run().assert_outcomes(passed=2)
    assert sorted(map(question, server.requests)) == ["endless", "endless", "whole"]


@pytest.mark.parametrize("marker", ["llm_blocking", "llm_samples(1)"])
def test_compressed_answers_are_understood(project: Session, server: Server, marker: str) -> None:
    def answer(request: Request) -> Reply:
        body = gzip.compress(json.dumps(completion("Paris")).encode())
        if not request.json.get("stream"):
            return Reply(body=body, headers={"content-encoding": "gzip"})
        if "gzip" not in request.headers["accept-encoding"]:
            return Reply(chunks=streamed("Par", "is"))
        squeezed = gzip.compress(b"".join(streamed("Par", "is")))
        pieces = [squeezed[start : start + 20] for start in range(0, len(squeezed), 20)]
        return Reply(chunks=pieces, headers={"content-encoding": "gzip"})

    server.answer = answer
    project.write(f"""
        import app, pytest

        @pytest.mark.{marker}
        def test_bot(llm_capture):
            assert app.answer("Capital of France?") == app.tell("Capital of France?") == "Paris"
            assert [call.reply for call in llm_capture.calls] == ["Paris", "Paris"]
    """)
    project.run("--llm-record").assert_outcomes(passed=1)
    project.run("--llm-mode=replay").assert_outcomes(passed=1)
    assert len(server.requests) == 2


def test_other_traffic_is_left_alone(project: Session, server: Server) -> None:
    server.answer = lambda request: {"path": request.path}
    project.write("""
        import app, httpx, httpx2

        def test_bot(llm_capture):
            for http in (httpx, httpx2):
                assert http.get(f"{app.ADDRESS}/messages").json() == {"path": "/v1/messages"}
                assert http.post(f"{app.ADDRESS}/messages", json={"text": "hi"}).json() == {"path": "/v1/messages"}
            assert llm_capture.calls == []

        def test_without(llm_model):
            assert app.client.models.list().data is None
    """)
    project.run().assert_outcomes(passed=2)
    assert len(server.requests) == 5


def test_a_test_without_the_fixture_is_not_captured(project: Session, server: Server) -> None:
    project.write("""
        import app

        def test_bot(llm_capture):
            assert app.answer("Capital of France?") == "Paris"

        def test_plain():
            assert app.answer("Capital of France?") == "Paris"
    """)
    project.run().assert_outcomes(passed=2)
    assert len(server.requests) == 2


def test_calls_of_the_model_in_production_go_to_the_one_on_trial(session: Session, server: Server) -> None:
    session.write(APPLICATION, "app.py")
    session.write("""
        import app

        def test_bot(llm_capture):
            assert app.answer("Who are you?") == llm_capture.model
            assert app.answer("Who helps?", model="helper") == "helper"
            assert [call.model for call in llm_capture.calls][1] == "openai/helper"

        def test_other(llm_capture):
            assert app.answer("Fails for one?", model=llm_capture.model) == "prod-1"
    """)
    server.answer = lambda request: completion(request.json["model"])
    result = session.run("--llm-model=candidate", "--llm-baseline=production", "--llm-record")
    assert result.parseoutcomes() == {"passed": 3, "missed": 1}
    assert {r.model: r.samples[0].outcome for r in session.results() if "other" in r.key.test} == {
        "candidate": "fail",
        "production": "pass",
    }
    count = len(server.requests)
    session.run("--llm-model=candidate", "--llm-baseline=production", "--llm-mode=replay")
    assert len(server.requests) == count


@pytest.mark.parametrize("blocking", [True, False])
def test_the_address_and_the_key_of_the_model_on_trial(
    project: Session, server: Server, monkeypatch: pytest.MonkeyPatch, blocking: bool
) -> None:
    monkeypatch.setenv("KEY_OF_THE_CANDIDATE", "sk-candidate")
    with Server() as other:
        project.configure(f"""
            [tool.llmeval]
            model = "production"

            [tool.llmeval.models.production]
            model = "openai/prod-1"

            [tool.llmeval.models.candidate]
            model = "vllm/cand-2"
            base_url = "{other.base_url}"
            api_key_env = "KEY_OF_THE_CANDIDATE"
        """)
        project.write(f"""
            import app, pytest

            pytestmark = [pytest.mark.llm_blocking] if {blocking} else []

            def test_bot(llm_capture):
                assert app.answer("Capital of France?") == app.tell("Capital of France?") == "Paris"
        """)
        project.run("--llm-model=candidate").assert_outcomes(passed=1)
        assert server.requests == []
        assert [request.json["model"] for request in other.requests] == ["cand-2", "cand-2"]
        assert {request.headers["authorization"] for request in other.requests} == {"Bearer sk-candidate"}
        assert not any("stainless" in name for request in other.requests for name in request.headers)


def test_a_model_of_another_wire_format_is_an_error_that_says_what_helps(project: Session, server: Server) -> None:
    project.write("""
        import app

        def test_bot(llm_capture):
            try:
                app.answer("Capital of France?")
            except Exception:
                pass
    """)
    result = project.run("--llm-model=anthropic/claude-x")
    result.assert_outcomes(errors=1)
    assert kinds(project) == [("error", "not_rerouted")]
    assert told(
        result,
        "NotRerouted: the application asks prod-1 in OpenAI's wire format and cannot be rerouted to "
        "anthropic/claude-x, which speaks Anthropic's (models that can be: production, candidate); put one of "
        "that format on trial*",
    )
    assert server.requests == []


def test_an_application_that_never_asks_the_model_on_trial_is_an_error(project: Session) -> None:
    project.write("""
        import app

        def test_bot(llm_capture):
            assert app.answer("Capital of France?", model="helper") == "Paris"
    """)
    result = project.run()
    result.assert_outcomes(errors=1)
    assert kinds(project) == [("error", "not_rerouted")]
    assert told(
        result,
        "NotRerouted: the application asked openai/helper and never the model on trial, production (openai/prod-1) "
        "(the one in production); name the model it asks in*",
    )


def test_samples_are_independent_answers(project: Session, server: Server) -> None:
    numbers = iter(range(100))
    server.answer = lambda _: completion(f"answer {next(numbers)}")
    project.write("""
        import app, pytest

        seen = set()

        @pytest.mark.llm_samples(3)
        def test_bot(llm_capture):
            first, second = app.answer("Say"), app.answer("Say")
            assert first != second and [call.reply for call in llm_capture.calls] == [first, second]
    """)
    project.run("--llm-record").assert_outcomes(passed=1)
    assert len(server.requests) == 6
    texts = [[call.answer.text for call in sample.calls] for sample in project.results()[0].samples]
    assert len({text for sample in texts for text in sample}) == 6
    project.run("--llm-mode=replay").assert_outcomes(passed=1)
    assert texts == [[call.answer.text for call in sample.calls] for sample in project.results()[0].samples]
    assert len(server.requests) == 6


def test_cases_and_categories(project: Session, server: Server) -> None:
    server.answer = lambda request: completion("Paris" if "France" in question(request) else "Lyon")
    (project.path / "cases.jsonl").write_text(
        '{"id": "a", "input": "Capital of France?", "expected": "Paris"}\n'
        '{"id": "b", "input": "Capital of Spain?", "expected": "Madrid"}\n'
    )
    project.write("""
        import app, pytest

        @pytest.mark.llm_cases("cases.jsonl")
        @pytest.mark.llm_category("geography")
        def test_bot(llm_capture, case):
            assert app.answer(case.input) == case.expected
    """)
    project.run().assert_outcomes(passed=1, failed=1)
    assert kinds(project) == [("pass", None), ("fail", "geography")]


@pytest.mark.parametrize("blocking", [True, False])
def test_the_budget_holds(project: Session, server: Server, blocking: bool) -> None:
    project.write(f"""
        import app, pytest

        pytestmark = [pytest.mark.llm_blocking] if {blocking} else []

        def test_bot(llm_capture):
            for number in range(3):
                app.answer(f"Question {{number}}", max_tokens=1000)
    """)
    result = project.run("--llm-budget=0.0101")  # one answer of 1000 tokens is 0.01, and 3 tokens come
    result.assert_outcomes(errors=1)
    assert kinds(project) == [("error", "budget")]
    assert len(server.requests) < 3


def test_replaying_needs_no_key_and_asking_says_which(project: Session, server: Server) -> None:
    project.configure("""
        [tool.llmeval]
        model = "openai/prod-1"
    """)
    project.write("""
        import openai, os

        def test_bot(llm_capture):
            client = openai.OpenAI(base_url=os.environ["ADDRESS_OF_THE_TEST"])
            messages = [{"role": "user", "content": "Capital of France?"}]
            client.chat.completions.create(model="prod-1", messages=messages)
    """)
    result = project.run()
    result.assert_outcomes(errors=1)
    assert told(result, "ProviderError: no API key for openai/prod-1: set the environment variable OPENAI_API_KEY*")
    assert server.requests == []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", "sk-real")
        project.run("--llm-record").assert_outcomes(passed=1)
    assert server.requests[0].headers["authorization"] == "Bearer sk-real"
    project.run("--llm-mode=replay").assert_outcomes(passed=1)
    assert len(server.requests) == 1
    assert "OPENAI_API_KEY" not in os.environ


def test_a_transport_of_the_applications_own_sends_its_calls(project: Session, server: Server) -> None:
    project.write("""
        import httpx2, openai

        sent = []

        def handle(request):
            sent.append(request)
            choice = {"index": 0, "message": {"role": "assistant", "content": "mine"}, "finish_reason": "stop"}
            return httpx2.Response(200, json={"id": "1", "object": "chat.completion", "choices": [choice]})

        def test_bot(llm_capture):
            http = httpx2.Client(transport=httpx2.MockTransport(handle))
            client = openai.OpenAI(base_url="https://models.example.com/v1", api_key="k", http_client=http)
            messages = [{"role": "user", "content": "Whose?"}]
            reply = client.chat.completions.create(model="prod-1", messages=messages)
            assert reply.choices[0].message.content == llm_capture.calls[0].reply == "mine"
            assert len(sent) == (not llm_capture.calls[0].reply.cached)
    """)
    project.configure("""
        [tool.llmeval]
        model = "openai/prod-1"
    """)
    project.run("--llm-record").assert_outcomes(passed=1)
    project.run("--llm-mode=replay").assert_outcomes(passed=1)


def test_what_another_tool_for_tests_has_replaced_is_asked(project: Session, server: Server) -> None:
    project.write("""
        import app, httpx2

        def test_bot(llm_capture, monkeypatch):
            seen = []
            send = httpx2.HTTPTransport.handle_request

            def handle(self, request):
                seen.append(request)
                return send(self, request)

            monkeypatch.setattr(httpx2.HTTPTransport, "handle_request", handle)
            assert app.answer("Capital of France?") == "Paris"
            assert len(seen) == 1
    """)
    project.run().assert_outcomes(passed=1)


def test_a_fixture_that_outlives_the_test_is_set_up_once(project: Session, server: Server) -> None:
    """Pytest keeps what leaves such a fixture, so that the test must not be left within it."""
    project.write("""
        import app, pytest

        made = []

        @pytest.fixture(scope="module")
        def index():
            made.append(app.answer("Make an index"))
            return made

        @pytest.mark.parametrize("number", range(3))
        def test_bot(llm_capture, number, request):
            assert request.getfixturevalue("index") == ["Paris"]
            assert app.answer(f"Question {number}") == "Paris"
            assert len(llm_capture.calls) == 1
    """)
    result = project.run("--llm-record")
    result.assert_outcomes(passed=3)
    assert not told(result, "waited for each reply")
    project.run("--llm-mode=replay").assert_outcomes(passed=3)
    assert len(server.requests) == 4


def test_calls_of_fixtures_and_of_their_teardown(project: Session, server: Server) -> None:
    project.write("""
        import app, pytest

        @pytest.fixture
        def bot(llm_capture):
            assert app.answer("Hello?") == "Paris"
            yield app.answer
            assert app.answer("Bye?") == "Paris"

        def test_bot(bot, llm_capture):
            assert bot("Question?") == "Paris"
            assert len(llm_capture.calls) == 2
    """)
    project.run("--llm-record").assert_outcomes(passed=1)
    assert sorted(map(question, server.requests)) == ["Bye?", "Hello?", "Question?"]


def test_where_clients_do_not_ask_for_their_transport_the_transports_are_replaced(
    project: Session, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a later version of httpx may; in a process of its own, since nothing takes that back."""
    project.write(
        "import pytest_llmeval.capture.clients as intercept\n\nintercept._asks = lambda module: False\n",
        "conftest.py",
    )
    project.write("""
        import os
        import app, httpx

        def test_bot(llm_capture):
            assert app.answer("Capital of France?") == app.tell("Capital of France?") == "Paris"
            assert httpx.get(os.environ["OTHER_SERVER"]).status_code == 200

        async def ask():
            async with httpx.AsyncClient() as client:
                body = {"model": "prod-1", "messages": []}
                return (await client.post(app.ADDRESS + "/chat/completions", json=body)).json()

        def test_async(llm_capture):
            import asyncio
            assert asyncio.run(ask())["choices"] and len(llm_capture.calls) == 1
    """)
    with Server() as other:
        monkeypatch.setenv("OTHER_SERVER", other.base_url)
        project.run("--llm-record", subprocess=True).assert_outcomes(passed=2)
        project.run("--llm-mode=replay", subprocess=True).assert_outcomes(passed=2)
        assert len(other.requests) == 2
    assert [request.path for request in server.requests] == ["/v1/chat/completions"] * 3


def test_too_late(project: Session) -> None:
    project.write("""
        def test_bot(request):
            request.getfixturevalue("llm_capture")
    """)
    result = project.run()
    result.assert_outcomes(failed=1)
    assert told(result, "llm_capture must be an argument of the test or of one of its fixtures*")


def test_the_fixture_explains_itself(project: Session) -> None:
    result = project.pytester.runpytest("--fixtures", "-pno:xdist", "-pno:asyncio")
    assert told(result, "llm_capture*Capture what the unchanged application under test asks models*")


@pytest.mark.parametrize(
    ("family", "path", "last"),
    [("openai", "/v1/chat/completions", '"finish_reason": "stop"'), ("anthropic", "/v1/messages", "message_delta")],
)
def test_a_stream_that_is_left_after_the_answer_has_ended_is_kept(
    plain_session: Session, server: Server, family: str, path: str, last: str
) -> None:
    """Applications leave chat completions at the reason to finish, and litellm never reads Anthropic's last event."""
    chunks = {"openai": streamed("Let me ", "see.", done=False), "anthropic": named_events(ANTHROPIC_EVENTS)[:-1]}
    server.answer = lambda _: Reply(chunks=chunks[family], stall=True)
    plain_session.configure(f"""
        [tool.llmeval]
        model = "{family}/prod-1"
    """)
    plain_session.write(f"""
        import httpx, pytest

        kept = []

        @pytest.mark.llm_blocking
        @pytest.mark.parametrize("closed", [True, False])
        def test_bot(llm_capture, closed):
            asked = {{"model": "prod-1", "max_tokens": 9, "stream": True}}
            asked["messages"] = [{{"role": "user", "content": f"Weather? {{closed}}"}}]
            client = httpx.Client()
            request = client.build_request("POST", "{server.base_url.removesuffix("/v1")}{path}", json=asked)
            response = client.send(request, stream=True)
            kept.append((client, response))
            for line in response.iter_lines():
                if '{last}' in line and "data: " in line:
                    break
            if closed:
                response.close()
            [call] = llm_capture.calls
            assert call.reply == "Let me see." and call.ttft
    """)
    plain_session.run("--llm-record").assert_outcomes(passed=2)
    assert len(server.requests) == 2
    plain_session.run("--llm-mode=replay").assert_outcomes(passed=2)
    assert len(server.requests) == 2


@pytest.mark.parametrize("fixture", ["llm_capture", "llm_gateway"])
def test_a_candidate_that_never_answers_does_not_pass_by_a_fallback(
    project: Session, server: Server, fixture: str
) -> None:
    project.write(
        """
        import openai
        import pytest

        def answer(question, url):
            try:
                messages = [{"role": "user", "content": question}]
                client = openai.OpenAI(base_url=url, api_key="sk-own", max_retries=0)
                return client.chat.completions.create(model="prod-1", messages=messages).choices[0].message.content
            except openai.OpenAIError:
                return "A colleague answers you in Paris."

        @pytest.mark.parametrize("number", range(6))
        def test_bot(FIXTURE, number):
            url = getattr(FIXTURE, "base_url", "http://127.0.0.1:1/v1")
            assert "Paris" in answer(f"Question {number}", url)
        """.replace("FIXTURE", fixture)
    )

    def refuse(request: Request) -> object:
        return (
            Reply(status=401, body={"error": {"message": "bad key"}})
            if request.json["model"] == "cand-2"
            else completion()
        )

    server.answer = refuse
    result = project.run("--llm-model=candidate", "--llm-baseline=production")
    assert result.ret == 1
    assert kinds(project).count(("pass", None)) == kinds(project).count(("error", "authentication")) == 6
    assert told(result, "GATE FAILED: could not be measured: 6 of 6 samples could not be judged")


def test_an_application_whose_calls_are_not_seen_is_told_of(project: Session, server: Server) -> None:
    project.write("""
        def test_bot(llm_capture):
            assert not llm_capture.calls
    """)
    for options in (("--llm-model=candidate", "--llm-baseline=production"), ("--llm-mode=replay",)):
        result = project.run(*options)
        assert told(result, "no model call was seen in 1 of 1 cases: they say nothing about it")
