"""``llmeval check`` as a person uses it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from pytest_llmeval.commands.main import main
from pytest_llmeval.datasets.load import load_cases
from pytest_llmeval.runs.file import RunWriter
from pytest_llmeval.runs.results import CaseKey, CaseResult, Outcome, Run, SampleResult
from pytest_llmeval.score import Score

KEY = "sk-" + "proj-" + "Zq8wEr2tYu4iOp6aSd1fGh3jKl5z"


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def dataset(*rows: dict[str, object], name: str = "cases.jsonl") -> str:
    Path(name).write_text("".join(json.dumps({"id": f"r{n}", **row}) + "\n" for n, row in enumerate(rows)))
    return name


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 1) -> list[str]:
    assert main(["check", *arguments]) == code
    return capsys.readouterr().out.splitlines()


def run(name: str, outcomes: dict[str, Outcome], *, created: str = "2026-01-01", samples: int = 1) -> None:
    """A saved run of the cases of cases.jsonl."""
    cases = {case.id: case for case in load_cases(Path("cases.jsonl"), "cases.jsonl")}
    results = [
        CaseResult(
            key=CaseKey("t.py::t", case),
            model="m",
            dataset="data/cases.jsonl",
            content=cases[case].digest if case in cases else "",
            samples=tuple(
                SampleResult(
                    index=index,
                    outcome=outcome,
                    category="tone" if outcome == "fail" else None,
                    scores=(Score(value=float(outcome == "pass"), passed=outcome == "pass", category="tone"),)
                    if case == "r0"
                    else (),
                    noted=(),
                )
                for index in range(samples)
            ),
        )
        for case, outcome in outcomes.items()
    ]
    Path("runs").mkdir(exist_ok=True)
    writer = RunWriter(Path("runs") / name, Run(created=created, models={"m": {}}, results=tuple(results)))
    writer.finish(complete=True)


def test_a_good_set_is_said_to_be_good(capsys: pytest.CaptureFixture[str]) -> None:
    name = dataset({"input": "How do I pay?", "expected": "a"}, {"input": "When do you ship?", "expected": "b"})
    assert told(capsys, name, code=0) == ["cases.jsonl: 2 cases", "nothing was found"]


def test_cases_that_repeat_and_contradict_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    name = dataset(
        {"input": "How do I pay?", "expected": "by card"},
        {"input": "how do  I PAY?", "expected": "by card"},
        {"input": "How do I pay?", "expected": "in cash"},
        {"input": "How do I pay?", "expected": "in cash", "context": ["another passage"]},
        {"input": [{"role": "user", "content": "How do I pay?"}], "expected": "in cash"},
    )
    assert told(capsys, name) == [
        "cases.jsonl: 5 cases",
        "REPEATED: 2 cases ask and expect the same as another",
        '  cases.jsonl:1 "r0", cases.jsonl:2 "r1"',
        "CONTRADICTORY: 2 cases ask the same and expect something else",
        '  cases.jsonl:1 "r0", cases.jsonl:3 "r2"',
    ]


def test_they_are_found_over_several_files(capsys: pytest.CaptureFixture[str]) -> None:
    one = dataset({"input": "How do I pay?", "expected": "x"}, name="one.jsonl")
    two = dataset({"input": "How do I pay?", "expected": "x"}, name="two.jsonl")
    assert '  one.jsonl:1 "r0", two.jsonl:1 "r0"' in told(capsys, one, two, one)


def test_inputs_that_are_nearly_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    long = "Please tell me how long I can wait until I send the blue pan with the lid back to you"
    name = dataset(
        {"input": f"{long}?", "expected": "30 days"},
        {"input": f"{long}, please?", "expected": "30 days"},
        {"input": "What is the VAT of order 4711 in euros?", "expected": "19"},
        {"input": "What is the VAT of order 4712 in euros?", "expected": "19"},
        {"input": "Is the small red one in stock", "expected": "yes"},
        {"input": "Is the small bed one in stock", "expected": "no"},
        {"input": f"{long}!", "expected": "never"},
        {"input": {"q": "What does the big green pot cost today?"}, "expected": "y", "cluster": "pot"},
        {"input": {"q": "What does the big green pot cost today"}, "expected": "y", "cluster": "pot"},
    )
    title, *pairs = told(capsys, name)[1:]
    assert title == "NEARLY THE SAME: 2 pairs of inputs; one of them tells little more"
    assert sorted(re.sub(r"^  \d+% ", "", line) for line in pairs) == [
        'cases.jsonl:1 "r0" and cases.jsonl:2 "r1"',
        'cases.jsonl:1 "r0" and cases.jsonl:7 "r6", which expect something else',
    ]


def test_secrets_are_named_and_not_shown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", "Wx5cVb7nM9qAs2dF")
    name = dataset(
        {"input": f"My key {KEY} is refused", "expected": "x"},
        {"input": "a", "expected": "x", "metadata": {"from": ["Wx5cVb7nM9qAs2dF"]}},
    )
    lines = told(capsys, name)
    assert lines[1] == "SECRETS: 2 cases with what looks like one; revoke it, a file keeps it"
    assert lines[2].startswith('  cases.jsonl:1 "r0": an OpenAI key')
    assert lines[3] == '  cases.jsonl:2 "r1": the value of MISTRAL_API_KEY'
    assert KEY not in "".join(lines)


def test_cases_that_say_nothing_about_a_right_answer(capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[dict[str, object]] = [
        {"input": f"{word}?", "expected": ""} for word in ("pay", "ship", "return", "talk", "wait", "cook")
    ]
    lines = told(capsys, dataset(*rows, {"input": "grounded?", "context": ["c"]}))
    assert lines[1] == "NOTHING TO JUDGE BY: 6 cases without expected, checks, context and metadata"
    assert lines[2].endswith('cases.jsonl:5 "r4" and 1 more')
    assert lines[3].endswith('judge by context or metadata: cases.jsonl:7 "r6"')


def test_a_category_that_the_gate_could_not_see(capsys: pytest.CaptureFixture[str]) -> None:
    def rows(count: int) -> list[dict[str, object]]:
        words = ["pay", "ship", "return", "talk", "wait", "cook", "fry", "boil", "steam", "freeze"][:count]
        return [{"input": f"{word}?", "checks": [{"contains": "a", "category": "tone"}]} for word in words]

    lines = told(capsys, dataset(*rows(3)))
    assert lines[1:] == [
        "TOO SMALL TO GATE with 1 sample per case: the gate would see no rise, however large",
        "  tone: 3 cases; add samples or cases",
    ]
    assert told(capsys, dataset(*rows(10)), code=0)[1:] == ["nothing was found"]
    Path("llmeval.toml").write_text('[categories.tone]\nseverity = "low"\n')
    assert told(capsys, dataset(*rows(3)), code=0)[1:] == ["nothing was found"]


def test_cases_that_never_or_always_fail(capsys: pytest.CaptureFixture[str]) -> None:
    for_each = ("pay", "ship", "return", "talk", "wait")
    dataset(*[dict[str, object](input=word, expected="x") for word in for_each])
    ok: dict[str, Outcome] = {"r0": "pass", "r1": "fail", "r2": "pass", "r3": "error", "gone": "fail"}
    run("a.jsonl", ok)
    run("b.jsonl", {**ok, "r2": "fail"}, created="2026-02-01")
    Path("runs/notes.jsonl").write_text('{"id": "no run"}\n')
    lines = told(capsys, "cases.jsonl", "--runs", "runs")
    assert lines[1:] == [
        "TOO SMALL TO GATE with 1 sample per case: the gate would see no rise, however large",
        "  tone: 3 cases; add samples or cases",
        "ALWAYS FAILED: 1 case in every result of 2 runs; is it right?",
        '  cases.jsonl:2 "r1"',
        "never failed: 1 of 3 cases with several results in 2 runs; they show only what gets worse",
        'without a result for the row as it is now: 2 cases: cases.jsonl:4 "r3", cases.jsonl:5 "r4"',
    ]


def test_a_result_of_the_row_as_it_was_counts_no_more(capsys: pytest.CaptureFixture[str]) -> None:
    dataset({"input": "pay", "expected": "x"})
    run("a.jsonl", {"r0": "fail"}, samples=10)
    run("b.jsonl", {"r0": "fail"}, samples=10)
    assert any(line.startswith("ALWAYS FAILED") for line in told(capsys, "cases.jsonl", "--runs", "runs"))
    dataset({"input": "pay", "expected": "y"})
    assert told(capsys, "cases.jsonl", "--runs", "runs", code=0)[1:] == [
        'without a result for the row as it is now: 1 case: cases.jsonl:1 "r0"',
        "nothing was found",
    ]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["missing.jsonl"], "there is no such file"),
        (["cases.jsonl", "--runs", "missing"], "--runs missing is no folder"),
        (
            ["cases.jsonl", "--runs", "empty"],
            "holds no saved run; pytest --llm-report=empty/NAME.jsonl",
        ),
        (["runs/a.jsonl"], "is a saved run and no dataset"),
        (["cases.jsonl", "--runs", "broken"], "broken/a.jsonl"),
    ],
)
def test_what_cannot_be_read_is_told(capsys: pytest.CaptureFixture[str], arguments: list[str], why: str) -> None:
    dataset({"input": "pay", "expected": "x"})
    run("a.jsonl", {"r0": "pass"})
    Path("empty").mkdir()
    Path("broken").mkdir()
    Path("broken/a.jsonl").write_text(Path("runs/a.jsonl").read_text().splitlines()[0] + "\n{broken\n{}\n")
    assert main(["check", *arguments]) == 2
    printed = capsys.readouterr()
    assert why in printed.err
    assert printed.out == ""


def test_hostile_ids_command_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    name = dataset({"id": "größe", "input": "\x1b[2J"}, {"id": "b", "input": "\x1b[2J "})
    assert "\x1b" not in "".join(told(capsys, name))


def test_a_file_with_other_names_is_read_by_field(capsys: pytest.CaptureFixture[str]) -> None:
    Path("own.csv").write_text("question,answer\nHow long?,30 days\nHow long?,60 days\n")
    assert main(["check", "own.csv"]) == 2
    advised = "own.csv: to read a file with other names, use --field input=question --field expected=answer"
    assert advised in capsys.readouterr().err
    fields = ("--field", "input=question", "--field", "expected=answer")
    assert "CONTRADICTORY: 2 cases ask the same and expect something else" in told(capsys, "own.csv", *fields)
    assert main(["check", "own.csv", "--field", "input=questoin"]) == 2
    assert 'own.csv: --field input=questoin: no row has "questoin"; did you mean' in capsys.readouterr().err


EMBEDDINGS = """
MEANT = {"cancel": [1.0, 0.0], "stop": [0.95, 0.2], "refund": [0.0, 1.0]}

