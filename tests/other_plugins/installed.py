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
        beside: other packages it needs or is used with.
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
    "allure-pytest": Plugin(options=("--alluredir=results",), report="results", know="with `--alluredir`"),
    "anyio": Plugin(beside=("trio",)),
    "flaky": Plugin(know="tests marked or decorated `flaky` run one after another, all with `--force-flaky`"),
    "hypothesis": Plugin(know="a test with `@given` waits for each reply"),
    "langsmith": Plugin(
        beside=("langsmith[pytest]",),
        know="tests marked `langsmith`, which need an account and were not tried, run one after another",
    ),
    "pytest-asyncio": Plugin(),
    "pytest-bdd": Plugin(know="see [below](#pytest-bdd)"),
    "pytest-benchmark": Plugin(know="a test that uses `benchmark` waits for each reply"),
    "pytest-check": Plugin(),
    "pytest-cov": Plugin(options=("--cov=.",)),
    "pytest-dependency": Plugin(know="tests marked `dependency` run one after another"),
    "pytest-depends": Plugin(),
    "pytest-django": Plugin(beside=("django",), options=("--ds=shop_settings",)),
    "pytest-forked": Plugin(
        pytest="pytest<9", options=("--forked",), know="with `--forked`; else tests marked `forked`"
    ),
    "pytest-html": Plugin(options=("--html=results.html",), report="results.html"),
    "pytest-instafail": Plugin(options=("--instafail",)),
    "pytest-isolate": Plugin(
        pytest="pytest<9", options=("--isolate",), know="with `--isolate` and its limits; else tests marked `isolate`"
    ),
    "pytest-json-report": Plugin(options=("--json-report", "--json-report-file=results.json"), report="results.json"),
    "pytest-mock": Plugin(),
    "pytest-order": Plugin(know="tests marked `order` run one after another, in their order"),
    "pytest-playwright": Plugin(),
    "pytest-random-order": Plugin(options=("--random-order",)),
    "pytest-randomly": Plugin(),
    "pytest-repeat": Plugin(options=("--count=2",)),
    "pytest-reportlog": Plugin(options=("--report-log=results.jsonl",), report="results.jsonl"),
    "pytest-rerunfailures": Plugin(options=("--reruns=1",)),
    "pytest-retry": Plugin(options=("--retries=1",)),
    "pytest-run-parallel": Plugin(
        options=("--parallel-threads=2",), know="with `--parallel-threads`; each thread of a test waits for its replies"
    ),
    "pytest-split": Plugin(options=("--splits=1", "--group=1")),
    "pytest-steps": Plugin(know="the steps of a test run one after another"),
    "pytest-subtests": Plugin(know="a test that uses `subtests` waits for each reply"),
    "pytest-sugar": Plugin(),
    "pytest-testmon": Plugin(options=("--testmon", "--testmon-noselect"), know="with `--testmon`"),
    "pytest-timeout": Plugin(options=("--timeout=60",)),
    "pytest-trio": Plugin(),
    "teamcity-messages": Plugin(options=("--teamcity",)),
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
