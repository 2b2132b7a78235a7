"""A part of the cases on each of several machines."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

import pytest

from pytest_llmeval.commands.main import main
from pytest_llmeval.runs.file import load_run
from pytest_llmeval.runs.results import CaseResult, Run
from tests.server import Server
from tests.sessions import Session, told
from tests.shards import SUITE, wrong_in

ROWS = 17
COMPARED = ("--llm-model=candidate", "--llm-baseline=production")


def rows(session: Session, count: int = ROWS, **more: object) -> None:
    lines = [json.dumps({"id": f"r{number}", "input": f"question {number}.", **more}) for number in range(count)]
    (session.path / "rows.jsonl").write_text("\n".join(lines))


def shard(session: Session, number: int, of: int, *arguments: str) -> pytest.RunResult:
    return session.run(f"--llm-shard={number}/{of}", f"--llm-report=shard-{number}.jsonl", *arguments)


def all_shards(session: Session, of: int, *arguments: str) -> list[pytest.RunResult]:
    return [shard(session, number, of, *arguments) for number in range(1, of + 1)]


def runs(session: Session, of: int) -> list[Run]:
    return [load_run(session.path / f"shard-{number}.jsonl") for number in range(1, of + 1)]


def merge(session: Session, of: int) -> int:
    files = [str(session.path / f"shard-{number}.jsonl") for number in range(1, of + 1)]
    return main(["merge", *files, "-o", str(session.path / "merged.jsonl")])


def compare(session: Session, *arguments: str) -> int:
    return main(["compare", str(session.path / "merged.jsonl"), f"--config={session.path}", *arguments])


def cases(results: Sequence[CaseResult]) -> Counter[tuple[str, str]]:
    return Counter((str(result.key), result.model) for result in results)


@pytest.fixture
def project(session: Session, server: Server) -> Session:
    """Cases of a dataset, in rows that the candidate answers as it should."""
    rows(session)
    session.write(SUITE)
    server.answer = wrong_in()
    return session


@pytest.fixture
def plain_project(plain_session: Session, server: Server) -> Session:
    """The same in one process."""
    rows(plain_session)
    plain_session.write(SUITE)
    server.answer = wrong_in()
    return plain_session


# Which cases are run


@pytest.mark.parametrize("of", [1, 3])
def test_every_case_is_run_by_exactly_one_shard(project: Session, server: Server, of: int) -> None:
    results = all_shards(project, of, "--llm-mode=live")
    assert [result.ret for result in results] == [0] * of
    asked = Counter(request.json["messages"][-1]["content"] for request in server.requests)
    assert asked == Counter(f"question {number}." for number in range(ROWS))
    found = runs(project, of)
    assert cases([result for run in found for result in run.results]).total() == ROWS
    assert [run.shards.numbers for run in found if run.shards] == [(number,) for number in range(1, of + 1)]
    assert len({run.shards.cut for run in found if run.shards}) == 1


SHUFFLED = """
import random

import pytest

@pytest.hookimpl({when}=True)
def pytest_collection_modifyitems(items):
    random.Random({seed}).shuffle(items)
