"""A file of another tool, read by its kind and not yet understood."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from pytest_llmeval.datasets.foreign.files.inspect_log import unpacked_log
from pytest_llmeval.datasets.foreign.files.refusal import refusal
from pytest_llmeval.datasets.foreign.files.table import Table, named_table, sheet_table
from pytest_llmeval.datasets.foreign.files.yaml_document import Listed, Mapped, yaml_document
from pytest_llmeval.datasets.foreign.imported import Imported
from pytest_llmeval.json_text import parsed_row

_LARGEST_FILE = 200_000_000  # bytes
_LARGEST_DOCUMENT = 50_000_000  # of JSON that is one value
_LARGEST_YAML = 10_000_000
KINDS = (".jsonl", ".json", ".yaml", ".yml", ".csv", ".tsv", ".txt", ".xlsx", ".eval")


def is_located(value: Any) -> TypeGuard[Mapped | Listed]:
    """Whether a value knows its line."""
    return isinstance(value, (Mapped, Listed))


class Record(NamedTuple):
    """One item of a file.

    Attributes:
        place: the file, and the line or item in it.
    """

    place: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """What a file holds: a table, or a value.

    Attributes:
        path: the file.
        name: the same as the user wrote it.
        table: its columns and rows, None when it is no table.
        value: what it holds when it is no table; of JSON Lines a list.
        lines: of JSON Lines, where each item stands, from 1.
    """

    path: Path
    name: str
    table: Table | None = None
    value: Any = None
    lines: tuple[int, ...] = ()

    def place(self, value: Any, otherwise: str) -> str:
        """Where a value stands: its line where it is known, else its path in the file."""
        if is_located(value):
            return f"{self.name}:{value.line}"
        return f"{self.name}: {otherwise}"

    def records(self, items: Any = None, path: str = "") -> Iterator[Record]:
        """The items that are objects, with their places; of a table its rows.

        Args:
            items: a list within the file; by default the file's rows.
            path: of the list in the file, as in ``cases``.
        """
        if items is None and self.table is not None:
            yield from (Record(line.place, line.cells) for line in self.table.lines)
            return
        own = items is None
        several = self.value if own else items
        for number, item in enumerate(several if isinstance(several, list) else []):
            if isinstance(item, dict):
                where = f"{path}[{number}]" if path else f"item {number + 1}"
                place = f"{self.name}:{self.lines[number]}" if own and self.lines else self.place(item, where)
                yield Record(place, item)

    def sample(self) -> list[dict[str, Any]]:
        """Its first items, by which the tool is recognised."""
        if self.table is not None:
            return [line.cells for line in self.table.lines[:20]]
        items = self.value if isinstance(self.value, list) else []
        return [item for item in items[:20] if isinstance(item, dict)]


def read_source(path: Path, name: str, imported: Imported, *, words_of_1_1: bool = False) -> Source:
    """Read a file by its kind.

    Args:
        path: the file.
        name: the same as the user wrote it.
        imported: told what was guessed and what was left out.
        words_of_1_1: whether ``yes`` and ``no`` of YAML are true and false, as Python's reader has it, or texts.

    Raises:
        DatasetError: it cannot be read; in one line.
    """
    raw = _raw(path, name)
    match path.suffix.lower():
        case ".jsonl" | ".ndjson":
            return _json_lines(path, name, raw, imported)
        case ".json":
            if len(raw) > _LARGEST_DOCUMENT:
                raise refusal(
                    name, 0, f"the file has {len(raw):,} bytes; JSON may have {_LARGEST_DOCUMENT:,}, JSONL more"
                )
            try:
                value = parsed_row(_text(raw, name))
            except ValueError as error:
                if str(error).startswith("not JSON: Extra data at line 2"):
                    return _json_lines(path, name, raw, imported)  # under the other name
                raise refusal(name, 0, str(error)) from None
            return Source(path, name, value=value)
        case ".yaml" | ".yml":
            if len(raw) > _LARGEST_YAML:
                raise refusal(name, 0, f"the file has {len(raw):,} bytes; YAML may have {_LARGEST_YAML:,}, JSONL more")
            return Source(path, name, value=yaml_document(_text(raw, name), name, words_of_1_1=words_of_1_1))
        case ".csv" | ".tsv" | ".tab" | ".txt":
            return Source(path, name, table=named_table(raw, name, imported))
        case ".xlsx" | ".xlsm":
            return Source(path, name, table=sheet_table(path, name, imported))
        case ".eval":
            return Source(path, name, value=unpacked_log(path, name))
        case ".parquet" | ".arrow" | ".feather":
            raise refusal(
                name,
                0,
                "write it as JSON Lines first: pandas.read_parquet(FILE).to_json(OUT, orient='records', lines=True)",
            )
        case other:
            kind = f"files of type {other}" if other else "files without a suffix"
            raise refusal(name, 0, f"{kind} are not read; there are {', '.join(KINDS)}")


def _raw(path: Path, name: str) -> bytes:
    try:
        if not path.is_file():
            raise refusal(name, 0, "is not a file" if path.exists() else "there is no such file")
        size = path.stat().st_size
        if size > _LARGEST_FILE:
            raise refusal(name, 0, f"the file has {size:,} bytes; at most {_LARGEST_FILE:,} are allowed")
        return path.read_bytes()
    except ValueError:
        raise refusal(name, 0, "there is no such file") from None
    except OSError as error:
        raise refusal(name, 0, f"cannot be read: {error.strerror or type(error).__name__}") from None


def _text(raw: bytes, name: str) -> str:
    utf16 = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return raw.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise refusal(name, raw.count(b"\n", 0, error.start) + 1, "the file is not UTF-8; save it as UTF-8") from None


def _json_lines(path: Path, name: str, raw: bytes, imported: Imported) -> Source:
    items, lines = [], []
    for number, line in enumerate(_text(raw, name).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            item = parsed_row(line.strip())
        except ValueError as error:
            raise refusal(name, number, str(error)) from None
        if not isinstance(item, dict):
            imported.leave(f"{name}:{number}", "a line that is no object", "a row is an object")
            continue
        items.append(item)
        lines.append(number)
    if not items:
        raise refusal(name, 0, "the file has no rows")
    return Source(path, name, value=items, lines=tuple(lines))
