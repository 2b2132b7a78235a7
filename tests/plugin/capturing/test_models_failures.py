"""The model's own failures, whatever status carries them, are failing answers: kept, replayed, and seen by the gate."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.captured_clients import CLIENTS
from tests.plugin.running.test_failing_answers import found
from tests.server import Reply, Request, Server, completion, event, streamed
from tests.sessions import Session, told

BLOCKED = Reply(
    status=400, body={"error": {"message": "Not let through.", "code": "content_filter", "param": "prompt"}}
)
FAILED_CALL = Reply(
    status=400,
    body={
        "error": {
            "message": "Failed to call a function.",
            "type": "invalid_request_error",
            "code": "tool_use_failed",
            "failed_generation": "<function=find>{id: 7}",
        }
    },
)


def ended(text: str | None, reason: str, **message: Any) -> dict[str, Any]:
    """A completion that ended for this reason."""
    body = completion(text, **message)
    body["choices"][0]["finish_reason"] = reason
    return body


ANSWERS: dict[str, Any] = {
    "blocked": BLOCKED,
    "blocked in the stream": Reply(
        chunks=[*streamed("You", done=False)[:2], event({"error": {"message": "No.", "code": "content_filter"}})]
    ),
    "filtered": ended("You can", "content_filter"),
    "refused": ended(None, "stop", refusal="I will not."),
    "call": FAILED_CALL,
    "thought": ended(None, "length"),
    "cut": ended('{"city": "Par', "length"),
    "paused": ended(None, "pause_turn"),
    "well": completion("Paris"),
}


def prompt_of(request: Request) -> str:
    return str(request.json["messages"][-1]["content"])


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    for name in [name for name in os.environ if name.endswith(("_API_KEY", "_AUTH_TOKEN", "_BASE_URL"))]:
        monkeypatch.delenv(name)
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.setenv(name, "key-of-the-test")
    monkeypatch.setenv("ADDRESS_OF_THE_TEST", server.base_url.removesuffix("/v1"))
    server.answer = lambda request: ANSWERS[prompt_of(request)]


TESTS = """
    import pytest
    from pytest_llmeval import assert_finish, assert_grounded, assert_json, assert_no_secrets, category

    @pytest.mark.parametrize("prompt", ["blocked", "filtered", "refused", "call", "thought", "cut", "paused", "well"])
    def test_wrong(llm, prompt):
        assert llm(prompt) == "Rome"

    def test_stream(llm):
        assert "secret" not in llm("blocked in the stream", stream=True)

    @pytest.mark.parametrize("prompt", ["blocked", "filtered", "refused", "call", "thought", "cut", "paused", "well"])
    def test_nothing_to_mind(llm, prompt):
        assert "secret" not in llm(prompt)

    @pytest.mark.parametrize("prompt", ["blocked", "filtered", "refused", "call", "thought", "cut", "paused", "well"])
    def test_finish(llm, prompt):
        assert_finish(llm(prompt))

    def test_json(llm):
        assert_json(llm("cut"))

    def test_invented(llm):
        assert_grounded("in 60 days", ["in 30 days"]) if llm("cut") else None

    def test_parsed(llm):
        llm("cut").json()["city"]

    def test_index(llm):
        llm("blocked")[0]

    def test_within(llm):
        with category("city"):
            assert llm("cut") == "Rome"

    @pytest.mark.llm_category("tone")
    def test_marked(llm):
        assert llm("cut") == "Rome"

    def test_on_purpose(llm):
        reply = llm("blocked")
        assert reply == "" and reply.refusal == "Not let through." and reply.finish_reason == "content_filter"

    def test_on_purpose_but_wrong(llm):
        assert llm("blocked").refusal is None

    def test_length_on_purpose(llm):
        assert llm("thought").finish_reason == "length"

    def test_the_last_answer_counts(llm):
        llm("blocked")
        assert llm("well") == "Rome"
