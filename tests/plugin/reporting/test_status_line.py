"""The status line: on a terminal only, below the dots, gone at the end."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from pytest_llmeval.plugin.reporting.status_line import status
from pytest_llmeval.plugin.selection import Selection
from pytest_llmeval.runs.billed import NOTHING_BILLED, Billed
from tests.server import Reply, Server, completion
from tests.sessions import WITHOUT, Session

SUITE = """
import pytest

@pytest.mark.parametrize("number", range(60))
def test_it(llm, number):
    assert llm(f"question {number}") == "Paris"
"""


def on_a_terminal(session: Session, *arguments: str) -> str:
    """What pytest writes to a terminal of 80 columns."""
    leader, follower = pty.openpty()
    without = [f"-pno:{name}" for name in WITHOUT]
    environment = {**os.environ, "COLUMNS": "80", "TERM": "xterm"}
    child = subprocess.Popen(
        [sys.executable, "-m", "pytest", *without, *arguments],
        cwd=session.path,
        stdout=follower,
        stderr=follower,
        env=environment,
    )
    os.close(follower)
    written = b""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if select.select([leader], [], [], 1.0)[0]:
            try:
                part = os.read(leader, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            written += part
    child.kill()
    child.wait()
    os.close(leader)
    return written.decode()


def screen(written: str) -> list[str]:
    """The lines a terminal shows in the end, of the few sequences pytest and we use."""
    lines, row, column = [""], 0, 0
    for token in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|[\s\S]", written):
        if token == "\n":
            row += 1
        elif token == "\r":
            column = 0
        elif token.startswith("\x1b["):
            number = (
                int(token[2:-1].split(";")[0] or 1)
                if token[2:-1].replace(";", "").isdigit() or token[2:-1] == ""
                else 0
            )
            if token.endswith("A"):
                row -= number
            elif token.endswith("C"):
                column += number
            elif token.endswith("K"):
                lines[row] = lines[row][:column]
        else:
            lines[row] = lines[row].ljust(column)[:column] + token + lines[row][column + 1 :]
            column += 1
        lines += [""] * (row + 1 - len(lines))
    return [line.rstrip() for line in lines]


def test_a_terminal_sees_how_far_it_is_and_nothing_is_left_of_it(plain_session: Session, server: Server) -> None:
    server.answer = lambda _: Reply(
        body=completion("Paris"), delay=0.12
    )  # in waves: the line is rewritten between them
    plain_session.write(SUITE)
    written = on_a_terminal(plain_session, "-pno:xdist", "--llm-budget=5", "--llm-concurrency=12", "-W", "ignore")
    assert re.search(r"\d+/60 tests \| \d+ in flight \| \$?[\d.]+ spent of \$?5", written)
    shown = screen(written)
    assert not [line for line in shown if "in flight" in line]
    assert [line for line in shown if re.fullmatch(r"test_it\.py \.{60}\s+\[100%\]", line)]


def test_without_a_terminal_there_are_dots_alone(plain_session: Session, server: Server) -> None:
    server.answer = lambda _: completion("Paris")
    plain_session.write(SUITE)
    result = plain_session.run()
    assert "in flight" not in result.stdout.str()
    assert "\x1b" not in result.stdout.str()


class SomeDone(NamedTuple):
    """What the line reads of a session of which some cases are done."""

    results: Sequence[int]
    selection: Selection = Selection(collected=60)
    skipped: Sequence[int] = ()
    regressed: int = 0
    billed: Billed = NOTHING_BILLED
    evaluation: Any = SimpleNamespace(compares=False, budget=None)


def test_the_time_that_is_left_is_told_after_two_seconds() -> None:
    some: Any = SomeDone(results=range(15))
    assert status(some, 3, 1.99, 80) == "15/60 tests | 3 in flight"
    assert status(some, 3, 2.0, 80) == "15/60 tests | 3 in flight | 0:06 left"
    assert status(some, 3, 30.0, 80) == "15/60 tests | 3 in flight | 1:30 left"


def test_how_long_the_first_call_has_been_waiting_is_told_from_the_first_second_on() -> None:
    some: Any = SomeDone(results=())
    assert status(some, 3, 9.0, 80, longest=0.9) == "0/60 tests | 3 in flight"
    assert status(some, 3, 9.0, 80, longest=12.2) == "0/60 tests | 3 in flight, the first for 12 s"
    assert status(None, 2, 9.0, 80, longest=1.0) == "no case finished yet | 2 in flight, the first for 1 s"


def test_a_provider_that_hangs_is_seen_before_anything_is_answered(plain_session: Session, server: Server) -> None:
    never = server.gate()
    server.answer = lambda _: Reply(body=completion("Paris"), gate=never)
    plain_session.write(
        """
        import pytest

        @pytest.mark.timeout(3)
        def test_it(llm):
            assert llm("question") == "Paris"
        """
    )
    written = on_a_terminal(plain_session, "-pno:xdist", "-ptimeout", "--llm-concurrency=1", "-W", "ignore")
    assert re.search(r"in flight, the first for [1-9]\d* s", written)


@pytest.mark.parametrize("done", [0, 60])
def test_no_time_is_told_before_the_first_case_and_after_the_last(done: int) -> None:
    some: Any = SomeDone(results=range(done))
    assert status(some, None, 9.0, 80) == f"{done}/60 tests"


@pytest.mark.slow
def test_a_provider_that_hangs_is_seen_during_a_test_that_waits_by_itself(
    plain_session: Session, server: Server
) -> None:
    plain_session.write("""
        import pytest

        @pytest.mark.llm_blocking
        def test_it(llm):
            print("said before")
            assert llm("Capital of France?") == "London"
    """)
    server.answer = lambda _: Reply(body=completion("Paris"), delay=2.5)
    written = on_a_terminal(plain_session, "--llm-mode=live")
    assert re.search(r"no case finished yet \| 1 in flight, the first for [12] s", written)
    shown = screen(written)
    assert shown.count("said before") == 1
    assert not any("in flight" in line for line in shown)
