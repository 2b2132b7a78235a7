"""What is wrong with the table [tool.llmeval]: the rules of ``config.schema.json``, and what a schema cannot say.

The schema is JSON Schema and the only list of keys there is. It is read here, keyword by keyword, because importing
jsonschema costs every session more than reading its configuration does; a test holds the two to the same verdicts.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_llmeval.errors import ConfigError
from pytest_llmeval.wording import described, did_you_mean, nearest, quoted

__all__ = ["mistakes_of", "schema", "violations"]

Place = tuple[str, ...]
"""The keys that lead to a value."""

_KEY_NAMES = frozenset({"api_key", "apikey", "x_api_key", "secret_key", "access_token", "authorization", "password"})
_KEY_START = re.compile(r"(?<![A-Za-z0-9])(?:sk-[A-Za-z0-9_-]{8}|Bearer\s+\S{8})")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_TYPES: dict[str, tuple[str, tuple[type, ...]]] = {
    "object": ("a table", (dict,)),
    "string": ("text", (str,)),
    "number": ("a number", (int, float)),
}
_HIDDEN = "a text that is not repeated here"
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
        table: as it was read from the file.
        name: the keys that lead to the table in its file.
    """
    rules = schema()
    found: dict[Place, str] = {}
    for source in (_unfit_values(table, ()), violations(table, rules, rules), _contradictions(table)):
        for place, text in source:
            found.setdefault(place, text)
    order = {place: number for number, place in enumerate(_places(table, ()))}
    in_order = sorted(found, key=lambda place: order.get(place, order.get(place[:-1], 0)))
    return [f"{_place(name + place)}: {found[place]}" for place in in_order]


def violations(
    value: Any, rules: Mapping[str, Any], root: Mapping[str, Any], at: Place = ()
) -> Iterator[tuple[Place, str]]:
    """Where a value breaks a schema.

    Args:
        value: what TOML can hold.
        rules: the part of the schema that concerns it.
        root: the whole schema, for its ``$ref``.
        at: the keys that lead to the value.
    """
    if "$ref" in rules:
        rules = root["$defs"][rules["$ref"].rpartition("/")[2]]
    allowed = rules.get("description") or " or ".join(f'"{one}"' for one in rules.get("enum", ()))
    if "enum" in rules and value not in rules["enum"]:
        guess = did_you_mean(value, rules["enum"]) if isinstance(value, str) else ""
        yield at, f"is {_given(value)}{guess} (allowed: {allowed})"
    elif "type" in rules and not _is(value, rules["type"]):
        wanted = _TYPES[rules["type"]][0]
        yield at, f"is {_given(value)}; allowed is {wanted}{f': {allowed}' if allowed else ''}"
    elif isinstance(value, str):
        if "pattern" in rules and not re.search(rules["pattern"], value):
            given = _HIDDEN if rules.get("writeOnly") else _given(value)
            yield at, f"is {given}; allowed is {allowed}{_near_rise(value, allowed)}"
    elif isinstance(value, dict):
        yield from _in_table(value, rules, root, at)
    elif ("minimum" in rules and value < rules["minimum"]) or ("maximum" in rules and value > rules["maximum"]):
        yield at, f"is {_given(value)}; allowed is {_range(rules)}{f': {allowed}' if allowed else ''}"


def _in_table(
    table: dict[str, Any], rules: Mapping[str, Any], root: Mapping[str, Any], at: Place
) -> Iterator[tuple[Place, str]]:
    known: Mapping[str, Any] = rules.get("properties", {})
    others = rules.get("additionalProperties", True)
    names = rules.get("propertyNames", {})
    guessed = set()
    for key, value in table.items():
        if "pattern" in names and not re.search(names["pattern"], key):
            yield (*at, key), f"is no name that can stand here; allowed are {names['description']}"
        if key in known:
            yield from violations(value, known[key], root, (*at, key))
        elif others is False:
            guessed.add(nearest(key, known))
            yield (*at, key), f"unknown key{_hint(key, known)} (allowed: {', '.join(known)})"
        elif isinstance(others, dict):
            yield from violations(value, others, root, (*at, key))
    for key in rules.get("required", ()):
        if key not in table and key not in guessed:
            yield (*at, key), f"is missing; it is {known[key]['description']}"


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind][1]) and not isinstance(value, bool)


