"""The cache when its directory is broken, full, locked or newer: one warning, a miss, and no exception."""

import os
import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_llmeval.store.cache import Cache
from tests.entries import entry


@pytest.fixture
def filled(cache: Cache) -> Cache:
    for number in range(200):
        cache.put(entry(number))
    cache.put(entry(1000, response={"text": os.urandom(100_000).hex()}))
    cache.close()
    return cache


def execute(cache: Cache, statement: str, *arguments: object) -> None:
    database = sqlite3.connect(cache.directory / "cache.db")
    with database:
        database.execute(statement, arguments)
    database.close()


def damaged(content: bytes, how: str) -> bytes:
    middle = len(content) // 2
    return {
        "header": b"\0" * 100 + content[100:],
        "text": b"this is no database at all" * 100,
        "half": content[:middle],
        "all pages but the first": content[:4096] + random.Random(1).randbytes(len(content) - 4096),
    }[how]


@pytest.mark.parametrize("how", ["header", "text", "half", "all pages but the first"])
@pytest.mark.parametrize("first", ["get", "put"])
def test_a_corrupt_database_is_moved_aside_and_a_new_one_works(
    filled: Cache, warnings: list[str], how: str, first: str
) -> None:
    database = filled.directory / "cache.db"
    broken = damaged(database.read_bytes(), how)
    database.write_bytes(broken)

    if first == "get":
        assert filled.get(entry(1).key) is None
    filled.put(entry(2))
    assert filled.get(entry(2).key) == entry(2)
    assert filled.get(entry(1).key) is None

    (aside,) = filled.directory.parent.glob("cache.corrupt-*")
    assert (aside / "cache.db").stat().st_size >= len(broken) // 2
    assert len(warnings) == 1
    assert "the reply cache was corrupt" in warnings[0]
    assert "started again" in warnings[0]


def test_a_database_that_breaks_during_the_session_is_moved_aside_once(filled: Cache, warnings: list[str]) -> None:
    assert filled.get(entry(1).key) == entry(1)
    database = filled.directory / "cache.db"
    size = database.stat().st_size
    with database.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))

    for number in range(200):
        filled.get(entry(number).key)
    filled.put(entry(500))

    assert filled.get(entry(500).key) == entry(500)
    assert len(warnings) <= 1
    assert len(list(filled.directory.parent.glob("cache.corrupt-*"))) <= 1


def test_two_processes_that_meet_a_corrupt_database_move_it_once(filled: Cache, warnings: list[str]) -> None:
    other = Cache(filled.directory, warnings.append, lock_timeout=0.2)
    assert other.get(entry(1).key) == entry(1)
    database = filled.directory / "cache.db"
    database.write_bytes(damaged(database.read_bytes(), "all pages but the first"))

    filled.put(entry(300))
    for number in range(200):
        other.get(entry(number).key)
    other.put(entry(301))

    assert filled.get(entry(300).key) == entry(300)
    assert filled.get(entry(301).key) == entry(301)
    assert len(list(filled.directory.parent.glob("cache.corrupt-*"))) == 1
    other.close()


def test_an_empty_or_missing_database_is_an_empty_cache(filled: Cache, warnings: list[str]) -> None:
    (filled.directory / "cache.db").write_bytes(b"")
    assert filled.get(entry(1).key) is None
    filled.close()
    (filled.directory / "cache.db").unlink()
    assert filled.get(entry(1).key) is None
    filled.put(entry(1))
    assert filled.get(entry(1).key) == entry(1)
    assert warnings == []


def test_another_database_is_moved_aside(cache: Cache, warnings: list[str]) -> None:
    cache.directory.mkdir(mode=0o700)
    execute(cache, "CREATE TABLE Cache (something TEXT)")

    cache.put(entry(1))

    assert cache.get(entry(1).key) == entry(1)
    assert "the reply cache was corrupt" in warnings[0]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("value", b"\0" * 50),
        ("value", b""),
        ("value", None),
        ("value", "text"),
        ("value", 7),
        ("mode", 0),
        ("mode", "one"),
        ("raw", 0),
    ],
)
def test_a_damaged_entry_is_a_miss_and_can_be_replaced(
    filled: Cache, warnings: list[str], column: str, value: object
) -> None:
    execute(filled, f"UPDATE Cache SET {column} = ? WHERE key = ?", value, entry(1).key)  # noqa: S608

    assert filled.get(entry(1).key) is None
    assert filled.get(entry(2).key) == entry(2)
    filled.put(entry(1, latency=1.0))
    assert filled.get(entry(1).key) == entry(1, latency=1.0)
    assert len(warnings) == (0 if column == "raw" else 1)


def put_text(cache: Cache, key: str, text: str) -> None:
    from pytest_llmeval.store.disk import open_cache

    raw = open_cache(cache.directory, 1)
    raw.set(key, text)
    raw.close()


def text_of(cache: Cache, key: str) -> str:
    from pytest_llmeval.store.disk import open_cache

    raw = open_cache(cache.directory, 1)
    text: str = raw.get(key)
    raw.close()
    return text


