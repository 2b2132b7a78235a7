"""``llmeval compare`` on results of any tool in tables."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from pytest_llmeval.commands.main import main
from pytest_llmeval.report.exports import Session, as_csv
from pytest_llmeval.runs.file import save_run
from pytest_llmeval.runs.results import CaseResult, Run
from tests.analysis.test_compare import call, case

TOML = """
[tool.llmeval.categories]
tone = {severity = "low"}
"""


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "500")


def table(name: str, *lines: str, encoding: str = "utf-8") -> str:
    Path(name).write_text("\n".join(lines) + "\n", encoding=encoding)
    return name


def outcomes(name: str, head: str, rows: Iterable[str]) -> str:
    return table(name, head, *(f"q{number},{row}" for number, row in enumerate(rows)))


def saved(name: str, model: str, results: Iterable[CaseResult]) -> str:
    """A run, and beside it its table."""
    each = [result._replace(model=model, file="t.py", line=1) for result in results]
    run = Run("2026-11-30T10:00:00+00:00", {model: {}}, complete=True, results=tuple(each))
    save_run(Path(f"{name}.jsonl"), run)
    Path(f"{name}.csv").write_text(as_csv(Session(run=run, comparisons=[], figures=[])), newline="")
    return name


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """The exit code, and what is printed."""
    capsys.readouterr()
    code = main(["compare", *arguments])
    printed = capsys.readouterr()
    return code, printed.out + printed.err


GOOD, WORSE = ["pass,"] * 60, ["fail,facts"] * 12 + ["pass,"] * 48


def test_a_regression_of_any_tool_fails_the_gate(capsys: pytest.CaptureFixture[str]) -> None:
    before, after = (outcomes(name, "id,outcome,category", rows) for name, rows in (("b.csv", GOOD), ("a.csv", WORSE)))
    code, text = told(capsys, before, after)
    assert code == 1
    assert "GATE FAILED: facts regressed from 0 of 60 to 12 of 60 answers" in text
    assert "facts: q0" in text
    assert "no model call" not in text
    assert told(capsys, after, before)[0] == 0


def test_the_projects_rules_count(capsys: pytest.CaptureFixture[str]) -> None:
    Path("pyproject.toml").write_text(TOML)
    before = outcomes("b.csv", "id,outcome,category", GOOD)
    after = outcomes("a.csv", "id,outcome,category", ["fail,tone"] * 12 + ["pass,"] * 48)
    code, text = told(capsys, before, after)
    assert (code, "gate ok" in text) == (0, True)


@pytest.mark.parametrize(
    ("good", "bad"),
    [("pass", "fail"), ("PASSED", "Failed"), ("True", "False"), ("1", "0"), ("1.0", "0.0"), ("ok", "failed")],
)
def test_outcomes_are_read_as_tools_write_them(good: str, bad: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = outcomes("b.csv", " ID ,Outcome,SCORE", [f"{good},0"] * 60)
    after = outcomes("a.csv", "iD,OUTCOME,other", [f"{bad},x"] * 12 + [f" {good} ,y"] * 48)
    code, text = told(capsys, before, after)
    assert (code, "unlabelled regressed from 0 of 60 to 12 of 60 answers" in text) == (1, True)


def test_scores_pass_from_the_one_that_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    table("b.tsv", "id\tscore", *(f"q{number}\t0.8" for number in range(60)))
    table("a.csv", "id;score", *(f"q{number};{'0,79' if number < 12 else '0,8'}" for number in range(60)))
    code, text = told(capsys, "b.tsv", "a.csv", "--pass-score=0.8")
    assert (code, "unlabelled regressed from 0 of 60 to 12 of 60 answers" in text) == (1, True)
    assert told(capsys, "b.tsv", "a.csv", "--pass-score=0.5")[0] == 0
    assert told(capsys, "b.tsv", "a.csv") == (
        2,
        "llmeval: b.tsv:2: the score is 0.8, neither 0 nor 1; say which scores pass, as in --pass-score=0.8 "
        "(and 59 more such rows)\n" + "".join(
            f"llmeval: b.tsv:{line}: the score is 0.8, neither 0 nor 1; say which scores pass, as in --pass-score=0.8\n"
            for line in range(3, 22)
        ),
    )  # fmt: skip


def test_an_answer_is_examined_for_every_category_of_both_files(capsys: pytest.CaptureFixture[str]) -> None:
    before = outcomes("b.csv", "id,outcome,category", ["fail,tone"] * 20 + ["pass,facts"] * 20)
    after = outcomes("a.csv", "id,outcome,category", ["fail,tone"] * 20 + ["fail,facts"] * 20)
    assert "facts regressed from 0 of 40 to 20 of 40 answers" in told(capsys, before, after)[1]


def test_lost_answers_are_no_pass(capsys: pytest.CaptureFixture[str]) -> None:
    before = outcomes("b.csv", "id,outcome,category", GOOD)
    after = outcomes("a.csv", "id,outcome,category", ["error,timeout"] * 12 + ["pass,"] * 48)
    code, text = told(capsys, before, after)
    assert (code, "GATE FAILED: could not be measured" in text) == (1, True)


def test_files_without_a_common_id_could_not_be_measured(capsys: pytest.CaptureFixture[str]) -> None:
    table("b.csv", "id,outcome", "a,pass", "b,pass")
    table("a.csv", "id,outcome", "A,pass", "c,pass")
    code, text = told(capsys, "b.csv", "a.csv")
    assert (code, "could not be measured: no case was run on both sides" in text) == (1, True)


def test_our_own_export_is_judged_as_its_run(capsys: pytest.CaptureFixture[str]) -> None:
    def answers(worse: int) -> list[CaseResult]:
        texts = ["", "format", ""]
        return [
            *(
                case(f"c{n}", ["" if n >= worse else "facts", "", ""], calls=[call("=1+1")], cluster=str(n // 2))
                for n in range(40)
            ),
            *(case(f"d{n}", texts) for n in range(5)),
            *(case(f"d{n}+polite", texts, wording="polite") for n in range(5)),
            case("=SUM(A1)", ["tone"], calls=[call('He said "no",\nthen left')]),
            case("lost", ["error", ""]),
        ]

    for name, model, worse in (("before", "old", 0), ("after", "new", 30)):
        saved(name, model, answers(worse))
    runs = told(capsys, "before.jsonl", "after.jsonl")
    tables = told(capsys, "before.csv", "after.csv")
    assert tables[0] == runs[0] == 1
    # A table does not say what an answer was examined for, so the answers that failed otherwise count too.
    pattern = r"GATE FAILED: facts regressed from 0 of (141|152) to 30 of \1 answers, .* \(p < 0\.001\)"
    assert [re.search(pattern, text) is not None for _, text in (runs, tables)] == [True, True]
    assert ("| =1+1" in tables[1], "'=1+1" in tables[1]) == (True, False)


def test_a_saved_baseline_in_an_export_is_left_out_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    head = "id,model,outcome"
    before = outcomes("b.csv", head, ["old,pass"] * 20)
    lines = [f"q{n},{model},pass" for n in range(20) for model in ("baseline", "new")]
    code, text = told(capsys, before, table("a.csv", head, *lines))
    assert code == 0
    assert "new vs baseline old" in text
    assert "20 cases of the model baseline in the candidate's file belong to a saved baseline" in text


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["name,outcome", "a,pass"], "x.csv:1: there is no column id; results need a column id, and outcome or score"),
        (["id,result", "a,pass"], "x.csv:1: there is no column outcome or score; results need a column id, and "),
        (["id,Outcome,outcome", "a,pass,pass"], "x.csv:1: the column outcome appears 2 times"),
        (["id,outcome"], "x.csv holds no results: there is no row below the names of the columns"),
        ([""], "x.csv:1: there is no column id; results need a column id, and outcome or score (columns: none)"),
        (["id,outcome", "a,pass", "a,pass"], 'x.csv:3: the id "a" is already in line 2; further answers to a case '),
        (["id,outcome,sample", "a,ok,1", "a,ok,1.0"], 'x.csv:3: the id "a", sample 1 is already in line 2'),
        (["id,outcome,sample", "a,ok,x"], 'x.csv:2: the sample is "x", not a whole number'),
        (["id,outcome", ",pass"], "x.csv:2: the row has no id"),
        (["id,outcome", "a,perhaps"], 'x.csv:2: the outcome is "perhaps" (allowed: pass, passed, true, 1, ok, '),
        (["id,outcome", "a"], "x.csv:2: the outcome is missing (allowed: pass, "),
        (["id,score", "a,nan"], 'x.csv:2: the score is "nan", not a number'),
        (["id,score", "a,"], "x.csv:2: the score is missing"),
        (["id,outcome", "a,pass,facts"], "x.csv:2: the row has 3 cells, the header 2"),
        (["id,outcome,category", "a,fail,error:x"], 'x.csv:2: "error:x" is no name of a category'),
        (["id,outcome", 'a,"pass'], "x.csv:2: a quote that opens in this row is never closed"),
        (["id,model,outcome", "a,m,pass", "a,n,pass"], "x.csv holds 2 models besides its baseline; two runs of one "),
    ],
)  # fmt: skip
def test_what_says_nothing_is_told_with_its_line(
    lines: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    good = table("good.csv", "id,outcome", "a,pass")
    for arguments in ((table("x.csv", *lines), good), (good, "x.csv")):
        code, text = told(capsys, *arguments)
        assert (code, text.count("\n")) == (2, 1)
        assert text.startswith(f"llmeval: {message}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["t.csv", "before.jsonl"], "before.jsonl is no table, and the other file is one; compare two of a kind: ll"),
        (["before.jsonl", "t.csv"], "before.jsonl is no table, and the other file is one; compare two of a kind: ll"),
        (["t.csv"], "t.csv: it holds one side; name both: llmeval compare BEFORE.csv AFTER.csv"),
        (["t.csv", "t.csv", "--baseline-again=t.csv"], "t.csv: --baseline-again goes with two saved runs; "),
        (["before.jsonl", "before.jsonl", "--pass-score=1"], "--pass-score goes with results in .csv or .tsv; "),
        (["t.csv", "t.csv", "--pass-score=1"], "--pass-score: both files have a column outcome, which counts; "),
        (["nowhere.csv", "t.csv"], "cannot read the results nowhere.csv: "),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_told(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    saved("before", "old", [case("c", [""])])
    table("t.csv", "id,outcome", "a,pass")
    code, text = told(capsys, *arguments)
    assert (code, text.count("\n")) == (2, 1)
    assert text.startswith(f"llmeval: {message}")


@pytest.mark.parametrize(
    ("before", "after", "step"),
    [
        (["a,pass", "b,pass"], ["c,pass", "d,fail"], "give a case the same id in both files: they have none in common"),
        (["a,pass", "b,pass"], ["a,pass", "d,fail"], "compare files with the same cases, by their ids"),
        (
            ["a,pass", "b,pass"],
            ["a,error", "b,error"],
            "have the answers that could not be judged asked for again, then compare the new file",
        ),
        (["a,pass", "b,pass"], ["a,pass", "b,fail"], "-v lists every miss"),
        (["a,pass", "b,pass"], ["a,pass", "b,pass"], None),
        ([f"{n},pass" for n in range(30)], [f"{n},fail" for n in range(30)], "--show=unlabelled lists its cases"),
    ],
)
def test_what_to_do_next_fits_files_of_any_tool(
    capsys: pytest.CaptureFixture[str], before: list[str], after: list[str], step: str | None
) -> None:
    _, text = told(capsys, table("b.csv", "id,outcome", *before), table("a.csv", "id,outcome", *after))
    steps = [line.removeprefix("next: ") for line in text.splitlines() if line.startswith("next: ")]
    assert [line[: len(step or "")] for line in steps] == ([step] if step else [])
    assert "--llm-" not in text
