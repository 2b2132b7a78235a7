"""The local cache of replies. A fault of its directory never fails a session."""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pytest_llmeval.clock import Clock
from pytest_llmeval.json_text import canonical_json, parsed_json
from pytest_llmeval.store.blobs import BLOB, may_change, with_blobs, without_blobs
from pytest_llmeval.store.disk import (
    DATABASE,
    BoundedCache,
    RefusedDirectory,
    Unsupported,
    open_cache,
    prepare_directory,
)
from pytest_llmeval.store.entry import ENTRY_VERSION, Entry, NewerVersion
from pytest_llmeval.text import visible

_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

# A connection that came through a fork must be neither used nor closed: it belongs to the parent. Those of threads that
# stay are here from the start, since a fork lets go of what other threads have.
_inherited: list[BoundedCache] = []
_of_threads: set[sqlite3.Connection] = set()

_BLOBS = "blob:"  # before the digest of one, in its key
_USED_BLOB = re.compile(rf'{{"{re.escape(BLOB)}":"([0-9a-f]{{16}})"}}')

Result = TypeVar("Result")


class Cache:
    """Replies in a directory of this machine, made at the first use.

    No method raises: a cache that cannot be used warns once, and then finds and keeps nothing.

    Args:
        directory: where it is, or will be made.
        warn: called at most once, with one line.
        lock_timeout: seconds to wait for another process that writes.
    """

    def __init__(self, directory: Path, warn: Callable[[str], None], *, lock_timeout: float = 30.0) -> None:
        self.directory = Path(directory).absolute()
        self._warn = warn
        self._lock_timeout = lock_timeout
        self._warned = False
        self._off = False
        self._keeps = True
        self._quarantined = False
        self._cache: BoundedCache | None = None
        self._abandoned: list[BoundedCache] = []
        self._identity: tuple[int, int] | None = None
        self._lock = threading.Lock()
        self._here = threading.local()
        self._pid = os.getpid()

    def get(self, key: str) -> Entry | None:
        """The entry with this key, None when there is none or it cannot be trusted."""
        return self._try(lambda cache: _read(cache, key), create=False)

    def put(self, *entries: Entry) -> None:
        """Keep those entries that are not empty. Each replaces one with the same key, except one of a newer format."""
        kept = [entry for entry in entries if entry.flaw != "empty"]
        try:
            if len(kept) > 1 and self._keeps and self._attempt(partial(_write_all, entries=kept), create=True):
                return
            for entry in kept:  # one that cannot be kept takes none of the others with it
                if self._keeps:
                    self._attempt(partial(_write, entry=entry), create=True)
        finally:
            self._leave_thread()

    def prepare(self, *, create: bool) -> None:
        """Open it; make it if need be, and if it is to be made."""
        self._try(lambda _: None, create=create)

    def stay(self) -> None:
        """Let this thread keep its connection from one use to the next: to open one takes ten times as long as a use.

        The thread calls `leave` before it ends.
        """
        self._here.stays = True

    def leave(self) -> None:
        """Close the connection of this thread."""
        self._here.stays = False
        self._leave_thread()

    def keys(self) -> list[str]:
        """The keys of all entries, trusted or not."""
        return self._try(_all_keys, create=False) or []

    def entries(self) -> Iterator[Entry]:
        """All entries that can be trusted, read one by one."""
        for key in self.keys():
            if (entry := self.get(key)) is not None:
                yield entry

    def remove(self, keys: Iterable[str]) -> int:
        """Delete entries and return how many there were."""
        return self._try(partial(_delete, keys=list(keys)), create=False) or 0

    def size(self) -> int:
        """Bytes on disk."""
        total = 0
        if not self._exists():
            return total
        for folder, _, names in os.walk(self.directory):
            for name in names:
                with suppress(OSError):
                    total += (Path(folder) / name).lstat().st_size
        return total

    def close(self) -> None:
        """Close the database, in the main thread. It opens again when it is used."""
        if self._pid != os.getpid():
            self._leave_to_parent()
        self._close_connections()
        self._cache = None
        self._abandoned.clear()

    def _try(self, operation: Callable[[BoundedCache], Result], *, create: bool) -> Result | None:
        try:
            return self._attempt(operation, create=create)
        finally:
            self._leave_thread()

    def _attempt(self, operation: Callable[[BoundedCache], Result], *, create: bool) -> Result | None:
        for _ in range(2):
            cache = None
            try:
                cache = self._opened(create=create)
                return operation(cache) if cache is not None else None
            except Exception as error:
                if not self._recover(error, cache, reading=not create):
                    return None
        return None

    def _leave_thread(self) -> None:
        # Left open when its thread ends, a connection is a ResourceWarning in an innocent test.
        if threading.current_thread() is threading.main_thread():
            return
        if not getattr(self._here, "stays", False):
            self._close_connections()
        elif (cache := self._cache) is not None and (connection := cache.connection) is not None:
            _of_threads.add(connection)

    def _close_connections(self) -> None:
        """Close those of the current thread."""
        for cache in (self._cache, *self._abandoned):
            if cache is not None:
                if (connection := cache.connection) is not None:
                    _of_threads.discard(connection)
                with suppress(sqlite3.Error):
                    cache.close()

    def _opened(self, *, create: bool) -> BoundedCache | None:
        if self._pid != os.getpid():
            self._leave_to_parent()
        if self._off or self._cache is not None:
            return None if self._off else self._cache
        with self._lock:
            if self._cache is None and (create or self._exists()):
                try:
                    prepare_directory(self.directory)
                    self._identity = self._current_identity()
                    self._cache = open_cache(self.directory, self._lock_timeout)
                    self._identity = self._current_identity()
                except Exception as error:
                    self._off = not _is_corrupt(error, opening=True)
                    raise _OpeningError from error
            return self._cache

    def _recover(self, error: Exception, cache: BoundedCache | None, *, reading: bool) -> bool:
        """Warn and recover; True when another attempt makes sense."""
        opening = isinstance(error, _OpeningError)
        cause = error.__cause__ if isinstance(error, _OpeningError) else error
        if isinstance(cause, Exception) and _is_corrupt(cause, opening=opening):
            return self._quarantine(cause, cache)
        if _sqlite_code(cause) in _LOCKED:
            # Waiting again for every further reply would be a hang.
            self._keeps = False
            self._off = self._off or reading
        lost = "replies are neither found in it nor kept" if self._off else "a reply was not found or kept"
        self._say(f"the reply cache {self.directory} {_reason(cause)}; {lost}")
        return False

    def _quarantine(self, error: Exception, cache: BoundedCache | None) -> bool:
        """Move a corrupt cache aside; True when another attempt makes sense."""
        with self._lock:
            if self._cache is not cache:
                return True  # Another thread was faster.
            if cache is not None:
                with suppress(sqlite3.Error):
                    cache.close()
                # Only the main thread can close the connection it may have to it.
                self._abandoned.append(cache)
                self._cache = None
            # Another process may have done the same a moment ago; what is there now is new then.
            if self._identity == self._current_identity():
                if self._quarantined or self._identity is None:
                    self._off = True
                    self._say(f"the reply cache {self.directory} {_reason(error)}; replies are not kept")
                    return False
                self._quarantined = True
                moment = Clock.now().strftime("%Y%m%dT%H%M%S")
                aside = self.directory.with_name(f"{self.directory.name}.corrupt-{moment}-{os.getpid()}")
                try:
                    self.directory.rename(aside)
                except OSError as problem:
                    self._off = True
                    self._say(f"the reply cache {self.directory} is corrupt and cannot be moved: {problem.strerror}")
                    return False
                self._say(f"the reply cache was corrupt ({_reason(error)}); moved to {aside} and started again")
        return True

    def _leave_to_parent(self) -> None:
        _inherited.extend(cache for cache in (self._cache, *self._abandoned) if cache is not None)
        self._cache = None
        self._abandoned = []
        self._lock = threading.Lock()
        self._pid = os.getpid()

    def _exists(self) -> bool:
        return self._current_identity() is not None

    def _current_identity(self) -> tuple[int, int] | None:
        try:
            status = (self.directory / DATABASE).stat()
        except (OSError, ValueError):
            return None
        return (status.st_dev, status.st_ino)

    def _say(self, text: str) -> None:
        if not self._warned:
            self._warned = True
            self._warn(text)


