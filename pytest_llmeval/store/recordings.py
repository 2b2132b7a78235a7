"""Recordings: replies as text in the repository, one file of JSON lines per test module."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pytest_llmeval.errors import RecordingError
from pytest_llmeval.store.alike import says_the_same
from pytest_llmeval.store.elsewhere import Elsewhere
from pytest_llmeval.store.entry import Entry
from pytest_llmeval.store.nearest import RequestIndex
from pytest_llmeval.store.recording_file import RecordingFile, file_lines, locked_directory, replace_file
from pytest_llmeval.text import visible, were


class Recordings:
    """The recordings of a project; nothing is read or made before it is needed.

    Args:
        directory: the folder of recordings.
        warn: called with one line for each problem a person should look at.
        secrets: values that must never be written, by the name of their environment variable.
        repair: whether broken lines are skipped with a warning instead of an error, as when recording again.
        redact: called with every entry before it is written; returns the entry to write instead, or None.
        root: the folder that test modules are relative to; None to look only into a module's own file.
        keep_alike: whether the older of two entries that say the same stays, for smaller diffs.
    """

    def __init__(
        self,
        directory: Path,
        warn: Callable[[str], None],
        *,
        secrets: Mapping[str, str] | None = None,
        repair: bool = False,
        redact: Callable[[Entry], Entry | None] | None = None,
        root: Path | None = None,
        keep_alike: bool = False,
    ) -> None:
        self._keep_alike = keep_alike
        self._redact = redact
        self.directory = Path(directory)
        self._warn = warn
        self._secrets = dict(secrets or {})
        self._repair = repair
        self._said: set[str] = set()
        self._files: dict[str, RecordingFile | str] = {}
        self._indexes: dict[str, RequestIndex] = {}
        self._root = root
        self._elsewhere: Elsewhere | None = None

    def path(self, module: str) -> Path:
        """The file for a test module, which is a path relative to the root with forward slashes."""
        return self.directory / recording_name(module)

    def prepare(self, modules: Iterable[str]) -> None:
        """Read the files of test modules now, before a test puts a file system of its own in the place of the real one.

        What is wrong with a file is told where it is needed.
        """
        for module in modules:
            with suppress(RecordingError):
                self._file(module)
        if self._root is not None:
            self._others.prepare()

    def has(self, module: str) -> bool:
        """Whether there is a file for a test module."""
        return self.path(module).exists()

    def get(self, module: str, key: str) -> Entry | None:
        """The entry recorded for a module under a key.

        Raises:
            RecordingError: the file or the line cannot be read; names both.
        """
        return self._file(module).get(key)

    def of_gone_module(self, module: str, key: str) -> Entry | None:
        """The entry with a key of a module that is gone, for a module without such an entry: it may be renamed."""
        if self._root is None:
            return None
        entry = self._others.of_gone_module(key)
        if entry is not None and not self._repair:
            gone = entry.case.partition("::")[0]
            self._say(f"replies of {gone}, which is gone, were replayed for {module}; --llm-record writes them there")
        return entry

    def of_any_module(self, key: str) -> Entry | None:
        """An entry with a key, whichever module it was recorded for."""
        return self._others.of_any_module(key)

    def holding(self, key: str) -> list[Path]:
        """The files that hold an entry with a key."""
        return self._others.holding(key)

    @property
    def _others(self) -> Elsewhere:
        if self._elsewhere is None:
            self._elsewhere = Elsewhere(self.paths(), self._root or self.directory)
        return self._elsewhere

    def keys(self, module: str) -> frozenset[str]:
        """The keys recorded for a module.

        Raises:
            RecordingError: the file cannot be read.
        """
        return self._file(module).keys

    def paths(self) -> list[Path]:
        """The files of all modules."""
        return sorted(self.directory.glob("*.jsonl"))

    def remove(self, path: Path, keys: Collection[str]) -> int:
        """Remove entries from a file, and the file if it is empty then.

        Returns:
            How many were removed.

        Raises:
            RecordingError: the file cannot be read or written.
        """
        try:
            with locked_directory(self.directory):
                file = RecordingFile.read(path, self._say, repair=self._repair)
                kept = [entry for entry, _ in file.entries() if entry.key not in keys]
                removed = len(file.keys) - len(kept)
                if removed and kept:
                    replace_file(path, file_lines(kept))
                elif removed:
                    path.unlink()
        except OSError as error:
            raise RecordingError(f"{path}: cannot be written: {error.strerror or error}") from None
        self._files.clear()
        self._indexes.clear()
        return removed

    def nearest(self, module: str, body: Mapping[str, Any], model: str) -> Entry | None:
        """The entry whose request is most like a body, of the same model if the module has one.

        Raises:
            RecordingError: the file cannot be read.
        """
        if module not in self._indexes:
            entries = sorted(self._file(module).readable(), key=lambda entry: entry.order)
            self._indexes[module] = RequestIndex(entries)
        return self._indexes[module].nearest(body, model)

    def write(self, module: str, entries: Iterable[Entry]) -> int:
        """Add entries to the file of a module; of two with the same key the newer stays.

        The file is replaced as a whole or not at all. An unchanged entry keeps its line, an unchanged file is not
        touched.

        Returns:
            How many lines are new or changed.

        Raises:
            RecordingError: the file is of a newer format, or cannot be read or written; or some entries hold secrets:
                these were not written, all others were.
        """
        fit, refused = self._checked(entries)
        changed = 0
        if fit:
            path = self.path(module)
            try:
                self.directory.mkdir(parents=True, exist_ok=True)
                with locked_directory(self.directory):
                    changed = self._merge(path, fit)
            except OSError as error:
                raise RecordingError(f"{path}: cannot be written: {error.strerror or error}") from None
            self._files.pop(module, None)
            self._indexes.pop(module, None)
        if refused:
            first = f"{self.path(module)}: {were(len(refused), 'reply')} not recorded: {refused[0]}"
            raise RecordingError("\n".join([first, *refused[1:10]]))
        return changed

    def _checked(self, entries: Iterable[Entry]) -> tuple[dict[str, Entry], list[str]]:
        """The newest entry of each key, and why the others may not be written."""
        from pytest_llmeval.credentials import find_secrets

        fit: dict[str, Entry] = {}
        refused = []
        for asked in entries:
            case = visible(asked.case)[:200]
            if find_secrets(asked.case, self._secrets):
                case = f"a case with the key {asked.key[:12]}..."
            try:
                entry = self._redacted(asked)
                if entry.flaw == "empty":
                    raise ValueError("the reply is empty: no text, no tool call, no refusal and no finish_reason")
                line = entry.to_line()
            except ValueError as error:
                refused.append(f"{case}: {error}")
                continue
            if found := find_secrets(line, self._secrets):
                refused.append(f"{case} holds {', '.join(found)}. Take it out of the prompt, or out of the answer")
            elif entry.key not in fit or entry.moment > fit[entry.key].moment:
                fit[entry.key] = entry
        return fit, refused

    def _redacted(self, entry: Entry) -> Entry:
        changed = self._redact(entry) if self._redact is not None else None
        if changed is None:
            return entry
        if not isinstance(changed, Entry):
            raise ValueError(f"pytest_llmeval_redact returned {type(changed).__name__}, not an entry or None")
        if (changed.key, changed.sample, changed.occurrence) != (entry.key, entry.sample, entry.occurrence):
            raise ValueError("pytest_llmeval_redact changed what the reply is found by: key, sample or occurrence")
        return changed

    def _merge(self, path: Path, fit: Mapping[str, Entry]) -> int:
        file = RecordingFile.read(path, self._say, repair=self._repair)
        entries, lines = {}, {}
        for entry, line in file.entries():
            entries[entry.key], lines[entry.key] = entry, line
        changed = 0
        for key, entry in fit.items():
            if key in entries and self._keep_alike and says_the_same(entries[key], entry):
                continue
            known = entries.get(key)
            # Two sessions may share a moment: it has the precision of a second.
            if known is None or entry.moment > known.moment or (entry.moment == known.moment and entry != known):
                entries[key] = entry
                lines.pop(key, None)
                changed += 1
        if changed or file.problems:
            replace_file(path, file_lines(entries.values(), lines))
        return changed

    def _file(self, module: str) -> RecordingFile:
        if module not in self._files:
            try:
                self._files[module] = RecordingFile.read(self.path(module), self._say, repair=self._repair)
            except RecordingError as error:
                self._files[module] = str(error)
        file = self._files[module]
        if isinstance(file, str):
            raise RecordingError(file)
        return file

    def _say(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._warn(text)


_PLAIN = re.compile(r"[a-z0-9_][a-z0-9_-]*")
_LONGEST = 100

# Windows takes these for devices, with any extension.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])")


def recording_name(module: str) -> str:
    """The file name for a test module, unique and the same on every system: ``tests.test_triage.jsonl``.

    It contains a hash where the path is long or has other characters than small ASCII letters, digits, ``_`` and ``-``.
    """
    parts = module.removesuffix(".py").split("/")
    plain = ".".join(parts)
    if (
        module.endswith(".py")
        and len(plain) <= _LONGEST
        and all(map(_PLAIN.fullmatch, parts))
        and not _DEVICES.fullmatch(parts[0])
    ):
        return f"{plain}.jsonl"
    # macOS may spell an accented name differently than Linux.
    normal = unicodedata.normalize("NFC", module)
    digest = hashlib.sha256(normal.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    slug = re.sub(r"[^a-z0-9_-]+", "-", normal.removesuffix(".py").lower())[-60:].strip("-")
    return f"{slug or 'module'}~{digest}.jsonl"
