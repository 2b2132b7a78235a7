"""A diskcache that reads only text, and its directory; imported only when the cache is used.

diskcache unpickles what it finds (CVE-2025-69872), follows any file name in its table, takes settings from it as
attributes, and waits for locks without limit: anyone who can write into the directory can run code. All of that is
closed here and raises an exception. The directory belongs to us alone, is marked so that it is neither committed nor
backed up, and is not on a network file system, where SQLite's locks do not work.
"""

from __future__ import annotations

import os
import re
import sqlite3
import stat
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diskcache
from diskcache.core import DBNAME, DEFAULT_SETTINGS, METADATA, MODE_RAW

from pytest_llmeval.clock import Clock

DATABASE: str = DBNAME
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
LARGEST_TEXT = 32 * 2**20
_SHORT = 2**13  # bytes; to set up zlib's usual memory takes several times as long as to compress such a text

# All are given, so that none is read from the file. Nothing is evicted.
_SETTINGS = {
    **DEFAULT_SETTINGS,
    "eviction_policy": "none",
    "cull_limit": 0,
    "size_limit": 2**40,
    "statistics": 0,
    "tag_index": 0,
    # Values never go into files: a test may have put a file system of its own in the place of the real one.
    "disk_min_file_size": 2 * LARGEST_TEXT,
}

_COLUMNS = (
    "SELECT rowid, key, raw, store_time, expire_time, access_time, access_count, tag, size, mode, filename, value"
    " FROM Cache LIMIT 0"
)

_PUT = (
    "INSERT INTO Cache (key, raw, store_time, access_time, size, mode, filename, value) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (key, raw) DO UPDATE SET store_time = excluded.store_time, access_time = excluded.access_time,"
    " size = excluded.size, mode = excluded.mode, filename = excluded.filename, value = excluded.value"
)


class TextDisk(diskcache.Disk):  # type: ignore[misc]
    """Keys are text; values are compressed text in the table."""

    def put(self, key: Any) -> tuple[str, bool]:
        """The key in the table."""
        if type(key) is not str:
            raise ValueError("refusing a key that is not text")
        return key, True

    def get(self, key: Any, raw: Any) -> str:
        """The key from the table."""
        if not raw or type(key) is not str:
            raise ValueError("refusing a key that is not text")
        return key

    def store(self, value: Any, read: bool, key: Any = None) -> tuple[int, int, str | None, Any]:
        """Compress a text and store it in the table."""
        if type(value) is not str or read:
            raise ValueError("refusing to store what is not text")
        content = value.encode("ascii")
        if len(content) > LARGEST_TEXT:
            raise ValueError(f"refusing to store more than {LARGEST_TEXT} bytes")
        stored: tuple[int, int, str | None, Any] = super().store(_compressed(content), read=False, key=key)
        return stored

    def fetch(self, mode: Any, filename: Any, value: Any, read: bool) -> str:
        """The text of a row."""
        if read:
            raise ValueError("refusing to hand out a file")
        if mode != MODE_RAW or type(value) is not bytes:
            raise ValueError(f"refusing a row of mode {mode!r:.20}")
        decompressor = zlib.decompressobj()
        text = decompressor.decompress(value, LARGEST_TEXT)
        if not decompressor.eof:
            raise ValueError("a value is cut off or too large")
        return text.decode("ascii")

    def remove(self, file_path: Any) -> None:
        """Delete nothing: no value is in a file."""


def _compressed(content: bytes) -> bytes:
    if len(content) > _SHORT:
        return zlib.compress(content, 1)
    compressor = zlib.compressobj(1, wbits=_SHORT.bit_length() - 1, memLevel=6)
    return compressor.compress(content) + compressor.flush()


class Unsupported(OSError):
    """This diskcache is not one we know: the cache is not used, and nothing in it is touched."""

    def __init__(self, missing: str) -> None:
        version = getattr(diskcache, "__version__", "")
        super().__init__(f"cannot be used: diskcache {version} has no Cache.{missing}; install diskcache 5.6.3")


class BoundedCache(diskcache.Cache):  # type: ignore[misc]
    """A diskcache that never waits longer for a lock than its timeout, not even while it opens."""

    def __init__(self, directory: str, timeout: float) -> None:
        self._longest_wait = timeout
        try:
            super().__init__(directory, timeout=timeout, disk=TextDisk, **_SETTINGS)
        except BaseException:
            self.close()
            raise
        if missing := [name for name in ("_disk", "_local") if not hasattr(self, name)]:
            self.close()
            raise Unsupported(missing[0])

    @property
    def connection(self) -> sqlite3.Connection | None:
        """That of this thread, None when none is open."""
        connection: sqlite3.Connection | None = getattr(self._local, "con", None)
        return connection

    def put_text(self, key: str, text: str) -> None:
        """What `set` does, by one statement rather than five: each waits for the interpreter's lock once more.

        Raises:
            ValueError: the text cannot be stored.
            sqlite3.Error: the database cannot be written, or stays locked.
        """
        now = Clock.now().timestamp()
        size, mode, filename, value = self._disk.store(text, read=False, key=key)
        self._sql(_PUT, (*self._disk.put(key), now, now, size, mode, filename, value))

    @property
    def _sql_retry(self) -> Callable[..., Any]:
        sql = self._sql
        deadline = Clock.monotonic() + self._longest_wait

        def execute(statement: str, *args: Any) -> Any:
            while True:
                try:
                    return sql(statement, *args)
                except sqlite3.OperationalError as error:
                    locked = getattr(error, "sqlite_errorcode", 0) & 0xFF in _LOCKED
                    if not locked or Clock.monotonic() > deadline:
                        raise
                    Clock.sleep(0.001)

        return execute


