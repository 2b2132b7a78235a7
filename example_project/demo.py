"""The main job, offline and without a key: is the candidate as good as production, in every type of error?

    python demo.py

It runs `pytest --llm-model=candidate` on a copy of this project: the candidate's recorded replies against the committed
baseline run of production. The gate is meant to fail: the candidate was given a regression. The report with every
answer is written to report.html beside this file. The exit code is 0 when the regression is found and 1 when it is not,
or another is.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PLANTED = "hallucination"

REPORT = "report.html"

_COMMAND = ["pytest", "--llm-model=candidate", "--llm-mode=replay", f"--llm-report={REPORT}"]
_NOT_COPIED = (".*", "__pycache__", "*.egg-info", REPORT)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_GATE = re.compile(r"^GATE FAILED: (.+?) (?:regressed|rose) from ")


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="larkmoor-") as folder:
        copy = Path(folder) / HERE.name
        shutil.copytree(HERE, copy, ignore=shutil.ignore_patterns(*_NOT_COPIED))
        exit_code, lines = _run(copy)
        wrong = _what_is_wrong(exit_code, lines)
        if not wrong:
            shutil.copyfile(copy / REPORT, HERE / REPORT)
    print()
    if wrong:
        print(f"THE DEMO IS BROKEN: {wrong}.")
        return 1
    print(f"The gate failed on purpose: better in total, the candidate regressed in\n{PLANTED!r}. CI would stop here.")
    print("Both models are simulated and their replies recorded: no network, no key.\nSo the demo itself went well.")
    print(f"Every answer, side by side, with a filter: open {os.path.relpath(HERE / REPORT)}")
    return 0


def _run(project: Path) -> tuple[int, list[str]]:
    """Run pytest in a folder, showing its output as it comes; its exit code and its lines without colours."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment.pop("GITHUB_BASE_REF", None)  # the copy is no repository with a branch to compare with
    # Other plugins of the environment, such as those the tests of this repository need, would put in a word.
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    environment["PYTEST_PLUGINS"] = "pytest_llmeval.plugin"
    environment["COLUMNS"] = str(min(100, shutil.get_terminal_size().columns))
    environment["PYTHONIOENCODING"] = sys.stdout.encoding or "utf-8"
    colour = ["--color=yes"] if sys.stdout.isatty() and "NO_COLOR" not in os.environ else []
    print("$", *_COMMAND, flush=True)
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", *_COMMAND, *colour],
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        encoding=environment["PYTHONIOENCODING"],
    ) as process:
        lines = []
        for line in process.stdout or ():
            print(line, end="", flush=True)
            lines.append(_COLOUR.sub("", line.rstrip("\n")))
    return process.returncode, lines


def _what_is_wrong(exit_code: int, lines: list[str]) -> str | None:
    """Why what was shown is not what the demo promises to show."""
    named = [match[1] for match in map(_GATE.match, lines) if match]
    if exit_code != 1:
        return f"pytest ended with exit code {exit_code}, where 1 was expected because of the gate"
    if named != [PLANTED]:
        return f"the gate named {', '.join(named) or 'nothing'}, and the candidate regressed in {PLANTED}"
    if not any(", 1 gate failed in " in line for line in lines):
        return "pytest's last line does not say that the gate failed"
    if any(line.startswith("NOT SAVED") for line in lines):
        return "the report could not be written"
    if any(re.search(r"\b\d+ (failed|error)", line.replace("1 gate failed", "")) for line in lines[-1:]):
        return "tests failed that have nothing to do with the gate"
    return None


if __name__ == "__main__":
    sys.exit(main())
