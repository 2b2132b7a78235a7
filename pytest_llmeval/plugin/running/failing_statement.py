"""The statement of a test that an exception left, as it is written, on one line."""

from __future__ import annotations

import ast
import functools
import os
import re
import sysconfig
import tokenize
from pathlib import Path
from traceback import walk_tb
from typing import NamedTuple

import pytest

_OURS = str(Path(__file__).parents[1]) + os.sep

INSTALLED = tuple(
    {sysconfig.get_path(name) + os.sep for name in ("purelib", "platlib", "stdlib", "platstdlib")}
    | {str(Path(pytest.__file__).parents[1]) + os.sep}
)

_REWRITTEN = "@pytest_ar"  # a name that pytest's assertion rewriting puts into a module
_LONGEST_FILE = 5_000_000  # bytes
_CONSTANTS = {"not", "and", "or", "True", "False", "None", "0", "0.0", "''", '""', "b''", "[]", "{}", "set"}


class Statement(NamedTuple):
    """A statement of a source file.

    Attributes:
        text: on one line.
        file: its path, as Python knows it.
        line: where it starts, from 1.
    """

    text: str
    file: str
    line: int


def told(error: BaseException, message: str) -> str:
    """Words for a failed assert: its message, or its source where the message says ``assert (False or None)``."""
    first = next((line.strip() for line in message.splitlines() if line.strip()), "assert")
    word, *others = re.sub(r"[\s()]+", " ", first[:200]).split() or [""]
    if word != "assert" or not _CONSTANTS.issuperset(others):
        return message
    statement = failing_statement(error)
    return statement.text if statement is not None else message


def failing_statement(error: BaseException) -> Statement | None:
    """The statement of the test's own file that was running when an exception left it; None where it is not known.

    Args:
        error: with its traceback. Of several frames in the test's file the innermost counts.
    """
    frames = [
        (frame.f_code.co_filename, line, _REWRITTEN in frame.f_globals)
        for frame, line in walk_tb(error.__traceback__)
        if not frame.f_code.co_filename.startswith((_OURS, "<", *INSTALLED))
    ]
    if not frames:
        return None
    # A decorator of another module wraps the test; pytest rewrites the test's module and not the other's.
    own = next((name for name, _, rewritten in frames if rewritten), frames[-1][0])
    line = next(line for name, line, _ in reversed(frames) if name == own)
    try:
        found = os.stat(own)  # noqa: PTH116 - a test may have patched pathlib
        if found.st_size > _LONGEST_FILE:
            return None
        statements = _statements(own, found.st_mtime_ns, found.st_size)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    around = [statement for statement in statements if statement[0] <= line <= statement[1]]
    if not around:
        return None
    # The smallest one; of several on one line the assert.
    first, _, text = min(around, key=lambda each: (each[1] - each[0], not each[2].startswith("assert")))
    return Statement(text, own, first)


@functools.lru_cache(maxsize=16)
def _statements(file: str, changed: int, size: int) -> list[tuple[int, int, str]]:
    """First line, last line and text of each statement of a file; of a compound one, of its head.

    A file is read again when `changed`, in nanoseconds, or `size` differs.
    """
    with tokenize.open(file) as opened:
        source = opened.read()
    lines = source.splitlines()
    return [
        (node.lineno, last, _text(lines, node, last))
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.stmt)
        for last in [_last_line(node)]
    ]


def _last_line(node: ast.stmt) -> int:
    """Where a statement ends, the block below it left out."""
    inner = getattr(node, "body", None) or getattr(node, "cases", None)
    if not isinstance(inner, list) or not inner:
        return node.end_lineno or node.lineno
    first = inner[0].pattern.lineno if isinstance(inner[0], ast.match_case) else inner[0].lineno
    return max(node.lineno, first - 1)


def _text(lines: list[str], node: ast.stmt, last: int) -> str:
    whole = last == node.end_lineno
    if node.lineno == last and not whole:
        return lines[last - 1].strip()
    if node.lineno == last:
        return lines[last - 1].encode()[node.col_offset : node.end_col_offset].decode(errors="replace").strip()
    pieces = lines[node.lineno - 1 : last]
    if any("#" in piece for piece in pieces) and whole:
        return " ".join(ast.unparse(node).split())  # a comment would take in what follows it
    joined = ""
    for piece in (piece.strip() for piece in pieces):
        if piece.startswith((")", "]", "}")):
            joined = joined.rstrip().removesuffix(",") + piece
        else:
            joined += piece if not joined or joined.endswith(("(", "[", "{")) else f" {piece}"
    return joined
