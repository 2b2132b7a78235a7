"""Find mistakes in the table [tool.llmeval], by ``config.schema.json`` and by rules that a schema cannot express.

The schema is the only list of keys. Most tables are right, and a quick look at the schema confirms it. Only for a table
that may be wrong is jsonschema imported, which takes longer than a hundred tests, but explains what is wrong.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from pytest_llmeval.config.request_fields import wrong_headers, wrong_params
from pytest_llmeval.errors import ConfigError
from pytest_llmeval.text import described, did_you_mean, nearest, quoted_ascii, toml_key

Place = tuple[str, ...]
"""The keys that lead to a value."""

_KEY_NAMES = frozenset({"api_key", "apikey", "x_api_key", "secret_key", "access_token", "authorization", "password"})
_TYPES = {"object": "a table", "array": "a list", "string": "text", "number": "a number", "boolean": "true or false"}
_OPTIONS = frozenset({"budget", "concurrency", "mode", "record", "report", "samples", "strict", "wordings"})
_LARGEST = 2**63 - 1  # a whole number in TOML
_HIDDEN = "a text that is not shown here"

# Sampling parameters people write one table too high.
_PARAMS = ("temperature", "top_p", "top_k", "max_tokens", "max_completion_tokens", "seed", "stop", "reasoning_effort")


def schema() -> dict[str, Any]:
    """The JSON Schema of the table."""
    text = Path(__file__).with_name("config.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def mistakes_of(table: Mapping[str, Any], name: Place) -> list[str]:
    """One line per mistake: the key's place, what was given, what is allowed, the nearest right name.

    Args:
        name: the keys that lead to the table in its file.
    """
    found: dict[Place, str] = {}
    for place, text in _unfit_values(table, ()):
        found.setdefault(place, text)
    for source in (_violations(_without(table, set(found), ())), _contradictions(table)):
        for place, text in source:
            found.setdefault(place, text)
    order = {place: number for number, place in enumerate(_places(table, ()))}
    in_order = sorted(found, key=lambda place: order.get(place, order.get(place[:-1], 0)))
    return [f"{_place(name + place)}: {found[place]}" for place in in_order]


def _violations(table: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """The places where a table breaks the schema."""
    rules_of_all = schema()
    if plainly_valid(table, rules_of_all):
        return
    from jsonschema import Draft202012Validator

    for error in Draft202012Validator(rules_of_all).iter_errors(table):
        at = tuple(key for key in error.absolute_path if isinstance(key, str))  # in a list the rest is a position
        keyword, value, rules = str(error.validator), error.instance, cast("dict[str, Any]", error.schema)
        if list(error.schema_path)[-2:-1] == ["propertyNames"]:
            yield (*at, value), f"is not a name allowed here; allowed: {rules['description']}"
        elif keyword == "additionalProperties":
            known = rules["properties"]
            for key in value.keys() - known.keys():
                yield (*at, key), f"unknown key{_hint(key, known)} (allowed: {', '.join(known)})"
        elif keyword == "required":
            yield from _missing_keys(value, rules, at)
        else:
            yield at, _refused(value, keyword, rules)


def _missing_keys(table: Mapping[str, Any], rules: Mapping[str, Any], at: Place) -> Iterator[tuple[Place, str]]:
    known = rules["properties"]
    meant = {nearest(key, known) for key in table if key not in known}  # already reported as unknown keys
    for key in rules["required"]:
        if key not in table and key not in meant:
            yield (*at, key), f"is missing; it is {known[key]['description']}"


def _refused(value: Any, keyword: str, rules: Mapping[str, Any]) -> str:
    """What is wrong with a single value."""
    allowed = rules.get("description") or " or ".join(f'"{one}"' for one in rules.get("enum", ()))
    match keyword:
        case "enum":
            guess = did_you_mean(value, rules["enum"]) if isinstance(value, str) else ""
            return f"is {_given(value)}{guess} (allowed: {allowed})"
        case "pattern":
            given = _HIDDEN if rules.get("writeOnly") else _given(value)
            return f"is {given}; allowed: {allowed}{_near_rise(value, allowed)}"
        case "type":
            wanted = _TYPES[rules["type"]]
        case "minItems":
            wanted = f"a list with at least {rules['minItems']}"
        case _:
            upward = f"{rules['minimum']} or more"
            wanted = f"from {rules['minimum']} to {rules['maximum']}" if "maximum" in rules else upward
    return f"is {_given(value)}; allowed: {wanted}{f' ({allowed})' if allowed else ''}"


def _without(value: Any, places: set[Place], at: Place) -> Any:
    """A table without the values at some places."""
    if isinstance(value, list):
        return [_without(inner, places, at) for inner in value]
    if not isinstance(value, dict):
        return value
    return {key: _without(inner, places, (*at, key)) for key, inner in value.items() if (*at, key) not in places}


def _hint(key: str, known: Mapping[str, Any]) -> str:
    if "models" in known and key in _OPTIONS:
        return f"; it is an option, --llm-{key}, which pytest's addopts may hold"
    guess = did_you_mean(key, known)
    if not guess and key in ("tool", "llmeval"):
        return "; in llmeval.toml the keys of [tool.llmeval] are at the top level"
    if "params" in known and (param := nearest(key, _PARAMS)) and (not guess or param == key):
        return f'; did you mean "params = {{ {param} = ... }}"?'
    return guess


def _near_rise(value: str, allowed: str) -> str:
    number = re.fullmatch(r"[+]?\s*([0-9]{1,4}([.][0-9]{1,4})?)\s*%?\s*", value)
    return f'; did you mean "+{number[1]}%"?' if number and "+20%" in allowed else ""


def _given(value: Any) -> str:
    """What was given, unless it may be a secret."""
    if isinstance(value, str) and (_is_secret(value) or "@" in value):
        return _HIDDEN
    return described(value, mapping="a table")


def _place(place: Place) -> str:
    """As in ``[tool.llmeval.models.candidate] base_url``."""
    *table, key = map(toml_key, place)
    return f"[{'.'.join(table)}] {key}" if table else key


def _unfit_values(value: Any, at: Place) -> Iterator[tuple[Place, str]]:
    """Values anywhere in the table that JSON cannot hold, and secrets."""
    match value:
        case dict():
            for key, inner in value.items():
                if key.lower().replace("-", "_") in _KEY_NAMES:
                    yield (*at, key), _USE_ENVIRONMENT
                else:
                    yield from _unfit_values(inner, (*at, key))
        case list():
            for inner in value:
                yield from _unfit_values(inner, at)
        case str():
            if _is_secret(value):
                yield at, f"holds what looks like a key; {_USE_ENVIRONMENT}"
        case float():
            if not math.isfinite(value):
                yield at, f"is {_given(value)}; allowed: a finite number"
        case bool():
            pass
        case int():
            if abs(value) > _LARGEST:
                yield at, f"is {_given(value)}; allowed: numbers up to {_LARGEST}"
        case _:
            yield at, "is a date or time; write it as text in quotes"


_USE_ENVIRONMENT = (
    'keys do not belong in files; name the environment variable that holds it: api_key_env = "OPENAI_API_KEY"'
)


def _is_secret(text: str) -> bool:
    from pytest_llmeval.credentials import hide_likely

    return hide_likely(text) != text


def _contradictions(table: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Mistakes that a schema cannot express; values that break the schema are skipped."""
    models = table.get("models", {})
    models = models if isinstance(models, dict) else {}
    for alias, model in models.items():
        url = model.get("base_url") if isinstance(model, dict) else None
        if isinstance(url, str) and (text := _wrong_address(url)):
            yield ("models", alias, "base_url"), text
        tags = model.get("thinking_tags") if isinstance(model, dict) else None
        if isinstance(tags, list) and all(isinstance(tag, str) for tag in tags) and _wrong_tags(tags):
            allowed = 'two different texts, as in ["<think>", "</think>"]'
            yield ("models", alias, "thinking_tags"), f"is {_given(tags)}; allowed: {allowed}"
        for key, text in wrong_params(model) if isinstance(model, dict) else ():
            yield ("models", alias, key), text
        for header, text in wrong_headers(model) if isinstance(model, dict) else ():
            yield ("models", alias, "headers", *filter(None, [header])), text
    for path in table["ignore"] if isinstance(table.get("ignore"), list) else ():
        if isinstance(path, str) and (text := _wrong_path(path)):
            yield ("ignore",), text
    for key in ("model", "baseline"):
        name = table.get(key)
        if isinstance(name, str) and isinstance(models.get(name), dict) and models[name].get("judge") is True:
            yield (key,), f"{quoted_ascii(name)} has judge = true: it judges answers, and is not put on trial itself"
        if not isinstance(name, str) or name in models or (key == "baseline" and name.endswith(".jsonl")):
            continue
        provider, _, rest = name.partition("/")
        if not provider or not (rest or provider.startswith("python:")) or " " in name:
            known = ", ".join([*models, "or provider/model"])
            yield (key,), f"unknown model {quoted_ascii(name)}{did_you_mean(name, models)} (models: {known})"


