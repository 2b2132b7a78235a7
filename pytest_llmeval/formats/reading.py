"""Reading what a server sent: nothing in it may be trusted to have the promised type."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pytest_llmeval.errors import ProviderError
from pytest_llmeval.formats.base import Event
from pytest_llmeval.json_text import sent_json
from pytest_llmeval.reply import Answer, ToolCall, ending
from pytest_llmeval.text import first_line

FILTERED = "stopped by the provider's content filter"
"""The refusal in an answer that a filter blocked or cut, where the provider gives no text."""

_MOST_TOKENS = 10**12
_DEEPEST = 100  # levels of a call's arguments; json reads more of them than it can write where the stack is longer


def count(value: Any) -> int | None:
    """A number of tokens, None for anything else, and for numbers so large that calculating with them would fail."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_TOKENS else None


def total(*counts: int | None) -> int | None:
    """The sum of the known counts, None when all are unknown."""
    known = [number for number in counts if number is not None]
    return sum(known) if known else None


def text_or_none(value: Any) -> str | None:
    """A text that is not empty, else None."""
    return value if isinstance(value, str) and value else None


def object_or_empty(value: Any) -> dict[str, Any]:
    """A JSON object, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[dict[str, Any]]:
    """The JSON objects in a list, none for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def answer_in_error(error: Any) -> Answer:
    """The answer in an error within a body or a stream, when the error is the model's own failure.

    Raises:
        ProviderError: it is an error of another kind.
    """
    from pytest_llmeval.formats import failure  # late: most sessions see no error

    return failure.answer_in_error(error)


def finish_reason(word: Any) -> str | None:
    """Why an answer ended, in our words; None when the provider does not say.

    Raises:
        ProviderError: kind ``overloaded``: the provider says that it failed, so this is half an answer.
    """
    reason = ending(text_or_none(word))
    if reason is not None and reason.lower() == "error":
        raise ProviderError(f"the provider broke the answer off: it ended with {reason!r}", kind="overloaded")
    return reason


def malformed(message: str) -> ProviderError:
    """The error for an answer that breaks the API's promises."""
    return ProviderError(message, kind="malformed")


def cut(characters: int, lacking: str) -> ProviderError:
    """The error for a stream that ended before its answer did, in words such as "without a stop_reason"."""
    return malformed(f"the stream was cut: it ended after {characters} characters, {lacking}")


def listed(content: Mapping[str, Any]) -> str:
    """What an object has instead of what it should have."""
    return f"only {first_line(', '.join(map(str, content)), 80)}" if content else "it is empty"


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True


def tool_call(name: Any, arguments: Any, identity: Any = None, signature: Any = None) -> ToolCall:
    """A tool call in normal form.

    Args:
        name: of the function.
        arguments: a JSON object, or the text of one.
        identity: the provider's id of the call.
        signature: what Gemini wants back with it.

    Raises:
        ProviderError: kind ``malformed``: the name is missing, or an object is nested too deeply.
    """
    if not isinstance(name, str) or not name:
        raise malformed("a tool call has no function name")
    if isinstance(arguments, dict):
        if _is_deep(arguments):
            raise malformed(f"the arguments of a tool call are nested more than {_DEEPEST} levels deep")
        raw, parsed = json.dumps(arguments), arguments
    else:
        raw = arguments if isinstance(arguments, str) else ""
        try:
            parsed = sent_json(raw)
        except ValueError:
            parsed = None
        if _is_deep(parsed):
            parsed = None
    return ToolCall(
        name=name,
        arguments=parsed if isinstance(parsed, dict) else None,
        raw_arguments=raw,
        id=text_or_none(identity),
        signature=text_or_none(signature),
    )


def event_object(event: Event) -> dict[str, Any]:
    """The JSON object an event of a stream holds, an empty one when it holds another value.

    Raises:
        ProviderError: kind ``malformed``: the data is not JSON.
    """
    try:
        content = sent_json(event.data)
    except ValueError:
        raise malformed(f"an event of the stream is not JSON: {first_line(event.data, 100)}") from None
    return object_or_empty(content)
