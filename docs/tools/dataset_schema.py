"""The JSON Schema of a dataset in YAML, for editors: made of the registry of checks and of the fields of a `Case`."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_llmeval.checks.judges.votes import MOST_VOTES
from pytest_llmeval.checks.personal.personal_data import KINDS
from pytest_llmeval.checks.rows import row_forms
from pytest_llmeval.checks.rows.row_forms import BRANCHES, COMBINED, FORMS, Form, needed_options
from pytest_llmeval.datasets.rows import FIELDS

SCHEMA = Path(__file__).resolve().parents[2] / "pytest_llmeval" / "datasets" / "dataset.schema.json"
_TEXT = {"type": "string", "pattern": "\\S"}
_CALL = {
    "type": "object",
    "properties": {"name": _TEXT, "args": {"type": "object"}},
    "required": ["name"],
    "additionalProperties": False,
}
_KINDS: Mapping[str, Mapping[str, Any]] = {
    row_forms.TEXT: _TEXT,
    row_forms.TEXTS: {"type": "array", "items": _TEXT, "minItems": 1},
    row_forms.NUMBER: {"type": "number"},
    row_forms.COUNT: {"type": "integer", "minimum": 0},
    row_forms.FROM_ONE: {"type": "integer", "minimum": 1},
    row_forms.SHARE: {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
    row_forms.FLAG: {"type": "boolean"},
    row_forms.TRUE: {"const": True},
    row_forms.OBJECT: {"type": "object"},
    row_forms.OBJECT_OF_TEXTS: {"type": "object", "additionalProperties": _TEXT, "minProperties": 1},
    row_forms.LIST: {"type": "array"},
    row_forms.ARGUMENTS: {"type": "object"},
    row_forms.CALLS: {"type": "array", "items": {"anyOf": [_TEXT, _CALL]}},
    row_forms.TOOLS: {"type": "array", "items": {"type": "object"}},
    row_forms.PATTERN: _TEXT,
    row_forms.PERSONAL: {"type": "array", "items": {"enum": list(KINDS)}, "minItems": 1},
    row_forms.RUBRIC: _TEXT,
    row_forms.VOTES: {"enum": list(range(1, MOST_VOTES + 1, 2))},
    row_forms.ANY: {},
}
_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "id": {"type": ["string", "integer"]},
    "input": {"type": ["string", "array", "object"]},
    "expected": {},
    "context": {"type": ["string", "array"], "items": {"type": "string"}},
    "task": {"type": "string"},
    "cluster": {"type": "string"},
    "metadata": {"type": "object"},
    "checks": {"$ref": "#/$defs/checks"},
    "samples": {"type": "integer", "minimum": 1, "maximum": 1000},
}
_TEXTS = {"type": "array", "items": {"type": "string"}}


def fresh_schema(told: Mapping[str, str]) -> str:
    """The schema as JSON.

    Args:
        told: what each field of a row is, in words.
    """
    fields = {name: {"description": told[name], **_or_null(_FIELDS.get(name, _TEXTS))} for name in FIELDS}
    several = {"type": "array", "items": {"$ref": "#/$defs/check"}}
    words = {
        "all": several | {"minItems": 1},
        "any": several | {"minItems": 1},
        **{word: {"$ref": "#/$defs/check"} for word in ("not", "if", *BRANCHES)},
    }
    said = {**COMBINED, **dict.fromkeys(BRANCHES, "the check that must hold when that beside `if` does")}
    said["else"] += " not"
    checks = {name: {"description": _sentence(form), **_form(form)} for name, form in FORMS.items()}
    checks |= {name: {"description": said[name], **words[name]} for name in (*COMBINED, *BRANCHES)}
    category = {"description": "the error category of a failure", **_TEXT, "maxLength": 80}
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A dataset of pytest-llmeval: a list of rows, or one list under cases",
        "anyOf": [
            {"$ref": "#/$defs/rows"},
            {"type": "object", "properties": {"cases": {"$ref": "#/$defs/rows"}}, "required": ["cases"]},
        ],
        "$defs": {
            "rows": {"type": "array", "items": {"$ref": "#/$defs/row"}},
            "row": {
                "type": "object",
                "properties": fields,
                "required": ["id", "input"],
                "additionalProperties": False,
            },
            "checks": several,
            "check": {
                "type": "object",
                "properties": {**checks, "category": category},
                "additionalProperties": False,
                "oneOf": [{"required": [name]} for name in (*FORMS, *COMBINED)],
                "dependentRequired": {"if": ["then"], **{branch: ["if"] for branch in BRANCHES}},
            },
        },
    }
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _form(form: Form) -> dict[str, Any]:
    allowed = [dict(_kind(kind)) for kind in form.plain]
    if form.options:
        options = {
            "type": "object",
            "properties": {name: _any_of([_kind(kind) for kind in kinds]) for name, kinds in form.options.items()},
            "additionalProperties": False,
            "minProperties": 1,
        }
        needed = needed_options(form)
        allowed.append({**options, **({"required": needed} if needed else {})})
    return _any_of(allowed)


def _kind(words: str) -> Mapping[str, Any]:
    if words in _KINDS:
        return _KINDS[words]
    return {"enum": words.removeprefix("one of ").split(", ")}


def _any_of(schemas: list[Any]) -> dict[str, Any]:
    return {} if {} in schemas else dict(schemas[0]) if len(schemas) == 1 else {"anyOf": schemas}


def _or_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]} if schema else {}


def _sentence(form: Form) -> str:
    return " ".join((inspect.getdoc(form.function) or "").partition(".\n")[0].split()).replace("``", "`")