"""


def test_shards_are_cut_alike_whatever_the_order_of_the_tests(project: Session) -> None:
    all_shards(project, 2)
    before, cut = [cases(run.results) for run in runs(project, 2)], runs(project, 1)[0].shards
    for number, when in ((1, "tryfirst"), (2, "trylast")):
        (project.path / "conftest.py").write_text(SHUFFLED.format(when=when, seed=5))
        assert shard(project, number, 2).ret == 0
        found = runs(project, 2)[number - 1]
        assert cases(found.results) == before[number - 1]
    assert cut is not None


def test_k_and_lf_move_no_case_to_another_shard(plain_project: Session, server: Server) -> None:
    all_shards(plain_project, 2)
    where = {str(result.key): place for place, run in enumerate(runs(plain_project, 2)) for result in run.results}
    all_shards(plain_project, 2, "-k", "r1")
    found = {str(result.key): place for place, run in enumerate(runs(plain_project, 2)) for result in run.results}
    assert len(found) == 8  # r1 and r10 to r16
    assert found.items() <= where.items()
    server.answer = wrong_in(3, 4, 5, 6, model="prod-1")
    plain_project.run("--llm-mode=live", plugins=("cacheprovider",))
    for number in (1, 2):
        (plain_project.path / f"shard-{number}.jsonl").unlink()
        options = (f"--llm-shard={number}/2", f"--llm-report=shard-{number}.jsonl", "--llm-mode=live", "--lf")
        plain_project.run(*options, "--lfnf=none", plugins=("cacheprovider",))
    found = {str(result.key): place for place, run in enumerate(runs(plain_project, 2)) for result in run.results}
    assert {name[-3:-1] for name in found} == {"r3", "r4", "r5", "r6"}
    assert found.items() <= where.items()


def test_a_case_is_in_one_shard_under_all_models_in_all_wordings_and_samples(project: Session) -> None:
    rows(project, 6, paraphrases=["In other words, question 1."])
    for result in all_shards(project, 3, *COMPARED, "--llm-samples=2"):
        assert result.ret == 0
    together = []
    for run in runs(project, 3):
        for model in ("candidate", "production"):
            found = run.of_model(model)
            assert all(len(result.samples) == 2 for result in found.values())
            together.append(sorted((result.row.case, result.wording) for result in found.values()))
    assert together[::2] == together[1::2]
    assert sorted(name for part in together[::2] for name in part) == sorted(
        (f"r{number}", wording) for number in range(6) for wording in ("", "2")
    )
    assert all(len(part) % 2 == 0 for part in together)


def test_tests_that_need_one_another_stay_together(plain_session: Session, server: Server) -> None:
    plain_session.write(
        """
        import pytest

        @pytest.mark.xdist_group("order")
        class TestOrder:
            @pytest.mark.parametrize("step", range(9))
            def test_step(self, llm, step):
                assert llm(f"step {step}") == "Oslo"
        """
    )
    (plain_session.path / "conftest.py").write_text(
        "def pytest_configure(config): config.addinivalue_line('markers', 'xdist_group(name): as of xdist')"
    )
    server.answer = wrong_in()
    assert [result.ret for result in all_shards(plain_session, 4)] == [0] * 4
    assert sorted(len(run.results) for run in runs(plain_session, 4)) == [0, 0, 0, 9]


def test_the_baselines_latencies_decide_which_shard_a_case_is_in(project: Session, server: Server) -> None:
    """One case takes as long as all others; the new one goes by its hash."""
    rows(project, 9)
    project.run("--llm-model=production", "--llm-baseline=baseline.jsonl", "--llm-update-baseline=force")
    saved = project.path / "baseline.jsonl"
    lines = [json.loads(line) for line in saved.read_text().splitlines()]
    for line in lines:
        for sample in line.get("samples", ()):
            sample["calls"][0]["duration"] = 8.0 if line["case"] == "r4" else 1.0
    saved.write_text("".join(json.dumps(line) + "\n" for line in lines))
    rows(project, 10)
    for result in all_shards(project, 2, "--llm-baseline=baseline.jsonl"):
        assert result.ret == 0
    first, second = ({result.key.case for result in run.of_model("production").values()} for run in runs(project, 2))
    assert first - {"r9"} == {"r4"}
    assert second - {"r9"} == {f"r{number}" for number in range(9)} - {"r4"}
    assert len(first) + len(second) == 10


def test_tests_that_ask_no_model_run_in_every_shard(project: Session) -> None:
    project.write("def test_plain():\n    pass\n\ndef test_broken():\n    assert 1 == 2\n", "test_plain.py")
    for result in all_shards(project, 2):
        outcomes = result.parseoutcomes()
        assert (result.ret, outcomes["failed"]) == (1, 1)
        assert outcomes["passed"] > 1
    assert [run.failed for run in runs(project, 2)] == [1, 1]


def test_collecting_alone_shows_a_part_and_saves_nothing(plain_project: Session) -> None:
    result = plain_project.run("--llm-shard=1/2", "--collect-only", "-q")
    shown = [line for line in result.outlines if "test_row[" in line]
    assert result.ret == 0
    assert 0 < len(shown) < ROWS
    assert not plain_project.report.exists()


# An empty shard


def test_a_shard_without_cases_is_green_and_saved(project: Session, capsys: pytest.CaptureFixture[str]) -> None:
    rows(project, 1)
    results = all_shards(project, 3)
    assert [result.ret for result in results] == [0, 0, 0]
    assert sorted(len(run.results) for run in runs(project, 3)) == [0, 0, 1]
    assert sum(told(result, "NOT GATED: shard ? of 3 has 0 of 1 case*") for result in results) == 2
    assert merge(project, 3) == 0
    assert "1 case of 3 shards, complete" in capsys.readouterr().out


def test_shards_without_any_case_are_red_and_saved_nowhere(project: Session) -> None:
    """As after a wrong folder on the command line."""
    project.write("def test_plain():\n    pass\n", "test_plain.py")
    results = all_shards(project, 2, "test_plain.py")
    assert [result.ret for result in results] == [1, 1]
    assert told(results[0], "NOT SAVED: this shard has no run: no test asked a model")
    assert not (project.path / "shard-1.jsonl").exists()
    assert shard(project, 1, 2, "-k", "nothing_has_this_name").ret == 1


# What a shard says


def test_a_shard_is_not_gated_and_says_so(project: Session, server: Server) -> None:
    server.answer = wrong_in(*range(ROWS))
    for number, result in enumerate(all_shards(project, 2, *COMPARED), start=1):
        assert result.ret == 0
        assert "missed" in result.parseoutcomes()
        assert told(
            result,
            f"NOT GATED: shard {number} of 2 has * of 17 cases; for all of them: llmeval merge RUNS -o merged.jsonl, "
            "then llmeval compare merged.jsonl",
        )
        assert not told(result, "gate ok")
        assert not told(result, "GATE FAILED")
    quiet = shard(project, 1, 2, *COMPARED, "-q")
    assert told(quiet, "NOT GATED: shard 1 of 2")


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("0/4", "--llm-shard=0/4: expected I/N, shard I of N, with I from 1 to N"),
        ("5/4", "--llm-shard=5/4: expected I/N"),
        ("2/0", "--llm-shard=2/0: expected I/N"),
        ("a", "--llm-shard=a: expected I/N"),
        ("", "--llm-shard=: expected I/N"),
        ("-1/4", "--llm-shard=-1/4: expected I/N"),
        ("1/2/3", "--llm-shard=1/2/3: expected I/N"),
        ("\u0662/4", "--llm-shard=\u0662/4: expected I/N"),
        ("1/999999999", "--llm-shard=1/999999999: expected I/N"),
    ],
)
def test_what_is_no_shard_is_a_usage_error_that_says_what_is(plain_project: Session, option: str, said: str) -> None:
    result = plain_project.run(f"--llm-shard={option}")
    assert result.ret == 4
    assert said in result.stderr.str()
    assert "1/4, 2/4, 3/4 and 4/4 are four parts" in result.stderr.str()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("--llm-baseline=b.jsonl", "--llm-update-baseline=force"),
            "runs a part of the cases, and --llm-update-baseline saves all",
        ),
        (("--llm-samples=auto",), "evaluates no gate, by which --llm-samples=auto decides; give a number"),
    ],
)
def test_what_needs_all_cases_does_not_go_with_a_shard(
    project: Session, server: Server, arguments: tuple[str, ...], said: str
) -> None:
    result = shard(project, 2, 4, *arguments)
    assert result.ret == 4
    assert f"--llm-shard=2/4 {said}" in result.stderr.str()
    assert server.requests == []


def test_a_shard_needs_the_file_its_run_is_saved_in(project: Session, server: Server) -> None:
    result = project.pytester.runpytest(*project.arguments, "--llm-shard=2/4")
    assert result.ret == 4
    assert "--llm-shard=2/4 needs the file its run is saved in" in result.stderr.str()
    assert "--llm-report=shard-2.jsonl" in result.stderr.str()
    assert server.requests == []
