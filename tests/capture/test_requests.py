"""Which requests ask a model, and where they go."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pytest_llmeval.capture.outgoing import endpoint_of, headers_to_send
from pytest_llmeval.capture.route import Models, routed
from pytest_llmeval.config.settings import ModelSettings
from pytest_llmeval.errors import NotRerouted
from pytest_llmeval.formats.base import Recognised
from pytest_llmeval.formats.recognise import recognised

CHAT = {"model": "m", "messages": [{"role": "user", "content": "?"}]}
VERSION = {"anthropic-version": "2026-10-21"}


def seen(url: str, body: Any, headers: dict[str, str] | None = None, method: str = "POST") -> Recognised | None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return recognised(method, url, headers or {}, content)


@pytest.mark.parametrize(
    ("url", "body", "expected"),
    [
        (
            "https://api.openai.com/v1/chat/completions",
            CHAT,
            ("chat", "m", "https://api.openai.com/v1", "/chat/completions"),
        ),
        (
            "http://127.0.0.1:9/x/v1/chat/completions/",
            CHAT,
            ("chat", "m", "http://127.0.0.1:9/x/v1", "/chat/completions"),
        ),
        (
            "https://r.openai.azure.com/openai/deployments/m/chat/completions?api-version=2024-10-21",
            CHAT,
            (
                "chat",
                "m",
                "https://r.openai.azure.com/openai/deployments/m?api-version=2024-10-21",
                "/chat/completions",
            ),
        ),
        (
            "https://api.openai.com/v1/responses",
            {"model": "m", "input": "?"},
            ("responses", "m", "https://api.openai.com/v1", "/responses"),
        ),
        (
            "https://api.anthropic.com/v1/messages?beta=true",
            {**CHAT, "max_tokens": 1},
            ("messages", "m", "https://api.anthropic.com/v1?beta=true", "/messages"),
        ),
        ("http://127.0.0.1:11434/api/chat", CHAT, ("ollama", "m", "http://127.0.0.1:11434", "/api/chat")),
        (
            "https://g.com/v1beta/models/gemini-x:generateContent?key=AIza1",
            {"contents": []},
            ("content", "gemini-x", "https://g.com/v1beta?key=AIza1", "/models/gemini-x:generateContent"),
        ),
        (
            "https://g.com/v1beta/models/gemini-x:streamGenerateContent?alt=sse",
            {"contents": []},
            ("content", "gemini-x", "https://g.com/v1beta", "/models/gemini-x:streamGenerateContent?alt=sse"),
        ),
        (
            "https://g.com/v1beta/models/gemini-x:streamGenerateContent",
            {"contents": []},
            ("content", "gemini-x", "https://g.com/v1beta", "/models/gemini-x:streamGenerateContent"),
        ),
    ],
)
def test_calls_of_models_are_recognised(url: str, body: Any, expected: tuple[str, ...]) -> None:
    found = seen(url, body)
    assert found is not None
    assert (found.format.wire_format, found.model, found.base_url, found.path) == expected


@pytest.mark.parametrize(
    ("url", "body"),
    [
        ("https://api.openai.com/v1/files", {"purpose": "evals"}),
        ("https://api.openai.com/v1/chat/completions", b"--form"),
        ("https://api.openai.com/v1/chat/completions", b"[1]"),
        ("https://api.openai.com/v1/chat/completions", b'{"model": NaN, "messages": []}'),
        ("https://chat.example.com/api/messages", {"to": "me", "text": "hi"}),
        ("https://chat.example.com/api/messages", {"model": "phone", "messages": []}),
        ("https://forms.example.com/forms/1/responses", {"answers": []}),
        ("https://g.com/v1beta/models/gemini-x:countTokens", {"words": []}),
    ],
)
def test_other_requests_are_not(url: str, body: Any) -> None:
    assert seen(url, body) is None


def test_only_what_is_posted_is() -> None:
    assert seen("https://api.openai.com/v1/responses", {"model": "m", "input": "?"}, method="GET") is None


@pytest.mark.parametrize(("said", "streams"), [({}, True), ({"stream": False}, False)])
def test_ollama_streams_unless_it_is_told_not_to(said: dict[str, bool], streams: bool) -> None:
    found = seen("http://127.0.0.1:11434/api/chat", {**CHAT, **said})
    assert found is not None
    assert found.stream is streams


def test_a_key_in_the_query_is_known() -> None:
    route = route_of("https://g.com/v1beta/models/gemini-x:generateContent?key=AIza1", {"contents": []}, CANDIDATE)
    assert endpoint_of(route, {}, {}).api_key == "AIza1"


def test_headers_that_change_the_answer_are_kept_and_no_other() -> None:
    found = seen("https://a.com/v1/messages", CHAT, {**VERSION, "anthropic-beta": "x", "x-api-key": "secret"})
    assert found is not None
    assert found.headers == {**VERSION, "anthropic-beta": "x"}


PRODUCTION = ModelSettings(name="production", provider="openai", model="prod-1")
CANDIDATE = ModelSettings(name="candidate", provider="openai", model="cand-2")
ELSEWHERE = ModelSettings(name="elsewhere", provider="vllm", model="llama", base_url="http://127.0.0.1:5/v1")
CLAUDE = ModelSettings(name="claude", provider="anthropic", model="claude-x")


def route_of(url: str, body: dict[str, Any], trial: ModelSettings, headers: dict[str, str] | None = None) -> Any:
    found = seen(url, body, headers)
    assert found is not None
    return routed(found, Models(trial=trial, production=(PRODUCTION,), configured=(PRODUCTION, CANDIDATE, ELSEWHERE)))


ASKED = {**CHAT, "model": "prod-1"}
URL = "https://api.openai.com/v1/chat/completions"


def test_the_model_in_production_is_replaced_by_the_one_on_trial() -> None:
    route = route_of(URL, ASKED, CANDIDATE)
    assert (route.request.model, route.request.body["model"], route.url) == ("cand-2", "cand-2", URL)
    assert (route.rewritten, route.moved, route.on_trial) == (True, False, True)


def test_a_base_url_in_the_configuration_decides_where_it_goes() -> None:
    route = route_of(URL, ASKED, ELSEWHERE)
    assert route.url == "http://127.0.0.1:5/v1/chat/completions"
    assert route.moved
    assert route.request.provider == "vllm"


def test_a_second_model_goes_where_its_own_entry_says() -> None:
    route = route_of(URL, {**CHAT, "model": "llama"}, CANDIDATE)
    assert (route.model, route.url) == (ELSEWHERE, "http://127.0.0.1:5/v1/chat/completions")
    assert (route.moved, route.rewritten, route.on_trial) == (True, False, False)
    unknown = route_of(URL, {**CHAT, "model": "unknown"}, CANDIDATE)
    assert (unknown.url, unknown.moved) == (URL, False)


def test_the_same_base_url_moves_nothing() -> None:
    route = route_of("http://127.0.0.1:5/v1/chat/completions", {**CHAT, "model": "llama"}, ELSEWHERE)
    assert not route.moved
    assert not route.rewritten


@pytest.mark.parametrize(("url", "own"), [(URL, False), ("http://127.0.0.1:7/v1/chat/completions", True)])
def test_the_key_of_the_configuration_goes_to_no_address_but_the_configured_or_the_providers_own(
    url: str, own: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY_OF_THE_CANDIDATE", "key-of-the-candidate")
    trial = ModelSettings(name="c", provider="openai", model="cand-2", api_key_env="KEY_OF_THE_CANDIDATE")
    route = route_of(url, ASKED, trial)
    headers = {"authorization": "Bearer key-of-the-application"}
    endpoint = endpoint_of(route, headers, os.environ)
    key, sent = endpoint.api_key, headers_to_send(route, endpoint, headers, b"")
    assert key == ("key-of-the-application" if own else "key-of-the-candidate")
    assert [value for name, value in sent.items() if name.lower() == "authorization"] == [f"Bearer {key}"]


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "Basic ", ""])
def test_the_key_is_known_whatever_its_scheme(scheme: str) -> None:
    route = route_of(URL, ASKED, PRODUCTION)
    assert endpoint_of(route, {"authorization": f"{scheme}key-1"}, {}).api_key == "key-1"


def test_another_model_stays_as_it_is() -> None:
    route = route_of(URL, {**CHAT, "model": "helper"}, CANDIDATE)
    assert (route.request.model, route.model.name, route.on_trial) == ("helper", "openai/helper", False)


def test_another_configured_model_goes_by_its_name() -> None:
    assert route_of(URL, {**CHAT, "model": "llama"}, CANDIDATE).model is ELSEWHERE


def test_responses_of_a_model_known_by_its_chat_completions() -> None:
    route = route_of("https://api.openai.com/v1/responses", {"model": "prod-1", "input": "?"}, CANDIDATE)
    assert (route.request.provider, route.request.path, route.request.body["model"]) == (
        "openai-responses",
        "/responses",
        "cand-2",
    )


def test_another_wire_format_cannot_be_reached() -> None:
    with pytest.raises(NotRerouted) as caught:
        route_of(URL, ASKED, CLAUDE)
    assert str(caught.value) == (
        "the application asks prod-1 in OpenAI's wire format and cannot be rerouted to claude (anthropic/claude-x), "
        "which speaks Anthropic's (models that can be: production, candidate, elsewhere); put one of that format on "
        "trial with --llm-model, or reach claude by litellm's proxy as its base_url (docs/how-to/capture.md, "
        '"A candidate of another format"), or test with the fixture llm'
    )


def test_a_model_in_the_path_is_replaced_there() -> None:
    gemini = ModelSettings(name="g", provider="gemini", model="gemini-new")
    found = seen("https://g.com/v1beta/models/gemini-old:streamGenerateContent?alt=sse&key=k", {"contents": []})
    assert found is not None
    production = ModelSettings(name="p", provider="gemini", model="gemini-old")
    route = routed(found, Models(trial=gemini, production=(production,)))
    assert route.url == "https://g.com/v1beta/models/gemini-new:streamGenerateContent?alt=sse&key=k"
    assert "model" not in route.request.body


def test_a_deployment_at_azure_is_replaced_in_the_path() -> None:
    url = "https://r.openai.azure.com/openai/deployments/prod-1/chat/completions?api-version=2024-10-21"
    assert route_of(url, ASKED, CANDIDATE).url == url.replace("prod-1", "cand-2")
    azure = ModelSettings(
        name="a", provider="azure", model="new", base_url="https://r.openai.azure.com/openai?api-version=2024-10-21"
    )
    route = route_of(url, ASKED, azure)
    assert route.url == url.replace("prod-1", "new")
    assert route.request.path == "/deployments/new/chat/completions"
    assert not route.moved


def test_a_function_cannot_be_reached(tmp_path: Path) -> None:
    function = ModelSettings(name="f", provider="python:package.module.function", model="")
    with pytest.raises(NotRerouted, match="is no model with a wire format of its own"):
        route_of(URL, ASKED, function)
