"""Runs of all shards, joined and judged: green where one session of all cases would have been, and nowhere else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_llmeval.commands.main import main
from pytest_llmeval.runs.file import load_run
from tests.server import Reply, Request, Server
from tests.sessions import Session, told
from tests.shards import SUITE, wrong_in

ROWS = 20
BASELINE = "--llm-baseline=baseline.jsonl"
GATE = re.compile(r"(GATE FAILED|gate ok|GATE NOT EVALUATED).*")

Change = Callable[[Session, Server], tuple[str, ...]]


def rows(session: Session, *numbers: int) -> None:
    lines = [json.dumps({"id": f"r{number}", "input": f"question {number}."}) for number in numbers]
    (session.path / "rows.jsonl").write_text("\n".join(lines))


def cut(session: Session, of: int, *arguments: str) -> list[pytest.RunResult]:
    numbers = range(1, of + 1)
    return [session.run(f"--llm-shard={n}/{of}", f"--llm-report=shard-{n}.jsonl", *arguments) for n in numbers]


def merge(session: Session, *names: str) -> int:
    files = [str(session.path / name) for name in names]
    return main(["merge", *files, "-o", str(session.path / "merged.jsonl")])


def compare(session: Session, *arguments: str) -> int:
    return main(["compare", str(session.path / "merged.jsonl"), f"--config={session.path}", *arguments])


def prepare(session: Session, server: Server) -> Session:
    rows(session, *range(ROWS))
    session.write(SUITE)
    server.answer = wrong_in()
    made = session.run("--llm-model=production", BASELINE, "--llm-update-baseline=force")
    assert made.ret == 0
    return session


@pytest.fixture
def project(session: Session, server: Server) -> Session:
    """A project with a baseline that is right everywhere."""
    return prepare(session, server)


@pytest.fixture
def plain_project(plain_session: Session, server: Server) -> Session:
    """The same in one process."""
    return prepare(plain_session, server)


def nothing(session: Session, server: Server) -> tuple[str, ...]:
    return ()


def a_regression(session: Session, server: Server) -> tuple[str, ...]:
    server.answer = wrong_in(*range(0, ROWS, 2))
    return ("--llm-model=candidate",)


def a_small_regression(session: Session, server: Server) -> tuple[str, ...]:
    server.answer = wrong_in(1, 2)
    return ("--llm-model=candidate",)


def a_small_regression_and_strictness(session: Session, server: Server) -> tuple[str, ...]:
    server.answer = wrong_in(1, 2, 3, 4, 5)
    return ("--llm-model=candidate", "--llm-strict")


def a_regression_of_the_same_model(session: Session, server: Server) -> tuple[str, ...]:
    server.answer = wrong_in(*range(8), model="prod-1")
    return ("--llm-mode=live",)


def two_cases_of_the_same_model(session: Session, server: Server) -> tuple[str, ...]:
    """Which would be too few of another model."""
    server.answer = wrong_in(3, 4, model="prod-1")
    return ("--llm-mode=live", "--llm-samples=9")


def an_error(session: Session, server: Server) -> tuple[str, ...]:
    answer = wrong_in()

    def broken(request: Request) -> object:
        refused = "question 7." in request.json["messages"][-1]["content"]
        return Reply(status=400, body='{"error": {"message": "no"}}') if refused else answer(request)

    server.answer = broken
    return ("--llm-mode=live",)


def a_new_row_that_fails(session: Session, server: Server) -> tuple[str, ...]:
    rows(session, *range(ROWS + 1))
    server.answer = wrong_in(ROWS, model="prod-1")
    return ()


def a_new_row_that_passes(session: Session, server: Server) -> tuple[str, ...]:
    rows(session, *range(ROWS + 1))
    return ()


def rows_that_are_gone(session: Session, server: Server) -> tuple[str, ...]:
    rows(session, *range(12))
    return ()


def another_name_of_the_test(session: Session, server: Server) -> tuple[str, ...]:
    session.write(SUITE.replace("test_row", "test_kettle"))
    server.answer = wrong_in(*range(9))
    return ("--llm-model=candidate",)


def no_baseline_and_nothing_wrong(session: Session, server: Server) -> tuple[str, ...]:
    return ("--llm-baseline=none",)


def no_baseline_and_a_failing_case(session: Session, server: Server) -> tuple[str, ...]:
    server.answer = wrong_in(3, model="prod-1")
    return ("--llm-baseline=none", "--llm-mode=live")


def one_case_by_its_name(session: Session, server: Server) -> tuple[str, ...]:
    return ("test_it.py::test_row[r7]",)


def a_broken_unit_test(session: Session, server: Server) -> tuple[str, ...]:
    session.write("def test_unit():\n    assert 1 == 2\n", "test_unit.py")
    return ()


def a_part_by_name(session: Session, server: Server) -> tuple[str, ...]:
    return ("-k", "r1")


def a_part_under_strictness(session: Session, server: Server) -> tuple[str, ...]:
    return ("-k", "r1", "--llm-strict")


def a_regression_in_a_part(session: Session, server: Server) -> tuple[str, ...]:
    server.answer = wrong_in(*range(10, 20))
    return ("-k", "r1", "--llm-model=candidate")


def two_models_in_one_session(session: Session, server: Server) -> tuple[str, ...]:
    server.answer = wrong_in(*range(9))
    return ("--llm-model=candidate", "--llm-baseline=production")


def a_category_of_low_severity(session: Session, server: Server) -> tuple[str, ...]:
    text = (session.path / "pyproject.toml").read_text()
    (session.path / "pyproject.toml").write_text(text + "[tool.llmeval.categories.wrong_answer]\nseverity = 'low'\n")
    return a_regression(session, server)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (nothing, 0),
        (a_regression, 1),
        (a_small_regression, 0),
        (a_small_regression_and_strictness, 1),
        (a_regression_of_the_same_model, 1),
        (two_cases_of_the_same_model, 1),
        (an_error, 1),
        (a_new_row_that_fails, 1),
        (a_new_row_that_passes, 0),
        (rows_that_are_gone, 1),
        (another_name_of_the_test, 1),
        (no_baseline_and_nothing_wrong, 0),
        (no_baseline_and_a_failing_case, 1),
        (one_case_by_its_name, 0),
        (a_broken_unit_test, 1),
        (a_part_by_name, 0),
        (a_part_under_strictness, 1),
        (a_regression_in_a_part, 1),
        (two_models_in_one_session, 1),
        (a_category_of_low_severity, 0),
    ],
)
def test_the_joined_run_is_judged_as_one_session_is(
    plain_project: Session, server: Server, capsys: pytest.CaptureFixture[str], change: Change, code: int
) -> None:
    arguments = (BASELINE, *change(plain_project, server))
    whole = plain_project.run(*arguments)
    assert whole.ret == code
    shards = cut(plain_project, 3, *arguments)
    for result in shards:
        assert not told(result, "GATE FAILED")
        assert not told(result, "gate ok")
    capsys.readouterr()
    assert merge(plain_project, "shard-3.jsonl", "shard-1.jsonl", "shard-2.jsonl") == 0
    assert compare(plain_project) == code
    shown = " ".join(capsys.readouterr().out.split())
    expected = next((line for line in whole.outlines if GATE.match(line)), "")
    assert expected in shown


def test_four_shards_by_workers_too_are_joined_and_judged_as_one_session_is(
    project: Session, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (BASELINE, *a_regression(project, server), "--llm-samples=2")
    whole = project.run(*arguments, "--llm-report=whole.jsonl")
    assert [result.ret for result in cut(project, 4, *arguments)] == [0] * 4
    capsys.readouterr()
    assert merge(project, *(f"shard-{number}.jsonl" for number in range(1, 5))) == 0
    assert "merged.jsonl: 20 cases of 4 shards, complete" in capsys.readouterr().out
    assert compare(project) == whole.ret == 1
    verdict = "GATE FAILED: wrong_answer regressed from 0 of 20 to 20 of 40 answers"
    assert verdict in capsys.readouterr().out
    assert told(whole, verdict)
    merged, alone = load_run(project.path / "merged.jsonl"), load_run(project.path / "whole.jsonl")
    assert merged.complete is alone.complete is True
    assert [(each.trial, each.outcome, each.category, each.rejudged) for each in merged.in_order()] == [
        (each.trial, each.outcome, each.category, each.rejudged) for each in alone.in_order()
    ]


def test_cases_with_subtests_are_judged_as_one_session_does(
    plain_session: Session, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(plain_session, server)
    plain_session.write(
        """
        import pytest

        @pytest.mark.llm_cases("rows.jsonl")
        def test_row(llm, case, subtests):
            for part in ("one", "two"):
                with subtests.test(part):
                    assert llm(f"{case.input} {part}") == "Oslo"
        """
    )
    plain_session.run("--llm-model=production", BASELINE, "--llm-update-baseline=force")
    server.answer = wrong_in(*range(9))
    whole = plain_session.run(BASELINE, "--llm-model=candidate")
    assert [result.ret for result in cut(plain_session, 2, BASELINE, "--llm-model=candidate")] == [0, 0]
    assert merge(plain_session, "shard-1.jsonl", "shard-2.jsonl") == 0
    capsys.readouterr()
    assert compare(plain_session) == whole.ret == 1
    assert "GATE FAILED: wrong_answer regressed from 0 of 20 to 9 of 20 answers" in capsys.readouterr().out


def test_a_joined_run_is_judged_by_the_baseline_and_the_settings_its_sessions_had(
    plain_project: Session, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither may be changed between the shards and the verdict, as by a pull request that excuses itself."""
    cut(plain_project, 2, BASELINE, *a_regression(plain_project, server))
    merge(plain_project, "shard-1.jsonl", "shard-2.jsonl")
    a_category_of_low_severity(plain_project, server)
    assert compare(plain_project) == 1
    capsys.readouterr()
    named = [str(plain_project.path / name) for name in ("baseline.jsonl", "merged.jsonl")]
    assert main(["compare", *named, f"--config={plain_project.path}"]) == 1
    assert "GATE FAILED: wrong_answer regressed from 0 of 20 to 10 of 20" in capsys.readouterr().out
    saved = plain_project.path / "baseline.jsonl"
    saved.write_text(
        re.sub(r'"created": "[^"]*"', '"created": "2020-01-01T00:00:00+00:00"', saved.read_text(), count=1)
    )
    assert main(["compare", *named, f"--config={plain_project.path}"]) == 2
    assert "was run beside baseline.jsonl, and" in capsys.readouterr().err