def _wrong_tags(tags: list[str]) -> bool:
    return len(tags) != 2 or tags[0] == tags[1] or not all(tag.strip() for tag in tags)


def _wrong_path(path: str) -> str | None:
    from pytest_llmeval.json_text import path_steps

    try:
        path_steps(path)
    except ValueError:
        return f"holds {_given(path)}; allowed: JSON paths like metadata.trace, messages[0].name or tools[*].id"
    return None


def _places(table: Mapping[str, Any], at: Place) -> Iterator[Place]:
    """All keys in the order of the table."""
    for key, value in table.items():
        yield (*at, key)
        if isinstance(value, dict):
            yield from _places(value, (*at, key))


def _wrong_address(url: str) -> str | None:
    from urllib.parse import urlsplit

    from pytest_llmeval.config.base_url import check_base_url

    if "@" in url.partition("?")[0]:
        return "holds a user name or a password; name the environment variable with the key: api_key_env"
    try:
        urlsplit(url)
        check_base_url(url)
    except ConfigError as error:
        return str(error).removeprefix("base_url ")
    except ValueError:
        return f"is {_given(url)}; allowed: an http or https URL, as in https://api.example.com/v1"
    return None


_PLAIN_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "number": (int, float),
}


def plainly_valid(value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether a value of JSON's types obeys a JSON Schema of draft 2020-12; False also when that is not known."""
    return _valid(value, schema, schema.get("$defs", {}))


def _valid(value: Any, rules: Mapping[str, Any], definitions: Mapping[str, Any]) -> bool:
    def valid(inner: Any, rule: Any) -> bool:
        return rule is True or (rule is not False and _valid(inner, rule, definitions))

    def obeys(keyword: str, rule: Any) -> bool:
        match keyword:
            case "$schema" | "$defs" | "title" | "description" | "writeOnly" | "properties" | "additionalProperties":
                return True  # annotations, and what is looked at below
            case "type":
                kinds = _PLAIN_TYPES.get(rule) if isinstance(rule, str) else None
                return kinds is not None and isinstance(value, kinds) and isinstance(value, bool) == (kinds is bool)
            case "$ref":
                name = rule.removeprefix("#/$defs/")
                return name in definitions and valid(value, definitions[name])
            case "enum":
                return isinstance(value, str) and value in rule  # JSON's 1 and true are not Python's
            case "pattern":
                return not isinstance(value, str) or re.search(rule, value) is not None
            case "minimum":
                return not isinstance(value, (int, float)) or value >= rule
            case "maximum":
                return not isinstance(value, (int, float)) or value <= rule
            case "required":
                return not isinstance(value, dict) or all(name in value for name in rule)
            case "propertyNames":
                return not isinstance(value, dict) or all(valid(name, rule) for name in value)
            case "minItems":
                return not isinstance(value, list) or len(value) >= rule
            case "items":
                return not isinstance(value, list) or all(valid(item, rule) for item in value)
        return False

    if not all(obeys(keyword, rule) for keyword, rule in rules.items()):
        return False
    known, others = rules.get("properties", {}), rules.get("additionalProperties", True)
    return not isinstance(value, dict) or all(valid(inner, known.get(key, others)) for key, inner in value.items())
