"""What an agent did, in words: the tools it called, step by step."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pytest_llmeval.reply import ToolCall
from pytest_llmeval.report.text import harmless, shortened

__all__ = ["call_words", "json_words"]

_VALUE = 60  # characters of one argument


def call_words(call: ToolCall, width: int = 100) -> str:
    """A tool call on one harmless line, as in ``refund(order="LK-17", amount=84)``.

    Args:
        call: what the model wants called.
        width: the most characters.
    """
    name, arguments = shortened(str(call.name), 60), call.arguments
    if isinstance(arguments, Mapping):
        shown = ", ".join(f"{shortened(str(key), 30)}={json_words(value)}" for key, value in arguments.items())
    else:
        raw = str(call.raw_arguments)
        shown = f"not JSON: {json_words(raw)}" if raw.strip() else ""
    return shortened(_one_line(f"{name}({shown})"), width)


def json_words(value: object, width: int = _VALUE) -> str:
    """A JSON value on one line, its middle left out when it is longer than a width in characters."""
    if isinstance(value, str):
        value = shortened(value, width)
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = "..."
    return _one_line(shortened(text, width + 2))


def _one_line(text: str) -> str:
    return " ".join(harmless(text).split())
