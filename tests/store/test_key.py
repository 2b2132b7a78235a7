"""The key of a request: what changes it and what must not."""

import copy
import json
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.store.key import RequestIdentity, normalized, significant

BODY: dict[str, Any] = {
    "model": "gpt-5.6-mini",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is the capital of France?"},
    ],
    "temperature": 0.2,
    "stop": ["\n", "END"],
    "tools": [{"type": "function", "function": {"name": "search", "description": "Find", "parameters": {"a": 1}}}],
    "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}},
}
REQUEST: dict[str, Any] = {
    "provider": "openai",
    "path": "/chat/completions",
    "model": "gpt-5.6-mini",
    "body": BODY,
    "sample": 0,
    "occurrence": 0,
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=15,
)
BODIES = st.dictionaries(st.text(), JSON, max_size=6)


def key(**changes: Any) -> str:
    request = {**REQUEST, **changes}
    sample, occurrence = request.pop("sample"), request.pop("occurrence")
    return RequestIdentity(**request).key(sample=sample, occurrence=occurrence)


def reversed_order(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: reversed_order(value[name]) for name in reversed(value)}
    return [reversed_order(item) for item in value] if isinstance(value, list) else value


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [leaf for name, item in value.items() for leaf in leaves(item, (*path, name))]
    if isinstance(value, list):
        return [leaf for index, item in enumerate(value) for leaf in leaves(item, (*path, index))]
    return [path]


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    value = copy.deepcopy(value)
    inner = value
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = new
    return value


def test_key_of_version_1_stays_the_same() -> None:
    """Whatever changes this line makes every recording in the world unfindable: raise KEY_VERSION with it."""
    assert key() == "f4419f5ee8444d30a7256b311055079aa2d8268a861ab6d0b8bc24cc2b162f5b"


@pytest.mark.slow
@given(BODIES)
def test_order_of_keys_does_not_count(body: dict[str, Any]) -> None:
    assert key(body=body) == key(body=reversed_order(body))


@pytest.mark.slow
@given(BODIES)
def test_what_went_over_the_wire_and_back_has_the_same_key(body: dict[str, Any]) -> None:
    assert key(body=body) == key(body=json.loads(json.dumps(body)))


@pytest.mark.slow
@given(BODIES)
def test_stream_false_is_the_same_as_no_stream(body: dict[str, Any]) -> None:
    body.pop("stream", None)

    assert key(body=body) == key(body={**body, "stream": False})
    assert key(body=body) != key(body={**body, "stream": True})


@pytest.mark.parametrize(
    "field",
    [
        "user",
        "safety_identifier",
        "metadata",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "store",
        "service_tier",
        "labels",
    ],
)
def test_volatile_fields_count_only_below_the_top(field: str) -> None:
    assert key() == key(body={**BODY, field: "anything"})
    assert key() != key(body={**BODY, "extra": {field: "anything"}})


@pytest.mark.parametrize("name", ["headers", "host", "base_url", "api_key", "url", "organization"])
def test_secrets_and_hosts_cannot_be_passed(name: str) -> None:
    with pytest.raises(TypeError, match=name):
        key(**{name: "anything"})


@given(st.sampled_from(leaves(BODY)), JSON)
def test_any_change_of_any_value_changes_the_key(path: tuple[Any, ...], new: Any) -> None:
    changed = replaced(BODY, path, new)

    assert (key() == key(body=changed)) is (json.dumps(BODY) == json.dumps(changed))


@given(st.data())
def test_any_change_of_any_byte_of_the_prompt_changes_the_key(data: st.DataObject) -> None:
    prompt = data.draw(st.text(min_size=1))
    position = data.draw(st.integers(0, len(prompt) - 1))
    other = prompt[:position] + data.draw(st.characters()) + prompt[position + 1 :]

    assert (key(body={"prompt": prompt}) == key(body={"prompt": other})) is (prompt == other)


@pytest.mark.parametrize(
    "change",
    [
        {"provider": "anthropic 2023-06-01"},
        {"path": "/responses"},
        {"model": "gpt-5.6"},
        {"sample": 1},
        {"occurrence": 1},
        {"salt": "second server"},
        {"body": {**BODY, "temperature": 0}},
        {"body": {**BODY, "stop": ["END", "\n"]}},
        {"body": {**BODY, "stream_options": {"include_usage": True}}},
        {"body": {name: value for name, value in BODY.items() if name != "tools"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_everything_else_counts(change: dict[str, Any]) -> None:
    assert key() != key(**change)


@given(st.integers(0, 50), st.integers(0, 50))
def test_digest_is_the_same_for_all_samples_and_only_the_key_tells_them_apart(sample: int, occurrence: int) -> None:
    request = {name: value for name, value in REQUEST.items() if name not in ("sample", "occurrence")}

    digest = RequestIdentity(**request).digest
    assert digest != RequestIdentity(**{**request, "body": {**BODY, "temperature": 1}}).digest
    assert digest != key(sample=sample, occurrence=occurrence)
    assert (key(sample=sample, occurrence=occurrence) == key()) is (sample == occurrence == 0)


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ("temperature", {**BODY, "temperature": 1}),
        ("$.temperature", {name: value for name, value in BODY.items() if name != "temperature"}),
        ("messages[1].content", replaced(BODY, ("messages", 1, "content"), "Now is 12:01")),
        ("messages[*].content", replaced(BODY, ("messages", 0, "content"), "Now is 12:01")),
        ("stop[0]", replaced(BODY, ("stop", 0), "other")),
        ('["temperature"]', {**BODY, "temperature": 1}),
        ("messages[7].content", BODY),
        ("temperature.deeper", BODY),
    ],
)
def test_ignored_paths_do_not_count(path: str, other: dict[str, Any]) -> None:
    assert key(ignore=[path]) == key(body=other, ignore=[path])
    assert key(ignore=[path]) != key(body={**other, "seed": 1}, ignore=[path])


@pytest.mark.parametrize("path", ["", "$", "messages[", "messages[x]", "a..b", "a b"])
def test_a_path_that_is_none_is_an_error(path: str) -> None:
    with pytest.raises(ValueError, match="is not a path like"):
        key(ignore=[path])


def test_ignoring_and_dropping_leave_the_body_alone() -> None:
    body = {**copy.deepcopy(BODY), "stream": False, "user": "u"}
    before = copy.deepcopy(body)

    assert "user" not in significant(body, ["messages[0].content"])
    assert body == before


def test_parts_of_a_form_count_by_their_bytes() -> None:
    assert key(body={"file": b"one"}) == key(body={"file": bytearray(b"one")})
    assert key(body={"file": b"one"}) != key(body={"file": b"two"})


def test_any_mapping_will_do() -> None:
    assert key() == key(body=MappingProxyType({**BODY, "tools": tuple(BODY["tools"])}))


def test_lone_surrogates_have_a_key_of_their_own() -> None:
    assert key(body={"prompt": "\ud83d"}) != key(body={"prompt": "\\ud83d"})


@given(JSON)
def test_normalizing_changes_texts_and_nothing_else(value: Any) -> None:
    assert normalized(value, lambda text: text) == value
    assert normalized({"k": value, "t": "x"}, lambda text: "#")["t"] == "#"
    assert json.loads(json.dumps(normalized(value, lambda _: ""))) == normalized(value, lambda _: "")


@given(st.text(), st.text())
def test_two_prompts_have_one_key_only_where_they_are_normalized_alike(one: str, other: str) -> None:
    keys = [key(body=normalized({**BODY, "prompt": text}, str.casefold)) for text in (one, other)]

    assert (keys[0] == keys[1]) is (one.casefold() == other.casefold())
