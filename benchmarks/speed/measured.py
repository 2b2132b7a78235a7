"""Runs a command and measures it and all the processes it starts (from /proc, so on Linux)."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Measured", "run"]

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_BETWEEN = 0.05  # seconds between two looks at the processes


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One run of a command.

    Attributes:
        wall: seconds from its start to its end.
        cpu: seconds, user and system, of the whole tree.
        memory: the most bytes resident at once, summed over the tree.
        status: exit status, None when it was stopped because it took too long.
        output: what it printed.
    """

    wall: float
    cpu: float
    memory: int
    status: int | None
    output: str


def run(command: list[str], folder: Path, environment: Mapping[str, str], patience: float) -> Measured:
    """Run a command to its end, or to the end of `patience` seconds."""
    output = folder / "output.txt"
    with output.open("wb") as file:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        watch = _Watch(process.pid, patience)
        try:
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            wall = time.perf_counter() - begun
        finally:
            watch.end()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return Measured(
        wall=wall,
        cpu=max(used.ru_utime + used.ru_stime, sum(watch.cpu.values())),
        memory=watch.memory,  # not ru_maxrss, which begins with the size of the process that forked
        status=None if watch.stopped else process.returncode,
        output=output.read_text(encoding="utf-8", errors="replace"),
    )


class _Watch:
    """Looks at a tree of processes again and again; stops it when it has taken too long."""

    def __init__(self, root: int, patience: float) -> None:
        self.memory = 0
        self.cpu: dict[int, float] = {}
        self.stopped = False
        self._root = root
        self._deadline = time.monotonic() + patience
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop looking; what the command has left behind is stopped."""
        self._over.set()
        self._thread.join()
        self._stop()

    def _look(self) -> None:
        while not self._over.wait(_BETWEEN):
            if time.monotonic() > self._deadline:
                self.stopped = True
                self._stop()
                return
            self.memory = max(self.memory, sum(self._resident(pid) for pid in _tree(self._root)))

    def _resident(self, pid: int) -> int:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            return 0
        self.cpu[pid] = (int(fields[11]) + int(fields[12])) / _TICKS
        return int(fields[21]) * _PAGE

    def _stop(self) -> None:
        # The session that the command was started in, nothing else: its leader is not reaped yet, so the id is its own.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._root, signal.SIGKILL)


def _tree(root: int) -> Iterator[int]:
    yield root
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{root}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _tree(int(child))
