"""Cases asked in other words, as a user sees them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.server import Request, Server, completion
from tests.sessions import Session, told

ROWS: list[dict[str, object]] = [
    {
        "id": "pan",
        "input": "How long can I return a pan?",
        "expected": "30 days",
        "paraphrases": ["pan, return until when?"],
    },
    {"id": "mug", "input": "Is there a warranty on mugs, please?", "expected": "none"},
]

SUITE = """
import pytest

@pytest.mark.llm_cases("cases.jsonl")
def test_policy(llm, case):
    assert case.id in ("pan", "mug")
    assert llm(case.input) == case.expected
"""
COMPARE = ("--llm-model=candidate", "--llm-baseline=production")


def answers(request: Request) -> object:
    """The candidate does not understand what is typed in a hurry."""
    text = str(request.json["messages"][-1]["content"])
    if request.json["model"] == "cand-2" and text[0].islower():
        return completion("What do you mean?")
    return completion("none" if "mug" in text.lower() else "30 days")


def prepare(session: Session, server: Server, suite: str = SUITE) -> None:
    server.answer = answers
    (session.path / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    session.write(suite)


def names(session: Session, *, model: str = "production") -> dict[str, str]:
    return {result.key.case: result.outcome for result in session.results() if result.model == model}


def test_every_paraphrase_is_a_test_with_the_expectations_of_its_row(session: Session, server: Server) -> None:
    prepare(session, server)
    session.run().assert_outcomes(passed=3)
    assert names(session) == {"pan": "pass", "pan+2": "pass", "mug": "pass"}
    result = next(each for each in session.results() if each.key.case == "pan+2")
    assert (result.wording, result.row.case, result.input) == ("2", "pan", "pan, return until when?")


def test_rules_of_the_marker_are_tests_too(session: Session, server: Server) -> None:
    prepare(session, server, SUITE.replace('jsonl")', 'jsonl", perturb=["case", "options"], paraphrases=False)'))
    session.run(*COMPARE)
    assert names(session, model="candidate") == {"pan": "pass", "pan+case": "fail", "mug": "pass", "mug+case": "fail"}


def test_the_command_line_chooses_the_wordings_over_the_markers(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    plain_session.run("--llm-wordings=own").assert_outcomes(passed=2)
    assert plain_session.saved().complete is True
    plain_session.run("--llm-wordings=typos,whitespace").assert_outcomes(passed=6)
    plain_session.run("--llm-wordings=paraphrases, case").assert_outcomes(passed=5)


@pytest.mark.parametrize(
    ("arguments", "told_"),
    [
        (
            ("--llm-wordings=typo",),
            "*--llm-wordings=typo: unknown wording 'typo'; did you mean \"typos\"? (allowed: own, *",
        ),
        (("--llm-wordings=",), "*unknown wording ''*"),
        (("--llm-wordings=own,typos",), "*unknown wording 'own'*"),
    ],
)
def test_an_unknown_wording_is_told_before_anything_runs(
    plain_session: Session, arguments: tuple[str, ...], told_: str
) -> None:
    plain_session.write("def test_it(llm): llm('x')")
    result = plain_session.run(*arguments)
    assert result.ret == 4
    result.stderr.fnmatch_lines([told_])


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ('perturb=["typo"]', "perturb has an unknown rule 'typo'; did you mean \"typos\"? (rules: case, typos, *"),
        ('perturb="typos"', "perturb must be a list of rules, as in ['typos'], not 'typos'*"),
        ("paraphrases=2", "paraphrases must be True or False, not 2*"),
        ("seed=0.5", "seed must be a whole number, not 0.5*"),
        ("shuffle=True", "*'shuffle' (allowed: llm_cases(*"),
    ],
)
def test_a_wrong_marker_is_told_in_one_line(
    plain_session: Session, server: Server, argument: str, message: str
) -> None:
    prepare(plain_session, server, SUITE.replace('jsonl")', f'jsonl", {argument})'))
    result = plain_session.run()
    assert result.ret == 2
    result.stdout.fnmatch_lines([f"*test_policy: @pytest.mark.llm_cases: {message.replace('[', '[[]')}"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_wordings_are_selected_as_any_test(session: Session, server: Server) -> None:
    prepare(session, server)
    session.run("-k", "not +").assert_outcomes(passed=2)
    assert names(session) == {"pan": "pass", "mug": "pass"}
    session.run("-k", "pan+2").assert_outcomes(passed=1)
    session.run("test_it.py::test_policy[pan+2]").assert_outcomes(passed=1)


def test_a_failing_wording_is_run_again_by_last_failed(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    told_before = plain_session.run("--llm-model=candidate", plugins=("cacheprovider",))
    told_before.assert_outcomes(passed=2, failed=1)
    again = plain_session.run("--llm-model=candidate", "--lf", plugins=("cacheprovider",))
    again.assert_outcomes(failed=1)
    assert names(plain_session, model="candidate") == {"pan+2": "fail"}


def test_every_wording_has_replies_of_its_own_and_replays(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    plain_session.run(*COMPARE, "--llm-record", "--llm-wordings=paraphrases,typos")
    calls = len(server.requests)
    result = plain_session.run(*COMPARE, "--llm-mode=replay", "--llm-wordings=paraphrases,typos")
    assert (calls, len(server.requests)) == (10, 10)
    assert told(result, "10 calls replayed")


def test_the_summary_tells_what_rewording_does_and_the_worst_wording(session: Session, server: Server) -> None:
    prepare(session, server, SUITE.replace('jsonl")', 'jsonl", perturb=["case"])'))
    result = session.run(*COMPARE)
    result.stdout.fnmatch_lines(
        [
            "2 cases in 5 wordings *",
            "wordings: 2 cases in 5 wordings",
            "  wording * production * candidate",
            "  paraphrases *1/1 *0.0  0/1 -100.0",
            "  case *2/2 *0.0  0/2 -100.0",
            "  candidate: 2 cases depend on their wording, the worst first",
            "    test_it.py::test_policy[[]mug+case]  0/1, own words 1/1",
            "      is there a warranty on mugs, please?",
            "    test_it.py::test_policy[[]pan+2]  0/1, own words 1/1",
            "      pan, return until when?",
        ]
    )


def test_a_saved_run_shows_the_same(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    session = plain_session.run("--llm-model=candidate")
    command = [sys.executable, "-m", "pytest_llmeval", "show", "run.jsonl"]
    shown = subprocess.run(command, cwd=plain_session.path, capture_output=True, text=True, check=True).stdout
    start = session.outlines.index("wordings: 1 case in 2 wordings")
    section = "\n".join(session.outlines[start : start + 6])
    assert "spread" in section
    assert section in shown


def test_a_gate_that_is_green_tells_the_wordings_in_a_line(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    server.answer = lambda request: completion("none" if "mug" in request.body.decode() else "30 days")
    result = plain_session.run(*COMPARE)
    assert told(result, "gate ok: 2 cases in 3 wordings ? 1 sample, 0 regressed")
    assert told(result, "wordings: paraphrases 0.0 points against the cases' own words")


def test_a_new_paraphrase_changes_no_other_case_of_a_saved_baseline(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    plain_session.run("--llm-model=production", "--llm-report=main.jsonl")
    row = {**ROWS[0], "paraphrases": ["pan, return until when?", "Until when may a pan come back?"]}
    (plain_session.path / "cases.jsonl").write_text("".join(json.dumps(each) + "\n" for each in (row, ROWS[1])))
    result = plain_session.run("--llm-model=production", "--llm-baseline=main.jsonl")
    assert result.ret == 0
    assert told(result, "gate ok: no error category regressed in 2 cases")
    assert told(result, "1 other wording of a case was not asked of the baseline and is not compared")


def test_a_saved_baseline_with_paraphrases_is_good_for_own_words_alone(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    row = {**ROWS[0], "paraphrases": ["pan, return until when?", "Until when may a pan come back?"]}
    (plain_session.path / "cases.jsonl").write_text("".join(json.dumps(each) + "\n" for each in (row, ROWS[1])))
    plain_session.run("--llm-model=production", "--llm-report=main.jsonl")
    result = plain_session.run("--llm-model=production", "--llm-baseline=main.jsonl", "--llm-wordings=own")
    assert result.ret == 0
    assert told(result, "gate ok in 2 of 4 cases")
    assert told(result, "2 other wordings of cases were not asked now and are not compared")


def test_cases_may_be_given_in_the_marker_itself(session: Session, server: Server) -> None:
    server.answer = answers
    session.write("""
        import pytest
        from pytest_llmeval import Case

        CASES = [Case(id="pan", input="A pan?", expected="30 days", paraphrases=("Pan?",)), Case(id="mug", input="?")]

        @pytest.mark.llm_cases(CASES)
        def test_it(llm, case):
            assert llm(case.input) == (case.expected or "none")
    """)
    session.run().assert_outcomes(passed=2, failed=1)
    assert names(session) == {"pan": "pass", "pan+2": "pass", "mug": "fail"}


@pytest.mark.parametrize(
    ("cases", "message"),
    [
        ("[Case(id='a', input='x'), Case(id='a', input='y')]", "llm_cases: two cases have the id a; *must be unique"),
        ("[]", "cases must be the path of a dataset or a list of Case, not []*"),
        ("['a.jsonl', 'b.jsonl']", "cases must be the path of a dataset or a list of Case, not ['a.jsonl', *"),
        (
            "[Case(id='a', input=[], paraphrases=('x',))]",
            "llm_cases: to have other wordings, an input of chat messages needs a last user*",
        ),
    ],
)
def test_cases_that_cannot_be_told_apart_or_asked_are_refused(plain_session: Session, cases: str, message: str) -> None:
    plain_session.write(f"""
        import pytest
        from pytest_llmeval import Case

        @pytest.mark.llm_cases({cases})
        def test_it(llm, case):
            llm(case.input)
    """)
    result = plain_session.run()
    assert result.ret == 2
    result.stdout.fnmatch_lines([f"*{message.replace('[', '[[]')}"])
    result.stdout.no_fnmatch_line("*Traceback*")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"input": "x", "paraphrases": [" "]}, "paraphrases[[]0] is empty"),
        (
            {"input": "x", "paraphrases": ["y", "x"]},
            "paraphrases[[]1] is the same text as the input or an earlier one*",
        ),
        (
            {"input": [{"role": "system", "content": "x"}], "paraphrases": ["y"]},
            "paraphrases take the place of the one text of the last user message, and the input has none",
        ),
    ],
)
def test_paraphrases_that_cannot_be_asked_are_told_with_their_line(
    plain_session: Session, server: Server, row: dict[str, object], message: str
) -> None:
    prepare(plain_session, server)
    (plain_session.path / "cases.jsonl").write_text(json.dumps({"id": "a", **row}))
    plain_session.run().stdout.fnmatch_lines([f"cases.jsonl:1: {message}"])
