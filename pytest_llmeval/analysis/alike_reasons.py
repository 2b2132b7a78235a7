"""Failures that nothing gave a category, grouped by what their reasons have in common."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from pytest_llmeval.runs.results import CaseResult

if TYPE_CHECKING:
    from pytest_llmeval.checks.meaning import Embedding

# A quote that a cut has left open ends with the text. Between letters it is an apostrophe.
_QUOTED = re.compile(r"""(?<!\w)(?:'(?:[^'\\]|\\.|\\$)*(?:'|$)|"(?:[^"\\]|\\.|\\$)*(?:"|$))""")
_NUMBER = re.compile(r"(?<!\w)[-+]?\d+(?:[.,:]\d+)*")
_SPACES = re.compile(r"\s+")


SAME_KIND = 0.75
"""The cosine from which two reasons mean the same; true paraphrases have less at times."""


class Alike(NamedTuple):
    """Failures whose reasons differ in numbers and quoted texts alone, or mean the same.

    Attributes:
        reason: what they have in common, or the first of those that mean the same.
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


def alike_reasons(results: Iterable[CaseResult], by: Embedding | None = None, who: str = "") -> list[Alike]:
    """The failures that nothing gave a category, in groups, the largest first.

    Args:
        by: puts reasons together that mean the same, and not those that differ in numbers and quoted texts alone.
        who: names it in errors.

    Raises:
        LlmevalError: the embedding failed.
    """
    every = [(result, reason) for result in results for sample in result.samples for reason in sample.uncategorised]
    reasons = list(dict.fromkeys(reason for _, reason in every))
    named = {reason: folded_reason(reason) for reason in reasons} if by is None else _by_meaning(reasons, by, who)
    groups: dict[str, list[tuple[CaseResult, str]]] = {}
    for result, reason in every:
        groups.setdefault(named[reason], []).append((result, reason))
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


def _by_meaning(reasons: list[str], by: Embedding, who: str) -> dict[str, str]:
    """For each reason the first one that means the same."""
    from pytest_llmeval.checks.meaning import cosine, directions  # late: pytest's own summary needs none

    firsts: list[tuple[str, list[float]]] = []
    named = {}
    for reason, vector in zip(reasons, directions(reasons, by, who) if reasons else [], strict=True):
        near = max(firsts, key=lambda first: cosine(first[1], vector), default=None)
        if near is None or cosine(near[1], vector) < SAME_KIND:
            near = (reason, vector)
            firsts.append(near)
        named[reason] = near[0]
    return named
