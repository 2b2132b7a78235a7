"""Mistakes in what the configuration of a model changes in requests, which a schema cannot express."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_llmeval.json_text import path_steps
from pytest_llmeval.text import quoted_ascii

_MADE_FOR_EACH = frozenset(
    {
        *("accept", "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect"),
        *("host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"),
    }
)
_OF_A_SECRET = re.compile(
    r"(?:.*[-_])?(?:auth|authorization|authentication|cookie|credentials?|password|passwd|secret|signature|token"
    r"|(?:access|api|auth|functions|master|private|secret|subscription|virtual)[-_]?key)"
)
_HEADERS = frozenset({"default_headers", "extra_headers", "headers"})
_IS_ASKED = frozenset({"contents", "input", "messages", "model"})


def wrong_params(model: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The keys of a model's table that hold a parameter that cannot be there, and why; other types are skipped.

    Args:
        model: the table, as it was read.
    """
    params, drop, rename = model.get("params"), model.get("drop_params"), model.get("rename_params")
    sets = set(params) if isinstance(params, dict) else set()
    dropped = [name for name in drop if isinstance(name, str)] if isinstance(drop, list) else []
    renamed = {old: new for old, new in rename.items() if isinstance(new, str)} if isinstance(rename, dict) else {}
    is_function = str(model.get("model")).startswith("python:")  # which may have arguments of any name
    for name in sorted(sets & _IS_ASKED) if not is_function else ():
        yield "params", f"sets {name}, which is what a test asks, no parameter; take it out"
    for name in sorted(sets & _HEADERS) if not is_function else ():
        yield (
            "params",
            f'sets {name}, which would be a field of the body; headers = {{ x-team = "search" }} sends headers',
        )
    for key, names in (("drop_params", dropped), ("rename_params", [*renamed, *renamed.values()])):
        for name in names:
            if text := _no_parameter(name):
                yield key, text
    for name in dropped:
        if name in sets:
            yield "drop_params", f"takes out {quoted_ascii(name)}, which params sets; keep one of them"
        elif name in renamed:
            yield "drop_params", f"takes out {quoted_ascii(name)}, which rename_params renames; keep one of them"
    for old, new in renamed.items():
        if old in sets:
            yield "rename_params", f"renames {quoted_ascii(old)}, which params sets; set {quoted_ascii(new)} there"


def _no_parameter(name: str) -> str | None:
    try:
        first = path_steps(name)[0]
    except ValueError:
        return f"names {quoted_ascii(name)}; allowed: names as in temperature, thinking.budget_tokens, tools[*].strict"
    if first == "stream":
        return "names stream; whether an answer is streamed is said by a test, the application, or params"
    if first in _IS_ASKED:
        return f"names {first}, which is what a test asks, no parameter; take it out"
    return None


def wrong_headers(model: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The headers of a model's table that cannot be sent, and why; other types are skipped."""
    headers = model.get("headers")
    if not isinstance(headers, dict):
        return
    if headers and str(model.get("model")).startswith("python:"):
        yield "", "are never sent: a python: model is called by this process; take them out"
        return
    seen: set[str] = set()
    for name, value in headers.items():
        plain = name.lower()
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
            yield name, "is no name of a header; allowed: letters, digits and - _ ."
        elif _OF_A_SECRET.fullmatch(plain):
            words = (
                "is where a key stands, and keys do not belong in files; name the environment variable that holds it: "
            )
            yield name, f'{words}api_key_env = "OPENAI_API_KEY"'
        elif plain in _MADE_FOR_EACH:
            yield name, "is made for each request; take it out"
        elif plain in seen:
            yield name, "is there twice, since case does not count; keep one of them"
        elif isinstance(value, str) and not (value.isascii() and value.isprintable() and value == value.strip()):
            yield name, "is a text that no header can hold; allowed: printable ASCII without spaces around it"
        seen.add(plain)
