"""Virtual environments in a folder that git ignores: made when they are first needed, and again when they change.

What resolves together with nothing else, such as the SDKs of several years or another tool, has one of its own.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

__all__ = ["NotInstalled", "virtual_environment"]

_PATIENCE = 900  # seconds for one pip install


class NotInstalled(Exception):
    """Something cannot be installed here; the message says why."""


def virtual_environment(folder: Path, arguments: Sequence[str], changes: bytes = b"") -> Path:
    """The interpreter of an environment, which is made if it is not there as it should be.

    Args:
        folder: of the environment; the one two above is created with a ``.gitignore``.
        arguments: what pip installs.
        changes: whatever else makes the environment stale when it changes.

    Raises:
        NotInstalled: pip failed.
    """
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    stamp = folder / "installed"
    wanted = hashlib.sha256(repr((list(arguments), sys.version)).encode() + changes).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    print(f"installing {folder.name} ...", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    cache = folder.parents[1]
    cache.mkdir(exist_ok=True)
    (cache / ".gitignore").write_text("*\n")
    venv.create(folder, with_pip=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"pip install took more than {_PATIENCE} s") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["pip said nothing"]
        raise NotInstalled(f"pip install failed: {lines[-1][:200]}")
    stamp.write_text(wanted)
    return python
