"""Failures that nothing gave a category, grouped by what their reasons have in common."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from pytest_llmeval.runs.results import CaseResult

# A quote that a cut has left open ends with the text. Between letters it is an apostrophe.
_QUOTED = re.compile(r"""(?<!\w)(?:'(?:[^'\\]|\\.|\\$)*(?:'|$)|"(?:[^"\\]|\\.|\\$)*(?:"|$))""")
_NUMBER = re.compile(r"(?<!\w)[-+]?\d+(?:[.,:]\d+)*")
_SPACES = re.compile(r"\s+")


class Alike(NamedTuple):
    """Failures whose reasons differ in numbers and quoted texts alone.

    Attributes:
        reason: what they have in common.
        results: the cases, each once.
        examples: their reasons, each once, in the order of the cases.
        answers: how many answers failed so.
    """

    reason: str
    results: tuple[CaseResult, ...]
    examples: tuple[str, ...]
    answers: int


def folded_reason(reason: str) -> str:
    """A reason without its numbers and quoted texts: ``assert "..." in "..."``."""
    return _SPACES.sub(" ", _NUMBER.sub("N", _QUOTED.sub('"..."', reason))).strip()


def alike_reasons(results: Iterable[CaseResult]) -> list[Alike]:
    """The failures that nothing gave a category, in groups, the largest first."""
    groups: dict[str, list[tuple[CaseResult, str]]] = {}
    for result in results:
        for sample in result.samples:
            for reason in sample.uncategorised:
                groups.setdefault(folded_reason(reason), []).append((result, reason))
    found = [
        Alike(
            reason=reason,
            results=tuple({result.trial: result for result, _ in members}.values()),
            examples=tuple(dict.fromkeys(each for _, each in members)),
            answers=len(members),
        )
        for reason, members in groups.items()
    ]
    return sorted(found, key=lambda each: -each.answers)
