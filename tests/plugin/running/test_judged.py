"""A check that asks another model: its calls, its verdicts, and what they count for."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from pytest_llmeval.analysis.measure import measure
from pytest_llmeval.checks.judges.asker import JudgeModel
from pytest_llmeval.checks.judges.judge_prompt import prompt_digest
from pytest_llmeval.checks.judges.rubrics import READY
from pytest_llmeval.commands.main import main
from pytest_llmeval.review.decisions import Decision
from pytest_llmeval.runs.answer_digest import answer_digest
from tests.plugin.rejudging.test_base import git
from tests.server import Reply, Request, Server, completion
from tests.sessions import CONFIGURATION, Session, told

JUDGE = """
[tool.llmeval.models.judge]
model = "openai/judge-9"
base_url = "{base_url}"
prices = {{ input = 100.0, output = 100.0 }}
"""
TESTS = """
    import pytest
    from pytest_llmeval import assert_judged

    @pytest.mark.parametrize("city", ["Oslo", "Rome"])
    def test_parcels(llm, city):
        reply = llm(f"How long do parcels to {city} take?")
        assert_judged(reply, "faithfulness", judge="judge", context="Parcels take five days.")
"""


def answer_in(request: Request) -> str:
    """What a judge is to judge."""
    found = re.search(r"<answer (\w+)>\n(.*)\n</answer \1>", request.json["messages"][-1]["content"], re.DOTALL)
    assert found is not None
    return found[2]


def says(request: Request) -> dict[str, Any]:
    """Models that tell wrong times for Rome, and a judge that sees it."""
    if request.json["model"] != "judge-9":
        rome = "Rome" in request.json["messages"][-1]["content"]
        return completion("It takes two days." if rome else "It takes five days.")
    answer = answer_in(request)
    verdict = "pass" if "five" in answer else "fail"
    said = {"evidence": [answer[:-1]], "reason": f"the context says five: {verdict}", "verdict": verdict}
    return completion(json.dumps(said))


def calibrate(session: Session, kappa: tuple[float, float, float] = (0.8, 0.6, 0.95), votes: int = 1) -> None:
    """Write what lets the judge gate."""
    prompt = prompt_digest(
        READY["faithfulness"], {"context": ("",), "answer": ("",)}, JudgeModel("openai/judge-9", {}), votes
    )
    labels = {"flagged_bad": 20, "flagged_good": 2, "passed_bad": 3, "passed_good": 35}
    folder = session.path / "judges"
    folder.mkdir(exist_ok=True)
    data = {"judge": "openai/judge-9", "prompt": prompt, "rubric": "faithfulness", "labels": labels, "kappa": kappa}
    (folder / "faithfulness.json").write_text(json.dumps(data))


def prepare(session: Session, server: Server) -> None:
    session.configure((CONFIGURATION + JUDGE).format(base_url=server.base_url))
    server.answer = says
    session.write(TESTS)


def judged(server: Server) -> int:
    return sum(request.json["model"] == "judge-9" for request in server.requests)


def test_its_verdict_gates_when_it_is_calibrated(session: Session, server: Server) -> None:
    prepare(session, server)
    calibrate(session)

    result = session.run("--llm-baseline=none")

    result.assert_outcomes(passed=1, failed=1)
    [oslo, rome] = sorted(session.results(), key=lambda each: each.key.case)
    assert (oslo.outcome, rome.outcome, rome.category) == ("pass", "fail", "hallucination")
    [score] = rome.samples[0].scores
    assert score.judge is not None
    assert (score.judge.model, score.judge.rubric, score.judge.labels) == (
        "openai/judge-9",
        "faithfulness",
        (20, 2, 3, 35),
    )
    assert "the judge openai/judge-9 says fail (faithfulness): the context says five" in rome.samples[0].reason
    assert 'evidence: "It takes two days"' in rome.samples[0].detail
    figures = measure("production", session.results())
    assert (figures.judge_calls, figures.live) == (2, 4)
    assert figures.cost == pytest.approx(2 * 37 / 1e6)
    assert figures.judge_cost == pytest.approx(2 * 1000 / 1e6)
    assert told(result, "4 live calls, 2 of judges")
    assert told(result, "faithfulness by openai/judge-9: 1 of 2 answers of production fail; 54.7 % *by its 60 labels")


@pytest.mark.parametrize("weakened", [False, True])
def test_a_change_that_takes_its_calibration_away_is_judged_by_that_of_main(
    session: Session, server: Server, weakened: bool
) -> None:
    prepare(session, server)
    calibrate(session)
    git(session, "init", "-q", "-b", "main")
    git(session, "add", "pyproject.toml", "judges")
    git(session, "commit", "-q", "-m", "calibrated")
    if weakened:
        calibrate(session, (0.5, 0.35, 0.7))
    else:
        (session.path / "judges" / "faithfulness.json").unlink()
    result = session.run("--llm-baseline=none", "--llm-baseline-ref=main")
    result.assert_outcomes(passed=1, failed=1)
    assert told(result, "this change takes away the calibration of faithfulness by openai/judge-9; that of main counts")


def test_without_a_calibration_it_is_shown_and_fails_nothing(
    plain_session: Session, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(plain_session, server)

    result = plain_session.run("--llm-baseline=none")

    assert (result.ret, told(result, "1 passed, 1 unverified")) == (0, True)
    assert told(result, "faithfulness by openai/judge-9, not calibrated: 1 of 2 answers of production fail, which does")
    [oslo, rome] = sorted(plain_session.results(), key=lambda each: each.key.case)
    assert (oslo.outcome, rome.outcome) == ("pass", "unverified")
    assert "the judge openai/judge-9, not calibrated, says fail" in rome.samples[0].reason
    for sample in (*oslo.samples, *rome.samples):
        assert sample.examined is not None
        assert "hallucination" not in sample.examined
        assert not sample.scores[0].gated
    # What people decide of these answers compares the judge with them; nobody is asked.
    agreement = ["judge-agreement", str(plain_session.report), "--config", str(plain_session.path)]
    assert main(agreement) == 2
    assert "has a decision in reviews/; llmeval review run.jsonl makes them" in capsys.readouterr().err
    made = [
        Decision(oslo.key, answer_digest(oslo.samples[0].calls), "accepted", reviewer="ada"),
        Decision(rome.key, answer_digest(rome.samples[0].calls), "rejected", category="hallucination", reviewer="ada"),
    ]
    (plain_session.path / "reviews").mkdir()
    lines = "".join(f"{json.dumps(each.to_json())}\n" for each in made)
    (plain_session.path / "reviews" / "run.jsonl").write_text(lines)
    assert main(agreement) == 1
    assert "2 labels of people: 1 bad, 1 good" in capsys.readouterr().out
    assert main([*agreement, "--rubric=tone"]) == 2
    assert "no such judge in run.jsonl (judges: faithfulness by openai/judge-9)" in capsys.readouterr().err
    assert judged(server) == 2


def test_a_calibration_for_other_parts_is_named_with_the_reason(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    calibrate(plain_session)
    plain_session.write(TESTS.replace('judge="judge"', 'judge="judge", question="How long?"'))

    result = plain_session.run("--llm-baseline=none")

    assert told(
        result,
        "judges/faithfulness.json is for the same rubric without question=; llmeval judge-agreement makes one for this",
    )
    plain_session.write(TESTS)
    assert not told(plain_session.run("--llm-baseline=none"), "is for the same rubric")


def test_nor_does_a_judge_that_does_not_agree_with_people(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    calibrate(plain_session, (0.5, 0.35, 0.7))
    plain_session.run("--llm-baseline=none")
    assert sorted(each.outcome for each in plain_session.results()) == ["pass", "unverified"]


def test_what_else_fails_fails_all_the_same(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    plain_session.write(TESTS + "        assert 'weeks' in reply\n")
    plain_session.run("--llm-baseline=none")
    assert [(each.outcome, each.category) for each in plain_session.results()] == [("fail", "wrong_answer")] * 2


def test_replay_asks_nobody_and_says_the_same(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    calibrate(plain_session)
    plain_session.run("--llm-baseline=none", "--llm-record")
    before = [sample.scores for each in plain_session.results() for sample in each.samples]
    asked = len(server.requests)

    again = plain_session.run("--llm-baseline=none", "--llm-mode=replay")

    again.assert_outcomes(passed=1, failed=1)
    assert len(server.requests) == asked
    assert [sample.scores for each in plain_session.results() for sample in each.samples] == before


def test_a_judge_that_fails_is_an_error_whatever_the_test_makes_of_it(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    calibrate(plain_session)
    said = {"evidence": ["all is right"], "reason": "fine", "verdict": "pass"}
    server.answer = lambda request: (
        completion(json.dumps(said)) if request.json["model"] == "judge-9" else says(request)
    )
    swallowed = TESTS.replace("        assert_judged", "        with contextlib.suppress(Exception): assert_judged")
    plain_session.write(swallowed.replace("import pytest\n", "import contextlib, pytest\n", 1))

    plain_session.run("--llm-baseline=none")

    results = plain_session.results()
    assert [(each.outcome, each.category) for each in results] == [("error", "judge")] * 2
    assert "quotes what the answer does not say" in results[0].samples[0].reason


def test_a_verdict_that_cannot_be_used_is_asked_for_again(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    calibrate(plain_session)
    server.answer = lambda request: completion("Fine.") if request.json["model"] == "judge-9" else says(request)
    result = plain_session.run("--llm-baseline=none", "--llm-record")
    assert told(result, "next: fix the rubric or the judge as the errors say*")
    assert "judge-9" not in (plain_session.path / "recordings" / "test_it.jsonl").read_text()

    server.answer = says
    plain_session.run("--llm-baseline=none", "--llm-record").assert_outcomes(passed=1, failed=1)
    assert judged(server) == 4
    plain_session.run("--llm-baseline=none").assert_outcomes(passed=1, failed=1)
    plain_session.run("--llm-baseline=none", "--llm-mode=replay").assert_outcomes(passed=1, failed=1)
    assert judged(server) == 4


def test_a_judge_out_of_reach_is_an_error(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    plain_session.write(TESTS.replace('judge="judge"', 'judge="openai/other"'))
    plain_session.run("--llm-baseline=none", "--llm-mode=replay")
    assert {each.outcome for each in plain_session.results()} == {"error"}
    plain_session.write(TESTS.replace('judge="judge"', 'judge="jugde"'))
    result = plain_session.run("--llm-baseline=none")
    assert told(result, "unknown model*jugde*did you mean*judge")
    assert {each.outcome for each in plain_session.results()} == {"error"}


def test_several_votes_show_who_disagrees(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    calibrate(plain_session, votes=3)
    votes = {"Oslo": iter(["fail", "pass", "pass"]), "Rome": iter(["fail", "fail", "pass"])}

    def mixed(request: Request) -> dict[str, Any]:
        if request.json["model"] != "judge-9":
            return says(request)
        answer = answer_in(request)
        verdict = next(votes["Oslo" if "five" in answer else "Rome"])
        return completion(json.dumps({"evidence": [answer], "reason": f"I say {verdict}.", "verdict": verdict}))

    server.answer = mixed
    plain_session.write(TESTS.replace('judge="judge"', 'judge="judge", votes=3'))

    plain_session.run("--llm-baseline=none")

    [oslo, rome] = sorted(plain_session.results(), key=lambda each: each.key.case)
    assert judged(server) == 6
    assert (oslo.outcome, rome.outcome) == ("pass", "fail")
    assert [round(each.samples[0].scores[0].value, 2) for each in (oslo, rome)] == [0.67, 0.33]
    assert "2 of 3 votes: I say pass." in oslo.samples[0].scores[0].reason
    assert "another vote says pass: I say pass." in rome.samples[0].detail


def test_a_pair_is_asked_in_both_orders_at_once(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)

    def prefers_the_first(request: Request) -> Any:
        if request.json["model"] != "judge-9":
            return says(request)
        said = {"evidence": ["It takes"], "reason": "it is first", "verdict": "first"}
        return Reply(body=completion(json.dumps(said)), at_once=2)

    server.answer = prefers_the_first
    plain_session.write("""
        from pytest_llmeval import assert_preferred

        def test_tone(llm):
            score = assert_preferred(llm("Parcels to Rome?"), "It takes ages.", "tone", judge="judge")
            assert (score.value, "changes with the order" in score.reason) == (0.5, True)
    """)

    result = plain_session.run("--llm-baseline=none", "--llm-record")

    result.assert_outcomes(passed=1)
    assert measure("production", plain_session.results()).judge_calls == 2
    replayed = plain_session.run("--llm-baseline=none", "--llm-mode=replay")
    replayed.assert_outcomes(passed=1)


def test_the_same_answer_is_judged_once_in_all_samples(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    result = plain_session.run("--llm-baseline=none", "--llm-samples=4")
    assert len(server.requests) == 8 + 2
    assert told(result, "6 calls replayed, 10 live, 8 of judges * $0.0023 spent")
    assert [len(sample.judging) for sample in plain_session.results()[0].samples] == [1] * 4


def test_a_saved_baseline_is_judged_by_todays_judge(session: Session, server: Server) -> None:
    prepare(session, server)
    calibrate(session)
    session.write(TESTS.split("assert_judged(reply", maxsplit=1)[0] + "assert reply\n")  # main judges by nothing
    session.run("--llm-baseline=main.jsonl", "--llm-update-baseline", "--llm-record")
    asked = len(server.requests)
    assert judged(server) == 0
    session.write(TESTS)

    result = session.run("--llm-baseline=main.jsonl", "--llm-record", "--llm-mode=auto")

    assert result.ret == 0, result.outlines
    assert len(server.requests) == asked + 2  # the same answers on both sides
    assert told(result, "1 known")
    replayed = session.run("--llm-baseline=main.jsonl", "--llm-mode=replay")
    assert replayed.ret == 0
    assert len(server.requests) == asked + 2


def test_another_judge_judges_both_sides(plain_session: Session, server: Server) -> None:
    """The test's file is the same and the configuration has another judge: nobody's code has changed."""
    prepare(plain_session, server)
    calibrate(plain_session)
    plain_session.run("--llm-baseline=main.jsonl", "--llm-update-baseline")
    toml = (CONFIGURATION + JUDGE).format(base_url=server.base_url)
    plain_session.configure(toml.replace("openai/judge-9", "openai/judge-10"))
    calibration = plain_session.path / "judges" / "faithfulness.json"
    calibration.write_text(calibration.read_text().replace("judge-9", "judge-10"))
    strict = {"evidence": ["It takes"], "reason": "I like nothing.", "verdict": "fail"}
    server.answer = lambda request: (
        completion(json.dumps(strict)) if request.json["model"] == "judge-10" else says(request)
    )

    result = plain_session.run("--llm-baseline=main.jsonl")

    assert result.ret == 0
    assert told(result, "2 known misses")
    assert judged(server) == 2
    assert not told(result, "the code behind the replies")


def test_without_the_judges_word_on_the_baseline_nothing_is_compared(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    calibrate(plain_session)
    plain_session.run("--llm-baseline=main.jsonl", "--llm-update-baseline", "--llm-record")
    plain_session.write(TESTS.replace("How long do", "Say how long"))
    server.answer = lambda request: (
        completion("It may take five or six days.") if request.json["model"] != "judge-9" else says(request)
    )
    plain_session.run("--llm-baseline=none", "--llm-record", "--llm-mode=auto")  # new answers, and verdicts on these
    plain_session.write(TESTS.replace("How long do", "Say how long").replace("five days.", "five days, no more."))
    result = plain_session.run("--llm-baseline=main.jsonl", "--llm-mode=replay")

    assert result.ret == 1
    assert told(result, "not compared: the judge gave no verdict on the baseline's answers")


ROWS = """
    import pytest
    from pytest_llmeval import assert_case, assert_judged, assert_preferred

    @pytest.mark.llm_cases("judged.jsonl")
    def test_judged(llm, case):
        reply = llm(case.input)
        {judged}

    @pytest.mark.llm_cases("preferred.jsonl")
    def test_preferred(llm, case):
        reply = llm(case.input)
        {preferred}
