"""The timeouts of the application under test: what it makes of an answer that comes too late is what is judged."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server import Reply, Request, Server, completion, event, streamed
from tests.sessions import CONFIGURATION, Session, told

APPLICATION = """
import asyncio
import anyio
import httpx
import openai

MESSAGES = [{"role": "user", "content": "Capital of France?"}]
FALLBACK = "Please call us."
URL = "BASE_URL"
ASKED = {"model": "prod-1", "messages": MESSAGES}


def by_openai(seconds, stream=False):
    client = openai.OpenAI(api_key="key-of-the-shop", base_url=URL, timeout=seconds, max_retries=1)
    try:
        answer = client.chat.completions.create(**ASKED, stream=stream)
        if stream:
            return "".join(chunk.choices[0].delta.content or "" for chunk in answer if chunk.choices)
        return answer.choices[0].message.content
    except (openai.APITimeoutError, httpx.TimeoutException):
        return FALLBACK


async def by_openai_async(seconds):
    client = openai.AsyncOpenAI(api_key="key-of-the-shop", base_url=URL, timeout=seconds, max_retries=0)
    try:
        return (await client.chat.completions.create(**ASKED)).choices[0].message.content
    except openai.APITimeoutError:
        return FALLBACK


def by_httpx(seconds):
    try:
        answer = httpx.post(f"{URL}/chat/completions", json=ASKED, timeout=seconds)
        return answer.json()["choices"][0]["message"]["content"]
    except httpx.ReadTimeout:
        return FALLBACK


async def around(seconds):
    async with openai.AsyncOpenAI(api_key="key-of-the-shop", base_url=URL) as client:
        try:
            answer = await asyncio.wait_for(client.chat.completions.create(**ASKED), seconds)
        except TimeoutError:
            return FALLBACK
        return answer.choices[0].message.content


async def within(seconds):
    async with openai.AsyncOpenAI(api_key="key-of-the-shop", base_url=URL) as client:
        with anyio.move_on_after(seconds):
            return (await client.chat.completions.create(**ASKED)).choices[0].message.content
        return FALLBACK


WAYS = {
    "openai": by_openai,
    "openai streamed": lambda seconds: by_openai(seconds, stream=True),
    "openai async": lambda seconds: asyncio.run(by_openai_async(seconds)),
    "httpx": by_httpx,
    "wait_for": lambda seconds: asyncio.run(around(seconds)),
    "move_on_after": lambda seconds: anyio.run(within, seconds),
}
"""

SUITE = """
import pytest
import shop

@pytest.mark.parametrize("seconds, said", [(0.1, shop.FALLBACK), (30, "Paris")], ids=["soon", "late"])
@pytest.mark.parametrize("way", shop.WAYS)
def test_it(llm_capture, way, seconds, said):
    assert shop.WAYS[way](seconds) == said
    assert llm_capture.calls

def test_last(llm_capture):
    assert shop.by_openai(30) == "Paris"
