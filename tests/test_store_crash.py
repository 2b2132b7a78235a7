"""Writers killed in the middle: what they said was kept is there, and nothing is half."""

import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

from pytest_llmeval.store import Entry, Recordings
from pytest_llmeval.store.cache import Cache

MODULE = "tests/test_x.py"
ROUNDS = 5  # of two processes each

CACHE_WRITER = """
import sys
from pathlib import Path
sys.path[:0] = {path!r}
from test_store_crash import entry
from pytest_llmeval.store.cache import Cache
cache = Cache(Path(sys.argv[1]), lambda text: print(text, flush=True))
number = int(sys.argv[2])
while True:
    cache.put(entry(number))
    print(number, flush=True)
    number += 1
"""

RECORDINGS_WRITER = """
import sys
from pathlib import Path
sys.path[:0] = {path!r}
from test_store_crash import MODULE, entry
from pytest_llmeval.store import Recordings
recordings = Recordings(Path(sys.argv[1]), lambda text: print(text, flush=True))
number = int(sys.argv[2])
while True:
    recordings.write(MODULE, [entry(number), entry(number + 1)])
    print(number, number + 1, flush=True)
    number += 2
"""


def entry(number: int) -> Entry:
    """Every fifth is so large that the cache puts it into a file."""
    size = 40_000 if number % 5 == 0 else 500
    return Entry(
        key=f"{number:064x}",
        provider="openai",
        model="m",
        path="/chat/completions",
        request={},
        sample=0,
        occurrence=0,
        case="test_x",
        response={"text": random.Random(number).randbytes(size).hex()},
        latency=0.25,
        recorded_at="2026-11-23T10:00:00Z",
    )


def start(code: str, directory: Path, first: int) -> subprocess.Popen[str]:
    code = code.format(path=[str(Path(__file__).parent), *sys.path])
    arguments = [sys.executable, "-c", code, str(directory), str(first)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def killed(code: str, directory: Path, seed: int) -> list[int]:
    """The numbers two processes said they had written before they were killed in the middle of the next."""
    random_ = random.Random(seed)
    processes = [start(code, directory, first) for first in (seed * 100_000, seed * 100_000 + 50_000)]
    written = []
    for process in processes:
        stream = process.stdout
        if stream is None:
            raise RuntimeError("no pipe")
        written += [stream.readline() for _ in range(random_.randint(1, 12))]
        process.kill()
    for process in processes:
        written.append(process.communicate()[0])
        assert process.returncode == -signal.SIGKILL
    return [int(number) for text in written for number in text.split()]


def test_a_cache_whose_writers_are_killed_keeps_every_entry(tmp_path: Path) -> None:
    warnings: list[str] = []
    written = []
    for seed in range(ROUNDS):
        written += killed(CACHE_WRITER, tmp_path / "cache", seed)

    cache = Cache(tmp_path / "cache", warnings.append)
    lost = [number for number in written if cache.get(entry(number).key) != entry(number)]
    cache.put(entry(7_000_000))
    assert cache.get(entry(7_000_000).key) == entry(7_000_000)
    cache.close()

    database = sqlite3.connect(tmp_path / "cache" / "cache.db")
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()
    assert len(written) >= 2 * ROUNDS
    assert lost == []
    assert warnings == []


def test_recordings_whose_writers_are_killed_are_whole(tmp_path: Path) -> None:
    warnings: list[str] = []
    written = []
    for seed in range(ROUNDS):
        written += killed(RECORDINGS_WRITER, tmp_path / "recordings", seed)
        recordings = Recordings(tmp_path / "recordings", warnings.append)
        assert [n for n in written if recordings.get(MODULE, entry(n).key) != entry(n)] == []

    recordings.write(MODULE, [entry(7_000_000)])
    assert list((tmp_path / "recordings").iterdir()) == [recordings.path(MODULE)], "what was left behind is swept"
    assert len(written) >= 4 * ROUNDS
    assert warnings == []
