"""Checks of JSON replies: values, schemas, pydantic models."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, NotRequired, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from pytest_llmeval.checks.categories import category_of
from pytest_llmeval.checks.json_value import assert_json, assert_schema, differences
from pytest_llmeval.errors import CheckFailed, LlmevalError
from pytest_llmeval.reply import unfenced

TICKET = {
    "type": "object",
    "required": ["eta_days", "queue"],
    "properties": {"eta_days": {"type": "integer"}, "queue": {"enum": ["billing", "other"]}},
    "additionalProperties": False,
}


def failure(function: Any, *arguments: Any, **options: Any) -> CheckFailed:
    with pytest.raises(CheckFailed) as caught:
        function(*arguments, **options)
    return caught.value


def test_json_in_a_code_fence_is_json() -> None:
    assert_json('```json\n{"a": 1}\n```', {"a": 1.0})
    assert_json("null")
    assert_json("null", None)


@pytest.mark.parametrize(
    "text",
    [
        '````json\n{"a": 1}\n````',
        '~~~\n{"a": 1}\n~~~',
        '~~~~~ json `x` ~ y\n{"a": 1}\n~~~~~~',
        '  ```json\n  {"a": 1}\n  ```  ',
        '\t```JSON title="a.json" {.numberLines}\r\n\t{"a": 1}\r\n\t```\r\n',
        '```json5\n{"a": 1}```',
    ],
)
def test_every_kind_of_code_fence_is_ignored(text: str) -> None:
    assert_json(text, {"a": 1})


@pytest.mark.parametrize(
    "text",
    [
        '```json\n{"a": 1}\n```\nAnything else?',
        'Here:\n~~~json\n{"a": 1}\n~~~',
        '```json\n{"a": 1}\n~~~',
        '````json\n{"a": 1}\n```',
        '```json\n{"a": 1}\n```\nand\n```json\n{"a": 1}\n```',
        "```json\n1\n```\n\n```",
        '``` `x`\n{"a": 1}\n```',
    ],
)
def test_text_beside_a_fence_and_half_a_fence_are_no_json(text: str) -> None:
    assert category_of(failure(assert_json, text)) == "format"


@pytest.mark.parametrize("mark", ["`", "~", "~~~\n"])
def test_a_long_row_of_marks_is_read_once(mark: str) -> None:
    assert unfenced(mark * 300_000) == (mark * 300_000).strip()


@given(st.text(alphabet="`~ \n\ta1{}"), st.sampled_from(["```", "~~~", "`````", "~~~~"]), st.sampled_from(["", " j "]))
def test_what_a_fence_encloses_is_all_between_its_lines(inner: str, fence: str, words: str) -> None:
    if fence not in inner and not inner.rstrip().endswith(fence[0]):
        assert unfenced(f"{fence}{words}\n{inner}\n{fence}") == inner.strip()


@pytest.mark.parametrize(
    "text",
    ["", "{", "NaN", '{"a": Infinity}', "Here you are: {}", "[" * 100_000, "[" * 100_000 + "]" * 100_000, "9" * 5000],
)
def test_what_is_not_json_fails_as_format(text: str) -> None:
    failed = failure(assert_json, text)
    assert category_of(failed) == "format"
    assert str(failed).startswith(("the reply is not JSON", "the reply is empty"))
    assert len(str(failed)) <= 200


def test_json_that_differs_names_the_paths() -> None:
    failed = failure(
        assert_json, '{"a": {"b": "3"}, "list": [1, true, 3], "x y": 1}', {"a": {"b": 3}, "list": [1, 1], "c": []}
    )
    assert str(failed).split("\n") == [
        '$.a.b: expected 3, got "3" (4 more)',
        "$.list[1]: expected 1, got true",
        "$.list[2]: not expected, got 3",
        "$.c: missing, expected []",
        '$["x y"]: not expected, got 1',
    ]
    assert category_of(failed) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_a_value_equals_itself_after_a_round_trip(value: Any) -> None:
    assert_json(json.dumps(value), copy.deepcopy(value))


@given(json_values, json_values)
def test_values_differ_exactly_when_their_json_does(left: Any, right: Any) -> None:
    same = json.dumps(_floats(left), sort_keys=True) == json.dumps(_floats(right), sort_keys=True)
    assert (differences(left, right, limit=5) == []) == same


def _floats(value: Any) -> Any:
    """Numbers as JSON readers without integers see them; equal numbers are written alike."""
    if isinstance(value, list):
        return [_floats(one) for one in value]
    if isinstance(value, dict):
        return {key: _floats(one) for key, one in value.items()}
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def test_schema_problems_are_told_by_path_all_of_them() -> None:
    assert_schema('{"eta_days": 3, "queue": "billing"}', TICKET)
    failed = failure(assert_schema, '{"eta_days": "3", "zip": 1}', TICKET)
    assert str(failed).split("\n") == [
        "$.queue: required property is missing (2 more)",
        '$.eta_days: expected integer, got "3"',
        "$.zip: property is not allowed",
    ]
    assert category_of(failed) == "format"


def test_many_schema_problems_are_cut() -> None:
    failed = failure(assert_schema, json.dumps(["x"] * 1000), {"items": {"type": "integer"}})
    lines = str(failed).split("\n")
    assert lines[0] == '$[0]: expected integer, got "x" (at least 20 more)'
    assert len(lines) == 21


def test_a_choice_of_forms_tells_the_nearest() -> None:
    schema = {"anyOf": [{"required": ["b"]}, {"properties": {"a": {"type": "string"}}}]}
    assert str(failure(assert_schema, '{"a": 1}', schema)) == "$.a: expected string, got 1"


@pytest.mark.parametrize(
    ("schema", "text", "told"),
    [
        ({"type": ["integer", "null"]}, '"x"', '$: expected integer or null, got "x"'),
        ({"enum": ["a", 1]}, '"b"', '$: expected one of "a", 1, got "b"'),
        ({"const": 3}, "{}", "$: expected 3, got {}"),
        ({"pattern": "^a"}, '"b"', '$: "b" does not match "^a"'),
        ({"minItems": 2}, "[1]", "$: minItems is 2, got 1"),
        ({"items": {"maxLength": 1}}, '["a", "bc"]', "$[1]: maxLength is 1, got 2"),
        ({"multipleOf": 5}, "7", "$: multipleOf is 5, got 7"),
        ({"minimum": 3}, "2", "$: minimum is 3, got 2"),
        (
            {"additionalProperties": False, "patternProperties": {"^x": {}}, "properties": {"a": {}}},
            '{"a": 1, "x1": 1, "b": 1}',
            "$.b: property is not allowed",
        ),
        ({"required": ["a", "b"], "properties": {"a": {}}}, '{"a": 1}', "$.b: required property is missing"),
        (
            {"$schema": "http://json-schema.org/draft-03/schema#", "properties": {"a": {"required": True}}},
            "{}",
            "$.a: required property is missing",
        ),
    ],
    ids=str,
)
def test_each_kind_of_schema_problem_is_told_in_words(schema: Any, text: str, told: str) -> None:
    assert str(failure(assert_schema, text, schema)) == told


def test_what_has_no_words_of_ours_is_told_in_those_of_the_library() -> None:
    schema = {"allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": False}
    assert str(failure(assert_schema, '{"a": 1, "b": 1}', schema)).startswith("$: ")


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "objekt"},
        {"properties": 3},
        {"items": {"pattern": "("}},
        {"a": object()},
        3,
        "{}",
        {"$ref": "#"},
        {"$ref": "#/$defs/missing"},
        {"$ref": "file:///etc/hostname"},
    ],
)
def test_a_schema_that_cannot_be_applied_is_an_error(schema: Any) -> None:
    with pytest.raises(LlmevalError, match=r"^assert_schema"):
        assert_schema('["x"]', schema)


def test_a_remote_reference_is_an_error_and_never_fetched() -> None:
    asked: list[str] = []

    class Canary(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    with ThreadingHTTPServer(("127.0.0.1", 0), Canary) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/schema.json"
        with pytest.raises(LlmevalError, match="nothing is fetched"):
            assert_schema("{}", {"properties": {}, "$ref": url})
        server.shutdown()
    assert asked == []


def test_a_reference_to_a_draft_itself_is_known_offline() -> None:
    assert_schema('{"type": "object"}', {"$ref": "https://json-schema.org/draft/2020-12/schema"})


@pytest.mark.slow
def test_a_pattern_that_runs_away_ends_in_an_error() -> None:
    with pytest.raises(LlmevalError, match=r"^schema timed out"):
        assert_schema(json.dumps({"a": "a" * 40 + "!"}), {"properties": {"a": {"pattern": "(a+)+$"}}})


def test_off_the_main_thread_a_schema_is_checked_too() -> None:
    caught: list[BaseException] = []

    def run() -> None:
        for schema in (TICKET, {"$ref": "http://127.0.0.1:9/x"}):
            try:
                assert_schema('{"queue": "other"}', schema)
            except (CheckFailed, LlmevalError) as error:
                caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    assert [str(error).split(";")[0] for error in caught] == [
        "$.eta_days: required property is missing",
        'assert_schema: "http://127.0.0.1:9/x" is not in the schema, and nothing is fetched',
    ]


def test_a_recursive_schema_and_a_deep_reply() -> None:
    schema = {"type": "array", "items": {"$ref": "#"}}
    assert_schema("[" * 20 + "]" * 20, schema)
    with pytest.raises(LlmevalError, match="nested too deeply"):
        assert_schema("[" * 900 + "]" * 900, schema)


def test_hostile_keys_are_harmless_in_paths() -> None:
    told = str(failure(assert_schema, json.dumps({"\x1b[31m\n::error::x": 1}), {"additionalProperties": False}))
    assert "\x1b" not in told
    assert "\n" not in told


class Ticket(BaseModel):
    model_config = ConfigDict(extra="forbid")
    eta_days: int = Field(strict=True)
    queue: str


def test_a_pydantic_model_is_a_schema() -> None:
    assert_schema('```json\n{"eta_days": 3, "queue": "x"}\n```', Ticket)
    failed = failure(assert_schema, '{"eta_days": "3", "zip": 1}', Ticket)
    assert str(failed).split("\n") == [
        '$.eta_days: input should be a valid integer, got "3" (2 more)',
        "$.queue: required property is missing",
        "$.zip: property is not allowed",
    ]
    assert category_of(failed) == "format"


class Leg(TypedDict):
    port: str
    hours: NotRequired[int]


@dataclass
class Crew:
    name: str
    age: int = 40


@pytest.mark.parametrize(
    ("kind", "right", "wrong", "told"),
    [
        (Leg, '{"port": "Syros"}', '{"hours": 3}', "$.port: required property is missing"),
        (list[Leg], '[{"port": "Syros", "hours": 3}]', '[{"port": 1}]', "$[0].port: input should be a valid string"),
        (list[int], "[1, 2]", '["one"]', "$[0]: input should be a valid integer"),
        (dict[str, bool], '{"open": true}', '{"open": 7}', "$.open: input should be a valid boolean"),
        (int | str, "3", "null", "input should be a valid integer, got null"),
        (Leg | None, "null", "3", "$: input should be an object, got 3"),
        (Literal["port", "star"], '"port"', '"bow"', "$: input should be 'port'"),
        (Crew, '{"name": "Ada"}', '{"age": 3}', "$.name: required property is missing"),
    ],
    ids=str,
)
def test_what_llm_takes_as_schema_is_checked_too(kind: Any, right: str, wrong: str, told: str) -> None:
    assert assert_schema(f"```json\n{right}\n```", kind).check == "schema"
    with pytest.raises(CheckFailed) as caught:
        assert_schema(wrong, kind)
    assert told in str(caught.value)
    assert category_of(caught.value) == "format"
    with pytest.raises(CheckFailed, match="is not JSON"):
        assert_schema("no", kind)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("object", "assert_schema(reply, ...) takes a JSON Schema (a dict), a pydantic model class, or a type"),
        (None, "assert_schema(reply, ...) takes a JSON Schema (a dict), a pydantic model class, or a type"),
        (Leg(port="Syros").keys(), "or a union of classes, not dict_keys"),
        (Callable[[], int], "assert_schema(reply, "),
    ],
    ids=str,
)
def test_what_is_no_schema_is_an_error_in_words(wrong: Any, told: str) -> None:
    with pytest.raises(LlmevalError) as caught:
        assert_schema("[1]", wrong)
    assert str(caught.value).startswith(told) or told in str(caught.value)
