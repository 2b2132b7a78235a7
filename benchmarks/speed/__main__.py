"""Measures this plugin beside its peers: ``python benchmarks/speed`` makes the environments it needs, prints a table.

Everything runs on this machine: the model is a server on 127.0.0.1. The rounds are interleaved, so that whatever else
the machine does disturbs all rows alike; a row says so when its own result was not as expected.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from environments import CACHE, NotInstalled, python_of
from measured import Measured, run
from rows import ROWS, WORKLOADS, Row, Workload
from table import Result, table

HERE = Path(__file__).resolve().parent
LATENCY = 0.2  # seconds
PREPARATION = 900  # seconds
FILLER = "The customer writes about an order that has not arrived, and asks what to do next. " * 12  # 1 KB of prompt
SETTINGS = """\
model = "mock"
recordings = "recordings"

[models.mock]
model = "openai/mock-1"
base_url = "{base_url}"
prices = {{ input = 1.0, output = 10.0 }}
"""
NOT_INHERITED = ("PYTEST_", "PYTHON", "COVERAGE", "OPENAI_", "LLMEVAL_", "DEEPEVAL_", "INSPECT_", "VIRTUAL_ENV", "CI")


class Model:
    """The mock server, in a process of its own."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.busiest = 0.0  # the most of a core it has used in a run, from 0 to 1
        self._since = time.perf_counter()

    def reset(self, latency: float) -> None:
        """Set the counters to zero."""
        self._get(f"/reset?latency={latency}")
        self._since = time.perf_counter()

    def counts(self) -> dict[str, Any]:
        """The counters."""
        counts = self._get("/counts")
        self.busiest = max(self.busiest, counts["cpu"] / (time.perf_counter() - self._since))
        return counts

    def _get(self, path: str) -> dict[str, Any]:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.address + path, timeout=10) as response:
            return dict(json.load(response))


@contextmanager
def model() -> Iterator[Model]:
    """Start the mock server; end it afterwards."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "mock_server.py")], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stdout is not None
        yield Model(int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait(10)


def fill(folder: Path, row: Row, workload: Workload, server: Model) -> None:
    """Put a row's project into a folder."""
    shutil.copytree(HERE / "workloads" / row.files, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__py*"))
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = eval\n  eval_analysis\n")
    (folder / "llmeval.toml").write_text(SETTINGS.format(base_url=f"{server.address}/v1"))
    with (folder / "cases.jsonl").open("w") as file:
        for number in range(workload.cases):
            row_of_file = {
                "id": f"{number:04}",
                "input": f"This is case {number:04}. {FILLER}",
                "expected": f"answer {number:04}",
            }
            file.write(json.dumps(row_of_file) + "\n")


def perform(command: str, folder: Path, row: Row, workload: Workload, server: Model, patience: float) -> Measured:
    """Run a row's command in a folder."""
    programs = python_of(row.environment).parent
    base = f"{server.address}/v1"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(NOT_INHERITED)}
    variables = {
        **kept,
        **row.variables,
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}",
        "HOME": str(folder),
        "NO_PROXY": "127.0.0.1",
        "OPENAI_API_KEY": "none",
        "OPENAI_BASE_URL": base,
        "MOCK_API_KEY": "none",
        "MOCK_BASE_URL": base,
        "SAMPLES": str(workload.samples),
        "CONCURRENCY": str(row.concurrency),
        "INSPECT_CACHE_DIR": str(folder / "cache"),
        "DEEPEVAL_TELEMETRY_OPT_OUT": "1",
        "DEEPEVAL_UPDATE_WARNING_OPT_IN": "0",
        "NO_COLOR": "1",
        "COLUMNS": "120",
    }
    return run([part.format(bin=programs) for part in shlex.split(command)], folder, variables, patience)


def wrong_with(done: Measured, row: Row, workload: Workload, calls: int) -> str | None:
    """Why a run does not count, None when it does."""
    total = workload.cases * workload.samples
    says = row.says.replace("{cases}", str(workload.cases)).replace("{total}", str(total))
    output = re.sub(r"\x1b\[[0-9;]*m", "", done.output)
    if done.status is None:
        return f"stopped after {done.wall:.0f} s"
    if done.status != 0 or not re.search(says, output):
        last = [line for line in output.splitlines() if line.strip()] or [""]
        return f"exit {done.status}: {last[-1].strip()[:100]}"
    if row.calls is not None and calls != row.calls * total:
        return f"{calls} calls instead of {row.calls * total}"
    return None


