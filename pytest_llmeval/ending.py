"""How an answer ended, in one set of words for all providers, and what that says of it."""

from __future__ import annotations

from pytest_llmeval.errors import ProviderErrorKind
from pytest_llmeval.reply import Answer
from pytest_llmeval.report.text import first_line

__all__ = ["FINISHED", "TOLD_AS_ERRORS", "ending", "ending_category", "without_answer"]

FINISHED = frozenset({"stop", "tool_calls"})
"""The endings of a whole answer; every other word is one of an answer that is not finished."""

TOLD_AS_ERRORS: frozenset[ProviderErrorKind] = frozenset(
    {"content_filter", "invalid_tool_call", "invalid_json", "length"}
)
"""The kinds of a provider's error that are failures of the model: such a response is an answer that ended so."""

_WORDS = {
    "stop": ("complete", "completed", "end_turn", "eos", "eos_token", "stop", "stop_sequence"),
    "length": (
        "length",
        "max_length",
        "max_output_tokens",
        "max_tokens",
        "model_context_window_exceeded",
        "model_length",
    ),
    "tool_calls": ("function_call", "tool_call", "tool_calls", "tool_use"),
    "content_filter": (
        "blocklist",
        "content_filter",
        "content_filtered",
        "error_toxic",
        "guardrail_intervened",
        "image_prohibited_content",
        "image_recitation",
        "image_safety",
        "model_armor",
        "prohibited_content",
        "recitation",
        "refusal",
        "safety",
        "sensitive",
        "spii",
    ),
    "invalid_tool_call": (
        "invalid_tool_call",
        "malformed_function_call",
        "malformed_tool_use",
        "too_many_tool_calls",
        "unexpected_tool_call",
    ),
}
_ENDINGS = {word: name for name, words in _WORDS.items() for word in words}
_CATEGORIES = {"length": "truncated", "invalid_tool_call": "tool_call", "invalid_json": "format"}
_REFUSED = {"invalid_tool_call": "an invalid tool call", "invalid_json": "JSON that is none"}


def ending(word: str | None) -> str | None:
    """A provider's word for why an answer ended, in ours.

    Args:
        word: as ``end_turn``, ``MAX_TOKENS`` or ``content_filter: SAFETY``; None when nothing was said.

    Returns:
        ``stop``, ``length``, ``tool_calls``, ``content_filter`` or ``invalid_tool_call``; a word that is not known as
        it is.
    """
    if word is None:
        return None
    # Google's chat completions say both: "function_call_filter: MALFORMED_FUNCTION_CALL".
    parts = [part.strip().lower() for part in word.split(":")]
    return next((_ENDINGS[part] for part in reversed(parts) if part in _ENDINGS), word)


def ending_category(answer: Answer) -> str | None:
    """The error category that the ending of an answer explains a failure with, None when it explains none."""
    if answer.refusal or answer.finish_reason == "content_filter":
        return "refusal"
    return _CATEGORIES.get(answer.finish_reason or "")


def without_answer(answer: Answer) -> tuple[str, str] | None:
    """Why there is no answer in an answer: an error category and a reason; None when there may be one.

    An answer without text and tool calls is none when it was refused or is not finished; what the provider itself has
    found invalid is none either.
    """
    reason, category = answer.finish_reason, ending_category(answer)
    if reason in _REFUSED:
        written = f': "{first_line(answer.text, 200)}"' if answer.text else ""
        return category or "format", f"the provider refused what the model wrote, {_REFUSED[reason]}{written}"
    if answer.text.strip() or answer.tool_calls:
        return None
    if category == "refusal":
        told = first_line(answer.refusal or "stopped by the provider's filter", 300)
        return category, f"the model gave no answer but a refusal: {told}"
    if category == "truncated":
        thought = answer.usage.reasoning_tokens
        spent = f", {thought} of them for thinking" if thought else ""
        return category, f"the limit of tokens was reached before the answer began{spent}"
    if reason is None or reason in FINISHED:
        return None
    return "truncated", f"the model gave no answer; it ended with {first_line(reason, 60)!r}"