def _hint(key: str, known: Mapping[str, Any]) -> str:
    guess = did_you_mean(key, known)
    if not guess and key in ("tool", "llmeval"):
        return "; the keys of [tool.llmeval] stand at the top level of llmeval.toml"
    if "params" in known and (param := nearest(key, _PARAMS)) and (not guess or param == key):
        return f'; did you mean "params = {{ {param} = ... }}"?'
    return guess


def _near_rise(value: str, allowed: str) -> str:
    number = re.fullmatch(r"[+]?\s*([0-9]{1,4}([.][0-9]{1,4})?)\s*%?\s*", value)
    return f'; did you mean "+{number[1]}%"?' if number and "+20%" in allowed else ""


def _range(rules: Mapping[str, Any]) -> str:
    return f"from {rules['minimum']} to {rules['maximum']}" if "maximum" in rules else f"{rules['minimum']} or more"


def _given(value: Any) -> str:
    """What was given, unless it may be a secret."""
    if isinstance(value, str) and (_is_secret(value) or "@" in value):
        return _HIDDEN
    return described(value, mapping="a table")


def _place(place: Place) -> str:
    """As in ``[tool.llmeval.models.candidate] base_url``."""
    *table, key = (part if _BARE.fullmatch(part) else quoted(part) for part in place)
    return f"[{'.'.join(table)}] {key}" if table else key


def _unfit_values(value: Any, at: Place) -> Iterator[tuple[Place, str]]:
    """Values anywhere in the table that no JSON can hold, and secrets."""
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
                yield at, f"is {_given(value)}; allowed is a finite number"
        case bool() | int():
            pass
        case _:
            yield at, "is a date or time; write it as text in quotes"


_USE_ENVIRONMENT = (
    'keys do not belong in files; name the environment variable that holds it: api_key_env = "OPENAI_API_KEY"'
)


def _is_secret(text: str) -> bool:
    from pytest_llmeval.store.redaction import find_secrets

    return _KEY_START.search(text) is not None or bool(find_secrets(text, {}))


def _contradictions(table: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """What a schema cannot say; values that break it are passed over."""
    models = table.get("models", {})
    models = models if isinstance(models, dict) else {}
    for alias, model in models.items():
        url = model.get("base_url") if isinstance(model, dict) else None
        if isinstance(url, str) and (text := _wrong_address(url)):
            yield ("models", alias, "base_url"), text
    for key in ("model", "baseline"):
        name = table.get(key)
        if not isinstance(name, str) or name in models or (key == "baseline" and name.endswith(".jsonl")):
            continue
        provider, _, rest = name.partition("/")
        if not provider or not rest or " " in name:
            known = ", ".join([*models, "or provider/model"])
            yield (key,), f"unknown model {quoted(name)}{did_you_mean(name, models)} (models: {known})"


def _places(table: Mapping[str, Any], at: Place) -> Iterator[Place]:
    """All keys in the order of the table."""
    for key, value in table.items():
        yield (*at, key)
        if isinstance(value, dict):
            yield from _places(value, (*at, key))


def _wrong_address(url: str) -> str | None:
    from urllib.parse import urlsplit

    from pytest_llmeval.providers.base_url import check_base_url

    if "@" in url.partition("?")[0]:
        return "holds a user name or a password; name the environment variable with the key: api_key_env"
    try:
        urlsplit(url)
        check_base_url(url)
    except ConfigError as error:
        return str(error).removeprefix("base_url ")
    except ValueError:
        return f"is {_given(url)}; allowed is an http or https URL, as in https://api.example.com/v1"
    return None
