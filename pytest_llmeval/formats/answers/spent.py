"""What an answer took, in tokens and in USD, from what each provider says of it.

Providers differ in whether thinking is a part of the output or stands beside it, and in the names of what they read
from their cache. The sum is the total that the answer states; without one, what the format's reference says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from pytest_llmeval.formats.reading import count, object_or_empty, objects, total
from pytest_llmeval.reply import Usage

_TICKS = 10**10  # of xAI, in a dollar


class Output(NamedTuple):
    """Tokens that came out.

    Attributes:
        all: with those of thinking.
        thinking: None when the provider does not say.
    """

    all: int | None
    thinking: int | None


def output_of(made: int | None, thought: int | None, room: int | None, *, beside: bool) -> Output:
    """The output, thinking included.

    Args:
        made: what the provider calls the output.
        thought: tokens of thinking.
        room: the stated total less all input, None when the answer states no total.
        beside: whether `made` is without `thought` according to the format's reference.
    """
    if room is not None and made is not None and room >= made:
        return Output(room, thought if thought is not None or room == made else room - made)
    if made is None:
        is_told = room is not None and room >= (thought or 0)
        return Output(room if is_told else thought if beside else None, thought)
    # More thinking than output: then it cannot be a part of it, whatever the reference says.
    return Output(made + thought if thought is not None and (beside or thought > made) else made, thought)


def _with_cache(
    prompt: int | None, made: int | None, thought: int | None, whole: int | None, cached: tuple[int | None, int | None]
) -> int | None:
    """All input: some gateways count what they read from the cache, or write into it, beside the prompt.

    Args:
        prompt: what the provider calls the input.
        made: what it calls the output, and `thought` its tokens of thinking, within it or beside it.
        whole: the stated total.
        cached: tokens read from the cache, and written into it.
    """
    if prompt is None or made is None or whole is None:
        return prompt
    read, written = (number or 0 for number in cached)
    outputs = {made, made + (thought or 0)}
    fitting = (prompt + beside for beside in (0, read + written, written, read) if whole - prompt - beside in outputs)
    return next(fitting, prompt)


def chat_usage(usage: Any) -> Usage:
    """The tokens of a chat completion."""
    usage = object_or_empty(usage)
    given = object_or_empty(usage.get("prompt_tokens_details"))
    made = object_or_empty(usage.get("completion_tokens_details"))
    read = _first(
        given.get("cached_tokens"),
        usage.get("prompt_cache_hit_tokens"),  # DeepSeek
        usage.get("cached_tokens"),  # Moonshot, Together
        usage.get("num_cached_tokens"),  # Mistral
        usage.get("cache_read_input_tokens"),  # Anthropic behind litellm and others
    )
    written = _first(
        given.get("cache_write_tokens"),
        given.get("cache_creation_tokens"),
        given.get("cache_creation_input_tokens"),  # Alibaba
        usage.get("cache_creation_input_tokens"),
    )
    prompt, whole = count(usage.get("prompt_tokens")), count(usage.get("total_tokens"))
    thought = _first(made.get("reasoning_tokens"), usage.get("reasoning_tokens"))
    output = count(usage.get("completion_tokens"))
    prompt = _with_cache(prompt, output, thought, whole, (read, written))
    room = None if whole is None or prompt is None else whole - prompt
    spent = output_of(output, thought, room, beside=False)
    return Usage(
        input_tokens=prompt,
        output_tokens=spent.all,
        cache_read_tokens=read,
        cache_write_tokens=written,
        reasoning_tokens=spent.thinking,
    )


def responses_usage(usage: Any) -> Usage:
    """The tokens of OpenAI's Responses, as others speak them too."""
    usage = object_or_empty(usage)
    given = object_or_empty(usage.get("input_tokens_details"))
    prompt, whole = count(usage.get("input_tokens")), count(usage.get("total_tokens"))
    thought = count(object_or_empty(usage.get("output_tokens_details")).get("reasoning_tokens"))
    read, written = count(given.get("cached_tokens")), count(given.get("cache_write_tokens"))
    made = count(usage.get("output_tokens"))
    prompt = _with_cache(prompt, made, thought, whole, (read, written))
    room = None if whole is None or prompt is None else whole - prompt
    spent = output_of(made, thought, room, beside=False)
    return Usage(
        input_tokens=prompt,
        output_tokens=spent.all,
        cache_read_tokens=read,
        cache_write_tokens=written,
        reasoning_tokens=spent.thinking,
    )


