"""What an answer took: each provider's way to count tokens and money, read as one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pytest_llmeval.config.prices import cost_of_answer
from pytest_llmeval.config.settings import ModelSettings, Prices
from pytest_llmeval.formats.base import Event
from pytest_llmeval.formats.registry import find_provider
from pytest_llmeval.reply import Answer, Usage
from tests.server import Server, completion
from tests.sessions import Session
from tests.wire import ANTHROPIC_BODY, ANTHROPIC_EVENTS, GEMINI_BODY, RESPONSES_BODY


def chat(**usage: Any) -> Answer:
    return find_provider("openai").answer({**completion("Sunny."), "usage": usage})


def content(**usage: Any) -> Answer:
    return find_provider("gemini").answer({**GEMINI_BODY, "usageMetadata": usage})


def messages(usage: dict[str, Any]) -> Answer:
    return find_provider("anthropic").answer({**ANTHROPIC_BODY, "usage": usage})


def thought(tokens: int) -> dict[str, Any]:
    return {"completion_tokens_details": {"reasoning_tokens": tokens}}


counts = st.integers(0, 900)


def _all_of(usage: Usage) -> tuple[int | None, int | None, int, int]:
    read, written = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
    return usage.input_tokens, usage.output_tokens, read, written


@given(
    fresh=st.integers(1, 900),
    read=counts,
    written=counts,
    made=st.integers(1, 900),
    thoughts=counts,
    cache=st.sampled_from(["within", "beside"]),
    where=st.sampled_from(["within", "beside"]),
)
def test_every_kind_of_token_is_counted_once_in_every_format(
    fresh: int, read: int, written: int, made: int, thoughts: int, cache: str, where: str
) -> None:
    """Whatever a gateway counts within or beside: the sum is the stated total, and no kind is the other's."""
    whole = fresh + read + written + made + thoughts
    prompt = fresh + read + written if cache == "within" else fresh
    output = made + thoughts if where == "within" else made
    stored = read + written if cache == "beside" else 0
    assume(thoughts == 0 or stored != thoughts)  # either could be what the total has more
    expected = (fresh + read + written, made + thoughts, read, written)
    given_in, given_out = {"cached_tokens": read, "cache_write_tokens": written}, {"reasoning_tokens": thoughts}
    spoken = {
        "openai": chat(
            prompt_tokens=prompt,
            completion_tokens=output,
            total_tokens=whole,
            prompt_tokens_details=given_in,
            completion_tokens_details=given_out,
        ),
        "openai-responses": find_provider("openai-responses").answer(
            {
                **RESPONSES_BODY,
                "usage": {
                    "input_tokens": prompt,
                    "output_tokens": output,
                    "total_tokens": whole,
                    "input_tokens_details": given_in,
                    "output_tokens_details": given_out,
                },
            }
        ),
        "anthropic": messages(
            {
                "input_tokens": fresh,
                "cache_read_input_tokens": read,
                "cache_creation_input_tokens": written,
                "output_tokens": made + thoughts,
                "output_tokens_details": {"thinking_tokens": thoughts},
            }
        ),
    }
    assert {name: _all_of(answer.usage) for name, answer in spoken.items()} == dict.fromkeys(spoken, expected)
    assert {answer.usage.reasoning_tokens or 0 for answer in spoken.values()} == {thoughts}
    google = content(
        promptTokenCount=fresh + read,
        cachedContentTokenCount=read,
        toolUsePromptTokenCount=written,
        candidatesTokenCount=made,
        thoughtsTokenCount=thoughts,
        totalTokenCount=whole,
    ).usage
    assert _all_of(google) == (*expected[:3], 0)


