"""Cases looked at closely in a session: what ``-vv`` and ``-rm`` show, and the reply below a traceback."""

from __future__ import annotations

import json
import re

import pytest

from tests.server import Request, Server, completion
from tests.sessions import Session, told

SUITE = """
import pytest
from pytest_llmeval import assert_contains

def is_kind(reply):
    return "dear" in reply.lower()

@pytest.mark.llm_cases("letters.jsonl")
def test_letter(llm, case):
    reply = llm(case.input, system="You write letters.\\nTwo lines each.")
    assert_contains(reply, "Best")
    assert is_kind(
        reply
    )
"""
CASES = 6
COMPARE = ("--llm-model=candidate", "--llm-baseline=production")
GOOD = "Dear Ada,\n  thank you.\n\nBest, the team"
BAD = "Hello,\n  no.\n\nBest, nobody"


def prepare(session: Session, server: Server) -> None:
    """The candidate is unkind in letter 2."""
    server.answer = lambda request: completion(
        BAD if request.json["model"] == "cand-2" and request.json["messages"][-1]["content"].endswith(" 2") else GOOD
    )
    lines = [json.dumps({"id": f"l{number}", "input": f"Letter {number}"}) for number in range(CASES)]
    (session.path / "letters.jsonl").write_text("\n".join(lines))
    session.write(SUITE)


def closely(result: pytest.RunResult) -> str:
    """What a session says of cases looked at closely, times left out; "" when it says nothing."""
    text = re.sub(r"\b[\d.]+m?s\b", "0s", result.stdout.str())
    found = re.search(r"=+ cases looked at closely =+\n\n?(.*?)\n=====", text, re.DOTALL)
    return found[1] if found else ""


WHOLE = """\
test_it.py::test_letter[l2]
  prompt
    system | You write letters.
           | Two lines each.
    user   | Letter 2

  baseline production: passed
    reply of production, openai/prod-1, answered by m, asked now
      | Dear Ada,
      |   thank you.
      |
      | Best, the team
    finish reason stop · tokens 7 in, 3 out · 0s · $0.000037
    pass contains 1.00

  candidate: failed as wrong_answer
    reply of candidate, openai/cand-2, answered by m, asked now
      | Hello,
      |   no.
      |
      | Best, nobody
    finish reason stop · tokens 7 in, 3 out · 0s · $0.000037
    pass contains 1.00
    test_it.py:12: assert is_kind(reply)
    reason
      | assert False
      |  +  where False = is_kind('Hello,\\n  no.\\n\\nBest, nobody')"""


@pytest.mark.parametrize("asked", [("-k", "l2", "-vv"), ("-rm",), ("-ra",), ("-rA", "-k", "l2 or l3"), ("-rfmE",)])
def test_a_missed_case_is_shown_whole(session: Session, server: Server, asked: tuple[str, ...]) -> None:
    prepare(session, server)
    assert closely(session.run(*COMPARE, "--llm-mode=live", *asked)) == WHOLE


def test_a_case_named_on_the_command_line(session: Session, server: Server) -> None:
    prepare(session, server)
    session.run(*COMPARE)
    nodes = [f"test_it.py::test_letter[l2-{model}]" for model in ("production", "candidate")]
    shown = closely(session.run(*COMPARE, *nodes, "-vv"))
    assert re.sub(r"recorded \d{4}-\d\d-\d\d", "asked now", shown) == WHOLE
    assert shown.count("recorded 20") == 2


@pytest.mark.parametrize("asked", [(), ("-v",), ("-rfE",), ("-rmN",), ("-q",)])
def test_nothing_is_shown_unasked(session: Session, server: Server, asked: tuple[str, ...]) -> None:
    prepare(session, server)
    result = session.run(*COMPARE, *asked)
    assert closely(result) == ""
    assert "You write letters" not in result.stdout.str()


def test_passing_cases_are_shown_where_a_few_were_selected(session: Session, server: Server) -> None:
    prepare(session, server)
    three = closely(session.run(*COMPARE, "-vv", "-k", "l3 or l4 or l5"))
    assert re.findall(r"^test_it.py::\S+", three, re.MULTILINE) == [f"test_it.py::test_letter[l{n}]" for n in (3, 4, 5)]
    assert three.count("passed") == 6
    assert closely(session.run(*COMPARE, "-vv", "-k", "l0 or l3 or l4 or l5")) == ""
    assert closely(session.run(*COMPARE, "-rm", "-k", "l3")) == ""


