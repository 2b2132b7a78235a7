"""The virtual environments, one for each tool, made when they are first needed and again when their packages change."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.virtual_environments import NotInstalled, virtual_environment

__all__ = ["CACHE", "ROOT", "NotInstalled", "python_of"]

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".benchmarks"

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
    "aiohttp": ["aiohttp"],
}

_made: dict[str, Path | NotInstalled] = {}


def python_of(environment: str) -> Path:
    """The interpreter of an environment, made at the first call if need be.

    Raises:
        NotInstalled: pip failed.
    """
    if environment not in _made:
        try:
            folder = CACHE / "environments" / environment
            _made[environment] = virtual_environment(folder, PACKAGES[environment], _sources(environment))
        except NotInstalled as error:
            _made[environment] = error
    made = _made[environment]
    if isinstance(made, NotInstalled):
        raise made
    return made


def _sources(environment: str) -> bytes:
    """The sources of this package, where it is installed."""
    if environment != "ours":
        return b""
    files = [ROOT / "pyproject.toml", *sorted((ROOT / "pytest_llmeval").rglob("*"))]
    kept = [file for file in files if file.is_file() and file.suffix != ".pyc"]
    return b"".join(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes() for file in kept)