def content_usage(usage: Mapping[str, Any]) -> Usage:
    """The tokens of generateContent, which counts thoughts beside the candidates."""
    prompt, whole = count(usage.get("promptTokenCount")), count(usage.get("totalTokenCount"))
    given = None if prompt is None else total(prompt, count(usage.get("toolUsePromptTokenCount")))
    room = None if whole is None or given is None else whole - given
    thought = count(usage.get("thoughtsTokenCount"))
    spent = output_of(count(usage.get("candidatesTokenCount")), thought, room, beside=True)
    return Usage(
        input_tokens=given,
        output_tokens=spent.all,
        cache_read_tokens=count(usage.get("cachedContentTokenCount")),
        reasoning_tokens=spent.thinking,
    )


def converse_usage(usage: Any) -> Usage:
    """The tokens of Bedrock's Converse, which counts what the cache holds beside the input.

    Source: Amazon's guide to prompt caching. Where the total that the answer states has no room for it, the input holds
    it already.
    """
    usage = object_or_empty(usage)
    fresh, output = count(usage.get("inputTokens")), count(usage.get("outputTokens"))
    read, written = count(usage.get("cacheReadInputTokens")), count(usage.get("cacheWriteInputTokens"))
    stored, whole = total(read, written) or 0, count(usage.get("totalTokens"))
    is_within = fresh is not None and output is not None and whole == fresh + output and stored <= fresh
    return Usage(
        input_tokens=fresh if fresh is None or is_within else fresh + stored,
        output_tokens=output,
        cache_read_tokens=read,
        cache_write_tokens=written,
    )


def messages_usage(usage: Mapping[str, Any], model: Any) -> tuple[Usage, dict[str, Usage]]:
    """The tokens of Anthropic's Messages: of the model itself, and of others that it consulted, by their names.

    The counts at the top leave out compactions of the context and the advice of other models; the list of iterations
    has them all. Source: Anthropic's reference of ``usage.iterations``.

    Args:
        usage: of the answer.
        model: the name of the one that answered.
    """
    top, own, others = _iteration(usage), Usage(), dict[str, Usage]()
    for each in objects(usage.get("iterations")):
        name = each.get("model")
        if isinstance(name, str) and name != model:
            others[name] = _added(others.get(name, Usage()), _iteration(each))
        else:
            own = _added(own, _iteration(each))
    if own.input_tokens is None or own.output_tokens is None:
        return top, others
    return replace(own, reasoning_tokens=_first(own.reasoning_tokens, top.reasoning_tokens)), others


def _iteration(usage: Mapping[str, Any]) -> Usage:
    fresh = count(usage.get("input_tokens"))
    read, written = count(usage.get("cache_read_input_tokens")), count(usage.get("cache_creation_input_tokens"))
    return Usage(
        input_tokens=None if fresh is None else total(fresh, read, written),
        output_tokens=count(usage.get("output_tokens")),
        cache_read_tokens=read,
        cache_write_tokens=written,
        reasoning_tokens=count(object_or_empty(usage.get("output_tokens_details")).get("thinking_tokens")),
    )


def _added(first: Usage, second: Usage) -> Usage:
    return Usage(
        input_tokens=total(first.input_tokens, second.input_tokens),
        output_tokens=total(first.output_tokens, second.output_tokens),
        cache_read_tokens=total(first.cache_read_tokens, second.cache_read_tokens),
        cache_write_tokens=total(first.cache_write_tokens, second.cache_write_tokens),
        reasoning_tokens=total(first.reasoning_tokens, second.reasoning_tokens),
    )


def told_cost(usage: Any) -> float | None:
    """What the provider says the answer cost in USD, None when it does not say.

    OpenRouter and others write ``cost``, Perplexity an object with ``total_cost``, xAI ten-billionths of a dollar. With
    a key of the user's own, OpenRouter's ``cost`` is its fee, and what the provider behind it takes stands beside it.
    """
    usage = object_or_empty(usage)
    cost = usage.get("cost")
    if isinstance(cost, dict):
        cost = cost.get("total_cost")
    told = _amount(cost)
    if told is None:
        ticks = _amount(usage.get("cost_in_usd_ticks"))
        return None if ticks is None else ticks / _TICKS
    behind = _amount(object_or_empty(usage.get("cost_details")).get("upstream_inference_cost")) or 0.0
    own_key = usage.get("is_byok", behind > told) is True
    return told + behind if own_key else told


def _amount(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) and 0 <= value < 1e15 else None


def _first(*values: Any) -> int | None:
    """The first of the counts that is known; one that is not zero before any that is."""
    known = [number for value in values if (number := count(value)) is not None]
    return next(filter(None, known), known[0] if known else None)
