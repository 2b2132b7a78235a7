"""``llmeval report``: a saved run in the files that a session writes."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from pytest_llmeval.commands.main import main
from tests.server import Request, Server, completion
from tests.sessions import Session

NAMES = ("x.md", "x.codequality.json", "x.metrics.txt", "x.otlp.json", "x.inspect.json", "x.json", "x.csv")


def answers(request: Request) -> object:
    wrong = request.json["model"] == "cand-2" and int(request.json["messages"][0]["content"]) < 9
    return completion("Oslo" if wrong else "Bergen")


@pytest.fixture
def saved(plain_session: Session, server: Server, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A project with a run of two models, one of them worse, and what its session wrote into ``then/``."""
    server.answer = answers
    lines = [json.dumps({"id": f"c{number}", "input": str(number)}) for number in range(30)]
    (plain_session.path / "cases.jsonl").write_text("\n".join(lines))
    plain_session.write("""
        import pytest

        @pytest.mark.llm_cases("cases.jsonl")
        def test_port(llm, case):
            assert llm(case.input) == "Bergen"
    """)
    plain_session.run(
        "--llm-model=candidate",
        "--llm-baseline=production",
        "--llm-report=run.jsonl",
        *(f"--llm-report=then/{name}" for name in NAMES),
    )
    monkeypatch.chdir(plain_session.path)
    return plain_session


def test_it_writes_what_the_session_wrote(saved: Session) -> None:
    assert main(["report", "run.jsonl", *(part for name in NAMES for part in ("-o", f"now/{name}"))]) == 0
    texts = {name: [Path(folder, name).read_text() for folder in ("then", "now")] for name in NAMES}
    then, now = (json.loads(text)["results"] for text in texts.pop("x.json"))
    assert then["tests"] == now["tests"]
    assert now["tests"][-1]["rawStatus"] == "failed"
    # Ids and the moments of a session that is not over yet differ.
    before, after = (json.loads(text) for text in texts.pop("x.inspect.json"))
    assert after["samples"] == before["samples"]
    before, after = (re.sub('"(?:trace|span)Id": "[0-9a-f]+"', "", text) for text in texts.pop("x.otlp.json"))
    assert after == before
    for name, (before, after) in texts.items():
        assert after == before, name


def test_one_model_can_be_told_of_alone(saved: Session, capsys: pytest.CaptureFixture[str]) -> None:
    saved.run("--llm-baseline=none", "--llm-model=production", "--llm-model=candidate", "--llm-report=two.jsonl")
    capsys.readouterr()
    assert main(["report", "two.jsonl", "-o", "one.csv", "--model=candidate"]) == 0
    assert {row["model"] for row in csv.DictReader(Path("one.csv").read_text().splitlines())} == {"candidate"}
    assert capsys.readouterr().out == "wrote one.csv\n"


def test_a_stopped_run_is_not_told_as_a_whole_one(saved: Session) -> None:
    saved.run("--llm-model=production", "--llm-report=alone.jsonl")
    alone = Path("alone.jsonl")
    alone.write_text("".join(alone.read_text().splitlines(keepends=True)[:-1]))  # what a killed session leaves
    assert main(["report", "alone.jsonl", "-o", "alone.md"]) == 0
    assert "NOT GREEN: the run was stopped before its end" in Path("alone.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run.jsonl", "-o", "x.xlsx"], "-o x.xlsx: unknown kind of file (allowed: .html, .md, "),
        (["run.jsonl", "-o", "x.csv", "-o", "y"], "-o y: unknown kind of file (allowed: .html, .md, "),
        (["run.jsonl", "-o", "x.csv", "--redacted"], "--redacted goes with .html alone: -o x.csv would hold texts of "),
        (["run.jsonl", "-o", "folder.csv"], "-o folder.csv cannot be written: "),
        (["run.jsonl", "-o", "run.jsonl"], "-o run.jsonl is the run itself; name another file"),
        (["cases.jsonl", "-o", "x.csv"], "cases.jsonl is not a saved run: "),
        (["run.jsonl", "-o", "x.csv", "--model=nobody"], "--model=nobody: the run has no such model (models: "),
    ],
)
def test_what_cannot_be_written_is_told_in_one_line(
    saved: Session, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("folder.csv").mkdir()
    capsys.readouterr()
    assert main(["report", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(f"llmeval: {told}")
    assert (printed.err.count("\n"), printed.out) == (1, "")
    assert not Path("x.csv").exists()


def test_a_key_that_got_into_a_run_goes_no_further(saved: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "Vd8-quiet-harbour-2291-ledger")
    run = Path("run.jsonl")
    run.write_text(run.read_text().replace("Oslo", "Oslo, by Vd8-quiet-harbour-2291-ledger"))
    for name in NAMES:
        assert main(["report", "run.jsonl", "-o", name]) == 0
        assert "quiet-harbour" not in Path(name).read_text(), name
    assert "[hidden: the value of OPENAI_API_KEY]" in Path("x.csv").read_text()
