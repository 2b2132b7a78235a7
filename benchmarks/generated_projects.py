"""Random projects, whose tests must end as they do without overlapping.

    python benchmarks/generated_projects.py [--seed=S] [--count=N] [--keep=DIR]

Each project has fixtures of every scope, some of which ask the model, print or fail; classes, parameters, datasets,
samples, async tests under pytest-asyncio and anyio, subtests, skips, expected failures and plain tests in between. It
runs as usual, where tests are left while they wait, and with `llm_blocking` on each test, where they are not. Each test
must have the same reports with the same outcome, words and captured output, its last execution the same steps; each
fixture of wider scope must be set up and torn down once, and live while a test uses it. The model answers after a time
that depends on the question, so that the order of the answers is not that of the questions. Exit code 1 when a project
differs; its seed and number make it again, and ``--keep`` keeps its files.

A third session compares with what the first has saved, so that each test is executed for the saved answers too. It must
have the same reports, but for those of known misses, which do not fail. A fixture of wider scope that asks no model
must be set up and torn down once there too.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import textwrap
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.server import Reply, Request, Server, completion

ROOT = Path(__file__).resolve().parent.parent
SLOWEST = 0.08  # seconds of an answer
MOST_SECONDS = 120  # of a session
SCOPES = ("function", "class", "module", "package", "session")
WITHOUT = ("cacheprovider", "randomly", "rerunfailures", "timeout", "cov", "sugar", "repeat", "xdist", "check")

CONFIGURATION = """
[tool.pytest.ini_options]
asyncio_mode = "strict"
asyncio_default_fixture_loop_scope = "function"

[tool.llmeval]
model = "m"

