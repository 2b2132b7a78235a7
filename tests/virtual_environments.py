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


def virtual_environment(
    folder: Path,
    arguments: Sequence[str],
    changes: bytes = b"",
    *,
    base: Path | None = None,
    pip: Sequence[str] = (),
    patience: float = _PATIENCE,
) -> Path:
    """The interpreter of an environment, which is made if it is not there as it should be.

    Args:
        folder: of the environment; the one two above is created with a ``.gitignore``.
        arguments: what pip installs.
        changes: whatever else makes the environment stale when it changes.
        base: the interpreter it is made of; this one without.
        pip: what pip installs of itself first, where the one that Python brings is too old for the arguments.
        patience: seconds for one pip install.

    Raises:
        NotInstalled: the interpreter makes no environment, or pip failed.
    """
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    stamp = folder / "installed"
    made_of = str(base or sys.version)
    wanted = hashlib.sha256(repr((list(arguments), made_of)).encode() + changes).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    print(f"installing {folder.name} ...", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    cache = folder.parents[1]
    cache.mkdir(exist_ok=True)
    (cache / ".gitignore").write_text("*\n")
    if base is None:
        venv.create(folder, with_pip=True)
    else:
        _run([str(base), "-m", "venv", str(folder)], "python -m venv", patience)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    if pip:
        _run([*install, *pip], "pip install", patience)
    _run([*install, *arguments], "pip install", patience)
    stamp.write_text(wanted)
    return python


def _run(command: Sequence[str], words: str, patience: float) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=patience, check=False)
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"{words} took more than {patience:.0f} s") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["it said nothing"]
        told = next((line for line in reversed(lines) if line.lower().startswith("error")), lines[-1])
        raise NotInstalled(f"{words} failed: {told[:200]}")
