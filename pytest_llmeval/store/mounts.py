"""On which kind of file system a folder lies: SQLite's locks do not hold on those of a network."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["network_file_system"]

_OF_A_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ncpfs", "fuse.sshfs", "fuse.rclone"})
_MOUNTS = Path("/proc/self/mounts")


def network_file_system(folder: Path, mounts: str | None = None) -> str | None:
    """The kind of the network file system a folder lies on, None when it lies on none or nobody can tell.

    Args:
        folder: need not exist.
        mounts: what is mounted, as in Linux's ``/proc/self/mounts``; read from there by default.
    """
    if mounts is None:
        try:
            mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:  # not on Linux
            return None
    place, kind = Path(), ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[1]))
        # Of several mounts above the folder the deepest counts, and of those on one point the last.
        if folder.is_relative_to(point) and len(point.parts) >= len(place.parts):
            place, kind = point, fields[2]
    return kind if kind in _OF_A_NETWORK else None
