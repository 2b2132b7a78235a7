"""Tries suspended tests beside other plugins: ``python tests/other_plugins`` installs each and keeps what it found.

Beside each plugin a small suite runs with tests that overlap and with tests that wait: every test must end alike, in
pytest's own report and in the plugin's. What was found is committed (``found.json``), and the table in
docs/reference/plugins.md is made from it by docs/tools/generate.py.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.other_plugins.found import BESIDE, FILE, IN_ORDER, load
from tests.other_plugins.installed import PLUGINS, python_of
from tests.other_plugins.outcomes import compared
from tests.virtual_environments import NotInstalled

_VERSION = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"


def version(python: Path, name: str) -> str:
    """The version of a package in an environment."""
    command = [str(python), "-c", _VERSION, name]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def main() -> int:
    """Try and keep; 1 when a test ends in another way beside a plugin."""
    parser = argparse.ArgumentParser(prog="python tests/other_plugins", description=__doc__)
    parser.add_argument("plugins", nargs="*", metavar="NAME", help=f"these alone: {', '.join(PLUGINS)}")
    chosen = parser.parse_args().plugins or list(PLUGINS)
    unknown = [name for name in chosen if name not in PLUGINS]
    if unknown:
        parser.error(f"{', '.join(unknown)} is not there (allowed: {', '.join(PLUGINS)})")
    found, wrong = load(), []
    for name in chosen:
        try:
            python = python_of(name)
        except NotInstalled as error:
            wrong.append(f"{name}: {error}")
            continue
        with tempfile.TemporaryDirectory(prefix="llmeval-plugins-") as folder:
            differences, session = compared(name, python, Path(folder))
        all_in_order = any(line.startswith("tests run ") for line in session.told)
        if not all_in_order and session.together < 2:
            differences.append("tests run one after another, and the summary does not say so")
        tests = IN_ORDER if all_in_order else BESIDE
        print(f"{name}: {f'{len(differences)} differences' if differences else tests}", flush=True)
        wrong += [f"{name}: {line}" for line in differences]
        if not differences:
            found[name] = {"version": version(python, name), "tests": tests}
            if PLUGINS[name].pytest != "pytest":
                found[name]["pytest"] = version(python, "pytest")
            ordered = {name: found[name] for name in PLUGINS if name in found}
            FILE.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")
    print(f"\nkept in {FILE.name}; `make docs` writes the table anew")
    if wrong:
        print("\nwrong, and what was found of these plugins is not kept:", *wrong, sep="\n  ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