def measure(result: Result, workload: Workload, server: Model, prepared: Path) -> None:
    """Run a row once more."""
    row = result.row
    with tempfile.TemporaryDirectory(prefix="llmeval-speed-", ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        fill(folder, row, workload, server)
        for kept in row.keep:
            shutil.copytree(prepared / kept, folder / kept)
        server.reset(LATENCY)
        done = perform(row.command, folder, row, workload, server, row.patience)
        counts = server.counts()
    result.runs.append(done)
    result.calls = counts["calls"]
    result.most_in_flight = max(result.most_in_flight, counts["most_in_flight"])
    wrong = wrong_with(done, row, workload, result.calls)
    if wrong is not None:
        result.wrong = wrong
        note_failure(row, done)
    if len(result.runs) == 1 or wrong is not None:
        say(f"{row.workload} {row.name}: {done.wall:.2f} s{f', {wrong}' if wrong else ''}")


def prepare(row: Row, workload: Workload, server: Model, folder: Path) -> str | None:
    """Make what a row's runs start from; what is wrong with it, if anything is."""
    assert row.prepare is not None
    folder.mkdir(parents=True)
    fill(folder, row, workload, server)
    server.reset(0.0)
    done = perform(row.prepare, folder, row, workload, server, PREPARATION)
    wrong = wrong_with(done, replace(row, calls=None), workload, 0)
    missing = [name for name in row.keep if not (folder / name).exists()]
    if wrong is not None or missing:
        note_failure(row, done)
        return f"preparing: {wrong or f'nothing was kept in {missing[0]}'}"
    return None


def note_failure(row: Row, done: Measured) -> None:
    """Keep what a run printed that did not go well."""
    file = CACHE / "failed" / f"{row.workload} {row.name}.txt"
    file.parent.mkdir(exist_ok=True)
    file.write_text(done.output)


def measure_all(workloads: Sequence[Workload], results: Sequence[Result], runs: int, server: Model) -> None:
    """All rows of all workloads, round by round."""
    with tempfile.TemporaryDirectory(prefix="llmeval-speed-prepared-", ignore_cleanup_errors=True) as name:
        made: dict[tuple[str, str, str | None], tuple[Path, str | None]] = {}
        for workload in workloads:
            mine = [result for result in results if result.row.workload == workload.name]
            for result in mine:
                row = result.row
                try:
                    python_of(row.environment)
                except NotInstalled as error:
                    result.wrong = str(error)
                    continue
                place = (workload.name, row.environment, row.prepare)
                if row.prepare is not None and place not in made:
                    folder = Path(name).resolve() / str(len(made))
                    made[place] = (folder, prepare(row, workload, server, folder))
                if row.prepare is not None:
                    result.wrong = made[place][1]
            for number in range(max(runs, workload.least_runs)):
                for result in mine:
                    if result.wrong is None and not (result.row.slow and number):
                        folder = made.get((workload.name, result.row.environment, result.row.prepare), (Path(), None))[
                            0
                        ]
                        measure(result, workload, server, folder)


def versions(rows: Sequence[Row]) -> str:
    """What is compared, from each environment's own metadata."""
    told = {}
    code = "import importlib.metadata, sys\nfor name in sys.argv[1:]:\n print(name, importlib.metadata.version(name))"
    names = {"ours": ["pytest-llmeval", "pytest", "httpx"], "plain": ["pytest", "pytest-xdist"]}
    for environment in dict.fromkeys(row.environment for row in rows):
        try:
            command = [str(python_of(environment)), "-c", code, *names.get(environment, [environment])]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        except NotInstalled:
            continue
        told.update(dict.fromkeys(done.stdout.splitlines()))
    return ", ".join(told)


def say(text: str) -> None:
    """Progress, beside the table."""
    print(text, file=sys.stderr, flush=True)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python benchmarks/speed", description=__doc__)
    families = list(dict.fromkeys(row.family for row in ROWS))
    parser.add_argument("--only", metavar="W1,W3", help="these workloads: " + ", ".join(w.name for w in WORKLOADS))
    parser.add_argument("--rows", metavar="ours,limit", help="these families of rows: " + ", ".join(families))
    parser.add_argument("--runs", type=int, default=3, help="runs of each row that is not slow (default 3)")
    parser.add_argument("--cases", type=int, help="cases per workload instead of 300 and 5,000, for a quick look")
    given = parser.parse_args()
    for name, known in (("only", [workload.name for workload in WORKLOADS]), ("rows", families)):
        chosen = getattr(given, name).split(",") if getattr(given, name) else known
        unknown = [each for each in chosen if each not in known]
        if unknown:
            parser.error(f"--{name}: {', '.join(unknown)} is not there (allowed: {', '.join(known)})")
        setattr(given, name, chosen)
    return given


def main() -> int:
    """Measure and print; 1 when a bar is missed."""
    given = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    workloads = [workload for workload in WORKLOADS if workload.name in given.only]
    if given.cases is not None:
        workloads = [replace(w, cases=min(w.cases, given.cases)) for w in workloads]
    rows = [row for row in ROWS if row.workload in given.only and row.family in given.rows]
    for environment in dict.fromkeys(row.environment for row in rows):
        try:
            python_of(environment)
        except NotInstalled as error:
            say(f"{environment}: {error}")
    shutil.rmtree(CACHE / "failed", ignore_errors=True)
    results = [Result(row=row) for row in rows]
    begun = time.monotonic()
    with model() as server:
        try:
            measure_all(workloads, results, given.runs, server)
        except (KeyboardInterrupt, SystemExit):
            say("stopped; what was measured so far:")
    text, met = table(workloads, results)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores; {versions(rows)}")
    for workload in workloads:
        print(f"{workload.name}: {workload.what.format(cases=workload.cases, latency=LATENCY)}")
    print(f"The model itself was never busier than {server.busiest:.0%} of one core.")
    print(f"Measured in {time.monotonic() - begun:.0f} s; load of the last 15 minutes: {os.getloadavg()[2]:.1f}.\n")
    print(text)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
