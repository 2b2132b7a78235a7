"""Mistakes in what the configuration of a model changes in requests, which a schema cannot express."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_llmeval.json_text import path_steps
from pytest_llmeval.text import quoted_ascii

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
        return (
            f"names {quoted_ascii(name)}; allowed are names as in temperature, thinking.budget_tokens, tools[*].strict"
        )
    if first == "stream":
        return "names stream; whether an answer is streamed is said by a test, the application, or params"
    if first in _IS_ASKED:
        return f"names {first}, which is what a test asks, no parameter; take it out"
    return None
