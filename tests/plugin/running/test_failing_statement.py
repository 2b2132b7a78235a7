"""The source of a failing assert, told where pytest's message says nothing."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from pytest_llmeval.plugin.running.failing_statement import failing_statement, told
from tests.server import Server, completion
from tests.sessions import Session
from tests.sessions import told as said

MODULE = """
def polite(reply, *, strict=False):
    return False

def plain(reply):
    assert polite(reply)

def several_lines(reply):
    assert polite(
        reply,
        strict=True,
    )

def with_a_comment(reply):
    assert polite(  # the house style
        reply)

def in_a_block(reply):
    with open(__file__) as file:
        if reply:
            assert polite("größe 東京"), file.name and ""

def helper(reply):
    assert not reply

def through_a_helper(reply):
    helper(reply)

def beside_another(reply):
    a = 1; assert polite(reply); b = 2

def in_the_head(reply):
    for letter in [polite(reply)].pop().missing:
        print(letter)

def two_strings(reply):
    assert polite("a"
                  "b")
"""


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """A test file of a user."""
    path = tmp_path_factory.mktemp("project") / "test_style.py"
    path.write_text(MODULE, encoding="utf-8")
    return loaded(path)


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def raised(function: Callable[[str], object]) -> BaseException:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - of any kind
        function("Soon.")
    traceback = caught.value.__traceback__
    return caught.value.with_traceback(traceback.tb_next if traceback is not None else None)  # without this frame


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("plain", "assert polite(reply)"),
        ("several_lines", "assert polite(reply, strict=True)"),
        ("with_a_comment", "assert polite(reply)"),
        ("in_a_block", 'assert polite("größe 東京"), file.name and ""'),
        ("through_a_helper", "assert not reply"),
        ("beside_another", "assert polite(reply)"),
        ("in_the_head", "for letter in [polite(reply)].pop().missing:"),
        ("two_strings", 'assert polite("a" "b")'),
    ],
)
def test_a_statement_is_told_as_it_is_written_on_one_line(module: ModuleType, name: str, text: str) -> None:
    statement = failing_statement(raised(getattr(module, name)))
    assert statement is not None
    assert (statement.text, Path(statement.file).name) == (text, "test_style.py")
    assert MODULE.splitlines()[statement.line - 1].strip().startswith(text[:10]) or name == "beside_another"


@pytest.mark.parametrize(
    "message",
    [
        "",
        " \n",
        "assert False",
        "assert (False)",
        "assert None",
        "assert not True",
        "assert (False or None)",
        "assert []",
        "assert False\n +  where False = polite('Soon.')",
        "assert (not True and ())",
        "assert ''",
        "assert set()",
    ],
)
def test_the_source_stands_in_for_a_message_that_says_nothing(module: ModuleType, message: str) -> None:
    assert told(raised(module.plain), message) == "assert polite(reply)"


@pytest.mark.parametrize(
    "message",
    ["too rude\nassert False", "assert 'Soon.' == 'Paris'", "assert 0 > 1", "the reply is empty", "assertion", "False"],
)
def test_a_message_that_says_something_stays(module: ModuleType, message: str) -> None:
    assert told(raised(module.plain), message) == message


def test_without_its_source_the_message_stays(tmp_path: Path) -> None:
    path = tmp_path / "test_gone.py"
    path.write_text("def plain(reply):\n    assert not reply\n")
    module = loaded(path)
    path.unlink()
    assert told(raised(module.plain), "assert False") == "assert False"


@pytest.mark.parametrize("source", ["def plain(\n", "x = '\0'\n", "# coding: no-such\n"])
def test_a_source_that_is_no_python_any_more_changes_nothing(tmp_path: Path, source: str) -> None:
    path = tmp_path / "test_broken.py"
    path.write_text("def plain(reply):\n    assert not reply\n")
    module = loaded(path)
    path.write_text(source)
    os.utime(path, (1, 1))
    assert told(raised(module.plain), "assert False") == "assert False"


def test_an_error_without_a_traceback_has_no_statement() -> None:
    assert failing_statement(AssertionError("")) is None


SUITE = """
import pytest
from checks_of_ours import decorated

def is_polite(reply):
    return "please" in reply.lower()

@decorated
def test_style(llm):
    reply = llm("Be polite.")
    assert is_polite(
        reply
    )

@pytest.mark.llm_samples(2)
def test_twice(llm):
    assert all(word in llm("Be polite.") for word in ["please"])
"""
HELPER = """
import functools

def decorated(function):
    @functools.wraps(function)
    def run(*arguments, **named):
        return function(*arguments, **named)
    return run
"""


@pytest.mark.parametrize("rewriting", [(), ("--assert=plain",)])
def test_the_reason_of_a_miss_is_the_source(session: Session, server: Server, rewriting: tuple[str, ...]) -> None:
    server.answer = lambda _: completion("No.")
    session.write(HELPER, "checks_of_ours.py")
    session.write(SUITE)
    result = session.run("--llm-model=candidate", "--llm-baseline=production", *rewriting)
    reasons = {sample.reason for each in session.results() for sample in each.samples}
    assert reasons == {"assert is_polite(reply)", 'assert all(word in llm("Be polite.") for word in ["please"])'}
    assert said(result, "missed")
    sys.modules.pop("checks_of_ours", None)
