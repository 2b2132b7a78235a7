"""What a model answered: `Answer` as a provider reads it, `Reply` as a test sees it, and how it ended."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal, NamedTuple, Self

from pytest_llmeval.errors import CheckFailed, ProviderErrorKind
from pytest_llmeval.json_text import parsed_json
from pytest_llmeval.score import note_examined, surrounding
from pytest_llmeval.text import first_line, json_words, one_line, shortened

Source = Literal["live", "cache", "recording"]

OTHER_CALL = "other-call"
"""What stands for the wire format of a call, as for embeddings, whose answer nobody judges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call, None where the provider did not say.

    Attributes:
        input_tokens: all input, cache reads and writes included.
        output_tokens: all output, reasoning included.
        cache_read_tokens: input that came from the provider's prompt cache.
        cache_write_tokens: input that was written into it.
        reasoning_tokens: output the model spent thinking.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A function the model wants called, or a tool that the provider called for it.

    Attributes:
        arguments: None when they are not a JSON object.
        raw_arguments: the text as the model sent it.
        id: the provider's id of this call.
        signature: what Gemini wants back with the call, unread.
    """

    name: str
    arguments: Mapping[str, Any] | None
    raw_arguments: str = ""
    id: str | None = None
    signature: str | None = None

    def result(self, content: Any) -> dict[str, Any]:
        """The message that gives the model the result of this call, for every provider.

        Args:
            content: the tool's result: a text, or anything that becomes JSON.
        """
        text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        # Without an id the name identifies the call; with an id, OpenAI's form has no place for the name.
        identity = {"tool_call_id": self.id} if self.id else {"name": self.name}
        return {"role": "tool", **identity, "content": text}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A provider's response in the one form the rest of the package knows.

    Attributes:
        text: "" when there is none.
        tool_calls: functions the model wants the application to call.
        provider_tool_calls: tools that the provider ran by itself, such as a search, or a tool of an MCP server.
        finish_reason: ``stop``, ``length``, ``tool_calls``, ``content_filter``; ``invalid_tool_call`` or
            ``invalid_json`` when the provider refused what the model wrote; or the provider's own word.
        refusal: of the model or of a filter, when the provider marks one.
        response_model: the model that answered, as the provider names it.
        cost: USD, as the provider itself says; None when it does not.
        beside: tokens of other models that the provider asked for this answer, by their names.
        thinking: what the model thought before it answered, as far as the provider shows it.
        goes_back: further fields of the assistant's message, which the provider wants back in the next request, unread.
    """

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    provider_tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage = field(default_factory=Usage)
    finish_reason: str | None = None
    refusal: str | None = None
    response_model: str | None = None
    response_id: str | None = None
    cost: float | None = None
    beside: Mapping[str, Usage] = field(default_factory=dict)
    thinking: str = ""
    goes_back: Mapping[str, Any] = field(default_factory=dict)

    @property
    def every_tool_call(self) -> tuple[ToolCall, ...]:
        """Both kinds; the provider calls its tools before the model ends its turn to have others called."""
        return (*self.provider_tool_calls, *self.tool_calls)


class Measures(NamedTuple):
    """What one call cost; a replayed call has the figures from when it was recorded.

    Attributes:
        latency: seconds from sending the successful attempt to the end of its answer.
        ttft: seconds to the first token, None for a call that was not streamed.
        cost: USD, None when no price is known.
        attempts: how many times the request was sent, failures included.
    """

    latency: float
    ttft: float | None = None
    cost: float | None = None
    attempts: int = 1
    source: Source = "live"


