"""Thoughts that a server leaves in the text: checks see the answer alone, the model gets back what it wrote."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.formats.answers.thinking_tags import parted, without_thoughts
from pytest_llmeval.formats.base import Prompt
from pytest_llmeval.formats.registry import find_provider
from pytest_llmeval.reply import Answer, Measures, Reply
from tests.server import Server, completion
from tests.sessions import Session

TAGS = ("<think>", "</think>")


@pytest.mark.parametrize(
    ("text", "thoughts", "rest"),
    [
        ("<think>Billing {it} is.</think>\n\nbilling", "Billing {it} is.", "billing"),
        ("\n <think>\nHm.\n</think>billing", "Hm.", "billing"),
        ("Billing it is.\n</think>\n\nbilling", "Billing it is.", "billing"),
        ("</think>billing", "", "billing"),
        ("<think></think>billing", "", "billing"),
        ("<think>a</think> <think>b</think> billing <think>c</think>", "a\n\nb", "billing <think>c</think>"),
        ("<think>an endless", "an endless", ""),
        ("<think>Should I say <think>?</think>billing", "Should I say <think>?", "billing"),
        ('<think>a</think>{"say": "</think>"}', "a", '{"say": "</think>"}'),
        ("billing", "", "billing"),
        ("  billing\n", "", "  billing\n"),
        ("billing <think>hm</think>", "", "billing <think>hm</think>"),
        ('{"say": "</think>"}', "", '{"say": "</think>"}'),
        ('```json\n{"say": "</think>"}\n```', "", '```json\n{"say": "</think>"}\n```'),
        ("", "", ""),
    ],
)
def test_thoughts_stand_at_the_start_of_a_text(text: str, thoughts: str, rest: str) -> None:
    assert parted(text, *TAGS) == (thoughts, rest)


@given(st.text(max_size=20), st.text(max_size=20), st.sampled_from([TAGS, ("[THINK]", "[/THINK]")]))
def test_a_text_is_its_thoughts_and_the_rest(thought: str, said: str, tags: tuple[str, str]) -> None:
    opening, closing = tags
    assert parted(f"{opening}{thought}{closing}{said}", *tags) == (thought.strip(), said.lstrip())


@pytest.mark.parametrize("name", ["openai", "ollama"])
def test_the_model_gets_back_what_it_wrote(name: str) -> None:
    provider = find_provider(name)
    text = "<think>Hm.</think>\nSunny."
    bodies = {"openai": completion(text), "ollama": {"message": {"content": text}, "done": True}}
    answer = without_thoughts(provider.answer(bodies[name]), TAGS)
    assert (answer.text, answer.thinking) == ("Sunny.", "Hm.")
    message = Reply(answer, Measures(latency=1.0), "m").message
    assert message["content"] == "Sunny."
    assert provider.request("m", Prompt(messages=(message,))).body["messages"] == [
        {"role": "assistant", "content": text}
    ]
    changed = {**message, "content": "Rainy."}
    assert provider.request("m", Prompt(messages=(changed,))).body["messages"] == [
        {"role": "assistant", "content": "Rainy."}
    ]
    assert provider.answer(provider.body_of(answer, "m")).text == text


def test_without_tags_nothing_changes() -> None:
    answer = Answer(text="<think>Hm.</think>Sunny.")
    assert without_thoughts(answer, None) is answer


CHECKED = """
import pytest
from pytest_llmeval import assert_json

@pytest.mark.parametrize("stream", [False, True])
def test_answer(llm, stream):
    reply = llm(f"Which team? {stream}", stream=stream)
    assert_json(reply, {"team": "billing"})
    assert reply.thinking == "Billing, surely."
"""


def test_checks_see_the_answer_alone_whole_and_streamed_and_replayed(session: Session, server: Server) -> None:
    text = '<think>Billing, surely.</think>\n\n{"team": "billing"}'  # streamed in pieces of four characters
    server.answer = lambda _: completion(text)
    table = f'[tool.llmeval.models.m]\nmodel = "acme/m-1"\nbase_url = "{server.base_url}"\n'
    table += 'thinking_tags = ["<think>", "</think>"]\n'
    session.configure(f'[tool.llmeval]\nmodel = "m"\n{table}')
    session.write(CHECKED)
    session.run("--llm-record").assert_outcomes(passed=2)
    asked = len(server.requests)
    session.run("--llm-mode=replay").assert_outcomes(passed=2)
    assert len(server.requests) == asked
