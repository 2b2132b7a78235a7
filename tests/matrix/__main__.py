"""Tries the package in many environments: ``python tests/matrix`` makes one for each row, and runs tests there.

The rows are Pythons, versions of pytest, the lowest and newest of all dependencies, what may be absent, and the wheel.
What was found is committed (``found.json``); docs/tools/generate.py makes the table in docs/reference/matrix.md of it.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree as ET

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.matrix.found_rows import keep
from tests.matrix.installed_row import NotHere, python_of
from tests.matrix.rows import ROOT, ROWS, Row
from tests.other_plugins.outcomes import compared
from tests.virtual_environments import NotInstalled

_INSTALLING, _TESTING, _ALL_TESTS = 900, 1200, 2400  # seconds for a row, at most
_LEAST = 90  # seconds that are too few to begin a row with
_TAIL = 60  # lines of a row that failed
_LEFT_OUT = shutil.ignore_patterns(".*", "pytest_llmeval", "__pycache__", "dist", "build", "*.egg-info")
_VERSION = "import platform, pytest; print(platform.python_version(), pytest.__version__)"
_CLOSING = re.compile(r"\b\d+ (passed|failed|errors?|skipped|deselected)\b")


class Failed(Exception):
    """Tests failed, or could not be run; the message is what they printed."""


def main() -> int:
    """Run the rows, print a table and keep it; 1 when a row failed."""
    parser = argparse.ArgumentParser(prog="python tests/matrix", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"these alone, in this order: {', '.join(ROWS)}")
    parser.add_argument("--seconds", type=float, default=math.inf, help="for all of them; those left are not run")
    parser.add_argument("--report", action="store_true", help="fail nothing, and keep nothing of what was found")
    options = parser.parse_args()
    chosen = options.rows or list(ROWS)
    unknown = [name for name in chosen if name not in ROWS]
    if unknown:
        parser.error(f"there is no row {', '.join(unknown)} (there are: {', '.join(ROWS)})")
    ends = time.monotonic() + options.seconds
    table, entries = [], dict[str, dict[str, str]]()
    try:
        for name in chosen:
            left = ends - time.monotonic()
            if left < _LEAST:
                table.append((name, "not run: no time was left"))
                continue
            began = time.monotonic()
            entry, result = _tried(name, ROWS[name], left)
            table.append((name, f"{result}, {time.monotonic() - began:.0f} s"))
            print(f"matrix: {name}: {table[-1][1]}", flush=True)
            if entry and not options.report:
                entries[name] = entry
    finally:  # not before: a test of the next row sees that the page is older than what was found
        for name, entry in entries.items():
            keep(name, entry)
    print("", *(f"matrix: {name:<12} {ROWS[name].what}: {result}" for name, result in table), sep="\n")
    if not options.report:
        print("matrix: kept; `make docs` writes the table anew")
    return 1 if any("FAILED" in result for _, result in table) and not options.report else 0


def _tried(name: str, row: Row, left: float) -> tuple[dict[str, str], str]:
    """What is kept of a row, nothing where it failed; and what is said of it, no line of which looks like pytest's."""
    try:
        python = python_of(name, row, min(_INSTALLING, left))
        command = [str(python), "-c", _VERSION]
        told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split()
        tests = (
            _beside(python)
            if row.beside
            else _tests(python, row, min(_ALL_TESTS if row.everything else _TESTING, left))
        )
    except NotHere as error:
        return {"not run": str(error)}, f"not run: {error}"
    except (NotInstalled, subprocess.SubprocessError) as error:
        return {}, f"FAILED: {error}"
    except Failed as error:
        lines = [line for line in str(error).splitlines() if not _CLOSING.search(line)]
        print(*(f"{name} | {line}" for line in lines[-_TAIL:]), sep="\n", flush=True)
        return {}, "FAILED"
    return {"python": told[0], "pytest": told[1], "tests": str(tests)}, f"ok, {tests} tests"


def _tests(python: Path, row: Row, left: float) -> int:
    """How many tests passed.

    Raises:
        Failed: some did not, or they were not done in time.
    """
    with tempfile.TemporaryDirectory(prefix="llmeval-matrix-") as folder:
        here, report = ROOT, Path(folder) / "junit.xml"
        if row.wheel:
            here = Path(folder) / "tests alone"
            shutil.copytree(ROOT, here, ignore=_LEFT_OUT)
        workers = ["-n2"] if "pytest-xdist" not in row.without else []
        there = [name for name in row.tests if (here / name).exists()]
        command = [str(python), "-m", "pytest", "-q", "-mquick", "-pno:cacheprovider", f"--junitxml={report}"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PYTHON"))}
        try:
            done = subprocess.run(
                [*command, *workers, *row.options, *there],
                cwd=here,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=left,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Failed(f"{error.output or ''}\nwas not done within {left:.0f} s") from None
        if done.returncode or not report.exists():
            raise Failed(done.stdout)
        suites = list(ET.parse(report).getroot().iter("testsuite"))  # noqa: S314 - our own file
        return sum(int(each.get("tests", 0)) - int(each.get("skipped", 0)) for each in suites)


def _beside(python: Path) -> int:
    """How many tests ended as they do without overlapping.

    Raises:
        Failed: some ended in another way.
    """
    with tempfile.TemporaryDirectory(prefix="llmeval-matrix-") as folder:
        differences, session = compared("all of them", python, Path(folder))
    if differences:
        raise Failed("\n".join([session.output, *differences]))
    return session.tests.total()


if __name__ == "__main__":
    sys.exit(main())
