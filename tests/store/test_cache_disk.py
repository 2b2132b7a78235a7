"""The cache on a disk that is full or cannot be written."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_llmeval.store.cache import Cache
from tests.entries import entry


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere; see the next test")
def test_a_directory_that_cannot_be_written_is_one_warning(cache: Cache, warnings: list[str]) -> None:
    cache.put(entry(1))
    cache.close()
    cache.directory.chmod(0o500)
    (cache.directory / "cache.db").chmod(0o400)
    try:
        assert cache.get(entry(1).key) is None
        cache.put(entry(1))
    finally:
        cache.directory.chmod(0o700)
    assert len(warnings) == 1
    assert not list(cache.directory.parent.glob("cache.corrupt-*"))


def mount(kind: list[str], where: Path) -> None:
    """Mount a file system, or skip the test where that is not allowed."""
    if os.name != "posix" or os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("only root can mount a file system to fill or to close")
    if subprocess.run(["mount", *kind, str(where)], capture_output=True, check=False).returncode != 0:
        pytest.skip("this system lets nobody mount a file system")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    where = tmp_path / "disk"
    where.mkdir()
    mount(["-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs"], where)
    yield where
    subprocess.run(["umount", "-l", str(where)], check=True)


def test_a_read_only_file_system_is_one_warning(disk: Path, warnings: list[str]) -> None:
    cache = Cache(disk / "cache", warnings.append)
    cache.put(entry(1))
    cache.close()
    mount(["-o", "remount,ro"], disk)

    assert cache.get(entry(1).key) is None
    cache.put(entry(2))
    assert cache.get(entry(2).key) is None
    assert len(warnings) == 1
    assert not list(disk.glob("cache.corrupt-*"))


@pytest.mark.parametrize("size", [2_000, 60_000])
def test_a_full_disk_is_one_warning_and_what_was_kept_stays(disk: Path, warnings: list[str], size: int) -> None:
    cache = Cache(disk / "cache", warnings.append)
    number = 0
    while not warnings and number < 2000:
        cache.put(entry(number, response={"text": os.urandom(size).hex()}))
        number += 1
    for later in range(number, number + 20):
        cache.put(entry(later, response={"text": os.urandom(size).hex()}))

    assert len(warnings) == 1
    assert all(cache.get(entry(earlier).key) for earlier in range(number - 1))
    cache.close()
    again: list[str] = []
    reopened = Cache(disk / "cache", again.append)
    reopened.get(entry(0).key)
    reopened.close()
    assert len(again) <= 1
    assert not list(disk.glob("cache.corrupt-*"))
