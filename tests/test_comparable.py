"""What two runs must have in common to be compared."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from pytest_llmeval.plugin.judging_code import checks_digest
from tests.server import Server, completion
from tests.sessions import Session, told

TEST = """
def test(llm, case):
    prompt = PROMPT + case.input
    reply = llm(prompt)
    assert_same(reply, LIMITS)
"""
MODULE = f"""
from helper import assert_same
PROMPT = "Answer: "
LIMITS = {{"least": 1}}
{TEST}
"""
HELPER = "def assert_same(reply, limits):\n    assert len(reply) >= limits['least']\n"


def digest(folder: Path, module: str, helper: str = HELPER) -> str:
    """Of the function ``test`` of a module, beside which there is a module ``helper``."""
    (folder / "helper.py").write_text(helper)
    path = folder / "module.py"
    path.write_text(textwrap.dedent(module))
    loaded, helping = ModuleType("module"), ModuleType("helper")
    exec(compile(helper, str(folder / "helper.py"), "exec"), vars(helping))  # noqa: S102
    source = path.read_text().replace("from helper import assert_same", "")
    path.write_text(source)
    vars(loaded).update(assert_same=vars(helping)["assert_same"])
    exec(compile(source, str(path), "exec"), vars(loaded))  # noqa: S102
    import linecache

    linecache.checkcache()
    function: Callable[..., object] = vars(loaded)["test"]
    return checks_digest(function, folder)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Answer: ", "Answer in one word: "),
        ("PROMPT + case.input", "PROMPT + case.input + ', please'"),
        ("llm(prompt)", "llm(prompt, system='Be brief.', temperature=0)"),
        ("llm(prompt)", "Bot(llm, 'You are kind.').answer(prompt)"),
        ("    reply =", "    # a comment\n    print('asking')\n    reply ="),
        ("def test(llm, case):", "def test(llm, case):\n    'What is tested.'"),
        ("assert_same(reply, LIMITS)", "assert_same( reply,LIMITS )"),
    ],
)
def test_what_is_asked_is_no_part_of_what_judges(tmp_path: Path, old: str, new: str) -> None:
    start = MODULE.replace("llm(prompt)", "Bot(llm, '').answer(prompt)") if "Bot" in new else MODULE
    changed = MODULE.replace(old, new)
    assert changed != MODULE
    first = digest(tmp_path, start)
    assert (first != "", digest(tmp_path, changed)) == (True, first)


@pytest.mark.parametrize(
    ("old", "new", "helper"),
    [
        ('"least": 1', '"least": 2', HELPER),
        ("assert_same(reply, LIMITS)", "assert_same(reply.strip(), LIMITS)", HELPER),
        ("assert_same(reply, LIMITS)", "assert_same(reply, LIMITS)\n    assert reply != 'no'", HELPER),
        ("assert_same(reply, LIMITS)", "with category('tone'):\n        assert_same(reply, LIMITS)", HELPER),
        ("llm(prompt)", "llm(prompt).lower()", HELPER),
        ("LIMITS)", "LIMITS)", HELPER.replace(">=", ">")),
    ],
)
def test_what_judges_is_seen_wherever_it_is_written(tmp_path: Path, old: str, new: str, helper: str) -> None:
    assert old in MODULE
    assert digest(tmp_path, MODULE) != digest(tmp_path, MODULE.replace(old, new), helper)


def test_the_category_of_a_plain_assert_judges_too(tmp_path: Path) -> None:
    digest(tmp_path, MODULE)
    namespace: dict[str, Callable[..., object]] = {}
    exec(compile(MODULE.replace("from helper import assert_same", ""), str(tmp_path / "module.py"), "exec"), namespace)  # noqa: S102
    assert checks_digest(namespace["test"], tmp_path, "tone") != checks_digest(namespace["test"], tmp_path)


SUITE = """
import pytest

PROMPT = "Capital? "

@pytest.mark.llm_cases("cases.jsonl")
def test_row(llm, case):
    reply = llm(PROMPT + case.input)
    assert reply == "Paris"
"""


@pytest.fixture
def saved(plain_session: Session) -> Session:
    """A project of 20 cases with the saved run ``before.jsonl``."""
    lines = [json.dumps({"id": f"c{number}", "input": str(number)}) for number in range(20)]
    (plain_session.path / "cases.jsonl").write_text("\n".join(lines))
    plain_session.write(SUITE)
    plain_session.run("--llm-report=before.jsonl").assert_outcomes(passed=20)
    return plain_session


def compared(session: Session) -> pytest.RunResult:
    return session.run("--llm-baseline=before.jsonl")


def test_a_prompt_that_changed_is_gated_and_said(saved: Session, server: Server) -> None:
    saved.write(SUITE.replace("Capital?", "Which city?"))
    server.answer = lambda request: completion("Rome" if "city? 1" in request.body.decode() else "Paris")
    result = compared(saved)
    assert result.ret == 1
    assert told(result, "GATE FAILED: wrong_answer regressed from 0 of 20 to 11 of 20 answers")
    assert told(result, "the prompt of 20 of 20 cases changed since the baseline was saved; they are compared")


def test_other_checks_are_never_taken_for_a_regression(saved: Session) -> None:
    saved.write(SUITE.replace('== "Paris"', '== "Rome"'))
    result = compared(saved)
    assert result.ret == 1
    assert told(result, "GATE FAILED: could not be measured: 20 of 20 cases or their checks changed since the baseline")
    assert told(result, "not compared: 20 cases judged by other checks since the baseline ran")
    result.stdout.no_fnmatch_line("*REGRESSED*")


def test_one_test_that_changed_leaves_the_others_compared(saved: Session) -> None:
    more = "\n\ndef test_more(llm):\n    assert llm('more') == 'Paris'\n"
    saved.write(SUITE + more)
    saved.run("--llm-report=before.jsonl")
    saved.write(SUITE + more.replace("== 'Paris'", "!= 'Paris'"))
    result = compared(saved)
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["*gate ok: no error category regressed in 20 cases*", "*not compared: 1 case judged by other*", "*test_more"]
    )


def test_a_run_of_an_earlier_version_is_compared(saved: Session) -> None:
    path = saved.path / "before.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        line.pop("checks", None)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    saved.write(SUITE.replace('== "Paris"', 'in ("Paris", "Lyon")'))
    result = compared(saved)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*gate ok: 20 cases*"])
