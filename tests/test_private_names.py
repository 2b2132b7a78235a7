"""The list of private names of other packages is whole, and a session goes on without any of them."""

from __future__ import annotations

import ast
import asyncio
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from pytest_llmeval.capture import own_timeouts
from pytest_llmeval.capture.over_aiohttp import stand_before_aiohttp
from pytest_llmeval.plugin.running.tasks import current_task
from tests.foreign_names import private_names
from tests.private_names import PRIVATE
from tests.server import Request, Server, completion

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "pytest_llmeval"


def test_every_private_name_that_is_used_is_in_the_list_and_the_others_are_not() -> None:
    listed = {(each.name, file) for each in PRIVATE if not each.inner for file in each.files}
    assert private_names(PACKAGE) == listed


@pytest.mark.parametrize("each", [each for each in PRIVATE if each.inner], ids=lambda each: each.name)
def test_what_is_reached_through_a_private_name_is_used_where_the_list_says(each: object) -> None:
    assert isinstance(each, type(PRIVATE[0]))
    users = {
        file.relative_to(PACKAGE).as_posix()
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if each.name in (getattr(node, "attr", ""), getattr(node, "value", ""))
    }
    assert set(each.files) <= users


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("from _pytest.runner import runtestprotocol", {"_pytest.runner.runtestprotocol"}),
        ("import httpx._client", {"httpx._client"}),
        ("session._state.stack", {"_state"}),
        ("getattr(session, '_state', None)", {"_state"}),
        ("class Sub(httpx.Client):\n    def _transport_for_url(self): ...", {"_transport_for_url"}),
        ("class Sub(httpx.Client):\n    def _our_own(self): self._our_own()", set()),
        ("class Own:\n    def __init__(self): self._kept = 1\n    def read(self): return self._kept", set()),
        ("point._replace(x=1)", set()),
    ],
)
def test_a_private_name_is_found_however_it_is_used(tmp_path: Path, code: str, found: set[str]) -> None:
    (tmp_path / "module.py").write_text(code)
    assert private_names(tmp_path) == {(name, "module.py") for name in found}


SUITE = """
import httpx, pytest

@pytest.mark.parametrize("number", range(3))
def test_asks(llm, number):
    assert llm(f"item {number}") == f"echo item {number}"
    assert number != 2, "wrong"

@pytest.fixture
def shelf(request):
    return request.node.name

def test_uses_a_fixture(llm, shelf):
    assert llm("own") == "echo own"

def test_captures(llm_capture):
    body = {"model": "shop-1", "messages": [{"role": "user", "content": "captured"}]}
    with httpx.Client() as client:
        answer = client.post("ADDRESS/chat/completions", json=body).json()
    assert answer["choices"][0]["message"]["content"] == "echo captured"
"""
NEVER_ASKS = """
def test_never_asks(llm):
    pass
"""
WIDE = """
import pytest

@pytest.fixture(scope="module")
def wide(llm):
    return llm("wide")

def test_wide(llm, wide):
    assert wide == "echo wide"
"""
CONFIGURATION = """
[tool.llmeval]
model = "shop"
baseline = "before.jsonl"

[tool.llmeval.models.shop]
model = "openai/shop-1"
base_url = "{base_url}"
"""


def renamed(folder: Path, package: str, name: str) -> Path:
    """A folder with another package as a later version of it may be: with one of its names called otherwise."""
    if folder.exists():
        return folder
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    origin = Path(spec.origin)
    if origin.name == "__init__.py":
        shutil.copytree(origin.parent, folder / package)  # with its byte code, which stays good for most files
    else:
        folder.mkdir()
        shutil.copy(origin, folder)
    for file in folder.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        if name in text:
            file.write_text(re.sub(rf"\b{name}\b", f"another{name}", text), encoding="utf-8")
    return folder


