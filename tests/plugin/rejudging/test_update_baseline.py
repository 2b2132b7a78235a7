"""``--llm-update-baseline``: a session becomes the baseline run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_llmeval.commands.main import main
from pytest_llmeval.runs.file import load_run
from tests.server import Reply, Request, Server, completion
from tests.sessions import CONFIGURATION, Session, told

SUITE = """
import pytest

@pytest.mark.llm_cases("cases.jsonl")
def test_row(llm, case):
    assert llm(case.input) == "Paris"
"""
CASES = 12
UPDATE = "--llm-update-baseline"


def prepare(session: Session, server: Server, *, cases: int = CASES, baseline: str = "baseline.jsonl") -> Path:
    lines = [json.dumps({"id": f"c{number}", "input": f"case {number}."}) for number in range(cases)]
    (session.path / "cases.jsonl").write_text("\n".join(lines))
    session.write(SUITE)
    configuration = CONFIGURATION.format(base_url=server.base_url)
    session.configure(configuration.replace("[tool.llmeval]", f'[tool.llmeval]\nbaseline = "{baseline}"'))
    return session.path / baseline


def wrong(*numbers: int) -> Callable[[Request], object]:
    """What answers these cases wrongly."""

    def answer(request: Request) -> object:
        asked = request.json["messages"][-1]["content"]
        return completion("Rome" if any(f"case {number}." == asked for number in numbers) else "Paris")

    return answer


def failing(file: Path) -> set[str]:
    return {result.key.case for result in load_run(file).results if result.outcome == "fail"}


def test_the_first_baseline_is_saved_with_its_misses_and_compared_with_afterwards(
    session: Session, server: Server
) -> None:
    file = prepare(session, server, baseline="new/folder/baseline.jsonl")
    server.answer = wrong(3, 10)
    result = session.run(UPDATE)
    assert result.ret == 0
    assert told(result, "baseline.jsonl saved: 12 cases of production, 2 of them known misses")
    assert told(result, "10/12 passed, wrong_answer 2")
    saved = load_run(file)
    assert (saved.complete, saved.baseline, list(saved.models)) == (True, None, ["production"])
    assert [each.key.case for each in saved.results] == [f"c{number}" for number in range(CASES)]
    assert failing(file) == {"c3", "c10"}
    again = session.run()
    assert again.ret == 0
    assert told(again, "production vs baseline production (saved run baseline.jsonl)")


@pytest.mark.parametrize("quiet", [(), ("-q",)])
def test_a_worse_baseline_is_saved_and_told(plain_session: Session, server: Server, quiet: tuple[str, ...]) -> None:
    file = prepare(plain_session, server)
    server.answer = wrong(3)
    plain_session.run(UPDATE)
    server.answer = wrong(4, 5, 6, 7, 8, 9)
    with (plain_session.path / "cases.jsonl").open("a") as cases:
        cases.write('\n{"id": "c99", "input": "another"}')
    result = plain_session.run(UPDATE, "--llm-mode=refresh", *quiet)
    assert told(result, "WORSE wrong_answer: 1/12 before, 6/12 now: test_it.py::test_row*c4*and 1 more")
    assert told(result, "baseline.jsonl saved: 13 cases of production (7 changed, 1 added, 0 removed)") is (not quiet)
    assert failing(file) == {f"c{number}" for number in range(4, 10)}
    better = plain_session.run(UPDATE)
    assert told(better, "baseline.jsonl saved: 13 cases of production (0 changed, 0 added, 0 removed)")
    better.stdout.no_fnmatch_line("*WORSE*")


def test_a_case_that_was_removed_while_it_failed_is_told(plain_session: Session, server: Server) -> None:
    file = prepare(plain_session, server)
    server.answer = wrong(11)
    plain_session.run(UPDATE)
    prepare(plain_session, server, cases=11)
    result = plain_session.run(UPDATE)
    assert told(result, "saved: 11 cases of production (0 changed, 0 added, 1 removed, 1 of them failing)")
    assert len(load_run(file).results) == 11


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("-k", "c1"), "3 of 12 cases ran, and a baseline holds every case; --llm-update-baseline=merge"),
        (("test_it.py::test_row[c1]",), "single tests were named on the command line, and a baseline"),
        (("-x",), "the session was stopped before its end"),
    ],
)
def test_a_part_of_the_cases_is_no_baseline(
    plain_session: Session, server: Server, arguments: tuple[str, ...], why: str
) -> None:
    file = prepare(plain_session, server)
    plain_session.run(UPDATE)
    before = file.read_bytes()
    plain_session.write("def test_fails(): assert False" if arguments == ("-x",) else "", "test_z.py")
    result = plain_session.run(UPDATE, *arguments)
    assert (result.ret != 0, file.read_bytes()) == (True, before)
    assert told(result, f"NOT SAVED: *baseline* stays as it was: {why}")
    assert not [each for each in plain_session.path.iterdir() if each.suffix == ".tmp"]


def test_a_file_alone_does_not_replace_the_baseline_of_all(session: Session, server: Server) -> None:
    file = prepare(session, server)
    session.write("def test_other(llm):\n    assert llm('x') == 'Paris'\n", "test_other.py")
    session.run(UPDATE)
    before = file.read_bytes()
    result = session.run(UPDATE, "test_other.py")
    assert (result.ret, file.read_bytes()) == (1, before)
    assert told(
        result, "baseline.jsonl stays as it was: 12 of its cases are in tests that were not named, and a baseline"
    )
    (session.path / "test_other.py").unlink()
    assert session.run(UPDATE).ret == 0
    assert len(load_run(file).results) == CASES


def test_answers_that_could_not_be_judged_are_no_baseline_and_cost_no_good_one(
    plain_session: Session, server: Server
) -> None:
    file = prepare(plain_session, server)
    plain_session.run(UPDATE)
    before = load_run(file)

    def answer(request: Request) -> object:
        return (
            Reply(status=400, body=b'{"error": {"message": "no"}}') if b"case 2." in request.body else wrong(5)(request)
        )

    server.answer = answer
    result = plain_session.run(UPDATE, "--llm-mode=refresh")
    assert result.ret == 1
    assert told(result, "NOT SAVED: baseline.jsonl stays as it was: 1 case has an answer that could not be judged")
    assert load_run(file) == before
    merged = plain_session.run(f"{UPDATE}=merge", "--llm-mode=refresh")
    assert told(merged, "1 with an answer that could not be judged left as they were")
    assert failing(file) == {"c5"}
    assert [result for result in load_run(file).results if result.outcome == "error"] == []


def test_a_run_with_skipped_tests_is_no_baseline_but_can_be_merged(plain_session: Session, server: Server) -> None:
    file = prepare(plain_session, server)
    plain_session.run(UPDATE)
    skip = "def pytest_runtest_setup(item):\n    if item.name == 'test_row[c3]': pytest.skip('later')\n"
    plain_session.write(f"import pytest\n{skip}", "conftest.py")
    refused = plain_session.run(UPDATE)
    assert refused.ret == 1
    assert told(refused, "NOT SAVED: baseline.jsonl stays as it was: 1 skipped, and a baseline holds every case")
    assert plain_session.run(f"{UPDATE}=merge").ret == 0
    assert len(load_run(file).results) == CASES


def test_a_row_that_changed_but_for_its_input_is_judged_again(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server)
    plain_session.run(UPDATE)
    lines = [
        json.dumps({"id": f"c{number}", "input": f"case {number}.", "metadata": {"want": "Paris"}})
        for number in range(CASES)
    ]
    (plain_session.path / "cases.jsonl").write_text("\n".join(lines))
    result = plain_session.run()
    assert (result.ret, told(result, "gate ok: 12 cases * 0 regressed")) == (0, True)


def test_a_run_without_answers_is_no_pass(plain_session: Session, server: Server) -> None:
    file = prepare(plain_session, server)
    plain_session.run(UPDATE)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    empty = plain_session.path / "empty.jsonl"
    empty.write_text(
        "".join(json.dumps({**line, "samples": []} if "samples" in line else line) + "\n" for line in lines)
    )
    assert main(["compare", str(file), str(empty)]) == 1


def test_a_part_of_the_cases_is_merged_when_that_is_asked(session: Session, server: Server) -> None:
    file = prepare(session, server)
    server.answer = wrong(3)
    session.run(UPDATE)
    server.answer = wrong(1, 2, 10, 11)
    result = session.run(f"{UPDATE}=merge", "-k", "c1", "--llm-mode=refresh")
    assert result.ret == 0
    assert told(result, "baseline.jsonl saved: 12 cases of production (3 changed, 0 added, 0 removed)")
    assert told(result, "WORSE wrong_answer: 1/12 before, 4/12 now")
    assert failing(file) == {"c1", "c3", "c10", "c11"}
    assert load_run(file).complete is True


@pytest.mark.parametrize(
    ("baseline", "arguments", "environment", "message"),
    [
        ("production", (UPDATE,), {}, "has no file to write: baseline = 'production' is a model; set baseline ="),
        (None, (UPDATE,), {}, "has no file to write: no baseline is configured; set baseline = 'baseline.jsonl' in"),
        ("b.jsonl", (UPDATE,), {"CI": "true"}, "is refused in CI, where a regression would go unreviewed; *=force"),
        ("b.jsonl", (UPDATE,), {"BUILD_NUMBER": "1"}, "is refused in CI"),
        ("b.jsonl", (f"{UPDATE}=merge",), {}, "*=merge: there is no *b.jsonl to merge into; run all cases once with"),
        (
            "b.jsonl",
            (UPDATE, "--llm-model=production", "--llm-model=candidate"),
            {},
            "saves a run of one model *on tri",
        ),
    ],
)
def test_what_cannot_become_a_baseline_is_told_before_it_costs(
    plain_session: Session,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    baseline: str | None,
    arguments: tuple[str, ...],
    environment: dict[str, str],
    message: str,
) -> None:
    prepare(plain_session, server, baseline=baseline or "production")
    if baseline is None:
        plain_session.configure(CONFIGURATION.format(base_url=server.base_url))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    result = plain_session.run(*arguments)
    assert (result.ret, server.requests) == (4, [])
    result.stderr.fnmatch_lines([f"ERROR: {UPDATE}{'' if message.startswith('*') else ' '}{message}*"])


@pytest.mark.parametrize("words", [(f"{UPDATE}=force",), (f"{UPDATE}=merge", f"{UPDATE}=force")])
def test_in_ci_it_can_be_insisted_on(
    plain_session: Session, server: Server, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    file = prepare(plain_session, server)
    plain_session.run(UPDATE)
    monkeypatch.setenv("CI", "true")
    server.answer = wrong(1)
    assert plain_session.run(*words, "--llm-mode=refresh").ret == 0
    assert failing(file) == {"c1"}


def test_another_model_becomes_the_baseline_whole_or_not_at_all(plain_session: Session, server: Server) -> None:
    file = prepare(plain_session, server)
    plain_session.run(UPDATE)
    refused = plain_session.run(f"{UPDATE}=merge", "--llm-model=candidate", "-k", "c1")
    assert refused.ret == 4
    refused.stderr.fnmatch_lines(
        ["ERROR: *baseline.jsonl is a run of production: openai/prod-1; on trial is candidate: openai/cand-2.*"]
    )
    assert plain_session.run(UPDATE, "--llm-model=candidate").ret == 0
    assert list(load_run(file).models) == ["candidate"]


def test_the_option_takes_no_path_for_its_value_and_knows_no_other(plain_session: Session, server: Server) -> None:
    file = prepare(plain_session, server)
    assert plain_session.run(UPDATE, "test_it.py").ret == 0
    assert file.exists()
    assert plain_session.run(f"{UPDATE}=everything").ret == 4


def test_a_session_that_asks_no_model_saves_nothing_and_says_so(plain_session: Session, server: Server) -> None:
    file = prepare(plain_session, server)
    plain_session.write("def test_it(): pass")
    result = plain_session.run(UPDATE)
    assert (result.ret, file.exists()) == (1, False)
    assert told(result, "NOT SAVED: the baseline stays as it was: no test asked a model")


def test_what_is_no_run_is_not_overwritten(plain_session: Session, server: Server) -> None:
    file = prepare(plain_session, server, baseline="cases.jsonl")
    before = file.read_bytes()
    result = plain_session.run(UPDATE)
    assert (result.ret, file.read_bytes()) == (4, before)
    result.stderr.fnmatch_lines(["ERROR: *cases.jsonl is not a saved run*"])


def test_no_key_is_saved_that_a_model_repeated(
    plain_session: Session, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = prepare(plain_session, server)
    text = (plain_session.path / "pyproject.toml").read_text()
    (plain_session.path / "pyproject.toml").write_text(
        text.replace('model = "openai/prod-1"', 'model = "openai/prod-1"\napi_key_env = "THEIR_KEY"')
    )
    monkeypatch.setenv("THEIR_KEY", "correct-horse-battery-staple")
    server.answer = lambda request: completion("My key is correct-horse-battery-staple")
    result = plain_session.run(UPDATE)
    assert (result.ret, file.exists()) == (1, False)
    assert told(result, "holds the value of THEIR_KEY, which must not be committed")
    saved = plain_session.report.rename(plain_session.path / "saved.jsonl")
    recorded = plain_session.run("--llm-record", f"--llm-baseline={saved}")
    assert (recorded.ret, told(recorded, "NOT RECORDED: *THEIR_KEY")) == (1, True)
    recorded.stdout.fnmatch_lines(["*12 missed, 1 not saved*"])


def test_a_folder_that_cannot_be_written_fails_the_session(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server, baseline="file/baseline.jsonl")
    (plain_session.path / "file").write_text("no folder")
    result = plain_session.run(UPDATE)
    assert result.ret == 1
    assert told(result, "NOT SAVED: cannot write the run to")
    result.stdout.fnmatch_lines(["*12 passed, 1 not saved*"])


def test_the_model_that_is_the_baseline_has_its_figures_in_a_line(plain_session: Session, server: Server) -> None:
    prepare(plain_session, server, baseline="production")
    for quiet in ((), ("-q",)):
        result = plain_session.run(*quiet)
        assert told(result, "12/12 passed*")
    titled = plain_session.run("--llm-model=candidate", "-v")
    titled.stdout.fnmatch_lines(["candidate vs baseline production"])
