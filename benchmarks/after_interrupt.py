"""What is still sent after Ctrl-C: counted at the server, at five moments of a session of 200 cases.

    python benchmarks/after_interrupt.py [CASES]

For each moment a session is started that asks a model which takes 0.2 s, and SIGINT is sent once the server has seen so
many requests: to pytest alone, to its whole process group as a terminal does, and both with two workers of
pytest-xdist. The table has the requests in flight at the signal, and those that began after it, while Python and pytest
passed the interrupt on: their sum is the most that is still paid for. Exit code 1 when more requests began after the
signal than were in flight at it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.server import Reply, Server, completion

ROOT = Path(__file__).resolve().parent.parent
CASES = 200
MOMENTS = (0.05, 0.2, 0.4, 0.6, 0.8)  # shares of the requests seen
ANSWER = 0.2  # seconds a model takes
KINDS: tuple[tuple[str, tuple[str, ...], bool], ...] = (
    ("pytest alone", (), False),
    ("its group", (), True),
    ("alone, -n 2", ("-n2",), False),
    ("its group, -n 2", ("-n2",), True),
)

SUITE = """
import pytest

@pytest.mark.parametrize("number", range({cases}))
def test_it(llm, number):
    assert llm(f"question {{number}}") == "Paris"
"""
TABLE = """
[tool.llmeval]
model = "m"

[tool.llmeval.models.m]
model = "openai/m-1"
base_url = "{base_url}"
"""


class Stopped(NamedTuple):
    """One interrupted session.

    Attributes:
        in_flight: requests being answered at the signal.
        begun: requests that came after it.
        seconds: from the signal to the end of the process.
        code: its exit code.
    """

    in_flight: int
    begun: int
    seconds: float
    code: int


def interrupted(cases: int, after: int, options: tuple[str, ...], *, group: bool) -> Stopped:
    """Run a session and interrupt it once the server has seen so many requests."""
    with tempfile.TemporaryDirectory() as folder, Server() as server:
        server.answer = lambda _: Reply(body=completion("Paris"), delay=ANSWER)
        path = Path(folder)
        (path / "pyproject.toml").write_text(TABLE.format(base_url=server.base_url))
        (path / "test_it.py").write_text(SUITE.format(cases=cases))
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        environment.pop("CI", None)
        child = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", "-pno:cacheprovider", *options],
            cwd=path,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        server.wait_for_requests(after, timeout=60)
        in_flight, seen = server.in_flight, len(server.requests)
        (os.killpg if group else os.kill)(child.pid, signal.SIGINT)
        began = time.perf_counter()
        child.wait(timeout=60)
        seconds = time.perf_counter() - began
        server.wait_until_idle()
        return Stopped(in_flight, len(server.requests) - seen, seconds, child.returncode)


def main() -> int:
    """Print the table; the exit code."""
    cases = int(sys.argv[1]) if len(sys.argv) > 1 else CASES
    too_many = False
    print(f"{'SIGINT to':<16}{'after':>7}{'in flight':>11}{'begun after':>13}{'seconds':>9}{'exit':>6}")
    for name, options, group in KINDS:
        for share in MOMENTS:
            after = max(1, round(cases * share))
            one = interrupted(cases, after, options, group=group)
            too_many = too_many or one.begun > one.in_flight
            print(f"{name:<16}{after:>7}{one.in_flight:>11}{one.begun:>13}{one.seconds:>9.1f}{one.code:>6}", flush=True)
    return int(too_many)


if __name__ == "__main__":
    sys.exit(main())
