"""Checks of how a reply ended, whether it is a refusal, its time and cost, and of credentials in it."""

from __future__ import annotations

import math

from pytest_llmeval.checks.check import check, failed, is_number, passed
from pytest_llmeval.checks.languages.refusals import refusal_in
from pytest_llmeval.checks.plain_text import text_of
from pytest_llmeval.credentials import credential_like
from pytest_llmeval.errors import LlmevalError
from pytest_llmeval.reply import FINISHED, Reply, ending, ending_category, without_answer
from pytest_llmeval.score import Score
from pytest_llmeval.text import excerpt, harmless, quoted, shown

__tracebackhide__ = True


@check
def assert_finish(reply: str, *, category: str | None = None) -> Score:
    """Check that the model finished its reply and was not cut off.

    An unknown word for the ending counts as not finished.

    Args:
        reply: what ``llm(...)`` returned.
        category: the error category of a failure; by default ``truncated``, or ``refusal`` when a filter stopped it,
            or ``tool_call`` or ``format`` when the provider refused what the model wrote.

    Raises:
        LlmevalError: the provider did not say why the reply ended.
    """
    answer = _reply("finish", reply).answer
    reason = ending(answer.finish_reason)
    if reason is None:
        raise LlmevalError("assert_finish: the provider did not say why the reply ended")
    end = quoted(reply[-60:])
    match reason:
        case "length":
            return failed(f"the reply was cut off at the limit of tokens; its end: {end}", category="truncated")
        case "content_filter":
            return failed(f"the reply was stopped by the provider's filter; its end: {end}", category="refusal")
        case "invalid_tool_call" | "invalid_json":
            _, words = without_answer(answer) or ("", "")
            return failed(words, category=ending_category(answer) or "truncated")
    if reason not in FINISHED:
        words = f"the reply is not finished: it ended with {quoted(reason)}; its end: {end}"
        return failed(words, category="truncated")
    return passed("truncated")


@check
def assert_not_refusal(reply: str, *, category: str | None = None) -> Score:
    """Check that the model did not refuse: by the provider's mark, else by the usual phrases at the reply's start.

    The phrases are in English, Chinese, Hindi, Spanish, Arabic, French, Bengali, Portuguese, Russian, Indonesian,
    German and Japanese. "I cannot refund this" is not a refusal.

    Args:
        category: the error category of a failure; by default ``refusal``.
    """
    if isinstance(reply, Reply):
        answer = reply.answer  # the reply's own properties would note that the test has read its ending
        if answer.refusal:
            return failed(f"the model refused: {quoted(answer.refusal)}", category="refusal")
        if ending(answer.finish_reason) == "content_filter":
            finish = harmless(str(answer.finish_reason))
            return failed(f"the model refused: its answer ended with {finish!r}", category="refusal")
    found = refusal_in(text_of(reply))
    if found is None:
        return passed("refusal")
    return failed(f"the model refused: {excerpt(*found, around=60)}", category="refusal")


@check
def assert_latency(reply: str, *, at_most: float, category: str | None = None) -> Score:
    """Check how long the reply took; for a replayed reply, when it was recorded.

    Args:
        reply: what ``llm(...)`` returned.
        at_most: seconds.
        category: the error category of a failure; by default ``slow``.
    """
    limit = _limit("latency", at_most, "seconds")
    latency = _reply("latency", reply).latency
    if not math.isfinite(latency):
        raise LlmevalError("assert_latency: the time the reply took is not known")
    if latency <= limit:
        return passed("slow")
    return failed(
        f"the reply took {latency:.3g} s, the limit is {limit:g} s", category="slow", value=max(0.0, limit / latency)
    )


@check
def assert_cost(reply: str, *, at_most: float, category: str | None = None) -> Score:
    """Check what the reply cost; for a replayed reply, when it was recorded.

    Args:
        reply: what ``llm(...)`` returned.
        at_most: USD.
        category: the error category of a failure; by default ``expensive``.

    Raises:
        LlmevalError: the model's price is not known.
    """
    limit = _limit("cost", at_most, "USD")
    answer = _reply("cost", reply)
    if answer.cost is None or not math.isfinite(answer.cost):
        raise LlmevalError(
            f"assert_cost: no price is known for {harmless(answer.model)}; "
            "give prices = { input = ..., output = ... } in its table of [tool.llmeval.models]"
        )
    if answer.cost <= limit:
        return passed("expensive")
    return failed(
        f"the reply cost ${answer.cost:.4g}, the limit is ${limit:g}", category="expensive", value=limit / answer.cost
    )


def _reply(name: str, reply: object) -> Reply:
    if isinstance(reply, Reply):
        return reply
    raise LlmevalError(f"assert_{name} needs what llm(...) returned, not a {type(reply).__name__} made from it")


def _limit(name: str, value: object, unit: str) -> float:
    if is_number(value, 0):
        return float(value)
    raise LlmevalError(f"assert_{name}: at_most={shown(value)} is not a limit in {unit}")


@check
def assert_no_secrets(reply: str, *, category: str | None = None) -> Score:
    """Check that the reply holds nothing in the form of a common credential: private keys, API keys, access tokens.

    The message names only its kind and place.

    Args:
        category: the error category of a failure; by default ``unsafe``.
    """
    found = credential_like(text_of(reply))
    if found is None:
        return passed("unsafe")
    name, start, end = found
    return failed(f"the reply holds what looks like {name}, at characters {start + 1} to {end}", category="unsafe")