[tool.llmeval.models.m]
model = "openai/m-1"
base_url = "{base_url}"
"""
# Writes down what happens: each step of a fixture or a test, and each report.
CONFTEST = '''
import json
import os
import pytest

def note(**data):
    with open("trace.jsonl", "a") as file:
        file.write(json.dumps(data) + "\\n")

class Alive:
    """What a fixture gives, until it is torn down."""
    def __init__(self, name, said=""):
        self.name, self.said, self.alive = name, said, True

    def used(self):
        assert self.alive, f"{self.name} is closed"
        return self.said

def pytest_collection_modifyitems(items):
    if "BLOCKING" in os.environ:
        for item in items:
            item.add_marker("llm_blocking")

@pytest.fixture(autouse=True)
def begins(request):
    note(kind="step", of=request.node.nodeid, what="begins")

def words_of(longrepr):
    crash = getattr(longrepr, "reprcrash", None)
    return crash.message if crash is not None else str(longrepr[-1] if isinstance(longrepr, tuple) else longrepr)

def pytest_runtest_logreport(report):
    note(
        kind="report", of=report.nodeid, when=report.when, outcome=report.outcome,
        xfail=getattr(report, "wasxfail", None), words=words_of(report.longrepr),
        sections=[list(section) for section in report.sections], properties=list(map(list, report.user_properties)),
    )

def pytest_runtest_logstart(nodeid):
    note(kind="logged", of=nodeid, what="start")

def pytest_runtest_logfinish(nodeid):
    note(kind="logged", of=nodeid, what="finish")

'''

IMPORTS = """
import logging
import os
import pytest
from conftest import Alive, note
from pytest_llmeval import Case
"""


class Fixture(NamedTuple):
    """A fixture of a generated project."""

    name: str
    scope: str
    needs: tuple[str, ...]
    code: str
    asks: bool  # by itself or by what it needs


class Made(NamedTuple):
    """The files of a project, and the names of its fixtures of wider scope: all, and those that ask no model."""

    files: dict[str, str]
    wide: frozenset[str]
    silent: frozenset[str]


def project(rng: random.Random) -> Made:
    """A random project."""
    shared = list(_fixtures(rng, "shared", rng.randint(1, 4)))
    files = {"conftest.py": CONFTEST + "\n".join(each.code for each in shared)}
    every = [*shared]
    for number in range(rng.randint(2, 6)):
        own = list(_fixtures(rng, f"own{number}", rng.randint(0, 4), shared))
        every += own
        head = IMPORTS
        parts = [each.code for each in own]
        parts += [_test(rng, f"{number}_{place}", [*shared, *own]) for place in range(rng.randint(3, 9))]
        files[f"test_{number}.py"] = "\n".join([head, *parts])
    wide = [each for each in every if each.scope != "function"]
    return Made(files, frozenset(each.name for each in wide), frozenset(each.name for each in wide if not each.asks))


def _fixtures(rng: random.Random, prefix: str, count: int, others: list[Fixture] | None = None) -> Iterator[Fixture]:
    known = list(others or [])
    for number in range(count):
        name, scope = f"{prefix}_{number}", rng.choice(SCOPES)
        may = [each.name for each in known if SCOPES.index(each.scope) >= SCOPES.index(scope)]
        needs = rng.sample(may, k=min(len(may), rng.choice((0, 0, 1, 2))))
        asks, closes = rng.random() < 0.4, rng.random() < 0.6
        parameters = rng.random() < 0.12 and scope != "session"
        options = [f"scope={scope!r}"] if scope != "function" else []
        options += ["params=['p', 'q']"] if parameters else []
        options += ["autouse=True"] if rng.random() < 0.1 else []
        arguments = ["request", *needs, *(["llm"] if asks else [])]
        lines = [f"@pytest.fixture({', '.join(options)})", f"def {name}({', '.join(arguments)}):"]
        lines += [f"    note(kind='step', of=request.node.nodeid, what='set up {name}')"]
        lines += [f"    {need}.used()" for need in needs]
        # What a wider fixture prints when it is set up goes to an execution that may not count.
        if scope == "function" and rng.random() < 0.5:
            lines.append(f"    print('output of {name}')")
        # A fixture of function scope asks the same in each of its tests: each has its own occurrence of it.
        question = f"'fixture {name}' + str(getattr(request, 'param', ''))" if parameters else f"'fixture {name}'"
        lines.append(f"    made = Alive('{name}', {f'llm({question})' if asks else repr(name)})")
        if rng.random() < 0.06:
            lines.append("    assert made.said == 'other', 'the set-up fails'")
        if closes:
            lines += ["    yield made", f"    note(kind='step', of=request.node.nodeid, what='tear down {name}')"]
            lines += ["    made.alive = False"]
            # What a wider fixture prints or raises there belongs to whichever of its tests ends last.
            if scope == "function" and rng.random() < 0.5:
                lines.append(f"    print('end of {name}')")
            if scope == "function" and rng.random() < 0.12:
                lines.append("    assert made.name == 'other', 'the teardown fails'")
        else:
            lines.append("    return made")
        asks = asks or any(each.asks for each in known if each.name in needs)
        fixture = Fixture(name, scope, tuple(needs), "\n".join([*lines, ""]), asks)
        known.append(fixture)
        yield fixture


def _test(rng: random.Random, name: str, fixtures: list[Fixture]) -> str:
    """A test, a class of tests, or a plain test."""
    if rng.random() < 0.2:
        methods = [_function(rng, f"{name}_{place}", fixtures, method=True) for place in range(rng.randint(1, 4))]
        return f"class TestOf{name}:\n" + textwrap.indent("\n".join(methods), "    ")
    return _function(rng, name, fixtures, method=False)


def _function(rng: random.Random, name: str, fixtures: list[Fixture], *, method: bool) -> str:
    used = rng.sample([each.name for each in fixtures], k=min(len(fixtures), rng.choice((0, 0, 1, 1, 2))))
    asks = rng.random() < 0.8
    runner = rng.choice(("asyncio", "anyio")) if rng.random() < 0.15 else ""
    marks: list[str] = []
    arguments = [*used, *(["llm"] if asks else [])]
    suffix = "''"
    kind = rng.random()
    if kind < 0.15:
        marks.append("@pytest.mark.parametrize('number', [1, 2, 3])")
        arguments.append("number")
        suffix = "str(number)"
    elif kind < 0.3 and asks:
        rows = ", ".join(f"Case(id='r{row}', input='row {row}')" for row in range(3))
        marks.append(f"@pytest.mark.llm_cases([{rows}])")
        arguments.append("case")
        suffix = "case.input"
    if asks and not runner and rng.random() < 0.15:
        marks.append(f"@pytest.mark.llm_samples({rng.randint(2, 3)}, min_pass_rate={rng.choice((0.5, 1.0))})")
    if rng.random() < 0.08:
        marks.append(f"@pytest.mark.xfail(reason='known', strict={rng.random() < 0.3})")
    if rng.random() < 0.04:
        marks.append("@pytest.mark.skip(reason='not today')")
    if runner:
        marks.append(f"@pytest.mark.{runner}")
    body = [f"{each}.used()" for each in used]
    sampled = any("llm_samples" in mark for mark in marks)
    for place in range(rng.randint(1, 4)):
        body += _statement(rng, f"{name} {place}", suffix, arguments, asks=asks, runner=runner, sampled=sampled)
    body += _ending(rng)
    arguments = list(dict.fromkeys(["request", *arguments]))
    head = f"{'async ' if runner else ''}def test_{name}({', '.join([*(['self'] if method else []), *arguments])}):"
    steps = ["note(kind='step', of=request.node.nodeid, what='runs')", *body]
    steps.append("note(kind='step', of=request.node.nodeid, what='ran')")
    if sampled:
        steps = body
    return "\n".join([*marks, head, *(f"    {line}" for line in steps), ""])


def _statement(
    rng: random.Random, name: str, suffix: str, arguments: list[str], *, asks: bool, runner: str, sampled: bool
) -> list[str]:
    """A few lines of a test's body; what they take is added to its arguments."""
    call = "await llm.acall" if runner else "llm"
    ask = [f"reply = {call}('question {name} ' + {suffix})", f"assert reply == 'echo question {name} ' + {suffix}"]
    if not asks:
        ask = ["reply = 'nothing'"]
    # Samples share what is of function scope, and may run more than once within it: there a body leaves no traces.
    match rng.randrange(12) if not sampled else rng.choice((0, 3, 10)):
        case 0 | 1 | 2:
            return ask
        case 3 if asks:
            return [*ask, f"reply = {call}('then ' + reply)", "assert reply.startswith('echo then echo')"]
        case 4:
            arguments.append("monkeypatch")
            key = f"KEY_{name.replace(' ', '_')}"
            return [
                f"assert {key!r} not in os.environ",
                f"monkeypatch.setenv({key!r}, '1')",
                *ask,
                f"assert os.environ[{key!r}] == '1'",
            ]
        case 5:
            arguments.append("tmp_path")
            place = f"(tmp_path / '{name.rsplit(maxsplit=1)[-1]}.txt')"
            return [
                f"assert not {place}.exists()",
                f"{place}.write_text('x')",
                *ask,
                f"assert {place}.read_text() == 'x'",
            ]
        case 6 if "capsys" not in arguments:
            arguments.append("capsys")
            return [f"print('caught {name}')", *ask, f"assert capsys.readouterr().out == 'caught {name}\\n'"]
        case 7 if "caplog" not in arguments:
            arguments.append("caplog")
            return [f"logging.warning('logged {name}')", *ask, f"assert caplog.messages == ['logged {name}']"]
        case 8 if not runner:
            arguments.append("subtests")
            return [*ask, f"with subtests.test('part of {name}'):", f"    assert reply != {rng.choice(('reply', '0'))}"]
        case 9:
            arguments.append("record_property")
            return [f"record_property('{name}', 1)", *ask]
        case 10 if asks and not runner:
            return [f"for turn in range(2): assert llm('turn {name} ' + {suffix}) == 'echo turn {name} ' + {suffix}"]
        case _:
            return [f"print('before {name}')", *ask, "print('after', reply)"]


