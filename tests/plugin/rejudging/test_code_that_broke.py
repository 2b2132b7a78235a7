"""Code that breaks a baseline's saved answers is red, whatever else their tests say of them."""

from __future__ import annotations

import json

import pytest

from tests.server import Request, Server, completion
from tests.sessions import CONFIGURATION, Session, told

JUDGE = """
[tool.llmeval.models.{name}]
model = "openai/judge-9"
base_url = "{base_url}"
"""
SUITE = """
import pytest
import shop
from pytest_llmeval import assert_grounded, assert_judged, assert_not_contains

@pytest.mark.llm_category("wrong_answer")
@pytest.mark.parametrize("n", range(20))
def test_row(llm, n):
    reply = llm(f"{shop.PROMPT}How many days {n}?")
"""
SHOP = """
PROMPT = ""

def days(reply):
    return int(reply.split()[0])

def facts(reply):
    return [line for line in reply.splitlines() if line.startswith("30")]
"""
RIGHT = "    assert shop.days(reply) == 30\n"
JUDGED = '    assert_judged(reply, "Says how many days.", judge="judge", category="tone")\n'


def saved(session: Session, server: Server, body: str, *, judged: str = "pass", more: str = "") -> None:
    """A project with a baseline; the judge always says the same."""

    def answer(request: Request) -> object:
        if request.json["model"] == "judge-9":
            return completion(json.dumps({"evidence": ["30"], "reason": "so it is", "verdict": judged}))
        short = "short" in json.dumps(request.json)
        return completion("- 60 days" if short else "30 days, calm down.\n30 days it is.")

    server.answer = answer
    table = CONFIGURATION.format(base_url=server.base_url) + JUDGE.format(name="judge", base_url=server.base_url) + more
    session.configure(table.replace("[tool.llmeval]", '[tool.llmeval]\nbaseline = "b.jsonl"'))
    session.write(SHOP, "shop.py")
    session.write(SUITE + body)
    assert session.run("--llm-update-baseline").ret == 0


@pytest.mark.parametrize(
    ("body", "judged"),
    [
        pytest.param(RIGHT + JUDGED, "pass", id="before a judge is asked"),
        pytest.param(JUDGED + RIGHT, "pass", id="behind a judge"),
        pytest.param(
            RIGHT + "    assert_not_contains(reply, 'calm', category='tone')\n", "", id="of answers that failed"
        ),
    ],
)
def test_code_that_breaks_saved_answers_is_red(session: Session, server: Server, body: str, judged: str) -> None:
    saved(session, server, body, judged=judged)
    assert session.run().ret == 0
    session.write(SHOP.replace("[0])", "[0]) * 24"), "shop.py")
    result = session.run()
    assert result.ret == 1
    assert told(result, "GATE FAILED: wrong_answer regressed from 0 of 20 to 20 of 20 answers")
    assert told(result, "the code behind the replies has; the saved verdict counts")


def test_answers_that_no_calibrated_judge_passed_excuse_no_code(plain_session: Session, server: Server) -> None:
    saved(plain_session, server, JUDGED + RIGHT, judged="fail")
    plain_session.write(SHOP.replace("[0])", "[0]) * 24"), "shop.py")
    assert plain_session.run().ret == 1


def test_another_judge_excuses_no_code(plain_session: Session, server: Server) -> None:
    saved(plain_session, server, JUDGED + RIGHT)
    table = plain_session.path / "pyproject.toml"
    table.write_text(table.read_text().replace("judge-9", "judge-10"))
    was = server.answer
    assert callable(was)
    server.answer = lambda request: (
        completion(json.dumps({"evidence": ["30"], "reason": "so it is", "verdict": "pass"}))
        if request.json["model"] == "judge-10"
        else was(request)
    )
    plain_session.write(SHOP.replace("[0])", "[0]) * 24"), "shop.py")
    result = plain_session.run()
    assert result.ret == 1
    assert told(result, "GATE FAILED: wrong_answer regressed from 0 of 20 to 20 of 20 answers")


GROUNDED = "    for fact in shop.facts(reply):\n        assert_grounded(fact, ['It takes 30 days.'])\n"


def test_answers_that_a_severe_check_finds_nothing_in_cannot_be_measured(
    plain_session: Session, server: Server
) -> None:
    saved(plain_session, server, GROUNDED, more='[tool.llmeval.categories.hallucination]\nseverity = "high"\n')
    plain_session.write(SHOP.replace('PROMPT = ""', 'PROMPT = "short: "'), "shop.py")
    result = plain_session.run()
    assert result.ret == 1
    assert told(
        result,
        "could not be measured: the answers of 20 of 20 cases are not examined for hallucination any more, which is of "
        "high severity",
    )


def test_a_check_that_the_tests_lose_hides_none_that_the_answers_lose(plain_session: Session, server: Server) -> None:
    severe = "[tool.llmeval.categories.{}]\nseverity = 'high'\n"
    tone = "    assert_not_contains(reply, 'rude', category='tone')\n"
    saved(plain_session, server, GROUNDED + tone, more=severe.format("hallucination") + severe.format("tone"))
    plain_session.write(SHOP.replace('PROMPT = ""', 'PROMPT = "short: "'), "shop.py")
    plain_session.write(SUITE + GROUNDED)
    result = plain_session.run()
    assert result.ret == 1
    assert told(result, "no answer is examined for tone any more, which is of high severity")
    assert told(result, "the answers of 20 of 20 cases are not examined for hallucination any more")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            'PROMPT = ""',
            'PROMPT = "short: "',
            "the answers of 20 of 20 cases are not examined for hallucination any more",
        ),
        ('startswith("30")', 'startswith("FACTS")', "no answer is examined for hallucination any more"),
    ],
)
def test_a_lost_check_of_another_kind_is_said(
    plain_session: Session, server: Server, before: str, after: str, said: str
) -> None:
    saved(plain_session, server, GROUNDED)
    plain_session.write(SHOP.replace(before, after), "shop.py")
    for quiet in ((), ("-q",)):
        result = plain_session.run(*quiet)
        assert result.ret == 0
        assert told(result, said)


@pytest.mark.parametrize(
    ("mark", "name", "seen"),
    [
        ('parametrize("history", [[] for _ in range(20)])', "history", "history"),
        ('llm_cases("rows.jsonl")', "case", "case.metadata['seen']"),
    ],
    ids=["a list", "a row"],
)
def test_what_a_test_writes_into_its_parameters_for_the_baseline_is_gone(
    plain_session: Session, server: Server, mark: str, name: str, seen: str
) -> None:
    suite = f"""
        import pytest

        @pytest.mark.{mark}
        def test_row(llm, request, {name}):
            seen = {seen}
            seen.append(llm("PROMPT question " + request.node.name))
            assert "30 days" in " ".join(seen)
        """
    rows = [json.dumps({"id": str(n), "input": f"question {n}", "metadata": {"seen": []}}) for n in range(20)]
    (plain_session.path / "rows.jsonl").write_text("\n".join(rows))
    saved(plain_session, server, "")
    plain_session.write(suite.replace("PROMPT ", ""))
    assert plain_session.run("--llm-update-baseline=force").ret == 0
    plain_session.write(suite.replace("PROMPT", "short:"))
    result = plain_session.run()
    assert result.ret == 1
    assert told(result, "GATE FAILED: wrong_answer regressed from 0 of 20 to 20 of 20 answers")
