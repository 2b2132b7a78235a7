"""Hooks a project may implement in its ``conftest.py``, and what makes plain functions of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmeval.errors import ConfigError

if TYPE_CHECKING:
    from pytest_llmeval.case import Case
    from pytest_llmeval.formats.base import Provider
    from pytest_llmeval.reply import Reply
    from pytest_llmeval.store.entry import Entry


@pytest.hookspec
def pytest_llmeval_providers() -> dict[str, Provider]:
    """Add providers: wire formats this package does not speak.

    Returns:
        Each by its name, as in ``name/model``; `pytest_llmeval.formats.base.Provider` says what it must offer.
    """
    return {}


@pytest.hookspec(firstresult=True)
def pytest_llmeval_normalize(text: str) -> str | None:
    """Say which part of a text counts when a stored reply is looked up; the request itself does not change.

    Called with every text of a request, to drop what differs in every run: the time, a random id, a temporary path.

    Args:
        text: a text anywhere in the body of a request.

    Returns:
        The text without what does not count, or None to leave it to others. The first answer is taken.
    """


@pytest.hookspec(firstresult=True)
def pytest_llmeval_redact(entry: Entry) -> Entry | None:
    """Remove from a reply what must not be recorded; called once for each before it is written.

    Args:
        entry: the request and its reply. Make another with ``dataclasses.replace(entry, response=...)``; its ``key``,
            ``sample`` and ``occurrence`` must stay, since it is found by them.

    Returns:
        What is written instead, or None to leave it to others. The first answer is taken.
    """


@pytest.hookspec(firstresult=True)
def pytest_llmeval_category(case: Case | None, reply: Reply | None, error: BaseException, reason: str) -> str | None:
    """Name the error category of a failure, by what the answer and the reason say.

    Called for each failure of an answer that neither ``category=``, ``with category(...)`` nor the test's marker has
    given a category: plain asserts, exceptions, and checks, which have their own.

    Args:
        case: None without one.
        reply: the last answer of the model, None when the test asked none.
        error: what failed: an ``AssertionError``, or what else the test's code raised. A check's `CheckFailed` has its
            ``category``, None for ``wrong_answer``, its ``score`` and the name of the ``check``.
        reason: the first line of its message, as reports show it.

    Returns:
        The category, or None to leave it to others. The first answer is taken.
    """


def categoriser(hooks: Any) -> Callable[..., Any] | None:
    """`pytest_llmeval_category` as a function, None when no plugin implements it."""
    hook = hooks.pytest_llmeval_category
    return hook if hook.get_hookimpls() else None


def normalizer(hooks: Any) -> Callable[[str], str] | None:
    """`pytest_llmeval_normalize` as a function, None when no plugin implements it."""
    hook = hooks.pytest_llmeval_normalize
    if not hook.get_hookimpls():
        return None

    def normalize(text: str) -> str:
        result: Any = hook(text=text)
        if result is None:
            return text
        if not isinstance(result, str):
            raise ConfigError(f"the hook pytest_llmeval_normalize returned {type(result).__name__}, not text or None")
        return result

    return normalize


def redactor(hooks: Any) -> Callable[[Entry], Entry | None] | None:
    """`pytest_llmeval_redact` as a function, None when no plugin implements it."""
    hook = hooks.pytest_llmeval_redact
    if not hook.get_hookimpls():
        return None
    return lambda entry: hook(entry=entry)
