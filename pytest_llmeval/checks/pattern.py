"""Checks with a regular expression, under a limit of time."""

from __future__ import annotations

import re

from pytest_llmeval.checks.check import check, failed, passed
from pytest_llmeval.checks.plain_text import text_of
from pytest_llmeval.checks.time_limit import SECONDS, TimedOut, within_time
from pytest_llmeval.errors import LlmevalError
from pytest_llmeval.score import Score
from pytest_llmeval.text import excerpt, quoted, shown

__tracebackhide__ = True


@check
def assert_matches(reply: str, pattern: str | re.Pattern[str], *, category: str | None = None) -> Score:
    r"""Check that a regular expression matches somewhere in the reply.

    Args:
        pattern: as for `re.search`; ``\A`` and ``\Z`` tie it to the ends, ``(?i)`` ignores case.
        category: the error category of a failure; by default ``wrong_answer``.

    Raises:
        LlmevalError: the pattern is invalid, or takes longer than two seconds.
    """
    answer = text_of(reply)
    if _search("matches", pattern, answer) is not None:
        return passed()
    return failed(f"nothing in the reply matches {_shown(pattern)}: {quoted(answer)}")


@check
def assert_not_matches(reply: str, pattern: str | re.Pattern[str], *, category: str | None = None) -> Score:
    """Check that a regular expression matches nowhere in the reply.

    Args:
        pattern: as for `assert_matches`.
        category: the error category of a failure; by default ``wrong_answer``.

    Raises:
        LlmevalError: as in `assert_matches`.
    """
    answer = text_of(reply)
    found = _search("not_matches", pattern, answer)
    if found is None:
        return passed()
    return failed(f"the reply must not match {_shown(pattern)}: {excerpt(answer, found[0], found[1])}")


def _search(name: str, pattern: str | re.Pattern[str], text: str) -> list[int] | None:
    return search(compiled_pattern(f"assert_{name}", pattern), text, f"a reply of {len(text):,} characters")


def search(pattern: re.Pattern[str], text: str, what: str) -> list[int] | None:
    """Start and end of the first match in a text, None when there is none.

    Args:
        what: the text in words, for the error.

    Raises:
        LlmevalError: it takes longer than two seconds.
    """
    try:
        return within_time(find, pattern.pattern, pattern.flags, text)
    except TimedOut:
        raise LlmevalError(
            f"regex timed out: {_shown(pattern)} took more than {SECONDS:g} s on {what}; "
            "nested repeats such as (a+)+ are the usual cause"
        ) from None


def compiled_pattern(who: str, pattern: object) -> re.Pattern[str]:
    """The regular expression that the user gave.

    Raises:
        LlmevalError: it is invalid.
    """
    if isinstance(pattern, re.Pattern) and isinstance(pattern.pattern, str):
        return pattern
    if not isinstance(pattern, str) or not pattern:
        raise LlmevalError(f"{who} takes a regular expression as a text, not {shown(pattern)}")
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise LlmevalError(f"{who}: invalid regular expression {_shown(pattern)}: {error}") from None


def find(pattern: str, flags: int, text: str) -> list[int] | None:
    """Start and end of the first match, None when there is none."""
    found = re.compile(pattern, flags).search(text)
    return list(found.span()) if found else None


def _shown(pattern: str | re.Pattern[str]) -> str:
    return quoted(pattern if isinstance(pattern, str) else pattern.pattern, 60)
