"""CONTRIBUTING's recipe for a new column, done on a copy of the package."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest_llmeval
from pytest_llmeval.reply import Answer, Measures
from pytest_llmeval.runs.file import save_run
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, Run, SampleResult

PACKAGE = Path(pytest_llmeval.__file__).parent
ROOT = Path(__file__).parents[2]


def case(number: int, model: str, spent: float) -> CaseResult:
    measures = Measures(latency=0.5, cost=spent)
    call = Call("openai", model, "p", Answer(text="in May"), measures, spent=spent)
    sample = SampleResult(index=0, outcome="pass", calls=(call,))
    return CaseResult(key=CaseKey("test_ferry.py::test_when", f"route-{number}"), model=model, samples=(sample,))


def test_one_row_makes_a_column(tmp_path: Path) -> None:
    recipe = (
        (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## A new column\n")[2].partition("\n## ")[0]
    )
    [row] = re.findall(r"`(Measured\(.*?\))`", " ".join(recipe.split()))
    assert len(recipe.strip().splitlines()) <= 5
    shutil.copytree(PACKAGE, tmp_path / "pytest_llmeval", ignore=shutil.ignore_patterns("__pycache__"))
    figures = tmp_path / "pytest_llmeval" / "report" / "figures.py"
    before, middle, after = figures.read_text(encoding="utf-8").partition("MEASURED = (\n")
    figures.write_text(f"{before}{middle}    {row},\n{after}", encoding="utf-8")
    results = [case(n, model, spent) for model, spent in (("old", 0.25), ("new", 0.5)) for n in range(8)]
    save_run(
        tmp_path / "run.jsonl", Run("", {"old": {}, "new": {}}, baseline="old", complete=True, results=(*results,))
    )

    command = [sys.executable, "-m", "pytest_llmeval", "show", "run.jsonl", "-v"]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=True, timeout=60).stdout

    lines = shown.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("  model "))
    assert lines[start].split()[1:3] == ["$", "spent"]
    cells = {line.split()[0]: line.split()[1] for line in lines[start + 2 : start + 5]}
    assert cells == {"old": "2.00", "new": "4.00", "change": "+100%"}
