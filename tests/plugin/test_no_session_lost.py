"""Whatever goes wrong within a hook of this plugin ends a case, or is told of in the end; no session is lost."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from collections import Counter
from collections.abc import Iterator
from types import ModuleType

import pytest

import pytest_llmeval.plugin
from tests.server import Request, Server, completion
from tests.sessions import CONFIGURATION, Session

# Lets one hook of this plugin raise, before or after it has done its work, and writes down what was reported.
INJECTION = """
import functools
import importlib
import inspect
import os
import pathlib

import pytest

module, owner, hook, place = os.environ["FAULT"].split()
holder = importlib.import_module(module)


def fault():
    pathlib.Path("fired").touch()
    raise TypeError("on purpose")


if owner == "-":  # of the entry module, which pytest has read before this or will read it after
    function = getattr(holder, hook).__wrapped__
    parameters = ", ".join(inspect.signature(function).parameters)
    made = {}
    exec(f"def raising_at_once({parameters}):\\n    from injection import fault; fault()", made)
    original, function.__code__ = function.__code__, made["raising_at_once"].__code__
    restore = functools.partial(setattr, function, "__code__", original)
else:
    holder = getattr(holder, owner)
    original = getattr(holder, hook)
    restore = functools.partial(setattr, holder, hook, original)

    if inspect.isgeneratorfunction(original):
        def broken(*arguments):
            if place == "before":
                fault()
            result = yield from original(*arguments)
            fault()
            return result
    else:
        def broken(*arguments):
            if place == "after":
                original(*arguments)
            fault()

    setattr(holder, hook, functools.wraps(original)(broken))


def pytest_unconfigure():
    restore()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report):
    if "PYTEST_XDIST_WORKER" not in os.environ and (report.when == "call" or not report.passed):
        with open("reported", "a") as file:
            print(report.nodeid.split("[")[0], report.outcome, file=file)
"""
SUITE = """
import json

import httpx
import pytest

def test_plain():
    pass

def test_right(llm):
    assert llm("a good question") == "yes"

def test_wrong(llm):
    assert llm("a bad question") == "yes"

@pytest.fixture(scope="module")
def address():
    return ADDRESS

def test_application(llm_capture, address):
    body = {"model": "prod-1", "messages": [{"role": "user", "content": "a captured question"}]}
    reply = httpx.post(address + "/chat/completions", json=body)
    assert reply.json()["choices"][0]["message"]["content"] == "yes"

class TestLast:
    def test_two(self, llm):
        assert llm("one") == llm("two") == "yes"
"""
LEFT_OUT = """

def test_left_out(llm):
    llm("nothing")
"""
NAMES = {"test_plain", "test_right", "test_wrong", "test_application", "TestLast::test_two"}
IN_CONFIGURATION = {"pytest_addoption", "pytest_addhooks", "pytest_load_initial_conftests", "pytest_configure"}
IN_COLLECTION = {
    "pytest_generate_tests",
    "pytest_collection_modifyitems",
    "pytest_collection_finish",
    "pytest_deselected",
}


def hooks_of(holder: object) -> list[str]:
    return [name for name in dir(holder) if name.startswith("pytest_") and inspect.isroutine(getattr(holder, name))]


def holders() -> Iterator[tuple[str, str]]:
    """Module and class of all that is registered with hooks; "-" for the entry module itself."""
    yield "pytest_llmeval.plugin", "-"
    for found in pkgutil.walk_packages(pytest_llmeval.plugin.__path__, "pytest_llmeval.plugin."):
        module: ModuleType = importlib.import_module(found.name)
        for name, value in vars(module).items():
            if inspect.isclass(value) and value.__module__ == found.name and hooks_of(value):
                yield found.name, name


HOLDERS = [
    holder
    for holder in holders()
    if holder[1] != "Faults"  # keeps what went wrong, and is the one that must not
]


def answer(request: Request) -> object:
    return completion("no" if "bad" in json.dumps(request.json["messages"]) else "yes")


@pytest.fixture
def project(session: Session, server: Server, monkeypatch: pytest.MonkeyPatch) -> Session:
    configuration = CONFIGURATION.format(base_url=server.base_url)
    session.configure(configuration.replace("[tool.llmeval]", '[tool.llmeval]\nbaseline = "before.jsonl"'))
    session.write(SUITE.replace("ADDRESS", repr(server.base_url)))
    server.answer = answer
    assert session.run("--llm-update-baseline").ret == 0
    session.write((session.path / "test_it.py").read_text() + LEFT_OUT)
    monkeypatch.setenv("PYTHONPATH", str(session.path))
    return session


def what_is_wrong(
    project: Session, monkeypatch: pytest.MonkeyPatch, module: str, owner: str, hook: str, place: str
) -> str:
    """What a session with a fault should have done and did not, "" when nothing."""
    monkeypatch.setenv("FAULT", f"{module} {owner} {hook} {place}")
    of_entry = owner == "-"  # read before any conftest is
    project.write(INJECTION, "injection.py" if of_entry else "conftest.py")
    fired, reported = project.path / "fired", project.path / "reported"
    fired.unlink(missing_ok=True)
    reported.write_text("")
    result = project.run(
        *["-pinjection"] * of_entry,
        "--llm-samples=auto",
        "--llm-mode=live",
        "--deselect=test_it.py::test_left_out",
        subprocess=of_entry,
    )
    output = "\n".join([*result.outlines, *result.errlines])
    if "INTERNALERROR" in output:
        return "the session was lost"
    lines = [line.partition("::")[2].split() for line in reported.read_text().splitlines()]
    if not fired.exists():
        return "" if result.ret == 0 else "nothing broke and it failed"
    expected = 4 if hook in IN_CONFIGURATION else 2 if hook in IN_COLLECTION else 1
    if result.ret != expected:
        return f"exit code {result.ret} and not {expected}"
    words = f"llmeval broke in {hook}: TypeError: on purpose; please report it"
    if words not in " ".join(line.strip() for line in output.splitlines()):
        return "it is not told of"
    if hook in IN_CONFIGURATION:
        return "" if "Traceback" not in output else "a traceback"
    missing = NAMES - {name for name, _ in lines}
    twice = [
        name for name, count in Counter(name for name, outcome in lines if outcome == "failed").items() if count > 1
    ]
    return f"not reported: {missing}" * bool(missing) + f"failed twice: {twice}" * bool(twice)


# What runs, or is told, in another process than that of the test.
ACROSS = ("-", "Runner", "Reporting", "LostTests", "StopsWorkers", "LooksOfWorkers", "LooksInWorker")


@pytest.mark.parametrize(
    ("session", "module", "owner"),
    [("plain", *holder) for holder in HOLDERS] + [("n2", *holder) for holder in HOLDERS if holder[1] in ACROSS],
    ids=lambda value: value.rpartition(".")[2] or value,
    indirect=["session"],
)
def test_no_hook_of_ours_ends_a_session(
    project: Session, monkeypatch: pytest.MonkeyPatch, module: str, owner: str
) -> None:
    holder = importlib.import_module(module)
    if owner != "-":
        holder = getattr(holder, owner)
    # With xdist the same guards stand in two processes: each hook breaks there once, and in one process in both places.
    places = ("before",) if owner == "-" or "-n2" in project.arguments else ("before", "after")
    wrong = {}
    for hook in hooks_of(holder):
        for place in places:
            problem = what_is_wrong(project, monkeypatch, module, owner, hook, place)
            if problem:
                wrong[f"{place} {hook}"] = problem
    assert wrong == {}
