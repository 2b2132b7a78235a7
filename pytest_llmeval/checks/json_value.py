"""Checks of a JSON reply: against a value, a JSON Schema or a pydantic model."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import islice
from types import UnionType
from typing import TYPE_CHECKING, Any, Final

from pytest_llmeval.checks.check import Unfit, check, failed, passed
from pytest_llmeval.checks.plain_text import text_of
from pytest_llmeval.checks.structure.ecma_pattern import Translated, in_pythons_words
from pytest_llmeval.checks.structure.json_parts import field_counts, json_path, same_value
from pytest_llmeval.checks.structure.schema_formats import FORMATS
from pytest_llmeval.checks.time_limit import SECONDS, TimedOut, within_time
from pytest_llmeval.checks.typed_schemas import adapter_of, refuse_unless_type
from pytest_llmeval.differences import ABSENT, paired
from pytest_llmeval.errors import LlmevalError
from pytest_llmeval.json_text import parsed_json
from pytest_llmeval.reply import unfenced
from pytest_llmeval.score import Score
from pytest_llmeval.text import first_line, harmless, quoted, shortened, shown

if TYPE_CHECKING:
    from jsonschema import FormatChecker
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

ANYTHING: Final = object()
MOST_PROBLEMS = 20
_WHO = "assert_schema(reply, {})"
_EXAMPLES = {
    "date": ", as 2026-02-28 is",
    "date-time": ", as 2026-02-28T08:30:00Z is",
    "time": ", as 08:30:00Z is",
    "uri": ", as https://example.com/a is",
}
__tracebackhide__ = True


@check
def assert_json(reply: str, expected: Any = ANYTHING, *, per_field: bool = False, category: str | None = None) -> Score:
    """Check that the reply is JSON, and equal to a value when one is given.

    A Markdown code fence around it and the order of keys are ignored; ``3`` equals ``3.0``, but neither ``"3"`` nor
    ``true``.

    Args:
        expected: the value it must be.
        per_field: whether the score is the share of right fields, for the report's table of fields. Items of a list
            count for one field, ``lines[].sku``; a field that is not expected is wrong. Only an equal value passes.
        category: the error category of a failure; by default ``format`` for what is not JSON, else ``wrong_answer``.

    Raises:
        LlmevalError: there is no value whose fields could be counted.
    """
    if per_field and expected is ANYTHING:
        raise LlmevalError("assert_json: per_field=True counts right fields; give the expected value")
    try:
        value = parsed(reply)
    except Unfit as unfit:
        if expected is ANYTHING:  # what is no JSON was measured by this check, and is unfit for any other
            return unfit.score
        if per_field:
            unfit.score = replace(unfit.score, fields=field_counts(expected, ABSENT))
        raise
    if expected is ANYTHING:
        return passed("format")
    problems = differences(expected, value, limit=MOST_PROBLEMS + 1)
    score = failed(several("the JSON differs", problems)) if problems else passed()
    if not per_field:
        return score
    fields = field_counts(expected, value)
    return replace(score, value=sum(field.right for field in fields) / sum(field.of for field in fields), fields=fields)


def parsed(reply: object) -> Any:
    """The reply as a JSON value.

    Raises:
        Unfit: it is not JSON; ``NaN`` and ``Infinity`` are not.
    """
    text = unfenced(text_of(reply))
    try:
        return parsed_json(text)
    except ValueError as error:
        raise Unfit(f"the reply is not JSON: {error}: {quoted(text)}" if text else "the reply is empty") from None


def several(what: str, problems: list[str]) -> str:
    """A message about one problem, or a list of them with the first problem on the first line."""
    if len(problems) == 1:
        return problems[0]
    more = len(problems) - 1
    count = f"{more} more" if len(problems) <= MOST_PROBLEMS else f"at least {more} more"
    lines = [f"{problems[0]} ({count})", *problems[1:MOST_PROBLEMS]]
    if len(problems) > MOST_PROBLEMS:
        lines.append(f"... {what} in more places")
    return "\n".join(lines)


def differences(expected: Any, actual: Any, *, limit: int) -> list[str]:
    """Where two JSON values differ, as in ``$.a.b: expected 3, got "3"``, up to a limit."""
    found = (
        f"{json_path(path)}: {problem}"
        for path, left, right in paired(expected, actual)
        if (problem := _unlike(left, right)) is not None
    )
    return list(islice(found, limit))


def _unlike(left: Any, right: Any) -> str | None:
    if left is ABSENT:
        return f"not expected, got {shown(right)}"
    if right is ABSENT:
        return f"missing, expected {shown(left)}"
    return None if same_value(left, right) else f"expected {shown(left, 60)}, got {shown(right, 60)}"


@check
def assert_schema(
    reply: str, schema: Mapping[str, Any] | type[Any] | UnionType, *, category: str | None = None
) -> Score:
    """Check that the reply is JSON that satisfies a schema.

    Args:
        reply: the answer; a Markdown code fence around it is ignored.
        schema: a JSON Schema (draft 2020-12 unless its ``$schema`` says otherwise), a pydantic model class, or a type
            that pydantic knows, as ``llm(..., schema=...)`` takes it. References to other documents are never fetched.
            The formats date, date-time, time, duration, email, hostname, ipv4, ipv6, uri and uuid are checked.
        category: the error category of a failure; by default ``format``.

    Raises:
        LlmevalError: the schema is invalid, refers to another document, recurses without end or takes longer than two
            seconds.
    """
    if isinstance(schema, Mapping):
        text = schema_text(schema)
        problems = schema_problems(text, parsed(reply))
    else:
        refuse_unless_type(schema, _WHO)
        adapter = adapter_of(schema, _WHO)
        parsed(reply)
        problems = _problems_of_type(adapter, unfenced(reply))
    return failed(several("the schema is not met", problems), category="format") if problems else passed("format")


def schema_text(schema: Mapping[str, Any]) -> str:
    """The schema as JSON. It is checked here: a bad one is an error even when nothing is judged by it.

    Raises:
        LlmevalError: the schema is invalid.
    """
    try:
        text = json.dumps(schema)
    except (TypeError, ValueError, RecursionError) as error:
        raise LlmevalError(f"assert_schema: the schema is not JSON: {str(error)[:100]}") from None
    validator(text)
    return text


def schema_problems(text: str, value: Any) -> list[str]:
    """What `problems_of_schema` finds within the time limit.

    Raises:
        LlmevalError: the schema cannot be applied, or takes longer than two seconds.
    """
    try:
        return within_time(problems_of_schema, text, value)
    except TimedOut:
        raise LlmevalError(
            f"schema timed out: checking took more than {SECONDS:g} s; "
            "a pattern with nested repeats such as (a+)+ is the usual cause"
        ) from None


@functools.lru_cache(maxsize=64)
def validator(text: str) -> Validator:
    """The validator of a schema written as JSON.

    Raises:
        LlmevalError: the schema is invalid.
    """
    try:
        import jsonschema
        from jsonschema.validators import validator_for
        from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]
    except (ImportError, OSError) as error:  # a test has put something in the place of files
        raise LlmevalError(f"assert_schema: jsonschema cannot be loaded now: {first_line(str(error), 100)}") from None

    schema: Any = json.loads(text)
    kind = validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        schema = in_pythons_words(schema)
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise LlmevalError(
            f"assert_schema: invalid JSON Schema: {_described(error.absolute_path, error.message)}"
        ) from None
    except RecursionError:
        raise LlmevalError("assert_schema: the schema is nested too deeply") from None
    # This registry knows the drafts themselves and cannot fetch anything.
    return kind(schema, registry=REGISTRY, format_checker=_format_checker())


@functools.cache
def _format_checker() -> FormatChecker:
    """Checks the formats of our own list; jsonschema's depend on which packages are installed."""
    import jsonschema

    checker = jsonschema.FormatChecker(formats=())
    checker.checkers = {name: (functools.partial(_has_format, has), ()) for name, has in FORMATS.items()}
    return checker