"""


def categories(session: Session) -> dict[str, str | None]:
    """By the name of each test its category, None for one that passed."""
    return {str(result.key).rpartition("::")[2]: result.category for result in session.results()}


def test_failures_of_the_model_fail_the_test_in_their_own_category(session: Session, server: Server) -> None:
    session.write(TESTS)
    session.run("--llm-record")
    seen = categories(session)
    assert {result.outcome for result in session.results()} == {"pass", "fail"}
    kinds = ["blocked", "filtered", "refused", "call", "thought", "cut", "paused", "well"]

    def of(test: str) -> list[str | None]:
        return [seen[f"{test}[{kind}]"] for kind in kinds]

    refused, whole = ["refusal"] * 3, ["tool_call", "truncated"]
    assert of("test_wrong") == [*refused, *whole, "truncated", "wrong_answer", "wrong_answer"]
    assert of("test_nothing_to_mind") == ["refusal", None, "refusal", *whole, None, "truncated", None]
    assert of("test_finish") == ["refusal", "refusal", "refusal", *whole, "truncated", "truncated", None]
    assert {name: category for name, category in seen.items() if "[" not in name} == {
        "test_stream": "refusal",
        "test_json": "truncated",
        "test_invented": "hallucination",
        "test_parsed": "truncated",
        "test_index": "refusal",
        "test_within": "city",
        "test_marked": "tone",
        "test_on_purpose": None,
        "test_on_purpose_but_wrong": "refusal",
        "test_length_on_purpose": None,
        "test_the_last_answer_counts": "wrong_answer",
    }
    asked = len(server.requests)
    first = {result.key: result.samples[0].reason for result in session.results()}
    session.run("--llm-mode=replay")
    assert (len(server.requests), categories(session)) == (asked, seen)
    assert {result.key: result.samples[0].reason for result in session.results()} == first


def test_each_failure_is_asked_for_once_and_costs_nothing_where_it_is_an_error(
    plain_session: Session, server: Server
) -> None:
    plain_session.write("""
        def test_blocked(llm):
            reply = llm("blocked")
            assert reply.refusal and reply.attempts == 1 and reply.cost == 0
    """)
    plain_session.run().assert_outcomes(passed=1)
    plain_session.run().assert_outcomes(passed=1)
    assert len(server.requests) == 1


def test_a_failing_sample_says_why(session: Session) -> None:
    session.write('def test_it(llm):\n    assert "secret" not in llm("call")\n')
    result = session.run()
    assert told(result, 'the provider refused what the model wrote, an invalid tool call: "<function=find>{id: 7}"')
    assert told(result, "a test that expects it asserts reply.refusal or reply.finish_reason")
    result.assert_outcomes(failed=1)


def test_half_an_answer_is_asked_for_again_and_never_kept(session: Session, server: Server) -> None:
    server.then(ended("You can send it ba", "error"), ended(None, "error"), completion("You can."))
    session.write("""
        from pytest_llmeval import assert_finish

        def test_half(llm):
            reply = llm("Can I?")
            assert_finish(reply)
            assert reply == "You can." and reply.attempts in (3, 1)
    """)
    session.run("--llm-record").assert_outcomes(passed=1)
    assert len(server.requests) == 3
    [recording] = session.path.rglob("recordings/*.jsonl")
    assert "send it ba" not in recording.read_text()
    session.run("--llm-mode=replay").assert_outcomes(passed=1)


def test_errors_that_are_not_the_models_stay_errors(session: Session, server: Server) -> None:
    errors = {
        "key": Reply(status=401, body={"error": {"message": "bad key"}}),
        "money": Reply(status=429, body={"error": {"message": "no money", "code": "insufficient_quota"}}),
        "asked badly": Reply(status=400, body={"error": {"message": "no such parameter"}}),
    }
    server.answer = lambda request: errors[prompt_of(request)]
    session.write(f"""
        import pytest

        @pytest.mark.parametrize("prompt", {list(errors)!r})
        def test_it(llm, prompt):
            assert "secret" not in llm(prompt)
    """)
    session.run("--llm-concurrency=1")
    seen = {result.key.case: (result.outcome, result.category) for result in session.results()}
    assert seen["key"] == ("error", "authentication")
    assert {outcome for outcome, _ in seen.values()} == {"error"}


def test_the_gate_sees_what_a_filter_blocks(session: Session, server: Server) -> None:
    server.answer = lambda request: BLOCKED if request.json["model"] == "cand-2" else completion("Paris")
    session.write("""
        import pytest

        @pytest.mark.parametrize("number", range(12))
        def test_it(llm, number):
            assert "secret" not in llm(f"question {number}")
    """)
    result = session.run("--llm-model=candidate", "--llm-baseline=production")
    assert result.ret == 1
    assert told(result, "GATE FAILED: refusal regressed from 0 of 12 to 12 of 12")


APPLICATION = """
    import os
    import openai

    client = openai.OpenAI(base_url=os.environ["ADDRESS_OF_THE_TEST"] + "/v1")

    def answer(question, **more):
        messages = [{"role": "user", "content": question}]
        return client.chat.completions.create(model="prod-1", messages=messages, **more).choices[0].message.content

    def tell(question):
        messages = [{"role": "user", "content": question}]
        text = []
        try:
            for chunk in client.chat.completions.create(model="prod-1", messages=messages, stream=True):
                text.append(chunk.choices[0].delta.content or "")
        except openai.APIError as error:
            text.append(f"| {error.code}")
        return "".join(text)

    def careful(question):
        try:
            return answer(question)
        except openai.BadRequestError as error:
            return f"{error.status_code} {error.code} {error.param} {error.body['message']}"
