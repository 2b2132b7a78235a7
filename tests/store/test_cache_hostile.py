"""A cache directory that somebody else has prepared: nothing of it is run, followed or deleted."""

import os
import pickle
import sqlite3
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import diskcache
import pytest

from pytest_llmeval.store.cache import Cache
from pytest_llmeval.store.entry import Entry

ENTRY = Entry(
    key="a" * 64,
    provider="openai",
    model="m",
    path="/chat/completions",
    request={},
    sample=0,
    occurrence=0,
    case="test_x",
    response={"text": "hello"},
    latency=0.25,
    recorded_at="2026-11-23T10:00:00Z",
)


class Canary:
    """Makes a directory when it is unpickled."""

    def __init__(self, nest: Path) -> None:
        self.nest = nest

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.mkdir, (str(self.nest),))


@pytest.fixture
def cache(tmp_path: Path, warnings: list[str]) -> Iterator[Cache]:
    cache = Cache(tmp_path / "cache", warnings.append)
    cache.put(ENTRY)
    cache.close()
    yield cache
    cache.close()


@pytest.fixture
def nest(tmp_path: Path) -> Path:
    return tmp_path / "nest"


def execute(cache: Cache, statement: str, *arguments: object) -> None:
    database = sqlite3.connect(cache.directory / "cache.db")
    with database:
        database.execute(statement, arguments)
    database.close()


def test_the_canary_sings_in_a_plain_diskcache(tmp_path: Path, nest: Path) -> None:
    """Else the tests below would prove nothing."""
    with diskcache.Cache(str(tmp_path / "plain")) as plain:
        plain.set("k", "v")
        plain._sql("UPDATE Cache SET mode = 4, value = ?", (pickle.dumps(Canary(nest)),))
        plain.get("k")

    assert nest.exists()


def test_a_pickled_value_is_not_loaded(cache: Cache, nest: Path, warnings: list[str]) -> None:
    execute(cache, "UPDATE Cache SET mode = 4, value = ?", pickle.dumps(Canary(nest)))

    assert cache.get(ENTRY.key) is None
    assert not nest.exists()
    assert "refusing a row of mode 4" in warnings[0]
    cache.put(ENTRY)
    assert cache.get(ENTRY.key) == ENTRY
    assert not nest.exists()


def test_a_pickled_value_in_a_file_is_not_loaded(cache: Cache, nest: Path) -> None:
    file = cache.directory / "aa" / "bb" / ("c" * 28 + ".val")
    file.parent.mkdir(parents=True)
    file.write_bytes(pickle.dumps(Canary(nest)))
    for mode in (4, 3, 2):
        execute(cache, "UPDATE Cache SET mode = ?, value = NULL, filename = ?", mode, f"aa/bb/{file.name}")
        assert cache.get(ENTRY.key) is None

    assert not nest.exists()


def test_a_compressed_pickle_is_not_loaded(cache: Cache, nest: Path) -> None:
    execute(cache, "UPDATE Cache SET value = ?", zlib.compress(pickle.dumps(Canary(nest))))

    assert cache.get(ENTRY.key) is None
    assert not nest.exists()


def test_a_pickled_key_is_not_loaded(cache: Cache, nest: Path) -> None:
    execute(cache, "UPDATE Cache SET raw = 0, key = ?", pickle.dumps(Canary(nest)))

    assert cache.get(ENTRY.key) is None
    cache.put(ENTRY)
    assert cache.get(ENTRY.key) == ENTRY
    assert cache._cache is not None
    with pytest.raises(ValueError, match="refusing a key that is not text"):
        list(cache._cache)
    assert not nest.exists()


@pytest.mark.parametrize(
    "name",
    [
        "../secret.val",
        "{outside}",
        "aa/bb/../../../secret.val",
        "cache.db",
        "aa/bb/" + "c" * 28 + ".val/../../../../secret.val",
        b"../secret.val",
        7,
        "",
    ],
)
def test_a_file_outside_is_neither_read_nor_deleted(
    cache: Cache, tmp_path: Path, warnings: list[str], name: object
) -> None:
    secret = tmp_path / "secret.val"
    secret.write_bytes(zlib.compress(b"a secret"))
    name = str(secret) if name == "{outside}" else name
    execute(cache, "UPDATE Cache SET mode = 2, value = NULL, filename = ?", name)

    assert cache.get(ENTRY.key) is None
    cache.put(ENTRY)

    assert cache.get(ENTRY.key) == ENTRY
    assert secret.exists()
    assert "refusing a row of mode 2" in warnings[0]