class Reply(str):
    """A model's answer: a ``str`` that knows what it cost.

    Attributes:
        model: the model's name as the test run knows it: the alias, or ``provider/model``.
        ending_was_read: whether the test has looked at ``finish_reason`` or ``refusal``, and so judges them.
    """

    __slots__ = ("answer", "ending_was_read", "measures", "model")

    answer: Answer
    measures: Measures
    model: str
    ending_was_read: bool

    def __new__(cls, answer: Answer, measures: Measures, model: str) -> Self:
        """Make the reply; its text is the answer's."""
        self = super().__new__(cls, answer.text)
        self.answer = answer
        self.measures = measures
        self.model = model
        self.ending_was_read = False
        return self

    def __getnewargs__(self) -> tuple[Answer, Measures, str]:  # type: ignore[override]
        return (self.answer, self.measures, self.model)

    def json(self) -> Any:
        """The answer parsed as JSON; a Markdown code fence around it is ignored.

        Raises:
            CheckFailed: category ``format``, when the answer is not JSON.
        """
        __tracebackhide__ = True
        if surrounding.get() is None:  # else a failure has the category of the block
            note_examined("format")
        try:
            return parsed_json(unfenced(self))
        except ValueError as error:
            raise CheckFailed(f"the reply is not JSON: {error}", category="format", check="json") from None

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The functions the model wants called, in order."""
        return self.answer.tool_calls

    @property
    def provider_tool_calls(self) -> tuple[ToolCall, ...]:
        """The tools that the provider ran by itself, in order: its own, and those of MCP servers."""
        return self.answer.provider_tool_calls

    @property
    def message(self) -> dict[str, Any]:
        """The reply as the assistant's message, to be appended to the messages of the next call.

        It has the form of OpenAI's chat completions for every provider. What a provider wants back besides, such as
        what the model thought, is in further fields.
        """
        answer = self.answer
        message: dict[str, Any] = {"role": "assistant", "content": answer.text or answer.refusal or ""}
        if answer.tool_calls:
            message["content"] = message["content"] or None
            message["tool_calls"] = [_call_in_message(call) for call in answer.tool_calls]
        message.update(deepcopy(dict(answer.goes_back)))
        if OWN_FORM in message:
            message[OWN_FORM]["of"] = digest_of_message(message)
        return message

    @property
    def thinking(self) -> str:
        """What the model thought before it answered, "" when the provider does not show it; checks do not see it."""
        return self.answer.thinking

    @property
    def usage(self) -> Usage:
        """Tokens in and out."""
        return self.answer.usage

    @property
    def finish_reason(self) -> str | None:
        """Why the model stopped: ``stop``, ``length``, ``tool_calls``, ``content_filter`` or a word of the provider."""
        self.ending_was_read = True
        return self.answer.finish_reason

    @property
    def refusal(self) -> str | None:
        """The refusal of the model or of the provider's filter, None when the provider marks none."""
        self.ending_was_read = True
        return self.answer.refusal

    @property
    def latency(self) -> float:
        """Seconds of the successful attempt; for a replayed reply, as recorded."""
        return self.measures.latency

    @property
    def ttft(self) -> float | None:
        """Seconds to the first token, None unless the call was streamed."""
        return self.measures.ttft

    @property
    def cost(self) -> float | None:
        """USD, None when no price is known; for a replayed reply, what it cost when it was recorded."""
        return self.measures.cost

    @property
    def cached(self) -> bool:
        """Whether the reply was replayed from a recording or the cache."""
        return self.measures.source != "live"

    @property
    def attempts(self) -> int:
        """How many times the request was sent."""
        return self.measures.attempts


OWN_FORM = "own_form"
"""The field of an assistant's message with the answer as it came: ``{"format", "content", "of"}``."""


def digest_of_message(message: Mapping[str, Any]) -> str:
    """Digest of what an assistant's message says; a test that has changed the message does not mean the answer."""
    said = json.dumps([message.get("content") or "", message.get("tool_calls") or []], sort_keys=True, default=repr)
    return sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _call_in_message(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.raw_arguments or "{}"}
    identity = {"id": call.id} if call.id else {}
    signed = {"extra_content": {"google": {"thought_signature": call.signature}}} if call.signature else {}
    return {**identity, "type": "function", "function": function, **signed}


_FENCE = re.compile(r"(`{3,}+|~{3,}+)([^\n]*+)\n")  # possessive: a long row of marks is read once


