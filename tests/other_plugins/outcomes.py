"""Runs the suite beside a plugin and says what came out of each test."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.other_plugins.installed import PLUGINS, Plugin
from tests.other_plugins.suite import FILES, FOR_ALL
from tests.server import Reply, Request, Server, completion

__all__ = ["Outcomes", "compared"]

_CONFIGURATION = """
[tool.pytest.ini_options]
asyncio_default_fixture_loop_scope = "function"

[tool.llmeval]
model = "shop"
cache = "{cache}"

[tool.llmeval.models.shop]
model = "openai/shop-1"
base_url = "{base_url}"
"""
_IN_ORDER = "from pytest_llmeval.plugin.running import runner\n\nrunner.can_schedule = lambda session: False\n"
_LINE = re.compile(r"^(?:\d+ of \d+ )?tests run one after another beside .*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What a session came to.

    Attributes:
        code: its exit code.
        tests: how often each test ended how, as JUnit's file says.
        reported: the same as the plugin's own report says.
        asked: how many requests reached the model.
        together: the most of them at once.
        told: what the summary says of tests that run one after another.
        output: what pytest printed.
    """

    code: int
    tests: Counter[tuple[str, ...]]
    reported: Counter[tuple[str, ...]]
    asked: int
    together: int
    told: tuple[str, ...]
    output: str


def compared(name: str, python: Path, folder: Path) -> tuple[list[str], Outcomes]:
    """What differs beside a plugin from tests that wait, a line each; and the session that had them overlap."""
    alike, overlapping = [], None
    for kind, options in (("", ()), (" with -n 2", ("-n2", "--dist=loadfile"))):
        waiting = _run(name, python, folder / f"waiting{kind}", "-pin_order", *options)
        here = folder / f"overlapping{kind}"
        live = _run(name, python, here, "--llm-record", *options)
        alike += [f"live{kind}: {line}" for line in _differences(waiting, live, workers=bool(options))]
        overlapping = overlapping or live
        replayed = _run(name, python, here, "--llm-mode=replay", *options)
        alike += [f"replayed{kind}: {line}" for line in _differences(waiting, replayed, replays=True)]
    assert overlapping is not None
    return alike, overlapping


def _differences(waiting: Outcomes, other: Outcomes, *, replays: bool = False, workers: bool = False) -> list[str]:
    found = []
    if "INTERNALERROR" in other.output:
        found.append("INTERNALERROR")
    if other.code != waiting.code:
        found.append(f"exit code {other.code}, not {waiting.code}")
    for label, its, those in (("", other.tests, waiting.tests), ("its report: ", other.reported, waiting.reported)):
        found += [
            f"{label}{' '.join(test)}: {its[test]} times, not {count}"
            for test, count in those.items()
            if its[test] != count
        ]
        found += [f"{label}{' '.join(test)}: {its[test]} times, not 0" for test in its.keys() - those.keys()]
    if not waiting.tests:
        found.append("no outcomes at all")
    # Workers that ask the same at once ask twice.
    if not replays and not workers and other.asked != waiting.asked:
        found.append(f"{other.asked} requests, not {waiting.asked}")
    return found


def _run(name: str, python: Path, folder: Path, *options: str) -> Outcomes:
    plugin = PLUGINS.get(name, Plugin())
    folder.mkdir(exist_ok=True)
    if plugin.report:
        shutil.rmtree(folder / plugin.report, ignore_errors=True)  # allure adds to what is there

    def answer(request: Request) -> Reply:
        return Reply(body=completion("echo " + request.json["messages"][-1]["content"]), delay=0.1)

    with Server() as server:
        server.answer = answer
        files = {"test_all.py": FOR_ALL, **FILES.get(name, {}), "in_order.py": _IN_ORDER}
        cache = (folder / "cache").as_posix()
        files["pyproject.toml"] = _CONFIGURATION.format(base_url=server.base_url, cache=cache)
        for file, text in files.items():
            (folder / file).write_text(text, encoding="utf-8")
        command = [str(python), "-m", "pytest", "--junitxml=junit.xml", *plugin.options, *options]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
        asked, together = len(server.requests), server.most_in_flight
    output = done.stdout + done.stderr
    (folder / "output.txt").write_text(output)
    return Outcomes(
        code=done.returncode,
        tests=_of_junit(folder / "junit.xml"),
        reported=_of_report(folder / plugin.report) if plugin.report else Counter(),
        asked=asked,
        together=together,
        told=tuple(_LINE.findall(output)),
        output=output,
    )


def _of_junit(file: Path) -> Counter[tuple[str, ...]]:
    if not file.exists():
        return Counter()
    cases = ET.parse(file).getroot().iter("testcase")  # noqa: S314 - our own file
    return Counter(
        (
            f"{case.get('classname')}::{case.get('name')}",
            *sorted(f"{part.tag}" for part in case if part.tag != "system-out"),
        )
        for case in cases
    )


def _of_report(path: Path) -> Counter[tuple[str, ...]]:
    """Each entry of a report with its outcome."""
    if path.is_dir():  # of allure
        results = [json.loads(file.read_text()) for file in path.glob("*-result.json")]
        entries = [(each["fullName"], each["name"], each["status"], *_allure(each)) for each in results]
        return Counter(entries)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if path.suffix == ".json":
        tests = json.loads(text)["tests"]
        return Counter((each["nodeid"], each["outcome"], str(each.get("metadata", ""))) for each in tests)
    if path.suffix == ".jsonl":
        lines = [json.loads(line) for line in text.splitlines()]
        reports = [line for line in lines if line["$report_type"] == "TestReport"]
        return Counter((each["nodeid"], each["when"], each["outcome"]) for each in reports)
    return Counter((test,) for test in re.findall(r"test_\w+\.py::[\w:\[\]]+", text))


def _allure(result: dict[str, object]) -> list[str]:
    parts = [("step", result.get("steps")), ("attachment", result.get("attachments"))]
    return [f"{kind} {each['name']}" for kind, found in parts for each in found or ()]  # type: ignore[attr-defined]
