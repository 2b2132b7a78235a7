"""The canary of the docs: its steps are run as they stand, against a provider that moves a name to another model."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.tools.pages import ROOT, Page
from tests.server import Reply, Request, Server, completion
from tests.sessions import CONFIGURATION, WITHOUT, Session

SUITE = """
import pytest

@pytest.mark.llm_cases("cases.jsonl")
def test_city(llm, case):
    assert llm(case.input) == case.expected
"""
CASES = 20

# Keeps each call, and the body that goes with it; `issue list` tells the number of the issue that was opened.
GH = """#!/bin/bash
echo "$@" >> "$GH_FOLDER/calls"
while [ $# -gt 0 ]; do
  case "$1 $2" in
    "issue list") cat "$GH_FOLDER/open" 2> /dev/null ;;
    "issue create") echo 7 > "$GH_FOLDER/open" ;;
  esac
  if [ "$1" = --body-file ]; then cp "$2" "$GH_FOLDER/body.md"; fi
  shift
done
exit 0
"""


def workflow(name: str) -> dict[str, Any]:
    blocks = (block for block in Page(ROOT / "docs" / "how-to" / "ci.md").blocks() if block.language == "yaml")
    return next(found for block in blocks if (found := yaml.safe_load(block.text)).get("name") == name)


class Runner:
    """Runs the shell steps of the canary's job.

    Attributes:
        titles: of the issues that `calls` has seen opened.
    """

    def __init__(self, session: Session, folder: Path) -> None:
        self.session = session
        self.folder = folder
        self.titles: list[str] = []
        programs = folder / "bin"
        programs.mkdir()
        without = " ".join(f"-pno:{name}" for name in WITHOUT)
        pytest_itself = f'#!/bin/sh\nexec {sys.executable} -m pytest {without} "$@"\n'
        for program, text in {"gh": GH, "pip": "#!/bin/sh\n", "pytest": pytest_itself}.items():
            (programs / program).write_text(text)
            (programs / program).chmod(0o755)
        self.path = f"{programs}:{os.environ['PATH']}"

    def week(self) -> str:
        """Run the job once; the outcome of its evaluation."""
        outcome, outputs = "", dict[str, str]()
        for step in workflow("canary")["jobs"]["canary"]["steps"]:
            if "run" not in step:
                continue
            if outcome == "failure" and "!cancelled()" not in step.get("if", ""):
                continue
            values = {
                "steps.evals.outcome": outcome,
                **{f"steps.evals.outputs.{name}": value for name, value in outputs.items()},
            }
            done = self._run(step, values)
            if step.get("id") == "evals":
                outcome = "failure" if done.returncode else "success"
                outputs = dict(line.split("=", 1) for line in (self.folder / "output").read_text().splitlines())
            else:
                assert done.returncode == 0, done.stderr
        return outcome

    def _run(self, step: Mapping[str, Any], values: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        (self.folder / "output").write_text("")
        env = {
            name: re.sub(r"\$\{\{ (.*?) \}\}", lambda found: values.get(found[1], ""), value)
            for name, value in step.get("env", {}).items()
        }
        known = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV"))}
        files = {"GH_FOLDER": str(self.folder), "GITHUB_OUTPUT": str(self.folder / "output"), "CI": "true"}
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", step["run"]],
            cwd=self.session.path,
            env={**known, **env, **files, "PATH": self.path, "OPENAI_API_KEY": "sk-canary"},
            capture_output=True,
            text=True,
            check=False,
        )

    def calls(self) -> list[str]:
        """What `gh` was asked for since the last look."""
        file = self.folder / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        self.titles += [found[1] for line in lines if (found := re.search("--title (.+?) --label", line))]
        return [" ".join(line.split()[:2]) for line in lines]

    def body(self) -> str:
        return (self.folder / "body.md").read_text()


@pytest.fixture
def canary(plain_session: Session, server: Server, tmp_path: Path) -> Runner:
    """A project whose baseline was answered by `prod-1-0613`."""
    baseline = CONFIGURATION.format(base_url=server.base_url).replace(
        'model = "production"', 'model = "production"\nbaseline = "baseline.jsonl"', 1
    )
    plain_session.configure(baseline)
    (plain_session.path / "cases.jsonl").write_text(
        "\n".join(
            json.dumps({"id": f"c{number}", "input": f"{number}?", "expected": "Paris"}) for number in range(CASES)
        )
    )
    plain_session.write(SUITE)
    server.answer = answering("prod-1-0613")
    assert plain_session.run("--llm-update-baseline").ret == 0
    return Runner(plain_session, tmp_path)


def answering(model: str, *, wrong: int = 0) -> Any:
    def answer(request: Request) -> object:
        number = int(str(request.json["messages"][0]["content"]).rstrip("?"))
        return {**completion("Rome" if number < wrong else "Paris"), "model": model}

    return answer


def test_an_issue_is_opened_when_another_model_answers_and_when_the_gate_fails(canary: Runner, server: Server) -> None:
    assert canary.week() == "success"
    assert canary.calls() == []  # all as ever

    server.answer = answering("prod-1-1106")
    assert canary.week() == "success"
    assert canary.calls() == ["issue list", "label create", "issue create"]
    assert canary.titles == ["Canary: another language model answers"]
    assert canary.body().startswith("pytest: success, gate: ok, drift: another-model (")
    assert "another model answers under openai/prod" in canary.body()
    assert "in the baseline it was prod" in canary.body()

    server.answer = answering("prod-1-1106", wrong=9)
    assert canary.week() == "failure"
    assert canary.calls() == ["issue list", "issue comment"]  # one issue, however many weeks
    assert "gate: regressed" in canary.body()
    assert "GATE FAILED: wrong" in canary.body()


def test_an_issue_is_opened_when_nothing_could_be_measured(canary: Runner, server: Server) -> None:
    server.answer = lambda _: Reply(status=401, body={"error": {"message": "no key"}})
    assert canary.week() == "failure"
    assert canary.calls() == ["issue list", "label create", "issue create"]
    assert canary.titles == ["Canary: the language model could not be measured"]
    assert canary.body().startswith("pytest: failure, gate: not-compared, drift: unknown (")

    (canary.session.path / "test_it.py").write_text("import nonsense\n")
    (canary.session.path / "canary.md").unlink()
    assert canary.week() == "failure"
    assert "NOT GREEN: the session was stopped before any case had a result" in canary.body()
