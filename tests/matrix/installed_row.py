"""The environment of a row."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from packaging.requirements import Requirement

from tests.matrix.interpreters import interpreter_of
from tests.matrix.rows import ALL_PLUGINS, PROJECT, ROOT, Row
from tests.other_plugins.installed import PLUGINS
from tests.virtual_environments import NotInstalled, virtual_environment

__all__ = ["CACHE", "NotHere", "built_wheel", "python_of"]

CACHE = ROOT / ".matrix"
CONSTRAINTS = ROOT / "constraints.txt"
_UV = ROOT / ".venv-uv" / "bin" / "uv"
_DAYS = 3  # releases that turn out to be broken or hijacked are mostly gone by then


class NotHere(Exception):
    """A row cannot be run on this machine, which is no fault; the message says why."""


def python_of(name: str, row: Row, patience: float) -> Path:
    """The interpreter of a row's environment, made at the first call if need be.

    Args:
        patience: seconds for each installation.

    Raises:
        NotHere: the machine lacks something.
        NotInstalled: pip failed.
    """
    base = interpreter_of(row.python)
    if base is None:
        raise NotHere(f"no Python {row.python} was found")
    arguments, changes = _arguments(name, row, base[1])
    pinned = CONSTRAINTS.read_bytes() if row.versions == "pinned" else b""
    stale = repr(PROJECT["project"]).encode() + pinned + changes
    pip = ["--upgrade", "pip"] if row.versions == "newest" else ["--constraint", str(CONSTRAINTS), "--upgrade", "pip"]
    folder = CACHE / "environments" / name
    try:
        return virtual_environment(folder, arguments, stale, base=base[0], pip=pip, patience=patience)
    except NotInstalled as error:
        if row.canary:
            print(f"{name}: {error}", file=sys.stderr)
            raise NotHere("what it tries could not be fetched") from None
        raise


def _arguments(name: str, row: Row, python: str) -> tuple[list[str], bytes]:
    """What pip installs, and what else makes the environment stale."""
    if row.beside:
        packages = [package for name in ALL_PLUGINS for package in (name, *PLUGINS[name].beside)]
        return ["pytest", "pytest-xdist", *packages, "--editable", str(ROOT)], b""
    tests = [each for each in PROJECT["dependency-groups"]["test"] if Requirement(each).name not in row.left_out]
    wheel = built_wheel() if row.wheel else None
    ours = [f"{wheel}[yaml]"] if wheel is not None else ["--editable", f"{ROOT}[yaml]"]
    packages = [*row.instead, *tests, *ours]
    if row.versions == "newest":
        return ["--uploaded-prior-to", f"P{_DAYS}D", *packages], time.strftime("%Y-%m-%d").encode()
    if row.versions == "lowest":
        lowest = _lowest(python)
        return ["--constraint", str(lowest), *packages], lowest.read_bytes()
    pinned = CONSTRAINTS
    if row.instead:
        CACHE.mkdir(exist_ok=True)
        pinned = CACHE / f"{name}.txt"
        pinned.write_text(_without(CONSTRAINTS.read_text(encoding="utf-8"), row), encoding="utf-8")
    constraints = ["--constraint", str(pinned), "--build-constraint", str(CONSTRAINTS)]
    return [*constraints, *packages], wheel.read_bytes() if wheel is not None else b""


def _without(constraints: str, row: Row) -> str:
    """The pins but for those of what is installed instead."""
    others = {Requirement(each).name for each in row.instead}
    return "".join(f"{line}\n" for line in constraints.splitlines() if line.partition("==")[0] not in others)


def _lowest(python: str) -> Path:
    """The lowest versions of our own dependencies that pyproject.toml allows, as constraints."""
    if not _UV.exists():
        raise NotInstalled("uv is missing: make .venv-uv/made")
    CACHE.mkdir(exist_ok=True)
    file = CACHE / f"lowest-{python}.txt"
    command = [str(_UV), "pip", "compile", "--quiet", "--no-config", "--no-annotate", "--resolution", "lowest-direct"]
    command += ["--python-version", python, "pyproject.toml", "--all-extras", "--output-file", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        raise NotInstalled(f"uv pip compile failed: {done.stderr.strip().splitlines()[-1][:200]}")
    return file


def built_wheel() -> Path:
    """The wheel of the package as it is now."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode:
            raise NotInstalled(f"hatchling built no wheel: {done.stderr.strip()[-200:]}")
        built = next(Path(folder).glob("*.whl"))
        kept = CACHE / "wheel" / built.name
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(built.read_bytes())
    return kept
