"""Assertions of promptfoo as checks of a row. Nothing that an assertion holds is run, read or asked."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping
from typing import Any

from pytest_llmeval.checks.categories import is_category
from pytest_llmeval.checks.rows.row_forms import validate_checks
from pytest_llmeval.checks.structure.ecma_pattern import python_pattern
from pytest_llmeval.datasets.foreign.templates import Template, filled
from pytest_llmeval.json_text import parsed_row
from pytest_llmeval.text import json_words, quoted

_KEYS = frozenset({"type", "value", "threshold", "weight", "metric"})
_CODE = frozenset({"javascript", "python", "ruby", "webhook"})
_SCORES = frozenset({"similar", "levenshtein", "bleu", "gleu", "meteor", "rouge-n", "classifier"})
_MODEL = re.compile(
    r"llm-rubric|agent-rubric|search-rubric|research-rubric|factuality|model-graded-.*|g-eval|pi|moderation|guardrails|"
    r".*relevance|context-.*|select-best|max-score|trajectory:goal-success|answer-.*"
)
_OF_MEASURES = frozenset({"latency", "cost", "finish-reason"})  # which no transform changes
_ANOTHER_MODEL = "it asks another model; write it as a check of your own"
_BY_HAND = "write it as a check of your own"


class NotMapped(Exception):
    """An assertion has no check of a row that means the same; the message says why."""


def checks_of(assertion: Mapping[str, Any], variables: Mapping[str, Any], *, transformed: bool) -> list[dict[str, Any]]:
    """The checks of a row that mean what an assertion says.

    Args:
        assertion: with its type, and no set of assertions.
        variables: of the test, for ``{{name}}``.
        transformed: whether code changes the output before it is looked at.

    Raises:
        NotMapped: there are none.
    """
    kind = assertion.get("type")
    if not isinstance(kind, str):
        raise NotMapped("it has no type")
    base, inverse = kind.removeprefix("not-"), kind.startswith("not-")
    if base in _CODE:
        raise NotMapped(f"code is never run by this; {_BY_HAND}")
    if base == "human":
        raise NotMapped("people decide it")
    if _MODEL.fullmatch(base):
        raise NotMapped(_ANOTHER_MODEL)
    if assertion.get("weight") == 0:
        raise NotMapped("its weight is 0, so it never failed a test")
    if further := sorted(assertion.keys() - _KEYS):
        raise NotMapped(f"its {further[0]} has no counterpart; {_BY_HAND}")
    if transformed and base not in _OF_MEASURES:
        raise NotMapped(f"it looks at what a transform makes of the answer, which is code; {_BY_HAND}")
    value = assertion.get("value")
    if holds_reference(value):
        raise NotMapped("its value is in another file, which is not read")
    try:
        value, metric = filled(value, variables), filled(assertion.get("metric"), variables)
    except Template as error:
        raise NotMapped(str(error)) from None
    make = _INVERSE.get(base) if inverse else _MADE.get(base)
    if make is None:
        why = "letters or meaning are scored in another way here" if base in _SCORES else "no check of a row does that"
        raise NotMapped(f"{why}; {_BY_HAND}")
    checks = make(value, assertion.get("threshold"))
    if metric is not None and not (isinstance(metric, str) and is_category(metric)):
        raise NotMapped(f"its metric {json_words(metric, 40)} cannot be the name of an error category")
    checks = [{**check, **({"category": metric} if metric else {})} for check in checks]
    if problems := validate_checks(checks):
        raise NotMapped(problems[0])
    return checks


def shown_assertion(assertion: Any) -> str:
    """An assertion in a few words."""
    if not isinstance(assertion, Mapping):
        return f"assert {json_words(assertion, 40)}"
    value = assertion.get("value")
    return f"assert {json_words(assertion.get('type'), 40)[1:-1]}" + (f": {json_words(value, 50)}" if value else "")


def holds_reference(value: Any) -> bool:
    """Whether a value stands in another file or is fetched."""
    return isinstance(value, str) and value.strip().startswith(("file://", "package:", "http://file", "exec:"))


def csv_assertion(text: str) -> dict[str, Any]:
    """What a cell of ``__expected`` says: ``[not-]type[(threshold)][:value]``, or else the text to equal."""
    text = text.strip()
    for prefix, kind in (
        *((f"{code}:", "javascript") for code in ("javascript", "fn", "eval")),
        *(("grade:", "llm-rubric"), ("llm-rubric:", "llm-rubric"), ("python:", "python")),
    ):
        if text.startswith(prefix):
            return {"type": kind, "value": text.removeprefix(prefix).strip()}
    if re.match(r"file://.*\.(?:py|js|ts|mjs|cjs)(?::|$)", text):
        return {"type": "python" if ".py" in text else "javascript", "value": text}
    found = re.match(r"((?:not-)?([a-z0-9]+(?:[-:][a-z0-9]+)*?))(?:\((\d+(?:\.\d+)?)\))?(?::(.*))?$", text, re.DOTALL)
    if found is None or not is_type(found[2]):
        return {"type": "equals", "value": text}
    made: dict[str, Any] = {"type": found[1]}
    if found[4] is not None:
        made["value"] = _numeric(found[4]) if found[2] == "word-count" else found[4]
    if found[3] is not None:
        made["threshold"] = float(found[3])
    return made


def is_type(kind: str) -> bool:
    """Whether a word is the name of an assertion."""
    return (
        kind in _MADE
        or kind in _INVERSE
        or kind in _CODE
        or kind in _SCORES
        or kind in _OTHERS
        or (_MODEL.fullmatch(kind) is not None)
    )


_OTHERS = frozenset(
    [
        "contains-html",
        "contains-json",
        "contains-sql",
        "contains-xml",
        "is-html",
        "is-sql",
        "is-xml",
        "is-refusal",
        "is-valid-function-call",
        "is-valid-openai-function-call",
        "is-valid-openai-tools-call",
        "perplexity",
        "perplexity-score",
        "skill-used",
        "tool-call-f1",
        "trace-error-spans",
        "trace-span-count",
        "trace-span-duration",
        "trajectory:tool-args-match",
        "trajectory:step-count",
        "trajectory:tool-sequence",
        "trajectory:tool-used",
        "similar:cosine",
        "similar:dot",
        "similar:euclidean",
        "human",
    ]
)

Make = Callable[[Any, Any], list[dict[str, Any]]]


def _text(value: Any) -> str:
    """A text or number as JavaScript writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, (int, float)):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise NotMapped(f"its value is {json_words(value, 40)}, not a text")
    return value


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        try:
            value = [part.strip() for part in next(csv.reader([value], skipinitialspace=True), [])]
        except csv.Error:
            raise NotMapped("its value is not a list separated by commas") from None
    if not isinstance(value, list) or not value:
        raise NotMapped(f"its value is {json_words(value, 40)}, not a list of texts")
    return [_text(one) for one in value]


