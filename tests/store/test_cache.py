"""The cache at work: keeps what it is given, and is never in the way."""

import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pytest_llmeval.store.cache import Cache
from pytest_llmeval.store.entry import Entry
from tests import entries


def entry(number: int, **changes: Any) -> Entry:
    fields = {
        "request": {"messages": [{"role": "user", "content": f"Question {number}"}]},
        "case": f"tests/test_x.py::test_x[{number}]",
        "response": {"choices": [{"message": {"content": f"Answer {number}"}}]},
    }
    return entries.entry(number, **{**fields, **changes})


def in_child(action: Callable[[], bool]) -> bool:
    """Whether an action came true in a forked process."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if action() else 1)
        except BaseException:
            traceback.print_exc()
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_what_was_put_is_found_by_its_key(cache: Cache, warnings: list[str]) -> None:
    cache.put(entry(1, chunk_offsets=(0.1, 0.2), ttft=0.1, cost=0.5))

    assert cache.get(entry(1).key) == entry(1, chunk_offsets=(0.1, 0.2), ttft=0.1, cost=0.5)
    assert cache.get(entry(2).key) is None
    assert warnings == []


def test_a_later_put_replaces_an_earlier_one(cache: Cache) -> None:
    cache.put(entry(1))
    cache.put(entry(1, latency=2.0))

    assert cache.get(entry(1).key) == entry(1, latency=2.0)


def test_what_was_put_outlives_the_session(cache: Cache, warnings: list[str]) -> None:
    cache.put(entry(1))
    cache.close()

    assert cache.get(entry(1).key) == entry(1)
    again = Cache(cache.directory, warnings.append)
    assert again.get(entry(1).key) == entry(1)
    again.close()


def test_large_and_strange_answers_are_kept(cache: Cache, warnings: list[str]) -> None:
    texts = [os.urandom(100_000).hex(), "\ud83d\x00\u2028", "é" * 100_000, ""]
    for number, text in enumerate(texts):
        cache.put(entry(number, response={"text": text}))

    assert [found.response["text"] for n in range(4) if (found := cache.get(entry(n).key))] == texts
    assert warnings == []
    assert 100_000 < cache.size() < 2_000_000
    assert {path.suffix for path in cache.directory.iterdir()} <= {".db", ".db-shm", ".db-wal", ".TAG", ""}


@pytest.mark.parametrize("size", [0, 7_000, 8_191, 8_192, 8_193, 40_000])
def test_answers_of_any_length_are_kept(cache: Cache, warnings: list[str], size: int) -> None:
    digits, words = random.Random(size).randbytes(size // 2).hex(), "more " * (size // 5)
    kept = entry(1, response={"choices": [{"message": {"content": f"The digits: {digits}, and {words}"}}]})
    cache.put(kept)
    assert cache.get(kept.key) == kept
    assert warnings == []


def test_looking_makes_no_directory(cache: Cache) -> None:
    assert cache.get(entry(1).key) is None
    assert cache.size() == 0
    cache.close()
    assert not cache.directory.exists()


def test_the_directory_is_ours_alone_and_marked(cache: Cache) -> None:
    cache.put(entry(1))

    assert stat.S_IMODE(cache.directory.stat().st_mode) == 0o700
    assert (cache.directory / ".gitignore").read_text().splitlines()[-1] == "*"
    assert (cache.directory / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06e45de33e5e")


def test_a_directory_others_can_read_is_closed(cache: Cache, warnings: list[str]) -> None:
    cache.put(entry(1))
    cache.close()
    cache.directory.chmod(0o755)

    assert cache.get(entry(1).key) == entry(1)
    assert stat.S_IMODE(cache.directory.stat().st_mode) == 0o700
    assert warnings == []


def test_an_entry_that_could_not_be_read_back_is_not_kept(cache: Cache, warnings: list[str]) -> None:
    cache.put(entry(1, latency=float("nan")))
    cache.put(entry(2))

    assert cache.get(entry(1).key) is None
    assert cache.get(entry(2).key) == entry(2)
    assert len(warnings) == 1


def test_an_entry_that_cannot_be_kept_takes_none_of_the_others_with_it(cache: Cache, warnings: list[str]) -> None:
    cache.put(entry(1), entry(2, latency=float("nan")), entry(3))

    assert [cache.get(entry(number).key) for number in (1, 2, 3)] == [entry(1), None, entry(3)]
    assert len(warnings) == 1


def test_nothing_is_ever_evicted(cache: Cache) -> None:
    cache.put(entry(1))

    database = sqlite3.connect(cache.directory / "cache.db")
    settings = dict(database.execute("SELECT key, value FROM Settings"))
    database.close()
    assert settings["eviction_policy"] == "none"
    assert settings["cull_limit"] == 0


def test_threads_share_it_and_leave_no_connection_open(cache: Cache, warnings: list[str]) -> None:
    """A connection left open would be a ResourceWarning, which is an error here on Python 3.13."""

    def work(first: int) -> None:
        for number in range(first, first + 10):
            cache.put(entry(number))
            found.append(cache.get(entry(number).key))

    found: list[Entry | None] = []
    threads = [threading.Thread(target=work, args=(first,)) for first in (0, 10, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len([one for one in found if one]) == 30
    assert [cache.get(entry(n).key) for n in range(30)] == [entry(n) for n in range(30)]
    assert warnings == []
    cache.close()
    assert not (cache.directory / "cache.db-wal").exists(), "the last connection to close removes it"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_thread_that_stays_keeps_its_connection_until_it_leaves_and_no_fork_disturbs_it(cache: Cache) -> None:
    with ThreadPoolExecutor(max_workers=1) as thread:

        def keep(*numbers: int) -> sqlite3.Connection | None:
            cache.stay()
            cache.put(*map(entry, numbers))
            return cache._cache.connection if cache._cache is not None else None

        first = thread.submit(keep, 1, 2).result()
        assert in_child(lambda: cache.get(entry(2).key) == entry(2))
        second = thread.submit(keep, 3).result()
        thread.submit(cache.leave).result()
    assert first is not None
    assert first is second
    with pytest.raises(sqlite3.ProgrammingError, match="closed database"):
        first.total_changes  # noqa: B018  it asks the database
    assert not (cache.directory / "cache.db-wal").exists(), "the last connection to close removes it"
    assert [cache.get(entry(number).key) for number in (1, 2, 3)] == [entry(1), entry(2), entry(3)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_forked_process_opens_its_own(cache: Cache, warnings: list[str]) -> None:
    cache.put(entry(1))
    parents = cache._cache

    def child() -> bool:
        cache.put(entry(2))
        found = (cache.get(entry(1).key), cache.get(entry(2).key))
        return found == (entry(1), entry(2)) and cache._cache is not parents and not warnings

    assert in_child(child)
    cache.put(entry(3))
    assert [cache.get(entry(n).key) for n in (1, 2, 3)] == [entry(1), entry(2), entry(3)]
    assert warnings == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_process_forked_while_a_thread_opens_it_does_not_hang(cache: Cache) -> None:

    def child() -> bool:
        signal.alarm(20)
        cache.put(entry(1))
        return cache.get(entry(1).key) == entry(1)

    with cache._lock:
        assert in_child(child)


WRITER = """
import os
import sys
from pathlib import Path
sys.path[:0] = {path!r}
from tests.store.test_cache import entry
from pytest_llmeval.store.cache import Cache
cache = Cache(Path(sys.argv[1]), lambda text: print(text, flush=True))
for number in range(50):
    cache.put(entry(number, case=sys.argv[2], response={{"text": os.urandom(int(sys.argv[3])).hex()}}))
    if cache.get(entry(number).key) is None:
        print("missing", flush=True)