def unfenced(text: str) -> str:
    """The text without a Markdown code fence that encloses all of it.

    A fence is of three or more backticks or tildes, with any words behind the first of them. It may be indented, and
    end on the last line of what it encloses.
    """
    stripped = text.strip()
    opening = _FENCE.match(stripped)
    if opening is None:
        return stripped
    fence, words = opening.groups()
    mark, inner = fence[0], stripped[opening.end() :].rstrip(fence[0])
    if mark == "`" and "`" in words:  # code within a line
        return stripped
    if len(stripped) - opening.end() - len(inner) < len(fence):
        return stripped
    if re.search(rf"^[ \t]*{fence}{mark}*[ \t\r]*$", inner, re.MULTILINE):  # it ends before, and encloses only a part
        return stripped
    return inner.strip()


FINISHED = frozenset({"stop", "tool_calls"})
"""The endings of a finished answer; any other word means that it is not finished."""

TOLD_AS_ERRORS: frozenset[ProviderErrorKind] = frozenset(
    {"content_filter", "invalid_tool_call", "invalid_json", "length"}
)
"""The kinds of a provider's error that are the model's failure: such a response is an answer with that ending."""

# The words of all providers, by ours.
_WORDS = {
    "stop": "complete completed end_turn eos eos_token stop stop_sequence",
    "length": "context_length_exceeded length max_length max_output_tokens max_tokens "
    "model_context_window_exceeded model_length token_limit",
    "tool_calls": "function_call tool_call tool_calls tool_use",
    "content_filter": "blocklist content_filter content_filtered error_toxic guardrail_intervened "
    "image_prohibited_content image_recitation image_safety language model_armor prohibited_content recitation refusal "
    "safety sensitive spii",
    "invalid_tool_call": "invalid_tool_call malformed_function_call malformed_tool_use too_many_tool_calls "
    "unexpected_tool_call",
}
_ENDINGS = {word: name for name, words in _WORDS.items() for word in words.split()}
_CATEGORIES = {"length": "truncated", "invalid_tool_call": "tool_call", "invalid_json": "format"}
_REFUSED = {"invalid_tool_call": "an invalid tool call", "invalid_json": "invalid JSON"}


def ending(word: str | None) -> str | None:
    """Translate a provider's word for why an answer ended.

    Args:
        word: such as ``end_turn``, ``MAX_TOKENS`` or ``content_filter: SAFETY``; None when the provider did not say.

    Returns:
        ``stop``, ``length``, ``tool_calls``, ``content_filter`` or ``invalid_tool_call``; an unknown word unchanged.
    """
    if word is None:
        return None
    # Google's chat completions say both: "function_call_filter: MALFORMED_FUNCTION_CALL".
    parts = [part.strip().lower() for part in word.split(":")]
    return next((_ENDINGS[part] for part in reversed(parts) if part in _ENDINGS), word)


def ending_category(answer: Answer) -> str | None:
    """The error category of a failure that the answer's ending explains, None when it explains none."""
    if answer.refusal or answer.finish_reason == "content_filter":
        return "refusal"
    return _CATEGORIES.get(answer.finish_reason or "")


def without_answer(answer: Answer) -> tuple[str, str] | None:
    """Why an answer holds nothing to judge, as an error category and a reason; None when it may.

    It does not when the provider found it invalid, or when it has no text and no tool call and was refused or is not
    finished.
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


def call_words(call: ToolCall, width: int = 100) -> str:
    """A tool call on one harmless line of at most a width in characters: ``refund(order="LK-17", amount=84)``."""
    name, arguments = shortened(str(call.name), 60), call.arguments
    if isinstance(arguments, Mapping):
        shown = ", ".join(f"{shortened(str(key), 30)}={json_words(value)}" for key, value in arguments.items())
    else:
        raw = str(call.raw_arguments)
        shown = f"not JSON: {json_words(raw)}" if raw.strip() else ""
    return shortened(one_line(f"{name}({shown})"), width)
