"""The store of replies: recordings in the repository, and a cache on this machine."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pytest_llmeval.store.entry import Entry
from pytest_llmeval.store.recordings import Recordings

if TYPE_CHECKING:
    from pytest_llmeval.store.cache import Cache


class Store:
    """Both layers. Replaying recordings does not import what the cache needs.

    Args:
        make_cache: called when the cache is first needed; None for no cache.
        recordings: None for no recordings.
    """

    def __init__(self, make_cache: Callable[[], Cache] | None, recordings: Recordings | None) -> None:
        self._make_cache = make_cache
        self._cache: Cache | None = None
        self._making = threading.Lock()
        self.recordings = recordings

    def lookup(
        self, module: str, key: str, *, since: datetime | None = None, anywhere: bool = False
    ) -> tuple[Entry, Literal["recording", "cache"]] | None:
        """The entry with this key from the recordings of a test module, or else from the cache, and its source.

        Recordings of modules that are gone count as the module's own: it may have been renamed.

        Args:
            module: the test module's path relative to the root, with forward slashes.
            key: from `RequestIdentity.key`.
            since: prefer a cached entry from after this moment to a recording from before it.
            anywhere: whether an entry of another test module's recordings will do, if there is no other.

        Raises:
            RecordingError: the module's recordings cannot be read.
        """
        recorded = None
        if self.recordings is not None:
            recorded = self.recordings.get(module, key) or self.recordings.of_gone_module(module, key)
        if recorded is not None and (since is None or recorded.moment >= since):
            return recorded, "recording"
        cache = self._opened()
        cached = cache.get(key) if cache is not None else None
        if cached is not None and (recorded is None or since is None or cached.moment >= since):
            return cached, "cache"
        if recorded is None and anywhere and self.recordings is not None:
            recorded = self.recordings.of_any_module(key)
        return (recorded, "recording") if recorded is not None else None

    def keep(self, *entries: Entry) -> None:
        """Put entries into the cache; recordings are written only at the end of a session.

        A thread besides the main thread calls `leave` before it ends.
        """
        cache = self._opened()
        if cache is not None:
            cache.stay()
            cache.put(*entries)

    def prepare(self, *, create: bool) -> None:
        """Open the cache now rather than at the first reply; made only if it is to be. Threads do as with `keep`."""
        cache = self._opened()
        if cache is not None:
            cache.stay()
            cache.prepare(create=create)

    def leave(self) -> None:
        """Close what this thread has opened to keep entries."""
        if self._cache is not None:
            self._cache.leave()

    def close(self) -> None:
        """Close the cache; call it in the main thread."""
        if self._cache is not None:
            self._cache.close()

    def _opened(self) -> Cache | None:
        if self._cache is None and self._make_cache is not None:
            with self._making:
                self._cache = self._cache or self._make_cache()
        return self._cache
