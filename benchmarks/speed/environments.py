"""The virtual environments, one for each tool, made when they are first needed and again when their packages change."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

__all__ = ["CACHE", "ROOT", "NotInstalled", "python_of"]

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".benchmarks"
_PATIENCE = 900  # seconds for one pip install

# This package is a wheel, as its users have it; xdist is there wherever a row uses or is compared with it.
PACKAGES = {
    "ours": [str(ROOT), "pytest", "pytest-xdist"],
    "plain": ["pytest", "pytest-xdist"],
    "openai": ["pytest", "pytest-xdist", "openai"],
    "deepeval": ["pytest", "pytest-xdist", "openai", "deepeval"],
    "pytest-evals": ["pytest", "pytest-xdist", "openai", "pytest-evals"],
    "pydantic-evals": ["pydantic-evals", "openai"],
    "inspect_ai": ["inspect_ai", "openai"],
    "httpx": ["httpx"],
}


class NotInstalled(Exception):
    """A tool cannot be installed here; the message says why."""


_made: dict[str, Path | NotInstalled] = {}


def python_of(environment: str) -> Path:
    """The interpreter of an environment, made at the first call if need be.

    Raises:
        NotInstalled: pip failed.
    """
    if environment not in _made:
        try:
            _made[environment] = _make(environment)
        except NotInstalled as error:
            _made[environment] = error
    made = _made[environment]
    if isinstance(made, NotInstalled):
        raise made
    return made


def _make(environment: str) -> Path:
    folder = CACHE / "environments" / environment
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    stamp = folder / "installed"
    wanted = _digest(environment)
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    print(f"installing {environment} ...", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    CACHE.mkdir(exist_ok=True)
    (CACHE / ".gitignore").write_text("*\n")
    venv.create(folder, with_pip=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES[environment]]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"pip install took more than {_PATIENCE} s") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["pip said nothing"]
        raise NotInstalled(f"pip install failed: {lines[-1][:200]}")
    stamp.write_text(wanted)
    return python


def _digest(environment: str) -> str:
    """Of what is installed: the names, and the sources of this package."""
    digest = hashlib.sha256(repr((PACKAGES[environment], sys.version)).encode())
    if environment == "ours":
        for file in [ROOT / "pyproject.toml", *sorted((ROOT / "pytest_llmeval").rglob("*"))]:
            if file.is_file() and file.suffix != ".pyc":
                digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
