"""`all_checks`: every check of an answer runs, and the answer fails in the category of each that failed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType

from pytest_llmeval.checks.categories import category_of, decided_category, default_category, mark_decided
from pytest_llmeval.checks.gathered import Gathered, failures_of, gathering, set_failures
from pytest_llmeval.errors import CheckFailed, LlmevalError, Unverified
from pytest_llmeval.score import note_examined, surrounding
from pytest_llmeval.text import presentable, shortened

_MOST_LINES = 10  # of the first failure
__tracebackhide__ = True


def all_checks() -> AbstractContextManager[None, bool]:
    """Run every check inside a ``with`` block, whichever of them fail, and fail the answer for all of them at its end.

    In the block a check that fails returns its score and raises nothing. A failed assert in a ``with category(...)``
    ends only that inner block. A failed assert outside of these, or another exception, ends the whole block; the
    failures found so far are kept. A block in another reports to the outer one.

    Raises:
        CheckFailed: at the end of the block: something failed. Category and check are those of the first failure, the
            score is the lowest.
    """
    return AllOf(plain=True)


class AllOf:
    """The block of `all_checks`.

    Args:
        plain: whether plain asserts may stand in the block, for which an answer is then examined.
    """

    def __init__(self, *, plain: bool = False) -> None:
        self._plain = plain
        self._outer: Gathered | None = None
        self._own: Gathered | None = None

    def __enter__(self) -> None:
        outer = gathering.get()
        self._outer = outer if outer is not None and outer.open else None
        if self._outer is None:
            self._own = Gathered()
            gathering.set(self._own)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        __tracebackhide__ = True
        category = surrounding.get()
        if error is not None and category and not isinstance(error, LlmevalError) and decided_category(error) is None:
            mark_decided(error, category)
        if error is None and self._plain and category is None:
            note_examined(default_category.get())
        if self._own is None:
            return error is not None and self._outer is not None and self._outer.keeps(error)
        gathering.set(None)  # by value: setup and teardown of an asynchronous fixture may differ in their context
        self._own.open = False
        found = self._own.failures
        if error is not None:
            if not found:
                return False
            if isinstance(error, Unverified):
                error = None  # an answer that fails is verified, whatever else is not known of it
            else:
                found = [*found, *failures_of(error)]
            if error is not None and (not isinstance(error, Exception) or isinstance(error, LlmevalError)):
                set_failures(error, found)
                return False
        if found:
            failure = _one_of_all(found)
            place = found[0].__traceback__ if self._plain else None  # the line that calls `assert_case` is in it anyway
            raise failure.with_traceback(place) from (None if isinstance(error, AssertionError) else error)
        if error is None and self._own.unverified is not None:
            raise self._own.unverified
        return False


def _one_of_all(failures: Sequence[BaseException]) -> BaseException:
    """The failure that stands for all of a block."""
    first = failures[0]
    if len(failures) == 1:
        return first
    head, *rest = str(first).split("\n")
    lines = [f"{shortened(head, 170)} (first of {len(failures)} failed checks)", *rest[:_MOST_LINES]]
    lines += [_line(failure) for failure in failures[1:]]
    scores = [failure.score if isinstance(failure, CheckFailed) else 0.0 for failure in failures]
    check = first.check if isinstance(first, CheckFailed) else ""
    error = CheckFailed(presentable("\n".join(lines)), category=category_of(first), score=min(scores), check=check)
    if decided := decided_category(first):
        mark_decided(error, decided)
    set_failures(error, list(failures))
    return error


def _line(failure: BaseException) -> str:
    asserted = isinstance(failure, AssertionError)
    name = (failure.check if isinstance(failure, CheckFailed) else "assert") if asserted else type(failure).__name__
    category = category_of(failure) or (default_category.get() if asserted else "exception")
    return f"{name} [{category}]: {failure}".split("\n", maxsplit=1)[0]
