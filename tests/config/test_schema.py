"""The rules of the configuration are one JSON Schema; whatever it refuses is told."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_llmeval.config import settings as config
from pytest_llmeval.config.mistakes import mistakes_of, plainly_valid, schema
from pytest_llmeval.config.settings import Settings, load_settings
from pytest_llmeval.errors import ConfigError

RULES = schema()
ORACLE = jsonschema.Draft202012Validator(RULES)


def rules_within(rules: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield rules
    for key in ("properties", "$defs"):
        for inner in rules.get(key, {}).values():
            yield from rules_within(inner)
    for key in ("additionalProperties", "propertyNames", "items"):
        if isinstance(rules.get(key), dict):
            yield from rules_within(rules[key])


def test_the_schema_is_a_json_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(RULES)


def test_every_settings_field_has_its_key_and_every_key_its_field() -> None:
    model = RULES["properties"]["models"]["additionalProperties"]["properties"]
    category = RULES["properties"]["categories"]["additionalProperties"]["properties"]
    assert set(RULES["properties"]) == set(Settings._fields) - {"file", "root", "start", "base"}
    assert set(model) == set(config.ModelSettings._fields) - {"name", "provider"}
    assert set(model["prices"]["properties"]) == set(config.Prices._fields)
    assert set(category) == set(config.CategorySettings._fields)
    assert set(RULES["properties"]["gate"]["properties"]) == set(config.GateSettings._fields)


words = sorted({key for rules in rules_within(RULES) for key in rules.get("properties", {})})
keys = st.sampled_from([*words, "a.b", "x y", "hallucination", ""]) | st.text(max_size=4)
scalars = (
    st.sampled_from(
        ["high", "openai/gpt", "a/b/c", "/a", "+20%", "20%", "+5.5%", "API_KEY", "a\n", "+20%\n", "", "\x00"]
    )
    | st.text(max_size=5)
    | st.sampled_from([0, 1, -1, 2, 0.5, True, False, 1.0])
)
trees = st.recursive(scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=4))


def near(rules: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values near to what the rules allow, right and wrong ones."""
    if "$ref" in rules or ("properties" not in rules and not isinstance(rules.get("additionalProperties"), dict)):
        return trees
    own = {key: near(inner) for key, inner in rules.get("properties", {}).items()}
    tables: st.SearchStrategy[Any] = st.fixed_dictionaries({}, optional=own)
    if isinstance(rules.get("additionalProperties"), dict):
        tables = st.dictionaries(keys, near(rules["additionalProperties"]), max_size=2)
    return tables | trees


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(near(RULES))
@example({"models": {"a": {"model": "x/y", "prices": {"input": 0, "output": True}}}})
@example({"categories": {"x": {"max_increase": 1.0000001}}})
@example({"gate": {"latency_p95": 0.2}, "models": {"": {"modle": "x/y"}}, "x": {"api_key": 1}})
def test_whatever_the_schema_refuses_is_told_in_one_line_each(table: Any) -> None:
    if not isinstance(table, dict):
        return
    lines = mistakes_of(table, ("tool", "llmeval"))
    assert all(line.startswith("[tool.llmeval") for line in lines)
    assert len(set(lines)) == len(lines)
    if not ORACLE.is_valid(table):
        assert lines != []


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(near(RULES))
@example({"models": {"a": {"model": "x/y", "prices": {"input": 0, "output": True}}}})
@example({"categories": {"x": {"max_increase": 1.0000001}}})
@example({"gate": {"latency_p95": "+20%"}, "ignore": ["a.b"], "stale": "fail"})
def test_what_the_schema_allows_is_plainly_valid_and_nothing_else_is(table: Any) -> None:
    assert plainly_valid(table, RULES) == ORACLE.is_valid(table)


@pytest.mark.parametrize(
    "rules", [{"multipleOf": 2}, {"type": "integer"}, {"properties": {"a": {"format": "uri"}}}, {"$ref": "other.json"}]
)
def test_what_is_not_known_is_left_to_jsonschema(rules: dict[str, Any]) -> None:
    assert not plainly_valid({"a": 4} if "properties" in rules else 4, rules)


def settings_or_error(folder: Path) -> Settings | ConfigError:
    try:
        return load_settings(folder)
    except ConfigError as error:
        return error


fragments = st.sampled_from(
    [
        *b"[tool.llmeval] [tool.llmeval.models.a] [tool.llmeval.gate] model= = [ ] { } \" ' . , nan inf 1 -1".split(),
        *(
            b"\n",
            b"\r",
            b"\xff",
            b"\x00",
            b"\xef\xbb\xbf",
            b'"a/b"',
            b'"+20%"',
            b"2024-01-01",
            b"latency_p95=",
            b"base_url=",
        ),
        *(b'"http://["', b'"\\u0000"', b"params={", b"prices={input=", b"[[tool.llmeval]]", b"# llmeval\n"),
    ]
)
garbage = st.binary(max_size=50).map(b"# llmeval\n".__add__) | st.lists(fragments, max_size=12).map(b"".join)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pyproject.toml", "llmeval.toml"])
@settings(max_examples=200, deadline=None)
@given(content=garbage)
def test_garbage_is_settings_or_a_config_error(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    result = settings_or_error(tmp_path)
    if isinstance(result, ConfigError):
        assert all(line.isprintable() and line.startswith(name) for line in str(result).splitlines())
    else:
        assert result.file in (None, tmp_path / name)


@settings(max_examples=200, deadline=None)
@given(content=garbage)
def test_no_file_that_is_no_toml_is_taken_for_settings(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "llmeval.toml").write_bytes(content)
    try:
        tomllib.loads(content.decode("utf-8-sig"))
    except ValueError:
        assert isinstance(settings_or_error(tmp_path), ConfigError)