"""


@pytest.mark.parametrize("blocking", [False, True], ids=["left", "blocking"])
def test_an_application_sees_the_status_and_body_of_its_provider(
    session: Session, server: Server, blocking: bool
) -> None:
    session.write(APPLICATION, "app.py")
    session.write(f"""
        import app, openai, pytest

        pytestmark = [pytest.mark.llm_blocking] if {blocking} else []

        def test_copes(llm_capture):
            assert app.careful("blocked") == "400 content_filter prompt Not let through."
            [call] = llm_capture.calls
            assert call.reply == "" and call.reply.refusal == "Not let through."

        def test_copes_with_a_stream(llm_capture):
            with pytest.raises(openai.BadRequestError):
                app.answer("blocked", stream=True)

        def test_stream(llm_capture):
            assert app.tell("blocked in the stream") == "You| content_filter"

        def test_does_not_cope(llm_capture):
            app.answer("blocked")

        def test_copes_badly(llm_capture):
            assert app.careful("blocked") == "Ask a colleague."

        def test_tool(llm_capture):
            app.answer("call")

        def test_cut(llm_capture):
            assert app.answer("cut") == "Rome"

        def test_nothing_said(llm_capture):
            assert "secret" not in (app.answer("thought") or "Try again.")
    """)
    expected = {
        "test_copes": ("pass", None),
        "test_copes_with_a_stream": ("pass", None),
        "test_stream": ("pass", None),
        "test_does_not_cope": ("fail", "refusal"),
        "test_copes_badly": ("fail", "refusal"),
        "test_tool": ("fail", "tool_call"),
        "test_cut": ("fail", "truncated"),
        "test_nothing_said": ("pass", None),
    }
    session.run("--llm-record")
    assert found(session) == expected
    asked = len(server.requests)
    session.run("--llm-mode=replay")
    assert found(session) == expected
    assert len(server.requests) == asked


def test_by_the_gateway_too(session: Session, server: Server) -> None:
    session.write(
        """
        import json, os, urllib.error, urllib.request

        def ask(prompt):
            body = json.dumps({"model": "prod-1", "messages": [{"role": "user", "content": prompt}]}).encode()
            headers = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
            request = urllib.request.Request(os.environ["OPENAI_BASE_URL"] + "/chat/completions", body, headers)
            try:
                return urllib.request.urlopen(request).read().decode()
            except urllib.error.HTTPError as error:
                return error.code, json.load(error)
        """,
        "bot.py",
    )
    session.write(f"""
        import bot

        def test_copes(llm_gateway):
            assert bot.ask("blocked") == (400, {BLOCKED.body!r})
            assert llm_gateway.calls[0].reply.refusal

        def test_does_not(llm_gateway):
            assert "Paris" in bot.ask("blocked")
    """)
    expected = {"test_copes": ("pass", None), "test_does_not": ("fail", "refusal")}
    session.run("--llm-record")
    assert found(session) == expected
    asked = len(server.requests)
    session.run("--llm-mode=replay")
    assert found(session) == expected
    assert len(server.requests) == asked


GEMINI_BLOCK = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 5}}
SDKS: dict[str, tuple[str, Any]] = {
    "openai chat": ("openai", BLOCKED),
    "openai responses": (
        "openai-responses",
        Reply(status=400, body={"error": {"message": "No.", "code": "content_policy_violation", "type": "x"}}),
    ),
    "anthropic": (
        "anthropic",
        Reply(
            status=400,
            body={
                "type": "error",
                "error": {"type": "invalid_request_error", "message": "Output blocked by content filtering policy"},
            },
        ),
    ),
    "google-genai": ("gemini", Reply(body=GEMINI_BLOCK)),
}


@pytest.mark.parametrize("client", SDKS)
def test_the_sdks_of_all_providers_meet_a_block_live_and_replayed(
    plain_session: Session, server: Server, client: str
) -> None:
    assert client in CLIENTS
    provider, block = SDKS[client]
    server.answer = lambda _: block
    plain_session.configure(f'[tool.llmeval]\nmodel = "{provider}/prod-1"\n')
    plain_session.write((Path(__file__).parents[2] / "captured_clients.py").read_text(encoding="utf-8"), "clients.py")
    plain_session.write(f"""
        import json, os
        from clients import CLIENTS

        def met():
            try:
                return repr(CLIENTS[{client!r}](os.environ["ADDRESS_OF_THE_TEST"], "Who?"))
            except Exception as error:
                body = json.dumps(getattr(error, "body", str(error)), sort_keys=True)
                return f"{{type(error).__name__}} {{getattr(error, 'status_code', '')}} {{body}}"

        def test_copes(llm_capture):
            seen = met()
            with open("seen.jsonl", "a") as file:
                file.write(json.dumps(seen) + "\\n")
            assert llm_capture.calls[-1].reply.refusal

        def test_does_not(llm_capture):
            assert "Paris" in met()
    """)
    expected = {"test_copes": ("pass", None), "test_does_not": ("fail", "refusal")}
    for arguments in (("--llm-record",), ("--llm-mode=replay",)):
        plain_session.run(*arguments)
        assert found(plain_session) == expected
    seen = [json.loads(line) for line in (plain_session.path / "seen.jsonl").read_text().splitlines()]
    assert len(set(seen)) == 1
    assert len(server.requests) == 1


@pytest.mark.parametrize("blocking", [False, True], ids=["left", "blocking"])
def test_a_key_that_is_refused_for_one_case_is_no_answer_to_another(
    plain_session: Session, server: Server, blocking: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-application")
    plain_session.configure('[tool.llmeval]\nmodel = "openai/prod-1"\n')

    def answer(request: Request) -> Any:
        if request.headers.get("x-tenant") == "none":
            return Reply(status=401, body={"error": {"message": "no such tenant", "code": "invalid_api_key"}})
        return completion("WRONG")

    server.answer = answer
    plain_session.write(
        """
        import openai

        def ask(number):
            tenant = {"x-tenant": "none"} if number < 2 else {}
            client = openai.OpenAI(max_retries=0, default_headers=tenant)
            asked = [{"role": "user", "content": f"question {number}"}]
            try:
                return client.chat.completions.create(model="prod-1", messages=asked).choices[0].message.content
            except openai.AuthenticationError:
                return "Please sign in."
        """,
        "bot.py",
    )
    plain_session.write(f"""
        import bot, pytest

        pytestmark = [pytest.mark.llm_blocking] if {blocking} else []

        @pytest.mark.parametrize("number", range(12))
        def test_it(llm_capture, number):
            assert "WRONG" not in bot.ask(number)
    """)
    plain_session.run("--llm-mode=live", "--llm-concurrency=2").assert_outcomes(passed=2, failed=10)
    assert len(server.requests) == 12
