"""What the store survives: writers killed in the middle, a full disk, a hostile directory.

    python benchmarks/store_faults.py [ROUNDS]

Writers are killed ROUNDS times (50 unless given), alone and four at once. A full disk and another user's directory
need a system where this user may mount and chown; else these two are left out. Exit code 1 when anything was lost,
run, read or deleted that must not be.
"""

from __future__ import annotations

import os
import pickle
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pytest_llmeval.errors import RecordingError
from pytest_llmeval.store.cache import Cache
from pytest_llmeval.store.recordings import Recordings
from tests.store.test_crash import MODULE, entry, kill_cache_writers, kill_recordings_writers

MUST_BE_ZERO = ("lost", "unsound", "half a file", "run", "answers taken", "deleted outside")


def in_fives(folder: Path, rounds: int, writers: int) -> dict[str, int]:
    """Kill writers of recordings, with a new file after five rounds: each write rewrites the whole file."""
    total: Counter[str] = Counter()
    for number, first in enumerate(range(0, rounds, 5)):
        here = folder / f"recordings-{writers}-{number}"
        total.update(kill_recordings_writers(here, min(5, rounds - first), writers))
    return dict(total)


def full_disk(folder: Path) -> dict[str, int] | None:
    """Fill a small disk with a cache and a file of recordings."""
    disk = folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m,mode=700", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        return None
    try:
        warnings: list[str] = []
        recordings = Recordings(disk / "recordings", warnings.append)
        recordings.write(MODULE, [entry(1)])
        cache = Cache(disk / "cache", warnings.append)
        number = 0
        while not warnings and number < 10_000:
            number += 1
            cache.put(entry(number))
        lost = sum(cache.get(entry(earlier).key) != entry(earlier) for earlier in range(1, number))
        cache.close()
        try:
            recordings.write(MODULE, [entry(other) for other in range(5, 500, 5)])
            refused = 0
        except RecordingError:
            refused = 1
        broken = Recordings(disk / "recordings", warnings.append).get(MODULE, entry(1).key) != entry(1)
        return {
            "written": number - 1,
            "lost": lost,
            "warnings": len(warnings),
            "refused": refused,
            "half a file": int(broken),
        }
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


def another_user(folder: Path) -> dict[str, int] | None:
    """Look into a cache that belongs to another user, or that others may write."""
    if os.geteuid() != 0:
        return None
    taken = warned = 0
    for number, change in enumerate[Callable[[Path], Any]](
        [
            lambda path: os.chown(path, 65534, 65534),
            lambda path: os.chown(path / "cache.db", 65534, 65534),
            lambda path: path.chmod(0o777),
        ]
    ):
        warnings: list[str] = []
        cache = Cache(folder / f"foreign-{number}", warnings.append)
        cache.put(entry(1))
        cache.close()
        change(cache.directory)
        cache = Cache(cache.directory, warnings.append)
        cache.put(entry(2))
        taken += cache.get(entry(1).key) is not None
        warned += len(warnings)
        cache.close()
    return {"directories": 3, "answers taken": taken, "warnings": warned}


class Canary:
    """Makes a directory when it is unpickled."""

    def __init__(self, nest: Path) -> None:
        self.nest = nest

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.mkdir, (str(self.nest),))


def hostile(folder: Path) -> dict[str, int]:
    """Attack a cache by way of its rows and files, then read, overwrite and delete what is attacked."""
    nest, outside = folder / "nest", folder / "outside.val"
    pickled = pickle.dumps(Canary(nest))
    bomb = zlib.compress(b"a" * 200_000_000)
    link = "ab/cd/" + "0" * 28 + ".val"
    rows: list[tuple[str, tuple[object, ...]]] = [
        ("UPDATE Cache SET mode = 4, value = ?", (pickled,)),
        ("UPDATE Cache SET raw = 0, key = ?", (pickled,)),
        ("INSERT INTO Settings VALUES ('get', ?)", (pickled,)),
        ("UPDATE Cache SET value = ?", (bomb,)),
        *(
            ("UPDATE Cache SET mode = 2, value = NULL, filename = ?", (name,))
            for name in ("../outside.val", str(outside), link, "ab/../../outside.val", "ab/cd/" + "0" * 28 + ".val\0")
        ),
    ]
    counts = dict.fromkeys(("attacks", "run", "answers taken", "deleted outside"), 0)
    for number, (statement, arguments) in enumerate(rows):
        cache = Cache(folder / f"hostile-{number}", lambda _: None)
        cache.put(entry(1, 500))
        cache.close()
        (cache.directory / link).parent.mkdir(parents=True)
        (cache.directory / link).symlink_to(outside)
        database = sqlite3.connect(cache.directory / "cache.db")
        # An answer that would be taken, were it read from there.
        outside.write_bytes(database.execute("SELECT value FROM Cache").fetchone()[0])
        with database:
            database.execute(statement, arguments)
        database.close()
        cache = Cache(cache.directory, lambda _: None)
        counts["attacks"] += 1
        counts["answers taken"] += cache.get(entry(1).key) is not None
        list(cache.entries())
        cache.remove(cache.keys())
        cache.put(entry(1))
        cache.close()
        counts["run"] += nest.exists()
        counts["deleted outside"] += not outside.exists()
    return counts


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    folder = Path(tempfile.mkdtemp(prefix="store-faults-"))
    faults: dict[str, Callable[[], dict[str, int] | None]] = {
        "cache, one writer": lambda: kill_cache_writers(folder / "cache-1", rounds, 1),
        "cache, four writers": lambda: kill_cache_writers(folder / "cache-4", rounds, 4),
        "recordings, one writer": lambda: in_fives(folder, rounds, 1),
        "recordings, four writers": lambda: in_fives(folder, rounds, 4),
        "full disk": lambda: full_disk(folder),
        "another user's cache": lambda: another_user(folder),
        "hostile cache": lambda: hostile(folder),
    }
    failed = False
    try:
        for name, run in faults.items():
            start = time.perf_counter()
            counts = run()
            if counts is None:
                print(f"{name:26} left out: this user may not do that here")
                continue
            failed |= any(counts.get(word) for word in MUST_BE_ZERO)
            figures = ", ".join(f"{count} {word}" for word, count in counts.items())
            print(f"{name:26} {figures} ({time.perf_counter() - start:.0f} s)", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
