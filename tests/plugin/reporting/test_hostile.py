"""An answer may hold anything; no terminal, CI runner, XML parser or process is harmed by it."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree as ET

import pytest

from tests.server import Server, completion
from tests.sessions import Session

HOSTILE = (
    "\x1b[31mred\x1b]0;TITLE\x07\x9b31m \u202eevil\u2066 nul\x00 half \ud83d end\n"
    "::error::pwned\n##[error]x\n##vso[task.setvariable]y\n</script><script>alert(1)</script>\r\n::stop-commands::z"
)

SUITE = """
import logging, pytest, sys
from pytest_llmeval import assert_contains, assert_equal, assert_json, assert_similar, category

def test_equal_sign(llm): reply = llm("x"); assert reply == "Paris"
def test_in(llm): reply = llm("x"); assert "Paris" in reply
def test_lines(llm): reply = llm("x"); assert reply.splitlines() == ["Paris"]
def test_assert_equal(llm): assert_equal(llm("x"), "Paris")
def test_assert_contains(llm): assert_contains(llm("x"), "Paris")
def test_assert_json(llm): assert_json(llm("x"))
def test_assert_similar(llm): assert_similar(llm("x"), "Paris is the capital of France", at_least=0.9)
def test_fail(llm): pytest.fail(llm("x"))
def test_fail_without_trace(llm): pytest.fail(llm("x"), pytrace=False)
def test_raise(llm): raise ValueError(str(llm("x")))
def test_group(llm): raise ExceptionGroup(str(llm("x")), [AssertionError(str(llm("x")))])
def test_skip(llm): pytest.skip(str(llm("x")))
def test_xfail(llm): pytest.xfail(str(llm("x")))
def test_property(llm, record_property): record_property("answer", str(llm("x")))
def test_print_and_pass(llm): print(llm("x"))
def test_log_and_pass(llm): logging.warning("%s", llm("x"))

def test_chain(llm):
    try:
        raise ValueError(str(llm("x")))
    except ValueError as error:
        raise AssertionError(str(llm("x"))) from error

def test_own_category(llm):
    with category(str(llm("x"))):
        assert llm("x") == "Paris"

def test_print_and_fail(llm):
    reply = llm("x")
    print(reply)
    print(reply, file=sys.stderr)
    logging.warning("%s", reply)
    assert False

@pytest.mark.llm_samples(2)
def test_samples(llm): reply = llm("x"); assert reply == "Paris"

@pytest.fixture
def before(llm):
    print(llm("x"))
    raise RuntimeError(str(llm("x")))

def test_before(llm, before): ...

@pytest.fixture
def after(llm):
    reply = llm("x")
    yield
    print(reply)
    raise RuntimeError(str(reply))