# What must not be green


@pytest.fixture
def shards(plain_project: Session, server: Server, capsys: pytest.CaptureFixture[str]) -> Session:
    """A green run in three shards."""
    assert [result.ret for result in cut(plain_project, 3, BASELINE)] == [0] * 3
    capsys.readouterr()
    return plain_project


ALL = ("shard-1.jsonl", "shard-2.jsonl", "shard-3.jsonl")


def test_a_shard_that_is_missing_is_named_with_what_makes_it(
    shards: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    assert merge(shards, "shard-1.jsonl", "shard-3.jsonl") == 1
    out = capsys.readouterr().out
    assert re.search(r"merged.jsonl: \d+ cases of 2 of 3 shards, NOT COMPLETE\n", out)
    assert "shard 2 of 3 is missing: it would be made by pytest --llm-shard=2/3 --llm-report=shard-2.jsonl" in out
    assert compare(shards) == 1
    assert "GATE NOT EVALUATED: shard 2 of 3 is missing" in capsys.readouterr().out
    assert merge(shards, "shard-1.jsonl") == 1
    out = capsys.readouterr().out
    assert "shard 2 of 3 is missing: " in out
    assert "shard 3 of 3 is missing: " in out
    assert compare(shards) == 1
    assert "GATE NOT EVALUATED: shards 2 and 3 of 3 are missing" in capsys.readouterr().out
    assert main(["compare", str(shards.path / "shard-1.jsonl"), f"--config={shards.path}"]) == 1
    assert main(["compare", *(str(shards.path / name) for name in ("baseline.jsonl", "shard-1.jsonl"))]) == 1


def test_shards_without_a_baseline_are_not_green_while_one_is_missing(
    plain_project: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    cut(plain_project, 2, "--llm-baseline=none")
    assert merge(plain_project, "shard-2.jsonl") == 1
    assert compare(plain_project) == 1
    assert "NOT GREEN: shard 1 of 2 is missing" in capsys.readouterr().out


def test_what_was_joined_before_is_joined_with_the_rest(shards: Session, capsys: pytest.CaptureFixture[str]) -> None:
    assert merge(shards, "shard-1.jsonl", "shard-3.jsonl") == 1
    (shards.path / "merged.jsonl").rename(shards.path / "part.jsonl")
    assert merge(shards, "part.jsonl", "shard-2.jsonl") == 0
    assert compare(shards) == 0


@pytest.mark.parametrize("kept", ["nothing", "the header", "all but the last line", "half", "all but a character"])
def test_a_file_that_was_cut_short_is_not_green(shards: Session, capsys: pytest.CaptureFixture[str], kept: str) -> None:
    file = shards.path / "shard-2.jsonl"
    text = file.read_text()
    lines = text.splitlines(keepends=True)
    left = {
        "nothing": "",
        "the header": lines[0],
        "all but the last line": "".join(lines[:-1]),
        "half": text[: len(text) // 2],
        "all but a character": text[:-1],
    }
    file.write_text(left[kept])
    code = merge(shards, *ALL)
    told = capsys.readouterr()
    if kept == "nothing":
        assert code == 2
        assert "shard-2.jsonl:1: not JSON" in told.err
        assert not (shards.path / "merged.jsonl").exists()
        return
    assert code == 1
    assert "shard-2.jsonl was stopped before its end" in told.out
    assert "shard 2 of 3 was stopped before its end: it is made again by pytest --llm-shard=2/3" in told.out
    assert compare(shards) == 1
    assert "GATE NOT EVALUATED: the run was stopped before its end" in capsys.readouterr().out


STOPPED = """
import os

import pytest

ends = []

def pytest_runtest_teardown(item):
    ends.append(item)
    if len(ends) > 6 and "STOP" in os.environ:
        {end}
"""


@pytest.mark.parametrize(
    "end", ["raise KeyboardInterrupt", "pytest.exit('enough', returncode=0)", "item.session.shouldstop = 'enough'"]
)
def test_a_session_that_was_stopped_is_not_green(
    plain_project: Session, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    (plain_project.path / "conftest.py").write_text(STOPPED.format(end=end))
    cut(plain_project, 2, BASELINE)
    monkeypatch.setenv("STOP", "1")
    result = plain_project.run("--llm-shard=2/2", "--llm-report=shard-2.jsonl", BASELINE, subprocess=True)
    assert told(result, "NOT GATED: shard 2 of 2: the session was stopped before its end; run it again")
    assert merge(plain_project, "shard-1.jsonl", "shard-2.jsonl") == 1
    assert "shard 2 of 2 was stopped before its end: it is made again by" in capsys.readouterr().out
    assert compare(plain_project) == 1
    assert "GATE NOT EVALUATED: the run was stopped" in capsys.readouterr().out


def test_a_session_that_dies_leaves_no_earlier_run_in_its_place(
    plain_project: Session, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (plain_project.path / "conftest.py").write_text(STOPPED.format(end="os._exit(0)"))
    cut(plain_project, 2, BASELINE)
    monkeypatch.setenv("STOP", "1")
    dead = plain_project.run("--llm-shard=2/2", "--llm-report=shard-2.jsonl", BASELINE, subprocess=True)
    assert dead.ret == 0
    assert merge(plain_project, "shard-1.jsonl", "shard-2.jsonl") == 1
    assert compare(plain_project) == 1


def test_a_session_that_collects_nothing_for_an_error_leaves_no_earlier_run_in_its_place(shards: Session) -> None:
    shards.write("import nothing_of_this_name")
    assert shards.run("--llm-shard=2/3", "--llm-report=shard-2.jsonl", BASELINE).ret == 2
    assert not (shards.path / "shard-2.jsonl").exists()


def test_the_same_shard_twice_is_refused(shards: Session, capsys: pytest.CaptureFixture[str]) -> None:
    (shards.path / "again.jsonl").write_text((shards.path / "shard-2.jsonl").read_text())
    assert merge(shards, *ALL, "again.jsonl") == 2
    assert re.search(r"shard 2 is in \S*shard-2.jsonl and in \S*again.jsonl", capsys.readouterr().err)


def another_number_of_shards(session: Session) -> tuple[str, ...]:
    return ("--llm-shard=2/4",)


def another_model(session: Session) -> tuple[str, ...]:
    return ("--llm-model=candidate",)


def another_row(session: Session) -> tuple[str, ...]:
    rows(session, *range(1, ROWS + 1))
    return ()


def another_test(session: Session) -> tuple[str, ...]:
    session.write(SUITE.replace('== "Oslo"', 'in ("Oslo", "Rome")'))
    return ()


def another_selection(session: Session) -> tuple[str, ...]:
    return ("-k", "r1")


def other_samples(session: Session) -> tuple[str, ...]:
    return ("--llm-samples=2",)


def no_baseline(session: Session) -> tuple[str, ...]:
    return ("--llm-baseline=none",)


def another_baseline(session: Session) -> tuple[str, ...]:
    saved = session.path / "baseline.jsonl"
    saved.write_text(
        re.sub(r'"created": "[^"]*"', '"created": "2020-01-01T00:00:00+00:00"', saved.read_text(), count=1)
    )
    return ()


def other_settings(session: Session) -> tuple[str, ...]:
    text = (session.path / "pyproject.toml").read_text()
    (session.path / "pyproject.toml").write_text(text + "[tool.llmeval.categories.wrong_answer]\nseverity = 'low'\n")
    return ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (another_number_of_shards, r"shard-2.jsonl is of 4 shards, \S*shard-1.jsonl of 3"),
        (another_model, r"shard-2.jsonl has no model production"),
        (another_row, r"shard-2.jsonl is a shard of other cases than \S*shard-1.jsonl: rows, tests, the baseline or"),
        (another_test, r"shard-2.jsonl is a shard of other cases than"),
        (another_selection, r"shard-2.jsonl is a shard of other cases than"),
        (other_samples, r"shard-2.jsonl is a shard of other cases than"),
        (no_baseline, r"shard-2.jsonl is compared with no baseline"),
        (another_baseline, r"baseline is another saved run in \S*shard-2.jsonl than in \S*shard-1.jsonl"),
        (other_settings, r"shard-2.jsonl is gated by other settings than"),
    ],
)
def test_what_is_no_shard_of_the_same_run_is_refused(
    shards: Session, capsys: pytest.CaptureFixture[str], change: Callable[[Session], tuple[str, ...]], said: str
) -> None:
    shards.run(BASELINE, "--llm-shard=2/3", "--llm-report=shard-2.jsonl", *change(shards))
    assert merge(shards, *ALL) == 2
    assert re.search(said, capsys.readouterr().err)
    assert not (shards.path / "merged.jsonl").exists()


def test_a_run_of_all_cases_is_no_shard(shards: Session, capsys: pytest.CaptureFixture[str]) -> None:
    shards.run(BASELINE, "--llm-report=shard-2.jsonl")
    assert merge(shards, *ALL) == 2
    assert "shard-2.jsonl is of a session without --llm-shard" in capsys.readouterr().err
    assert merge(shards, "baseline.jsonl", *ALL) == 2


def test_a_shard_of_another_commit_is_refused(
    plain_project: Session, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, commit in ((1, "a" * 40), (2, "b" * 40)):
        monkeypatch.setenv("GITHUB_SHA", commit)
        plain_project.run(BASELINE, f"--llm-shard={number}/2", f"--llm-report=shard-{number}.jsonl")
    assert merge(plain_project, "shard-1.jsonl", "shard-2.jsonl") == 2
    assert re.search(r"shard-2.jsonl is of commit b{12}, \S*shard-1.jsonl of a{12}", capsys.readouterr().err)


def test_a_base_branch_that_one_machine_does_not_have_is_not_green(
    plain_project: Session, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a whole session could not be measured there."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    cut(plain_project, 1, BASELINE)
    plain_project.run(BASELINE, "--llm-shard=2/2", "--llm-report=shard-2.jsonl", "--llm-baseline-ref=main")
    plain_project.run(BASELINE, "--llm-shard=1/2", "--llm-report=shard-1.jsonl")
    assert merge(plain_project, "shard-1.jsonl", "shard-2.jsonl") == 0
    capsys.readouterr()
    assert compare(plain_project) == 1
    assert "could not be measured: git has neither origin/main nor main" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"numbers": [0]}, "'numbers' is not a list of whole numbers from 1 to 1000"),
        ({"of": 10**9}, "'of' is not a whole number from 1 to 1000"),
        ({"budgets": {"speed": 1}}, "shard-2.jsonl:1: the header of the run is broken: 'shards'"),
        ({"cut": None}, "'cut' is not text"),
    ],
)
def test_a_header_that_is_no_shards_is_told(
    shards: Session, capsys: pytest.CaptureFixture[str], written: dict[str, object], said: str
) -> None:
    file: Path = shards.path / "shard-2.jsonl"
    header, *lines = file.read_text().splitlines(keepends=True)
    data = json.loads(header)
    data["shards"] |= written
    file.write_text("".join([json.dumps(data) + "\n", *lines]))
    assert merge(shards, *ALL) == 2
    assert said in capsys.readouterr().err
