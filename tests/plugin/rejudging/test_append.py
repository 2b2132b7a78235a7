"""``--llm-update-baseline=append``: a baseline keeps the answers of earlier sessions beside those of this one."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from pytest_llmeval.runs.file import load_run
from tests.plugin.rejudging.test_judged_again import CASES, SUITE, clerk, of_baseline, rows, save
from tests.server import Request, Server, completion
from tests.sessions import Session, told

APPEND = "--llm-update-baseline=append"
LIVE = "--llm-mode=live"
THREE = SUITE.replace("def test_row", "@pytest.mark.llm_samples(3)\ndef test_row")
NOTHING = (
    "NOT APPENDED: every answer of this session is already in b.jsonl; "
    "pytest --llm-mode=live --llm-update-baseline=append draws fresh ones"
)


def numbers(session: Session) -> Counter[int]:
    """How many cases of the baseline have how many answers; their indexes have no gaps."""
    results = load_run(session.path / "b.jsonl").results
    assert all([each.index for each in result.samples] == list(range(len(result.samples))) for result in results)
    return Counter(len(result.samples) for result in results)


def texts(session: Session, case: str) -> list[str]:
    """What the baseline's answers to a case say, in order."""
    results = load_run(session.path / "b.jsonl").results
    return [sample.calls[0].answer.text for result in results if result.key.case == case for sample in result.samples]


def say(server: Server, ending: str) -> None:
    """Have the server answer with this behind the number of the question."""

    def answer(request: Request) -> object:
        asked = json.dumps(request.json["messages"])
        return completion(f"{asked.partition('question ')[2].partition('.')[0]}: {ending}.")

    server.answer = answer


def test_fresh_answers_stand_behind_those_that_are_there(session: Session, server: Server) -> None:
    save(session, server, THREE)
    say(server, "no")
    result = session.run(APPEND, LIVE)
    assert result.ret == 0
    assert told(result, "b.jsonl saved: 20 cases of production (20 changed, 0 added, 0 removed)")
    assert told(result, "60 answers appended to 20 cases, a case has 6 now")
    assert told(result, "WORSE wrong_answer: 0/60 before, 60/120 now")
    assert numbers(session) == {6: CASES}
    assert texts(session, "c7") == ["7: gladly."] * 3 + ["7: no."] * 3
    cases = [each.key.case for each in load_run(session.path / "b.jsonl").results]
    assert cases == [f"c{number}" for number in range(CASES)]
    server.answer = clerk
    assert session.run("--llm-samples=2").ret == 0
    again = of_baseline(session)["c7"].samples  # judged again, in order
    assert [(each.outcome, each.calls[0].answer.text) for each in again] == (
        [("pass", "7: gladly.")] * 3 + [("fail", "7: no.")] * 3
    )


def test_a_replay_appends_nothing_and_says_so(session: Session, server: Server) -> None:
    save(session, server, THREE)
    before = (session.path / "b.jsonl").read_bytes()
    for arguments in (("-q",), ("--llm-record",), ("--llm-mode=replay",)):
        result = session.run(APPEND, *arguments)
        assert (result.ret, told(result, NOTHING)) == (0, True)
        assert (session.path / "b.jsonl").read_bytes() == before
    more = session.run(APPEND, "--llm-samples=5")  # three from the cache, two that are new
    assert told(more, "40 answers appended to 20 cases, a case has 5 now")
    again = session.run(APPEND, "--llm-samples=5", "--llm-mode=replay")
    assert told(again, NOTHING)
    assert numbers(session) == {5: CASES}


def test_a_case_keeps_its_newest_forty(plain_session: Session, server: Server) -> None:
    save(plain_session, server, SUITE, "--llm-samples=15")
    for ending in ("b", "c"):
        say(server, ending)
        result = plain_session.run(APPEND, LIVE, "--llm-samples=15")
    assert told(result, "300 answers appended to 20 cases, a case has 40 now; 100 answers dropped, as a case keeps its")
    assert texts(plain_session, "c3") == ["3: gladly."] * 10 + ["3: b."] * 15 + ["3: c."] * 15
    assert numbers(plain_session) == {40: CASES}
    say(server, "d")
    result = plain_session.run(APPEND, LIVE, "--llm-samples=41")
    assert told(result, "a case has 40 now; 820 answers dropped")
    assert set(texts(plain_session, "c3")) == {"3: d."}
    server.answer = clerk
    assert plain_session.run("--llm-samples=3", LIVE).ret == 0
    assert Counter(len(each.judged) for each in of_baseline(plain_session).values()) == {40: CASES}


def test_what_changed_is_replaced_and_told(session: Session, server: Server) -> None:
    save(session, server, THREE)
    other = rows(*range(CASES)).replace('"c1", "input"', '"c1", "expected": "x", "input"')
    (session.path / "cases.jsonl").write_text(other)
    session.write(THREE.replace("system=SYSTEM", 'system=SYSTEM * (2 if case.id in ("c2", "c3") else 1)'))
    result = session.run(APPEND, LIVE)
    assert told(
        result,
        "51 answers appended to 17 cases, a case has 3 to 6 now; the answers of 3 cases replaced, not appended: "
        "another row in 1, other requests in 2",
    )
    found = {each.key.case: len(each.samples) for each in load_run(session.path / "b.jsonl").results}
    assert {name for name, number in found.items() if number == 3} == {"c1", "c2", "c3"}