def test_of_many_failures_nobody_asked_for_some_are_shown(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    server.answer = lambda request: completion(BAD if request.json["model"] == "cand-2" else GOOD)
    lines = [json.dumps({"id": f"l{number}", "input": f"Letter {number}"}) for number in range(23)]
    (plain_session.path / "letters.jsonl").write_text("\n".join(lines))
    shown = closely(plain_session.run(*COMPARE, "-ra"))
    assert shown.count("test_it.py::test_letter[") == 20
    assert shown.endswith("\n3 more cases failed: -rm shows all, -k one of them")
    assert closely(plain_session.run(*COMPARE, "-ram")).count("test_it.py::test_letter[") == 23


def test_without_a_baseline_a_failing_test_is_shown_too(session: Session, server: Server) -> None:
    prepare(session, server)
    result = session.run("--llm-model=candidate", "-vv")
    shown = closely(result)
    assert shown.startswith("test_it.py::test_letter[l2]\n  prompt\n    system | You write letters.")
    assert "\n  candidate: failed as wrong_answer\n" in shown
    assert result.stdout.str().count("AssertionError") >= 1


def test_the_prompt_is_in_no_saved_run(session: Session, server: Server) -> None:
    prepare(session, server)
    session.run(*COMPARE, "-vv")
    assert "You write letters" not in session.report.read_text()


APPLICATION = """
import httpx

def test_bot(llm_capture):
    question = {"model": llm_capture.model, "messages": [
        {"role": "system", "content": "You are the bot."}, {"role": "user", "content": "Where is it?"}]}
    first = httpx.post("URL/chat/completions", json=question, headers={"authorization": "Bearer k"}).json()
    question["messages"] += [first["choices"][0]["message"], {"role": "user", "content": "And when?"}]
    httpx.post("URL/chat/completions", json=question, headers={"authorization": "Bearer k"})
    assert not llm_capture.calls[-1].reply
"""


def test_what_an_application_asked_is_shown(session: Session, server: Server) -> None:
    server.answer = lambda request: completion(f"Answer {len(request.json['messages'])}")
    session.write(APPLICATION.replace("URL", server.base_url))
    shown = closely(session.run("--llm-model=production", "-vv"))
    assert shown.count("system | You are the bot.") == 1
    order = ["user   | Where is it?", "reply 1 of", "| Answer 2", "user | And when?", "reply 2 of", "| Answer 4"]
    assert sorted(order, key=shown.index) == order


CHECK = """
from pytest_llmeval import assert_words, assert_equal
import pytest

def test_long(llm):
    assert_words(llm("Write a lot."), at_least=800)

def test_equal(llm):
    assert_equal(llm("Say yes."), "yes")

def test_plain(llm):
    reply = llm("Say yes.")
    assert reply == "yes"

@pytest.mark.llm_samples(2)
def test_samples(llm):
    assert_words(llm("Say yes."), at_least=800)
"""


def sections(result: pytest.RunResult) -> dict[str, str]:
    """The replies below tracebacks, by test."""
    found = re.findall(
        r"_+ (test_\w+)\S* _+\n(?:(?!\n_+ test_).)*?\n-+ (reply of [^\n]*?) -+\n(.*?)(?=\n[_=]+ )",
        result.stdout.str(),
        re.DOTALL,
    )
    return {f"{test}: {title}": text for test, title, text in found}


def test_below_the_traceback_of_a_check_stands_the_reply_it_has_judged(session: Session, server: Server) -> None:
    essay = "\n".join(f"line {number} \x1b[31m" for number in range(30))
    server.answer = lambda request: completion(essay if "lot" in request.body.decode() else "no")
    session.write(CHECK)
    found = sections(session.run("--llm-model=production"))
    assert sorted(found) == ["test_long: reply of production", "test_samples: reply of production, sample 1"]
    lines = found["test_long: reply of production"].split("\n")
    assert lines[::20] == ["line 0 \\x1b[31m", "... 10 more lines, -vv shows all"]
    assert found["test_samples: reply of production, sample 1"] == "no"
    whole = session.run("--llm-model=production", "-vv")
    assert sections(whole) == {}
    assert "\n      | line 29 \\x1b[31m\n" in closely(whole)


def test_verbose_the_session_ends_with_the_verdict(session: Session, server: Server) -> None:
    prepare(session, server)
    session.write("def test_other(): assert False", "test_zz.py")
    result = session.run(*COMPARE, "-v", "--llm-report=other.jsonl")
    place = next(number for number, line in enumerate(result.outlines) if re.fullmatch("=+ verdict =+", line))
    last = ["gate ok:", "  could ", "next: py", "      --", "========"]
    assert [line[:8] for line in result.outlines[place + 1 :]] == last
    text = result.stdout.str()
    assert text.rindex("FAILED test_zz.py") < text.rindex("gate ok")
    assert "every measure of" not in text
    assert "every measure: llmeval show " in text


def test_the_verdict_of_a_gate_that_failed_stands_last_with_what_to_do_next(session: Session, server: Server) -> None:
    prepare(session, server)
    server.answer = lambda request: completion(BAD if request.json["model"] == "cand-2" else GOOD)
    result = session.run(*COMPARE, "-v")
    assert told(
        result, "= GATE FAILED: wrong_answer regressed from 0 of 6 to 6 of 6 answers*next: --llm-show=wrong_answer *"
    )
    assert result.outlines[-3].startswith("next: --llm-show=wrong_answer")
    assert result.stdout.str().count("\nnext:") == 1


def hostile(request: Request) -> object:
    return completion("\x1b]0;title\x07\n::error::pwned\n##[error]x\u202e\n" + "long " * 40_000)


@pytest.mark.parametrize("columns", ["60", "80", "120"])
def test_hostile_replies_stay_text(
    plain_session: Session, server: Server, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    server.answer = hostile
    plain_session.write('def test_it(llm):\n    assert "tea" in llm("\\x1b[2J ::warning::")\n')
    result = plain_session.run("--llm-model=production", "-rm")
    shown = closely(result)
    assert shown.count("long") >= 40_000
    assert max(map(len, shown.split("\n"))) <= int(columns)
    lines = result.stdout.str().split("\n")
    assert [
        line for line in lines if re.match(r"\s*::", line) or "##[" in line or "\x1b" in line or "\u202e" in line
    ] == []
