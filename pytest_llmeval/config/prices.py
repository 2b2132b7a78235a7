"""The cost of a call, by the configured prices or else by the list of genai-prices, if that is installed."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

from pytest_llmeval.config.settings import ModelSettings, Prices
from pytest_llmeval.reply import Answer, Usage


def cost_of_answer(model: ModelSettings, answer: Answer, *, at: str | datetime | None = None) -> float | None:
    """The cost of an answer in USD: by the configured prices, else as the provider says, else by the price list.

    Args:
        model: without configured prices of its own, what the provider says counts.
        answer: with its tokens, those of other models among them, which are looked up in the list.
        at: when it came, since prices change; None for now.

    Returns:
        None when tokens or a price are unknown: an unknown price is never 0.
    """
    if answer.cost is not None and model.prices is None:
        return answer.cost
    costs = [cost_of_call(model, answer.usage, response_model=answer.response_model, at=at)]
    for name, usage in answer.beside.items():
        other = ModelSettings(name=name, provider=model.provider, model=name)
        costs.append(cost_of_call(other, usage, at=at))
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


def cost_of_call(
    model: ModelSettings, usage: Usage, *, response_model: str | None = None, at: str | datetime | None = None
) -> float | None:
    """The cost of a call in USD.

    Args:
        model: its configured prices override the list.
        usage: tokens in and out.
        response_model: the provider's name of the model that answered, which may be more specific.
        at: when it answered, since prices change; None for now.

    Returns:
        None when the tokens or the price are unknown: an unknown price is never 0.
    """
    if model.prices is not None:
        return priced(usage, model.prices)
    if usage.input_tokens is None or usage.output_tokens is None or model.provider.startswith("python:"):
        return None
    price_list = _price_list()
    if price_list is None:
        return None
    for name in dict.fromkeys((response_model, model.model)):
        cost = _listed_cost(price_list, model.provider, name, usage, _moment(at)) if name else None
        if cost is not None:
            return cost
    return None


def priced(usage: Usage, prices: Prices) -> float | None:
    """What these tokens cost in USD, None when their number is unknown: a missing number is never a free call."""
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    read, written = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
    micro_dollars = (
        max(0, usage.input_tokens - read - written) * prices.input
        + read * (prices.input if prices.cache_read is None else prices.cache_read)
        + written * (prices.input if prices.cache_write is None else prices.cache_write)
        + usage.output_tokens * prices.output
    )
    return micro_dollars / 1_000_000


def _price_list() -> Any:
    try:
        return _imported()
    except Exception:  # a test has put something in the place of files or modules: the next call may be luckier
        return None


@cache
def _imported() -> Any:
    try:
        import genai_prices  # half a second, and only the extra "prices" brings it
    except ImportError:
        return None
    return genai_prices


def _listed_cost(price_list: Any, provider: str, model: str, usage: Usage, at: datetime | None) -> float | None:
    if not _is_listed(provider, model):
        return None
    tokens = {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
    }
    known = price_list.Usage(**{name: number for name, number in tokens.items() if number is not None})
    try:
        found = price_list.calc_price(known, model, provider_id=provider, genai_request_timestamp=at)
    except (LookupError, ValueError):  # more tokens from the cache than there were
        return None
    return float(found.total_price)


@cache
def _is_listed(provider: str, model: str) -> bool:
    """Whether the list knows a model; the list itself searches again for each unknown one."""
    try:
        _price_list().calc_price(_price_list().Usage(), model, provider_id=provider)
    except LookupError:
        return False
    except ValueError:
        pass
    return True


def _moment(at: str | datetime | None) -> datetime | None:
    if isinstance(at, str):
        try:
            at = datetime.fromisoformat(at)
        except ValueError:
            return None
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at