class _OpeningError(Exception):
    """The cache could not be opened; its cause says why."""


def _read(cache: BoundedCache, key: str) -> Entry | None:
    text = cache.get(key)
    if text is None:
        return None
    head, _, body = text.partition("\n")
    envelope = parsed_json(head)
    if not isinstance(envelope, dict):
        raise ValueError("an entry has no head")
    if _is_newer(envelope.get("version")):
        return None
    checksum = hashlib.sha256(body.encode()).hexdigest()
    if envelope != {"checksum": checksum, "key": key, "version": ENTRY_VERSION}:
        raise ValueError("an entry does not match its checksum")
    try:
        entry = Entry.from_line(body) if BLOB not in body else Entry.from_json(_with_blobs(cache, body))
    except NewerVersion:
        return None
    if entry.key != key:
        raise ValueError("an entry has the key of another")
    return entry


def _with_blobs(cache: BoundedCache, body: str) -> Any:
    def text_of(digest: str) -> str:
        text: str | None = cache.get(f"{_BLOBS}{digest}")
        if text is None or hashlib.sha256(text.encode()).hexdigest()[: len(digest)] != digest:
            raise ValueError("a blob of an entry is missing or broken")
        return text

    return with_blobs(parsed_json(body), text_of)


def _all_keys(cache: BoundedCache) -> list[str]:
    # diskcache's own iteration ends at the first key that is not text.
    rows = cache._sql("SELECT key FROM Cache WHERE raw = 1 AND typeof(key) = 'text' ORDER BY rowid").fetchall()
    return [key for (key,) in rows if not key.startswith(_BLOBS)]


