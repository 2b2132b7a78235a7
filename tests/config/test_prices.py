"""What calls cost: configured prices, the price list where it is installed, and never 0 for what nobody knows."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any

import pytest

from pytest_llmeval.config.prices import cost_of_call, priced
from pytest_llmeval.config.settings import ModelSettings, Prices
from pytest_llmeval.reply import Usage

listed = pytest.mark.skipif(find_spec("genai_prices") is None, reason='genai-prices, the extra "prices", is missing')
USAGE = Usage(input_tokens=1000, output_tokens=100, cache_read_tokens=800)
AT = datetime(2026, 11, 1, tzinfo=UTC)


def model(provider: str = "openai", name: str = "gpt-5.6", **fields: Any) -> ModelSettings:
    return ModelSettings(name="m", provider=provider, model=name, **fields)


def test_configured_prices_win_over_the_list() -> None:
    prices = Prices(input=1.0, output=10.0, cache_read=0.5)
    assert cost_of_call(model(prices=prices), USAGE, at=AT) == pytest.approx((200 + 0.5 * 800 + 1000) / 1e6)


def test_a_configured_price_of_zero_is_a_price() -> None:
    assert cost_of_call(model(prices=Prices(input=0.0, output=0.0)), USAGE) == 0.0


@listed
@pytest.mark.parametrize("provider", ["openai", "openai-responses", "azure"])
def test_the_list_knows_what_openai_takes(provider: str) -> None:
    assert cost_of_call(model(provider), USAGE, at=AT) == pytest.approx(0.00312)


@listed
def test_the_list_knows_google_by_another_name() -> None:
    assert cost_of_call(model("gemini", "gemini-2.5-pro"), USAGE, at=AT) == pytest.approx(0.00135)


@listed
def test_the_model_that_answered_is_priced_and_else_the_one_that_was_asked() -> None:
    assert cost_of_call(model("azure", "our-deployment"), USAGE, response_model="gpt-5.6", at=AT) == pytest.approx(
        0.00312
    )
    assert cost_of_call(model(), USAGE, response_model="no-such", at=AT) == pytest.approx(0.00312)


@listed
def test_the_price_is_that_of_the_day() -> None:
    prices: Any = pytest.importorskip("genai_prices")
    pytest.importorskip("genai_prices.data")
    dated = [
        (provider.id, one.id, entry.constraint.start_date)
        for provider in prices.data.providers
        for one in provider.models
        if isinstance(one.prices, list)
        for entry in one.prices
        if hasattr(entry.constraint, "start_date") and provider.id == "openai" and provider.find_model(one.id) is one
    ]
    assert dated
    differ = 0
    for provider_id, name, start in dated:
        day = datetime(start.year, start.month, start.day, tzinfo=UTC)
        before = cost_of_call(model(provider_id, name), USAGE, at=day.replace(year=day.year - 1).isoformat())
        differ += before != cost_of_call(model(provider_id, name), USAGE, at=day.isoformat())
    assert differ > 0


@pytest.mark.parametrize(
    ("asked", "usage"),
    [
        (model(name="no-such-model"), USAGE),
        (model("no-such-provider"), USAGE),
        (model("ollama", "llama"), USAGE),
        (model("python:a.b", ""), USAGE),
        (model(), Usage()),
        (model(), Usage(input_tokens=1000)),
        (model(), Usage(output_tokens=1)),
        (model(prices=Prices(input=1.0, output=1.0)), Usage(input_tokens=1)),
    ],
)
def test_what_nobody_knows_is_unknown_and_not_zero(asked: ModelSettings, usage: Usage) -> None:
    assert cost_of_call(asked, usage, at=AT) is None


@pytest.mark.parametrize("usage", [Usage(input_tokens=1, output_tokens=1, cache_read_tokens=9)])
def test_counts_that_contradict_each_other_do_no_harm(usage: Usage) -> None:
    assert cost_of_call(model(), usage, at="not a date") is None


def test_without_the_extra_prices_are_unknown() -> None:
    program = (
        "import sys; sys.modules['genai_prices'] = None\n"
        "from pytest_llmeval.config.settings import ModelSettings\n"
        "from pytest_llmeval.config.prices import cost_of_call\n"
        "from pytest_llmeval.reply import Usage\n"
        "asked = ModelSettings(name='m', provider='openai', model='gpt-5.6')\n"
        "print(cost_of_call(asked, Usage(input_tokens=1, output_tokens=1)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "None\n"


def test_the_list_is_not_imported_where_prices_are_configured() -> None:
    program = (
        "import sys\n"
        "from pytest_llmeval.config.settings import ModelSettings, Prices\n"
        "from pytest_llmeval.config.prices import cost_of_call\n"
        "from pytest_llmeval.reply import Usage\n"
        "asked = ModelSettings(name='m', provider='openai', model='gpt-5.6', prices=Prices(input=1, output=1))\n"
        "cost_of_call(asked, Usage(input_tokens=1, output_tokens=1))\n"
        "print('genai_prices' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_tokens_cost_their_price_per_million() -> None:
    assert priced(Usage(input_tokens=1000, output_tokens=500), Prices(0.8, 4.0)) == pytest.approx(0.0028)


def test_cache_reads_and_writes_are_priced_apart_within_the_input() -> None:
    usage = Usage(input_tokens=1000, output_tokens=0, cache_read_tokens=600, cache_write_tokens=300)
    cost = priced(usage, Prices(10, 1, cache_read=1, cache_write=20))
    assert cost == pytest.approx((100 * 10 + 600 * 1 + 300 * 20) / 1e6)


def test_cached_tokens_without_a_price_of_their_own_cost_what_input_costs() -> None:
    plain, cached = Usage(input_tokens=1000, output_tokens=10), {"cache_read_tokens": 400, "cache_write_tokens": 100}
    assert priced(replace(plain, **cached), Prices(3, 1)) == priced(plain, Prices(3, 1))


@pytest.mark.parametrize(("given_in", "given_out"), [(None, 5), (5, None), (None, None)])
def test_an_unknown_number_of_tokens_is_not_free(given_in: int | None, given_out: int | None) -> None:
    assert priced(Usage(input_tokens=given_in, output_tokens=given_out), Prices(1, 1)) is None


def test_more_cached_than_input_tokens_never_make_money() -> None:
    usage = Usage(input_tokens=100, output_tokens=0, cache_read_tokens=200)
    assert priced(usage, Prices(10, 1, cache_read=1)) == pytest.approx(200 / 1e6)


def test_an_unknown_number_of_cached_tokens_is_none() -> None:
    cost = priced(Usage(input_tokens=1000, output_tokens=0), Prices(3, 1, cache_read=0, cache_write=9))
    assert cost == pytest.approx(0.003, rel=1e-9)