"""

SLOWLY = 0.5  # seconds the model takes


def slowly(request: Request) -> Reply:
    if request.json.get("stream"):
        return Reply(chunks=streamed("Par", "is"), delay=SLOWLY)
    return Reply(body=completion("Paris"), delay=SLOWLY)


@pytest.fixture
def shop(session: Session, server: Server) -> Session:
    server.answer = slowly
    session.write(APPLICATION.replace("BASE_URL", server.base_url), "shop.py")
    session.write(SUITE)
    return session


def test_the_applications_timeouts_fire_live_and_replayed(shop: Session, server: Server) -> None:
    shop.run("--llm-record", "-Wdefault").assert_outcomes(passed=13)
    asked = len(server.requests)
    shop.run("--llm-mode=replay", "-Wdefault").assert_outcomes(passed=13)
    assert len(server.requests) == asked


def test_a_timeout_that_is_due_before_the_call_begins_fires_too(plain_session: Session, server: Server) -> None:
    server.answer = slowly
    plain_session.write(APPLICATION.replace("BASE_URL", server.base_url), "shop.py")
    plain_session.write(
        """
        import asyncio
        import time
        import anyio
        import httpx
        import pytest
        import shop

        async def computes(_):
            time.sleep(0.3)  # longer than there is time

        async def answer():
            async with httpx.AsyncClient(event_hooks={"request": [computes]}) as client:
                answer = await client.post(f"{shop.URL}/chat/completions", json=shop.ASKED)
            return answer.json()["choices"][0]["message"]["content"]

        async def by_wait_for():
            try:
                return await asyncio.wait_for(answer(), 0.2)
            except TimeoutError:
                return shop.FALLBACK

        async def by_timeout():
            try:
                async with asyncio.timeout(0.2):
                    return await answer()
            except TimeoutError:
                return shop.FALLBACK

        async def by_move_on_after():
            with anyio.move_on_after(0.2):
                return await answer()
            return shop.FALLBACK

        @pytest.mark.parametrize("way", [by_wait_for, by_timeout, by_move_on_after])
        def test_it(llm_capture, way):
            assert asyncio.run(way()) == shop.FALLBACK

        def test_last(llm_capture):
            assert shop.by_openai(30) == "Paris"
        """
    )
    plain_session.run("--llm-record", "-Wdefault").assert_outcomes(passed=4)
    plain_session.run("--llm-mode=replay", "-Wdefault").assert_outcomes(passed=4)


def test_a_test_that_fails_since_the_application_gave_up_is_an_error(shop: Session) -> None:
    shop.write(
        """
        import shop

        def test_it(llm_capture):
            assert shop.by_openai(0.1) == "Paris"

        def test_behind(llm_capture):
            assert shop.by_openai(30) == "Paris"
        """
    )
    result = shop.run()
    assert told(result, "the application gave up before the answer of") or told(result, "no answer: ")
    assert [(case.outcome, case.key.test.rpartition("::")[2]) for case in shop.results() if case.outcome != "pass"] == [
        ("error", "test_it")
    ]


def test_against_a_baseline_an_answer_that_is_always_too_late_is_an_error(
    plain_session: Session, server: Server
) -> None:
    server.answer = slowly
    plain_session.write(APPLICATION.replace("BASE_URL", server.base_url), "shop.py")
    plain_session.write(
        """
        import pytest
        import shop

        @pytest.mark.parametrize("way", ["httpx", "wait_for"])
        def test_it(llm_capture, way):
            assert shop.WAYS[way](0.1) == shop.FALLBACK

        def test_last(llm_capture):
            assert shop.by_openai(30) == "Paris"
        """
    )
    plain_session.run("--llm-model=candidate", "--llm-baseline=production", "-Wdefault")
    outcomes = {(case.key.case, case.outcome) for case in plain_session.results() if case.key.case}
    assert outcomes == {("httpx", "error"), ("wait_for", "error")}


def test_a_call_that_was_given_up_on_is_no_wrong_answer(plain_session: Session, server: Server) -> None:
    """Where the test waits, the application's own transport sends the call, and the answer is never seen."""
    never = server.gate()
    server.answer = lambda _: Reply(body=completion("Paris"), gate=never)
    plain_session.write(APPLICATION.replace("BASE_URL", server.base_url), "shop.py")
    plain_session.write(
        """
        import pytest
        import shop

        pytestmark = pytest.mark.llm_blocking

        @pytest.mark.parametrize("said", ["Paris", shop.FALLBACK], ids=["answer", "fallback"])
        @pytest.mark.parametrize("way", ["openai", "openai streamed", "wait_for", "move_on_after"])
        def test_it(llm_capture, way, said):
            assert shop.WAYS[way](0.1) == said
        """
    )
    plain_session.run("-Wdefault").assert_outcomes(passed=4, errors=4)
    plain_session.run("--llm-model=candidate", "--llm-baseline=production", "-Wdefault")
    assert {case.outcome for case in plain_session.results()} == {"error"}


BEHIND_THE_GATEWAY = """
import openai
import pytest

FALLBACK = "Please call us."

def ask(question, seconds, stream):
    client = openai.OpenAI(timeout=seconds, max_retries=0)
    messages = [{"role": "user", "content": question}]
    try:
        with client:
            answer = client.chat.completions.create(model="prod-1", messages=messages, stream=stream)
            if stream:
                return "".join(chunk.choices[0].delta.content or "" for chunk in answer if chunk.choices)
            return answer.choices[0].message.content
    except openai.APITimeoutError:
        return FALLBACK

@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    "question, seconds, said",
    [("riddle", 0.3, FALLBACK), ("riddle", 0.3, "Paris"), ("question", 30, "Paris")],
    ids=["coped", "failed", "in time"],
)
def test_it(llm_gateway, question, seconds, said, stream):
    assert ask(question, seconds, stream) == said
"""


def never_answers(server: Server, word: str) -> None:
    """Let the server answer what does not have this word in it."""
    never = server.gate()

    def answer(request: Request) -> Reply:
        gate = never if word in request.body.decode() else None
        if request.json.get("stream"):
            return Reply(chunks=streamed("Par", "is"), gate=gate)
        return Reply(body=completion("Paris"), gate=gate)

    server.answer = answer


