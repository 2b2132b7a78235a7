"""A second run of the baseline is evidence too: its answers count beside those of the first."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from pytest_llmeval.commands.main import main
from pytest_llmeval.runs.file import load_run, save_run
from tests.plugin.rejudging.test_judged_again import CASES, SUITE, clerk, of_baseline, rows, save
from tests.server import Request, Server, completion
from tests.sessions import Session, told

TWO = SUITE.replace("def test_row", "@pytest.mark.llm_samples(2)\ndef test_row")


def surly(request: Request) -> object:
    """Says no to every fourth question, and "gladly" to the others."""
    number = int(json.dumps(request.json["messages"]).partition("question ")[2].partition(".")[0])
    return completion(f"{number}: no.") if number % 4 == 0 else clerk(request)


def configure(session: Session, line: str) -> None:
    """Add a line to the table."""
    file = session.path / "pyproject.toml"
    file.write_text(file.read_text().replace("[tool.llmeval]", f"[tool.llmeval]\n{line}", 1))


def second(session: Session, server: Server, *arguments: str) -> None:
    """Save a second run of the baseline, of a day before, and name it in the configuration."""
    server.answer = surly
    session.run("--llm-baseline=none", "--llm-mode=live", "--llm-report=second.jsonl", *arguments)
    file = session.path / "second.jsonl"
    text = file.read_text()
    for moment in {call.recorded_at for result in load_run(file).results for call in result.calls}:
        text = text.replace(str(moment), "2026-03-01T10:00:00+00:00")
    file.write_text(text)
    configure(session, 'baseline_again = "second.jsonl"')
    server.answer = clerk


def test_the_answers_of_both_runs_count(session: Session, server: Server) -> None:
    save(session, server, TWO)
    second(session, server, "--llm-samples=3")
    result = session.run("--llm-samples=1")
    assert result.ret == 0
    assert told(result, "baseline: 2 + 3 answers")
    assert told(result, "its oldest answers are * days old")
    again = of_baseline(session)
    assert Counter(len(each.judged) for each in again.values()) == {5: CASES}
    assert [each.index for each in again["c4"].samples] == list(range(5))
    assert [each.outcome for each in again["c4"].samples] == ["pass"] * 2 + ["fail"] * 3


def test_todays_tests_judge_the_answers_of_both(session: Session, server: Server) -> None:
    save(session, server, TWO)
    second(session, server)
    session.write(TWO.replace('"gladly"', '"no"'))
    session.run()
    assert [each.outcome for each in of_baseline(session)["c4"].samples] == ["fail"] * 2 + ["pass"] * 2


def test_answers_that_other_tests_judged_show_no_broken_application(plain_session: Session, server: Server) -> None:
    """The second run was judged by a laxer check: that its answers fail today says nothing of the code behind them."""
    save(plain_session, server, TWO)
    plain_session.write(TWO.replace("assert_contains(reply", "str(reply) or assert_contains(reply"))
    second(plain_session, server)
    plain_session.write(TWO)
    result = plain_session.run()
    result.stdout.no_fnmatch_line("*the code behind the replies*")
    assert [each.outcome for each in of_baseline(plain_session)["c4"].samples] == ["pass"] * 2 + ["fail"] * 2


def test_code_that_breaks_the_answers_of_the_first_run_is_found_all_the_same(
    plain_session: Session, server: Server
) -> None:
    shop = TWO.replace("reply = llm(", "reply = shop.shown(llm(").replace("system=SYSTEM)", "system=SYSTEM))")
    plain_session.write("def shown(text): return text\n", "shop.py")
    shop = shop.replace("import pytest\n", "import pytest, shop\n")
    save(plain_session, server, shop)
    plain_session.write(shop.replace("reply = shop", "judged = None; reply = shop"))
    second(plain_session, server)
    plain_session.write(shop)
    plain_session.write("def shown(text): return text[:2]\n", "shop.py")
    result = plain_session.run(subprocess=True)
    assert result.ret == 1
    assert told(result, "wrong_answer regressed from 0 of 40 to 40 of 40 answers")


def test_a_case_that_differs_is_not_pooled(plain_session: Session, server: Server) -> None:
    save(plain_session, server, TWO)
    (plain_session.path / "cases.jsonl").write_text(rows(*range(3, CASES)).replace("question 3.", "question 3. Well?"))
    second(plain_session, server)
    (plain_session.path / "cases.jsonl").write_text(rows(*range(CASES)))
    assert told(plain_session.run(), "baseline: 2 + 2 answers in 16 cases, 2 + 0 in 4")


def test_an_answer_that_both_runs_hold_counts_once(plain_session: Session, server: Server) -> None:
    save(plain_session, server, TWO)
    # The first two answers are replays of those of the first run.
    plain_session.run("--llm-baseline=none", "--llm-samples=3", "--llm-report=second.jsonl")
    configure(plain_session, 'baseline_again = "second.jsonl"')
    refused = plain_session.run()
    assert refused.ret == 4  # how far two runs lie apart cannot be told from the same answers
    refused.stderr.fnmatch_lines(["ERROR: two runs of the baseline tell nothing about each other: they hold the same*"])
    run = load_run(plain_session.path / "second.jsonl")
    some = [each._replace(samples=each.samples[2:]) if each.key.case == "c1" else each for each in run.results]
    save_run(plain_session.path / "second.jsonl", run._replace(results=tuple(some)))
    assert told(plain_session.run(), "baseline: 2 + 1 answers in 19 cases, 2 + 0 in 1")


def test_a_second_run_that_is_not_there_is_said(plain_session: Session, server: Server) -> None:
    save(plain_session, server, TWO)
    configure(plain_session, 'baseline_again = "second.jsonl"')
    assert told(plain_session.run(), "there is no second.jsonl yet, so the baseline is one run")


def test_llmeval_compare_pools_too(
    plain_session: Session, server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    save(plain_session, server, TWO)
    second(plain_session, server)
    plain_session.run("--llm-baseline=none", "--llm-mode=live", "--llm-report=third.jsonl")
    monkeypatch.chdir(plain_session.path)
    capsys.readouterr()
    assert main(["compare", "b.jsonl", "third.jsonl", "--baseline-again=second.jsonl", "-v"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "baseline: 2 + 2 answers" in out
    assert "10/80 12% 0/40 0.0%" in out
    assert "the baseline was saved today; its oldest answers are" in out