def _ending(rng: random.Random) -> list[str]:
    """How a body ends, now and then otherwise than by its end."""
    return rng.choice(
        [
            *([[]] * 12),
            ["assert reply == 'something else'"],
            ["pytest.skip('later')"],
            ["pytest.xfail('not yet')"],
            ["raise ValueError('broken ' + reply)"],
            ["int(reply)"],
        ]
    )


def answer(request: Request) -> Reply:
    """Repeats the question after a time that depends on it."""
    question = request.json["messages"][-1]["content"]
    delay = SLOWEST * (zlib.crc32(question.encode()) % 1000) / 1000
    return Reply(body=completion(f"echo {question}"), delay=delay)


def run(folder: Path, made: Made, base_url: str, *options: str, blocking: bool = False) -> list[dict[str, Any]]:
    """Run a project; what it wrote down."""
    folder.mkdir()
    for name, text in {**made.files, "pyproject.toml": CONFIGURATION.format(base_url=base_url)}.items():
        (folder / name).write_text(text, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **({"BLOCKING": "1"} if blocking else {})}
    environment.pop("CI", None)
    command = [sys.executable, "-m", "pytest", "-q", *(f"-pno:{name}" for name in WITHOUT)]
    ended = subprocess.run(
        [*command, "--llm-mode=live", *options],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=MOST_SECONDS,
    )
    (folder / "output.txt").write_text(ended.stdout + ended.stderr, encoding="utf-8")
    trace = folder / "trace.jsonl"
    lines = trace.read_text(encoding="utf-8").splitlines() if trace.exists() else []
    return [*map(json.loads, lines), {"kind": "exit", "of": "", "code": ended.returncode}]


