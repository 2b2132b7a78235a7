"""Error categories: how a failure gets one, and how it is read from an exception.

The first rule that gives a category decides:

1. the keyword ``category=`` of a check;
2. the innermost ``with category(...)``;
3. the test's marker, if the failure has no category of its own: a plain assert, a general check, an exception;
4. the hook ``pytest_llmeval_category``;
5. how the answer ended: ``refusal`` if it was refused or filtered, ``tool_call`` if the provider found its tool call
   invalid, ``truncated`` if it was cut at the limit of tokens. An ending explains what is missing from an answer, but
   not what is in it: ``hallucination``, ``unsafe``, ``slow`` and ``expensive`` stay;
6. the check's own category;
7. ``wrong_answer``, or ``exception`` for an exception that is not an assertion.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar

from pytest_llmeval.checks.gathered import gathering
from pytest_llmeval.errors import CheckFailed, LlmevalError
from pytest_llmeval.score import note_examined, surrounding
from pytest_llmeval.text import harmless

GENERAL = "wrong_answer"
"""The default category; a check with this category leaves the choice to others."""

OF_THE_SESSION = frozenset({"slow", "expensive"})
"""The categories of checks whose figures are compared within one session only: another day has other latencies, and
other prices."""

_OF_WHAT_IS_THERE = frozenset({"hallucination", "unsafe", "slow", "expensive"})
default_category: ContextVar[str] = ContextVar("llmeval_default_category", default=GENERAL)
"""The category of the test's marker; the plugin sets it, so that scores have the same category as the failure."""

_ATTRIBUTE = "llmeval_category"
_OF_HOOK = "llmeval_hook_category"
__tracebackhide__ = True


@contextmanager
def _surrounded(name: str) -> Iterator[None]:
    outer, gathered = surrounding.get(), gathering.get()
    surrounding.set(name)
    note_examined(name)
    try:
        yield
    except BaseException as error:
        if not isinstance(error, LlmevalError) and not hasattr(error, _ATTRIBUTE):
            mark_decided(error, name)
        if gathered is None or not gathered.keeps(error):
            raise
    finally:
        surrounding.set(outer)  # by value: setup and teardown of an asynchronous fixture may differ in their context


def category(name: str) -> AbstractContextManager[None]:
    """Give failures inside a ``with`` block an error category: plain asserts, and checks without ``category=``.

    An answer that gets to the block is examined for the category. Within `all_checks` the test goes on after a block
    that a failed assert has left.

    Args:
        name: ``hallucination``, ``format``, … or one of your own.

    Raises:
        LlmevalError: the name is empty, has several lines or is not text.
    """
    if name is None:
        raise _bad_name(name)
    return _surrounded(valid_category(name) or GENERAL)


def category_of(exception: BaseException) -> str | None:
    """The error category of an exception, None when the test's marker or the default decides."""
    return decided_category(exception) or (exception.category if isinstance(exception, CheckFailed) else None)


def category_of_failure(
    error: BaseException, *, marker: str | None = None, ending: str | None = None, otherwise: str = GENERAL
) -> str:
    """The error category of a failure, by the rules above.

    Args:
        marker: the category of the test's marker.
        ending: the category that the answer's ending explains.
        otherwise: the default.
    """
    if decided := decided_category(error):
        return decided
    own = error.category if isinstance(error, CheckFailed) else None
    if own is None and marker:
        return marker
    named = getattr(error, _OF_HOOK, None)
    if isinstance(named, str):
        return named
    if own is None:
        return ending or otherwise
    return own if own in _OF_WHAT_IS_THERE else ending or own


def name_by_hook(error: BaseException, name: str) -> None:
    """Give an exception the category that the hook names for it."""
    with suppress(AttributeError):  # an exception class with __slots__
        setattr(error, _OF_HOOK, name)


def decided_category(error: BaseException) -> str | None:
    """The category that a keyword or ``with`` asked for, None when there is none."""
    decided = getattr(error, _ATTRIBUTE, None)
    return decided if isinstance(decided, str) else None


def mark_decided(error: BaseException, name: str) -> None:
    """Give an exception a category that no outer ``with`` changes."""
    with suppress(AttributeError):  # an exception class with __slots__
        setattr(error, _ATTRIBUTE, name)
        if isinstance(error, CheckFailed):
            error.category = name


def valid_category(name: object) -> str | None:
    """The name, None for None.

    Raises:
        LlmevalError: it is not a valid name.
    """
    if name is None:
        return None
    if not isinstance(name, str) or not is_category(name):
        raise _bad_name(name)
    return name


def is_category(name: str) -> bool:
    """Whether a text can name an error category: one line of at most 80 characters without space around it."""
    return bool(name) and name == name.strip() and len(name) <= 80 and name.isprintable() and harmless(name) == name


def _bad_name(name: object) -> LlmevalError:
    shown = harmless(repr(name)[:80])
    return LlmevalError(
        f'{shown} is not an error category; use a short name such as "hallucination" or "refund_amount"'
    )
