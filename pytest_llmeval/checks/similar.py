"""A check that a reply is nearly the expected text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

from pytest_llmeval.checks.check import check, failed, is_number, passed
from pytest_llmeval.checks.meaning import Embedding, cosines, lacking, lacking_words
from pytest_llmeval.checks.plain_text import text_of, texts_of
from pytest_llmeval.differences import word_diff
from pytest_llmeval.errors import LlmevalError
from pytest_llmeval.score import Score
from pytest_llmeval.text import SHORT, both_quoted, folded, quoted, shown

Method = Literal["ratio", "levenshtein", "token_sort", "token_set", "partial"]
METHODS: tuple[str, ...] = get_args(Method)

# The work grows with the product of the two lengths and cannot be interrupted; these lengths take a fifth of a second.
MOST_CHARACTERS = 100_000
MOST_CHARACTERS_PARTIAL = (1_000, 50_000)  # of the shorter text, of the longer
__tracebackhide__ = True


@check
def assert_similar(
    reply: str,
    expected: str | Sequence[str],
    *,
    at_least: float | None = None,
    method: Method = "ratio",
    by: Embedding | None = None,
    ignore_case: bool = False,
    category: str | None = None,
) -> Score:
    """Check that the reply is nearly the expected text. Letters are compared; meaning only with a function for it.

    Args:
        expected: the text, or several; the most similar one counts.
        at_least: the lowest similarity that passes, from 0 to 1; by default 0.8 for letters.
        method: ``ratio``: share of characters in common, in order (normalised insertions and deletions);
            ``levenshtein``: the same with replacements; ``token_sort``: ratio of the words in alphabetical order;
            ``token_set``: the same, but words that only one side has count little; ``partial``: the best ratio of the
            shorter text with a part of the longer.
        by: a function of a list of texts that returns a vector for each, such as a model of embeddings. The cosine is
            compared then, and the reply must have the numbers, dates, links, names with digits and quotes of the
            expected text, which no cosine tells apart.
        category: the error category of a failure; by default ``wrong_answer``.

    Raises:
        LlmevalError: an unknown method, an impossible `at_least`, texts too long to compare, or a function that gives
            no vectors.
    """
    if by is not None:
        return _by_meaning(text_of(reply), texts_of("similar", expected), at_least, method, by)
    at_least = 0.8 if at_least is None else at_least
    if not is_number(at_least, 0, 1) or not at_least:
        raise LlmevalError(f"assert_similar: at_least={shown(at_least)} is not a similarity above 0 and up to 1")
    if method not in METHODS:
        raise LlmevalError(f"assert_similar: method {shown(method)} does not exist; there are {', '.join(METHODS)}")
    answer = folded(text_of(reply), ignore_case=ignore_case)
    similarity = _similarity(method)
    best, nearest = -1.0, ""
    for text in texts_of("similar", expected):
        target = folded(text, ignore_case=ignore_case)
        _bounded(method, answer, target)
        value = min(1.0, max(0.0, similarity(target, answer)))
        if value > best:
            best, nearest = value, target
    if best >= at_least - 1e-12:
        return passed(value=best)
    # Rounded down: a value just below the limit must not read as the limit.
    reason = f"similarity {int(best * 1000) / 1000:.3f} is below {at_least:g}"
    wanted, got = both_quoted(nearest, answer)
    lines = [f"{reason}: expected {wanted}, got {got}"]
    if answer and (len(nearest) > SHORT or len(answer) > SHORT):
        lines += word_diff(nearest, answer)
    return failed("\n".join(lines), value=best)


def _by_meaning(answer: str, targets: list[str], at_least: object, method: str, by: Embedding) -> Score:
    if method != "ratio":
        raise LlmevalError("assert_similar takes by= or method=, not both")
    if not callable(by):
        raise LlmevalError(f"assert_similar: by= is a function of texts that returns vectors, not {shown(by)}")
    if at_least is None:
        raise LlmevalError("assert_similar: by= needs at_least=; every embedding has a scale of its own")
    if not is_number(at_least, 0, 1) or not at_least:
        raise LlmevalError(f"assert_similar: at_least={shown(at_least)} is not a similarity above 0 and up to 1")
    if not answer.strip():
        return failed("the reply is empty", value=0.0)
    near = sorted(zip(cosines(answer, targets, by), targets, strict=True), key=lambda pair: -pair[0])
    without: Score | None = None
    for value, target in near:
        if value < at_least - 1e-12:
            break
        facts = lacking(answer, target)
        if facts.passed:
            return passed(value=value)
        if without is None:
            reason = lacking_words([claim.text for claim in facts.unsupported], target, answer)
            without = failed(reason, value=min(value, facts.value))
    value, target = near[0]
    said = f"similarity {int(value * 1000) / 1000:.3f} by meaning is below {at_least:g}"
    return without or failed(f"{said}: expected {quoted(target)}, got {quoted(answer)}", value=value)


def _bounded(method: str, answer: str, target: str) -> None:
    shorter, longer = sorted((len(answer), len(target)))
    if method != "partial" and longer > MOST_CHARACTERS:
        what = "the reply" if len(answer) >= len(target) else "the expected text"
        raise LlmevalError(
            f"assert_similar: {what} has {longer:,} characters, and at most {MOST_CHARACTERS:,} are compared; "
            "compare a part of it, or use assert_contains"
        )
    most_shorter, most_longer = MOST_CHARACTERS_PARTIAL
    if method == "partial" and (shorter > most_shorter or longer > most_longer):
        raise LlmevalError(
            f"assert_similar: texts of {shorter:,} and {longer:,} characters are too long for method='partial', which "
            f"compares at most {most_shorter:,} with {most_longer:,}; use another method or a part of the texts"
        )


def _similarity(method: str) -> Callable[[str, str], float]:
    from rapidfuzz import fuzz
    from rapidfuzz.distance import Indel, Levenshtein

    if method in ("ratio", "levenshtein"):
        measure: Callable[[str, str], float] = (Indel if method == "ratio" else Levenshtein).normalized_similarity
        return measure
    ratio = getattr(fuzz, f"{method}_ratio")
    return lambda one, other: ratio(one, other) / 100
