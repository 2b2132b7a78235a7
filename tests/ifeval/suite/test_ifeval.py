"""Does the model follow instructions that a program can check? IFEval, one test per prompt.

It runs in a folder with ``instructions.py`` and the prompts as ``ifeval.jsonl``, as ``../test_suite.py`` makes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from instructions import COVERED, follows  # type: ignore[import-not-found]

from pytest_llmeval import Case, Llm, Score, category, check


@check
def assert_followed(reply: str, instruction: Mapping[str, Any], prompt: str) -> Score:
    kind, kwargs = instruction["type"], instruction["kwargs"]
    followed = follows(kind, kwargs, prompt, reply)
    return Score(
        value=float(followed), passed=followed, reason=f"{kind} {kwargs}", category=kind.partition(":")[0], check=kind
    )


@pytest.mark.llm_cases("ifeval.jsonl")
def test_follows_every_instruction(llm: Llm, case: Case) -> None:
    reply = llm(case.input)
    with category("empty"):
        assert reply.strip()

    instructions = [instruction for instruction in case.metadata["instructions"] if instruction["type"] in COVERED]
    for instruction in instructions:
        with suppress(AssertionError):  # each instruction has its score, also after one that was not followed
            assert_followed(reply, instruction, case.input)

    for instruction in instructions:
        group, _, name = instruction["type"].partition(":")
        with category(group):
            assert follows(instruction["type"], instruction["kwargs"], case.input, reply), f"{name} not followed"