def differences(overlapping: list[dict[str, Any]], blocking: list[dict[str, Any]], wide: frozenset[str]) -> list[str]:
    """What is not the same."""
    told = []
    looks: dict[str, Callable[[list[dict[str, Any]]], Mapping[str, list[Any]]]]
    looks = {"reports": _reports, "steps": _last_steps, "log": _logged}
    for what, look in looks.items():
        told += _that_differ(what, overlapping=look(overlapping), blocking=look(blocking))
    told += _counts_that_differ(overlapping=_wide_steps(overlapping, wide), blocking=_wide_steps(blocking, wide))
    codes = [trace[-1]["code"] for trace in (overlapping, blocking)]
    return [*told, *([f"exit codes {codes[0]} and {codes[1]}"] if codes[0] != codes[1] else [])]


def differences_with_baseline(
    compared: list[dict[str, Any]], alone: list[dict[str, Any]], silent: frozenset[str]
) -> list[str]:
    """What is not the same in a session that compares with a baseline, but for known misses."""
    one, other = ({name: list(filter(_is_seen, each)) for name, each in _reports(t).items()} for t in (compared, alone))
    for name, reports in one.items():
        for now, before in zip(reports, other.get(name, []), strict=False):
            if now["outcome"] == "skipped" and before["outcome"] == "failed":
                now |= {"outcome": "failed", "xfail": None, "words": before["words"]}
    return [
        *_that_differ("reports", compared=one, alone=other),
        *_counts_that_differ(compared=_wide_steps(compared, silent), alone=_wide_steps(alone, silent)),
    ]


def _that_differ(what: str, **sessions: Mapping[str, list[Any]]) -> Iterator[str]:
    """What two sessions, by their names, wrote down of a test where it is not the same."""
    (title, one), (other_title, other) = sessions.items()
    for name in dict.fromkeys([*other, *one]):
        if one.get(name) != other.get(name):
            yield (
                f"{what} of {name}:\n    {title:<11} {_without(one.get(name), other.get(name))}"
                f"\n    {other_title:<11} {_without(other.get(name), one.get(name))}"
            )


def _counts_that_differ(**sessions: Counter[tuple[str, str]]) -> Iterator[str]:
    """How often two sessions, by their names, took a step where it is not the same."""
    (title, one), (other_title, other) = sessions.items()
    for of, step in sorted({*one, *other}):
        if one[of, step] != other[of, step]:
            yield f"{of}, {step}: {title} {one[of, step]} times, {other_title} {other[of, step]} times"