def test_after(llm, after): ...
"""
TESTS = SUITE.count("def test_")


def harmful(text: str) -> list[str]:
    """What a terminal or a CI runner would obey, with its line."""
    found = []
    for line in re.split(r"\r\n|\r|\n", text):
        odd = sorted({f"U+{ord(c):04X}" for c in line if not c.isprintable() and c != "\t"})
        if odd or line.lstrip().startswith("::") or "##[" in line or "##vso[" in line:
            found.append(f"{odd} {line!r}")
    return found


def raw_output(session: Session, *arguments: str) -> tuple[pytest.RunResult, str]:
    """The output of a session in a process of its own, line ends as they are."""
    result = session.run(*arguments, subprocess=True)
    return result, (session.path / "stdout").read_bytes().decode() + (session.path / "stderr").read_bytes().decode()


@pytest.mark.parametrize(
    "arguments",
    [
        ("-vv", "-l", "--tb=long"),
        ("-rA", "-vv"),
        ("-ra", "--tb=no"),
        ("--tb=short",),
        ("--tb=native", "-q"),
        ("--tb=line",),
        ("-rA", "--llm-model=candidate", "--llm-baseline=production", "-v"),
    ],
    ids="".join,
)
def test_no_answer_gets_into_the_terminal_as_it_is(
    plain_session: Session, server: Server, arguments: tuple[str, ...]
) -> None:
    server.answer = lambda _: completion(HOSTILE)
    plain_session.write(SUITE)
    result, text = raw_output(plain_session, *arguments)
    assert harmful(text) == []
    assert result.ret == 1
    if "--tb=no" not in arguments:
        assert "pwned" in text  # it was shown, and not left out


def test_files_that_hold_hostile_answers_can_be_read(session: Session, server: Server) -> None:
    server.answer = lambda _: completion(HOSTILE)
    session.write(SUITE)
    result, text = raw_output(session, "-rA", "--junitxml=junit.xml", "-ojunit_logging=all")
    assert harmful(text) == []
    assert len(session.results()) == TESTS - 2  # two were skipped
    assert re.search(r"\b1 skipped\b", text) is not None
    assert result.ret == 1
    junit = (session.path / "junit.xml").read_text(encoding="utf-8")
    assert len(ET.fromstring(junit).findall(".//testcase")) >= TESTS  # noqa: S314 - our own file
    assert harmful(junit) == []
    for line in session.report.read_text(encoding="ascii").splitlines():
        assert isinstance(json.loads(line), dict)
    answers = {call.answer.text for case in session.results() for sample in case.samples for call in sample.calls}
    assert [answer.replace("\ufffd", "\ud83d") for answer in answers] == [HOSTILE]


@pytest.mark.parametrize("body", ["record_property('a', str(llm('x')))", "pytest.skip(str(llm('x')))", "log(llm('x'))"])
def test_half_a_character_does_not_end_an_xdist_session_without_its_tests(
    session: Session, server: Server, body: str
) -> None:
    server.answer = lambda _: completion("half \ud83d")
    session.write(
        f"""
        import logging, pytest

        log = logging.getLogger().warning

        def test_it(llm, record_property): {body}
        def test_other(llm): assert llm("x")
        """
    )
    result = session.run(subprocess=True)  # what it logs must not get into the report of this very test either
    skipped = int("skip" in body)
    result.assert_outcomes(passed=2 - skipped, skipped=skipped)


def test_a_coloured_session_adds_no_escape_of_an_answer(plain_session: Session, server: Server) -> None:
    server.answer = lambda _: completion("\x1b]0;TITLE\x07\x1b[2J")
    plain_session.write('def test_it(llm):\n    reply = llm("x")\n    print(reply)\n    assert reply == "Paris"\n')
    _, text = raw_output(plain_session, "--color=yes", "-rA", "-l")
    assert set(re.findall(r"\x1b(?!\[[0-9;]*m)", text)) == set()
    assert "\x07" not in text


def test_a_huge_answer_neither_floods_the_terminal_nor_takes_long(plain_session: Session, server: Server) -> None:
    server.answer = lambda _: completion("word \u202e" * 200_000)
    plain_session.write(
        """
        from pytest_llmeval import assert_contains, assert_equal

        def test_in(llm): reply = llm("x"); assert "Paris" in reply
        def test_equal(llm): assert_equal(llm("x"), "Paris")
        def test_contains(llm): assert_contains(llm("x"), "Paris")
        """
    )
    result = plain_session.run()
    result.assert_outcomes(failed=3)
    assert max(map(len, result.outlines)) < 2_000
    assert len(result.stdout.str()) < 50_000
    assert plain_session.results()[0].samples[0].calls[0].answer.text == "word \u202e" * 200_000


def test_hostile_names_are_harmless_too(plain_session: Session, server: Server) -> None:
    name = '"##[error]m \\u202e\\u001b[31m::x"'
    plain_session.configure(
        f"""
        [tool.llmeval]
        model = {name}
        [tool.llmeval.models.{name}]
        model = "openai/::error::m"
        base_url = "{server.base_url}"
        [tool.llmeval.models."::warning::b"]
        model = "openai/b"
        base_url = "{server.base_url}"
        """
    )
    data = plain_session.path / "##[error]c.jsonl"
    data.write_text(json.dumps({"id": "a", "input": "x", "task": "::error::t", "tags": ["\x1b[31m"]}))
    plain_session.write(
        """
        import pytest
        from pytest_llmeval import assert_equal

        @pytest.mark.llm_cases("##[error]c.jsonl")
        @pytest.mark.parametrize("what", ["\\x1b[31m", "::error::p"])
        def test_it(llm, case, what):
            assert_equal(llm(case.input), "Rome", category="::error::c")
        """
    )
    result, text = raw_output(plain_session, "--llm-baseline=::warning::b", "-v", "--junitxml=junit.xml")
    assert harmful(text) == []
    if result.ret != pytest.ExitCode.USAGE_ERROR:  # refused is as good as shown harmless
        assert harmful((plain_session.path / "junit.xml").read_text(encoding="utf-8")) == []
