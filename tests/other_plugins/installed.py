"""Which plugins the tests run beside: an environment for each, with the newest version of its package."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.virtual_environments import virtual_environment

__all__ = ["PLUGINS", "ROOT", "Plugin", "python_of"]

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".plugins"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """How a plugin is tried.

    Attributes:
        pytest: the pytest it is tried with, where it does not work with the newest.
        beside: other packages it needs or is mostly used with.
        options: what switches it on, for pytest.
        report: the file or folder it writes.
        know: what its users should know.
    """

    pytest: str = "pytest"
    beside: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    report: str = ""
    know: str = ""


PLUGINS = {
    "allure-pytest": Plugin(options=("--alluredir=results",), report="results"),
    "pytest-json-report": Plugin(options=("--json-report", "--json-report-file=results.json"), report="results.json"),
    "pytest-html": Plugin(options=("--html=results.html",), report="results.html"),
    "pytest-reportlog": Plugin(options=("--report-log=results.jsonl",), report="results.jsonl"),
    "pytest-forked": Plugin(pytest="pytest<9", options=("--forked",)),
    "pytest-isolate": Plugin(pytest="pytest<9", options=("--isolate",)),
    "pytest-dependency": Plugin(),
    "pytest-depends": Plugin(),
    "pytest-order": Plugin(),
    "pytest-bdd": Plugin(),
    "pytest-check": Plugin(),
    "pytest-subtests": Plugin(),
    "hypothesis": Plugin(),
    "pytest-split": Plugin(options=("--splits=1", "--group=1")),
    "pytest-testmon": Plugin(options=("--testmon",)),
    "pytest-randomly": Plugin(),
    "pytest-random-order": Plugin(options=("--random-order",)),
    "pytest-repeat": Plugin(options=("--count=2",)),
    "pytest-rerunfailures": Plugin(options=("--reruns=1",)),
    "pytest-retry": Plugin(options=("--retries=1",)),
    "flaky": Plugin(options=("--force-flaky",)),
    "pytest-timeout": Plugin(options=("--timeout=60",)),
    "pytest-asyncio": Plugin(),
    "anyio": Plugin(beside=("trio",)),
    "pytest-trio": Plugin(),
    "pytest-steps": Plugin(),
    "pytest-parallel": Plugin(options=("--workers=2",)),
    "pytest-run-parallel": Plugin(options=("--parallel-threads=2",)),
    "pytest-instafail": Plugin(options=("--instafail",)),
    "pytest-sugar": Plugin(),
    "pytest-benchmark": Plugin(),
    "pytest-mock": Plugin(),
    "pytest-cov": Plugin(options=("--cov=.",)),
    "pytest-django": Plugin(beside=("django",), options=("--ds=shop_settings",)),
}


def python_of(name: str) -> Path:
    """The interpreter of a plugin's environment, made at the first call if need be.

    Raises:
        NotInstalled: pip failed.
    """
    plugin = PLUGINS[name]
    arguments = [plugin.pytest, "pytest-xdist", name, *plugin.beside, "--editable", str(ROOT)]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return virtual_environment(CACHE / "environments" / name, arguments, repr(project).encode())
