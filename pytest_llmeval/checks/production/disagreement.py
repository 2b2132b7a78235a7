"""How a new answer differs from the one that production gave: in what, and how far."""

from __future__ import annotations

import re
from collections import Counter
from typing import Literal, NamedTuple

from pytest_llmeval.checks.production.same_answer import normalised, same_answer
from pytest_llmeval.checks.structure.json_parts import json_of
from pytest_llmeval.differences import MOST_WORDS, paired
from pytest_llmeval.json_text import canonical_json
from pytest_llmeval.reply import Answer

Kind = Literal[
    "refused", "cut off", "no JSON", "other tools", "other arguments", "other fields", "other values", "other numbers",
    "much longer", "much shorter", "other words",
]  # fmt: skip
"""In what two answers differ; the first that fits, in this order."""

MUCH = 3
"""How many times as many words are much longer."""
FEW_WORDS = 20
"""Words by which an answer must be longer or shorter for that to be said."""

_NUMBER = re.compile(r"\d+(?:[.,:/]\d+)*")


class Disagreement(NamedTuple):
    """How two answers differ.

    Attributes:
        size: the share of their words that differ, from 0 to 1.
    """

    kind: Kind
    size: float


def disagreement(old: Answer, new: Answer) -> Disagreement | None:
    """How an answer differs from an older one; None where they say the same."""
    if _calls(old) == _calls(new) and same_answer(old.text, new.text) and bool(old.refusal) == bool(new.refusal):
        return None
    return Disagreement(_kind(old, new), _size(old, new))


def fields_of(value: object) -> frozenset[tuple[str | int, ...]]:
    """The keys that lead to each field of a JSON value, with 0 for whichever item of a list."""
    paths = ([0 if isinstance(step, int) else step for step in path] for path, _, _ in paired(value, value))
    return frozenset(tuple(path[:end]) for path in paths for end in range(1, len(path) + 1))


def _kind(old: Answer, new: Answer) -> Kind:
    if new.refusal and not old.refusal:
        return "refused"
    if new.finish_reason == "length" and old.finish_reason != "length":
        return "cut off"
    if (names := [call.name for call in old.every_tool_call]) != [call.name for call in new.every_tool_call]:
        return "other tools"
    if names and _calls(old) != _calls(new):
        return "other arguments"
    before, after = json_of(old.text), json_of(new.text)
    if before is not None:
        if after is None:
            return "no JSON"
        return "other fields" if fields_of(before) != fields_of(after) else "other values"
    if Counter(_NUMBER.findall(old.text)) != Counter(_NUMBER.findall(new.text)):
        kind: Kind = "other numbers"
    else:
        kind = "other words"
    words = len(old.text.split()), len(new.text.split())
    if abs(words[0] - words[1]) >= FEW_WORDS and max(words) >= MUCH * min(words):
        return "much longer" if words[1] > words[0] else "much shorter"
    return kind


def _calls(answer: Answer) -> list[str]:
    """The functions to call, in no order: several are often asked for at once."""
    return sorted(canonical_json([call.name, call.arguments or call.raw_arguments]) for call in answer.every_tool_call)


def _size(old: Answer, new: Answer) -> float:
    from rapidfuzz.distance import Indel

    one, other = (
        [*normalised(answer.text).split()[:MOST_WORDS], *" ".join(_calls(answer)).split()[:MOST_WORDS]]
        for answer in (old, new)
    )
    return float(Indel.normalized_distance(one, other))
