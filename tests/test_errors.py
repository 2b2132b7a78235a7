"""Errors as other processes get them, and as pytest shows them."""

from __future__ import annotations

import pickle

import pytest

from pytest_llmeval import errors
from tests.sessions import Session

ERRORS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]


def made(kind: type[Exception]) -> Exception:
    if kind is errors.DatasetError:
        return errors.DatasetError("a.csv", ["a.csv:1: wrong", "a.csv:2: wrong"])
    if kind is errors.ProviderError:
        return errors.ProviderError("no answer\nof a.example", kind="timeout", status=504, retry_after=2.5)
    if kind is errors.RefusedInReplay:
        return errors.RefusedInReplay(111, "refused")
    if kind is errors.CheckFailed:
        return errors.CheckFailed("too long", category="length", score=0.5, check="words")
    return kind("no answer\nof a.example")


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_an_error_comes_from_another_process_as_it_was(kind: type[Exception]) -> None:
    error = made(kind)
    error.add_note("in the kitchen")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(again) is kind
    assert (str(again), again.args, vars(again)) == (str(error), error.args, vars(error))
    assert vars(again)["__notes__"] == ["in the kitchen"]


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_an_error_says_which_module_it_is_from(kind: type[Exception]) -> None:
    assert kind.__module__ == "pytest_llmeval.errors"


TESTS = """
    import pytest
    from pytest_llmeval.errors import BudgetExceeded, ConfigError, MissingReply, StaleReply

    def test_plain():
        raise MissingReply("not there")

    def test_behind_another():
        try:
            raise StaleReply("too old")
        except StaleReply as error:
            raise LookupError("nothing") from error

    def test_in_a_group():
        raise ExceptionGroup("both", [BudgetExceeded("no money"), ValueError("else")])

    @pytest.fixture
    def broken():
        raise ConfigError("no such key")

    def test_of_a_fixture(broken):
        pass
"""


@pytest.mark.parametrize("style", ["long", "short", "native", "line"])
def test_pytest_shows_its_name_without_the_module(plain_session: Session, style: str) -> None:
    plain_session.write(TESTS)
    plain_session.write('from pytest_llmeval.errors import DatasetError\nraise DatasetError("a", ["b"])\n', "test_b.py")
    shown = plain_session.run(f"--tb={style}", "--continue-on-collection-errors", "-rfE").stdout.str()
    lines = {line.removeprefix("E").strip(" |") for line in shown.splitlines()}
    assert {
        "MissingReply: not there",
        "DatasetError: b",
        "BudgetExceeded: no money",
        "ConfigError: no such key",
    } <= lines
    assert style == "line" or "StaleReply: too old" in lines
    assert "- MissingReply: not there" in shown
    assert "pytest_llmeval.errors." not in shown
