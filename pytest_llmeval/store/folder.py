"""The directory of the cache: ours alone, and marked so that nobody commits or backs it up."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pytest_llmeval.store.mounts import network_file_system

__all__ = ["RefusedDirectory", "is_ours", "prepare_directory"]

_TAG = """Signature: 8a477f597d28d172789f06e45de33e5e
# This directory holds the local cache of pytest-llmeval. It may be deleted at any time: the replies in it
# would have to be bought again. See https://bford.info/cachedir/
"""
_MARKS = {"CACHEDIR.TAG": _TAG, ".gitignore": "# Made by pytest-llmeval.\n*\n"}


class RefusedDirectory(OSError):
    """The directory may have been written by somebody else."""


def prepare_directory(directory: Path, database: str) -> None:
    """Make the directory, or make sure that nobody but us can have written what is in it.

    Args:
        directory: the cache's directory.
        database: the name of the database file in it.

    Raises:
        RefusedDirectory: it, or its database, belongs to somebody else, can be written by others, is a link, or lies on
            a network file system.
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
    for name in (database, f"{database}-wal", f"{database}-shm"):
        _refuse_unless_file(directory / name)
    for name, text in _MARKS.items():
        if not (directory / name).exists():
            (directory / name).write_text(text, encoding="utf-8", newline="\n")


def is_ours(status: os.stat_result) -> bool:
    """Whether a file belongs to us and nobody else may write it; always true where there are no user ids."""
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