@pytest.mark.parametrize("keyword", ["temperature=1", "max_tokens=9"])
def test_a_call_with_another_parameter_is_another_request(plain_session: Session, server: Server, keyword: str) -> None:
    save(plain_session, server, THREE)
    plain_session.write(THREE.replace("system=SYSTEM", f"system=SYSTEM, {keyword}"))
    assert told(plain_session.run(APPEND, LIVE), "replaced, not appended: other requests in 20")
    assert numbers(plain_session) == {3: CASES}


@pytest.mark.parametrize("change", ["prod-9", 'prod-1"\nparams = { top_p = 0.5 }\n#"'])
def test_another_model_is_not_appended(plain_session: Session, server: Server, change: str) -> None:
    save(plain_session, server, THREE)
    file = plain_session.path / "pyproject.toml"
    file.write_text(file.read_text().replace("prod-1", change, 1))
    result = plain_session.run(APPEND, LIVE)
    assert told(result, "the answers of 20 cases replaced, not appended: another model in 20")
    assert numbers(plain_session) == {3: CASES}


def test_kept_answers_have_the_verdict_of_todays_tests(session: Session, server: Server) -> None:
    """A check that became stricter since is no broken application, in the sessions after it either."""
    save(session, server, THREE)
    session.write(THREE.replace('"gladly"', '"no"'))
    say(server, "no")
    session.run(APPEND, LIVE)
    result = load_run(session.path / "b.jsonl").results[0]
    assert [each.outcome for each in result.samples] == ["fail"] * 3 + ["pass"] * 3
    assert all(each.calls for each in result.samples)
    compared = session.run(LIVE)
    assert compared.ret == 0
    compared.stdout.no_fnmatch_line("*the saved verdict counts*")


def test_a_part_of_the_cases_is_appended_with_merge(plain_session: Session, server: Server) -> None:
    save(plain_session, server, THREE)
    before = (plain_session.path / "b.jsonl").read_bytes()
    refused = plain_session.run(APPEND, LIVE, "-k", "c1")
    assert refused.ret == 1
    assert told(refused, "a baseline holds every case; --llm-update-baseline=merge too keeps the others")
    assert (plain_session.path / "b.jsonl").read_bytes() == before
    assert plain_session.run(APPEND, "--llm-update-baseline=merge", LIVE, "-k", "c1").ret == 0
    assert numbers(plain_session) == {3: CASES - 11, 6: 11}


def test_a_case_without_an_answer_stays_as_it_was(plain_session: Session, server: Server) -> None:
    save(plain_session, server, THREE)
    server.answer = lambda request: clerk(request) if b"question 4." not in request.body else {"error": "no"}
    result = plain_session.run(APPEND, LIVE)
    assert told(result, "1 with an answer that could not be judged left as they were")
    assert numbers(plain_session) == {3: 1, 6: CASES - 1}


def test_cases_come_go_and_move(plain_session: Session, server: Server) -> None:
    save(plain_session, server, THREE)
    (plain_session.path / "cases.jsonl").write_text(rows(*range(2, CASES), 70))
    plain_session.write(THREE.replace("test_row", "test_renamed"))
    result = plain_session.run(APPEND, LIVE)
    assert told(result, "54 answers appended to 18 cases, a case has 3 to 6 now")
    saved = load_run(plain_session.path / "b.jsonl")
    assert Counter(len(each.samples) for each in saved.results) == {6: 18, 3: 1}
    assert {each.key.test for each in saved.results} == {"test_it.py::test_renamed"}


def test_there_must_be_something_to_append_to(plain_session: Session, server: Server) -> None:
    save(plain_session, server, THREE)
    Path(plain_session.path / "b.jsonl").unlink()
    asked = len(server.requests)
    result = plain_session.run(APPEND)
    assert (result.ret, len(server.requests)) == (4, asked)
    result.stderr.fnmatch_lines(["ERROR: *=append: there is no *b.jsonl to append to; run all cases once with*"])


def test_an_agents_answers_are_kept_with_all_their_replies(plain_session: Session, server: Server) -> None:
    suite = THREE.replace("    assert_contains", "    llm(f'{reply} thanks', system=SYSTEM)\n    assert_contains")
    save(plain_session, server, suite)
    assert told(plain_session.run(APPEND, LIVE), "60 answers appended to 20 cases, a case has 6 now")
    saved = load_run(plain_session.path / "b.jsonl").results
    assert {len(each.calls) for result in saved for each in result.samples} == {2}
    compared = plain_session.run("--llm-mode=replay")
    assert compared.ret == 0
    compared.stdout.no_fnmatch_line("*in another way*")