cache.close()
"""


@pytest.mark.slow
def test_processes_make_and_fill_one_cache_at_once(cache: Cache, warnings: list[str]) -> None:
    """One writes into the table, one into files, to the same keys; one of them wins and nothing is torn."""
    code = WRITER.format(path=[str(Path(__file__).parents[2]), *sys.path])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(cache.directory), case, size],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for case, size in (("short", "10"), ("long", "50000"))
    ]
    outputs = [process.communicate(timeout=60)[0] for process in processes]

    assert outputs == [b"", b""]
    found = [cache.get(entry(number).key) for number in range(50)]
    assert {(one.case, len(one.response["text"])) for one in found if one} <= {("short", 20), ("long", 100_000)}
    assert None not in found
    assert warnings == []


def test_all_entries_can_be_gone_through_and_some_removed(cache: Cache, warnings: list[str]) -> None:
    assert (cache.keys(), list(cache.entries()), cache.remove(["a"])) == ([], [], 0)
    entries = [entry(number) for number in range(5)]
    for one in entries:
        cache.put(one)

    assert list(cache.entries()) == entries
    assert cache.remove([entry(1).key, entry(3).key, entry(9).key]) == 2
    assert list(cache.entries()) == [entry(0), entry(2), entry(4)]
    assert warnings == []


def test_an_empty_reply_is_not_kept(cache: Cache) -> None:
    cache.put(entry(1, flaw="empty"))
    cache.put(entry(2, flaw="refusal"))

    assert [one.flaw for one in cache.entries()] == ["refusal"]
