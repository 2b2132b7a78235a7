"""Azure's two addresses, its key, and who gets it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_llmeval.config.settings import ModelSettings
from pytest_llmeval.engine.fulfilled import Draw
from pytest_llmeval.engine.pipeline import Pipeline
from pytest_llmeval.errors import ConfigError
from pytest_llmeval.formats.base import Prompt
from pytest_llmeval.formats.registry import find_provider, has_own_address
from pytest_llmeval.store.cache import Cache
from pytest_llmeval.store.recordings import Recordings
from pytest_llmeval.store.store import Store
from tests.server import Server

HOST = "https://my-resource.openai.azure.com"
PROMPT = Prompt(messages=({"role": "user", "content": "Capital of France?"},))
DRAW = Draw(case="c", module="m.py")


@pytest.mark.parametrize(
    ("base_url", "path"),
    [
        (f"{HOST}/openai/v1", "/chat/completions"),
        (f"{HOST}/openai/v1/", "/chat/completions"),
        (f"{HOST}/openai/v1?api-version=preview", "/chat/completions"),
        (f"{HOST}/openai?api-version=2024-10-21", "/deployments/my%20dep/chat/completions"),
        (f"{HOST}/openai/deployments/other?api-version=2024-10-21", "/chat/completions"),
    ],
)
def test_the_deployment_is_in_the_path_where_azure_wants_it_there(base_url: str, path: str) -> None:
    request = find_provider("azure", base_url).request("my dep", PROMPT)
    assert (request.path, request.body["model"], request.provider) == (path, "my dep", "azure")


@pytest.mark.parametrize("base_url", [HOST, f"{HOST}/openai", f"{HOST}/openai/deployments/other"])
def test_an_address_without_a_version_is_refused_with_one_that_works(base_url: str) -> None:
    with pytest.raises(ConfigError, match=r"https://my-resource\.openai\.azure\.com/openai/v1, or the older"):
        find_provider("azure", base_url)


@pytest.mark.parametrize(("provider", "key"), [("azure", "secret"), ("groq", None)])
def test_a_default_key_goes_to_a_configured_address_only_where_there_is_no_other(
    provider: str, key: str | None, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "secret")
    monkeypatch.setenv("GROQ_API_KEY", "secret")
    notes: list[str] = []
    store = Store(lambda: Cache(tmp_path / "cache", notes.append), Recordings(tmp_path / "recordings", notes.append))
    pipeline = Pipeline(mode="live", store=store)
    try:
        model = ModelSettings(name="m", provider=provider, model="m", base_url=server.base_url)
        assert (
            pipeline.submit(pipeline.lookups.of_prompt(model, PROMPT), DRAW).result(timeout=20).answer.text == "Paris"
        )
    finally:
        pipeline.close()
    headers = server.requests[0].headers
    assert (headers.get("api-key"), headers.get("authorization")) == (key, None)
    assert has_own_address(provider) is (key is None)