def check_database(path: Path, timeout: float) -> None:
    """Check a database, if it exists, before diskcache opens it.

    Args:
        path: of the file.
        timeout: seconds to wait for a lock.

    Raises:
        ValueError: it holds settings that diskcache would take for its own attributes.
        sqlite3.DatabaseError: it is corrupt.
        sqlite3.OperationalError: it is locked, or cannot be written.
    """
    if not path.exists():
        return
    connection = sqlite3.connect(path, timeout=timeout, isolation_level=None)
    try:
        objects = set(connection.execute("SELECT type, name FROM sqlite_master"))
        if ("table", "Settings") in objects:
            settings = dict(connection.execute("SELECT key, value FROM Settings LIMIT 1000"))
            if strange := settings.keys() - DEFAULT_SETTINGS.keys() - METADATA.keys():
                raise ValueError(f"its table holds {len(strange)} settings diskcache does not know")
            # diskcache writes these into statements before it replaces them with the given ones.
            if any(type(v) is not int and v != "wal" for name, v in settings.items() if name.startswith("sqlite_")):
                raise ValueError("its table holds a setting that is not a number")
        if ("table", "Cache") in objects:
            connection.execute(_COLUMNS)
        if any(kind == "view" for kind, _ in objects):
            raise ValueError("it holds views, which diskcache never makes")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    finally:
        connection.close()


def open_cache(directory: Path, timeout: float) -> BoundedCache:
    """Open the cache in an existing directory, with a timeout for locks in seconds.

    Raises:
        ValueError, sqlite3.DatabaseError: it is corrupt or not ours.
        sqlite3.OperationalError, OSError: it cannot be used now.
    """
    if os.path.expandvars(directory) != str(directory):
        raise OSError("diskcache would replace the variable in its path")
    for name in ("_sql", "_sql_retry"):  # of which we replace one, so that no lock is waited for without limit
        if not hasattr(diskcache.Cache, name):
            raise Unsupported(name)
    check_database(directory / DATABASE, timeout)
    return BoundedCache(str(directory), timeout)


_TAG = """Signature: 8a477f597d28d172789f06e45de33e5e
# This directory holds the local cache of pytest-llmeval. It may be deleted at any time: the replies in it
# would have to be bought again. See https://bford.info/cachedir/
"""

_MARKS = {"CACHEDIR.TAG": _TAG, ".gitignore": "# Made by pytest-llmeval.\n*\n"}


class RefusedDirectory(OSError):
    """Somebody else may have written into the directory."""


def prepare_directory(directory: Path) -> None:
    """Make the cache's directory, or make sure that only we can have written into it.

    Raises:
        RefusedDirectory: the directory or the database in it belongs to somebody else, can be written by others, is a
            link, or is on a network file system.
        OSError: it cannot be made.
    """
    kind = network_file_system(directory.absolute())
    if kind is not None:
        raise RefusedDirectory(f"lies on a network file system ({kind}), where replies get lost; choose a local folder")
    directory.parent.mkdir(parents=True, exist_ok=True)
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        _refuse_unless_ours(directory)
        if stat.S_IMODE(directory.stat().st_mode) & 0o077:
            directory.chmod(0o700)
    for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"):
        _refuse_unless_file(directory / name)
    for name, text in _MARKS.items():
        if not (directory / name).exists():
            (directory / name).write_text(text, encoding="utf-8", newline="\n")


def is_ours(status: os.stat_result) -> bool:
    """Whether a file belongs to us and only we may write it; always true where there are no user ids."""
    if not hasattr(os, "geteuid"):
        return True
    return status.st_uid == os.geteuid() and not stat.S_IMODE(status.st_mode) & 0o022


def _refuse_unless_ours(directory: Path) -> None:
    status = directory.lstat()
    if stat.S_ISLNK(status.st_mode):
        raise RefusedDirectory("is a link")
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError("is not a directory")
    if not is_ours(status):
        raise RefusedDirectory("belongs to somebody else or can be written by others (chmod 700 it, or delete it)")


def _refuse_unless_file(path: Path) -> None:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode) or not is_ours(status):
        raise RefusedDirectory(f"holds a {path.name} that is a link, somebody else's, or can be written by others")


_OF_A_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ncpfs", "fuse.sshfs", "fuse.rclone"})
_MOUNTS = Path("/proc/self/mounts")


def network_file_system(folder: Path, mounts: str | None = None) -> str | None:
    """The kind of the network file system that a folder is on, None when it is not on one or that is unknown.

    Args:
        folder: need not exist.
        mounts: as in Linux's ``/proc/self/mounts``; read from there by default.
    """
    if mounts is None:
        try:
            mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:  # not on Linux
            return None
    place, kind = Path(), ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[1]))
        # Of several mounts above the folder the deepest counts, and of those on one point the last.
        if folder.is_relative_to(point) and len(point.parts) >= len(place.parts):
            place, kind = point, fields[2]
    return kind if kind in _OF_A_NETWORK else None
