"""What `llmeval compare` and `llmeval merge` leave for a reviewer on GitHub, as a session does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_llmeval.commands.main import main
from pytest_llmeval.runs.file import save_run
from tests.commands.test_rules_of_a_run import configure, run

Step = Callable[..., tuple[int, str, str, str]]


@pytest.fixture
def step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Step:
    """Run a command as a step: its exit code, its page, its outputs, and the lines that are commands to GitHub."""
    monkeypatch.chdir(tmp_path)
    configure(tmp_path, "normal")
    page, output = tmp_path / "page.md", tmp_path / "output"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    monkeypatch.setenv("GITHUB_OUTPUT", str(output))

    def call(*arguments: str) -> tuple[int, str, str, str]:
        code = main(arguments)
        printed = capsys.readouterr().out.splitlines()
        return (
            code,
            page.read_text() if page.exists() else "",
            output.read_text() if output.exists() else "",
            "\n".join(line for line in printed if line.startswith("::")),
        )

    return call


def test_a_comparison_leaves_its_verdict(step: Step, tmp_path: Path) -> None:
    save_run(tmp_path / "run.jsonl", run())
    code, page, output, commands = step("compare", "run.jsonl")
    assert code == 1
    assert page.startswith("### ❌ GATE FAILED: tone regressed from 0 of 30 to 12 of 30")
    assert output == "llmeval-verdict=regressed\nllmeval-drift=unknown\n"
    assert commands.startswith("::error ")
    assert commands.endswith("title=tone::tone regressed from 0 of 30 to 12 of 30 answers")


def test_a_green_gate_beside_a_red_session_is_not_green(step: Step, tmp_path: Path) -> None:
    save_run(tmp_path / "run.jsonl", run(failing=0, failed=2))
    code, page, output, commands = step("compare", "run.jsonl", "-q")
    assert code == 1
    assert page.startswith("### ❌ NOT GREEN: 2 failures in the session")
    assert output.startswith("llmeval-verdict=ok\n")
    assert commands.startswith("::error title=llmeval::NOT GREEN: 2 failures")


@pytest.mark.parametrize("command", [("compare", "gone.jsonl"), ("merge", "gone.jsonl", "-o", "merged.jsonl")])
def test_what_could_not_be_read_is_no_verdict(step: Step, command: tuple[str, ...]) -> None:
    code, page, output, commands = step(*command)
    assert code == 2
    assert page.startswith("### ❌ `NOT GREEN: ")
    assert "gone.jsonl" in page
    assert output == "llmeval-verdict=not-compared\nllmeval-drift=unknown\n"
    assert commands.startswith("::error title=llmeval::NOT GREEN: ")


def test_a_merge_that_is_not_whole_is_no_verdict(step: Step, tmp_path: Path) -> None:
    save_run(tmp_path / "run.jsonl", run(complete=None))
    code, page, output, commands = step("merge", "run.jsonl", "-o", "merged.jsonl")
    assert code == 1
    assert page.startswith("### ❌ `NOT GREEN: merged.jsonl: 30 cases of 1 shard, NOT COMPLETE: ")
    assert output.startswith("llmeval-verdict=not-compared\n")
    assert commands.count("::error ") == 1


def test_other_commands_leave_nothing(step: Step, tmp_path: Path) -> None:
    save_run(tmp_path / "run.jsonl", run())
    assert step("show", "run.jsonl") == (0, "", "", "")
    assert step("show", "gone.jsonl") == (2, "", "", "")
