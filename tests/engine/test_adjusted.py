"""What the configuration of a model changes in requests."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.config.settings import ModelSettings
from pytest_llmeval.engine.adjusted import adjusted
from pytest_llmeval.engine.requests import Lookup, Lookups
from pytest_llmeval.formats.base import ModelRequest, Prompt
from pytest_llmeval.formats.registry import find_provider

NAMES = ("a", "b", "c", "d", "e")


def sent(body: dict[str, Any], provider: str = "openai", *, sets: bool = True, **settings: Any) -> dict[str, Any]:
    model = ModelSettings(name="m", provider=provider, model="m", **settings)
    request = ModelRequest(provider=provider, model="m", path="/x", body=body, stream=bool(body.get("stream")))
    return dict(adjusted(request, model, find_provider(provider), sets=sets).body)


THOUGHTS = {"think": {"on": True, "budget": 5}}
TOP = {"generationConfig": {"topK": 1}}


@pytest.mark.parametrize(
    ("provider", "body", "settings", "expected"),
    [
        ("openai", {"temperature": 0, "n": 1}, {"drop_params": ("temperature",)}, {"n": 1}),
        ("openai", {"n": 1}, {"drop_params": ("temperature",)}, {"n": 1}),
        ("openai", {"max_tokens": 9}, {"rename_params": {"max_tokens": "limit"}}, {"limit": 9}),
        ("openai", {"n": 1}, {"rename_params": {"max_tokens": "limit"}}, {"n": 1}),
        ("openai", {"n": 1}, {"params": {"store": False, "n": 0}}, {"n": 0, "store": False}),
        ("openai", {"n": 0}, {"params": {"n": False}}, {"n": False}),
        ("openai", {"old": 1}, {"rename_params": {"old": "new"}, "params": {"new": 2}}, {"new": 2}),
        ("openai", {"a": 1, "b": 2}, {"rename_params": {"a": "b", "b": "c"}}, {"c": 1}),
        ("openai", THOUGHTS, {"params": {"think": {"budget": 7}}}, {"think": {"on": True, "budget": 7}}),
        ("openai", THOUGHTS, {"drop_params": ("think.budget",)}, {"think": {"on": True}}),
        ("openai", {"tools": [{"s": 1, "n": "x"}]}, {"drop_params": ("tools[*].s",)}, {"tools": [{"n": "x"}]}),
        ("openai", {"limit": 3}, {"rename_params": {"limit": "text.limit"}}, {"text": {"limit": 3}}),
        ("gemini", {**TOP, "labels": {}}, {"drop_params": ("topK",)}, {"generationConfig": {}, "labels": {}}),
        ("gemini", {}, {"params": {"topK": 1, "cachedContent": "c"}}, {**TOP, "cachedContent": "c"}),
        ("gemini", TOP, {"rename_params": {"topK": "topN"}}, {"generationConfig": {"topN": 1}}),
        ("ollama", {"options": {"num_ctx": 1}}, {"params": {"top_k": 2}}, {"options": {"num_ctx": 1, "top_k": 2}}),
        ("ollama", {}, {"params": {"keep_alive": 0}}, {"keep_alive": 0}),
        ("anthropic", {"max_tokens": 1}, {"params": {"anthropic_version": "2023-06-01"}}, {"max_tokens": 1}),
    ],
)
def test_parameters_are_taken_out_renamed_and_set(
    provider: str, body: dict[str, Any], settings: dict[str, Any], expected: dict[str, Any]
) -> None:
    before = repr(body)
    found = sent(body, provider, **settings)
    assert repr(found) == repr(expected)  # 0 is not False
    assert repr(body) == before


@pytest.mark.parametrize("stream", [True, False])
def test_the_application_decides_whether_it_streams(stream: bool) -> None:
    body = {"stream": stream}
    params = {"stream": not stream, "stream_options": {"include_usage": True}}
    assert sent(body, params=params) == body | ({"stream_options": {"include_usage": True}} if stream else {})
    left_out = {"stream": True, "stream_options": {"include_usage": True}}
    assert sent(left_out, drop_params=("stream_options",)) == {"stream": True}


@given(
    st.dictionaries(st.sampled_from(NAMES), st.integers()),
    st.sets(st.sampled_from(NAMES)),
    st.dictionaries(st.sampled_from(NAMES), st.integers() | st.booleans()),
)
def test_what_is_dropped_is_gone_and_what_is_set_is_there(
    body: dict[str, int], dropped: set[str], params: dict[str, int]
) -> None:
    drop = tuple(dropped - set(params))
    expected = {name: value for name, value in body.items() if name not in dropped} | params
    assert sent(body, drop_params=drop, params=params) == expected
    assert sent(body, drop_params=drop, params=params, sets=False) == {
        name: value for name, value in body.items() if name not in drop
    }


def lookup(provider: str = "openai", params: dict[str, Any] | None = None, **settings: Any) -> Lookup:
    model = ModelSettings(name="m", provider=provider, model="m", **settings)
    prompt = Prompt(messages=({"role": "user", "content": "Which river?"},), params=params or {}, stream=True)
    return Lookups(ignore=("seed",)).of_prompt(model, prompt)


def test_what_is_sent_is_what_is_keyed() -> None:
    plain, dropped = lookup(params={"temperature": 0}), lookup(params={"temperature": 0}, drop_params=("temperature",))
    assert dropped.asked().body == {key: value for key, value in plain.asked().body.items() if key != "temperature"}
    assert dropped.key(0, 0) == lookup().key(0, 0) != plain.key(0, 0)
    # Both are the same question, whichever model is asked: their answers can be compared.
    assert dropped.words_digest == plain.words_digest
    assert lookup(params={"temperature": 0}, drop_params=("top_p",)).key(0, 0) == plain.key(0, 0)
    renamed = lookup(params={"max_tokens": 5}, rename_params={"max_tokens": "limit"})
    assert renamed.key(0, 0) == lookup(params={"limit": 5}).key(0, 0)


def test_an_unchanged_configuration_keeps_its_keys() -> None:
    """This key was made before requests could be changed."""
    assert lookup(params={"temperature": 0, "max_tokens": 9}).key(0, 0) == KEY


KEY = "7104bf380c69062f0496be8a663c71ae257c9ad26b2ceb28196fd151ae492d40"
