"""A check of how many characters a reply has."""

from __future__ import annotations

from pytest_llmeval.checks.check import check, failed, is_number, passed
from pytest_llmeval.checks.plain_text import text_of
from pytest_llmeval.errors import LlmevalError
from pytest_llmeval.score import Score
from pytest_llmeval.text import plural, shown

__tracebackhide__ = True


@check
def assert_characters(
    reply: str, *, at_least: int | None = None, at_most: int | None = None, category: str | None = None
) -> Score:
    """Check how many characters the reply has, white space at its ends not counted.

    Args:
        at_least: the fewest characters, as Unicode's code points.
        at_most: the most characters.
        category: the error category of a failure; by default ``format``.

    Raises:
        LlmevalError: there is no limit, or no reply can meet both.
    """
    fewest, most = limits("characters", "character", at_least, at_most)
    return within("character", len(text_of(reply).strip()), fewest, most)


def limits(name: str, noun: str, at_least: object, at_most: object) -> tuple[int | None, int | None]:
    """The two limits that the user gave.

    Args:
        name: of the check.
        noun: what is counted.

    Raises:
        LlmevalError: one of them is no count, there is none, or nothing can meet both.
    """
    fewest, most = (_count(name, noun, limit) for limit in (at_least, at_most))
    if fewest is None and most is None:
        raise LlmevalError(f"assert_{name} needs at_least= or at_most=, in {noun}s")
    if fewest is not None and most is not None and fewest > most:
        raise LlmevalError(f"assert_{name}: no reply has at least {fewest} and at most {most} {noun}s")
    return fewest, most


def _count(name: str, noun: str, limit: object) -> int | None:
    if limit is None or (is_number(limit, 0) and isinstance(limit, int)):
        return limit
    raise LlmevalError(f"assert_{name}: expected a number of {noun}s (an integer from 0), got {shown(limit)}")


def within(noun: str, count: int, fewest: int | None, most: int | None, what: str = "the reply") -> Score:
    """The score for a count within its limits, in the category ``format``."""
    if most is not None and count > most:
        reason = f"{what} has {plural(count, noun)}, at most {most} allowed"
        return failed(reason, category="format", value=most / count)
    if fewest is not None and count < fewest:
        reason = f"{what} has {plural(count, noun)}, at least {fewest} required"
        return failed(reason, category="format", value=count / fewest)
    return passed("format")