@pytest.mark.parametrize(
    ("usage", "output", "reasoning"),
    [
        ({"prompt_tokens": 30, "completion_tokens": 90, "total_tokens": 120, **thought(80)}, 90, 80),
        ({"prompt_tokens": 30, "completion_tokens": 10, "total_tokens": 120, **thought(80)}, 90, 80),
        ({"prompt_tokens": 30, "completion_tokens": 10, "total_tokens": 120}, 90, 80),
        ({"prompt_tokens": 30, "completion_tokens": 90, **thought(80)}, 90, 80),
        ({"prompt_tokens": 30, "completion_tokens": 10, **thought(80)}, 90, 80),
        ({"prompt_tokens": 30, "completion_tokens": 90, "reasoning_tokens": 80}, 90, 80),
        ({"prompt_tokens": 30, "completion_tokens": 90, "total_tokens": 0, **thought(80)}, 90, 80),
        ({"prompt_tokens": 30, "completion_tokens": 90, "total_tokens": 120}, 90, None),
        ({"prompt_tokens": 30, "total_tokens": 120}, 90, None),
        ({"completion_tokens": 90, "total_tokens": 120}, 90, None),
        ({"prompt_tokens": 30, "completion_tokens": 0, "total_tokens": 30, **thought(0)}, 0, 0),
    ],
)
def test_thinking_is_output_whether_it_is_counted_within_or_beside(
    usage: dict[str, Any], output: int, reasoning: int | None
) -> None:
    read = chat(**usage).usage
    assert (read.output_tokens, read.reasoning_tokens) == (output, reasoning)


@given(st.integers(0, 900), st.integers(1, 900), st.integers(0, 900), st.sampled_from(["within", "beside", "untold"]))
def test_the_sum_is_the_total_that_the_answer_states(prompt: int, made: int, thoughts: int, where: str) -> None:
    total = prompt + made + thoughts
    within = made + thoughts if where == "within" else made
    for usage in (
        chat(
            prompt_tokens=prompt,
            completion_tokens=within,
            total_tokens=total,
            **({} if where == "untold" else thought(thoughts)),
        ).usage,
        content(
            promptTokenCount=prompt,
            candidatesTokenCount=within,
            totalTokenCount=total,
            **({} if where == "untold" else {"thoughtsTokenCount": thoughts}),
        ).usage,
    ):
        assert (usage.input_tokens, usage.output_tokens) == (prompt, made + thoughts)
        assert usage.reasoning_tokens == (thoughts or (None if where == "untold" else 0))


def test_without_a_total_gemini_counts_thoughts_beside() -> None:
    assert content(promptTokenCount=5, candidatesTokenCount=90, thoughtsTokenCount=80).usage.output_tokens == 170
    tools = content(promptTokenCount=5, toolUsePromptTokenCount=4, candidatesTokenCount=3, totalTokenCount=12).usage
    assert (tools.input_tokens, tools.output_tokens, tools.reasoning_tokens) == (9, 3, None)


def test_responses_of_others_may_count_thinking_beside() -> None:
    usage = {"input_tokens": 5, "output_tokens": 3, "total_tokens": 48, "output_tokens_details": {}}
    read = find_provider("openai-responses").answer({**RESPONSES_BODY, "usage": usage}).usage
    assert (read.output_tokens, read.reasoning_tokens) == (43, 40)


@pytest.mark.parametrize(
    "cached",
    [
        {"prompt_tokens_details": {"cached_tokens": 6, "cache_write_tokens": 2}},
        {"prompt_cache_hit_tokens": 6, "prompt_tokens_details": {"cached_tokens": None, "cache_creation_tokens": 2}},
        {"cached_tokens": 6, "prompt_tokens_details": {"cache_creation_input_tokens": 2}},
        {"num_cached_tokens": 6, "cache_creation_input_tokens": 2},
        {"cache_read_input_tokens": 6, "cache_creation_input_tokens": 2, "prompt_tokens_details": None},
    ],
    ids=json.dumps,
)
def test_cached_tokens_have_many_names(cached: dict[str, Any]) -> None:
    inside = chat(prompt_tokens=9, completion_tokens=3, total_tokens=12, **cached).usage
    beside = chat(prompt_tokens=1, completion_tokens=3, total_tokens=12, **cached).usage
    assert inside == beside == Usage(input_tokens=9, output_tokens=3, cache_read_tokens=6, cache_write_tokens=2)


ROUNDS = {
    "input_tokens": 23,
    "output_tokens": 10,
    "output_tokens_details": {"thinking_tokens": 4},
    "iterations": [
        {"type": "compaction", "input_tokens": 180, "output_tokens": 35, "cache_read_input_tokens": 7},
        {"type": "message", "input_tokens": 23, "output_tokens": 10, "model": ANTHROPIC_BODY["model"]},
        {"type": "advisor_message", "model": "claude-sage-9", "input_tokens": 50, "output_tokens": 60},
        {"type": "advisor_message", "model": "claude-sage-9", "input_tokens": 5, "output_tokens": 6},
    ],
}


