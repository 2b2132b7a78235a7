"""A pytest session of a user: files in, output and saved run out."""

from __future__ import annotations

import textwrap
from fnmatch import fnmatch
from pathlib import Path

import pytest

from pytest_llmeval.runs.file import load_run
from pytest_llmeval.runs.results import CaseResult, Run

CONFIGURATION = """
[tool.llmeval]
model = "production"

[tool.llmeval.models.production]
model = "openai/prod-1"
base_url = "{base_url}"
prices = {{ input = 1.0, output = 10.0 }}

[tool.llmeval.models.candidate]
model = "openai/cand-2"
base_url = "{base_url}"
prices = {{ input = 1.0, output = 10.0 }}
"""

# What the tests of this plugin do not need: the sessions start faster without, and no warning of theirs gets in.
WITHOUT = (
    "cacheprovider",
    "asyncio",
    "anyio",
    "randomly",
    "rerunfailures",
    "timeout",
    "cov",
    "sugar",
    "repeat",
    "hypothesispytest",
    "check",
    "respx",
    "pytest_httpx",
    "time_machine",
    "fakefs",
    "socket",
)


def told(result: pytest.RunResult, pattern: str) -> bool:
    """Whether a session says this, on however many lines of its terminal."""
    return fnmatch(" ".join(line.strip() for line in result.outlines), f"*{pattern}*")


class Session:
    """One user's project in a folder of its own.

    Attributes:
        report: where the run is saved.
    """

    def __init__(self, pytester: pytest.Pytester, base_url: str, arguments: tuple[str, ...]) -> None:
        self.pytester = pytester
        self.arguments = arguments
        self.report = pytester.path / "run.jsonl"
        self.configure(CONFIGURATION.format(base_url=base_url))

    @property
    def path(self) -> Path:
        """The project's folder."""
        return self.pytester.path

    def configure(self, toml: str) -> None:
        """Write ``pyproject.toml``."""
        options = (
            "[tool.pytest.ini_options]\nfilterwarnings = ['error', 'ignore:unclosed <socket.socket:ResourceWarning']\n"
        )
        (self.path / "pyproject.toml").write_text(options + textwrap.dedent(toml))

    def write(self, code: str, name: str = "test_it.py") -> None:
        """Write a test file."""
        (self.path / name).write_text(textwrap.dedent(code), encoding="utf-8")

    def run(self, *arguments: str, plugins: tuple[str, ...] = (), subprocess: bool = False) -> pytest.RunResult:
        """Run pytest, with these of the plugins it is usually run without, and save the run."""
        without = [f"-pno:{name}" for name in WITHOUT if name not in plugins]
        if "asyncio" in plugins:
            without.append("-oasyncio_default_fixture_loop_scope=function")
        run = self.pytester.runpytest_subprocess if subprocess else self.pytester.runpytest
        return run(*without, *self.arguments, f"--llm-report={self.report}", *arguments)

    def saved(self) -> Run:
        """The run that was saved last."""
        return load_run(self.report)

    def results(self) -> tuple[CaseResult, ...]:
        """Its results."""
        return self.saved().results
