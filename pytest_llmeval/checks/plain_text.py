"""Checks on the text itself: equal, contains, starts with, number of words."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from pytest_llmeval.checks.check import Unfit, check, failed, is_number, passed
from pytest_llmeval.differences import word_diff
from pytest_llmeval.errors import LlmevalError
from pytest_llmeval.score import Score
from pytest_llmeval.text import SHORT, both_quoted, excerpt, folded, listed, plural, quoted, shown

__tracebackhide__ = True


@check
def assert_equal(
    reply: str, expected: str | Sequence[str], *, ignore_case: bool = False, category: str | None = None
) -> Score:
    """Check that the reply is the expected text; white space at the ends, and its kind and amount, are ignored.

    Use a plain ``assert reply == expected`` to compare every character.

    Args:
        expected: the text, or several texts; any of them passes.
        category: the error category of a failure; by default ``wrong_answer``.
    """
    answer = folded(text_of(reply), ignore_case=ignore_case)
    wanted = texts_of("equal", expected)
    if any(answer == folded(text, ignore_case=ignore_case) for text in wanted):
        return passed()
    if len(wanted) > 1:
        return failed(f"expected one of {listed(wanted)}, got {quoted(answer)}")
    target = folded(wanted[0], ignore_case=ignore_case)
    shown_target, shown_answer = both_quoted(target, answer)
    reason = f"expected {shown_target}, got {shown_answer}{_look_alike(target, answer)}"
    long = len(target) > SHORT or len(answer) > SHORT
    return failed("\n".join([reason, *word_diff(target, answer)]) if long and target and answer else reason)


@check
def assert_contains(
    reply: str,
    text: str | None = None,
    *,
    all: Sequence[str] = (),  # noqa: A002 - reads as what it means where it is called
    any: Sequence[str] = (),  # noqa: A002
    ignore_case: bool = False,
    category: str | None = None,
) -> Score:
    """Check that texts occur in the reply; white space is compared as in `assert_equal`.

    Args:
        text: must occur.
        all: texts that must all occur.
        any: texts; at least one must occur.
        category: the error category of a failure; by default ``wrong_answer``.

    Raises:
        LlmevalError: there is nothing to look for, or an empty text, which every reply contains.
    """
    answer = folded(text_of(reply), ignore_case=ignore_case)
    required = [
        *(texts_of("contains", text, several=False) if text is not None else []),
        *(texts_of("contains", all) if all else []),
    ]
    alternatives = texts_of("contains", any) if any else []
    if not required and not alternatives:
        raise LlmevalError('assert_contains was given nothing to look for: give a text, all=["..."] or any=["..."]')
    missing, unmet = (
        [each for each in texts if folded(each, ignore_case=ignore_case) not in answer]
        for texts in (required, alternatives)
    )
    missed_all = bool(alternatives) and unmet == alternatives
    if not missing and not missed_all:
        return passed()
    wanted = len(required) + bool(alternatives)
    found = wanted - len(missing) - missed_all
    parts = []
    if missing:
        parts.append(f"does not contain {listed(missing)}")
    if missed_all:
        parts.append(f"contains none of {listed(alternatives)}")
    return failed(f"the reply {' and '.join(parts)}: {quoted(answer)}", value=found / wanted)


@check
def assert_not_contains(
    reply: str, text: str | Sequence[str], *, ignore_case: bool = False, category: str | None = None
) -> Score:
    """Check that a text, or any of several, does not occur in the reply.

    Args:
        text: what must not occur.
        category: the error category of a failure; by default ``wrong_answer``.
    """
    answer = folded(text_of(reply), ignore_case=ignore_case)
    for unwanted in texts_of("not_contains", text):
        needle = folded(unwanted, ignore_case=ignore_case)
        place = answer.find(needle)
        if place >= 0:
            where = excerpt(answer, place, place + len(needle))
            return failed(f"the reply contains {quoted(unwanted, 50)}, which it must not: {where}")
    return passed()


@check
def assert_starts_with(
    reply: str, text: str | Sequence[str], *, ignore_case: bool = False, category: str | None = None
) -> Score:
    """Check how the reply starts; white space before it is ignored.

    Args:
        text: its start, or several; any of them passes.
        category: the error category of a failure; by default ``wrong_answer``.
    """
    answer = folded(text_of(reply), ignore_case=ignore_case)
    wanted = texts_of("starts_with", text)
    for start in wanted:
        if answer.startswith(folded(start, ignore_case=ignore_case)):
            return passed()
    return failed(f"the reply does not start with {listed(wanted)}: {quoted(answer)}")


@check
def assert_words(
    reply: str, *, at_least: int | None = None, at_most: int | None = None, category: str | None = None
) -> Score:
    """Check how many words the reply has, as separated by white space.

    Args:
        at_least: the fewest words.
        at_most: the most words.
        category: the error category of a failure; by default ``format``.

    Raises:
        LlmevalError: there is no limit, or no reply can meet both.
    """
    for limit in (at_least, at_most):
        if limit is not None and not (is_number(limit, 0) and isinstance(limit, int)):
            raise LlmevalError(f"assert_words: expected a word count (an integer from 0), got {shown(limit)}")
    if at_least is None and at_most is None:
        raise LlmevalError("assert_words needs at_least= or at_most=, in words")
    if at_least is not None and at_most is not None and at_least > at_most:
        raise LlmevalError(f"assert_words: no reply has at least {at_least} and at most {at_most} words")
    count = len(text_of(reply).split())
    words = plural(count, "word")
    if at_most is not None and count > at_most:
        return failed(f"the reply has {words}, allowed are at most {at_most}", category="format", value=at_most / count)
    if at_least is not None and count < at_least:
        return failed(
            f"the reply has {words}, wanted are at least {at_least}", category="format", value=count / at_least
        )
    return passed("format")


def text_of(reply: object) -> str:
    """The reply as text.

    Raises:
        Unfit: it is something else, as a field of a model's JSON can be.
    """
    if isinstance(reply, str):
        return str.__str__(reply)
    raise Unfit(f"expected a text, got {shown(reply)}")


def texts_of(name: str, value: object, *, several: bool = True) -> list[str]:
    """The text or texts that the user gave to compare with.

    Raises:
        LlmevalError: it is not a text or a list of texts, or it is empty.
    """
    texts = list(value) if several and isinstance(value, (list, tuple, set, frozenset)) else [value]
    for text in texts:
        if not isinstance(text, str):
            hint = "; give lists as all= or any=" if name == "contains" and isinstance(text, (list, tuple)) else ""
            raise LlmevalError(f"assert_{name} compares with texts, not with {shown(text)}{hint}")
        if not text.strip() and name != "equal":
            raise LlmevalError(f"assert_{name} was given an empty text, which says nothing about a reply")
    if not texts:
        raise LlmevalError(f"assert_{name} was given an empty list, nothing to compare with")
    return [text for text in texts if isinstance(text, str)]


def _look_alike(expected: str, actual: str) -> str:
    """The first differing letters, when one of them may only look like the other."""
    if len(expected) != len(actual):
        return ""
    for wanted, came in zip(expected, actual, strict=True):
        if wanted != came:
            if wanted.isascii() == came.isascii() or not (wanted.isalnum() and came.isalnum()):
                return ""
            return f": {_named(came)} stands for {_named(wanted)}"
    return ""


def _named(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, 'without a name')}"