def test_every_iteration_counts_and_another_models_apart() -> None:
    whole = messages(ROUNDS)
    assert whole.usage == Usage(input_tokens=210, output_tokens=45, cache_read_tokens=7, reasoning_tokens=4)
    assert whole.beside == {"claude-sage-9": Usage(input_tokens=55, output_tokens=66)}
    reader = find_provider("anthropic").stream()
    for event in ANTHROPIC_EVENTS:
        told = {**event, "usage": ROUNDS} if event["type"] == "message_delta" else event
        reader.feed(Event(event["type"], json.dumps(told)))
    streamed = find_provider("anthropic").answer(reader.body())
    assert (streamed.usage.output_tokens, streamed.beside) == (45, whole.beside)


def test_without_counts_the_iterations_change_nothing() -> None:
    usage = {"input_tokens": 23, "output_tokens": 10, "iterations": [{"type": "message"}, 7]}
    assert messages(usage).usage == Usage(input_tokens=23, output_tokens=10)
    assert messages({**usage, "iterations": None}).usage == Usage(input_tokens=23, output_tokens=10)


WRONG: list[Any] = [-1, "0.5", True, None, [], float("inf")]


@pytest.mark.parametrize(
    ("told", "cost"),
    [
        ({"cost": 0.5}, 0.5),
        ({"cost": 0}, 0.0),
        ({"cost": {"input_tokens_cost": 0.1, "total_cost": 0.5}}, 0.5),
        ({"cost_in_usd_ticks": 5_000_000_000}, 0.5),
        ({"cost": 0.02, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.48}}, 0.5),
        ({"cost": 0.02, "cost_details": {"upstream_inference_cost": 0.48}}, 0.5),
        ({"cost": 0.5, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.5}}, 0.5),
        ({"cost": 0.5, "cost_details": {"upstream_inference_cost": None}}, 0.5),
        *(({"cost": wrong}, None) for wrong in WRONG),
    ],
)
def test_the_provider_says_what_it_cost(told: dict[str, Any], cost: float | None) -> None:
    plain: dict[str, Any] = {"prompt_tokens": 7, "completion_tokens": 3, "input_tokens": 7, "output_tokens": 3}
    bodies = {"openai": completion("Sunny."), "openai-responses": RESPONSES_BODY, "anthropic": ANTHROPIC_BODY}
    for name, body in bodies.items():
        found = find_provider(name).answer({**body, "usage": {**plain, **told}}).cost
        assert found == (None if cost is None else pytest.approx(cost))


def test_configured_prices_win_over_what_the_provider_says() -> None:
    answer = Answer(text="", usage=Usage(input_tokens=1_000_000, output_tokens=0), cost=0.5)
    model = ModelSettings(name="m", provider="acme", model="m")
    assert cost_of_answer(model, answer) == 0.5
    assert cost_of_answer(model._replace(prices=Prices(2.0, 4.0)), answer) == 2.0


def test_another_model_without_a_price_makes_the_cost_unknown() -> None:
    usage = Usage(input_tokens=1_000_000, output_tokens=0)
    model = ModelSettings(name="m", provider="acme", model="m", prices=Prices(2.0, 4.0))
    assert cost_of_answer(model, Answer(text="", usage=usage, beside={"unknown-sage": usage})) is None


def test_the_cost_that_the_provider_says_is_that_of_the_reply(plain_session: Session, server: Server) -> None:
    told = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10, "cost": 0.25}
    server.then({**completion("Sunny."), "usage": told})
    model = f'model = "acme/m-1"\nbase_url = "{server.base_url}"\n'
    plain_session.configure(f'[tool.llmeval]\nmodel = "m"\n[tool.llmeval.models.m]\n{model}')
    plain_session.write("def test_cost(llm):\n    assert llm('Weather?').cost == 0.25\n")
    plain_session.run().assert_outcomes(passed=1)
    (result,) = plain_session.results()
    assert result.samples[0].calls[0].spent == 0.25