"""
IN_A_TEST = {
    "judged": 'assert_judged(reply, "faithfulness", judge="judge", context=case.context, votes=3)',
    "preferred": 'assert_preferred(reply, case.expected, "Is short.", judge="judge", question=case.input, '
    'category="tone")',
}
IN_A_ROW: dict[str, dict[str, Any]] = {
    "judged": {"judged": {"rubric": "faithfulness", "judge": "judge", "votes": 3}},
    "preferred": {"preferred": {"rubric": "Is short.", "judge": "judge", "question": True}, "category": "tone"},
}


@pytest.mark.parametrize("calibrated", [False, True])
def test_a_row_asks_a_judge_as_a_test_does(session: Session, server: Server, *, calibrated: bool) -> None:
    """The same requests and the same results, calls of judges apart from those of the product."""
    prepare(session, server)
    if calibrated:
        calibrate(session, votes=3)

    def compares(request: Request) -> Any:
        if "<first" not in request.json["messages"][-1]["content"]:
            return says(request)
        said = {"evidence": ["It takes"], "reason": "none is shorter", "verdict": "tie"}
        return completion(json.dumps(said))

    server.answer = compares
    for name, check in IN_A_ROW.items():
        case = {"context": ["Parcels take five days."], "expected": "It takes days.", "checks": [check]}
        rows = [{"id": city, "input": f"Parcels to {city}, {name}?", **case} for city in ("Oslo", "Rome")]
        (session.path / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    in_rows = dict.fromkeys(IN_A_TEST, "assert_case(reply, case)")
    told_by_tests, told_by_rows = (_told_of_judges(session, server, judged) for judged in (IN_A_TEST, in_rows))

    assert told_by_rows == told_by_tests
    assert [each[0] for each in told_by_rows[0]] == ["pass", "fail" if calibrated else "unverified", "pass", "pass"]


def _told_of_judges(session: Session, server: Server, judged: dict[str, str]) -> tuple[list[Any], ...]:
    """The results of a session that asks for everything anew, what was spent, and what was asked."""
    session.write(ROWS.format(**judged))
    server.requests.clear()
    session.run("--llm-baseline=none", "--llm-mode=live")
    results = []
    for each in sorted(session.results(), key=lambda each: (each.key.test, each.key.case)):
        [sample] = each.samples
        results.append(
            (each.outcome, each.category, sample.scores, sample.reason, sample.examined, len(sample.judging))
        )
    figures = measure("production", session.results())
    asked = sorted(json.dumps(request.json, sort_keys=True) for request in server.requests)
    return results, [figures.cost, figures.judge_cost, figures.judge_calls], asked
