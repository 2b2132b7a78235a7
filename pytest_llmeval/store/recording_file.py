"""Read and replace one file of recordings.

A line is a reply, a request that replies refer to by its digest, or a blob that requests and replies refer to: a prompt
is written once, above the first reply to it, however many samples and models answered it, and so is an image in it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from pytest_llmeval.clock import Clock
from pytest_llmeval.errors import RecordingError
from pytest_llmeval.json_text import parsed_json, readable_json
from pytest_llmeval.store.blobs import BLOB, NewBlobs, blob_in, with_blobs
from pytest_llmeval.store.entry import Entry, NewerVersion

FORMAT = "llmeval-recordings"
FORMAT_VERSION = 1

# The fields of a line are sorted, and only numbers and text, in which quotes are escaped, come before "key":
# the first match is the entry's own key.
_KEY = re.compile(rb'"key": ?"([0-9a-f]{64})"')
_BLOB_LINE = re.compile(rb'\{"blob": ?"([0-9a-f]{16})"')
_REQUEST = re.compile(rb'\{"digest": ?"([0-9a-f]{16})", ?"request": ?\{')

# Replaces the model of the reply, so that the models that answered a prompt share it.
_ANY_MODEL = ""
_MARKERS = (b"<<<<<<<", b"|||||||", b"=======", b">>>>>>>")
_LONGEST_WAIT = 30.0


def header_line() -> str:
    """The first line of a file."""
    return readable_json({"format": FORMAT, "version": FORMAT_VERSION})


def file_lines(entries: Iterable[Entry], kept: Mapping[str, str] | None = None) -> list[str]:
    """The sorted lines of a file with these entries.

    Args:
        entries: in any order.
        kept: lines to reuse, by key.

    Raises:
        ValueError: an entry is invalid.
    """
    lines = [header_line()]
    written: dict[str, str] = {}
    blobs = NewBlobs()
    for entry in sorted(entries, key=lambda entry: entry.order):
        body, above = blobs.taken_from(entry.request)
        response, more = blobs.taken_from(entry.response)
        lines += above + more
        if body.get("model") == entry.model:
            body = {**body, "model": _ANY_MODEL}
        text = readable_json(body)
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        # A request whose model is the placeholder itself, and another's, stays in its reply's line.
        if entry.request.get("model") == _ANY_MODEL != entry.model or written.get(digest, text) != text:
            lines.append(readable_json({**entry.to_json(), "request": body, "response": response}))
            continue
        if digest not in written:
            written[digest] = text
            lines.append(f'{{"digest": "{digest}", "request": {text}}}')
        line = kept.get(entry.key) if kept is not None else None
        shares = line is not None and f'", "request": "{digest}", "response": ' in line
        if line is None or not shares or (BLOB in line) != (response is not entry.response):
            line = readable_json({**entry.to_json(), "request": digest, "response": response})
        lines.append(line)
    return lines


class RecordingFile:
    """The lines of a file by key; each is parsed when it is needed.

    Attributes:
        problems: the broken lines that were skipped.
    """

    def __init__(self, path: Path, *, repair: bool = False) -> None:
        self.path = path
        self.problems: list[str] = []
        self._repair = repair
        self._lines: dict[str, tuple[int, bytes]] = {}
        self._requests: dict[str, tuple[int, bytes]] = {}
        self._blobs: dict[str, bytes] = {}
        self._latest: tuple[str | None, dict[str, Any]] = None, {}  # the samples of a case share a request

    @classmethod
    def read(cls, path: Path, warn: Callable[[str], None], *, repair: bool = False) -> Self:
        """Read a file; a missing one is empty.

        Args:
            path: the file.
            warn: called with one line when something was skipped.
            repair: whether broken lines are skipped.

        Raises:
            RecordingError: it cannot be read, holds conflict markers, or is of a newer format.
        """
        file = cls(path, repair=repair)
        try:
            if not path.exists():
                return file
            if not path.is_file():
                raise RecordingError(f"{path}: is not a file")
            content = path.read_bytes()
        except OSError as error:
            raise RecordingError(f"{path}: cannot be read: {error.strerror or error}") from None
        file._index(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"))
        if repair:
            file._lines = {key: found for key, found in file._lines.items() if file._entry(*found, key)}
        if file.problems:
            more = f" (and {len(file.problems) - 1} more)" if len(file.problems) > 1 else ""
            warn(f"{file.problems[0]}{more}")
        return file

    @property
    def keys(self) -> frozenset[str]:
        """The keys of all entries."""
        return frozenset(self._lines)

    def get(self, key: str) -> Entry | None:
        """The entry with this key.

        Raises:
            RecordingError: its line is broken, and ``repair`` is off.
        """
        found = self._lines.get(key)
        return None if found is None else self._entry(*found, key)

    def entries(self) -> Iterator[tuple[Entry, str]]:
        """All entries, each with its line.

        Raises:
            RecordingError: a line is broken, and ``repair`` is off.
        """
        for key, (number, line) in self._lines.items():
            if (entry := self._entry(number, line, key)) is not None:
                yield entry, line.decode()

    def readable(self) -> Iterator[Entry]:
        """All entries whose lines are intact."""
        for key, (number, line) in self._lines.items():
            with suppress(RecordingError):
                if (entry := self._entry(number, line, key)) is not None:
                    yield entry

    def _index(self, lines: list[bytes]) -> None:
        started, header = False, header_line().encode()
        for number, raw in enumerate(lines, start=1):
            line = raw.strip(b"\r \t")
            if not line:
                continue
            if line.startswith(_MARKERS):
                self._broken(number, "conflict markers of a merge; keep the lines of both sides, delete the markers")
            elif not started:
                started = True
                if not self._is_header(number, line) and (_KEY.search(line) or _REQUEST.match(line)):
                    self._add(number, line)
            elif line != header:
                self._add(number, line)
        if not started:
            self._broken(1, f'is not a file of recordings: {{"format": "{FORMAT}", ...}} is missing')

    def _is_header(self, number: int, line: bytes) -> bool:
        try:
            header = parsed_json(line.decode())
        except ValueError:
            header = None
        if not isinstance(header, dict) or header.get("format") != FORMAT:
            self._broken(number, f'is not a file of recordings: it does not start with {{"format": "{FORMAT}", ...}}')
            return False
        version = header.get("version")
        if type(version) is int and version > FORMAT_VERSION:
            raise RecordingError(
                f"{self.path}:{number}: made by a newer version of pytest-llmeval (format {version}, this one reads "
                f"up to {FORMAT_VERSION}); update pytest-llmeval"
            )
        if version != FORMAT_VERSION:
            self._broken(number, "the header names no version")
        return True

    def _add(self, number: int, line: bytes) -> None:
        if shared := _REQUEST.match(line):
            self._requests.setdefault(shared[1].decode(), (number, line))
            return
        if shared := _BLOB_LINE.match(line):
            self._blobs.setdefault(shared[1].decode(), line)
            return
        match = _KEY.search(line)
        if match is None or not line.startswith(b"{") or not line.endswith(b"}"):
            self._broken(number, "the line is broken")
            return
        key = match[1].decode()
        if key not in self._lines:
            self._lines[key] = (number, line)
            return
        earlier = self._lines[key]
        if earlier[1] == line:
            return
        self.problems.append(
            f"{self.path}:{number}: the same request as on line {earlier[0]} is recorded again; the newer reply is "
            f"used (--llm-record cleans up)"
        )
        first, second = self._entry(*earlier, key), self._entry(number, line, key)
        if first is None or (second is not None and second.moment > first.moment):
            self._lines[key] = (number, line)

    def _entry(self, number: int, line: bytes, key: str) -> Entry | None:
        try:
            data = self._parsed(line)
            if isinstance(data, dict) and isinstance(data.get("request"), str):
                data["request"] = self._request(data["request"], data.get("model"))
            entry = Entry.from_json(data)
        except NewerVersion as error:
            raise RecordingError(f"{self.path}:{number}: {error}; update pytest-llmeval") from None
        except ValueError as error:
            reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error).partition("\n")[0]
            self._broken(number, f"the line is broken: {reason}")
            return None
        if entry.key != key:
            self._broken(number, "the line's fields are out of order")
            return None
        return entry

    def _request(self, digest: str, model: object) -> Mapping[str, Any]:
        """The request that a line refers to by its digest."""
        latest, body = self._latest
        if latest != digest:
            if digest not in self._requests:
                raise ValueError("the line with its request is missing")
            number, line = self._requests[digest]
            try:
                body = self._parsed(line)["request"]
            except json.JSONDecodeError:
                raise ValueError(f"the request on line {number} is not JSON") from None
            if not isinstance(body, dict):
                raise ValueError(f"the request on line {number} is not an object")
            self._latest = digest, body
        return {**body, "model": model} if body.get("model") == _ANY_MODEL else body

    def _parsed(self, line: bytes) -> Any:
        """The value of a line, with its blobs."""
        data = parsed_json(line.decode())
        if BLOB.encode() not in line:
            return data
        try:
            return with_blobs(data, self._blob)
        except RecursionError:
            raise ValueError("nested too deep") from None

    def _blob(self, digest: str) -> str:
        found = blob_in(self._blobs.get(digest, b"").decode("ascii", "replace"))
        if found is None:
            raise ValueError("the line with its blob is missing or broken")
        return found[1]

    def _broken(self, number: int, what: str) -> None:
        text = f"{self.path}:{number}: {what}"
        if not self._repair:
            raise RecordingError(f"{text} (or run with --llm-record to record again what is lost)")
        self.problems.append(f"{text}; skipped")


@contextmanager
def locked_directory(directory: Path) -> Iterator[None]:
    """Lock a directory against other writers, where the system can. No file is made in it.

    Raises:
        TimeoutError: another process holds the lock for more than half a minute.
    """
    try:
        import fcntl
    except ImportError:  # Windows cannot lock a directory; there the last writer wins.
        yield
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        deadline = Clock.monotonic() + _LONGEST_WAIT
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if Clock.monotonic() > deadline:
                    raise TimeoutError("another process is writing recordings all the time") from None
                Clock.sleep(0.01)
            except OSError:  # Network file systems may not lock a directory.
                break
        yield
    finally:
        os.close(handle)


def replace_file(path: Path, lines: Sequence[str]) -> None:
    """Write lines to a file in a locked directory; a crash leaves the old file or the new one, never half of one.

    Raises:
        OSError: it cannot be written.
    """
    for orphan in path.parent.glob(f".{path.name}.*.tmp"):
        orphan.unlink(missing_ok=True)
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write("".join(f"{line}\n" for line in lines).encode())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    _flush_directory(path.parent)


def _flush_directory(directory: Path) -> None:
    with suppress(OSError):  # Windows cannot open a directory.
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