def test_the_applications_timeouts_fire_behind_the_gateway(plain_session: Session, server: Server) -> None:
    never_answers(server, "riddle")
    plain_session.write(BEHIND_THE_GATEWAY)
    result = plain_session.run("--llm-record", "-Wdefault")
    result.assert_outcomes(passed=4, errors=2)
    assert told(result, "the application gave up after")
    asked = len(server.requests)
    # Nothing is there to be replayed where nothing has come, whatever the application makes of it.
    plain_session.run("--llm-mode=replay", "-Wdefault").assert_outcomes(passed=2, errors=4)
    assert len(server.requests) == asked


def test_behind_the_gateway_a_model_that_never_answers_does_not_pass_either(
    plain_session: Session, server: Server
) -> None:
    never_answers(server, "cand-2")
    plain_session.write(
        BEHIND_THE_GATEWAY.replace('("riddle", 0.3, FALLBACK), ("riddle", 0.3, "Paris"), ', "")
        .replace('ids=["coped", "failed", "in time"]', 'ids=["asked"]')
        .replace("30, ", "2, ")
        .replace("== said", "in (said, FALLBACK)")
    )
    plain_session.run("--llm-model=candidate", "--llm-baseline=production", "-Wdefault")
    outcomes = {(case.model, case.outcome) for case in plain_session.results()}
    assert outcomes == {("candidate", "error"), ("production", "pass")}


ANTHROPIC = """
import asyncio
import anthropic
import pytest

FALLBACK = "Please call us."
ASKED = {"model": "prod-1", "max_tokens": 9, "messages": [{"role": "user", "content": "Capital of France?"}]}
OPTIONS = {"api_key": "key-of-the-shop", "base_url": "BASE_URL", "max_retries": 0}

def whole(seconds):
    with anthropic.Anthropic(**OPTIONS, timeout=seconds) as client:
        return client.messages.create(**ASKED).content[0].text

def streamed(seconds):
    with anthropic.Anthropic(**OPTIONS, timeout=seconds) as client, client.messages.stream(**ASKED) as stream:
        return "".join(stream.text_stream)

async def asynchronous(seconds):
    async with anthropic.AsyncAnthropic(**OPTIONS, timeout=seconds) as client:
        return (await client.messages.create(**ASKED)).content[0].text

async def around(seconds):
    async with anthropic.AsyncAnthropic(**OPTIONS) as client:
        return (await asyncio.wait_for(client.messages.create(**ASKED), seconds)).content[0].text

WAYS = {
    "whole": whole,
    "streamed": streamed,
    "asynchronous": lambda seconds: asyncio.run(asynchronous(seconds)),
    "wait_for": lambda seconds: asyncio.run(around(seconds)),
}

@pytest.mark.parametrize("seconds, said", [(0.1, FALLBACK), (30, "Paris")], ids=["soon", "late"])
@pytest.mark.parametrize("way", WAYS)
def test_it(llm_capture, way, seconds, said):
    try:
        assert WAYS[way](seconds) == said
    except (anthropic.APITimeoutError, TimeoutError):
        assert said == FALLBACK

def test_last(llm_capture):
    assert whole(30) == "Paris"
"""


def test_the_timeouts_of_anthropics_client_fire_too(plain_session: Session, server: Server) -> None:
    message = {"id": "m1", "type": "message", "role": "assistant", "model": "prod-1", "stop_reason": None}
    usage = {"input_tokens": 7, "output_tokens": 3}
    text = {"type": "text", "text": "Paris"}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**message, "content": [], "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Paris"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage},
        {"type": "message_stop"},
    ]

    def answer(request: Request) -> Reply:
        if request.json.get("stream"):
            chunks = [f"event: {each['type']}\n".encode() + event(each) for each in events]
            return Reply(chunks=chunks, delay=SLOWLY)
        body = {**message, "content": [text], "stop_reason": "end_turn", "usage": usage}
        return Reply(body=body, delay=SLOWLY)

    server.answer = answer
    address = server.base_url.removesuffix("/v1")
    plain_session.configure(CONFIGURATION.format(base_url=address).replace("openai/", "anthropic/"))
    plain_session.write(ANTHROPIC.replace("BASE_URL", address))
    plain_session.run("--llm-record", "-Wdefault").assert_outcomes(passed=9)
    asked = len(server.requests)
    plain_session.run("--llm-mode=replay", "-Wdefault").assert_outcomes(passed=9)
    assert len(server.requests) == asked