def _has_format(of_text: Callable[[str], bool], value: object) -> bool:
    return not isinstance(value, str) or of_text(value)


def problems_of_schema(text: str, value: Any) -> list[str]:
    """The first problems of a JSON value that does not satisfy a schema written as JSON.

    Raises:
        LlmevalError: the schema cannot be applied.
    """
    from referencing.exceptions import Unresolvable

    try:
        errors = islice(validator(text).iter_errors(value), MOST_PROBLEMS + 1)
        return list(dict.fromkeys(problem for error in errors for problem in _problems(error)))[: MOST_PROBLEMS + 1]
    except Unresolvable as error:
        raise LlmevalError(
            f"assert_schema: {shown(error.ref)} is not in the schema, and nothing is fetched; "
            "put what it refers to under $defs"
        ) from None
    except re.error as error:
        raise LlmevalError(f"assert_schema: invalid regular expression: {str(error)[:100]}") from None
    except RecursionError:
        raise LlmevalError(
            "assert_schema: the schema refers to itself without end, or the reply is nested too deeply"
        ) from None


def _problems(error: ValidationError) -> Iterable[str]:
    from jsonschema.exceptions import best_match

    if error.context:
        nearest = best_match([error])
        if nearest is not error and nearest is not None:
            error = nearest
    path = tuple(error.absolute_path)
    asked: Any = error.validator_value
    got: Any = error.instance
    match error.validator:
        case "required" if isinstance(asked, list):
            # One error per missing name, without the name: each yields all of them, and the caller counts them once.
            for name in asked:
                if name not in got:
                    yield _described((*path, name), "required property is missing")
        case "required":  # draft 3 says it of the property itself
            yield _described(path, "required property is missing")
        case "additionalProperties" if asked is False:
            known = error.schema.get("properties", {}) if isinstance(error.schema, Mapping) else {}
            patterns = error.schema.get("patternProperties", {}) if isinstance(error.schema, Mapping) else {}
            extra = [key for key in got if key not in known and not any(re.search(p, key) for p in patterns)]
            for key in extra[: MOST_PROBLEMS + 1]:
                yield _described((*path, key), "property is not allowed")
            if not extra:
                yield _described(path, error.message)
        case "type":
            wanted = asked if isinstance(asked, str) else " or ".join(map(str, asked))
            yield _described(path, f"expected {wanted}, got {shown(got)}")
        case "enum":
            choices = ", ".join(shown(choice, 30) for choice in asked[:8])
            yield _described(path, f"expected one of {choices}, got {shown(got)}")
        case "const":
            yield _described(path, f"expected {shown(asked)}, got {shown(got)}")
        case "pattern" | "format":
            yield _described(path, f"{shown(got)} {_unlike_text(asked, is_format=error.validator == 'format')}")
        case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf":
            yield _described(path, f"{error.validator} is {shown(asked)}, got {shown(got)}")
        case "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties":
            yield _described(path, f"{error.validator} is {shown(asked)}, got {len(got)}")
        case _:
            yield _described(path, error.message)


def _unlike_text(asked: str, *, is_format: bool) -> str:
    if is_format:
        return f"is no {asked}{_EXAMPLES.get(asked, '')}"
    return f"does not match {shown(asked.original if isinstance(asked, Translated) else asked)}"


def _described(path: Iterable[object], problem: str) -> str:
    return f"{json_path(path)}: {harmless(shortened(problem, 150))}".replace("\n", " ")


def _problems_of_type(adapter: Any, text: str) -> list[str]:
    try:
        adapter.validate_json(text)
    except ValueError as error:  # pydantic's ValidationError is one; pydantic itself is not imported for it
        if not hasattr(error, "errors"):
            raise
        details = error.errors(include_url=False, include_context=False)[: MOST_PROBLEMS + 1]
        return [_model_problem(detail["loc"], detail["type"], detail["msg"], detail.get("input")) for detail in details]
    return []


def _model_problem(location: tuple[int | str, ...], kind: str, message: str, value: object) -> str:
    if kind == "missing":
        return _described(location, "required property is missing")
    if kind == "extra_forbidden":
        return _described(location, "property is not allowed")
    return _described(location, f"{message[:1].lower()}{message[1:]}, got {shown(value)}")