class Project:
    """A project with a baseline, whose sessions are processes of their own."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder = folder
        self.server = server
        (folder / "pyproject.toml").write_text(CONFIGURATION.format(base_url=server.base_url))
        (folder / "test_it.py").write_text(SUITE.replace("ADDRESS", server.base_url))

    def run(self, *arguments: str, name: str = "", package: str = "") -> tuple[int, str]:
        """The exit code of a session, and what it printed in one line."""
        hidden = ("PYTEST_", "CI", "GITHUB_", "COV_", "COVERAGE_")
        environment = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
        path = [str(renamed(self.folder / f"without {name}", package, name))] if name else []
        environment["PYTHONPATH"] = os.pathsep.join([*path, *filter(None, [os.environ.get("PYTHONPATH")])])
        environment |= {
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_PLUGINS": "pytest_llmeval.plugin",
            "COLUMNS": "400",
        }
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "--junitxml=junit.xml", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    def answer(request: Request) -> object:
        return completion("echo " + request.json["messages"][-1]["content"])

    with Server() as server:
        server.answer = answer
        made = Project(tmp_path_factory.mktemp("project"), server)
        code, output = made.run("--llm-update-baseline")
        assert code == 0, output
        (made.folder / "test_more.py").write_text(NEVER_ASKS)
        yield made


FILES = ("test_it.py", "test_more.py")
TOGETHER = "tests wait for each reply, one after another:"
CACHE = "has no Cache."
RENAMED = [
    ("_pytest", "runtestprotocol", f"{TOGETHER} pytest's runtestprotocol"),
    ("_pytest", "_setupstate", f"{TOGETHER} pytest's _setupstate"),
    ("_pytest", "xml_key", ""),
    ("_pytest", "node_reporters_ordered", ""),
    ("_pytest", "_add_simple", ""),
    ("_pytest", "_progress_nodeids_reported", ""),
    ("_pytest", "_file", ""),
    ("_pytest", "_fixtureinfo", ""),
    ("_pytest", "_request", ""),
    ("_pytest", "_fixture_defs", ""),
    ("_pytest", "_pyfuncitem", ""),
    ("_pytest", "_report_sections", ""),
    ("httpx", "_transport_for_url", ""),
    ("httpx", "_pool", ""),
    ("diskcache", "_sql", f"{CACHE}_sql"),
    ("diskcache", "_sql_retry", f"{CACHE}_sql_retry"),
    ("diskcache", "_local", f"{CACHE}_local"),
    ("diskcache", "_disk", f"{CACHE}_disk"),
]


def as_ever(code: int, output: str) -> bool:
    """One test fails its case as before, one asks nothing, and everything else passes."""
    return code == 1 and "4 passed, 1 error, 1 missed" in output and "llmeval broke" not in output


@pytest.mark.slow
@pytest.mark.parametrize(("package", "name", "told"), [("", "", ""), *RENAMED], ids=lambda value: str(value)[:30])
def test_a_session_goes_on_without_a_name_and_says_what_it_loses(
    project: Project, package: str, name: str, told: str
) -> None:
    shutil.rmtree(project.folder / ".llmeval", ignore_errors=True)
    code, output = project.run(*FILES, name=name, package=package)
    assert as_ever(code, output), output
    assert told in output
    assert (TOGETHER in output, CACHE in output) == (TOGETHER in told, CACHE in told), output


@pytest.mark.slow
@pytest.mark.parametrize("name", ["", "WorkerInteractor", "item_index", "torun", "handle_command"])
def test_so_does_one_with_workers(project: Project, name: str) -> None:
    pytest.importorskip("xdist", reason="pytest-xdist is not installed in this environment")
    code, output = project.run(*FILES, "-pxdist", "-n2", name=name, package="xdist")
    assert as_ever(code, output), output
    assert (TOGETHER in output) is (name not in ("", "handle_command")), output


@pytest.mark.slow
@pytest.mark.parametrize("name", ["_scope", "_finalizers"])
def test_without_what_fixtures_of_wider_scope_need_they_are_errors_that_say_so(project: Project, name: str) -> None:
    wide = project.folder / "wide"
    wide.mkdir(exist_ok=True)
    (wide / "test_wide.py").write_text(WIDE)
    code, output = project.run("wide", "--llm-baseline=none")
    assert (code, "1 passed" in output) == (0, True), output
    code, output = project.run("wide", "--llm-baseline=none", name=name, package="_pytest")
    assert (code, "1 error" in output) == (1, True), output
    assert f"no fixture of wider scope than function can ask a model: pytest's FixtureDef has no {name}" in output


@pytest.mark.slow
def test_without_its_private_name_the_limit_of_pytest_timeout_holds_while_a_test_runs(project: Project) -> None:
    pytest.importorskip("pytest_timeout", reason="pytest-timeout is not installed in this environment")
    options = (*FILES, "-ppytest_timeout", "--timeout=60")
    code, output = project.run(*options, name="_get_item_settings", package="pytest_timeout")
    assert as_ever(code, output), output


def test_the_task_that_runs_is_known_without_a_private_name(monkeypatch: pytest.MonkeyPatch) -> None:
    async def asked() -> tuple[int, int]:
        return current_task(), id(asyncio.current_task())

    with_it = asyncio.run(asked())
    monkeypatch.delattr(asyncio, "_get_running_loop")
    without = asyncio.run(asked())
    assert (with_it[0], without[0], current_task()) == (with_it[1], without[1], 0)


def test_an_event_loop_that_hides_its_timers_delivers_a_late_answer() -> None:
    class Hiding(asyncio.SelectorEventLoop):
        def __getattribute__(self, name: str) -> object:
            caller = sys._getframe(1).f_globals["__name__"]
            if name == "_scheduled" and caller.startswith("pytest_llmeval."):
                raise AttributeError(name)
            return super().__getattribute__(name)

    loop = Hiding()
    try:
        loop.run_until_complete(asyncio.wait_for(own_timeouts._pass(3600.0), timeout=60))
    finally:
        loop.close()


def test_an_aiohttp_without_the_method_that_sends_is_left_alone() -> None:
    """It is not installed here; the case that asks by it is an error, since no call was seen."""
    client = ModuleType("aiohttp.client")
    client.ClientSession = type("ClientSession", (), {})  # type: ignore[attr-defined]
    stand_before_aiohttp(client)
    assert not hasattr(client.ClientSession, "_request")
