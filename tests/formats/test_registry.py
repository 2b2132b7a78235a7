"""Providers by name, and the addresses that are refused."""

from __future__ import annotations

import pytest

from pytest_llmeval.errors import ConfigError
from pytest_llmeval.formats import registry as providers
from pytest_llmeval.formats.openai_chat import OpenAIChat
from pytest_llmeval.formats.registry import find_provider, has_own_address, known_providers, register_provider


def test_openai_is_known_with_its_address_and_key() -> None:
    provider = find_provider("openai", None)
    assert (provider.name, provider.base_url, provider.api_key_env) == (
        "openai",
        "https://api.openai.com/v1",
        "OPENAI_API_KEY",
    )


def test_local_servers_need_no_key() -> None:
    assert [find_provider(name).api_key_env for name in ("ollama", "lmstudio", "vllm", "llamacpp")] == [None] * 4


@pytest.mark.parametrize("name", [name for name in known_providers() if has_own_address(name)])
def test_every_known_provider_has_an_address_that_is_allowed(name: str) -> None:
    address = find_provider(name).base_url
    assert find_provider("any", address).base_url == address


def test_a_base_url_wins_over_the_known_one() -> None:
    provider = find_provider("groq", "http://127.0.0.1:1/v1/")
    assert (provider.base_url, provider.api_key_env) == ("http://127.0.0.1:1/v1", "GROQ_API_KEY")


def test_an_unknown_name_with_a_base_url_speaks_chat_completions() -> None:
    provider = find_provider("mine", "https://llm.example.com/v1")
    assert (provider.name, provider.base_url, provider.api_key_env) == ("mine", "https://llm.example.com/v1", None)


def test_an_unknown_name_says_which_are_known_and_the_nearest() -> None:
    with pytest.raises(ConfigError) as caught:
        find_provider("opnai")
    assert str(caught.value).startswith("there is no provider 'opnai'. Did you mean 'openai'? Known are anthropic, ")


def test_azure_needs_a_base_url() -> None:
    with pytest.raises(ConfigError, match="the provider 'azure' needs a base_url"):
        find_provider("azure")


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://x", "api.openai.com/v1", "", "http://", "http://[::1", "https://x:y/"]
)
def test_only_http_urls_are_taken(url: str) -> None:
    with pytest.raises(ConfigError, match="not an http or https URL"):
        find_provider("mine", url)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/v1",
        "https://[fe80::a9fe:a9fe]/v1",
        "http://[::ffff:169.254.169.254]/",
        "http://metadata.google.internal",
    ],
)
def test_metadata_addresses_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="a metadata address"):
        find_provider("mine", url)


@pytest.mark.parametrize("url", ["http://api.openai.com/v1", "http://8.8.8.8/v1"])
def test_prompts_do_not_cross_the_internet_unencrypted(url: str) -> None:
    with pytest.raises(ConfigError, match="unencrypted; use https://"):
        find_provider("mine", url)


@pytest.mark.parametrize("url", ["http://localhost:1", "http://vllm:8000/v1", "http://192.168.1.5/v1"])
def test_plain_http_is_taken_on_this_machine_and_in_private_networks(url: str) -> None:
    assert find_provider("mine", url).base_url == url


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("anthropic", "AnthropicMessages"),
        ("gemini", "GeminiContent"),
        ("ollama", "OllamaChat"),
        ("openai", "OpenAIChat"),
        ("openai-responses", "OpenAIResponses"),
        ("openrouter", "OpenAIChat"),
    ],
)
def test_a_provider_speaks_its_own_format_where_it_has_one(name: str, kind: str) -> None:
    assert type(find_provider(name)).__name__ == kind


@pytest.mark.parametrize(
    ("name", "base_url", "used"),
    [
        ("anthropic", "https://proxy.example/anthropic", "https://proxy.example/anthropic/v1"),
        ("anthropic", "https://proxy.example/v1/", "https://proxy.example/v1"),
        ("gemini", "https://proxy.example?tenant=a", "https://proxy.example/v1beta?tenant=a"),
        ("gemini", "https://proxy.example/v1beta1/projects/p", "https://proxy.example/v1beta1/projects/p"),
        ("openai", "https://proxy.example", "https://proxy.example"),
    ],
)
def test_the_base_urls_of_their_sdks_lack_the_version_and_may(name: str, base_url: str, used: str) -> None:
    assert find_provider(name, base_url).base_url == used


def test_ollama_under_v1_speaks_chat_completions() -> None:
    assert type(find_provider("ollama", "http://127.0.0.1:11434/v1/")) is OpenAIChat


@pytest.fixture
def _registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "_registered", {})


@pytest.mark.usefixtures("_registry")
def test_a_registered_provider_is_found_and_moves_with_the_base_url() -> None:
    mine = OpenAIChat("mine", "https://llm.example.com/v1", "MINE_KEY")
    register_provider("mine", mine)
    assert find_provider("mine") is mine
    assert known_providers()[-1] == "mine"
    moved = find_provider("mine", "http://127.0.0.1:1/v1/")
    assert (moved.base_url, moved.api_key_env, mine.base_url) == (
        "http://127.0.0.1:1/v1",
        "MINE_KEY",
        "https://llm.example.com/v1",
    )


@pytest.mark.usefixtures("_registry")
@pytest.mark.parametrize(
    ("name", "provider", "message"),
    [
        ("openai", OpenAIChat(), "the provider 'openai' is built in; register yours under another name"),
        ("my/own", OpenAIChat(), "'my/own' is not a name for a provider"),
        ("mine", object(), r"the provider 'mine' \(object\) lacks name, base_url, api_key_env, request, "),
    ],
)
def test_what_cannot_be_registered_says_why(name: str, provider: OpenAIChat, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        register_provider(name, provider)
