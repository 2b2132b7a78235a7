"""``llmeval plan`` as a person uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_llmeval.commands.main import main
from pytest_llmeval.reply import Answer, Measures, Usage
from pytest_llmeval.runs.file import RunWriter, load_run
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, Run, SampleResult


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)


def dataset(tmp_path: Path, cases: int, **more: object) -> str:
    rows = [json.dumps({"id": f"c{n}", "input": "x", **more}) for n in range(cases)]
    (tmp_path / "cases.jsonl").write_text("\n".join(rows))
    return "cases.jsonl"


def saved_run(tmp_path: Path, cost: float | None = 0.002, category: str = "hallucination", samples: int = 3) -> str:
    call = Call(
        provider="openai",
        request_model="m",
        words_digest="",
        answer=Answer(text="", usage=Usage(input_tokens=1000, output_tokens=100)),
        measures=Measures(latency=1.0, cost=cost),
    )
    results = [
        CaseResult(
            key=CaseKey("t.py::t", str(n)),
            model=model,
            samples=tuple(
                SampleResult(
                    index=index,
                    outcome="fail" if n < 10 else "pass",
                    category=category if n < 10 else None,
                    calls=(call,),
                )
                for index in range(samples)
            ),
        )
        for n in range(100)
        for model in ("production", "candidate")
    ]
    run = Run(created="", models={"production": {}, "candidate": {}}, baseline="production", results=tuple(results))
    writer = RunWriter(tmp_path / "run.jsonl", run)
    writer.finish(complete=True)
    return "run.jsonl"


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(["plan", *arguments]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    return lines


def cells(lines: list[str], name: str) -> list[str]:
    return next(line for line in lines if line.startswith(f"  {name}"))[len(name) + 2 :].split()


def test_a_dataset_is_planned_with_supposed_categories(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, dataset(tmp_path, 93))
    assert lines[0] == "cases.jsonl: 93 cases"
    assert cells(lines, "calls") == ["93", "279", "465", "930"]
    assert cells(lines, "cost in $") == ["unknown"] * 4
    rises = [float(cell) for cell in cells(lines, "fails in 1%")]
    assert rises == sorted(rises, reverse=True)
    assert any("--prices IN,OUT" in line for line in lines)


def test_paraphrases_are_calls_and_no_cases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = told(capsys, dataset(tmp_path, 100))
    lines = told(capsys, dataset(tmp_path, 100, paraphrases=["y", "z"]), "--prices", "1,10", "--tokens", "1000,100")
    assert lines[0] == "cases.jsonl: 100 cases in 300 wordings"
    assert cells(lines, "calls") == ["300", "900", "1,500", "3,000"]
    assert cells(lines, "cost in $") == ["0.60", "1.80", "3.00", "6.00"]
    assert cells(lines, "fails in 5%") == cells(plain, "fails in 5%")


def test_other_wordings_of_a_run_are_paid_for_and_no_cases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = told(capsys, saved_run(tmp_path))
    run = load_run(tmp_path / "run.jsonl")
    other = [
        result._replace(key=CaseKey(result.key.test, f"{result.key.case}+typos"), wording="typos")
        for result in run.results
    ]
    RunWriter(tmp_path / "run.jsonl", run._replace(results=(*run.results, *other))).finish(complete=True)
    lines = told(capsys, "run.jsonl")
    assert lines[0] == "production in run.jsonl: 100 cases in 200 wordings, 3 samples each"
    assert cells(lines, "hallucination") == cells(before, "hallucination")
    assert cells(lines, "cost in $") == ["0.40", "1.20", "2.00", "4.00"]


def test_prices_and_tokens_give_the_cost_of_a_dataset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, dataset(tmp_path, 100), "--prices", "1,10", "--tokens", "1000,100", "--samples", "3")
    assert cells(lines, "cost in $") == ["0.20", "0.60", "1.00", "2.00"]
    assert "With 3 samples per case (300 calls, about $0.60):" in lines


def test_rows_that_ask_for_samples_of_their_own_get_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, dataset(tmp_path, 10, samples=7))
    assert cells(lines, "calls") == ["70", "70", "70", "70"]


def test_a_run_is_planned_with_what_it_saw(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, saved_run(tmp_path))
    assert lines[0] == "production in run.jsonl: 100 cases, 3 samples each"
    assert any("against 3 of the baseline" in line for line in lines)
    assert cells(lines, "hallucination")[0] == "10.0%"
    assert cells(lines, "cost in $") == ["0.20", "0.60", "1.00", "2.00"]


def test_adaptive_samples_are_planned_between_few_and_most(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = " ".join(told(capsys, saved_run(tmp_path)))
    assert "With --llm-samples=auto: 200 calls ($0.40) when 2 samples per case leave no category undecided" in lines
    assert "else up to 1,000 calls ($2.00)" in lines
    own = " ".join(told(capsys, dataset(tmp_path, 10, samples=7)))
    assert "With --llm-samples=auto: 20 calls when" in own


def test_another_baseline_and_price_can_be_supposed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, saved_run(tmp_path, cost=None), "--baseline-samples=10", "--prices=2,20", "--model=candidate")
    assert lines[0].startswith("candidate in run.jsonl")
    assert any("10 of the baseline" in line for line in lines)
    assert cells(lines, "cost in $") == ["0.40", "1.20", "2.00", "4.00"]


def test_an_unknown_price_is_said_to_be_unknown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, saved_run(tmp_path, cost=None))
    assert cells(lines, "cost in $") == ["unknown"] * 4


def test_a_hostile_category_stays_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "\n".join(told(capsys, saved_run(tmp_path, category="\x1b[31m::error::" + "x" * 100)))
    assert "\x1b" not in text
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())


def test_a_category_of_the_table_is_planned_before_it_was_ever_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "llmeval.toml").write_text('[categories.refund]\nseverity = "high"\n')
    lines = told(capsys, saved_run(tmp_path))
    assert cells(lines, "refund")[0] == "0.0%"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.jsonl"], "there is no such file"),
        (["run.jsonl", "--model=nobody"], "the run has no such model (models: production, candidate)"),
        (["run.jsonl", "--tokens=1,2"], "--tokens is for a dataset"),
        (["cases.jsonl", "--model=m"], "--model is for a run"),
    ],
)
def test_mistakes_are_said_in_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved_run(tmp_path)
    dataset(tmp_path, 3)
    assert main(["plan", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "option", ["--samples=0", "--samples=x", "--samples=1001", "--prices=1", "--prices=1,-2", "--prices=nan,1"]
)
def test_numbers_that_are_none_are_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["plan", "cases.jsonl", option])
    assert exit_.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_run_without_a_judged_answer_is_planned_like_a_dataset(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = SampleResult(index=0, outcome="error", category="timeout")
    run = Run(created="", models={"m": {}}, results=(CaseResult(key=CaseKey("t", "c"), model="m", samples=(sample,)),))
    RunWriter(tmp_path / "run.jsonl", run).finish(complete=True)
    assert any("categories are assumed" in line for line in told(capsys, "run.jsonl"))


def test_a_run_without_results_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    RunWriter(tmp_path / "run.jsonl", Run(created="", models={})).finish(complete=True)
    assert main(["plan", "run.jsonl"]) == 2
    assert "holds no results" in capsys.readouterr().err
