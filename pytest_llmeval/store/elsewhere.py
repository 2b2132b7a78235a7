"""Find replies in the recordings of other test files: of files that are gone, such as renamed ones, and of others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from pytest_llmeval.errors import RecordingError
from pytest_llmeval.store.entry import Entry
from pytest_llmeval.store.recording_file import RecordingFile


class Elsewhere:
    """The recordings of all test modules; each file is read once, when it is first needed.

    Args:
        paths: the files of recordings.
        root: the folder that test files are relative to.
    """

    def __init__(self, paths: Sequence[Path], root: Path) -> None:
        self._paths = paths
        self._root = root
        self._read: dict[Path, RecordingFile | None] = {}
        self._gone: list[RecordingFile] | None = None
        self._holding: dict[str, list[Path]] | None = None

    def of_gone_module(self, key: str) -> Entry | None:
        """The newest entry with a key among those of test files that are gone."""
        return _newest(key, self.prepare())

    def of_any_module(self, key: str) -> Entry | None:
        """The newest entry with a key."""
        return _newest(key, [file for path in self.holding(key) if (file := self._file(path)) is not None])

    def prepare(self) -> list[RecordingFile]:
        """The recordings of test files that are gone; which they are is found out once."""
        if self._gone is None:
            self._gone = [file for path in self._paths if (file := self._if_gone(path)) is not None]
        return self._gone

    def holding(self, key: str) -> list[Path]:
        """The files that hold an entry with a key."""
        if self._holding is None:
            self._holding = defaultdict(list)
            for path in self._paths:
                file = self._file(path)
                for held in file.keys if file is not None else ():
                    self._holding[held].append(path)
        return self._holding.get(key, [])

    def _if_gone(self, path: Path) -> RecordingFile | None:
        # Most names give the module away: if it exists, the file need not be read.
        if (self._root / f"{path.stem.replace('.', '/')}.py").exists():
            return None
        file = self._file(path)
        entry = next(file.readable(), None) if file is not None else None
        module = entry.case.partition("::")[0] if entry is not None else ""
        return None if not module or (self._root / module).exists() else file

    def _file(self, path: Path) -> RecordingFile | None:
        if path not in self._read:
            try:
                self._read[path] = RecordingFile.read(path, lambda _: None)
            except RecordingError:
                self._read[path] = None
        return self._read[path]


def _newest(key: str, files: Sequence[RecordingFile]) -> Entry | None:
    found = []
    for file in files:
        try:
            found.append(file.get(key))
        except RecordingError:  # a session that needs more of this file reports it
            continue
    return max((entry for entry in found if entry is not None), key=lambda entry: entry.moment, default=None)
