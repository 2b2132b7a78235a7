"""A cache on a network file system is refused: SQLite's locks do not hold there."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_llmeval.store import disk as folder
from pytest_llmeval.store.cache import Cache
from pytest_llmeval.store.disk import network_file_system
from pytest_llmeval.store.entry import Entry

MOUNTS = """\
/dev/vda1 / ext4 rw,relatime 0 0
server:/home /home nfs4 rw,vers=4.2 0 0
/dev/vdb1 /home/me/fast xfs rw 0 0
//server/share /mnt/my\\040share cifs rw 0 0
first /twice nfs rw 0 0
second /twice ext4 rw 0 0
broken
"""


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/srv/project", None),
        ("/home/me/project/.llmeval/cache", "nfs4"),
        ("/homely", None),
        ("/home/me/fast/project", None),
        ("/mnt/my share/project", "cifs"),
        ("/twice/project", None),
    ],
)
def test_the_deepest_and_last_mount_decides(place: str, kind: str | None) -> None:
    assert network_file_system(Path(place), MOUNTS) == kind


def test_a_cache_on_a_network_is_told_once_and_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "network_file_system", lambda directory: "nfs4")
    said: list[str] = []
    cache = Cache(tmp_path / "cache", said.append)
    for number in range(2):
        cache.put(
            Entry(
                key=f"{number:064x}",
                provider="openai",
                model="m",
                path="/chat/completions",
                request={"messages": []},
                sample=0,
                occurrence=0,
                case="tests/test_x.py::test_x",
                response={"choices": []},
                latency=0.1,
                recorded_at="2026-11-23T10:00:00Z",
            )
        )
        assert cache.get(f"{number:064x}") is None
    cache.close()
    assert len(said) == 1
    assert "lies on a network file system (nfs4)" in said[0]
    assert not (tmp_path / "cache").exists()


def test_where_nothing_is_known_of_mounts_nothing_is_refused(tmp_path: Path) -> None:
    assert network_file_system(tmp_path, "") is None
    assert network_file_system(tmp_path) is None