def _is_seen(report: Mapping[str, Any]) -> bool:
    """Whether pytest shows something of a report; of a set-up that passes it does not."""
    return (report["when"], report["outcome"]) != ("setup", "passed")


def _without(these: list[Any] | None, others: list[Any] | None) -> list[Any]:
    """What is not in both, or all where only the order differs."""
    return [each for each in these or [] if each not in (others or [])] or (these or [])


def _reports(trace: list[dict[str, Any]]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for line in trace:
        if line["kind"] == "report":
            sections = [section for section in line["sections"] if section[0] != "executed more than once"]
            kept = {name: line[name] for name in ("when", "outcome", "xfail", "words", "properties")}
            found.setdefault(line["of"], []).append({**kept, "sections": sections})
    return found


def _last_steps(trace: list[dict[str, Any]]) -> dict[str, list[str]]:
    """What each test and its own fixtures did when the test was executed last."""
    found: dict[str, list[str]] = {}
    tests = {line["of"] for line in trace if line["kind"] == "report"}
    for line in trace:
        if line["kind"] == "step" and line["of"] in tests:
            if line["what"] == "begins":
                found[line["of"]] = []
            found.setdefault(line["of"], []).append(line["what"])
    return found


def _logged(trace: list[dict[str, Any]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in trace:
        if line["kind"] == "logged":
            found.setdefault(line["of"], []).append(line["what"])
    return found


def _wide_steps(trace: list[dict[str, Any]], wide: frozenset[str]) -> Counter[tuple[str, str]]:
    tests = {line["of"] for line in trace if line["kind"] == "report"}  # a class's fixture in a test without a class
    return Counter(
        (line["of"], line["what"])
        for line in trace
        if line["kind"] == "step" and line["what"].rpartition(" ")[2] in wide and line["of"] not in tests
    )


def main() -> int:
    """Print the figures, and what differs; the exit code."""
    parser = argparse.ArgumentParser(description="Random projects, overlapping and not.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--only", type=int, metavar="NUMBER", help="This project alone")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="Where the projects that differ are kept")
    arguments = parser.parse_args()
    differ, reports, outcomes = 0, 0, Counter[str]()
    numbers = range(arguments.count) if arguments.only is None else [arguments.only]
    with Server() as server, tempfile.TemporaryDirectory(prefix="llmeval-generated-") as name:
        server.answer = answer
        for number in numbers:
            made = project(random.Random(f"{arguments.seed} {number}"))
            folder = Path(name, str(number))
            folder.mkdir()
            saved = f"--llm-report={folder / 'saved.jsonl'}"
            overlapping = run(folder / "overlapping", made, server.base_url, saved)
            blocking = run(folder / "blocking", made, server.base_url, blocking=True)
            compared = run(folder / "compared", made, server.base_url, f"--llm-baseline={folder / 'saved.jsonl'}")
            found = differences(overlapping, blocking, made.wide)
            found += differences_with_baseline(compared, overlapping, made.silent)
            differ += bool(found)
            reports += len(_reports(blocking))
            outcomes.update(line["outcome"] for line in blocking if line["kind"] == "report" and line["when"] == "call")
            if found:
                print(f"project {number} of seed {arguments.seed} differs:")
                print("\n".join(f"  {line}" for line in found), flush=True)
                if arguments.keep is not None:
                    shutil.copytree(folder, arguments.keep / f"{arguments.seed}-{number}", dirs_exist_ok=True)
            shutil.rmtree(folder)
            print(f"{number + 1} projects, {reports} tests, {differ} differ", file=sys.stderr, flush=True)
    kinds = ", ".join(f"{count} {word}" for word, count in sorted(outcomes.items()))
    print(f"{len(numbers)} projects of seed {arguments.seed}, {reports} tests ({kinds}): {differ} differ")
    return int(bool(differ))


if __name__ == "__main__":
    sys.exit(main())