@pytest.mark.parametrize("change", [("Answer", "Ensure"), ("0.25", "0.26"), ('"version":1}\n', '"version":0}\n')])
def test_an_entry_that_does_not_match_its_checksum_is_a_miss(
    cache: Cache, warnings: list[str], change: tuple[str, str]
) -> None:
    cache.put(entry(1, response={"text": "Answer"}))
    cache.close()
    text = text_of(cache, entry(1).key)
    assert change[0] in text
    put_text(cache, entry(1).key, text.replace(*change))

    assert cache.get(entry(1).key) is None
    assert len(warnings) == 1
    assert "does not match its checksum" in warnings[0]


def test_an_entry_under_the_key_of_another_is_a_miss(filled: Cache, warnings: list[str]) -> None:
    put_text(filled, entry(1).key, text_of(filled, entry(2).key))

    assert filled.get(entry(1).key) is None
    assert "cannot be trusted" in warnings[0]


def test_an_entry_of_a_newer_version_is_a_miss_and_left_alone(cache: Cache, warnings: list[str]) -> None:
    cache.put(entry(1))
    cache.close()
    newer = '{"key":"in whatever way","version":2}\nwhat nobody knows yet'
    put_text(cache, entry(1).key, newer)

    assert cache.get(entry(1).key) is None
    cache.put(entry(1))
    assert cache.get(entry(1).key) is None
    cache.close()
    assert text_of(cache, entry(1).key) == newer
    assert warnings == []


def test_a_locked_database_costs_one_wait_and_one_warning(filled: Cache, warnings: list[str]) -> None:
    """Whoever waits again for each reply hangs; so nothing more is kept, not even when the lock is gone."""
    assert filled.get(entry(1).key) == entry(1)
    locker = sqlite3.connect(filled.directory / "cache.db", isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")

    for number in range(2000, 2200):
        filled.put(entry(number))

    assert filled.get(entry(1).key) == entry(1)
    assert filled.get(entry(2000).key) is None
    locker.close()
    filled.put(entry(3000))
    assert filled.get(entry(3000).key) is None
    assert len(warnings) == 1
    assert "is locked by another process" in warnings[0]


def test_a_cache_that_is_locked_when_it_is_opened_is_not_used(filled: Cache, warnings: list[str]) -> None:
    locker = sqlite3.connect(filled.directory / "cache.db", isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")

    assert [filled.get(entry(number).key) for number in range(200)] == [None] * 200

    locker.close()
    assert len(warnings) == 1
    assert "is locked by another process" in warnings[0]
    assert not list(filled.directory.parent.glob("cache.corrupt-*"))


def test_a_new_database_that_somebody_locks_is_not_used(cache: Cache, warnings: list[str]) -> None:
    """Where diskcache itself would wait a minute to switch its journal on."""
    cache.directory.mkdir(mode=0o700)
    execute(cache, "CREATE TABLE Settings (key TEXT NOT NULL UNIQUE, value)")
    locker = sqlite3.connect(cache.directory / "cache.db", isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")

    cache.put(entry(1))

    locker.close()
    assert len(warnings) == 1
    assert "is locked by another process" in warnings[0]


def test_a_lock_taken_between_the_look_and_the_opening_is_bounded_too(filled: Cache) -> None:
    """Where diskcache itself waits a minute for each of twenty statements."""
    from pytest_llmeval.store.disk import BoundedCache

    locker = sqlite3.connect(filled.directory / "cache.db", isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError) as caught:
        BoundedCache(str(filled.directory), 0.1)
    locker.close()
    assert caught.value.sqlite_errorcode == sqlite3.SQLITE_BUSY


@pytest.mark.parametrize("place", ["file", "file/cache", "\0"])
def test_a_place_where_no_directory_can_be_is_one_warning(tmp_path: Path, warnings: list[str], place: str) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = Cache(tmp_path / place, warnings.append)

    cache.put(entry(1))
    cache.put(entry(2))

    assert cache.get(entry(1).key) is None
    assert cache.size() == 0
    assert len(warnings) == 1
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_path_diskcache_would_rewrite_is_not_used(
    tmp_path: Path, warnings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELSEWHERE", "elsewhere")
    cache = Cache(tmp_path / "$ELSEWHERE" / "cache", warnings.append)

    cache.put(entry(1))

    assert len(warnings) == 1
    assert not (tmp_path / "elsewhere").exists()


def test_a_crash_within_a_session_leaves_nothing_open() -> None:
    """On 3.13 an unclosed connection is a ResourceWarning when the interpreter ends."""
    code = (
        f"import sys, tempfile, pathlib; sys.path[:0] = {[str(Path(__file__).parents[2]), *sys.path]!r}\n"
        "from tests.store.test_cache_faults import entry\n"
        "from pytest_llmeval.store.cache import Cache\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    pathlib.Path(folder, 'cache').mkdir(mode=0o700)\n"
        "    pathlib.Path(folder, 'cache', 'cache.db').write_text('no database' * 1000)\n"
        "    cache = Cache(pathlib.Path(folder, 'cache'), print)\n"
        "    cache.put(entry(1)); assert cache.get(entry(1).key) == entry(1); cache.close()\n"
    )
    result = subprocess.run([sys.executable, "-Werror", "-c", code], capture_output=True, text=True, check=False)

    assert (result.returncode, result.stderr) == (0, "")
    assert "started again" in result.stdout
