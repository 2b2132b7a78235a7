"""Which Pythons this machine has: ``python3.N`` on the PATH, else those of pyenv."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["interpreter_of", "versions_found"]

_FIRST = 11  # of Python 3, as pyproject.toml's requires-python says
_ASK = "import sys, ensurepip, venv; print(*sys.version_info[:2], sep='.', end=' '); print(sys.version.split()[0])"


def interpreter_of(version: str) -> tuple[Path, str] | None:
    """An interpreter that can make environments, and its whole version; None where there is none.

    Args:
        version: as in ``3.13``.
    """
    for path in _candidates(version):
        # What pyenv puts on the PATH is there for versions too that it has not switched on.
        try:
            done = subprocess.run([path, "-c", _ASK], capture_output=True, text=True, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        words = done.stdout.split()
        if done.returncode == 0 and words[:1] == [version]:
            return path, words[1]
    return None


def versions_found() -> list[str]:
    """The versions that are perhaps there, oldest first."""
    names = [path.name for folder in _folders() for path in folder.glob("python3.*")]
    names += [f"python{path.name}" for path in _pyenv().glob("3.*")]
    names.append(f"python3.{sys.version_info.minor}")
    minors = {int(found[1]) for name in names if (found := re.fullmatch(r"python3\.(\d+)(?:\.\d+)?(?:\.exe)?", name))}
    return [f"3.{minor}" for minor in sorted(minors) if minor >= _FIRST]


def _candidates(version: str) -> Iterator[Path]:
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        yield Path(sys.executable)
    for folder in _folders():
        if found := shutil.which(f"python{version}", path=str(folder)):
            yield Path(found)
    newest_first = sorted(_pyenv().glob(f"{version}*"), key=lambda path: _numbers(path.name), reverse=True)
    yield from (path / "bin" / "python" for path in newest_first)


def _folders() -> list[Path]:
    return [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]


def _pyenv() -> Path:
    return Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"


def _numbers(name: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", name)))
