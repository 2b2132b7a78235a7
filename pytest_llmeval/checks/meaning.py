"""How near two texts are by an embedding function of the user's, and which facts of one the other lacks."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from operator import mul

from pytest_llmeval.checks.grounded import assert_grounded
from pytest_llmeval.errors import LlmevalError
from pytest_llmeval.score import Score
from pytest_llmeval.text import first_line, listed, quoted

Embedding = Callable[[list[str]], Iterable[Iterable[float]]]
"""Turns texts into vectors, one for each."""


def cosines(answer: str, targets: Sequence[str], by: Embedding) -> list[float]:
    """The cosine of a text with each of others, from 0; opposite directions are as far as unrelated ones.

    Raises:
        LlmevalError: the function failed, or gave no vectors that can be compared.
    """
    who = f"assert_similar: by={first_line(getattr(by, '__name__', type(by).__name__), 40)}"
    first, *others = directions([answer, *targets], by, who)
    return [cosine(first, other) for other in others]


def directions(texts: list[str], by: Embedding, who: str) -> list[list[float]]:
    """The vectors of texts, each of length 1.

    Args:
        who: names the function in errors.

    Raises:
        LlmevalError: the function failed, or gave no vectors that can be compared.
    """
    try:
        made = by(list(texts))
        if inspect.isawaitable(made):
            getattr(made, "close", lambda: None)()
            raise LlmevalError(f"{who} is asynchronous; give a function that returns the vectors")
        vectors = [[float(number) for number in vector] for vector in made]
    except LlmevalError:
        raise
    except Exception as error:
        told = first_line(f"{type(error).__name__}: {error}", 150)
        raise LlmevalError(f"{who} gave no vectors for {len(texts)} texts: {told}") from error
    if len(vectors) != len(texts):
        raise LlmevalError(f"{who} gave {len(vectors)} vectors for {len(texts)} texts; it must give one for each")
    lengths = sorted({len(vector) for vector in vectors})
    if len(lengths) > 1:
        raise LlmevalError(f"{who} gave vectors of {lengths[0]} and of {lengths[-1]} numbers")
    sizes = [math.hypot(*vector) for vector in vectors]
    if not all(0 < size < math.inf for size in sizes):
        raise LlmevalError(f"{who} gave a vector without a direction: of no numbers, of zeros, or not finite")
    return [[number / size for number in vector] for vector, size in zip(vectors, sizes, strict=True)]


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """The cosine of two vectors of length 1, from 0."""
    return max(0.0, min(1.0, math.fsum(map(mul, one, other))))


def lacking(answer: str, target: str) -> Score:
    """Whether a text holds the facts of another one, as `assert_grounded` knows them; the claims are those it lacks."""
    score: Score = inspect.unwrap(assert_grounded)(target, [f"{answer}\n"])
    return score


def lacking_words(claims: Sequence[str], target: str, answer: str) -> str:
    """Which facts of an expected text a reply lacks."""
    return f"the reply lacks {listed(claims)} of the expected {quoted(target)}, got {quoted(answer)}"
