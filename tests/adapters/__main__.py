"""Asks metrics of other packages through `check_of`: ``python tests/adapters`` installs the newest of each.

Every metric judges a right answer and a wrong one; those that cannot judge must end in an error that says why. What was
found is committed (``asked.json``), and the table in docs/reference/checks.md is made from it by
docs/tools/generate.py. Blocks of docs/ that need one of the packages (``<!-- with: deepeval -->``) are imported too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from docs.tools.pages import Page, all_pages
from tests.adapters.found_metrics import FILE, mistakes
from tests.virtual_environments import NotInstalled, virtual_environment

ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = ("deepeval", "autoevals", "pydantic-evals", "pytest-evals")


def main() -> int:
    """Ask and keep; 1 when a metric says something else than it should."""
    try:
        python = virtual_environment(ROOT / ".adapters" / "environments" / "metrics", ["--upgrade", *_PACKAGES])
    except NotInstalled as error:
        print(error)
        return 1
    environment = {**os.environ, "DEEPEVAL_TELEMETRY_OPT_OUT": "YES"}
    command = [python, Path(__file__).with_name("asked.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        print(done.stdout + done.stderr)
        return 1
    asked = json.loads(done.stdout.splitlines()[-1])
    for package, metrics in asked["found"].items():
        for metric, outcomes in metrics.items():
            print(f"{package} {asked['versions'][package]}: {metric}: {', '.join(outcome[0] for outcome in outcomes)}")
    wrong = mistakes(asked["found"]) + [line for page in all_pages() for line in _broken(page, python, environment)]
    if wrong:
        print("wrong, and what was found is not kept:", *wrong, sep="\n  ")
        return 1
    FILE.write_text(json.dumps(asked, indent=1) + "\n", encoding="utf-8")
    print(f"kept in {FILE.name}; `make docs` writes the table anew")
    return 0


def _broken(page: Page, python: Path, environment: dict[str, str]) -> list[str]:
    """The blocks of a page that need one of the packages and cannot be imported beside it, each with its error."""
    with tempfile.TemporaryDirectory() as folder:
        broken = []
        for block in page.blocks():
            if block.directive.get("file", "").endswith(".py"):
                Path(folder, block.directive["file"]).write_text(block.text, encoding="utf-8")
            elif block.directive.get("with") in _PACKAGES:
                command = [str(python), "-c", block.text]
                paths = {"PYTHONPATH": str(ROOT)}
                done = subprocess.run(
                    command, cwd=folder, env=environment | paths, capture_output=True, text=True, check=False
                )
                broken += [f"{page}:{block.line}: {done.stderr.splitlines()[-1]}"] if done.returncode else []
        return broken


if __name__ == "__main__":
    sys.exit(main())