def _delete(cache: BoundedCache, keys: list[str]) -> int:
    """Delete entries, and the blobs that no other entry uses."""
    count = sum(bool(cache.delete(key, retry=False)) for key in keys)
    blobs = {key for (key,) in cache._sql("SELECT key FROM Cache WHERE key LIKE 'blob:%'").fetchall()}
    for key in _all_keys(cache) if blobs else ():
        blobs -= {f"{_BLOBS}{digest}" for digest in _USED_BLOB.findall(cache.get(key) or "")}
    for key in blobs:
        cache.delete(key, retry=False)
    return count


def _write(cache: BoundedCache, entry: Entry) -> None:
    if _is_newer(_version_at(cache, entry.key)):
        return
    found: dict[str, str] = {}
    whole = entry.to_json()
    body = canonical_json(whole)
    Entry.from_line(body)
    if may_change(body):
        with suppress(RecursionError):
            without = without_blobs(whole, found)
            body = canonical_json(without) if found else body
    for digest, text in found.items():
        if cache.get(f"{_BLOBS}{digest}") != text:
            cache.put_text(f"{_BLOBS}{digest}", text)
    checksum = hashlib.sha256(body.encode()).hexdigest()
    head = canonical_json({"checksum": checksum, "key": entry.key, "version": entry.version})
    cache.put_text(entry.key, f"{head}\n{body}")


def _write_all(cache: BoundedCache, entries: Iterable[Entry]) -> bool:
    """Write all of them, or none; a transaction each takes half as long again."""
    with cache.transact():
        for entry in entries:
            _write(cache, entry)
    return True


def _version_at(cache: BoundedCache, key: str) -> object:
    """The format version of the entry with a key, None when there is none that can be read."""
    try:
        text = cache.get(key)
        envelope = parsed_json(text.partition("\n")[0]) if text else None
    except sqlite3.Error:
        raise
    except Exception:
        return None
    return envelope.get("version") if isinstance(envelope, dict) else None


def _is_newer(version: object) -> bool:
    return type(version) is int and version > ENTRY_VERSION


def _is_corrupt(error: Exception, *, opening: bool) -> bool:
    """Whether the database itself is corrupt, rather than busy, full, forbidden, or holding one bad entry."""
    if isinstance(error, sqlite3.Error):
        code = _sqlite_code(error)
        # An SQLITE_ERROR on opening means that columns are missing: a database, but not ours.
        return code in _CORRUPT or (opening and code in (sqlite3.SQLITE_ERROR, None))
    return opening and isinstance(error, ValueError)


def _sqlite_code(error: BaseException | None) -> int | None:
    """SQLite's primary result code of the first error: diskcache's Timeout or a failed rollback may hide it."""
    first = None
    while error is not None:
        if isinstance(error, sqlite3.Error):
            code: int | None = getattr(error, "sqlite_errorcode", None)
            first = first if code is None else code & 0xFF
        error = error.__context__
    return first


def _reason(error: BaseException | None) -> str:
    code = _sqlite_code(error)
    if code in _LOCKED:
        return "is locked by another process"
    if code == sqlite3.SQLITE_FULL:
        return "cannot grow: the disk is full"
    if isinstance(error, RefusedDirectory | NotADirectoryError | Unsupported) and error.errno is None:
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be used: {error.strerror}"
    first = visible(str(error))[:120]
    if isinstance(error, ValueError | zlib.error):
        return f"holds what cannot be trusted: {first}"
    return f"cannot be used: {type(error).__name__}: {first}"
