"""The command ``llmeval`` on saved runs."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_llmeval.commands.main import main
from tests.server import Request, Server, completion
from tests.sessions import Session

SUITE = """
import pytest

@pytest.mark.llm_cases("cases.jsonl")
def test_row(llm, case):
    reply = llm(case.input)
    assert reply == "Paris"
"""


def answers(request: Request) -> object:
    wrong = request.json["model"] == "cand-2" and int(request.json["messages"][0]["content"]) < 12
    return completion("Rome é → 東京" if wrong else "Paris")


@pytest.fixture
def saved(plain_session: Session, server: Server) -> Session:
    """A project with the runs ``before.jsonl``, ``after.jsonl`` and ``both.jsonl``."""
    server.answer = answers
    lines = [json.dumps({"id": f"c{number}", "input": str(number)}) for number in range(30)]
    (plain_session.path / "cases.jsonl").write_text("\n".join(lines))
    plain_session.write(SUITE)
    plain_session.run("--llm-model=production", "--llm-report=before.jsonl")
    plain_session.run("--llm-model=candidate", "--llm-report=after.jsonl")
    return plain_session


def section(result: pytest.RunResult) -> list[str]:
    """The summary of a session, without pytest's own last line and empty ones."""
    start = next(number for number, line in enumerate(result.outlines) if "language model evaluation" in line)
    lines = [line for line in result.outlines[start + 1 :] if line]
    end = next(number for number, line in enumerate(lines) if line.startswith("==="))
    return lines[:end]


