"""Runs of shards, joined and gated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.commands.main import main
from pytest_llmeval.errors import RunFileError
from pytest_llmeval.reply import Answer, Measures
from pytest_llmeval.runs.file import load_run, save_run
from pytest_llmeval.runs.merge import merge_shards
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, Outcome, Run, SampleResult
from pytest_llmeval.runs.rules import RunRules
from pytest_llmeval.runs.shards import Shards
from tests.server import Request, Server, completion
from tests.sessions import Session

SUITE = """
import pytest

@pytest.mark.llm_cases("cases.jsonl")
def test_row(llm, case):
    assert llm(case.input) == "Paris"
"""
CASES = 24
MODELS = {"candidate": {"provider": "openai", "model": "cand-2", "params": {}}}


def sample(index: int, text: str = "Paris", outcome: Outcome = "pass") -> SampleResult:
    measures = Measures(latency=0.1, ttft=None, cost=None, attempts=1, source="live")
    call = Call(
        provider="openai", request_model="cand-2", words_digest="p", answer=Answer(text=text), measures=measures
    )
    return SampleResult(index=index, outcome=outcome, category=None if outcome == "pass" else "x", calls=(call,))


def case(name: str, *samples: SampleResult) -> CaseResult:
    key = CaseKey("test_it.py::test_row", name)
    return CaseResult(key=key, model="candidate", samples=samples or (sample(0),), file="test_it.py", line=4)


def run(*results: CaseResult, complete: bool | None = True, left_out: tuple[str, ...] = ()) -> Run:
    out = tuple((CaseKey("test_it.py::test_row", name), "candidate") for name in left_out)
    return Run(created="2026-11-23", models=MODELS, complete=complete, left_out=out, results=results)


@pytest.fixture
def project(session: Session, server: Server) -> Session:
    """A project with cases of which the candidate gets half wrong."""
    lines = [json.dumps({"id": f"c{number:02}", "input": str(number)}) for number in range(CASES)]
    (session.path / "cases.jsonl").write_text("\n".join(lines))
    session.write(SUITE)

    def answer(request: Request) -> object:
        wrong = request.json["model"] == "cand-2" and int(request.json["messages"][0]["content"]) % 2
        return completion("Rome" if wrong else "Paris")

    server.answer = answer
    return session


def test_shards_are_joined_and_gated_as_one_run(
    project: Session, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project.run("--llm-model=production", "--llm-report=before.jsonl")
    for number, part in enumerate(("c0", "c1", "c2")):
        project.run("--llm-model=candidate", f"--llm-report=shard{number}.jsonl", "-k", part)
    project.run("--llm-model=candidate", "--llm-report=whole.jsonl")
    monkeypatch.chdir(project.path)
    capsys.readouterr()
    assert main(["merge", "shard0.jsonl", "shard1.jsonl", "-o", "part.jsonl"]) == 1
    told = capsys.readouterr().out
    assert "part.jsonl: 20 cases of 2 shards, NOT COMPLETE: 4 tests are in no shard\n  in no shard: test_it.py" in told
    assert main(["compare", "before.jsonl", "part.jsonl"]) == 1
    assert "GATE FAILED: wrong_answer regressed from 0 of 20 to 10 of 20 answers" in capsys.readouterr().out
    assert main(["merge", "part.jsonl", "shard2.jsonl", "-o", "out/merged.jsonl"]) == 0
    assert capsys.readouterr().out == "out/merged.jsonl: 24 cases of 2 shards, complete\n"
    merged, whole = load_run("out/merged.jsonl"), load_run("whole.jsonl")
    assert [(each.key, each.outcome) for each in merged.results] == [
        (each.key, each.outcome) for each in whole.in_order()
    ]
    assert main(["compare", "before.jsonl", "out/merged.jsonl"]) == 1
    assert "GATE FAILED: wrong_answer regressed from 0 of 24 to 12 of 24 answers" in capsys.readouterr().out


def test_shards_that_ran_their_baseline_too_are_gated_without_another_run(
    plain_session: Session, server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [json.dumps({"id": f"c{number:02}", "input": str(number)}) for number in range(CASES)]
    (plain_session.path / "cases.jsonl").write_text("\n".join(lines))
    plain_session.write(SUITE)
    server.answer = lambda request: completion("Rome" if request.json["model"] == "cand-2" else "Paris")
    for number, part in enumerate(("c0", "not c0")):
        plain_session.run(
            "--llm-model=candidate", "--llm-baseline=production", f"--llm-report=shard{number}.jsonl", "-k", part
        )
    monkeypatch.chdir(plain_session.path)
    assert main(["merge", "shard0.jsonl", "shard1.jsonl", "-o", "merged.jsonl"]) == 0
    capsys.readouterr()
    assert main(["compare", "merged.jsonl", "--show=wrong_answer", "-q"]) == 1
    out = capsys.readouterr().out
    assert "GATE FAILED: wrong_answer regressed from 0 of 24 to 24 of 24 answers" in out
    assert out.count("  NEW   test_it.py::test_row[c") == CASES
    assert main(["compare", "shard0.jsonl"]) == 1


def test_a_plugin_that_takes_tests_away_in_silence_makes_shards_too(
    plain_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    (plain_session.path / "cases.jsonl").write_text("".join(f'{{"id": "c{n}", "input": "{n}"}}\n' for n in range(6)))
    plain_session.write(SUITE)
    for number in (0, 1):
        take = f"def pytest_collection_modifyitems(items): items[:] = items[{number}::2]"
        (plain_session.path / "conftest.py").write_text(take)
        plain_session.run(f"--llm-report=shard{number}.jsonl")
    monkeypatch.chdir(plain_session.path)
    first = load_run("shard0.jsonl")
    assert (first.complete, [key.case for key, _ in first.left_out]) == (False, ["c1", "c3", "c5"])
    assert main(["merge", "shard0.jsonl", "-o", "merged.jsonl"]) == 1
    assert main(["merge", "shard0.jsonl", "shard1.jsonl", "-o", "merged.jsonl"]) == 0
    assert load_run("merged.jsonl").complete is True


def test_every_problem_of_every_file_is_told_with_its_place(
    plain_session: Session, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(plain_session.path)
    save_run(Path("good.jsonl"), run(case("a")))
    header, line, last = Path("good.jsonl").read_text().splitlines()
    Path("torn.jsonl").write_text(f"{header}\n{line[:50]}\n<<<<<<< HEAD\n{last}\n[1]\n\x1b]0;x\x07\n")
    Path("other.jsonl").write_text("hello\n")
    assert main(["merge", "good.jsonl", "torn.jsonl", "other.jsonl", "none.jsonl", "-o", "out.jsonl"]) == 2
    lines = capsys.readouterr().err.splitlines()
    places = [line.removeprefix("llmeval: ").partition(": ")[0] for line in lines]
    assert places == [
        *(f"torn.jsonl:{number}" for number in (2, 3, 5, 6)),
        "other.jsonl:1",
        "cannot read the run none.jsonl",
    ]
    assert not Path("out.jsonl").exists()
    Path("hostile.jsonl").write_text(header + "\n" + json.dumps({"complete": False, "left_out": [[1], "x"]}) + "\n")
    assert main(["merge", "hostile.jsonl", "-o", "out.jsonl"]) == 2
    assert capsys.readouterr().err.startswith("llmeval: hostile.jsonl:2: not a result of a case: ")
    assert main(["merge", "good.jsonl", "-o", "good.jsonl"]) == 2
    assert "is one of the shards; name another file" in capsys.readouterr().err


def test_a_case_of_two_shards_is_one_case() -> None:
    first = run(case("a"), case("b", sample(0), sample(1)), case("c", sample(0, "", "error")))
    second = run(case("a"), case("b", sample(2), sample(3, "Rome", "fail")), case("c"))
    merged = merge_shards([("1", first), ("2", second)])
    found = {result.key.case: [(each.index, each.outcome) for each in result.samples] for result in merged.results}
    assert found == {
        "a": [(0, "pass")],
        "b": [(0, "pass"), (1, "pass"), (2, "pass"), (3, "fail")],
        "c": [(0, "pass")],
    }


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (
            run(case("a", sample(0, "Rome"))),
            r"test_row\[a\] under candidate: answer 1 differs in 1.jsonl and in 2.jsonl",
        ),
        (run(case("a")._replace(content="x")), r"test_row\[a\] under candidate: its row differs in"),
        (
            run(case("b"))._replace(models={"candidate": {**MODELS["candidate"], "model": "cand-3"}}),
            r"candidate is openai/cand-3 in 2.jsonl and openai/cand-2 in 1.jsonl",
        ),
        (run(case("b"))._replace(models={"x": MODELS["candidate"]}), r"2.jsonl has no model candidate"),
        (run(case("b"))._replace(baseline="x"), r"2.jsonl is compared with x, 1.jsonl with none"),
    ],
)
def test_what_contradicts_is_named_with_both_files(other: Run, told: str) -> None:
    with pytest.raises(RunFileError, match=told):
        merge_shards([("1.jsonl", run(case("a"))), ("2.jsonl", other)])


def test_what_one_run_could_not_measure_or_has_skipped_holds_for_all_and_is_saved(tmp_path: Path) -> None:
    key = CaseKey("test_it.py::test_row", "c3")
    first = run(case("c1"))._replace(rules=RunRules(unmeasurable=("no answer is examined for rude any more",)))
    second = run(case("c2"))._replace(rules=RunRules(), skip_themselves=(key,))
    merged = merge_shards([("a", first), ("b", second)])
    save_run(tmp_path / "merged.jsonl", merged)
    for joined in (merged, load_run(tmp_path / "merged.jsonl")):
        assert joined.rules == first.rules
        assert joined.skip_themselves == (key,)
    other = second._replace(rules=RunRules(strict=True))
    with pytest.raises(RunFileError, match="gated by other settings"):
        merge_shards([("a", first), ("b", other)])


@pytest.mark.parametrize(
    ("shards", "complete", "left_out"),
    [
        ([run(case("a")), run(case("b"))], True, []),
        ([run(case("a"), complete=False, left_out=("b",)), run(case("b"), complete=False, left_out=("a",))], True, []),
        ([run(case("a"), complete=False, left_out=("b", "c")), run(case("b"))], False, ["c"]),
        ([run(case("a"), complete=False), run(case("b"))], False, []),
        ([run(case("a"), complete=None), run(case("b"))], None, []),
    ],
)
def test_shards_are_complete_together_when_nothing_that_was_left_out_is_missing(
    shards: list[Run], complete: bool | None, left_out: list[str]
) -> None:
    merged = merge_shards([(str(number), shard) for number, shard in enumerate(shards)])
    assert (merged.complete, [key.case for key, _ in merged.left_out]) == (complete, left_out)


@given(st.integers(1, 12), st.data())
def test_shards_that_are_missing_are_known_whatever_was_joined_before(
    tmp_path: Path, of: int, data: st.DataObject
) -> None:
    numbers = data.draw(st.lists(st.integers(1, of), min_size=1, unique=True))
    parts = [
        (str(number), run(case(f"c{number}"))._replace(shards=Shards((number,), of, of, "x"), failed=number))
        for number in numbers
    ]
    split = data.draw(st.integers(0, len(parts)))
    joined = [(name, merge_shards(some)) for name, some in (("a", parts[:split]), ("b", parts[split:])) if some]
    merged = merge_shards(joined)
    assert merged.shards is not None
    assert merged.shards.numbers == tuple(sorted(numbers))
    assert sorted((*merged.shards.numbers, *merged.shards.missing)) == list(range(1, of + 1))
    assert bool(merged.shards.missing_words) is (len(numbers) < of)
    assert merged.failed == sum(numbers)
    save_run(tmp_path / "joined.jsonl", merged)
    assert load_run(tmp_path / "joined.jsonl") == merged._replace(results=merged.in_order())


@given(st.lists(st.sets(st.integers(0, 9)), min_size=1, max_size=5), st.data())
def test_the_order_of_shards_and_how_they_overlap_changes_nothing(parts: list[set[int]], data: st.DataObject) -> None:
    names = [f"c{number}" for number in range(10)]
    shards = []
    for place, part in enumerate(parts):
        inside = [case(name) for number, name in enumerate(names) if number in part]
        outside = tuple(name for number, name in enumerate(names) if number not in part)
        shards.append((str(place), run(*inside, complete=not outside, left_out=outside)))
    merged = merge_shards(shards)
    covered = set().union(*parts)
    assert {result.key.case for result in merged.results} == {names[number] for number in covered}
    assert merged.complete is (len(covered) == 10)
    shuffled = merge_shards(data.draw(st.permutations(shards)))
    assert shuffled.in_order() == merged.in_order()
    assert (shuffled.complete, set(shuffled.left_out)) == (merged.complete, set(merged.left_out))
