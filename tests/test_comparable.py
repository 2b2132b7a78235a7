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


def of_source(folder: Path, source: str, *, captures: bool = False) -> str:
    """The digest of ``test`` in a module that lies in a project, beside its application ``bot``."""
    path = folder / f"module_{len(list(folder.glob('module_*')))}.py"
    path.write_text(textwrap.dedent(source))
    module = ModuleType(path.stem)
    bot = ModuleType("bot")
    bot.__file__ = str(folder / "bot.py")
    vars(module)["bot"] = bot
    exec(compile(path.read_text(), str(path), "exec"), vars(module))  # noqa: S102
    return checks_digest(vars(module)["test"], folder, captures=captures)


@pytest.mark.parametrize(
    "source",
    [
        """
        def test(llm):
            reply = llm("hi")
            for word in ["WORD", "sorry"]:
                assert word in reply
        """,
        """
        def test(llm):
            reply = llm("hi")
            if "WORD" not in reply:
                raise AssertionError("not said")
        """,
        """
        def test(llm):
            def right(text):
                return "WORD" in text
            assert right(llm("hi"))
        """,
        """
        def test(llm):
            reply = llm("hi")
            assert (found := "WORD" in reply) and found
        """,
        """
        def test(llm_capture):
            reply = bot.answer("hi")
            wanted = "WORD"
            assert wanted in reply
        """,
    ],
)
def test_loops_conditions_and_functions_within_judge_too(tmp_path: Path, source: str) -> None:
    captures = "llm_capture" in source
    first = of_source(tmp_path, source, captures=captures)
    assert first
    assert first == of_source(tmp_path, source, captures=captures)
    assert first != of_source(tmp_path, source.replace("WORD", "other"), captures=captures)


def test_a_loop_over_what_is_asked_judges_nothing(tmp_path: Path) -> None:
    source = "def test(llm):\n    for text in ['a', 'b']:\n        assert 'x' in llm(text)\n"
    assert of_source(tmp_path, source) == of_source(tmp_path, source.replace("'b'", "'c'"))


def test_what_a_parametrized_test_expects_judges_and_what_it_asks_does_not(
    plain_session: Session, server: Server
) -> None:
    """Its ids may stay the same when either changes."""
    suite = """
        import pytest

        @pytest.mark.parametrize(("asked", "wanted"), [pytest.param(f"Q {n}", "Paris", id=f"c{n}") for n in range(12)])
        def test_bot(llm, asked, wanted):
            assert llm(asked) == wanted
    """
    plain_session.write(suite)
    plain_session.run("--llm-report=before.jsonl").assert_outcomes(passed=12)
    plain_session.write(suite.replace('"Q {n}"', '"Question {n}"'))
    assert compared(plain_session).ret == 0
    plain_session.write(suite.replace('"Paris"', '"Lyon" if n < 7 else "Paris"'))
    result = compared(plain_session)
    assert told(result, "GATE FAILED: could not be measured: 7 of 12 cases or their checks changed since the baseline")
    result.stdout.no_fnmatch_line("*REGRESSED*")


APPLICATION = """
PROMPT = "Be kind."

def answer(question):
    return PROMPT + question
"""
OF_APPLICATION = """
import re
import app
from app import answer

def polite(text):
    return "please" in text

def test_bot(llm_capture):
    reply = answer("Where is it?")
    assert polite(reply)
    assert re.search("here", app.answer("And now?"))
"""


def test_what_an_application_says_to_its_model_judges_nothing(plain_session: Session) -> None:
    def digest_of(test: str = OF_APPLICATION, application: str = APPLICATION) -> str:
        plain_session.write(application, "app.py")
        plain_session.write(test)
        plain_session.run(subprocess=True)
        return plain_session.results()[0].checks

    start = digest_of()
    assert start
    assert digest_of(application=APPLICATION.replace("return PROMPT", "return 'Be brief.' + PROMPT")) == start
    assert digest_of(OF_APPLICATION.replace("Where is it?", "Where?")) == start
    assert digest_of(OF_APPLICATION.replace('"please"', '"thanks"')) != start
    assert digest_of(OF_APPLICATION.replace('"here"', '"there"')) != start


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


def test_a_case_whose_fixture_failed_is_no_case_whose_row_changed(saved: Session) -> None:
    broken = "    if '1' in request.node.callspec.id:\n        raise OSError('no disk')\n"
    fixture = f"@pytest.fixture\ndef disk(request):\n{broken}\n"
    saved.write(SUITE.replace("@pytest.mark", f"{fixture}@pytest.mark").replace("(llm, case)", "(disk, llm, case)"))
    result = compared(saved)
    assert result.ret == 1
    assert told(result, "GATE FAILED: could not be measured: 11 of 20 samples could not be judged")
    result.stdout.no_fnmatch_line("*changed since the baseline*")