def llmeval(session: Session, shell: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of bash in which ``$llmeval`` is the command."""
    return subprocess.run(
        ["bash", "-c", shell],
        cwd=session.path,
        env={**os.environ, "llmeval": f"{sys.executable} -m pytest_llmeval", "COLUMNS": "80", **environment},
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize("arguments", [("--llm-baseline=production",), ()])
def test_show_prints_what_the_session_printed(
    saved: Session, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    printed = section(saved.run("--llm-model=candidate", *arguments, "--tb=no", "-rN"))
    # What only a session can do is the last line of what it says.
    session = [line.removesuffix(";") for line in printed if not line.startswith("      --llm-report=report.html ")]
    capsys.readouterr()
    assert main(["show", str(saved.report)]) == 0
    text = capsys.readouterr().out.replace("next: --show=", "next: --llm-show=")
    shown = [line for line in text.splitlines() if line]
    assert shown[: len(session)] == session
    assert shown[len(session)].startswith("every measure of ")


def test_compare_fails_when_the_gate_does(saved: Session, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    before, after = str(saved.path / "before.jsonl"), str(saved.path / "after.jsonl")
    assert main(["compare", before, after]) == 1
    assert "GATE FAILED: wrong_answer regressed from 0 of 30 to 12 of 30 answers" in capsys.readouterr().out
    assert main(["compare", after, before]) == 0
    assert main(["compare", before, before, "-q"]) == 0
    assert capsys.readouterr().err == ""


def test_compare_fails_when_the_candidate_was_stopped(saved: Session, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = saved.path / "before.jsonl", saved.path / "after.jsonl"
    after.write_text("".join(after.read_text().splitlines(keepends=True)[:-1]))  # what a killed session leaves
    capsys.readouterr()
    assert main(["compare", str(before), str(after)]) == 1
    assert "the run was stopped before its end" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["show", "nope.jsonl"], f"cannot read the run nope.jsonl: {os.strerror(errno.ENOENT)}; pytest --llm-report="),
        (["show", "cases.jsonl"], "cases.jsonl is not a saved run: its first line does not say 'llmeval-run'; "),
        (["show", "before.jsonl", "--model=x"], "--model=x: the run has no such model (models: production)"),
        (["compare", "before.jsonl", "nope.jsonl"], f"cannot read the run nope.jsonl: {os.strerror(errno.ENOENT)}"),
        (
            ["compare", "before.jsonl"],
            "before.jsonl: the run holds no baseline to compare with; name both: llmeval comp",
        ),
        (["compare", "both.jsonl", "before.jsonl"], "both.jsonl holds 2 models besides its baseline; "),
    ],
)
def test_a_wrong_file_is_told_in_one_line(
    saved: Session,
    arguments: list[str],
    told: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    saved.run("--llm-model=production", "--llm-model=candidate", "--llm-report=both.jsonl")
    monkeypatch.chdir(saved.path)
    capsys.readouterr()
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), err.startswith(f"llmeval: {told}")) == ("", 1, True)


@pytest.mark.parametrize("arguments", [[], ["show"], ["shwo", "x"], ["compare"], ["merge", "x"]])
def test_a_wrong_command_line_is_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    assert "llmeval" in capsys.readouterr().err


def test_the_verdict_does_not_depend_on_who_reads_the_output(saved: Session) -> None:
    compare = "$llmeval compare before.jsonl after.jsonl"
    done = llmeval(
        saved,
        f"{compare} > out.txt; echo $?; {compare} | true; echo ${{PIPESTATUS[0]}}; "
        f"{compare} -vv | head -1 > /dev/null; echo ${{PIPESTATUS[0]}}; {compare} >&-; echo $?",
    )
    assert (done.stdout.split(), done.stderr) == ([b"1"] * 4, b"")
    assert "GATE FAILED" in (saved.path / "out.txt").read_text(encoding="utf-8")
    assert "\x1b" not in (saved.path / "out.txt").read_text(encoding="utf-8")


def test_a_full_disk_is_told_in_one_line(saved: Session) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    done = llmeval(saved, "$llmeval compare before.jsonl before.jsonl > /dev/full")
    told = f"llmeval: cannot write the output: {os.strerror(errno.ENOSPC)}\n"
    assert (done.returncode, done.stderr.decode()) == (2, told)


def test_a_stream_that_holds_ascii_only_gets_ascii_only(saved: Session) -> None:
    done = llmeval(saved, "$llmeval compare before.jsonl after.jsonl -v", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (done.returncode, done.stdout.isascii(), done.stderr) == (1, True, b"")
    assert b"\\u6771" in done.stdout


def test_the_cases_whose_replies_differ_are_listed(saved: Session, capsys: pytest.CaptureFixture[str]) -> None:
    saved.run("--llm-model=candidate", "--llm-baseline=production", "--llm-report=both.jsonl")
    capsys.readouterr()
    for command in (["show", "both.jsonl"], ["compare", "before.jsonl", "after.jsonl"]):
        main([*command, "--differs"])
        listed = capsys.readouterr().out
        assert "replies differ: 40.0%" in listed
        assert listed.count("test_row[c") == 12
        assert "candidate | Rome" in listed
        assert "18 of 30 cases are equal after normalising" in listed
    assert main(["show", "after.jsonl", "--differs"]) == 2
    assert "llmeval compare BASELINE after.jsonl --differs" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["show", "run.jsonl"], ["compare", "before.jsonl", "after.jsonl"]])
def test_the_cases_of_a_category_are_listed_by_the_option_the_summary_names(
    saved: Session, command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    saved.run("--llm-model=candidate", "--llm-baseline=production")
    monkeypatch.chdir(saved.path)
    capsys.readouterr()
    main(command)
    assert "next: --show=wrong_answer lists its cases" in capsys.readouterr().out
    main([*command, "--show=wrong_answer", "-q"])
    out = capsys.readouterr().out
    assert out.count("  NEW   test_it.py::test_row[c") == 12
    assert "[-Paris-]" in out or "candidate | Rome" in out
    saved.run("--llm-model=candidate")  # compared with nothing
    capsys.readouterr()
    main(["show", "run.jsonl", "--show=wrong_answer", "-q"])
    assert capsys.readouterr().out.count("  test_it.py::test_row[c") == 12
    saved.run("--llm-model=candidate", "--llm-baseline=production")
    capsys.readouterr()
    main([*command, "--show=nonsense", "-q"])
    assert "no case failed as nonsense (error categories of this comparison: wrong_answer)" in capsys.readouterr().out