@pytest.mark.parametrize("linked", ["file", "folder"])
def test_a_link_is_not_followed(cache: Cache, tmp_path: Path, warnings: list[str], linked: str) -> None:
    name = "c" * 28 + ".val"
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / name).write_bytes(zlib.compress(b"a secret"))
    (cache.directory / "aa").mkdir()
    if linked == "folder":
        (cache.directory / "aa" / "bb").symlink_to(outside)
    else:
        (cache.directory / "aa" / "bb").mkdir()
        (cache.directory / "aa" / "bb" / name).symlink_to(outside / name)
    execute(cache, "UPDATE Cache SET mode = 2, value = NULL, filename = ?", f"aa/bb/{name}")

    assert cache.get(ENTRY.key) is None
    cache.put(ENTRY)

    assert cache.get(ENTRY.key) == ENTRY
    assert (outside / name).exists()
    assert "refusing a row of mode 2" in warnings[0]


@pytest.mark.slow
def test_a_bomb_is_not_unpacked(cache: Cache, warnings: list[str]) -> None:
    execute(cache, "UPDATE Cache SET value = ?", zlib.compress(b"0" * 200 * 2**20, 9))

    assert cache.get(ENTRY.key) is None
    assert "cut off or too large" in warnings[0]


def test_an_answer_that_is_too_large_is_not_kept(cache: Cache, warnings: list[str]) -> None:
    cache.put(replace(ENTRY, key="b" * 64, response={"text": "0" * 33 * 2**20}))

    assert cache.get("b" * 64) is None
    assert cache.get(ENTRY.key) == ENTRY
    assert "refusing to store more than" in warnings[0]


@pytest.mark.parametrize("name", ["get", "set", "_disk", "close", "disk_fetch", "disk__directory", "sqlite_temp_store"])
def test_settings_cannot_replace_what_the_cache_does(
    cache: Cache, tmp_path: Path, warnings: list[str], name: str
) -> None:
    execute(cache, "INSERT INTO Settings VALUES (?, ?)", name, str(tmp_path))

    assert cache.get(ENTRY.key) is None
    cache.put(ENTRY)

    assert cache.get(ENTRY.key) == ENTRY
    assert len(list(tmp_path.glob("cache.corrupt-*"))) == 1
    assert "settings diskcache does not know" in warnings[0]


@pytest.mark.parametrize("kind", ["'wal'; ATTACH 'x' AS y", 2**40])
def test_settings_of_the_file_are_not_used(cache: Cache, kind: object, tmp_path: Path) -> None:
    execute(cache, "UPDATE Settings SET value = ? WHERE key LIKE 'sqlite_%'", kind)

    assert cache.get(ENTRY.key) in (None, ENTRY)
    cache.put(ENTRY)
    assert cache.get(ENTRY.key) == ENTRY
    assert min(path.name.partition(".corrupt")[0] for path in tmp_path.iterdir()) == "cache"


def test_views_are_not_queried(cache: Cache, warnings: list[str]) -> None:
    execute(cache, "CREATE VIEW Anything AS SELECT 1")

    assert cache.get(ENTRY.key) is None
    assert "views" in warnings[0]


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o720])
def test_a_directory_others_may_write_is_refused(cache: Cache, warnings: list[str], mode: int) -> None:
    cache.directory.chmod(mode)

    assert cache.get(ENTRY.key) is None
    cache.put(ENTRY)

    assert len(warnings) == 1
    assert "can be written by others (chmod 700 it, or delete it)" in warnings[0]
    assert cache.directory.exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_somebody_else_is_refused(cache: Cache, warnings: list[str]) -> None:
    os.chown(cache.directory, 12345, 12345)

    assert cache.get(ENTRY.key) is None
    assert "belongs to somebody else" in warnings[0]


def test_a_linked_directory_is_refused(cache: Cache, tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / "link").symlink_to(cache.directory)
    linked = Cache(tmp_path / "link", said.append)

    assert linked.get(ENTRY.key) is None
    assert "is a link" in said[0]


def test_a_linked_database_is_refused(cache: Cache, tmp_path: Path, warnings: list[str]) -> None:
    elsewhere = tmp_path / "elsewhere.db"
    (cache.directory / "cache.db").rename(elsewhere)
    before = elsewhere.read_bytes()
    (cache.directory / "cache.db").symlink_to(elsewhere)

    assert cache.get(ENTRY.key) is None
    cache.put(ENTRY)
    assert elsewhere.read_bytes() == before
    assert "holds a cache.db that is a link" in warnings[0]


def test_what_is_said_about_it_is_harmless(cache: Cache, warnings: list[str]) -> None:
    execute(cache, "UPDATE Cache SET mode = ?", "\x1b]0;title\x07\n::error::")

    assert cache.get(ENTRY.key) is None
    assert not set(warnings[0]) & set("\x1b\x07\n")