def _numeric(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return parsed_row(value.strip())
        except ValueError:
            return value
    return value


def _limit(value: Any, threshold: Any) -> float:
    given = _numeric(threshold if threshold is not None else value)
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        raise NotMapped("its threshold is not a number")
    return given


def _equal(value: Any, _: Any) -> list[dict[str, Any]]:
    return [{"json": value}] if isinstance(value, (dict, list)) else [{"equal": _text(value)}]


def _not_equal(value: Any, _: Any) -> list[dict[str, Any]]:
    return [{"not_matches": rf"\A{re.escape(_text(value))}\Z"}]


def _contains(ignore_case: bool) -> Make:
    return lambda value, _: [
        {"contains": {"text": _text(value), **_case(ignore_case)} if ignore_case else _text(value)}
    ]


def _all_or_any(name: str, ignore_case: bool) -> Make:
    return lambda value, _: [{"contains": {name: _texts(value), **_case(ignore_case)}}]


def _contains_none(ignore_case: bool, *, several: bool) -> Make:
    def make(value: Any, _: Any) -> list[dict[str, Any]]:
        texts = _texts(value) if several else _text(value)
        return [{"not_contains": {"text": texts, **_case(ignore_case)} if ignore_case else texts}]

    return make


def _case(ignore_case: bool) -> dict[str, bool]:
    return {"ignore_case": True} if ignore_case else {}


def _matches(name: str) -> Make:
    def make(value: Any, _: Any) -> list[dict[str, Any]]:
        pattern = python_pattern(_text(value))
        if pattern is None:
            raise NotMapped("the regular expression means something else, or nothing, in Python")
        return [{name: pattern}]

    return make


def _is_json(value: Any, _: Any) -> list[dict[str, Any]]:
    if value in (None, "", {}):
        return [{"json": True}]
    schema = _numeric(value)
    if not isinstance(schema, dict):
        raise NotMapped("its schema is no JSON object")
    from jsonschema import SchemaError
    from jsonschema.validators import validator_for

    try:
        validator_for(schema).check_schema(schema)
    except (SchemaError, RecursionError, TypeError, ValueError):
        raise NotMapped("its schema is not a right JSON schema") from None
    if any("$ref" in key and not one.startswith("#") for key, one in _pairs(schema) if isinstance(one, str)):
        raise NotMapped("its schema refers to another file")
    return [{"schema": schema}]


def _pairs(value: Any) -> list[tuple[str, Any]]:
    """Every key of an object and of those within, with its value."""
    found, rest = [], [value]
    while rest:
        match rest.pop():
            case dict() as one:
                found += list(one.items())
                rest += list(one.values())
            case list() as several:
                rest += several
    return found


def _words(value: Any, _: Any) -> list[dict[str, Any]]:
    value = _numeric(value)
    if isinstance(value, dict):
        if value.keys() - {"min", "max"}:
            raise NotMapped("its value has other keys than min and max")
        names = {"min": "at_least", "max": "at_most"}
        return [{"words": {names[key]: _count(one) for key, one in value.items() if one is not None}}]
    return [{"words": {"at_least": _count(value), "at_most": _count(value)}}]


def _count(value: Any) -> int:
    value = _numeric(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
        raise NotMapped(f"{json_words(value, 40)} is not a number of words")
    return int(value)


def _finish(value: Any, _: Any) -> list[dict[str, Any]]:
    if value != "stop":
        raise NotMapped(f"the ending {quoted(str(value), 40)} is not looked for; finish means a whole answer")
    return [{"finish": True}]


_MADE: Mapping[str, Make] = {
    "equals": _equal,
    "contains": _contains(False),  # noqa: FBT003
    "icontains": _contains(True),  # noqa: FBT003
    "contains-all": _all_or_any("all", False),  # noqa: FBT003
    "contains-any": _all_or_any("any", False),  # noqa: FBT003
    "icontains-all": _all_or_any("all", True),  # noqa: FBT003
    "icontains-any": _all_or_any("any", True),  # noqa: FBT003
    "starts-with": lambda value, _: [{"starts_with": _text(value)}],
    "regex": _matches("matches"),
    "is-json": _is_json,
    "latency": lambda value, threshold: [{"latency": _limit(value, threshold) / 1000}],
    "cost": lambda value, threshold: [{"cost": _limit(value, threshold)}],
    "word-count": _words,
    "finish-reason": _finish,
}
_INVERSE: Mapping[str, Make] = {
    "equals": _not_equal,
    "contains": _contains_none(False, several=False),  # noqa: FBT003
    "icontains": _contains_none(True, several=False),  # noqa: FBT003
    "contains-any": _contains_none(False, several=True),  # noqa: FBT003
    "icontains-any": _contains_none(True, several=True),  # noqa: FBT003
    "starts-with": lambda value, _: [{"not_matches": rf"\A{re.escape(_text(value))}"}],
    "regex": _matches("not_matches"),
    "is-refusal": lambda value, _: [{"not_refusal": True}],
}