def embed(texts):
    return [next((list(MEANT[word]) for word in MEANT if word in text.lower()), [-1.0, 0.1]) for text in texts]

def broken(texts):
    return [[0.0, 0.0] for _ in texts]
"""


@pytest.fixture(autouse=True)
def own_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command puts the project's folder on the path of its own process."""
    monkeypatch.setattr(sys, "path", [*sys.path])


def project(embed: str, module: str) -> None:
    """A project that names a function of a module of its own; a module is imported once in a process."""
    Path(f"{module}.py").write_text(EMBEDDINGS)
    Path("pyproject.toml").write_text(f'[tool.llmeval]\nembed = "{embed}"\n')


def test_an_embedding_of_the_project_finds_what_is_asked_in_other_words(capsys: pytest.CaptureFixture[str]) -> None:
    rows = dataset(
        {"input": "How do I cancel?", "expected": "by mail"},
        {"input": "I want to stop this.", "expected": "by mail"},
        {"input": "Cancel 2 of them?", "expected": "by mail"},
        {"input": "Where is my refund?", "expected": "by mail"},
    )
    assert told(capsys, rows, code=0)[-1] == "nothing was found"
    project("shop_meanings:embed", "shop_meanings")
    lines = told(capsys, rows)
    assert "NEARLY THE SAME: 1 pair of inputs; one of them tells little more" in lines
    assert '  98% cases.jsonl:1 "r0" and cases.jsonl:2 "r1"' in lines


@pytest.mark.parametrize(
    ("embed", "problem"),
    [
        ("shop_vectors:embd", 'the module has no such function; did you mean "embed"?'),
        ("no_such_module_here:embed", "the module cannot be imported: ModuleNotFoundError"),
        ("shop_vectors:broken", "gave a vector without a direction"),
        ("shop_vectors", "allowed: a function that turns a list of texts into vectors"),
    ],
)
def test_an_embedding_that_is_none_is_told(capsys: pytest.CaptureFixture[str], embed: str, problem: str) -> None:
    project(embed, "shop_vectors")
    assert main(["check", dataset({"input": "How do I cancel?", "expected": "x"})]) == 2
    message = capsys.readouterr().err
    assert problem in message
    assert "embed" in message.splitlines()[0]
