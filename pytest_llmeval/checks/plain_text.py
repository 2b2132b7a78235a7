"""Checks on the text itself: equal, contains, starts with, number of words and sentences."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence

from pytest_llmeval.checks.check import Unfit, check, failed, is_number, passed
from pytest_llmeval.checks.languages.segments import sentences, word_count
from pytest_llmeval.differences import word_diff
from pytest_llmeval.errors import LlmevalError
from pytest_llmeval.score import Score
from pytest_llmeval.text import (
    SHORT,
    both_quoted,
    common_start,
    excerpt,
    folded,
    listed,
    plain_typography,
    plural,
    quoted,
    shown,
)

MOST_CHARACTERS = 1_000_000  # of an answer that is searched for many forms
__tracebackhide__ = True


@check
def assert_equal(
    reply: str,
    expected: str | Sequence[str],
    *,
    ignore_case: bool = False,
    exact: bool = False,
    category: str | None = None,
) -> Score:
    """Check that the reply is the expected text; white space at the ends, and its kind and amount, are ignored.

    Typographic hyphens and quotes equal plain ones, and characters without width are ignored.

    Args:
        expected: the text, or several texts; any of them passes.
        exact: whether every character counts, white space included.
        category: the error category of a failure; by default ``wrong_answer``.
    """
    answer = folded(text_of(reply), ignore_case=ignore_case, exact=exact)
    wanted = texts_of("equal", expected)
    if any(answer == folded(text, ignore_case=ignore_case, exact=exact) for text in wanted):
        return passed()
    if len(wanted) > 1:
        return failed(f"expected one of {listed(wanted)}, got {quoted(answer)}")
    target = folded(wanted[0], ignore_case=ignore_case, exact=exact)
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
    exact: bool = False,
    category: str | None = None,
) -> Score:
    """Check that texts occur in the reply; white space, hyphens and quotes are compared as in `assert_equal`.

    Args:
        text: must occur.
        all: texts that must all occur.
        any: texts; at least one must occur.
        exact: whether every character counts, white space included.
        category: the error category of a failure; by default ``wrong_answer``.

    Raises:
        LlmevalError: there is nothing to look for, or an empty text, which every reply contains.
    """
    answer = _Compared(text_of(reply), ignore_case=ignore_case, exact=exact)
    required = [
        *(texts_of("contains", text, several=False) if text is not None else []),
        *(texts_of("contains", all) if all else []),
    ]
    alternatives = texts_of("contains", any) if any else []
    if not required and not alternatives:
        raise LlmevalError('assert_contains was given nothing to look for: give a text, all=["..."] or any=["..."]')
    missing, unmet = ([each for each in texts if answer.place_of(each) is None] for texts in (required, alternatives))
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
    return failed(f"the reply {' and '.join(parts)}: {quoted(answer.text)}", value=found / wanted)


@check
def assert_not_contains(
    reply: str,
    text: str | Sequence[str],
    *,
    ignore_case: bool = False,
    exact: bool = False,
    category: str | None = None,
) -> Score:
    """Check that a text, or any of several, does not occur in the reply, compared as in `assert_equal`.

    Args:
        text: what must not occur.
        exact: whether every character counts, white space included.
        category: the error category of a failure; by default ``wrong_answer``.
    """
    answer = _Compared(text_of(reply), ignore_case=ignore_case, exact=exact)
    for unwanted in texts_of("not_contains", text):
        place = answer.place_of(unwanted)
        if place is not None:
            where = excerpt(*place)
            return failed(f"the reply must not contain {quoted(unwanted, 50)}: {where}")
    return passed()


@check
def assert_starts_with(
    reply: str,
    text: str | Sequence[str],
    *,
    ignore_case: bool = False,
    exact: bool = False,
    category: str | None = None,
) -> Score:
    """Check how the reply starts, compared as in `assert_equal`; white space before it is ignored.

    Args:
        text: its start, or several; any of them passes.
        exact: whether every character counts, white space included.
        category: the error category of a failure; by default ``wrong_answer``.
    """
    answer = _Compared(text_of(reply), ignore_case=ignore_case, exact=exact)
    wanted = texts_of("starts_with", text)
    if any(answer.starts_with(start) for start in wanted):
        return passed()
    return failed(f"the reply does not start with {listed(wanted)}: {quoted(answer.text)}")


@check
def assert_words(
    reply: str, *, at_least: int | None = None, at_most: int | None = None, category: str | None = None
) -> Score:
    """Check how many words the reply has.

    Words are counted as Unicode's annex 29 says, but a hyphen joins. Each letter of Chinese, Japanese, Thai, Lao, Khmer
    and Burmese, which set no spaces between words, counts as a word.

    Args:
        at_least: the fewest words.
        at_most: the most words.
        category: the error category of a failure; by default ``format``.

    Raises:
        LlmevalError: there is no limit, or no reply can meet both.
    """
    return _within("word", lambda: word_count(text_of(reply)), at_least, at_most)


@check
def assert_sentences(
    reply: str, *, at_least: int | None = None, at_most: int | None = None, category: str | None = None
) -> Score:
    """Check how many sentences the reply has.

    Sentences end as Unicode's annex 29 says: with their line, or with a mark for their end and a space behind it, which
    Chinese and Japanese marks do not need. After a point, a small letter goes on with the sentence.

    Args:
        at_least: the fewest sentences.
        at_most: the most sentences.
        category: the error category of a failure; by default ``format``.

    Raises:
        LlmevalError: there is no limit, or no reply can meet both.
    """
    return _within("sentence", lambda: len(sentences(text_of(reply))), at_least, at_most)


def _within(noun: str, counted: Callable[[], int], at_least: object, at_most: object) -> Score:
    name = f"assert_{noun}s"
    least, most = _limit(name, noun, at_least), _limit(name, noun, at_most)
    if least is None and most is None:
        raise LlmevalError(f"{name} needs at_least= or at_most=, in {noun}s")
    if least is not None and most is not None and least > most:
        raise LlmevalError(f"{name}: no reply has at least {least} and at most {most} {noun}s")
    count = counted()
    told = f"the reply has {plural(count, noun)}"
    if most is not None and count > most:
        return failed(f"{told}, at most {most} allowed", category="format", value=most / count)
    if least is not None and count < least:
        return failed(f"{told}, at least {least} required", category="format", value=count / least)
    return passed("format")


def _limit(name: str, noun: str, value: object) -> int | None:
    if value is None or (is_number(value, 0) and isinstance(value, int)):
        return value
    raise LlmevalError(f"{name}: expected a {noun} count (an integer from 0), got {shown(value)}")


class _Compared:
    """A reply in which texts are looked for.

    Attributes:
        text: the reply as texts with letters or digits are compared with it.
    """

    def __init__(self, reply: str, *, ignore_case: bool, exact: bool) -> None:
        self._reply, self._ignore_case, self._exact = reply, ignore_case, exact
        self.text = folded(reply, ignore_case=ignore_case, exact=exact)

    def place_of(self, wanted: str) -> tuple[str, int, int] | None:
        """The text in which something was found, and where it starts and ends there; None when it was not found."""
        text, needle = self._both(wanted)
        start = text.find(needle)
        return (text, start, start + len(needle)) if start >= 0 else None

    def starts_with(self, wanted: str) -> bool:
        """Whether the reply starts with a text."""
        text, needle = self._both(wanted)
        return text.startswith(needle)

    def _both(self, wanted: str) -> tuple[str, str]:
        if self._exact or any(character.isalnum() for character in wanted):
            return self.text, folded(wanted, ignore_case=self._ignore_case, exact=self._exact)
        # Who looks for a dash or a quote means this one, as in "write no long dashes".
        text, needle = (" ".join(folded(each, exact=True).split()) for each in (self._reply, wanted))
        return text, needle


def text_of(reply: object) -> str:
    """The reply as text.

    Raises:
        Unfit: it is something else, as a field of a model's JSON can be.
    """
    if isinstance(reply, str):
        return str.__str__(reply)
    raise Unfit(f"expected a text, got {shown(reply)}")


def searchable(name: str, reply: object) -> str:
    """The reply as text, for a check that searches all of it in many ways.

    Raises:
        Unfit: it is no text.
        LlmevalError: it is longer than any answer of a model.
    """
    text = text_of(reply)
    if len(text) > MOST_CHARACTERS:
        raise LlmevalError(
            f"assert_{name}: the reply has {len(text):,} characters, too many to check (at most {MOST_CHARACTERS:,})"
        )
    return text


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
        if not plain_typography(text) and name != "equal":
            raise LlmevalError(f"assert_{name} was given an empty text, which says nothing about a reply")
    if not texts:
        raise LlmevalError(f"assert_{name} was given an empty list, nothing to compare with")
    return [text for text in texts if isinstance(text, str)]


def _look_alike(expected: str, actual: str) -> str:
    """The first differing characters, when one of them may only look like the other."""
    same = common_start(expected, actual)
    wanted, came = expected[same : same + 1], actual[same : same + 1]
    if folded(expected) == folded(actual):  # only typography differs, and what is shown may look equal
        if not wanted or not came:
            return f": {_named(came)} is too much" if came else f": {_named(wanted)} is missing"
        return f": {_named(came)} stands where {_named(wanted)} should"
    if len(expected) != len(actual) or wanted.isascii() == came.isascii():
        return ""
    return f": {_named(came)} stands for {_named(wanted)}" if wanted.isalnum() and came.isalnum() else ""


def _named(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, 'without a name')}"
