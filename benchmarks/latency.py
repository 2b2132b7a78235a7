"""Compares the latencies that a run reports with what the server says each answer took.

``python benchmarks/latency.py`` runs 300 live tests five times, 32 calls in flight, with this package's own connections
and with httpx's in their place; once with tests that only ask, once with tests that compute for 20 ms first. It prints,
in milliseconds, by how much the reported latency is too long: medians over the runs of the median, of the 99th
percentile and of the largest. It exits with 1 when a bar is missed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
RUNS = int(os.environ.get("RUNS", "5"))
CASES = 300
BARS = {("asks only", "ours"): (3.0, 15.0), ("computes 20 ms", "ours"): (8.0, 50.0)}  # ms: median, 99th percentile
SWAP = """
import os, ssl
from pytest_llmeval.engine import connections

if os.environ["CONNECTIONS"] == "httpx":
    nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    connections.Connection = lambda _: connections.ProxiedConnection(verify=nobody, limits=connections._ONE)
"""
TEST = """
import time

import pytest

@pytest.mark.parametrize("number", range({cases}))
def test_case(llm, number):
    end = time.thread_time() + {computes}
    while time.thread_time() < end:
        pass
    assert llm(f"This is case {{number:04}}. " + "One more sentence of the prompt. " * 30) == f"answer {{number:04}}"
"""
SETTINGS = """
model = "mock"

[models.mock]
model = "openai/mock-1"
base_url = "{address}/v1"
prices = {{ input = 1.0, output = 10.0 }}
"""


def told(address: str, path: str) -> dict[str, object]:
    """What the mock server answers."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(address + path, timeout=10) as response:
        return dict(json.load(response))


def excess(address: str, computes: float, connections: str) -> list[float]:
    """Run the tests once; by how many milliseconds each latency is too long, sorted."""
    told(address, "/reset?latency=0.2")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "conftest.py").write_text(SWAP)
        (folder / "test_it.py").write_text(TEST.format(cases=CASES, computes=computes))
        (folder / "llmeval.toml").write_text(SETTINGS.format(address=address))
        environment = {**os.environ, "CONNECTIONS": connections, "OPENAI_API_KEY": "none", "NO_PROXY": "127.0.0.1"}
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:asyncio", "--llm-mode=live"]
        subprocess.run(
            [*command, "--llm-report=run.jsonl"], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL
        )
        lines = [json.loads(line) for line in (folder / "run.jsonl").read_text().splitlines()[1:]]
    took = told(address, "/took")
    found = []
    for line in filter(lambda line: "samples" in line, lines):
        number = int(line["case"])
        [call] = line["samples"][0]["calls"]
        found.append(1000 * (call["duration"] - float(str(took[f"{number:04}"]))))
    assert len(found) == CASES, f"{len(found)} of {CASES} calls are in the run"
    return sorted(found)


def main() -> int:
    """Measure, print, and compare with the bars."""
    server = subprocess.Popen(
        [sys.executable, str(HERE / "speed" / "mock_server.py")], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    missed = False
    try:
        address = f"http://127.0.0.1:{int(server.stdout.readline())}"
        found: dict[tuple[str, str], list[list[float]]] = {}
        for _ in range(RUNS):
            for tests, computes in (("asks only", 0.0), ("computes 20 ms", 0.02)):
                for connections in ("ours", "httpx"):
                    found.setdefault((tests, connections), []).append(excess(address, computes, connections))
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
    print(f"{RUNS} runs of {CASES} calls, 32 in flight; reported latency less the server's own, ms")
    print("| each test | connections | median | 99 % | largest | bar |\n|---|---|---:|---:|---:|---|")
    for key, runs in found.items():
        figures = [median(run[place] for run in runs) for place in (CASES // 2, int(CASES * 0.99), -1)]
        bar = BARS.get(key)
        met = bar is None or (figures[0] <= bar[0] and figures[1] <= bar[1])
        missed = missed or not met
        words = f"<= {bar[0]:g}, <= {bar[1]:g}: {'met' if met else 'MISSED'}" if bar else ""
        print(f"| {key[0]} | {key[1]} | {' | '.join(f'{figure:.1f}' for figure in figures)} | {words} |")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
