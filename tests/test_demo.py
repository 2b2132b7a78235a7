"""The demo shows a gate that fails on purpose, and is broken as soon as it would show anything else."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[1] / "example_project"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    copy = tmp_path / "example_project"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns(".*", "__pycache__", "report.html"))
    return copy


def demo(project: Path) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "demo.py"], cwd=project, capture_output=True, text=True, encoding="utf-8", check=False
    )
    return done.returncode, done.stdout.splitlines()


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_it_shows_the_failing_gate_as_meant_and_leaves_nothing_but_the_report(
    project: Path,
) -> None:
    before = sorted(project.rglob("*"))
    exit_code, lines = demo(project)
    assert exit_code == 0, "\n".join(lines)
    assert lines[0] == "$ pytest --llm-model=candidate --llm-mode=replay --llm-report=report.html"
    assert sum(line.startswith("GATE FAILED: hallucination regressed from 2 of 89") for line in lines) == 1
    assert lines[-5].startswith("The gate failed on purpose: ")
    assert "simulated" in lines[-3]
    assert lines[-1] == "Every answer, side by side, with a filter: open report.html"
    assert sorted(project.rglob("*")) == sorted([*before, project / "report.html"])
    assert "GATE FAILED: hallucination regressed" in (project / "report.html").read_text(encoding="utf-8")


def test_a_gate_that_does_not_fail_is_a_broken_demo(project: Path) -> None:
    replace(project / "pyproject.toml", 'severity = "high"', 'severity = "low"')
    exit_code, lines = demo(project)
    assert (exit_code, lines[-1]) == (
        1,
        "THE DEMO IS BROKEN: pytest ended with exit code 0, where 1 was expected because of the gate.",
    )


def test_a_gate_that_names_another_category_is_a_broken_demo(project: Path) -> None:
    test = project / "tests" / "evals" / "test_policy.py"
    replace(test, "allow=case.input)", 'allow=case.input, category="invented")')
    exit_code, lines = demo(project)
    assert (exit_code, lines[-1]) == (
        1,
        # Nothing is examined for the severe category any more, so that the gate could not be measured.
        "THE DEMO IS BROKEN: the gate named nothing, and the candidate regressed in hallucination.",
    )


def test_a_recording_that_is_missing_is_a_broken_demo(project: Path) -> None:
    (project / "recordings" / "tests.evals.test_refund.jsonl").unlink()
    exit_code, lines = demo(project)
    assert (exit_code, lines[-1][:20]) == (1, "THE DEMO IS BROKEN: ")
