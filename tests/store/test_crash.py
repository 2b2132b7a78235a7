"""Writers killed in the middle: what they said was kept is there, and nothing is half.

``benchmarks/store_faults.py`` does the same fifty times over.
"""

import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

from pytest_llmeval.store.cache import Cache
from pytest_llmeval.store.entry import Entry
from pytest_llmeval.store.recordings import Recordings

MODULE = "tests/test_x.py"
ROUNDS = 2
WRITERS = 4
LATER = 999_999_999

CACHE_WRITER = """
import sys
from pathlib import Path
sys.path[:0] = {path!r}
from tests.store.test_crash import entry
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
from tests.store.test_crash import MODULE, entry
from pytest_llmeval.store.recordings import Recordings
recordings = Recordings(Path(sys.argv[1]), lambda text: print(text, flush=True))
number = int(sys.argv[2])
while True:
    recordings.write(MODULE, [entry(number, 500), entry(number + 1, 500)])
    print(number, number + 1, flush=True)
    number += 2
"""


def entry(number: int, size: int | None = None) -> Entry:
    """Every fifth is so large that the cache puts it into a file, unless a size in bytes is given."""
    size = size or (40_000 if number % 5 == 0 else 500)
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
    code = code.format(path=[str(Path(__file__).parents[2]), *sys.path])
    arguments = [sys.executable, "-c", code, str(directory), str(first)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def killed(code: str, directory: Path, seed: int, writers: int, most: int = 12) -> list[int]:
    """The numbers some processes said they had written before they were killed in the middle of the next."""
    random_ = random.Random(seed)
    processes = [start(code, directory, seed * 1_000_000 + 100_000 * number) for number in range(writers)]
    written = []
    for process in processes:
        stream = process.stdout
        if stream is None:
            raise RuntimeError("no pipe")
        written += [stream.readline() for _ in range(random_.randint(1, most))]
        process.kill()
    for process in processes:
        written.append(process.communicate()[0])
        assert process.returncode == -signal.SIGKILL
    return [int(number) for text in written for number in text.split()]


def kill_cache_writers(directory: Path, rounds: int, writers: int) -> dict[str, int]:
    """Kill processes that write one cache again and again, and count what is there in the end."""
    warnings: list[str] = []
    written = [number for seed in range(rounds) for number in killed(CACHE_WRITER, directory, seed, writers)]
    cache = Cache(directory, warnings.append)
    lost = sum(cache.get(entry(number).key) != entry(number) for number in written)
    cache.put(entry(LATER))
    lost += cache.get(entry(LATER).key) != entry(LATER)
    cache.close()
    database = sqlite3.connect(directory / "cache.db")
    sound = database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()
    return {
        "kills": rounds * writers,
        "written": len(written),
        "lost": lost,
        "unsound": int(not sound),
        "warnings": len(warnings),
    }


def kill_recordings_writers(directory: Path, rounds: int, writers: int) -> dict[str, int]:
    """Kill processes that write one file of recordings again and again, and count what is there after each time."""
    warnings: list[str] = []
    written, lost = [], 0
    for seed in range(rounds):
        written += killed(RECORDINGS_WRITER, directory, seed, writers, most=4)
        recordings = Recordings(directory, warnings.append)
        lost += sum(recordings.get(MODULE, entry(number).key) != entry(number, 500) for number in written)
    Recordings(directory, warnings.append).write(MODULE, [entry(LATER, 500)])
    left = len(list(directory.iterdir())) - 1
    return {
        "kills": rounds * writers,
        "written": len(written),
        "lost": lost,
        "warnings": len(warnings),
        "left behind": left,
    }


def test_a_cache_whose_writers_are_killed_keeps_every_entry(tmp_path: Path) -> None:
    counts = kill_cache_writers(tmp_path / "cache", ROUNDS, WRITERS)

    assert counts.pop("written") >= ROUNDS * WRITERS
    assert counts == {"kills": ROUNDS * WRITERS, "lost": 0, "unsound": 0, "warnings": 0}


def test_recordings_whose_writers_are_killed_are_whole(tmp_path: Path) -> None:
    counts = kill_recordings_writers(tmp_path / "recordings", ROUNDS, WRITERS)

    assert counts.pop("written") >= 2 * ROUNDS * WRITERS
    assert counts == {"kills": ROUNDS * WRITERS, "lost": 0, "warnings": 0, "left behind": 0}
